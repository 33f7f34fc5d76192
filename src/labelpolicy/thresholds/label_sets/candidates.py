"""State and actions of the policy over label sets: of each document the sets that come into question, with ``phi``.

``phi`` of a set says what speaks for it: sums over its labels (score, frequency, name), and facts of the whole set (how
often training documents have exactly this set, and its pairs; its size). FEATURES names them; all labels share weights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from labelpolicy.thresholds.label_sets.names import MOST, TITLE

#: Features of a label, of its name, and of the set as a whole, in the order of the weights.
OF_LABELS = ("labels", "logit", "logit_squared", "frequency", "logit_times_frequency", "calibrated_logit")
OF_NAMES = ("in_title", "in_title_times_frequency", "in_text", "in_text_times_frequency", "absent_times_frequency")
OF_SETS = ("log_count", "never_seen", "pair_lift", "positive_pair_lift", "pairs", "labels_beyond_two", "empty")
FEATURES = (*OF_LABELS, *OF_NAMES, *OF_SETS)

#: Labels of a document whose subsets are looked at, and how much less likely than the best one a subset may be, as a
#: log odds, when labels are taken to be independent.
BEST, FARTHEST = 7, 12.0
#: What a name in the title, and in the text, adds to the logit by which a document's best labels are found, and how
#: much more to that by which sets are kept: where a name stands, the policy has to be asked.
TITLE_BONUS, TEXT_BONUS, KEPT_FOR_NAMES = 0.5, 0.25, 8.0
#: The margin of a label that is never predicted, and what it adds to the log odds of a set.
NEVER = -1e6
#: Added to counts before their logarithm.
SMOOTHING = 0.5


class TrainingSets:
    """How often each label set, and each pair of labels, occurs in the training documents.

    ``counts`` maps sets, as tuples of ascending label indices, to documents. A set is looked up by its key, the sum of
    its labels' ``codes``, of which two different sets have the same in one of 2^64 cases.
    """

    def __init__(self, counts: Mapping[tuple[int, ...], int], labels: int):
        self.counts, self.documents = dict(counts), sum(counts.values())
        self.codes = np.random.default_rng(0).integers(1, 1 << 63, size=labels, dtype=np.uint64)
        self.support = np.zeros(labels)
        pairs: Counter[tuple[int, int]] = Counter()
        for members, times in self.counts.items():
            self.support[list(members)] += times
            for pair in combinations(members, 2):
                pairs[pair] += times
        keys = np.array([self.codes[list(members)].sum() for members in self.counts], dtype=np.uint64)
        self.exactly = _Lookup(keys, list(self.counts.values()))
        self._pairs = _Lookup(_pair(*np.array(list(pairs), dtype=np.int64).reshape(-1, 2).T), list(pairs.values()))

    @classmethod
    def of(cls, y_true: np.ndarray) -> TrainingSets:
        """From bool (documents, labels)."""
        return cls(Counter(tuple(np.flatnonzero(row).tolist()) for row in y_true), y_true.shape[1])

    def both(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Training documents with both labels, as float64."""
        return self._pairs(_pair(np.minimum(one, other), np.maximum(one, other)))


class _Lookup:
    """Numbers by key; 0 for a key that is not there."""

    def __init__(self, keys: np.ndarray, values: list[int]):
        order = np.argsort(keys)
        self.keys, self.values = keys[order], np.array(values, dtype=np.float64)[order]

    def __call__(self, keys: np.ndarray) -> np.ndarray:
        if not len(self.keys):
            return np.zeros(keys.shape)
        place = np.searchsorted(self.keys, keys).clip(max=len(self.keys) - 1)
        return np.where(self.keys[place] == keys, self.values[place], 0.0)


