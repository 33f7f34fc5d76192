"""Fitting a rule: what is given is checked, and a label without a training document is never predicted."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from labelpolicy import checks
from labelpolicy.errors import LabelPolicyError
from labelpolicy.thresholds.arrays import check_scores, check_truth
from labelpolicy.thresholds.decision import Decision, PerLabel
from labelpolicy.thresholds.objectives import ThresholdParameters
from labelpolicy.thresholds.rules import RULES, Documents, fit_rule

#: The rule that chooses among the others, and the names of all.
AUTO = "auto"
NAMES = (*RULES, AUTO)


def fit(
    rule: str,
    y_score: np.ndarray,
    y_true: np.ndarray,
    *,
    train_count: np.ndarray | None = None,
    parameters: ThresholdParameters | None = None,
    seed: int = 0,
    at_least_one: bool | None = None,
    groups: Sequence[Any] | None = None,
    labels: Sequence[str] | None = None,
    texts: Iterable[str] | None = None,
    descriptions: Sequence[str | None] | None = None,
) -> Decision:
    """Fit the rule, one of NAMES, on scores and truth (n, N) of documents outside the training set.

    ``train_count`` (N,) says how many documents each label was trained on, if not how many it has here; a label with
    none is never predicted. ``seed`` draws the folds of scutfbr0, scutfbr1 and auto. With ``at_least_one`` a document
    for which no label passes gets its best one; the fits of odr, shared and sets take that into account. None lets auto
    choose, whose folds leave ``groups`` (n,) together, and means no for the others. ``labels`` (N names) and ``texts``
    (n) are for sets, which looks for the names in the texts, or for phrases of the ``descriptions`` (N, None for none).

    Raises LabelPolicyError for an unknown rule, arrays that do not fit together, no document, or no probabilities.

    >>> y_score, y_true = np.array([[0.8], [0.4], [0.1]]), np.array([[True], [False], [False]])
    >>> fit("scut", y_score, y_true).thresholds.round(3).tolist()
    [0.6]
    """
    if not isinstance(rule, str) or rule not in NAMES:
        raise LabelPolicyError(f"thresholds: unknown rule {str(rule)!r:.99}, expected one of {', '.join(NAMES)}")
    checks.count("seed", seed)
    checks.expect(isinstance(parameters, ThresholdParameters | None), "parameters", parameters, "ThresholdParameters")
    if at_least_one is not None:
        checks.flag("at_least_one", at_least_one)
    y_score, y_true = check_scores(y_score), check_truth(y_true)
    train_count = np.asarray(y_true.sum(axis=0) if train_count is None else train_count)
    if not y_score.size or y_true.shape != y_score.shape or train_count.shape != y_score.shape[1:]:
        raise LabelPolicyError(
            f"thresholds {rule}: scores are {y_score.shape}, truth {y_true.shape}, train_count {train_count.shape}: "
            "expected (documents, labels) twice, at least one of each, and (labels,)"
        )
    if train_count.dtype.kind not in "biuf" or not (train_count >= 0).all():
        raise LabelPolicyError(f"train_count: found {train_count.tolist()!s:.99}, expected a number of documents each")
    labels = _named(labels, descriptions, y_score.shape[1])
    iterable = isinstance(texts, Iterable | None) and not isinstance(texts, str)
    checks.expect(iterable, "texts", texts, "a text for each document")
    if groups is not None and np.shape(groups) != (len(y_score),):
        raise LabelPolicyError(f"groups: found {np.shape(groups)}, expected ({len(y_score)},), one for each document")
    if not train_count.any():
        return PerLabel(np.full(len(train_count), np.inf), bool(at_least_one))
    given = Documents.given(
        y_score, y_true, train_count, parameters or ThresholdParameters(), seed=seed, at_least_one=at_least_one
    )
    documents = given._replace(labels=labels, texts=texts, descriptions=descriptions)
    if rule == AUTO:
        from labelpolicy.thresholds.auto import auto  # it measures, and metrics imports from this package

        return auto(documents, at_least_one, groups)
    return fit_rule(rule, documents, bool(at_least_one))


def _named(labels: Any, descriptions: Any, number: int) -> list[str] | None:
    """The names of so many labels, checked, as their descriptions are."""
    if descriptions is not None:
        checks.expect(labels is not None, "descriptions", descriptions, "labels beside them: give their names")
        each_one = isinstance(descriptions, Sequence) and all(isinstance(each, str | None) for each in descriptions)
        fits = each_one and not isinstance(descriptions, str) and len(descriptions) == number
        checks.expect(fits, "descriptions", descriptions, f"{number}, a text or None for each label")
    return None if labels is None else checks.names("labels", labels, number)
