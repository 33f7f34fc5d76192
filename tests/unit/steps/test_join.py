"""join: the mean of calibrated scores, in the form of each."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from platt import platt

from labelpolicy.cell import Trained
from labelpolicy.classifiers import registry
from labelpolicy.data.prepared import Prepared
from labelpolicy.data.scores import Scores, write_scores
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_parquet
from labelpolicy.steps.decide import decide
from labelpolicy.steps.join import join
from labelpolicy.thresholds import ThresholdParameters

SPLITS = ("train", "valid", "test")


def scores(dataset, path, classifier="linear", weights="uniform", seed=0, out_of_fold=True, reverse=False, init=None):
    """A score file of noisy, badly calibrated scores, some of them 0 and 1."""
    data, random = Prepared(dataset), np.random.default_rng(len(classifier))
    found = {}
    for split in SPLITS[not out_of_fold :]:
        ids, y_true = data.truth(split)
        logits = random.uniform(0.5, 2) * random.normal(2 * y_true - 2.5, 1.5)
        y_score = (1 / (1 + np.exp(-logits))).astype(np.float32)
        y_score[0, 0], y_score[1, 1] = 0, 1
        found[split] = ids, np.ascontiguousarray(y_score[:, ::-1]) if reverse else y_score
    labels = data.labels[::-1] if reverse else data.labels
    trained = Trained(data.name, classifier, weights, seed, init)
    write_scores(path, found, labels=labels, trained=trained, out_of_fold=out_of_fold)
    return path


@pytest.fixture
def two(synthetic, tmp_path):
    return [scores(synthetic, tmp_path / f"{name}.parquet", name) for name in ("linear", "kim_cnn+subset_maximization")]


@pytest.mark.parametrize("out_of_fold", [True, False])
def test_it_is_the_mean_of_calibrated_logits(synthetic, tmp_path, out_of_fold):
    """Of out-of-fold scores by all documents but the test split's, of others by validation documents."""
    names = ("linear", "kim_cnn+subset_maximization")
    two = [scores(synthetic, tmp_path / f"{name}.parquet", name, out_of_fold=out_of_fold) for name in names]
    join(dataset=synthetic, scores=two, output=tmp_path / "joined.parquet")
    data, splits = Prepared(synthetic), SPLITS[not out_of_fold :]
    found = Scores(tmp_path / "joined.parquet", data)
    assert found.out_of_fold == out_of_fold and found.trained == Trained(
        "synthetic", "linear-kim_cnn+subset_maximization", "uniform", 0
    )
    expected = dict.fromkeys(splits, 0.0)
    for path in two:
        table = Scores(path, data)
        with np.errstate(divide="ignore"):
            logits = {
                split: (np.log(p) - np.log(1 - p)).clip(-20, 20)
                for split, p in ((split, table.split(split)[0].astype(np.float64)) for split in splits)
            }
        z = np.concatenate([logits[split] for split in splits[:-1]])
        y = np.concatenate([table.split(split)[1] for split in splits[:-1]])
        common = platt(z.ravel(), y.ravel(), np.array([1.0, 0.0]), 1e-6)
        slope, offset = np.array([platt(z[:, j], y[:, j], common, 0.3**-2) for j in range(y.shape[1])]).T
        for split in splits:
            expected[split] = expected[split] + (slope * logits[split] + offset) / 2
    for split in splits:
        np.testing.assert_allclose(found.split(split)[0], 1 / (1 + np.exp(-expected[split])), atol=1e-5)
    rule = "sets+one+oof" if out_of_fold else "sets+one"
    decide(dataset=synthetic, rules=[rule], scores=found.path, output=tmp_path, parameters=ThresholdParameters())
    assert (tmp_path / rule / "thresholds.json").exists()