def _pair(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return one.astype(np.uint64) << np.uint64(32) | other.astype(np.uint64)


@dataclass(frozen=True)
class LabelFacts:
    """What is known of each label, float64 (N,).

    ``level`` is the logit above which `shared` predicts it (inf: it is never predicted), ``slope`` and ``offset`` turn
    its logit into a calibrated one, ``frequency`` is its standardised log(1 + training documents).
    """

    level: np.ndarray
    slope: np.ndarray
    offset: np.ndarray
    frequency: np.ndarray


@dataclass(frozen=True)
class Candidates:
    """The candidate sets of n documents: those of document i are ``starts[i]:starts[i + 1]``.

    ``best`` int64 (n, K) are its best labels, ``members`` bool (C, K) which of them each candidate has, ``document``
    int64 (C,) whose it is, and ``phi`` float32 (C, F).
    """

    best: np.ndarray
    starts: np.ndarray
    document: np.ndarray
    members: np.ndarray
    phi: np.ndarray

    @classmethod
    def joined(cls, parts: Iterable[Candidates]) -> Candidates:
        """One after the other."""
        found: dict[str, list[np.ndarray]] = {name: [] for name in cls.__annotations__}
        candidates = documents = 0
        for part in parts:
            shifted = {"starts": part.starts[:-1] + candidates, "document": part.document + documents}
            candidates, documents = candidates + part.starts[-1], documents + len(part.best)
            for name, arrays in found.items():
                arrays.append(shifted.get(name, getattr(part, name)))
        found["starts"].append(np.array([candidates]))
        return cls(**{name: np.concatenate(found.pop(name)) for name in cls.__annotations__})


def candidates_of(
    logits: np.ndarray,
    names: np.ndarray | None,
    training: TrainingSets,
    labels: LabelFacts,
    *,
    may_be_empty: bool,
    own: np.ndarray | None = None,
) -> Candidates:
    """The candidates of documents with these logits (n, N), and ``names`` as Names.counts gives them, or None.

    ``own`` bool (n, N) are the true labels of documents that ``training`` counts: they are taken out of its counts.
    """
    bonus = None if names is None else TITLE_BONUS * (names >= TITLE) + TEXT_BONUS * (names > 0)
    margin = logits - labels.level if bonus is None else logits - labels.level + bonus
    best, allowed = _best(margin)
    logit, frequency = np.take_along_axis(logits, best, axis=1), labels.frequency[best]
    calibrated = labels.slope[best] * logit + labels.offset[best]
    hopeful = calibrated if bonus is None else calibrated + KEPT_FOR_NAMES * np.take_along_axis(bonus, best, axis=1)
    chance = subset_sums(np.where(allowed, hopeful, NEVER))
    if not may_be_empty:
        chance[:, 0] = -np.inf
    kept = chance >= chance.max(axis=1, keepdims=True) - FARTHEST
    document, subset = np.nonzero(kept)
    starts = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
    cells = [np.ones_like(logit), logit, logit * logit, frequency, logit * frequency, calibrated]
    cells += _of_names(names, best, frequency)
    phi = np.empty((len(document), len(FEATURES)), dtype=np.float32)
    for column, cell in enumerate(cells):
        phi[:, column] = subset_sums(cell.astype(np.float32))[kept]
    phi[:, len(cells) :] = np.stack(list(_of_sets(best, kept, document, training, own)), axis=1)
    return Candidates(best, starts, document, subset[:, None] >> np.arange(best.shape[1]) & 1 == 1, phi)


def subset_sums(cells: np.ndarray) -> np.ndarray:
    """Of each row of (n, K) the sums of its 2^K subsets, (n, 2^K): subset s has the columns of its binary digits.

    >>> subset_sums(np.array([[1, 10]])).tolist()
    [[0, 1, 10, 11]]
    """
    sums = np.zeros((len(cells), 1 << cells.shape[1]), dtype=cells.dtype)
    for k in range(cells.shape[1]):
        sums[:, 1 << k : 2 << k] = sums[:, : 1 << k] + cells[:, k : k + 1]
    return sums


def _best(margin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The BEST labels of the largest margin, of equal ones the lower index, and which of them are ever predicted."""
    rows, left = np.arange(len(margin)), margin.clip(min=NEVER)
    best = np.empty((len(margin), min(BEST, margin.shape[1])), dtype=np.int64)
    for k in range(best.shape[1]):
        best[:, k] = left.argmax(axis=1)
        left[rows, best[:, k]] = -np.inf
    return best, margin[rows[:, None], best] > NEVER


def _of_names(names: np.ndarray | None, best: np.ndarray, frequency: np.ndarray) -> list[np.ndarray]:
    if names is None:
        return [np.zeros_like(frequency)] * len(OF_NAMES)
    found = np.take_along_axis(names, best, axis=1)
    title, text = (found >= TITLE).astype(np.float64), np.log1p(found % TITLE) / np.log1p(MOST)
    return [title, title * frequency, text, text * frequency, frequency * (found == 0)]


def _of_sets(
    best: np.ndarray, kept: np.ndarray, document: np.ndarray, training: TrainingSets, own: np.ndarray | None
) -> Iterator[np.ndarray]:
    keys = subset_sums(training.codes[best])[kept]
    count = training.exactly(keys)
    if own is not None:
        count = count - (keys == (own * training.codes).sum(axis=1, dtype=np.uint64)[document])
    yield np.log(count + SMOOTHING)
    yield count == 0
    lift, positive = np.zeros((2, *kept.shape), dtype=np.float32)
    for k in range(1, best.shape[1]):
        of_pairs = _lift(best[:, k : k + 1], best[:, :k], training, own).astype(np.float32)
        below, with_k = slice(1 << k), slice(1 << k, 2 << k)
        lift[:, with_k] = lift[:, below] + subset_sums(of_pairs)
        positive[:, with_k] = positive[:, below] + subset_sums(of_pairs.clip(min=0))
    yield lift[kept]
    yield positive[kept]
    size = subset_sums(np.ones((1, best.shape[1])))[0][np.nonzero(kept)[1]]
    yield size * (size - 1) / 2
    yield np.maximum(size - 2, 0)
    yield size == 0


def _lift(one: np.ndarray, other: np.ndarray, training: TrainingSets, own: np.ndarray | None) -> np.ndarray:
    """Log of how much more often two labels stand together than if they were independent, smoothed."""
    alone, others, both = training.support[one], training.support[other], training.both(one, other)
    if own is not None:
        has, have = np.take_along_axis(own, one, axis=1), np.take_along_axis(own, other, axis=1)
        alone, others, both = alone - has, others - have, both - (has & have)
    return np.log((both + SMOOTHING) / (alone * others / max(training.documents, 1) + SMOOTHING))
