"""Dividing documents at random, by label and without taking any label's last one: validation, test and development."""

from collections.abc import Hashable, Sequence

import numpy as np

from labelpolicy.data.prepared import Ragged
from labelpolicy.folds import Units


def hold_out(
    labels: Ragged, fraction: float, random: np.random.Generator, groups: Sequence[Hashable] | None = None
) -> np.ndarray:
    """Which documents to split off: bool (documents,), round(fraction * n) of them if labels and groups allow it.

    ``labels`` are the label indices of each document. Documents are dealt out as folds are, the rare labels first
    (:class:`labelpolicy.folds.Units`), to a part that stays and one that is held out. No label loses the last document
    that stays, and of two documents with a label one is held out, unless they are of one group or carry another label's
    last. Then documents of frequent labels change sides until the size is right, but none falls below half of its
    share: where rare labels alone fill what is held out, it is larger. Documents of the same group, where ``groups``
    names it, stay together.
    """
    units = Units(labels, groups)
    order, part = units.dealt((1 - fraction, fraction), random, keep=0)
    total = np.bincount(labels.values, minlength=1)
    held = units.carried(part == 1)
    for label in np.flatnonzero((held == 0) & (total > 1)):  # its documents went with rarer labels of theirs
        for one in units.with_label(label):
            own, count = units.labels_of(one)
            if all(total[own] - held[own] > count):
                held[own] += count
                part[one] = 1
                break
    least = np.maximum(1, np.ceil(fraction * total / 2)).astype(int)
    wanted = round(fraction * len(labels)) - int(units.size[part == 1].sum())
    for one in reversed(order):
        own, count, size = *units.labels_of(one), int(units.size[one])
        if wanted <= -size and part[one] and all(held[own] - count >= least[own]):
            held[own] -= count
            part[one], wanted = 0, wanted + size
        elif 0 < size <= wanted and not part[one] and all(total[own] - held[own] > count):
            held[own] += count
            part[one], wanted = 1, wanted - size
        if not wanted:
            break
    return part[units.of] == 1
