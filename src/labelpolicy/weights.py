"""Label weights by a fixed rule; every w sums to 1 (Section 3.2.2)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from labelpolicy.errors import LabelPolicyError


def uniform(train_count: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """w_j = 1/N: the plain cross-entropy (Section 3.1)."""
    return np.full(len(train_count), 1 / len(train_count))


def inverse_frequency(train_count: np.ndarray, depth: np.ndarray, exponent: float = 1.0) -> np.ndarray:
    """w_j proportional to n_j ** -exponent, n_j the training documents with label j, at least 1.

    Exponent 0 would be uniform weights; 0.25 and 0.5 favour rare labels less than the plain inverse frequency.
    """
    return _normalised(np.maximum(train_count, 1) ** -float(exponent))


def hierarchy(train_count: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """w_j proportional to the label's depth, 1 for a root: the paper's hierarchy-aware policy (Section 4.1).

    A label at the third level weighs three times as much as a root. For a flat label set this is uniform.
    """
    return _normalised(depth.astype(np.float64))


def _normalised(weights: np.ndarray) -> np.ndarray:
    return weights / weights.sum()


RULES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "uniform": uniform,
    "inverse_frequency": inverse_frequency,
    "inverse_frequency_0.25": partial(inverse_frequency, exponent=0.25),
    "inverse_frequency_0.5": partial(inverse_frequency, exponent=0.5),
    "hierarchy": hierarchy,
}


def fixed(name: str, train_count: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Weights (labels,) by the rule of that name from training counts and depths in the hierarchy, both (labels,)."""
    if name not in RULES:
        raise LabelPolicyError(f"label weights {name!r} are unknown: expected one of {', '.join(RULES)}")
    return RULES[name](train_count, depth)
