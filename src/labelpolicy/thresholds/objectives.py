"""What decisions are fitted for: accuracy, macro-F1 and micro-F1, and the utility that weighs them.

The one place of these formulas: rules, rewards, early stopping and reports all come here. NumPy and pydantic only.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field, model_validator

from labelpolicy.config import LARGEST_SIZE, NonNegativeFloat, Parameters
from labelpolicy.thresholds.arrays import GRID, logit


class Utility(Parameters):
    """What a user wants to be good at: the weight of each measure in the objective."""

    accuracy: NonNegativeFloat = Field(1.0, description="weight of strict accuracy")
    macro_f1: NonNegativeFloat = Field(1.0, description="weight of label macro-F1")
    micro_f1: NonNegativeFloat = Field(1.0, description="weight of micro-F1")

    @model_validator(mode="after")
    def _something(self) -> Utility:
        if self.accuracy + self.macro_f1 + self.micro_f1 == 0:
            raise ValueError("all weights are 0, expected at least one above 0")
        return self


#: The measures of the objective, by name.
MEASURES = tuple(Utility.model_fields)


class ThresholdParameters(Parameters):
    """Fitting decision thresholds on validation scores."""

    utility: Utility = Field(Utility(), description="what rcut, pcut, shared, sets and the choice of fbr maximise")
    folds: Annotated[int, Field(ge=2, le=LARGEST_SIZE)] = Field(
        5, description="folds of the validation split by which fbr is chosen (scutfbr)"
    )
    fbr: list[Annotated[float, Field(ge=0, le=1)]] = Field(
        [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], min_length=1, description="candidates for fbr (Yang 2001)"
    )
    ancestor_closure: bool = Field(
        False,
        description="a predicted label brings its ancestors along, as a true one does where that is measured (paper: "
        "no); metrics.json has both numbers anyway",
    )


def f1(tp: ArrayLike, predicted: ArrayLike, support: ArrayLike) -> np.ndarray:
    """2 tp / (predicted + support): F1 from the counts of true positives, predictions and true labels; 0 if none."""
    return ratio(2 * np.asarray(tp), np.asarray(predicted) + np.asarray(support))


def ratio(part: ArrayLike, whole: ArrayLike) -> np.ndarray:
    """part / whole in float64, and 0 where whole is 0."""
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    return np.divide(part, whole, out=np.zeros(np.broadcast_shapes(part.shape, whole.shape)), where=whole != 0)


def overlap(part: ArrayLike, whole: ArrayLike) -> np.ndarray:
    """As `ratio`, but 1 where whole is 0: of two sets that are both empty."""
    return np.where(np.asarray(whole) == 0, 1.0, ratio(part, whole))


def label_cuts(y_score: np.ndarray, y_true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each label the best F1 over all cuts, and the level of the highest such cut: both float64 (N,).

    The threshold lies midway between the two scores. Where no F1 is above 0, it is 0.5.
    """
    best, levels = np.zeros((2, y_score.shape[1]))
    for j, true in enumerate(y_true.T):
        ascending, positives = np.sort(y_score[:, j]), np.sort(y_score[true, j])
        edges = np.unique(positives[positives > 0])[::-1]
        if len(edges):
            starts, tp = np.searchsorted(ascending, edges), len(positives) - np.searchsorted(positives, edges)
            values = f1(tp, len(ascending) - starts, len(positives))
            best[j], edge, start = values.max(), edges[values.argmax()], starts[values.argmax()]
            midway = logit((np.float64(edge) + (ascending[start - 1] if start else 0)) / 2)
            levels[j] = min(midway, logit(edge) - 1 / GRID)  # between neighbours midway is one of them
    return best, levels


def measures(y_true: np.ndarray, y_pred: np.ndarray) -> dict[str, float]:
    """Strict accuracy, label macro-F1 and micro-F1 of decisions; both arrays bool (documents, labels)."""
    tp, predicted, support = (array.sum(axis=0) for array in (y_true & y_pred, y_pred, y_true))
    return {
        "accuracy": float((y_true == y_pred).all(axis=1).mean()),
        "macro_f1": float(f1(tp, predicted, support).mean()),
        "micro_f1": float(f1(tp.sum(), predicted.sum(), support.sum())),
    }


def utility_of(accuracy: Any, macro_f1: Any, micro_f1: Any, weights: Utility) -> Any:
    """The weighted sum of the three measures, which may be numbers, arrays or tensors of one shape."""
    return weights.accuracy * accuracy + weights.macro_f1 * macro_f1 + weights.micro_f1 * micro_f1


def utility_of_counts(
    accuracy: np.ndarray, tp: np.ndarray, predicted: np.ndarray, support: np.ndarray, weights: Utility
) -> np.ndarray:
    """The utility from strict accuracy (...) and each label's counts (..., N), as `f1` takes them."""
    macro = f1(tp, predicted, support).mean(axis=-1)
    micro = f1(tp.sum(axis=-1), predicted.sum(axis=-1), support.sum(axis=-1))
    return utility_of(accuracy, macro, micro, weights)
