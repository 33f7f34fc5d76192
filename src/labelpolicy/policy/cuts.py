"""Exact search over every cut of sorted scores: for one F1, and for a utility of all labels together.

A cut predicts the cells above it. Equal values are never parted. What makes both searches quick: taking in a negative
never helps (it costs precision and can only spoil a document), so the best cut lies just below a positive.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from labelpolicy.metrics import f1
from labelpolicy.parameters import Utility

TRUTH = np.uint32(1)
#: Utilities that differ by less are equal: sums of floats in another order.
ROUNDING = 1e-12
#: Documents worked on at once, for the sake of memory.
DOCUMENT_BLOCK = 4096


def sortable(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Score and truth in one integer, so that a plain sort, far quicker than an argsort, keeps them together.

    The bits of a non-negative float32 order as the numbers do. Shifted by one they lose the sign (-0 becomes 0) and
    make room for the truth. Takes float32 in [0, 1] and bool of one shape, returns uint32.
    """
    keys = np.array(scores, dtype=np.float32, order="C").view(np.uint32)  # a copy, to work on in place
    keys <<= TRUTH
    keys |= truth
    return keys


def best_f1_cut(keys: np.ndarray) -> tuple[float, float]:
    """The best F1 over all cuts of sorted ``keys`` (cells,), see `sortable`, and the threshold that reaches it.

    The threshold lies midway between the two neighbouring scores (0 below the last), in float64. Of equal F1 the
    highest threshold is taken. Where no cut has an F1 above 0, returns (0, 1).
    """
    cells = len(keys)
    positives = np.flatnonzero(np.bitwise_and(keys, TRUTH, dtype=np.uint8, casting="unsafe").view(bool))
    # Just below each positive: the first cell of its score, where negatives stand before positives. Scores of 0
    # (key 1) are beyond any threshold.
    starts = np.searchsorted(keys, keys[positives] & ~TRUTH)
    starts = starts[keys[starts] > TRUTH]
    if not len(starts):
        return 0.0, 1.0
    hits = len(positives) - np.searchsorted(positives, starts)
    values = f1(hits, cells - starts, len(positives))
    start = starts[len(values) - 1 - np.argmax(values[::-1])]
    score, below = _score(keys[start]), _score(keys[start - 1]) if start else 0.0
    return float(values.max()), (score + below) / 2


def _score(key: np.uint32) -> float:
    return float((key >> TRUTH).view(np.float32))


class Cut(NamedTuple):
    """The cells with values >= ``edge``, the lowest one taken in, are predicted; ``utility`` is what that is worth."""

    utility: float
    edge: float


class Sweep:
    """Every cut through all cells together, by its utility: strict accuracy, label macro-F1 and micro-F1, weighted.

    ``values`` float64 (n, N), where -inf is never predicted and inf always; ``truth`` bool (n, N). Each label is sorted
    once; `best` then shifts whole labels against each other, for the price of a binary search per cell.
    """

    def __init__(self, values: np.ndarray, truth: np.ndarray, weights: Utility):
        self.values, self.truth, self.weights = values, truth, weights
        documents, labels = values.shape
        # By label, values ascending; and what each cell adds to its label's F1 when cells come in from the top. Summed
        # over the cells above a cut, these give the F1 at that cut, whatever the order among equal values.
        self.ordered, self.gains = np.empty((labels, documents)), np.empty((labels, documents))
        taken = np.arange(1, documents + 1)
        for j in range(labels):
            column = np.ascontiguousarray(values[:, j])
            order = np.argsort(column)
            correct = truth[order[::-1], j]
            self.ordered[j] = column[order]
            self.gains[j] = np.diff(f1(correct.cumsum(), taken, correct.sum()), prepend=0.0)[::-1]
        self.positive_values, self.positive_labels = values[truth], np.nonzero(truth)[1]

    def best(self, shift: np.ndarray) -> Cut:
        """The best cut through ``values - shift``, shift float64 (N,); of equal utility the highest."""
        documents, labels = self.values.shape
        positives = self.positive_values - shift[self.positive_labels]
        edges = np.unique(np.append(positives[positives > -np.inf], np.inf))  # at inf: nothing but what must be

        chosen, macro = np.zeros(len(edges) + 1, dtype=np.int64), np.zeros(len(edges) + 1)
        for j in range(labels):
            reached = np.searchsorted(edges, self.ordered[j] - shift[j], side="right")
            chosen += np.bincount(reached, minlength=len(macro))
            macro += np.bincount(reached, self.gains[j], minlength=len(macro))
        hits = np.bincount(np.searchsorted(edges, positives, side="right"), minlength=len(macro))
        # A cell that reaches k edges is taken in at the first k of them: sum from the end.
        chosen, macro, hits = (amount[:0:-1].cumsum()[::-1] for amount in (chosen, macro, hits))

        utility = (
            self.weights.accuracy * self._right(shift, edges) / documents
            + self.weights.macro_f1 * macro / labels
            + self.weights.micro_f1 * f1(hits, chosen, len(positives))
        )
        best = np.flatnonzero(utility >= utility.max() - ROUNDING)[-1]
        return Cut(float(utility[best]), float(edges[best]))

    def _right(self, shift: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """How many documents are right at each edge: those whose true labels all reach it, and no other label does."""
        lowest_true, highest_false = np.empty(len(self.values)), np.empty(len(self.values))
        for start in range(0, len(self.values), DOCUMENT_BLOCK):
            rows = slice(start, start + DOCUMENT_BLOCK)
            values, truth = self.values[rows] - shift, self.truth[rows]
            lowest_true[rows] = np.where(truth, values, np.inf).min(axis=1)
            highest_false[rows] = np.where(truth, -np.inf, values).max(axis=1)
        reachable = lowest_true > highest_false
        return _at_least(lowest_true[reachable], edges) - _at_least(highest_false[reachable], edges)

    def level(self, shift: np.ndarray, edge: float) -> float:
        """A finite number below ``edge`` and not below the next lower value; midway where both are finite."""
        below = -np.inf
        for ordered, move in zip(self.ordered, shift, strict=True):
            values = ordered - move
            below = max(below, values[values < edge].max(initial=-np.inf))
        if np.isfinite(below) and np.isfinite(edge):
            return float((below + edge) / 2)
        if np.isfinite(below):
            return float(below + 1)
        return float(edge - 1) if np.isfinite(edge) else 0.0


def _at_least(numbers: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """How many of the numbers are at least as high as each bound."""
    return len(numbers) - np.searchsorted(np.sort(numbers), bounds)
