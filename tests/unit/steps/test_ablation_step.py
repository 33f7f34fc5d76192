"""ablation: decided cells to one table on both splits; a missing cell is one line, before any work."""

from __future__ import annotations

import csv

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelpolicy.cell import Trained
from labelpolicy.data.scores import metadata
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_json, write_parquet
from labelpolicy.learner.parameters import LearnerParameters
from labelpolicy.parameters import Ablation
from labelpolicy.policy_file import Policy
from labelpolicy.significance import TYPING_MEASURES, Significance
from labelpolicy.steps import ablation, collect
from labelpolicy.steps.decide import decide
from labelpolicy.thresholds.objectives import MEASURES, ThresholdParameters

LABELS = ["earn", "acq", "wheat"]
DOCUMENTS = {"train": 20, "valid": 60, "test": 150}
POLICIES = {"meta": LearnerParameters(), "small": LearnerParameters(hidden=4)}
CELLS = ablation.cells(ablation.layout("linear", "meta", POLICIES))
#: How often a score is on the wrong side: the reference's weights are far better than all others.
NOISE = {"meta": 0.05, "small": 0.3}


class Study:
    """All cells of two policies and two seeds, decided and collected."""

    def __init__(self, folder, groups=False):
        self.folder, self.dataset, self.results = folder, folder / "toy", folder / "results"
        self.random = np.random.default_rng(0)
        columns = {"label": LABELS, "parent": [None] * 3, "depth": [1] * 3, "train_count": [50, 20, 3]}
        write_parquet(self.dataset / "labels.parquet", pa.table(columns))
        facts = {"name": "toy", "documents": DOCUMENTS, "labels": 3, "depth": 1, "labels_per_document": {"all": 1.0}}
        write_json(self.dataset / "dataset.json", facts)
        self.truth = {split: self.random.random((n, 3)) < [0.5, 0.3, 0.2] for split, n in DOCUMENTS.items()}
        for split, truth in self.truth.items():
            labels = pa.array([np.flatnonzero(row) for row in truth], type=pa.list_(pa.int32()))
            ids = [f"{split} {row}" for row in range(len(truth))]
            tokens = pa.array([[2]] * len(truth), type=pa.list_(pa.int32()))
            found = {"id": ids, "tokens": tokens, "labels": labels}
            if groups:
                found["group"] = [f"{split} text {row // 3}" for row in range(len(truth))]
            write_parquet(self.dataset / f"{split}.parquet", pa.table(found))
        for seed in (0, 1):
            for weights in dict.fromkeys([cell.weights for cell in CELLS]):
                self.score(weights, seed, NOISE.get(weights, 0.6))
            for cell in CELLS:
                self.decide(cell, seed)
        self.collect()

    def trained(self, weights, seed):
        return self.results / "toy" / "linear" / weights / f"seed{seed}"

    def score(self, weights, seed, noise):
        split, ids, values = [], [], []
        for name in ("valid", "test"):
            truth = self.truth[name]
            flipped = truth ^ (self.random.random(truth.shape) < noise / 2)
            split += [name] * len(truth)
            ids += [f"{name} {row}" for row in range(len(truth))]
            values += (0.1 + 0.8 * (0.6 * flipped + 0.4 * self.random.random(truth.shape))).astype("f4").tolist()
        scores = pa.array(values, type=pa.list_(pa.float32()))
        folder = self.trained(weights, seed)
        named = metadata(LABELS, Trained("toy", "linear", weights, seed), out_of_fold=False)
        table = pa.table({"split": split, "id": ids, "scores": scores})
        write_parquet(folder / "scores.parquet", table.replace_schema_metadata(named))
        if weights in POLICIES:
            Policy(LABELS, np.array([0.2, 0.3, 0.5]), np.array([0.6, 0.4, 0.45])).write(folder / "policy.json")

    def decide(self, cell, seed):
        rule, folder = cell.thresholds, self.trained(cell.weights, seed)
        learned = [f"{rule}={self.trained(rule, seed)}/policy.json"] if rule in POLICIES else []
        decide(
            self.dataset, [rule], folder / "scores.parquet", folder, ThresholdParameters(), learned=learned, seed=seed
        )

    def collect(self):
        collect.collect(
            metrics=sorted(self.results.rglob("metrics.json")),
            output=self.folder / "metrics.parquet",
            csv=self.folder / "metrics.csv",
        )

    def run(self, classifiers=("linear",), **parameters):
        ablation.ablation(
            datasets=[self.dataset],
            results=self.results,
            metrics=self.folder / "metrics.parquet",
            compared=Ablation(classifiers=list(classifiers), policies=["small"]),
            policies=POLICIES,
            parameters=Significance(**({"draws": 800} | parameters)),
            output=self.folder / "a.parquet",
            csv=self.folder / "a.csv",
            latex=self.folder / "a.tex",
            markdown=self.folder / "a.md",
        )
        return pq.read_table(self.folder / "a.parquet").to_pylist()

    def refuses(self, words, **given):
        with pytest.raises(LabelPolicyError, match=words) as error:
            self.run(**given)
        assert "\n" not in str(error.value)
        assert not list(self.folder.glob("a.*"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A study that tests must not change but for what `run` writes."""
    return Study(tmp_path_factory.mktemp("ablation"))


@pytest.fixture(scope="module")
def rows(finished):
    return finished.run()


def test_every_number_is_that_of_the_cell_on_its_split(finished, rows):
    collected = pq.read_table(finished.folder / "metrics.parquet").to_pylist()
    names = ("weights", "thresholds", "split", "metric")
    values = {(*(row[name] for name in names), row["seed"]): row["value"] for row in collected}
    assert len(rows) == 2 * len(MEASURES) * (4 + 6 + 5 + 4)
    for row in rows:
        ours, theirs = (
            [values[row[f"{of}weights"], row[f"{of}thresholds"], row["split"], row["measure"], seed] for seed in (0, 1)]
            for of in ("", "reference_")
        )
        assert row["mean"] == pytest.approx(np.mean(ours), abs=1e-12)
        assert row["deviation"] == pytest.approx(np.std(ours, ddof=1), abs=1e-12)
        if row["difference"] is not None:
            assert row["difference"] == pytest.approx(np.mean(ours) - np.mean(theirs), abs=1e-12)
        assert (row["dataset"], row["classifier"], row["seeds"]) == ("toy", "linear", 2)
        assert row["documents"] == DOCUMENTS[row["split"]]


def test_references_have_no_difference_and_others_a_corrected_one(rows):
    for row in rows:
        cell = row["weights"], row["thresholds"]
        reference = cell == (row["reference_weights"], row["reference_thresholds"])
        assert ("(reference)" in row["row"]) == reference
        assert all(
            (row[name] is None) == reference for name in ("difference", "low", "high", "p", "p_holm", "significant")
        )
    family = [row for row in rows if (row["split"], row["measure"]) == ("valid", "micro_f1") and row["p"] is not None]
    assert len(family) == 15
    smallest = min(family, key=lambda row: row["p"])
    assert smallest["p_holm"] == pytest.approx(min(1.0, 15 * smallest["p"]))


def test_what_is_beyond_chance_is_marked(finished, rows):
    """The reference's scores are the best by far, on both splits; thresholds alone go by the same uniform scores."""
    weights = [row for row in rows if row["block"] == "weights" and row["measure"] == "micro_f1" and row["difference"]]
    assert len(weights) == 2 * 5 and all(row["significant"] and row["difference"] < 0 for row in weights)
    equal = [row for row in rows if row["block"] == "thresholds" and row["row"].startswith("small")]
    assert {(row["difference"], row["p_holm"], row["significant"]) for row in equal} == {(0.0, 1.0, False)}
    shown = (finished.folder / "a.md").read_text()
    assert shown.count("better than uniform and every freq^-a? Accuracy yes") >= 2
    assert shown.index("test split") < shown.index("validation split")
    assert "small: hidden = 4" in shown and "small: hidden = 4" in (finished.folder / "a.tex").read_text()


def test_the_csv_has_the_same_rows(finished, rows):
    with (finished.folder / "a.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert lines == [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows]


def test_same_bytes_again(finished, rows):
    before = {path.name: path.read_bytes() for path in finished.folder.glob("a.*")}
    finished.run()
    assert {path.name: path.read_bytes() for path in finished.folder.glob("a.*")} == before


def test_mentions_are_drawn_by_their_texts_and_measured_loosely_too(tmp_path, rows):
    found = Study(tmp_path, groups=True).run()
    assert {row["measure"] for row in found} == set(TYPING_MEASURES)
    assert "Loose macro-F1" in (tmp_path / "a.md").read_text()
    key = ("split", "block", "row", "measure")
    single = {tuple(row[name] for name in key): row for row in rows}
    pairs = [(row, single[place]) for row in found if (place := tuple(row[name] for name in key)) in single]
    assert all(row["mean"] == other["mean"] and row["difference"] == other["difference"] for row, other in pairs)
    assert any(row["low"] != other["low"] for row, other in pairs)


def test_too_few_draws_are_said(finished, capsys):
    finished.run(draws=599)  # 15 comparisons: 15 x 2 / 600 is not below 0.05
    assert "599 draws cannot show a difference at level 0.05 among 15 comparisons" in capsys.readouterr().err
    finished.run(draws=800)
    assert capsys.readouterr().err == ""


def test_a_cell_or_a_file_missing(tmp_path):
    study = Study(tmp_path)
    thresholds = study.trained("small", 1) / "fixed" / "thresholds.json"
    kept = thresholds.read_bytes()
    thresholds.unlink()
    study.refuses(r"small/seed1/fixed/thresholds\.json: no such file")
    thresholds.write_bytes(kept)
    (study.trained("inverse_frequency", 1) / "shared" / "metrics.json").unlink()
    study.collect()
    study.refuses(r"no test accuracy of toy/linear/inverse_frequency/shared, seed 1 \(row 'freq\^-1'\)")
    study.refuses(r"metrics\.parquet: no cell of kim_cnn on toy: run `snakemake ablation`", classifiers=["kim_cnn"])
