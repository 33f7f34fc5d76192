"""Rules that fit decision thresholds on scores and truth of documents that the classifier was not trained on.

A rule is a function of :class:`Documents` alone; :func:`fit` checks what it is given, and sees to it that a label
without a training document is never predicted. docs/thresholds.md describes the rules.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from labelpolicy.errors import LabelPolicyError
from labelpolicy.randomness import generator
from labelpolicy.thresholds import decision
from labelpolicy.thresholds.decision import Decision, PerLabel, Proportion, Rank, logit
from labelpolicy.thresholds.objectives import ThresholdParameters, measures, utility_of, utility_of_counts
from labelpolicy.thresholds.search import Search, label_cuts

#: Slopes b that `shared` tries, in standard deviations of the true cells' logits; and the logit as which surer ones
#: count in that deviation.
SLOPES, SURE = np.linspace(-0.6, 0.6, 25), 12.0
#: Scores are far from calibrated if their sum is so many times the number of true cells, or the reverse.
MISCALIBRATED = 2.0


class Documents(NamedTuple):
    """What a rule is fitted on: scores float32 and truth bool, (n, N), and what :func:`fit` was given besides.

    Labels that are not ``trained``, bool (N,), score 0; at least one is.
    """

    y_score: np.ndarray
    y_true: np.ndarray
    train_count: np.ndarray
    trained: np.ndarray
    parameters: ThresholdParameters
    seed: int
    at_least_one: bool


def fit(
    rule: str,
    y_score: np.ndarray,
    y_true: np.ndarray,
    *,
    train_count: np.ndarray | None = None,
    parameters: ThresholdParameters | None = None,
    seed: int = 0,
    at_least_one: bool = False,
) -> Decision:
    """Fit the rule, a key of RULES, on scores and truth (n, N) of documents outside the training set.

    ``train_count`` (N,) says how many documents each label was trained on, if not how many it has here; a label with
    none is never predicted.
    ``seed`` draws the folds of scutfbr0 and scutfbr1. With ``at_least_one`` a document for which no label passes gets
    its best one; the fits of odr and shared take that into account.

    Raises LabelPolicyError for an unknown rule, arrays that do not fit together, no document, or no probabilities.

    >>> y_score, y_true = np.array([[0.8], [0.4], [0.1]]), np.array([[True], [False], [False]])
    >>> fit("scut", y_score, y_true).thresholds.round(3).tolist()
    [0.6]
    """
    if rule not in RULES:
        raise LabelPolicyError(f"thresholds: unknown rule {rule!r}, expected one of {', '.join(RULES)}")
    y_score, y_true = decision.check_scores(y_score), np.asarray(y_true, dtype=bool)
    train_count = np.asarray(y_true.sum(axis=0) if train_count is None else train_count)
    if not y_score.size or y_true.shape != y_score.shape or train_count.shape != y_score.shape[1:]:
        raise LabelPolicyError(
            f"thresholds {rule}: scores are {y_score.shape}, truth {y_true.shape}, train_count {train_count.shape}: "
            "expected (documents, labels) twice, at least one of each, and (labels,)"
        )
    trained = train_count > 0
    if not trained.any():
        return PerLabel(np.full(len(trained), np.inf), at_least_one)
    if not trained.all():
        y_score = np.where(trained, y_score, np.float32(0))
    parameters = parameters or ThresholdParameters()
    found = RULES[rule](Documents(y_score, y_true, train_count, trained, parameters, seed, at_least_one))
    if isinstance(found, PerLabel):
        found = replace(found, levels=np.where(trained, found.levels, np.inf))
    return found if isinstance(found, Rank) else replace(found, at_least_one=at_least_one)


def fixed(documents: Documents) -> PerLabel:
    """0.5 for every label, as the paper's classifiers have it without a policy (Section 5)."""
    return PerLabel(np.zeros(len(documents.trained)))


