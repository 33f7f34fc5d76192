"""Dividing documents at random without taking any label's last one: validation, development and re-splits."""

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd

from labelpolicy.data.prepared import Ragged


def hold_out(
    labels: Ragged, fraction: float, random: np.random.Generator, groups: Sequence[Hashable] | None = None
) -> np.ndarray:
    """Which documents to split off: bool (documents,), round(fraction * n) of them, or fewer where the rule says so.

    ``labels`` are the label indices of each document. The documents are visited in a random order. One is held out if
    each of its labels is carried by another document that is still not held out, so that no label loses its
    last training document; until enough are. Documents of the same group, where ``groups`` names it, are visited and
    held out together, and a group that is larger than what is still wanted is passed over.
    """
    group = np.arange(len(labels)) if groups is None else pd.factorize(np.asarray(groups, dtype=object))[0]
    members, starts = np.argsort(group, kind="stable"), np.append(0, np.bincount(group)).cumsum()
    left = Counter(labels.values.tolist())
    wanted = round(fraction * len(labels))
    held = np.zeros(len(labels), dtype=bool)
    for unit in random.permutation(len(starts) - 1).tolist():
        if wanted == 0:
            break
        rows = members[starts[unit] : starts[unit + 1]]
        carried = Counter(label for row in rows for label in labels[row].tolist())
        if len(rows) <= wanted and all(left[label] > count for label, count in carried.items()):
            left.subtract(carried)
            held[rows] = True
            wanted -= len(rows)
    return held
