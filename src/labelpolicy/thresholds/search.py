"""The search for cuts: of one label by its F1, and of all labels together by the utility.

The best cut lies just below a true cell, since taking in a false one never helps. So only such *edges* are tried.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from labelpolicy.thresholds.decision import blocks, logit
from labelpolicy.thresholds.objectives import Utility, f1, utility_of

#: Quantiles of all edges that are tried first. Where there are no more edges, every cut is.
CUTS = 2048
#: With many labels fewer quantiles, for so many counts by shift, label and edge.
COUNTS = 2**23
#: Utilities that differ by less are equal: they are sums of floats in another order.
ROUNDING = 1e-12


def label_cuts(y_score: np.ndarray, y_true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each label the best F1 over all cuts, and the level of the highest such cut: both float64 (N,).

    The threshold lies midway between the two scores. Where no F1 is above 0, it is 0.5.
    """
    best, thresholds = np.zeros(y_score.shape[1]), np.full(y_score.shape[1], 0.5)
    for j in range(y_score.shape[1]):
        ascending, positives = np.sort(y_score[:, j]), np.sort(y_score[y_true[:, j], j])
        edges = np.unique(positives[positives > 0])[::-1]
        if len(edges):
            starts, tp = np.searchsorted(ascending, edges), len(positives) - np.searchsorted(positives, edges)
            values = f1(tp, len(ascending) - starts, len(positives))
            at = values.argmax()
            below = ascending[starts[at] - 1] if starts[at] else 0
            best[j], thresholds[j] = values[at], (np.float64(edges[at]) + below) / 2
    return best, logit(thresholds)


@dataclass
class Search:
    """The best cut through the cells of all labels: a cell's value is ``value(j, score)`` less the label's shift.

    ``value`` rises with the score and is float64, -inf where a cell is never predicted. With ``allowed``, bool (N,), a
    document for which no label passes gets the allowed one of the highest value.
    """

    y_score: np.ndarray
    y_true: np.ndarray
    value: Callable[[int, np.ndarray], np.ndarray]
    weights: Utility
    allowed: np.ndarray | None = None

    def __post_init__(self) -> None:
        self.columns = self.y_score.T.copy(order="C")
        self.columns.sort(axis=1)  # each label once, whatever the number of shifts and cuts
        labels, self.total = range(len(self.columns)), int(np.count_nonzero(self.y_true))
        self.positives = [np.sort(self.value(j, self.y_score[self.y_true[:, j], j])) for j in labels]

    def best(self, shifts: np.ndarray) -> tuple[int, float, float, float]:
        """Of shifts (K, N) the first with the best cut, and the highest such cut: its number, utility, edge, and the
        next lower value.

        Quantiles of the cuts first; for the best shift then those between the neighbours of the best, until all are.
        """
        count = min(1 + self.total, CUTS, max(COUNTS // shifts.size, CUTS // 32))
        edges = np.array([_quantiles(self._edges(shift), count) for shift in shifts])
        utility = self.utility(shifts, edges)
        k = int(np.argmax(utility.max(axis=1) >= utility.max() - ROUNDING))
        tried, values = edges[k], utility[k]
        while True:
            at = np.flatnonzero(values >= values.max() - ROUNDING)[-1]
            edge = tried[at]
            low, high = tried[tried < edge].max(initial=-np.inf), tried[tried > edge].min(initial=np.inf)
            between = self._edges(shifts[k])
            between = between[(between > low) & (between < high) & (between != edge)]
            if not len(between):
                break  # all are tried
            tried = np.union1d(_quantiles(between, CUTS), edge)
            values = self.utility(shifts[[k]], tried[None])[0]
        cells = (self.value(j, column) - shifts[k, j] for j, column in enumerate(self.columns))
        below = max(column.max(where=column < edge, initial=-np.inf) for column in cells)
        return k, float(values[at]), float(edge), float(below)

    def utility(self, shifts: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """At each of the ascending edges (K, M) of shifts (K, N), predicting what has at least that value: (K, M)."""
        documents, labels = self.y_score.shape
        right, given = self._documents(shifts, edges)
        macro, tp, predicted = np.zeros((3, *edges.shape))
        for j, (column, positives) in enumerate(zip(self.columns, self.positives, strict=True)):
            at = edges + shifts[:, j, None]
            label_tp = len(positives) - np.searchsorted(positives, at) + given[0, :, j]
            label_predicted = documents - np.searchsorted(self.value(j, column), at) + given[1, :, j]
            macro += f1(label_tp, label_predicted, len(positives))
            tp, predicted = tp + label_tp, predicted + label_predicted
        micro = f1(tp, predicted, self.total)
        return utility_of(right / documents, macro / labels, micro, self.weights)

    def _documents(self, shifts: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """At each edge: how many documents are right (K, M), and how many labels are given to those for which none
        passes, the true ones and all, (2, K, N, M)."""
        wide = edges.shape[1] + 1
        right = np.zeros((len(edges), wide))
        given = np.zeros((2, *shifts.shape, wide if self.allowed is not None else 1), dtype=np.int32)
        for rows in blocks(self.y_score.shape):
            true = np.ascontiguousarray(self.y_true[rows].T)
            values = np.array([self.value(j, column) for j, column in enumerate(self.y_score[rows].T)])
            true_values, false_values = np.where(true, values, np.inf), np.where(true, -np.inf, values)
            for k, shift in enumerate(shifts[:, :, None]):
                # A document is right if its true labels all reach the edge and no other label does.
                lowest_true, highest_false = (true_values - shift).min(axis=0), (false_values - shift).max(axis=0)
                if self.allowed is not None:
                    lowest_true = self._give(given[:, k], edges[k], values - shift, true, lowest_true)
                start, stop = (np.searchsorted(edges[k], at, side="right") for at in (highest_false, lowest_true))
                once = start < stop
                right[k] += np.bincount(start[once], minlength=wide) - np.bincount(stop[once], minlength=wide)
        np.cumsum(given, axis=-1, out=given)
        return right.cumsum(axis=1)[:, :-1], given[..., :-1] if self.allowed is not None else given

    def _give(
        self, given: np.ndarray, edges: np.ndarray, values: np.ndarray, true: np.ndarray, lowest_true: np.ndarray
    ) -> np.ndarray:
        """Count the best label of each document at its first edge that none reaches; ``lowest_true`` as it is with it.

        The best label is predicted at every edge: a document whose only true one it is is right up to inf, and one of
        which it is not true never.
        """
        best, documents = values.argmax(axis=0), np.arange(values.shape[1])
        highest = values[best, documents]
        best[highest == -np.inf] = np.argmax(np.asarray(self.allowed))  # the first
        hit, first = true[best, documents], np.searchsorted(edges, highest, side="right")
        np.add.at(given[0], (best[hit], first[hit]), 1)
        np.add.at(given[1], (best, first), 1)
        return np.where(hit, np.where(true.sum(axis=0) == 1, np.inf, lowest_true), -np.inf)

    def _edges(self, shift: np.ndarray) -> np.ndarray:
        """The values of all true cells, ascending, and inf, where nothing is predicted that need not be."""
        values = np.concatenate([positives - by for positives, by in zip(self.positives, shift, strict=True)])
        return np.append(np.unique(values[np.isfinite(values)]), np.inf)


def _quantiles(values: np.ndarray, count: int) -> np.ndarray:
    """So many of the ascending values, the first and the last among them; some more than once if there are fewer."""
    return values[np.linspace(0, len(values) - 1, count).astype(np.int64)]
