"""Weights over the hierarchy: the correlations by hand, the order of the tree, the figure and its command."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.image import imread
from scipy.stats import rankdata
from typer.testing import CliRunner

from labelpolicy.cli import app
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_json, write_parquet
from labelpolicy.policy_file import Policy
from labelpolicy.report.figures import weight_tree as tree

LABELS = ["/b", "/a/x", "/a", "/a/y", "/a/y/z", "/$c"]
PARENTS = [None, "/a", None, "/a", "/a/y", None]
DEPTH = np.array([1, 2, 1, 2, 3, 1])
COUNT = np.array([9, 2, 20, 5, 5, 1])
WEIGHTS = np.array([0.1, 0.3, 0.1, 0.2, 0.2, 0.1])
PARENTS_FIRST = 1 / DEPTH / (1 / DEPTH).sum()


def test_correlations_by_hand():
    found = tree.correlate(LABELS, PARENTS, DEPTH, COUNT, WEIGHTS)
    ranks = [rankdata(values) for values in (WEIGHTS, DEPTH, COUNT)]
    spearman = found["spearman"]
    assert spearman["weight and depth"]["rho"] == pytest.approx(np.corrcoef(ranks[0], ranks[1])[0, 1])
    assert spearman["weight and train_count"]["rho"] == pytest.approx(np.corrcoef(ranks[0], ranks[2])[0, 1])
    assert spearman["depth and train_count"]["rho"] == pytest.approx(np.corrcoef(ranks[1], ranks[2])[0, 1])
    # /a/x and /a/y weigh more than /a, /a/y/z as much as /a/y; two of two by a fair coin: 1/2.
    assert found["pairs"] == {"child_heavier": 2, "child_lighter": 0, "equal": 1, "p": pytest.approx(0.5)}
    found["over_seeds"] = tree.over_seeds([0.5], 6) | {"rhos": [0.5]}
    assert "more than its parent in 2 pairs, less in 0, the same in 1" in tree.words(found)
    assert "seeds" not in tree.words(found)


def test_uniform_weights_have_no_correlation():
    found = tree.correlate(LABELS, PARENTS, DEPTH, COUNT, np.full(6, 1 / 6))
    assert found["spearman"]["weight and depth"] == dict.fromkeys(("rho", "p", "low", "high"))
    assert found["pairs"] == {"child_heavier": 0, "child_lighter": 0, "equal": 3, "p": None}
    found["over_seeds"] = tree.over_seeds([None], 6) | {"rhos": [None]}
    assert "depth none, one is constant" in tree.words(found)


def test_seeds_that_disagree_leave_an_interval_around_zero():
    disagreeing = tree.over_seeds([0.8, -0.7, 0.8, -0.8, -0.8], 106)
    assert disagreeing["low"] < -0.5 < 0.5 < disagreeing["high"]
    z = np.arctanh([0.8, 0.7])  # Student's t of one degree of freedom has 12.706 at 97.5 %
    agreeing = tree.over_seeds([0.8, 0.7], 106)
    assert agreeing["rho"] == pytest.approx(np.tanh(z.mean()))
    assert agreeing["high"] == pytest.approx(np.tanh(z.mean() + 12.7062 * abs(z[0] - z[1]) / 2), abs=1e-5)
    half = 1.959964 * np.sqrt((1 + 0.8**2 / 2) / 103)  # of one seed, over labels
    ends = {"low": np.tanh(z[0] - half), "rho": 0.8, "high": np.tanh(z[0] + half)}
    assert tree.over_seeds([0.8], 106) == pytest.approx(ends)
    assert tree.over_seeds([0.8, None], 106)["rho"] is None


def test_the_tree_is_read_from_the_root_frequent_branches_first():
    shown = [LABELS[label] for label in tree.order(LABELS, PARENTS, COUNT)]
    assert shown == ["/a", "/a/y", "/a/y/z", "/a/x", "/b", "/$c"]


def test_of_many_labels_the_most_frequent_are_shown_with_their_ancestors(monkeypatch):
    monkeypatch.setattr(tree, "CELLS", 3)
    assert {LABELS[label] for label in tree.frequent(LABELS, PARENTS, COUNT)} == {"/a", "/b", "/a/y"}
    assert {LABELS[label] for label in tree.frequent(LABELS, PARENTS, COUNT[::-1].copy())} == {"/a", "/a/y", "/$c"}


@pytest.fixture
def prepared(tmp_path):
    def write(parents):
        columns = {"label": LABELS, "parent": pa.array(parents, pa.string()), "depth": DEPTH, "train_count": COUNT}
        write_parquet(tmp_path / "data" / "labels.parquet", pa.table(columns))
        write_json(tmp_path / "data" / "dataset.json", {"name": "toy"})
        Policy(LABELS, WEIGHTS).write(tmp_path / "policy.json")
        return tmp_path / "data"

    return write


def test_the_command_writes_figure_and_correlations_the_same_each_time(tmp_path, prepared):
    arguments = ["figure", "weight-tree", str(prepared(PARENTS)), "--policy", str(tmp_path / "policy.json")]
    Policy(LABELS, PARENTS_FIRST).write(tmp_path / "other.json")
    arguments += ["--policy", str(tmp_path / "other.json")]
    arguments += ["--title", "Toy: 5 $ a label"]
    written = {option: tmp_path / f"out.{option}" for option in ("pdf", "png", "correlations")}
    for option, path in written.items():
        arguments += [f"--{option}", str(path)]
    contents = []
    for _ in range(2):
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0
        contents.append([path.read_bytes() for path in written.values()])
    assert contents[0] == contents[1]
    assert contents[0][0].startswith(b"%PDF") and imread(written["png"]).std() > 0.01
    first, other = (tree.correlate(LABELS, PARENTS, DEPTH, COUNT, each) for each in (WEIGHTS, PARENTS_FIRST))
    rhos = [seed["spearman"]["weight and depth"]["rho"] for seed in (first, other)]
    assert rhos[0] > 0 > rhos[1]
    over_seeds = tree.over_seeds(rhos, 6) | {"rhos": rhos}
    assert json.loads(contents[0][2]) == {"dataset": "toy"} | first | {"over_seeds": over_seeds}


def test_a_flat_label_set_is_refused(tmp_path, prepared):
    out = {name: tmp_path / f"x.{name}" for name in ("pdf", "png", "correlations")}
    with pytest.raises(LabelPolicyError, match="no hierarchy to draw"):
        tree.weight_tree(dataset=prepared([None] * 6), policy=[tmp_path / "policy.json"], title="", **out)
    assert not any(path.exists() for path in out.values())
