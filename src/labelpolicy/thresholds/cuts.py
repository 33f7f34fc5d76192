"""Exact search over every cut of sorted scores: for one F1, and for a utility of all labels together.

A cut predicts the cells above it. Equal values are never parted. What makes all searches quick: taking in a negative
never helps (it costs precision and can only spoil a document), so the best cut lies just below a positive.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from labelpolicy.thresholds.objectives import Utility, f1

TRUTH = np.uint32(1)
#: Utilities that differ by less are equal: sums of floats in another order.
ROUNDING = 1e-12
#: Documents worked on at once, for the sake of memory.
DOCUMENT_BLOCK = 4096
#: Documents of which all scores stay in a processor's cache.
CACHED_DOCUMENTS = 1024
#: A search of no more cells than this (cells times shifts) tries every cut at once; a larger one is narrowed first.
SMALL = 2**19
#: Cuts at which a narrowing step bounds the utility, for each shift: at first, and at most.
STEPS, MOST_STEPS = 128, 8192
#: Positives, spread over all of them, from which these cuts are taken.
SAMPLE = 2**16
#: Bounds are sums of floats as well: what comes this close to the best found so far is still searched.
CLOSE = 1e-9


def sortable(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Score and truth in one integer, so that a plain sort, far quicker than an argsort, keeps them together.

    The bits of a non-negative float32 order as the numbers do. Shifted by one they lose the sign (-0 becomes 0) and
    make room for the truth. Takes float32 in [0, 1] and bool of one shape, returns uint32.
    """
    keys = np.array(scores, dtype=np.float32, order="C").view(np.uint32)  # a copy, to work on in place
    keys <<= TRUTH
    keys |= truth
    return keys


