"""Orders of labels, linear and partial: what may be predicted from what."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy.stats import hypergeom

from labelpolicy.data.prepared import Prepared
from labelpolicy.errors import LabelPolicyError
from labelpolicy.hierarchy import ancestor_closure, cooccurrence

SIGNIFICANCE = 0.05  # chance that any pair of independent labels counts as dependent


def by_name(names: Sequence[str], labels: Sequence[str]) -> np.ndarray:
    """Indices of ``names`` in ``labels``, int64 (labels,). Raises LabelPolicyError if they are no permutation."""
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
    """Bool (labels, labels), [j, k] where k is an ancestor of j. Raises LabelPolicyError for a cycle."""
    itself = np.eye(len(labels), dtype=bool)
    return ancestor_closure(itself, labels, parents) & ~itself


def topological(above: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Parents before children, level by level; frequent labels first within a level."""
    return np.lexsort((-count, above.sum(axis=1)))


def dependence(truth: np.ndarray, count: np.ndarray) -> np.ndarray:
    """A partial order from the labels of the training documents: bool (labels, labels), [j, k] where k precedes j.

    k precedes j where k is the more frequent and the number of documents with both is further from chance than
    independence allows: Fisher's exact test, two-sided, corrected for the number of pairs (Bonferroni).
    """
    documents, labels = truth.shape
    both = cooccurrence(truth).toarray()
    single = both.diagonal().copy()
    law = hypergeom(documents, single[:, None], single[None, :])
    chance = 2 * np.minimum(law.cdf(both), law.sf(both - 1))
    return (chance < SIGNIFICANCE / max(1, labels * (labels - 1) // 2)) & _total(by_frequency(count))


def _total(order: np.ndarray) -> np.ndarray:
    """A linear order as a relation: bool (labels, labels), [j, k] where k precedes j."""
    rank = np.argsort(order)
    return rank[None, :] < rank[:, None]


def sequence(order: str | Sequence[str], data: Prepared) -> np.ndarray:
    """The linear order of that name or list of names; topological without a hierarchy is frequent_first."""
    if not isinstance(order, str):
        return by_name(order, data.labels)
    if order == "topological":
        return topological(ancestors(data.labels, data.parents), data.train_count)
    return by_frequency(data.train_count, rare_first=order == "rare_first")


def precedence(order: str | Sequence[str], data: Prepared) -> tuple[np.ndarray, np.ndarray]:
    """A partial order, bool (labels, labels) as in :func:`ancestors`, and a linear one it agrees with."""
    if order == "hierarchy":
        above = ancestors(data.labels, data.parents)
        if not above.any():
            raise LabelPolicyError(
                f"{data.folder}: order hierarchy: no label has a parent: choose frequency or dependence"
            )
        return above, topological(above, data.train_count)
    linear = by_frequency(data.train_count) if isinstance(order, str) else by_name(order, data.labels)
    if order == "dependence":
        return dependence(data.split("train").y_true, data.train_count), linear
    return _total(linear), linear
