"""Prediction policies fitted after training: from validation scores and truth to a rule that decides.

``scores`` are probabilities (documents n, labels N), taken as float32 in [0, 1]; ``truth`` is boolean (n, N). Every
rule predicts a label where **score > threshold**, never at equality, so that equal scores are never told apart. A
threshold p lies in (0, 1), as in Section 3.2.2, hence a score of exactly 0 is never predicted and one of exactly 1
always is; the one exception is NEVER, which no score exceeds. Among cuts that serve equally well the highest is taken:
the fewest predictions.

docs/thresholds.md describes each policy with its source.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from labelpolicy.errors import LabelPolicyError
from labelpolicy.metrics import f1
from labelpolicy.parameters import Thresholds, Utility
from labelpolicy.policy.cuts import DOCUMENT_BLOCK, ROUNDING, Cut, Sweep, best_f1_cut, sortable
from labelpolicy.randomness import generator

#: No score exceeds it: the label is never predicted (SCutFBR.0).
NEVER = 1.0
#: The threshold where validation has nothing to say.
FALLBACK = 0.5
#: Below every positive float32 and above 0: a threshold that only a score of exactly 0 fails to exceed.
LOWEST = 2.0**-150
#: Slopes b that `shared` tries, in units of the logit per standard deviation of log(1 + train_count).
SLOPES = np.linspace(-3, 3, 25)

#: Labels worked on at once: one cache line of scores, little memory beside them.
LABEL_BLOCK = 16


# The outcome: three kinds of rule.


@dataclass(frozen=True)
class PerLabel:
    """Label j is predicted where its score exceeds ``thresholds[j]``; thresholds float64 (N,) in (0, 1], 1 is NEVER."""

    thresholds: np.ndarray
    chosen: dict[str, float] = field(default_factory=dict)

    def decide(self, scores: np.ndarray) -> np.ndarray:
        """Boolean (n, N). Compared in float64, since float32 would round the thresholds onto scores."""
        return _checked(scores, len(self.thresholds)) > self.thresholds

    def json(self, labels: list[str]) -> dict[str, Any]:
        return {"rule": "per_label", "chosen": self.chosen, "thresholds": _by_name(labels, self.thresholds)}


@dataclass(frozen=True)
class Rank:
    """RCut: the ``top`` best-scored labels of every document; of equal scores the label of lower index comes first."""

    top: int
    chosen: dict[str, float] = field(default_factory=dict)

    def decide(self, scores: np.ndarray) -> np.ndarray:
        """Boolean (n, N), with exactly ``top`` labels a document."""
        scores = _checked(scores)
        predicted = np.zeros(scores.shape, dtype=bool)
        for rows in _blocks(len(scores), DOCUMENT_BLOCK):
            np.put_along_axis(predicted[rows], _ranked(scores[rows])[:, : self.top], True, axis=1)
        return predicted

    def json(self, labels: list[str]) -> dict[str, Any]:
        return {"rule": "rank", "chosen": self.chosen, "top": self.top}


@dataclass(frozen=True)
class Proportion:
    """PCut: label j goes to the k_j = round(shares[j] * n) best-scored of the n documents decided together.

    Halves round up. Documents that tie across the border are left out together, so a label may get fewer than k_j;
    the outcome does not depend on the order of the documents.
    """

    shares: np.ndarray
    chosen: dict[str, float] = field(default_factory=dict)

    def decide(self, scores: np.ndarray) -> np.ndarray:
        """Boolean (n, N); each document's decision depends on the scores (never the labels) of all others."""
        scores = _checked(scores, len(self.shares))
        documents = len(scores)
        counts = np.clip(np.floor(self.shares * documents + 0.5), 0, documents).astype(np.int64)
        predicted = np.empty(scores.shape, dtype=bool)
        for j, k in enumerate(counts):
            # The best score left out; -1 if none is. A contiguous copy, since a stride of N is slow to go over twice.
            column = np.ascontiguousarray(scores[:, j])
            border = -1.0 if k == documents else np.partition(column, documents - 1 - k)[documents - 1 - k]
            predicted[:, j] = column > border
        return predicted

    def json(self, labels: list[str]) -> dict[str, Any]:
        return {"rule": "proportion", "chosen": self.chosen, "shares": _by_name(labels, self.shares)}


Decision = PerLabel | Rank | Proportion