def label_keys(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """`sortable` of scores and truth (n, N), turned: uint32 (N, n), one contiguous row a label."""
    keys = np.empty(scores.shape[::-1], dtype=np.uint32)
    for start in range(0, len(scores), CACHED_DOCUMENTS):
        rows = slice(start, start + CACHED_DOCUMENTS)
        keys[:, rows] = sortable(scores[rows], truth[rows]).T
    return keys


def best_f1_cut(keys: np.ndarray) -> tuple[float, float]:
    """The best F1 over all cuts of sorted ``keys`` (cells,), see `sortable`, and the threshold that reaches it.

    The threshold lies midway between the two neighbouring scores (0 below the last), in float64. Of equal F1 the
    highest threshold is taken. Where no cut has an F1 above 0, returns (0, 1).
    """
    cells = len(keys)
    positives = np.flatnonzero(has_truth(keys))
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


def best_f1_cuts_without(parts: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """`best_f1_cut` of all parts but one, for each part, and of all last: F1 and thresholds, float64 (parts + 1,).

    ``parts`` are the sorted keys of one label's folds. They are sorted once each and never merged: all that an F1 needs
    is how many cells of every fold reach a positive.
    """
    positives = [row[has_truth(row)] >> TRUTH for row in parts]
    scores = np.sort(np.concatenate(positives))
    scores = scores[scores > 0]
    starts = np.array([np.searchsorted(row, scores << TRUTH) for row in parts])
    taken = np.array([len(row) for row in parts])[:, None] - starts
    count = np.array([len(fold) for fold in positives])
    hits = np.array([len(fold) - np.searchsorted(fold, scores) for fold in positives])

    best, thresholds = np.zeros(len(parts) + 1), np.ones(len(parts) + 1)
    for left_out in range(len(parts) + 1):
        kept = np.arange(len(parts)) != left_out
        values = f1(hits[kept].sum(axis=0), taken[kept].sum(axis=0), count[kept].sum())
        if not len(values) or not values.max():
            continue
        # The highest of equals is a positive of a kept part: one that only the part left out has adds no hit.
        cut = len(values) - 1 - np.argmax(values[::-1])
        below = max((_score(parts[k][starts[k, cut] - 1]) for k in np.flatnonzero(kept) if starts[k, cut]), default=0.0)
        best[left_out] = values[cut]
        thresholds[left_out] = (_score(scores[cut] << TRUTH) + below) / 2
    return best, thresholds


def has_truth(keys: np.ndarray) -> np.ndarray:
    """The truth of sortable ``keys``, boolean of their shape."""
    return np.bitwise_and(keys, TRUTH, dtype=np.uint8, casting="unsafe").view(bool)


def _score(key: np.uint32) -> float:
    return float((key >> TRUTH).view(np.float32))


class Cut(NamedTuple):
    """The cells with values >= ``edge``, the lowest one taken in, are predicted; ``utility`` is what that is worth."""

    utility: float
    edge: float


class Scale(Protocol):
    """What a label's keys (uint32, without the truth) are worth: values ascend with keys."""

    def values(self, label: int, keys: np.ndarray) -> np.ndarray:
        """Values of keys, float64: -inf is never predicted and inf always."""

    def keys(self, label: int, values: np.ndarray) -> np.ndarray:
        """The key nearest to each value, int64, or a neighbour of it."""


@dataclass(frozen=True)
class Documents:
    """Between which edges each document is right: its true labels all reach them, and no other label does.

    ``lowest_true`` and ``highest_false`` (shifts, n) are the lowest value of a true label and the highest of another,
    to within ``margin``. ``exact(k, rows)`` returns both for some documents at shift number k, in float64.
    """

    lowest_true: np.ndarray
    highest_false: np.ndarray
    margin: float
    exact: Callable[[int, np.ndarray], tuple[np.ndarray, np.ndarray]]

    def maybe(self, k: int, low: float, high: float) -> np.ndarray:
        """Which documents may be right at some edge from ``low`` to ``high``, boolean (n,)."""
        true, false = self.lowest_true[k], self.highest_false[k]
        return (true >= low - self.margin) & (false < high + self.margin) & (true + 2 * self.margin > false)

    def surely(self, k: int, low: float, high: float) -> np.ndarray:
        """Which documents are right at every edge from ``low`` to ``high``, boolean (n,); may miss some."""
        return (self.lowest_true[k] > high + self.margin) & (self.highest_false[k] < low - self.margin)


@dataclass(frozen=True)
class Always:
    """Cells that are predicted at every cut, at each shift others: one cell of every document, or none at all.

    ``keys`` uint32 (shifts, cells): `sortable` of these cells, label by label and ascending within a label, where label
    j has those from ``starts[k, j]`` to ``starts[k, j + 1]``; ``starts`` is int64 (shifts, N + 1).
    """

    keys: np.ndarray
    starts: np.ndarray

    @classmethod
    def none(cls, shifts: int, labels: int) -> Always:
        return cls(np.empty((shifts, 0), dtype=np.uint32), np.zeros((shifts, labels + 1), dtype=np.int64))

    @classmethod
    def of(cls, label: np.ndarray, scores: np.ndarray, truth: np.ndarray) -> Always:
        """The cells of ``label`` (shifts, n), a label of each document at each shift; scores and truth are (n, N)."""
        documents, labels = scores.shape
        keys, starts = np.empty(label.shape, dtype=np.uint32), np.zeros((len(label), labels + 1), dtype=np.int64)
        for start in range(0, documents, CACHED_DOCUMENTS):
            rows = slice(start, start + CACHED_DOCUMENTS)
            cells = np.arange(documents)[rows], label[:, rows]
            keys[:, rows] = sortable(scores[cells], truth[cells])
        for k, row in enumerate(label):
            packed = row.astype(np.uint64) << np.uint64(32) | keys[k]
            packed.sort()
            keys[k] = packed & np.uint64(2**32 - 1)
            np.cumsum(np.bincount(row, minlength=labels), out=starts[k, 1:])
        return cls(keys, starts)

    def of_label(self, k: int, label: int) -> np.ndarray:
        return self.keys[k, self.starts[k, label] : self.starts[k, label + 1]]


class Sweep:
    """Every cut through all cells together, by its utility: strict accuracy, label macro-F1 and micro-F1, weighted.

    ``rows`` uint32 (N, n): each label's cells in ascending order, key and truth as `sortable` packs them. ``shifts``
    float64 (shifts, N) move whole labels against each other: the value of a cell is that of its key less the label's
    shift. So each label is sorted but once, whatever the number of shifts. The cells of ``always`` are predicted
    whatever their value; ``documents`` must know of them.

    A large search is narrowed first (branch and bound). Between two cuts the utility is at most what all the true cells
    there and none of the others would bring; where that falls short of a utility already reached, no cut is tried. So
    nothing is approximated: the outcome is that of trying every cut.
    """

    def __init__(
        self,
        rows: np.ndarray,
        scale: Scale,
        shifts: np.ndarray,
        documents: Documents,
        weights: Utility,
        always: Always | None = None,
    ):
        self.rows, self.scale, self.shifts, self.documents, self.weights = rows, scale, shifts, documents, weights
        self.always = Always.none(*shifts.shape) if always is None else always
        self.positives = [row[has_truth(row)] >> TRUTH for row in rows]
        self.total = sum(map(len, self.positives))
        stride = max(self.total // SAMPLE, 1)
        sample = [scale.values(j, positives[::stride]) for j, positives in enumerate(self.positives)]
        self.sample_labels = np.repeat(np.arange(len(rows)), list(map(len, sample)))
        self.sample = np.concatenate(sample)

    def best(self) -> list[Cut]:
        """For each shift the best cut, of equal utility the highest; utility -inf where another shift is better."""
        windows = dict.fromkeys(range(len(self.shifts)), (-np.inf, np.inf))
        cells = self.rows.size * len(windows)
        enough, steps = (SMALL if cells <= SMALL else SMALL // 8), STEPS
        while cells > enough and steps <= MOST_STEPS:
            windows, left = self._narrowed(windows, steps)
            if left > cells / 2:  # a flat utility wants tighter bounds
                steps *= 4
            cells = left
        cuts = [Cut(-np.inf, np.inf)] * len(self.shifts)
        for k, (low, high) in windows.items():
            cuts[k] = self._best_within(k, low, high)
        return cuts

    def below(self, k: int, edge: float) -> np.ndarray:
        """How many cells of each label do not reach ``edge`` at shift number k, int64 (N,)."""
        count = np.empty(len(self.rows), dtype=np.int64)
        for j, row in enumerate(self.rows):
            start, stop = self._undecided(j, k, edge, edge)
            count[j] = start + np.searchsorted(self._values(j, k, row[start:stop] >> TRUTH), edge)
        return count

    def level(self, k: int, edge: float) -> float:
        """A finite number below ``edge`` and not below the next lower value; midway where both are finite."""
        below = -np.inf
        for j, count in enumerate(self.below(k, edge)):
            below = max(
                below, self._values(j, k, self.rows[j, max(count - 1, 0) : count] >> TRUTH).max(initial=-np.inf)
            )
        if np.isfinite(below) and np.isfinite(edge):
            return float((below + edge) / 2)
        if np.isfinite(below):
            return float(below + 1)
        return float(edge - 1) if np.isfinite(edge) else 0.0

    def _values(self, label: int, k: int, keys: np.ndarray) -> np.ndarray:
        return self.scale.values(label, keys) - self.shifts[k, label]

    def _bracket(self, label: int, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Two keys for each value, uint32: keys below the first do not reach it, keys from the second on do."""
        keys = self.scale.keys(label, values)
        return np.maximum(keys - 1, 0).astype(np.uint32), np.maximum(keys + 2, 0).astype(np.uint32)

    def _undecided(self, label: int, k: int, low: float, high: float) -> tuple[int, int]:
        """From and to: the label's cells that a cut between the edges ``low`` and ``high`` may take in or leave out."""
        start, stop = np.searchsorted(self.rows[label], self._borders(label, k, low, high) << TRUTH)
        return int(start), int(stop)

    def _borders(self, label: int, k: int, low: float, high: float) -> np.ndarray:
        """From and to, as keys: what a cut between the edges ``low`` and ``high`` may take in or leave out."""
        keys = self._bracket(label, np.array([low, high]) + self.shifts[k, label])
        return np.array([keys[0][0], keys[1][1]])

    def _between(self, label: int, k: int, low: float, high: float) -> tuple[np.ndarray, int, int]:
        """The label's cells that a cut from ``low`` to ``high`` may take in or leave out, less those of ``always``.

        With them, of the label's cells that every such cut takes in, how many are true and how many there are.
        """
        row, positives, always = self.rows[label], self.positives[label], self.always.of_label(k, label)
        borders = self._borders(label, k, low, high)
        start, stop = np.searchsorted(row, borders << TRUTH)
        first, last = np.searchsorted(always, borders << TRUTH)
        found = len(positives) - np.searchsorted(positives, borders[1]) + np.count_nonzero(has_truth(always[:last]))
        return _without(row[start:stop], always[first:last]), int(found), int(len(row) - stop + last)

    def _utility(self, right: np.ndarray, macro: np.ndarray, hits: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        labels, documents = self.rows.shape
        return (
            self.weights.accuracy * right / documents
            + self.weights.macro_f1 * macro / labels
            + self.weights.micro_f1 * f1(hits, chosen, self.total)
        )

    # Trying every cut.

    def _best_within(self, k: int, low: float, high: float) -> Cut:
        """The best cut with an edge from ``low`` to ``high``; of equal utility the highest."""
        cells, found_above, taken_above = zip(
            *(self._between(j, k, low, high) for j in range(len(self.rows))), strict=True
        )
        values = [self._values(j, k, keys[has_truth(keys)] >> TRUTH) for j, keys in enumerate(cells)]
        edges = np.unique(np.concatenate([*values, [np.inf]]))  # at inf: nothing but what must be
        edges = edges[(edges > -np.inf) & (edges >= low) & (edges <= high)]
        if not len(edges):
            return Cut(-np.inf, np.inf)

        chosen, hits, macro = (np.zeros(len(edges) + 1, dtype=kind) for kind in (np.int64, np.int64, np.float64))
        macro_above = 0
        for j, (keys, found, above) in enumerate(zip(cells, found_above, taken_above, strict=True)):
            correct, positives = has_truth(keys), len(self.positives[j])
            macro_above = macro_above + f1(found, above, positives)
            # What each cell adds to its label's F1 when cells come in from the top. Summed over the cells above a cut,
            # these give the F1 at that cut, whatever the order among equal values.
            taken, right = above + np.arange(len(keys) + 1), found + np.append(0, correct[::-1].cumsum())
            gains = np.diff(f1(right, taken, positives))[::-1]
            reached = np.searchsorted(edges, self._values(j, k, keys >> TRUTH), side="right")
            chosen += np.bincount(reached, minlength=len(chosen))
            hits += np.bincount(reached[correct], minlength=len(chosen))
            macro += np.bincount(reached, gains, minlength=len(chosen))
        # A cell that reaches m edges is taken in at the first m of them: sum from the end.
        chosen, hits, macro = (amount[:0:-1].cumsum()[::-1] for amount in (chosen, hits, macro))
        right = self._right(k, low, high, edges)
        utility = self._utility(right, macro_above + macro, sum(found_above) + hits, sum(taken_above) + chosen)
        best = np.flatnonzero(utility >= utility.max() - ROUNDING)[-1]
        return Cut(float(utility[best]), float(edges[best]))

    def _right(self, k: int, low: float, high: float, edges: np.ndarray) -> np.ndarray:
        """How many documents are right at each of the edges from ``low`` to ``high``."""
        surely = self.documents.surely(k, low, high)
        true, false = self.documents.exact(k, np.flatnonzero(self.documents.maybe(k, low, high) & ~surely))
        reachable = true > false
        return surely.sum() + _at_least(true[reachable], edges) - _at_least(false[reachable], edges)

    # Ruling out cuts.

    def _narrowed(
        self, windows: dict[int, tuple[float, float]], steps: int
    ) -> tuple[dict[int, tuple[float, float]], int]:
        """The edges between which the best cut of all shifts may lie, by shift, and how many cells that leaves."""
        documents, shifts = self.rows.shape[1], list(windows)
        edges = np.array([self._steps(k, *windows[k], steps) for k in shifts])
        # At each edge, the most and the least: an edge that rounding cannot tell from a cell may or may not take it in.
        chosen, hits = np.zeros((2, 2, *edges.shape), dtype=np.int64)
        floor, ceiling = np.zeros(edges.shape), np.zeros((len(edges), edges.shape[1] - 1))  # of macro-F1, summed
        for j, (row, positives) in enumerate(zip(self.rows, self.positives, strict=True)):
            keys = np.array(self._bracket(j, edges + self.shifts[shifts, j][:, None]))
            label_chosen = documents - np.searchsorted(row, keys << TRUTH)
            label_hits = len(positives) - np.searchsorted(positives, keys)
            for at, k in enumerate(shifts):  # what is taken in although it does not reach the edge
                always = self.always.of_label(k, j)
                label_chosen[:, at] += np.searchsorted(always, keys[:, at] << TRUTH)
                label_hits[:, at] += np.searchsorted(always[has_truth(always)] >> TRUTH, keys[:, at])
            floor += f1(label_hits[1], label_chosen[0], len(positives))
            ceiling += f1(*_at_most(label_hits, label_chosen), len(positives))
            chosen, hits = chosen + label_chosen, hits + label_hits
        bounds = [self._right_bounds(k, at) for k, at in zip(shifts, edges, strict=True)]
        right_floor, right_ceiling = map(np.array, zip(*bounds, strict=True))
        floor = self._utility(right_floor, floor, hits[1], chosen[0])
        ceiling = self._utility(right_ceiling, ceiling, *_at_most(hits, chosen))

        left, cells = {}, 0
        for row, k in enumerate(shifts):
            candidates = np.flatnonzero(ceiling[row] >= floor.max() - CLOSE)
            if len(candidates):
                first, last = candidates[0], candidates[-1] + 1
                left[k] = float(edges[row, first]), float(edges[row, last])
                cells += int(chosen[0, row, first] - chosen[1, row, last])
        return left, cells

    def _steps(self, k: int, low: float, high: float, steps: int) -> np.ndarray:
        """``low``, some ascending edges in between, ``high``: quantiles of the positives, or else evenly spaced."""
        sample = self.sample - self.shifts[k, self.sample_labels]
        sample = np.sort(sample[np.isfinite(sample) & (sample >= low) & (sample <= high)])
        if len(sample) > steps:
            return np.array([low, *sample[np.linspace(0, len(sample) - 1, steps).astype(np.int64)], high])
        finite = [*sample[:1], *sample[-1:], *(end for end in (low, high) if np.isfinite(end))] or [0.0]
        return np.array([low, *np.sort(np.linspace(min(finite), max(finite), steps).clip(low, high)), high])

    def _right_bounds(self, k: int, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How many documents are right: at least at each edge, and at most between each edge and the next."""
        margin, rows = self.documents.margin, self.documents.maybe(k, float(edges[0]), float(edges[-1]))
        true, false = np.sort(self.documents.lowest_true[k, rows]), np.sort(self.documents.highest_false[k, rows])
        # No document's highest other label stands above its lowest true one, but for the margin: counting suffices.
        floor = _from(true, edges + margin) - _from(false, edges - margin)
        ceiling = _from(true, edges[:-1] - margin) - _from(false, edges[1:] + margin)
        return floor, ceiling


def _without(keys: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Ascending ``keys`` less those of ``out``, ascending and all among them; of equal keys as many as ``out`` has."""
    if not len(out):
        return keys
    return np.delete(keys, np.searchsorted(keys, out) + np.arange(len(out)) - np.searchsorted(out, out))


def _at_most(hits: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Between each edge and the next, the hits and predictions of the highest F1: all true cells come in, no other."""
    most = hits[0, ..., :-1]
    return most, chosen[1, ..., 1:] + most - hits[1, ..., 1:]


def _at_least(numbers: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """How many of the numbers are at least as high as each bound."""
    return _from(np.sort(numbers), bounds)


def _from(ordered: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """How many of the ascending numbers are at least as high as each bound."""
    return len(ordered) - np.searchsorted(ordered, bounds)
