"""Predictions that agree with a hierarchy of labels: a label implies its parent."""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

import numpy as np
from scipy.sparse import csr_array

from labelpolicy.errors import LabelPolicyError


def ancestors_of(node: str | None, parents: Mapping[str, str | None]) -> list[str]:
    """All nodes above ``node``, from the root down; ``parents`` without a cycle (:func:`find_cycle`)."""
    above: list[str] = []
    while node is not None and (node := parents.get(node)) is not None:
        above.append(node)
    return above[::-1]


def find_cycle(parents: Mapping[str, str | None]) -> str | None:
    """A node that is its own ancestor, if there is one: the first of ``parents``."""
    above = {node: [parent] for node, parent in parents.items() if parent is not None}
    try:
        TopologicalSorter(above).prepare()
    except CycleError as error:
        return next(node for node in parents if node in error.args[1])
    return None


def ancestor_closure(y_pred: np.ndarray, labels: Sequence[str], parents: Sequence[str | None]) -> np.ndarray:
    """``y_pred``, bool (documents, labels), with every ancestor of a predicted label predicted too.

    ``parents`` names the parent of each label, None for a root; a parent that is not a label ends the path.

    Raises LabelPolicyError if a label is its own ancestor.
    """
    above, place = dict(zip(labels, parents, strict=True)), {label: index for index, label in enumerate(labels)}
    if (cycle := find_cycle(above)) is not None:
        raise LabelPolicyError(f"labels: {cycle!r} is its own ancestor, expected a hierarchy")
    closed = y_pred.copy()
    for label, index in place.items():
        ancestors = [place[node] for node in ancestors_of(label, above) if node in place]
        closed[:, ancestors] |= y_pred[:, [index]]
    return closed


def cooccurrence(y_true: np.ndarray) -> csr_array:
    """Documents that have both labels, float (labels, labels), of bool (documents, labels) or what gives such rows.

    It is sparse: of many labels few stand together.
    """
    size = y_true.shape[1]
    both, block = csr_array((size, size)), max((1 << 23) // size, 1)
    for start in range(0, len(y_true), block):
        rows = csr_array(np.asarray(y_true[start : start + block]), dtype=np.float64)
        both = both + rows.T @ rows
    return both
