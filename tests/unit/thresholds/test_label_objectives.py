"""Objectives beside the utility, against a search that tries every cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import fbeta_score, jaccard_score, precision_score, recall_score
from threshold_problems import problems

from labelpolicy import LabelPolicyError, ThresholdPolicy
from labelpolicy.thresholds import PerLabel
from labelpolicy.thresholds.label_objectives import (
    Cost,
    FBeta,
    PrecisionAtRecall,
    RecallAtPrecision,
    label_by_label,
    on_a_line,
    read_objective,
    samples_jaccard,
)


def by_hand(objective, true, y_pred):
    """The value of one label's decisions, by scikit-learn; None where the objective is not reached."""
    zero = {"zero_division": 0}
    match objective:
        case FBeta(beta):
            return fbeta_score(true, y_pred, beta=beta, **zero)
        case Cost(positive, negative):
            return -(positive * (y_pred & ~true).sum() + negative * (true & ~y_pred).sum()) / len(true)
    precision, recall = precision_score(true, y_pred, **zero), recall_score(true, y_pred, **zero)
    match objective:
        case RecallAtPrecision(floor):
            return recall if recall > 0 and precision >= floor else None
        case PrecisionAtRecall(floor):
            return precision if recall > 0 and recall >= floor else None


@settings(max_examples=80, deadline=None)
@given(
    problems(),
    st.sampled_from(
        [FBeta(2), FBeta(0.5), RecallAtPrecision(0.6), PrecisionAtRecall(0.7), Cost(1, 5), Cost(3, 1), Cost(0.5, 0.5)]
    ),
)
def test_each_label_has_the_best_cut(problem, objective):
    y_score, y_true, _ = problem
    levels, values, unreached = label_by_label(objective, y_score, y_true)
    y_pred = PerLabel(levels).decide(y_score)
    for j, (column, true) in enumerate(zip(y_score.T, y_true.T, strict=True)):
        cuts = [column >= edge for edge in np.unique(column[column > 0])] + [np.zeros(len(column), dtype=bool)]
        tried = [value for value in (by_hand(objective, true, cut) for cut in cuts) if value is not None]
        assert unreached[j] == (not tried)
        if tried:
            assert values[j] == pytest.approx(max(tried))
            assert by_hand(objective, true, y_pred[:, j]) == pytest.approx(max(tried))
        else:
            assert not y_pred[:, j].any()


def test_a_floor_of_each_label_and_labels_that_cannot_reach_it():
    y_score = np.array([[0.9, 0.1], [0.8, 0.9], [0.7, 0.8], [0.1, 0.2]])
    y_true = np.array([[1, 1], [0, 0], [1, 0], [0, 0]], dtype=bool)
    policy = ThresholdPolicy(objective=RecallAtPrecision([0.6, 0.6]), labels=["a", "b"]).fit(y_score, y_true)
    assert policy.report_["unreached"] == policy.report_["never_predicted"] == ["b"]
    assert policy.predict(y_score)[:, 0].tolist() == [True, True, True, False]
    strict = ThresholdPolicy(objective="recall_at_precision=0.9").fit(y_score, y_true)
    assert strict.predict(y_score)[:, 0].tolist() == [True, False, False, False]
    policy.to_json()


def problem(documents=200):
    random = np.random.default_rng(0)
    y_true = random.random((documents, 4)) < (0.5, 0.3, 0.2, 0.1)
    return 1 / (1 + np.exp(3 - 2 * y_true - random.standard_normal(y_true.shape))), y_true


def test_samples_jaccard_is_scikit_learns_and_is_gained():
    y_score, y_true = problem()
    y_true[~y_true.any(axis=1), 0] = True
    policy = ThresholdPolicy(objective="samples_jaccard").fit(y_score, y_true)
    y_pred = policy.predict(y_score)
    assert samples_jaccard(y_true, y_pred) == pytest.approx(jaccard_score(y_true, y_pred, average="samples"))
    for rule in ("fixed", "odr", "shared"):
        for one in (False, True):
            other = ThresholdPolicy(rule, at_least_one=one).fit(y_score, y_true).predict(y_score)
            assert samples_jaccard(y_true, y_pred) >= samples_jaccard(y_true, other) - 0.01
    assert samples_jaccard(np.zeros((2, 1), dtype=bool), np.array([[False], [True]])) == 0.5


def test_any_function_of_the_decisions():
    y_score, y_true = problem()
    policy = ThresholdPolicy(objective=lambda y_true, y_pred: -abs(y_pred.sum() - 100)).fit(y_score, y_true)
    assert abs(policy.predict(y_score).sum() - 100) <= 3
    with pytest.raises(LabelPolicyError, match="no number"):
        on_a_line(lambda *_: np.nan, y_score, y_true, y_true.sum(axis=0), False)


@pytest.mark.parametrize(
    ("given", "words"),
    [("f2", "expected one of fbeta"), ("fbeta=x", "expected numbers"), ("cost=1:2:3", "expected numbers")],
)
def test_unknown_objectives_are_refused(given, words):
    with pytest.raises(LabelPolicyError, match=words):
        read_objective(given)


def test_an_objective_that_no_label_reaches_is_refused():
    with pytest.raises(LabelPolicyError, match=r"recall_at_precision=0\.9: no label can reach it"):
        ThresholdPolicy(objective="recall_at_precision=0.9").fit([[0.9, 0.9], [0.1, 0.1]], [[0, 0], [1, 1]])


def test_a_rule_that_does_not_fit_the_objective_is_refused():
    with pytest.raises(LabelPolicyError, match="rule is 'odr', but scut fits"):
        ThresholdPolicy("odr", objective="fbeta=2").fit(*problem())
