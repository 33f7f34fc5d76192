"""Folds of documents with several labels each: stratified by label, and whole groups."""

import re
from collections.abc import Hashable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from labelpolicy import checks
from labelpolicy.errors import LabelPolicyError
from labelpolicy.randomness import generator


class Units:
    """What goes to one part as a whole: documents, or groups of them. ``of`` is the unit of each document."""

    def __init__(self, labels: Any, groups: Sequence[Hashable] | None = None):
        """``labels`` has, for documents one after the other, ``values``, label numbers, and their ``lengths``."""
        count = len(labels.lengths)
        self.of = np.arange(count) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
        self.size = np.bincount(self.of, minlength=0)
        self.labels = int(labels.values.max(initial=-1)) + 1
        rows = self.of[np.repeat(np.arange(count), labels.lengths)]
        frequency = np.bincount(labels.values, minlength=self.labels)
        self.by_rarity = np.argsort(frequency, kind="stable")
        self.place = np.argsort(self.by_rarity)  # of a label among all, the rarest first
        ones = np.ones(len(rows), dtype=np.int64)
        self.count = sparse.csr_matrix((ones, (rows, self.place[labels.values])), shape=(len(self.size), self.labels))
        self.count.sort_indices()

    def dealt(
        self, shares: Sequence[float], random: np.random.Generator, keep: int | None = None
    ) -> tuple[list[int], np.ndarray]:
        """The units in the order in which they were dealt, and the part of each, of as many as ``shares``.

        Each goes where its rarest label is furthest behind its share so far, of equals where its next rarest label is,
        and in the end where documents are. Part ``keep`` gets one document of every label.
        """
        rarest = np.full(len(self.size), self.labels)  # one without a label comes last
        has_label = np.diff(self.count.indptr) > 0
        rarest[has_label] = self.count.indices[self.count.indptr[:-1][has_label]]
        shuffled = random.permutation(len(self.size))
        order = shuffled[np.argsort(rarest[shuffled], kind="stable")].tolist()

        weight = [max(shares) / share for share in shares]
        burden = [[0.0] * len(shares) for _ in range(self.labels)]  # of each label, in every part
        documents = [0.0] * len(shares)
        spare = (np.asarray(self.count.sum(axis=0)).ravel() - 1).tolist()
        ends, size = self.count.indptr.tolist(), self.size.tolist()
        label, count = self.count.indices.tolist(), self.count.data.tolist()
        part = np.empty(len(self.size), dtype=np.int64)
        for one in order:
            own = label[ends[one] : ends[one + 1]]
            much = count[ends[one] : ends[one + 1]]
            if keep is not None and any(spare[each] < carried for each, carried in zip(own, much, strict=True)):
                chosen = keep
            else:
                chosen = _least([*(burden[each] for each in own), documents])
            for each, carried in zip(own, much, strict=True):
                burden[each][chosen] += carried * weight[chosen]
                spare[each] -= carried if chosen != keep else 0
            documents[chosen] += size[one] * weight[chosen]
            part[one] = chosen
        return order, part

    def labels_of(self, unit: int) -> tuple[np.ndarray, np.ndarray]:
        """The labels of a unit, and how many of its documents carry each."""
        entries = slice(*self.count.indptr[unit : unit + 2])
        return self.by_rarity[self.count.indices[entries]], self.count.data[entries]

    def with_label(self, label: Any) -> np.ndarray:
        """The units with a label."""
        return self.count[:, [self.place[label]]].nonzero()[0]

    def carried(self, chosen: np.ndarray) -> np.ndarray:
        """How many documents of the units that are ``chosen``, bool, carry each label."""
        found = np.empty(self.labels, dtype=np.int64)
        found[self.by_rarity] = chosen.astype(np.int64) @ self.count
        return found


def _least(burdens: list[list[float]]) -> int:
    """The part with the least in the first list, of equals in the next one."""
    left: list[int] = []
    for row in burdens:
        least = min([row[part] for part in left] if left else row)
        left = [part for part in left or range(len(row)) if row[part] == least]
        if len(left) == 1:
            break
    return left[0]


