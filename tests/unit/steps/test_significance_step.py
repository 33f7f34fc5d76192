"""significance: cells on disk to significance.parquet and .csv; whatever does not fit is one line, before any work."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelpolicy.cell import Trained
from labelpolicy.data.scores import metadata
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_json, write_json, write_parquet
from labelpolicy.methods import read_methods
from labelpolicy.policy_file import Policy
from labelpolicy.report.comparisons import SCHEMA, marks
from labelpolicy.significance import Significance
from labelpolicy.steps import collect, significance
from labelpolicy.steps.decide import decide
from labelpolicy.thresholds.objectives import MEASURES, ThresholdParameters

LABELS = ["earn", "acq", "wheat"]
DOCUMENTS = {"valid": 60, "test": 150}
ROWS = """name	classifier	weights	thresholds	paper_row	group	datasets
Base	linear	uniform	fixed	-	base	all
Rank	linear	uniform	rcut	-	base	all
Share	linear	uniform	pcut	-	base	all
Learned	linear	meta	meta	-	both	all
"""


class Study:
    """Cells of four rows and two seeds, decided and collected; the learned row has by far the best scores."""

    def __init__(self, folder: Path):
        self.folder, self.dataset, self.results = folder, folder / "toy", folder / "results"
        self.output, self.csv, self.methods = folder / "s.parquet", folder / "s.csv", folder / "methods.tsv"
        self.methods.write_text(ROWS)
        self.random = np.random.default_rng(0)
        columns = {"label": LABELS, "parent": [None] * 3, "depth": [1] * 3, "train_count": [50, 20, 3]}
        write_parquet(self.dataset / "labels.parquet", pa.table(columns))
        write_json(self.dataset / "dataset.json", {"name": "toy"})
        self.truth = {split: self.random.random((n, 3)) < [0.5, 0.3, 0.2] for split, n in DOCUMENTS.items()}
        for split, truth in self.truth.items():
            labels = pa.array([np.flatnonzero(row) for row in truth], type=pa.list_(pa.int32()))
            ids = [f"{split} {row}" for row in range(len(truth))]
            tokens = pa.array([[2]] * len(truth), type=pa.list_(pa.int32()))
            write_parquet(self.dataset / f"{split}.parquet", pa.table({"id": ids, "tokens": tokens, "labels": labels}))
        for seed in (0, 1):
            self.train("uniform", seed, noise=0.6)
            self.train("meta", seed, noise=0.05)
            learned = self.cell("meta", seed) / "policy.json"
            Policy(LABELS, np.array([0.2, 0.3, 0.5]), np.array([0.6, 0.4, 0.45])).write(learned)
            for thresholds in ("fixed", "rcut", "pcut"):
                self.decide("uniform", seed, thresholds, None)
            self.decide("meta", seed, "meta", learned)
        self.collect()

    def cell(self, weights, seed):
        return self.results / "toy" / "linear" / weights / f"seed{seed}"

    def train(self, weights, seed, noise):
        split, ids, values = [], [], []
        for name, truth in self.truth.items():
            flipped = truth ^ (self.random.random(truth.shape) < noise / 2)
            split += [name] * len(truth)
            ids += [f"{name} {row}" for row in range(len(truth))]
            values += (0.1 + 0.8 * (0.6 * flipped + 0.4 * self.random.random(truth.shape))).astype("f4").tolist()
        scores = pa.array(values, type=pa.list_(pa.float32()))
        named = metadata(LABELS, Trained("toy", "linear", weights, seed), out_of_fold=False)
        table = pa.table({"split": split, "id": ids, "scores": scores}).replace_schema_metadata(named)
        write_parquet(self.cell(weights, seed) / "scores.parquet", table)

    def decide(self, weights, seed, thresholds, policy, **parameters):
        cell = self.cell(weights, seed)
        learned, how = [f"{thresholds}={policy}"] if policy else [], ThresholdParameters(**parameters)
        decide(self.dataset, [thresholds], cell / "scores.parquet", cell, how, learned=learned, seed=seed)

    def collect(self):
        collect.collect(
            metrics=sorted(self.results.rglob("metrics.json")),
            output=self.results / "metrics.parquet",
            csv=self.results / "metrics.csv",
        )

    def run(self, **parameters):
        significance.significance(
            datasets=[self.dataset],
            results=self.results,
            metrics=self.results / "metrics.parquet",
            methods=self.methods,
            parameters=Significance(**({"draws": 500} | parameters)),
            output=self.output,
            csv=self.csv,
        )
        return pq.read_table(self.output).to_pylist()

    def refuses(self, words):
        with pytest.raises(LabelPolicyError, match=words) as error:
            self.run()
        assert "\n" not in str(error.value)
        assert not self.output.exists() and not self.csv.exists()


@pytest.fixture
def study(tmp_path):
    return Study(tmp_path)


def test_a_line_for_each_comparison_and_measure(study):
    rows = study.run()
    assert [(row["row"], row["other"], row["measure"]) for row in rows] == [
        (row, other, measure)
        for row, others in (("Rank", ["Base"]), ("Share", ["Base"]), ("Learned", ["Base", "Rank", "Share"]))
        for other in others
        for measure in MEASURES
    ]
    assert {(row["dataset"], row["seeds"], row["documents"]) for row in rows} == {("toy", 2, 150)}
    with study.csv.open(newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0] == SCHEMA.names
    assert lines[1:] == [[str(value) for value in row.values()] for row in rows]


def test_a_row_on_out_of_fold_scores_is_tested_on_those(study):
    """Their test scores are the learned row's here: on scores.parquet the decisions would not be the measured ones."""
    valid = pq.read_table(study.dataset / "valid.parquet")
    write_parquet(study.dataset / "train.parquet", valid)
    for seed in (0, 1):
        cell, other = study.cell("uniform", seed), pq.read_table(study.cell("meta", seed) / "scores.parquet")
        fitted = other.slice(0, len(valid))
        train = fitted.set_column(0, "split", pa.array(["train"] * len(valid)))
        named = metadata(LABELS, Trained("toy", "linear", "uniform", seed), out_of_fold=True)
        table = pa.concat_tables([train, other]).replace_schema_metadata(named)
        write_parquet(cell / "out_of_fold.parquet", table)
        decide(study.dataset, ["odr+one+oof"], cell / "out_of_fold.parquet", cell, ThresholdParameters(), seed=seed)
    study.methods.write_text(ROWS + "Fold\tlinear\tuniform\todr+one+oof\t-\tmore\tall\n")
    study.collect()
    assert {row["other"] for row in study.run()} == {"Base", "Rank", "Share", "Fold"}