def scut(documents: Documents) -> PerLabel:
    """SCut (Yang 2001): each label's threshold maximises its own F1."""
    return PerLabel(label_cuts(documents.y_score, documents.y_true)[1])


def scutfbr0(documents: Documents) -> PerLabel:
    """SCutFBR.0 (Yang 2001): SCut, but a label whose best F1 is below fbr is never predicted."""
    return _scutfbr(documents, lambda y_score: np.full(y_score.shape[1], np.inf))


def scutfbr1(documents: Documents) -> PerLabel:
    """SCutFBR.1 (Yang 2001): SCut, but a label whose best F1 is below fbr has to beat its best score here."""
    return _scutfbr(documents, lambda y_score: logit(y_score.max(axis=0, initial=0)).clip(min=-decision.FARTHEST))


def _scutfbr(documents: Documents, fallback: Callable[[np.ndarray], np.ndarray]) -> PerLabel:
    """SCut with ``fallback`` of the scores as the levels of labels whose best F1 is below fbr.

    fbr is chosen by folds, fitting on all but one and deciding that one: on the documents it was fitted on, SCut itself
    always looks best. The utility is that of all folds together; of equals the lowest fbr is taken.
    """
    y_score, y_true, parameters = documents.y_score, documents.y_true, documents.parameters
    folds = min(parameters.folds, len(y_score))
    if folds < parameters.folds:
        warnings.warn(f"scutfbr: {folds} folds instead of {parameters.folds}: no more documents", stacklevel=4)
    fold = generator(documents.seed, "scutfbr folds").permutation(len(y_score)) % folds

    def fitted(rows: np.ndarray) -> Callable[[float], PerLabel]:
        (best, levels), careful = label_cuts(y_score[rows], y_true[rows]), fallback(y_score[rows])
        return lambda fbr: PerLabel(np.where(best < fbr, careful, levels))

    without = [fitted(fold != f) for f in range(folds)]
    values = {}
    for fbr in sorted(parameters.fbr):
        y_pred = np.empty_like(y_true)
        for f, decide_at in enumerate(without):
            y_pred[fold == f] = decide_at(fbr).decide(y_score[fold == f])
        values[fbr] = utility_of(**measures(y_true, y_pred), weights=parameters.utility)
    fbr = max(values, key=values.__getitem__)
    chosen = {"fbr": fbr, "utility": float(values[fbr])}
    return replace(fitted(np.ones(len(fold), dtype=bool))(fbr), chosen=chosen)


def rcut(documents: Documents) -> Rank:
    """RCut (Yang 2001): the t best labels of every document, t = 1 .. N by the utility."""
    y_true, never = documents.y_true, ~documents.trained
    count, labels = y_true.shape
    order = np.empty((labels, count), dtype=np.min_scalar_type(labels))  # a row a rank
    for rows in decision.blocks(y_true.shape):
        order[:, rows] = decision.ranked(documents.y_score[rows], never).T
    support, true_labels, found = y_true.sum(axis=0), y_true.sum(axis=1), np.zeros(count, dtype=np.int64)
    tp, predicted = np.zeros((2, labels), dtype=np.int64)
    values = []
    for rank, label in enumerate(order[: np.count_nonzero(~never)], start=1):
        correct = y_true[np.arange(count), label]
        found += correct
        tp += np.bincount(label[correct], minlength=labels)
        predicted += np.bincount(label, minlength=labels)
        right = ((found == rank) & (true_labels == rank)).mean()
        values.append(utility_of_counts(right, tp, predicted, support, documents.parameters.utility))
    top = int(np.argmax(values)) + 1
    return Rank(top, never, {"utility": float(values[top - 1])})


