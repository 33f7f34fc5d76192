"""The search for the best cut through the cells of all labels together, by the utility.

The best cut lies just below a true cell, since taking in a false one never helps. So only such *edges* are tried.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from labelpolicy.thresholds.arrays import blocks, logit
from labelpolicy.thresholds.objectives import Utility, f1, utility_of

#: Quantiles of the edges that are tried first; fewer with many labels, for so many counts by shift, label and edge.
CUTS, COUNTS = 1024, 2**23
#: Utilities that differ by less are equal: they are sums of floats in another order.
ROUNDING = 1e-12


@dataclass
class Search:
    """The best cut through the cells of all labels: a cell's value is ``value(y_score)`` less the label's shift.

    ``value`` rises and is float64, -inf where a cell is never predicted. With ``allowed``, int (some,), a document for
    which no label passes gets that of them with the highest value.
    """

    y_score: np.ndarray
    y_true: np.ndarray
    weights: Utility
    allowed: np.ndarray | None = None
    value: Callable[[np.ndarray], np.ndarray] = logit

    def __post_init__(self) -> None:
        self.columns = self.y_score.T.copy(order="C")
        self.columns.sort(axis=1)  # each label once, whatever the number of shifts and cuts
        columns = zip(self.y_score.T, self.y_true.T, strict=True)
        self.positives = [np.sort(self.value(column[true])) for column, true in columns]

    def best(self, shifts: np.ndarray | None = None) -> tuple[int, float, float]:
        """Of shifts (K, N), or 0, the first with the best cut, its utility, and its level: midway below the highest.

        Quantiles of the edges are tried for all shifts, then for the best one every edge around its best quantile.
        """
        shifts = np.zeros((1, len(self.columns))) if shifts is None else shifts
        count = min(1 + int(np.count_nonzero(self.y_true)), CUTS, max(COUNTS // shifts.size, CUTS // 32))
        share = np.linspace(0, 1, count)
        quantiles = np.array([edges[(share * (len(edges) - 1)).astype(int)] for edges in map(self.edges, shifts)])
        utility = self.utility(shifts, quantiles)
        k = int(np.argmax(utility.max(axis=1) >= utility.max() - ROUNDING))
        shift, every, at = shifts[[k]], self.edges(shifts[k]), _last_best(utility[k])
        low, high = quantiles[k, max(at - 1, 0)], quantiles[k, min(at + 1, count - 1)]
        near = every[(every >= low) & (every <= high)]
        utility = self.utility(shift, near[None])[0]
        edge, best = near[_last_best(utility)], float(utility.max())
        cells = (self.value(column) - by for column, by in zip(self.columns, shift[0], strict=True))
        below = max(column.max(where=column < edge, initial=-np.inf) for column in cells)
        finite = [end for end in (below, edge) if np.isfinite(end)] or [0.0]
        return k, best, float(np.mean(finite)) + float(edge == np.inf) - float(below == -np.inf)

    def edges(self, shift: np.ndarray) -> np.ndarray:
        """The values of all true cells, ascending, and inf, where nothing is predicted that need not be."""
        values = np.concatenate([positives - by for positives, by in zip(self.positives, shift, strict=True)])
        return np.append(np.unique(values[np.isfinite(values)]), np.inf)

    def utility(self, shifts: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """At each of the ascending edges (K, M) of shifts (K, N), predicting what has at least that value: (K, M)."""
        right = np.zeros((len(edges), edges.shape[1] + 1), dtype=np.int32)  # documents
        given = np.zeros((2, *shifts.shape, 2 if self.allowed is None else right.shape[1]), dtype=np.int32)
        for rows in blocks(self.y_score.shape):
            true, scores = (np.ascontiguousarray(array[rows].T) for array in (self.y_true, self.y_score))
            cells = self.value(scores)
            for k, values in enumerate(cells - shift[:, None] for shift in shifts):
                if self.allowed is not None:  # the best label is predicted at every edge
                    best, column = self.allowed[values[self.allowed].argmax(axis=0)], np.arange(values.shape[1])
                    first = np.searchsorted(edges[k], values[best, column], side="right")  # edge that it does not reach
                    np.add.at(given, (0, k, best, first), true[best, column])
                    np.add.at(given, (1, k, best, first), 1)
                    values[best, column] = np.inf
                # A document is right if its true labels all reach the edge and no other label does.
                start = np.searchsorted(edges[k], np.where(true, -np.inf, values).max(axis=0), side="right")
                stop = np.searchsorted(edges[k], np.where(true, values, np.inf).min(axis=0), side="right")
                np.add.at(right[k], start, start < stop)
                np.subtract.at(right[k], stop, start < stop)
        given.cumsum(axis=-1, out=given)
        macro, tp, predicted = np.zeros((3, *edges.shape))
        for j, (column, positives) in enumerate(zip(self.columns, self.positives, strict=True)):
            at = edges + shifts[:, j, None]
            label_tp = len(positives) - np.searchsorted(positives, at) + given[0, :, j, :-1]
            label_predicted = len(column) - np.searchsorted(self.value(column), at) + given[1, :, j, :-1]
            macro += f1(label_tp, label_predicted, len(positives)) / len(self.columns)
            tp, predicted = tp + label_tp, predicted + label_predicted
        accuracy = right.cumsum(axis=1)[:, :-1] / len(self.y_score)
        return utility_of(accuracy, macro, f1(tp, predicted, np.count_nonzero(self.y_true)), self.weights)


def _last_best(utility: np.ndarray) -> int:
    return int(np.flatnonzero(utility >= utility.max() - ROUNDING)[-1])
