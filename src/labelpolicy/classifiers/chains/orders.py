"""Orders of labels: what may be predicted from what.

A chain needs a linear order, and, for Predictions-as-Features, which labels precede which: the partial order. Both
come from the label frequencies, from the hierarchy, from the dependence of labels in the training documents, or
from a list of all labels' names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy.stats import hypergeom

from labelpolicy.data.prepared import Prepared
from labelpolicy.errors import LabelPolicyError
from labelpolicy.hierarchy import ancestor_closure

#: Chance that any pair of independent labels counts as dependent (Bonferroni over all pairs).
SIGNIFICANCE = 0.05


def by_name(names: Sequence[str], labels: Sequence[str]) -> np.ndarray:
    """Indices of ``names`` in ``labels``, int64 (labels,).

    Raises LabelPolicyError if the names are not a permutation of the labels.
    """
    place, times = {label: j for j, label in enumerate(labels)}, Counter(names)
    for name in dict.fromkeys([*names, *labels]):
        if name not in place:
            raise LabelPolicyError(f"label order: {name!r} is no label of the data set: give every label once")
        if times[name] != 1:
            raise LabelPolicyError(f"label order: {name!r} stands there {times[name]} times: give every label once")
    return np.array([place[name] for name in names], dtype=np.int64)


def by_frequency(count: np.ndarray, *, rare_first: bool = False) -> np.ndarray:
    """Labels by falling (or rising) count, int64 (labels,); equally frequent ones in the order of the data set."""
    return np.argsort(count if rare_first else -count, kind="stable")


def ancestors(labels: Sequence[str], parents: Sequence[str | None]) -> np.ndarray:
    """Which labels stand above which: bool (labels, labels), [j, k] where k is an ancestor of j.

    Raises LabelPolicyError for a cycle.
    """
    itself = np.eye(len(labels), dtype=bool)
    return ancestor_closure(itself, labels, parents) & ~itself


def topological(above: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Parents before children, level by level; frequent labels first within a level."""
    return np.lexsort((-count, above.sum(axis=1)))


def dependence(truth: np.ndarray, count: np.ndarray) -> np.ndarray:
    """A partial order from the labels of the training documents: bool (labels, labels), [j, k] where k precedes j.

    k precedes j where k is the more frequent and the number of documents with both is further from chance than
    independence allows: Fisher's exact test, two-sided, corrected for the number of pairs. ``truth`` is read in chunks
    of rows, so that it may be an array (documents, labels) or anything that gives dense rows.
    """
    documents, labels = truth.shape
    both = np.zeros((labels, labels))
    for start in range(0, documents, 8192):
        rows = np.asarray(truth[start : start + 8192], dtype=np.float32)
        both += rows.T @ rows
    rank = np.empty(labels, dtype=np.int64)
    rank[by_frequency(count)] = np.arange(labels)
    single = both.diagonal().copy()
    law = hypergeom(documents, single[:, None], single[None, :])
    chance = 2 * np.minimum(law.cdf(both), law.sf(both - 1))
    return (chance < SIGNIFICANCE / max(1, labels * (labels - 1) // 2)) & (rank[None, :] < rank[:, None])


def sequence(order: str | Sequence[str], data: Prepared) -> np.ndarray:
    """The linear order of that name (frequent_first, rare_first, topological) or list of names, int64 (labels,).

    topological without a hierarchy is frequent_first: the dependence between labels has no direction of its own.
    """
    if not isinstance(order, str):
        return by_name(order, data.labels)
    if order == "topological":
        return topological(ancestors(data.labels, data.parents), data.train_count)
    return by_frequency(data.train_count, rare_first=order == "rare_first")


def precedence(order: str | Sequence[str], data: Prepared) -> tuple[np.ndarray, np.ndarray]:
    """A partial order, bool (labels, labels) as in :func:`ancestors`, and a linear one it agrees with.

    frequency and a list of names give a total order; hierarchy: ancestors alone; dependence: see there.
    Raises LabelPolicyError for hierarchy where no label has a parent.
    """
    if order == "hierarchy":
        above = ancestors(data.labels, data.parents)
        if not above.any():
            raise LabelPolicyError(
                f"{data.folder}: order hierarchy: no label has a parent: choose frequency or dependence"
            )
        return above, topological(above, data.train_count)
    linear = by_frequency(data.train_count) if isinstance(order, str) else by_name(order, data.labels)
    if order == "dependence":
        return dependence(data.split("train").truth, data.train_count), linear
    rank = np.empty(len(linear), dtype=np.int64)
    rank[linear] = np.arange(len(linear))
    return rank[None, :] < rank[:, None], linear