def pcut(documents: Documents) -> Proportion:
    """PCut (Yang 2001): round(x * prior_j * n) documents for label j, x by the utility.

    prior_j is the label's share of all training labels. In units of 2 n x / sum(train_count), x takes in a cell from
    (2 r - 1) / train_count_j on, r the number of documents that score as high; so its value is that, negated.
    """
    count, n = documents.train_count, len(documents.y_score)
    lower = np.empty_like(documents.y_score)  # how many documents score lower
    for j, column in enumerate(documents.y_score.T):
        lower[:, j] = np.searchsorted(np.sort(column), column)

    def value(j: int, lower: np.ndarray) -> np.ndarray:
        border = 2 * (n - lower.astype(np.float64)) - 1
        return -border / count[j] if count[j] else np.full(border.shape, -np.inf)

    search = Search(lower, documents.y_true, value, documents.parameters.utility)
    _, utility, edge, below = search.best(np.zeros((1, len(count))))
    # Above the last edge half of the first border, and below the first one a step.
    level = below / 2 if edge == np.inf else (max(below, edge - 2) + edge) / 2
    shares = -level / (2 * n) * count
    return Proportion(shares, chosen={"x": float(shares.sum()), "utility": utility})


def odr(documents: Documents) -> PerLabel:
    """One threshold for all labels, of the best micro-F1 (the paper's ODR, after Lipton et al. 2014).

    With at least one label, the best of each document is predicted at any threshold, as a score of 1 is.
    """
    y_score, every = documents.y_score, np.arange(len(documents.y_score))
    if documents.at_least_one:
        best = y_score.argmax(axis=1)
        best[y_score[every, best] == 0] = np.argmax(documents.trained)
        y_score = y_score.copy()
        y_score[every, best] = 1
    _, level = label_cuts(y_score.reshape(-1, 1), documents.y_true.reshape(-1, 1))
    return PerLabel(np.repeat(level, len(documents.trained)))


def odr_label(documents: Documents) -> PerLabel:
    """p_j = F*_j / 2, F*_j the best F1 of label j (Lipton et al. 2014, for calibrated scores); 0.5 where it is 0."""
    expected, true = float(documents.y_score.sum(dtype=np.float64)), np.count_nonzero(documents.y_true)
    if not true <= MISCALIBRATED * expected <= MISCALIBRATED**2 * true:
        found = f"these sum to {expected:.6g} where {true} labels are true"
        warnings.warn(f"odr_label: is for calibrated scores, but {found}", stacklevel=3)
    best, _ = label_cuts(documents.y_score, documents.y_true)
    return PerLabel.at(np.where(best > 0, best, 1) / 2)


def shared(documents: Documents) -> PerLabel:
    """p_j = sigmoid(a + b z_j), z_j the standardised log(1 + train_count_j): two numbers for all, by the utility.

    z is standardised over the labels with training documents. Slopes b are tried in a unit that follows the scale of
    the classifier's logits; of equals the flattest is taken.
    """
    y_score, y_true, trained = documents.y_score, documents.y_true, documents.trained
    counts, z = np.log1p(documents.train_count[trained].astype(np.float64)), np.zeros(len(trained))
    if counts.std() > 0:
        z[trained] = (counts - counts.mean()) / counts.std()
    true_logits = logit(y_score[y_true & trained]).clip(-SURE, SURE)
    unit = (true_logits.std() if len(true_logits) else 0) or 1.0
    slopes = unit * np.array(sorted(SLOPES, key=abs) if z.any() else [0.0])
    shifts = np.rint(slopes[:, None] * z * decision.GRID) / decision.GRID
    allowed = trained if documents.at_least_one else None
    search = Search(y_score, y_true, lambda j, score: logit(score), documents.parameters.utility, allowed)
    k, utility, edge, below = search.best(shifts)
    finite = [value for value in (below, edge) if np.isfinite(value)]
    a = sum(finite) / 2 if len(finite) == 2 else below + 1 if finite == [below] else edge - 1 if finite else 0.0
    return PerLabel(a + shifts[k], chosen={"a": a, "b": float(slopes[k]), "utility": utility})


RULES: dict[str, Callable[[Documents], Decision]] = {
    rule.__name__: rule for rule in (fixed, scut, rcut, pcut, scutfbr0, scutfbr1, odr, odr_label, shared)
}
