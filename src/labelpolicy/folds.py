"""Folds of documents with several labels each: stratified by label, and whole groups."""

import itertools
import re
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from labelpolicy.errors import LabelPolicyError
from labelpolicy.randomness import generator


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
    unit = np.arange(len(y_true)) if groups is None else np.unique(list(groups), return_inverse=True)[1]
    size = np.bincount(unit)
    if len(size) < folds:
        what = "documents" if groups is None else "groups of documents"
        raise LabelPolicyError(
            f"{folds} folds of {len(size)} {what}: expected at least one for each: ask for fewer folds"
        )
    place = np.argsort(np.argsort(y_true.sum(axis=0), kind="stable"))  # of a label among all, the rarest first
    document, label = np.nonzero(y_true)
    ones = np.ones(len(label), dtype=np.int64)
    count = sparse.csr_matrix((ones, (unit[document], place[label])), shape=(len(size), y_true.shape[1]))
    count.sort_indices()
    parts = [slice(*ends) for ends in itertools.pairwise(count.indptr.tolist())]
    rarest = np.full(len(size), y_true.shape[1])  # one without a label comes last
    has_label = np.diff(count.indptr) > 0
    rarest[has_label] = count.indices[count.indptr[:-1][has_label]]

    carried, documents = np.zeros((folds, y_true.shape[1]), dtype=np.int64), np.zeros(folds, dtype=np.int64)
    found = np.empty(len(size), dtype=np.int64)
    shuffled = random.permutation(len(size))
    for one in shuffled[np.argsort(rarest[shuffled], kind="stable")]:
        labels = count.indices[parts[one]]
        burdens = np.column_stack([carried[:, labels], documents]).tolist()
        fold = burdens.index(min(burdens))
        carried[fold, labels] += count.data[parts[one]]
        documents[fold] += size[one]
        found[one] = fold
    return found[unit]


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
        labels = np.asarray(y.toarray() if hasattr(y, "toarray") else y)
        labels = labels[:, None] == np.unique(labels) if labels.ndim == 1 else labels.astype(bool)
        random = generator(self.random_state, "folds")
        fold = fold_of(labels, self.n_splits, random, None if groups is None else np.asarray(groups).tolist())
        for f in range(self.n_splits):
            yield np.flatnonzero(fold != f), np.flatnonzero(fold == f)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.n_splits}, random_state={self.random_state})"