def test_differences_are_those_of_the_collected_means(study):
    """Decisions made anew from scores and thresholds, of all three kinds of rule, are those that were measured."""
    collected = pq.read_table(study.results / "metrics.parquet").to_pylist()

    def mean(weights, thresholds, measure):
        cell = (weights, thresholds, "test", measure)
        names = ("weights", "thresholds", "split", "metric")
        return np.mean([row["value"] for row in collected if tuple(row[name] for name in names) == cell])

    rules = {"Base": "fixed", "Rank": "rcut", "Share": "pcut", "Learned": "meta"}
    for row in study.run():
        of, other = (
            mean("meta" if name == "Learned" else "uniform", rules[name], row["measure"])
            for name in (row["row"], row["other"])
        )
        assert row["difference"] == pytest.approx(of - other, abs=1e-12)
        assert row["row"] != "Learned" or (row["p"] == 2 / 501 and row["significant"])
    found = marks(study.output, dataset="toy", methods=read_methods(study.methods))
    assert found == {("Learned", measure) for measure in MEASURES}


def test_with_ancestors_the_truth_has_its_own_too(study):
    path = study.dataset / "labels.parquet"
    table = pq.read_table(path)
    write_parquet(path, table.set_column(1, "parent", pa.array([None, "earn", None])))
    for seed in (0, 1):
        for weights, thresholds in (("uniform", "fixed"), ("uniform", "rcut"), ("uniform", "pcut"), ("meta", "meta")):
            if (seed, thresholds) == (1, "meta"):
                study.collect()
                study.refuses("meta/thresholds.json: decides without ancestor_closure")
            policy = study.cell("meta", seed) / "policy.json" if weights == "meta" else None
            study.decide(weights, seed, thresholds, policy, ancestor_closure=True)
    study.collect()
    test_differences_are_those_of_the_collected_means(study)