def test_the_same_bytes_and_no_test_label_is_read(synthetic, two, tmp_path):
    made = []
    for split in ("", "test", "train"):
        copy = shutil.copytree(synthetic, tmp_path / f"copy {split}")
        if split:
            table = pq.read_table(copy / f"{split}.parquet")
            labels = pa.array(table["labels"].to_pylist()[::-1], table.schema.field("labels").type)
            changed = table.set_column(table.column_names.index("labels"), "labels", labels)
            write_parquet(copy / f"{split}.parquet", changed)
        join(dataset=copy, scores=two, output=tmp_path / "joined.parquet")
        made.append((tmp_path / "joined.parquet").read_bytes())
    assert made[0] == made[1] != made[2]


def test_labels_in_another_order_are_those_of_their_names(synthetic, two, tmp_path):
    reverse = scores(synthetic, tmp_path / "reverse.parquet", two[1].stem, reverse=True)
    for files, name in ((two, "a"), ([two[0], reverse], "b")):
        join(dataset=synthetic, scores=files, output=tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_decide_takes_it_as_any_scores_and_the_mean_is_better_than_each(synthetic, two, tmp_path):
    join(dataset=synthetic, scores=two, output=tmp_path / "joined.parquet")
    utility = {}
    for path in (*two, tmp_path / "joined.parquet"):
        rules, output = ["shared+one+oof", "sets+oof"], tmp_path / f"{path.stem} decided"
        decide(dataset=synthetic, rules=rules, scores=path, output=output, parameters=ThresholdParameters())
        metrics = [json.loads((output / rule / "metrics.json").read_text()) for rule in rules]
        utility[path.stem] = sum(each["test"]["micro_f1"] for each in metrics)
    assert max(utility, key=utility.get) == "joined"


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (None, "1 score files, expected two or more"),
        ({}, "the same scores as"),
        ({"classifier": "linear_svc", "out_of_fold": False}, "held-out scores, expected out-of-fold ones as in"),
        ({"classifier": "linear_svc-transformer"}, "joined scores already: give those of linear_svc and transformer"),
        ({"classifier": "linear_svc", "seed": 1}, "seed1, expected label weights and seed of synthetic/linear/uniform"),
        ({"classifier": "linear_svc", "weights": "meta"}, "/meta/seed0, expected label weights and seed of"),
        ({"classifier": "linear_svc", "init": 1}, "init1, expected"),
    ],
)
def test_what_cannot_be_joined(synthetic, tmp_path, second, expected):
    files = [scores(synthetic, tmp_path / "first.parquet")]
    files += [] if second is None else [scores(synthetic, tmp_path / "second.parquet", **second)]
    refused(synthetic, files, tmp_path, expected, "second.parquet" if second is not None else "join")


def test_held_out_scores_first(synthetic, tmp_path):
    files = [scores(synthetic, tmp_path / f"{kind}.parquet", "linear", out_of_fold=kind) for kind in (False, True)]
    refused(synthetic, files, tmp_path, "True.parquet: out-of-fold scores, expected held-out ones as in")


@pytest.mark.parametrize("split", SPLITS)
def test_other_documents_and_labels(synthetic, two, tmp_path, split):
    table = pq.read_table(two[1])
    mask = np.array(table["split"]) == split
    mask[np.flatnonzero(mask)[1:]] = False
    write_parquet(two[1], table.filter(pa.array(~mask)))
    refused(synthetic, two, tmp_path, f"split '{split}': no scores of document", two[1].name)
    about = json.loads(table.schema.metadata[b"labelpolicy"])
    about["labels"][0] = "another"
    write_parquet(two[1], table.replace_schema_metadata({b"labelpolicy": json.dumps(about)}))
    refused(synthetic, two, tmp_path, "made for other labels", two[1].name)


def refused(dataset, files, folder, *expected):
    with pytest.raises(LabelPolicyError) as caught:
        join(dataset=dataset, scores=files, output=folder / "joined.parquet")
    assert all(each in str(caught.value) for each in expected) and "\n" not in str(caught.value)
    assert not (folder / "joined.parquet").exists()


def test_there_is_no_classifier_to_train_or_keep():
    with pytest.raises(LabelPolicyError, match=r"linear-linear_svc.*none to train or keep.*labelpolicy join"):
        registry.load("linear-linear_svc")