def from_json(content: Any, labels: list[str], where: str) -> Decision:
    """The decision that ``json(labels)`` described.

    Raises LabelPolicyError naming ``where`` for another rule, other labels, or a value that is out of range.
    """
    rule = content.get("rule") if isinstance(content, dict) else None
    if rule == "rank":
        top = content.get("top")
        if not isinstance(top, int) or isinstance(top, bool) or not 1 <= top <= len(labels):
            raise LabelPolicyError(f"{where}: top is {top!r}, expected a whole number from 1 to {len(labels)}")
        return Rank(top, content.get("chosen", {}))
    if rule not in ("per_label", "proportion"):
        raise LabelPolicyError(f"{where}: rule is {rule!r}, expected per_label, rank or proportion")
    key, open_below = ("thresholds", True) if rule == "per_label" else ("shares", False)
    by_name = content.get(key)
    if not isinstance(by_name, dict) or set(by_name) != set(labels):
        raise LabelPolicyError(f"{where}: {key} must name exactly the {len(labels)} labels of the data set")
    for label, value in by_name.items():
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not (0 < value <= 1 if open_below else 0 <= value < float("inf")):
            expected = "a number in (0, 1]" if open_below else "a number of at least 0"
            raise LabelPolicyError(f"{where}: label {label!r}: {key} {value!r}, expected {expected}")
    values = np.array([by_name[label] for label in labels], dtype=np.float64)
    return (PerLabel if rule == "per_label" else Proportion)(values, content.get("chosen", {}))


# Fitting.


@dataclass(frozen=True)
class Validation:
    """What a policy is fitted on. ``train_count`` (N,) counts documents; ``seed`` draws the folds of scutfbr."""

    scores: np.ndarray
    truth: np.ndarray
    train_count: np.ndarray
    parameters: Thresholds
    seed: int = 0


def fit(
    name: str, scores: np.ndarray, truth: np.ndarray, *, train_count: np.ndarray, parameters: Thresholds, seed: int = 0
) -> Decision:
    """Fit the policy ``name`` (a key of FITS) on validation scores and truth (n, N); train_count (N,) counts documents.

    ``seed`` matters to scutfbr0 and scutfbr1 alone, which draw folds.

    Raises LabelPolicyError for an unknown name, arrays that do not fit together, no document, or a score that is not
    a number in [0, 1].
    """
    if name not in FITS:
        raise LabelPolicyError(f"thresholds {name!r} are unknown: expected {', '.join(FITS)} or a learned policy")
    scores, truth, train_count = _checked(scores), np.asarray(truth, dtype=bool), np.asarray(train_count)
    if not scores.size:
        raise LabelPolicyError(
            f"thresholds {name}: validation scores are {scores.shape}, expected at least one document"
        )
    if truth.shape != scores.shape or train_count.shape != scores.shape[1:]:
        raise LabelPolicyError(
            f"thresholds {name}: scores are {scores.shape}, truth {truth.shape}, train_count {train_count.shape}: "
            "expected (documents, labels) twice, and (labels,)"
        )
    return FITS[name](Validation(scores, truth, train_count, parameters, seed))


def fixed(valid: Validation) -> PerLabel:
    """0.5 for every label, as the paper's classifiers have it before a policy (Section 5)."""
    return PerLabel(np.full(valid.scores.shape[1], FALLBACK))


def scut(valid: Validation) -> PerLabel:
    """SCut (Yang 2001): each label's threshold maximises its own F1."""
    return PerLabel(label_cuts(valid.scores, valid.truth)[0])


def odr_label(valid: Validation) -> PerLabel:
    """p_j = F*_j / 2, F*_j the best F1 of label j (Lipton et al. 2014); FALLBACK where F*_j is 0.

    Their theorem holds for calibrated probabilities. F* is at most 1, so p_j is at most 0.5.
    """
    _, best = label_cuts(valid.scores, valid.truth)
    return PerLabel(np.where(best > 0, best / 2, FALLBACK))


def odr(valid: Validation) -> PerLabel:
    """The one threshold for all labels that maximises micro-F1 (the paper's ODR, after Lipton et al. 2014)."""
    keys = sortable(valid.scores.reshape(-1), valid.truth.reshape(-1))
    keys.sort()
    best, threshold = best_f1_cut(keys)
    return PerLabel(np.full(valid.scores.shape[1], threshold if best > 0 else FALLBACK))


