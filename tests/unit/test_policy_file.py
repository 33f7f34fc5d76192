"""policy.json: weights and thresholds by label name."""

import json

import numpy as np
import pytest

from labelpolicy.errors import LabelPolicyError
from labelpolicy.policy_file import Policy

LABELS = ["b", "a"]


def test_it_comes_back_as_it_was(tmp_path):
    path = tmp_path / "policy.json"
    Policy(LABELS, np.array([0.25, 0.75]), np.array([0.1, 0.9]), {"weights": "meta"}).write(path)
    again = Policy.read(path, LABELS)
    np.testing.assert_array_equal(again.weights, [0.25, 0.75])
    np.testing.assert_array_equal(again.thresholds, [0.1, 0.9])
    assert again.about == {"weights": "meta"}
    np.testing.assert_array_equal(Policy.read(path, ["a", "b"]).weights, [0.75, 0.25])  # by name, not by place


def test_weights_alone(tmp_path):
    Policy(LABELS, np.array([0.5, 0.5])).write(tmp_path / "policy.json")
    assert Policy.read(tmp_path / "policy.json", LABELS).thresholds is None


def entry(weight=0.5, **more):
    return {"weight": weight} | more


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"a": entry(), "c": entry()}, "made for other labels: label 'b' is missing"),
        ({"a": entry(), "b": entry(), "c": entry()}, "label 'c' is not in the data set"),
        ({"a": entry(1.5), "b": entry(-0.5)}, r"label 'b': weight -0.5, expected a number in \[0, 1\]"),
        ({"a": entry(0.9), "b": entry()}, "the weights sum to 1.4, expected 1"),
        ({"a": entry(threshold=1.0), "b": entry(threshold=0.5)}, r"label 'a': threshold 1.0, expected .* \(0, 1\)"),
        ({"a": entry(threshold=0), "b": entry(threshold=0.5)}, "label 'a': threshold 0"),
        ({"a": entry(threshold=0.2), "b": entry()}, "label 'b' has no threshold while others have one"),
        ({"a": entry("x"), "b": entry()}, "label 'a': weight 'x'"),
        ({"a": entry(float("nan")), "b": entry()}, "NaN"),
        ([], "no object 'labels'"),
    ],
)
def test_what_is_no_policy_for_these_labels(tmp_path, labels, message):
    path = tmp_path / "policy.json"
    path.write_text(json.dumps({"labels": labels}))
    with pytest.raises(LabelPolicyError, match=message) as caught:
        Policy.read(path, LABELS)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
