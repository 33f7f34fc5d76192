"""Predictions that agree with a hierarchy of labels: a label implies its parent."""

from __future__ import annotations

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

import numpy as np

from labelpolicy.errors import LabelPolicyError


def ancestor_closure(y_pred: np.ndarray, labels: Sequence[str], parents: Sequence[str | None]) -> np.ndarray:
    """``y_pred``, bool (documents, labels), with every ancestor of a predicted label predicted too.

    ``parents`` names the parent of each label, None for a root; a parent that is not a label ends the path.

    Raises LabelPolicyError if a label is its own ancestor.
    """
    place = {label: index for index, label in enumerate(labels)}
    above = {index: [place[parent]] if parent in place else [] for index, parent in enumerate(parents)}
    try:
        parents_first = list(TopologicalSorter(above).static_order())
    except CycleError as error:
        cycle = " < ".join(labels[index] for index in error.args[1])
        raise LabelPolicyError(f"labels: {cycle}: a label is its own ancestor, expected a hierarchy") from None
    closed = y_pred.copy()
    for label in reversed(parents_first):  # children first: they pass on what they got
        for parent in above[label]:
            closed[:, parent] |= closed[:, label]
    return closed


def cooccurrence(y_true: np.ndarray) -> np.ndarray:
    """Documents that have both labels, float (labels, labels), of bool (documents, labels) or what gives such rows."""
    both = np.zeros((y_true.shape[1],) * 2)
    for start in range(0, len(y_true), 1 << 13):  # few documents at a time as floats: there may be many
        rows = np.asarray(y_true[start : start + (1 << 13)], dtype=np.float32)
        both += rows.T @ rows
    return both