def test_level(study):
    assert not any(row["significant"] for row in study.run(level=0.003))
    wide, narrow = study.run(level=0.01)[0], study.run(level=0.5)[0]
    assert wide["low"] < narrow["low"] < narrow["high"] < wide["high"]


def test_same_bytes_whatever_the_threads(study):
    study.run()
    expected = study.output.read_bytes(), study.csv.read_bytes()
    for threads in ("1", "2"):
        command = [sys.executable, "-m", "labelpolicy.cli", "significance", str(study.dataset), "--set"]
        command += ["significance.draws=500", "--results", str(study.results), "--methods", str(study.methods)]
        command += ["--metrics", str(study.results / "metrics.parquet")]
        command += ["--output", str(study.output), "--csv", str(study.csv)]
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        subprocess.run(command, check=True, env=os.environ | dict.fromkeys(names, threads))
        assert (study.output.read_bytes(), study.csv.read_bytes()) == expected


def test_seed(study):
    first = study.run()
    assert study.run() == first
    other = study.run(seed=1)
    assert [row["difference"] for row in other] == [row["difference"] for row in first]
    assert [row["low"] for row in other] != [row["low"] for row in first]


def test_too_few_draws_to_show_anything(study, capsys):
    study.run(draws=199)  # 5 comparisons: 5 x 2 / 200 is not below 0.05
    assert capsys.readouterr().err == (
        "warning: 199 draws cannot show a difference at level 0.05 among 5 comparisons: "
        "set significance.draws to at least 200\n"
    )
    assert any(row["significant"] for row in study.run(draws=200))
    assert capsys.readouterr().err == ""


def test_a_row_without_result(study):
    study.methods.write_text(ROWS + "More\tlinear\tuniform\tscut\t-\tbase\tall\n")
    study.refuses(r"metrics\.parquet: no test accuracy of toy/linear/uniform/scut, seed 0 \(row 'More'\)")


def test_a_seed_missing(study):
    (study.cell("uniform", 1) / "rcut" / "metrics.json").unlink()
    study.collect()
    study.refuses(r"no test accuracy of toy/linear/uniform/rcut, seed 1 \(row 'Rank'\)")


def test_files_missing(study):
    thresholds = study.cell("uniform", 1) / "pcut" / "thresholds.json"
    kept = thresholds.read_text()
    thresholds.unlink()
    study.refuses(r"uniform/seed1/pcut/thresholds\.json: no such file: run the step that writes it")
    thresholds.write_text(kept)
    (study.cell("meta", 0) / "scores.parquet").unlink()
    study.refuses(r"meta/seed0/scores\.parquet: no such file")


def test_files_broken(study):
    (study.cell("meta", 0) / "scores.parquet").write_bytes(b"PAR1")
    study.refuses(r"meta/seed0/scores\.parquet: not a readable Parquet file")


def test_decisions_other_than_the_collected_ones(study):
    """ThresholdParameters fitted anew without measuring, or scores of another training."""
    path = study.cell("meta", 1) / "meta" / "thresholds.json"
    content = read_json(path)
    content["levels"]["earn"] = -3
    write_json(path, content)
    study.refuses(
        r"seed1/meta/thresholds\.json: decisions by it give a test accuracy of 0\.\d{6}, but .*metrics\.parquet"
    )
