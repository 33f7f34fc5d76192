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


def test_correlations_by_hand():
    found = tree.correlate(LABELS, PARENTS, DEPTH, COUNT, WEIGHTS)
    ranks = [rankdata(values) for values in (WEIGHTS, DEPTH, COUNT)]
    spearman = found["spearman"]
    assert spearman["weight and depth"]["rho"] == pytest.approx(np.corrcoef(ranks[0], ranks[1])[0, 1])
    assert spearman["weight and train_count"]["rho"] == pytest.approx(np.corrcoef(ranks[0], ranks[2])[0, 1])
    assert spearman["depth and train_count"]["rho"] == pytest.approx(np.corrcoef(ranks[1], ranks[2])[0, 1])
    # /a/x and /a/y weigh more than /a, /a/y/z as much as /a/y; two of two by a fair coin: 1/2.
    assert found["pairs"] == {"child_heavier": 2, "child_lighter": 0, "equal": 1, "p": pytest.approx(0.5)}
    assert "more than its parent in 2 pairs, less in 0, the same in 1" in tree.words(found)


def test_uniform_weights_have_no_correlation():
    found = tree.correlate(LABELS, PARENTS, DEPTH, COUNT, np.full(6, 1 / 6))
    assert found["spearman"]["weight and depth"] == dict.fromkeys(("rho", "p", "low", "high"))
    assert found["pairs"] == {"child_heavier": 0, "child_lighter": 0, "equal": 3, "p": None}
    assert "depth none, one is constant" in tree.words(found)


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
    expected = {"dataset": "toy"} | tree.correlate(LABELS, PARENTS, DEPTH, COUNT, WEIGHTS)
    assert json.loads(contents[0][2]) == expected


def test_a_flat_label_set_is_refused(tmp_path, prepared):
    out = {name: tmp_path / f"x.{name}" for name in ("pdf", "png", "correlations")}
    with pytest.raises(LabelPolicyError, match="no hierarchy to draw"):
        tree.weight_tree(dataset=prepared([None] * 6), policy=tmp_path / "policy.json", title="", **out)
    assert not any(path.exists() for path in out.values())