def label_cuts(scores: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each label the threshold of the best F1, and that F1: both float64 (N,). Where the F1 is 0: FALLBACK."""
    labels = scores.shape[1]
    thresholds, best = np.empty(labels), np.empty(labels)
    for block in _blocks(labels, LABEL_BLOCK):
        keys = sortable(scores[:, block].T, truth[:, block].T)
        keys.sort(axis=1)
        for j, row in enumerate(keys, start=block.start):
            best[j], threshold = best_f1_cut(row)
            thresholds[j] = threshold if best[j] > 0 else FALLBACK
    return thresholds, best


def rcut(valid: Validation) -> Rank:
    """RCut (Yang 2001): the t best labels of every document, t = 1 .. N maximising the utility."""
    documents, labels = valid.scores.shape
    hits, chosen = np.zeros((2, labels, labels), dtype=np.int64)  # by rank and label
    right = np.zeros(labels + 1)  # right[t]: documents that are right exactly at t
    for rows in _blocks(documents, DOCUMENT_BLOCK):
        order = _ranked(valid.scores[rows])
        correct = np.take_along_axis(valid.truth[rows], order, axis=1)
        cells = order + labels * np.arange(labels)
        chosen += np.bincount(cells.ravel(), minlength=labels * labels).reshape(labels, labels)
        hits += np.bincount(cells[correct], minlength=labels * labels).reshape(labels, labels)
        # A document is right at t if its t true labels are the t best: if the last of them stands at rank t. (One
        # without true labels never is, and argmax of nothing True is 0.)
        needed = correct.sum(axis=1)
        last = labels - np.argmax(correct[:, ::-1], axis=1)
        right += np.bincount(needed[last == needed], minlength=labels + 1)
    hits, chosen, positives = hits.cumsum(axis=0), chosen.cumsum(axis=0), valid.truth.sum(axis=0)
    value = utility(hits, chosen, positives, right[1:] / documents, valid.parameters.utility)
    top = int(np.argmax(value)) + 1
    return Rank(top, {"utility": float(value[top - 1])})


def pcut(valid: Validation) -> Proportion:
    """PCut (Yang 2001): k_j = round(x * prior_j * n) documents for label j, x maximising the utility, exactly.

    prior_j is the label's share of all training labels, so x is about the number of labels a document gets.
    """
    documents, labels = valid.scores.shape
    # Label j takes in a cell once k_j reaches the number of documents that score at least as high (a tie counts whole):
    # once x * prior_j * n + 1/2 >= that number. In units of 2 n x / sum(train_count) the border is a ratio of whole
    # numbers, which float64 keeps in the right order and finds equal where it is equal.
    values = np.empty((documents, labels))
    for j, count in enumerate(valid.train_count):
        column = np.ascontiguousarray(valid.scores[:, j])
        at_least = documents - np.searchsorted(np.sort(column), column)
        values[:, j] = (1 - 2 * at_least) / count if count else -np.inf
    sweep, still = Sweep(values, valid.truth, valid.parameters.utility), np.zeros(labels)
    best = sweep.best(still)
    scale = max(-sweep.level(still, best.edge), 0.0) / (2 * documents)
    return Proportion(scale * valid.train_count, {"x": scale * float(valid.train_count.sum()), "utility": best.utility})


def scutfbr0(valid: Validation) -> PerLabel:
    """SCutFBR.0 (Yang 2001): SCut, but a label whose best F1 is below fbr is never predicted."""
    return _scutfbr(valid, lambda scores: np.full(scores.shape[1], NEVER))


def scutfbr1(valid: Validation) -> PerLabel:
    """SCutFBR.1 (Yang 2001): SCut, but a label whose best F1 is below fbr gets its best validation score."""
    return _scutfbr(valid, lambda scores: np.maximum(scores.max(axis=0).astype(np.float64), LOWEST))


def _scutfbr(valid: Validation, cautious: Callable[[np.ndarray], np.ndarray]) -> PerLabel:
    """SCut with the thresholds of ``cautious(scores)`` for labels whose best F1 is below fbr.

    fbr is chosen by folds, fitting on all but one and deciding that one: on the documents it was fitted on SCut itself
    always looks best. The utility is that of the decisions of all folds together; of equals the lowest fbr is taken.
    """
    scores, truth, folds = valid.scores, valid.truth, valid.parameters.folds
    documents = len(scores)
    if documents < folds:
        raise LabelPolicyError(
            f"thresholds scutfbr: {documents} validation documents, expected at least folds = {folds}: "
            "lower thresholds.folds or hold out more documents"
        )
    candidates = np.sort(np.array(valid.parameters.fbr, dtype=np.float64))[:, None]
    fold = generator(valid.seed, "scutfbr folds").permutation(documents) % folds
    hits, chosen, right = 0, 0, 0  # summed over folds in whole numbers, so that equals come out equal
    for f in range(folds):
        rest, held, held_truth = scores[fold != f], scores[fold == f], truth[fold == f]
        thresholds, best = label_cuts(rest, truth[fold != f])
        weak = best < candidates  # (candidates, N): which labels take the cautious threshold
        bold, careful = held > thresholds, held > cautious(rest)
        hits = hits + np.where(weak, (careful & held_truth).sum(axis=0), (bold & held_truth).sum(axis=0))
        chosen = chosen + np.where(weak, careful.sum(axis=0), bold.sum(axis=0))
        # Errors of each document, for every candidate at once; float32 holds such counts exactly.
        errors = (careful != held_truth).astype(np.float32) @ weak.T + (bold != held_truth).astype(np.float32) @ ~weak.T
        right = right + (errors == 0).sum(axis=0)
    value = utility(hits, chosen, truth.sum(axis=0), right / documents, valid.parameters.utility)
    fbr = float(candidates[np.argmax(value), 0])
    thresholds, best = label_cuts(scores, truth)
    return PerLabel(np.where(best < fbr, cautious(scores), thresholds), {"fbr": fbr, "utility": float(value.max())})


def shared(valid: Validation) -> PerLabel:
    """p_j = sigmoid(a + b z_j), z_j the standardised log(1 + train_count_j): two numbers for all labels.

    For every b of SLOPES the best a for the utility is found exactly; of equals the flattest slope is taken.
    """
    z = np.log1p(valid.train_count.astype(np.float64))
    z = (z - z.mean()) / z.std() if z.std() > 0 else np.zeros(len(z))
    with np.errstate(divide="ignore"):  # -inf at a score of 0, inf at 1
        logits = np.log(valid.scores, dtype=np.float64)
        logits -= np.log1p(-valid.scores, dtype=np.float64)
    sweep = Sweep(logits, valid.truth, valid.parameters.utility)
    best, b = Cut(-np.inf, np.inf), 0.0
    for slope in sorted(SLOPES if z.any() else [0.0], key=lambda slope: (abs(slope), slope)):
        cut = sweep.best(slope * z)
        if cut.utility > best.utility + ROUNDING:
            best, b = cut, float(slope)
    a = sweep.level(b * z, best.edge)
    with np.errstate(over="ignore"):
        thresholds = 1 / (1 + np.exp(-(a + b * z)))
    # Near 1, float64 tells p apart more coarsely than logits: where that carried a threshold across one of the label's
    # scores, or onto the ends of (0, 1), it goes midway between the label's own scores on both sides of the cut.
    predicted = logits - b * z >= best.edge
    below = np.where(predicted, 0, valid.scores).max(axis=0).astype(np.float64)
    above = np.where(predicted, valid.scores, 1).min(axis=0).astype(np.float64)
    inside = (below <= thresholds) & (thresholds > 0) & (thresholds < above)
    return PerLabel(np.where(inside, thresholds, (below + above) / 2), {"a": a, "b": b, "utility": best.utility})


FITS: dict[str, Callable[[Validation], Decision]] = {
    "fixed": fixed,
    "scut": scut,
    "rcut": rcut,
    "pcut": pcut,
    "scutfbr0": scutfbr0,
    "scutfbr1": scutfbr1,
    "odr": odr,
    "odr_label": odr_label,
    "shared": shared,
}


def utility(
    hits: np.ndarray, chosen: np.ndarray, positives: np.ndarray, accuracy: np.ndarray, weights: Utility
) -> np.ndarray:
    """Utility of each candidate (candidates,), from counts (candidates, N), positives (N,), accuracy (candidates,)."""
    macro = f1(hits, chosen, positives).mean(axis=1)
    micro = f1(hits.sum(axis=1), chosen.sum(axis=1), positives.sum())
    return weights.accuracy * accuracy + weights.macro_f1 * macro + weights.micro_f1 * micro


def first_bad(scores: np.ndarray) -> tuple[int, int] | None:
    """Document and label of the first score that is not a number in [0, 1], or None."""
    if not scores.size or (scores.min() >= 0 and scores.max() <= 1):  # a NaN makes both comparisons false
        return None
    row, column = np.argwhere(~((scores >= 0) & (scores <= 1)))[0]
    return int(row), int(column)


def _checked(scores: np.ndarray, labels: int | None = None) -> np.ndarray:
    scores = np.asarray(scores, dtype=np.float32)
    if scores.ndim != 2 or labels not in (None, scores.shape[1]):
        expected = "(documents, labels)" if labels is None else f"(documents, {labels})"
        raise LabelPolicyError(f"scores: found an array {scores.shape}, expected {expected}")
    bad = first_bad(scores)
    if bad is not None:
        raise LabelPolicyError(
            f"scores: document {bad[0]}, label {bad[1]}: {scores[bad]}, expected a probability in [0, 1]"
        )
    return scores


def _ranked(scores: np.ndarray) -> np.ndarray:
    """Labels of each document from best to worst; of equal scores the lower index first."""
    return np.argsort(-scores, axis=1, kind="stable")


def _blocks(total: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, total)) for start in range(0, total, size)]


def _by_name(labels: list[str], values: np.ndarray) -> dict[str, float]:
    return dict(zip(labels, map(float, values), strict=True))
