"""Label weights by a fixed rule; every w sums to 1 (Section 3.2.2)."""

from collections.abc import Callable

import numpy as np

from labelpolicy.errors import LabelPolicyError


def inverse_frequency(exponent: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """w_j proportional to n_j ** -exponent, n_j the training documents with label j, at least 1."""
    return lambda train_count, depth: np.maximum(train_count, 1) ** -exponent


#: From training counts and depths in the hierarchy, both (labels,), what w is proportional to. uniform is the plain
#: cross-entropy (Section 3.1), hierarchy the paper's hierarchy-aware policy (Section 4.1): a root has depth 1.
RULES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "uniform": lambda train_count, depth: np.ones(len(train_count)),
    "inverse_frequency": inverse_frequency(1.0),
    "inverse_frequency_0.25": inverse_frequency(0.25),
    "inverse_frequency_0.5": inverse_frequency(0.5),
    "hierarchy": lambda train_count, depth: depth.astype(np.float64),
}


def fixed(name: str, train_count: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Weights (labels,) by the rule of that name from training counts and depths in the hierarchy, both (labels,)."""
    if name not in RULES:
        raise LabelPolicyError(f"label weights {name!r} are unknown: expected one of {', '.join(RULES)}")
    w = RULES[name](train_count, depth)
    return w / w.sum()
