"""Predictions that agree with a hierarchy of labels: a label implies its parent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def closed_upwards(predicted: np.ndarray, labels: Sequence[str], parents: Sequence[str | None]) -> np.ndarray:
    """``predicted``, bool (documents, labels), with every ancestor of a predicted label predicted too.

    ``parents`` names the parent of each label, None for a root; a parent that is not a label ends the path.
    """
    place = {label: index for index, label in enumerate(labels)}
    above = [place.get(parent) for parent in parents]

    def depth(label: int) -> int:
        return 0 if above[label] is None else 1 + depth(above[label])

    closed = predicted.copy()
    for label in sorted(range(len(labels)), key=depth, reverse=True):  # children first: they pass on what they got
        if above[label] is not None:
            closed[:, above[label]] |= closed[:, label]
    return closed
