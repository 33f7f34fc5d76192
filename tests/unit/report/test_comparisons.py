"""Which rows are compared, what stands in significance.parquet, and what a table marks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_parquet
from labelpolicy.methods import Method
from labelpolicy.report.comparisons import SCHEMA, marks, pairs, significance_rows
from labelpolicy.significance import Outcomes, Significance, differences, holm
from labelpolicy.thresholds.objectives import MEASURES

BASE = Method("Base", "linear", "uniform", "fixed", "-", "base")
FITTED = Method("Fitted", "linear", "uniform", "scut", "-", "base")
LEARNED = Method("Learned", "linear", "meta", "meta", "-", "base")
LEARNED_TOO = Method("Learned too", "kim_cnn", "uniform", "meta", "-", "base")


def test_two_learned_rows_are_one_hypothesis():
    methods = [BASE, LEARNED, FITTED, replace(LEARNED_TOO, classifier="linear")]
    assert pairs(methods) == [(1, 0), (1, 2), (1, 3), (2, 0), (3, 0), (3, 2)]
    random = np.random.default_rng(0)
    truth = random.random((80, 3)) < 0.4
    rows = [[Outcomes.of(truth, truth ^ (random.random((80, 3)) < rate))] for rate in (0.3, 0.1, 0.25, 0.2)]
    tested = differences(truth, rows, pairs(methods), Significance(draws=1000))
    found = [
        dict(zip(SCHEMA.names, row, strict=True))
        for row in significance_rows("toy", methods, tested, level=0.05, seeds=1, documents=80)
    ]
    by_pair = {(row["row"], row["other"]): row for row in found if row["measure"] == "micro_f1"}
    learned = [("Learned", other) for other in ("Base", "Fitted", "Learned too")]
    others = [("Fitted", "Base"), *(("Learned too", other) for other in ("Base", "Learned", "Fitted"))]
    assert list(by_pair) == [*learned, *others]
    assert {(row["dataset"], row["seeds"], row["documents"]) for row in found} == {("toy", 1, 80)}

    there, back = by_pair["Learned", "Learned too"], by_pair["Learned too", "Learned"]
    assert (there["p"], there["p_holm"]) == (back["p"], back["p_holm"])
    assert (there["difference"], there["low"], there["high"]) == (-back["difference"], -back["high"], -back["low"])
    once = [row for pair, row in by_pair.items() if pair != ("Learned too", "Learned")]
    assert [row["p_holm"] for row in once] == pytest.approx(holm(np.array([row["p"] for row in once])).tolist())
    assert [row["significant"] for row in once] == [row["p_holm"] < 0.05 for row in once]


def test_of_fixed_rules_those_are_compared_that_a_claim_is_about():
    def row(classifier, thresholds, weights="uniform"):
        return Method(f"{classifier} {weights} {thresholds}", classifier, weights, thresholds, "-", "base")

    svc = [row("linear_svc", rule) for rule in ("fixed", "scut", "shared", "shared+one+oof")]
    joined = row("linear-linear_svc", "shared+one+oof")
    other = [row("linear", rule) for rule in ("fixed", "shared+one+oof")]
    weighted = row("linear", "fixed", "inverse_frequency")
    methods = [*svc, joined, *other, weighted, chain := row("linear+subset_maximization", "fixed")]
    found = {(methods[i].name, methods[j].name) for i, j in pairs(methods)}
    with_baseline = [(each.name, svc[0].name) for each in svc[1:]]
    with_baseline += [(each.name, other[0].name) for each in (other[1], weighted, chain)]
    assert found == {
        *with_baseline,
        (svc[2].name, svc[1].name),
        (joined.name, svc[3].name),
        (joined.name, other[1].name),
    }


def test_a_difference_of_classifiers_is_no_hypothesis_about_policies():
    rows = [
        Method(f"{classifier} {thresholds}", classifier, "uniform", thresholds, "-", "base")
        for classifier in ("linear", "linear+subset_maximization", "kim_cnn", "linear-kim_cnn")
        for thresholds in ("sets+oof", "shared+one+oof")
    ]
    found = {frozenset((rows[i].name, rows[j].name)) for i, j in pairs(rows)}
    assert {frozenset(("linear sets+oof", "linear+subset_maximization shared+one+oof"))} <= found
    assert {frozenset(("linear-kim_cnn sets+oof", "kim_cnn sets+oof"))} <= found
    assert frozenset(("linear sets+oof", "kim_cnn sets+oof")) not in found
    assert frozenset(("linear-kim_cnn sets+oof", "kim_cnn shared+one+oof")) not in found


def table(path, **changed):
    row = {
        "dataset": "toy",
        "row": "Learned",
        "other": "Base",
        "measure": "",
        "difference": 0.1,
        "low": 0.0,
        "high": 0.2,
    }
    row |= {"p": 0.001, "p_holm": 0.01, "significant": True, "seeds": 1, "documents": 10}
    rows = [row | {"measure": measure} | changed.get(measure, {}) for measure in MEASURES]
    write_parquet(path, pa.Table.from_pylist([*rows, *changed.get("more", [])], schema=SCHEMA))
    return path


def test_marks(tmp_path):
    """A mark is for a gain over the own classifier's baseline; a loss or a gain over another row is none."""
    against_fitted = [
        {"dataset": "toy", "row": "Learned", "other": "Fitted", "measure": m, "difference": 1.0, "significant": True}
        for m in MEASURES
    ]
    path = table(
        tmp_path / "s.parquet", macro_f1={"difference": -0.1}, micro_f1={"significant": False}, more=against_fitted
    )
    # Without a baseline of its own classifier (kim_cnn here) a learned row has no mark, and needs no line.
    assert marks(path, dataset="toy", methods=[BASE, LEARNED, FITTED, LEARNED_TOO]) == {("Learned", "accuracy")}


def test_the_loose_micro_f1_is_marked_where_the_micro_f1_is(tmp_path):
    loose = {"dataset": "toy", "row": "Learned", "other": "Base", "measure": "loose_macro_f1", "difference": 0.1}
    path = table(tmp_path / "s.parquet", accuracy={"significant": False}, more=[loose | {"significant": True}])
    found = marks(
        path, dataset="toy", methods=[BASE, LEARNED], measures=("accuracy", "loose_macro_f1", "loose_micro_f1")
    )
    assert found == {("Learned", "loose_macro_f1"), ("Learned", "loose_micro_f1")}


def test_marks_of_other_methods(tmp_path):
    path = table(tmp_path / "s.parquet")
    with pytest.raises(LabelPolicyError, match=r"s\.parquet: no accuracy of other, row 'Learned' against 'Base': run"):
        marks(path, dataset="other", methods=[BASE, LEARNED])
