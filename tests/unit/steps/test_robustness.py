"""robustness: exactly the given runs, summarised as the paper's Tables 3 and 6 are."""

from __future__ import annotations

import csv
import json

import pyarrow.parquet as pq
import pytest
import torch

from labelpolicy.cell import Cell
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_json
from labelpolicy.learner import meta_learner
from labelpolicy.learner.algorithm import random_policies
from labelpolicy.learner.parameters import LearnerParameters
from labelpolicy.metrics import NAMES
from labelpolicy.steps import robustness

SWEEP = "toy/linear/meta/seed3"


def write(folder, init, value, sweep=SWEEP, policy="meta"):
    *names, seed = sweep.split("/")
    cell = Cell(*names, int(seed.removeprefix("seed")), init, policy)
    path = folder / "results" / sweep / f"init{init}" / policy / "metrics.json"
    numbers = {name: (index + 1) / 100 for index, name in enumerate(NAMES)}
    write_json(
        path,
        {
            "about": cell.about,
            "valid": dict.fromkeys(NAMES, 0.9),
            "test": numbers | {"accuracy": value, "macro_f1": 1 - value},
        },
    )
    return path


@pytest.fixture
def runs(tmp_path):
    return [write(tmp_path, init, value) for init, value in ((10, 0.5), (1, 0.2), (2, 0.8))]


def summarise(folder, metrics):
    robustness.robustness(metrics=metrics, output=folder / "r.parquet", csv=folder / "r.csv")
    return pq.read_table(folder / "r.parquet").to_pylist()


def values(rows, statistic):
    return {row["metric"]: row["value"] for row in rows if row["statistic"] == statistic}


def test_by_hand(tmp_path, runs):
    rows = summarise(tmp_path, runs)
    assert {tuple(row.values())[:4] for row in rows} == {("toy", "linear", "meta", 3)}
    assert list(dict.fromkeys(row["statistic"] for row in rows)) == ["best", "worst", "average", "stdev", "run"]
    # The best of each measure by itself: accuracy of run 2, macro-F1 of run 1.
    accuracy, macro = ([values(rows, s)[m] for s in robustness.STATISTICS] for m in ("accuracy", "macro_f1"))
    assert accuracy == pytest.approx([0.8, 0.2, 0.5, 0.3])  # the sample's: sqrt((0.09 + 0 + 0.09) / 2)
    assert macro == pytest.approx([0.8, 0.2, 0.5, 0.3])
    assert all(row["init"] is None for row in rows if row["statistic"] != "run")
    for measure in ("micro_f1", "loose_macro_f1", "loose_micro_f1"):
        assert values(rows, "best")[measure] == values(rows, "worst")[measure] == values(rows, "average")[measure]
        assert values(rows, "stdev")[measure] == 0
    own = [(row["init"], row["value"]) for row in rows if (row["statistic"], row["metric"]) == ("run", "accuracy")]
    assert own == [(1, 0.2), (2, 0.8), (10, 0.5)]


def test_measures_are_shares_of_which_more_is_better(tmp_path, runs):
    assert set(NAMES) - set(robustness.SCORES) == {"hamming_loss", "labels_per_document"}
    assert set(values(summarise(tmp_path, runs), "best")) == set(robustness.SCORES)


def test_the_csv_holds_the_same_rows(tmp_path, runs):
    rows = summarise(tmp_path, runs)
    with (tmp_path / "r.csv").open(newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0] == robustness.SCHEMA.names
    assert lines[1:] == [["" if value is None else str(value) for value in row.values()] for row in rows]


def test_exactly_the_given_runs(tmp_path, runs):
    """A run left on disk by a wider sweep is in no statistic."""
    rows = summarise(tmp_path, runs[:2])
    assert {row["init"] for row in rows if row["statistic"] == "run"} == {1, 10}
    assert values(rows, "best")["accuracy"] == 0.5
    assert values(rows, "worst")["macro_f1"] == 0.5


def test_order_does_not_matter(tmp_path, runs):
    summarise(tmp_path, runs)
    before = (tmp_path / "r.parquet").read_bytes(), (tmp_path / "r.csv").read_bytes()
    summarise(tmp_path, runs[::-1])
    assert ((tmp_path / "r.parquet").read_bytes(), (tmp_path / "r.csv").read_bytes()) == before


def refuses(folder, metrics, words):
    with pytest.raises(LabelPolicyError, match=words) as error:
        summarise(folder, metrics)
    assert "\n" not in str(error.value)
    assert not (folder / "r.parquet").exists() and not (folder / "r.csv").exists()


def test_errors(tmp_path, runs):
    refuses(tmp_path, runs[:1], "1 metrics.json given, expected at least 2 runs")
    refuses(tmp_path, [*runs, runs[0]], "run 10 is given twice")
    refuses(tmp_path, [*runs, tmp_path / "results" / SWEEP / "init4/meta/metrics.json"], "init4.*no such file")
    other = write(tmp_path, 4, 0.1, sweep="toy/linear/meta/seed4")
    refuses(tmp_path, [*runs, other], r"seed4/init4/meta/metrics\.json: not of the same sweep as .*seed3/init10")
    refuses(tmp_path, [*runs, write(tmp_path, 4, 0.1, policy="scut")], "of the cell meta/scut: expected")
    refuses(tmp_path, [*runs, write(tmp_path, None, 0.1)], "of the cell meta/meta: expected .* from random initial")


def test_a_partial_run(tmp_path, runs):
    content = json.loads(runs[1].read_text())
    del content["test"]["micro_f1"]
    write_json(runs[1], content)
    refuses(tmp_path, runs, r"init1/meta/metrics\.json: test micro_f1 is None, .*`labelpolicy decide`")


@torch.no_grad()
def test_the_papers_recursion_forgets_its_start_untrained():
    """What docs/statistics.md says of the paper's protocol: the deviation is small whatever was learned, or nothing."""
    parameters = LearnerParameters(learner="paper")
    model = meta_learner.build(90, parameters, seed=0)
    starts, ends = [], []
    for init in range(1, 11):
        state, (w, p) = model.start(90), random_policies(90, 0, init)
        starts.append(torch.cat([90 * w, p]))
        for _ in range(20):
            state, w_logits, p_logits = model(state, w, p, None)
            w, p = meta_learner.policies(w_logits, p_logits, parameters.threshold_bounds)
        ends.append(torch.cat([90 * w, p]))
    assert torch.stack(starts).std(dim=0).min() > 0.1
    assert torch.stack(ends).std(dim=0).max() < 0.001