class _Carried(NamedTuple):
    """The labels of documents: their numbers one after the other, and how many each document has."""

    values: np.ndarray
    lengths: np.ndarray


def fold_of(
    y_true: np.ndarray, folds: int, random: np.random.Generator, groups: Sequence[Hashable] | None = None
) -> np.ndarray:
    """The fold, 0 to ``folds`` - 1, of each document of y_true, bool (documents, labels): int64 (documents,).

    Labels are spread evenly, the rare ones first, in the manner of Sechidis et al. (2011), Section 3: documents come in
    the order of their rarest label, at random among equals, and each goes where that label is rarest so far, of equals
    where its next rarest label is, and in the end where the fewest documents are. Documents of the same group go
    together, as one document with the labels of all.

    Raises LabelPolicyError for fewer documents, or groups, than folds.
    """
    units = Units(_Carried(np.nonzero(y_true)[1], y_true.sum(axis=1)), groups)
    if len(units.size) < folds:
        what = "documents" if groups is None else "groups of documents"
        raise LabelPolicyError(
            f"{folds} folds of {len(units.size)} {what}: expected at least one for each: ask for fewer folds"
        )
    return units.dealt([1] * folds, random)[1][units.of]


def blocks_of(ids: Sequence[str], folds: int, groups: Sequence[Hashable] | None = None) -> np.ndarray:
    """The fold of each document, int64 (documents,): blocks of about equal size in the order of the ids.

    Numbers in an id count by their value. Documents of the same group go where its first one does.

    Raises LabelPolicyError for fewer documents, or groups, than folds.

    >>> blocks_of(["10", "9", "2", "1"], 2).tolist()
    [1, 1, 0, 0]
    """
    keys = [[part.zfill(20) for part in re.split(r"(\d+)", each)] for each in ids]
    order = sorted(range(len(ids)), key=keys.__getitem__)
    names = list(range(len(ids)) if groups is None else groups)
    units: dict[Hashable, list[int]] = {}
    for document in order:
        units.setdefault(names[document], []).append(document)
    if len(units) < folds:
        raise LabelPolicyError(
            f"{folds} folds of {len(units)} documents or groups: expected at least one for each: ask for fewer folds"
        )
    found = np.empty(len(ids), dtype=np.int64)
    for number, unit in enumerate(units.values()):
        found[unit] = number * folds // len(units)
    return found


class MultilabelStratifiedGroupKFold:
    """K folds for scikit-learn: labels are spread evenly, the rare ones first, and groups stay together (`fold_of`).

    ``y`` is (n, N) of 0 and 1, or (n,) of classes; the same ``random_state`` gives the same folds.

    >>> y = np.array([[1, 0], [1, 0], [0, 1], [0, 1]])
    >>> sorted(len(test) for _, test in MultilabelStratifiedGroupKFold(2).split(y, y))
    [2, 2]
    """

    def __init__(self, n_splits: int = 5, *, random_state: int = 0):
        self.n_splits, self.random_state = n_splits, random_state

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        return self.n_splits

    def split(self, X: Any, y: Any, groups: Any = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Rows to train on and to test on, for each fold. Raises LabelPolicyError for fewer documents than folds."""
        checks.count("n_splits", self.n_splits, 2)
        checks.count("random_state", self.random_state)
        labels = np.asarray(y.toarray() if hasattr(y, "toarray") else y)
        known = labels.dtype.kind in "biufUS" or (labels.ndim == 1 and all(isinstance(each, str) for each in labels))
        checks.expect(labels.ndim in (1, 2) and known, "y", y, "(n,) classes or (n, labels) of 0 and 1")
        if groups is not None:
            checks.one_each("groups", groups, len(labels))
        labels = labels[:, None] == np.unique(labels) if labels.ndim == 1 else labels.astype(bool)
        random = generator(self.random_state, "folds")
        fold = fold_of(labels, self.n_splits, random, None if groups is None else np.asarray(groups).tolist())
        for f in range(self.n_splits):
            yield np.flatnonzero(fold != f), np.flatnonzero(fold == f)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.n_splits}, random_state={self.random_state})"
