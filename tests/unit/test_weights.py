import numpy as np
import pyarrow as pa
import pytest

from labelpolicy import weights
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_json, write_json, write_parquet
from labelpolicy.steps.label_weights import label_weights

FLAT = np.ones(4, dtype=np.int64)


def test_every_rule_sums_to_one_and_has_its_name_in_the_sheet():
    for name in weights.RULES:
        w = weights.fixed(name, np.array([100, 7, 0, 1]), np.array([1, 2, 3, 1]))
        assert w.sum() == pytest.approx(1) and (w > 0).all()


def test_inverse_frequency_by_hand():
    np.testing.assert_allclose(weights.fixed("inverse_frequency", np.array([1, 2, 4]), FLAT), np.array([4, 2, 1]) / 7)
    np.testing.assert_allclose(weights.fixed("inverse_frequency", np.array([0, 1]), FLAT), [0.5, 0.5])


def test_inverse_frequency_with_an_exponent():
    count = np.array([1, 16, 256])
    np.testing.assert_allclose(weights.fixed("inverse_frequency_0.5", count, FLAT), np.array([16, 4, 1]) / 21)
    np.testing.assert_allclose(weights.fixed("inverse_frequency_0.25", count, FLAT), np.array([4, 2, 1]) / 7)
    for name in ("inverse_frequency_0.25", "inverse_frequency_0.5"):
        np.testing.assert_allclose(weights.fixed(name, np.array([0, 1]), FLAT), [0.5, 0.5])


def test_hierarchy_weighs_by_depth_alone_and_is_uniform_for_a_flat_label_set():
    count = np.array([100, 7, 0, 1])
    np.testing.assert_allclose(weights.fixed("hierarchy", count, np.array([1, 2, 3, 1])), np.array([1, 2, 3, 1]) / 7)
    np.testing.assert_array_equal(weights.fixed("hierarchy", count, FLAT), weights.fixed("uniform", count, FLAT))


def test_an_unknown_rule():
    with pytest.raises(LabelPolicyError, match="'uniformly' are unknown: expected one of uniform, inverse_frequency"):
        weights.fixed("uniformly", np.array([1]), np.array([1]))


def test_the_step_says_that_hierarchy_weights_of_a_flat_label_set_are_uniform(tmp_path, capsys):
    for depth, said in (([1, 2], False), ([1, 1], True)):
        columns = {"label": ["/a", "/a/b"], "parent": [None, None], "depth": depth, "train_count": [5, 2]}
        write_parquet(tmp_path / "labels.parquet", pa.table(columns))
        write_json(tmp_path / "dataset.json", {"name": "toy"})
        label_weights(dataset=tmp_path, rule="hierarchy", output=tmp_path / "policy.json")
        assert ("toy: all labels are at one level" in capsys.readouterr().err) is said
        found = read_json(tmp_path / "policy.json")["labels"]
        assert [found[label]["weight"] for label in ("/a", "/a/b")] == pytest.approx(np.array(depth) / sum(depth))
