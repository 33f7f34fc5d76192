"""Objectives beside the utility: one that each label has by itself, and any function of the decisions.

A number for all labels may be one for each, (N,), in their order.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from labelpolicy.checks import expect
from labelpolicy.config import check
from labelpolicy.errors import LabelPolicyError
from labelpolicy.thresholds.arrays import GRID, logit
from labelpolicy.thresholds.decision import PerLabel
from labelpolicy.thresholds.objectives import Utility, overlap, ratio

Number = float | Sequence[float]
#: Slopes and cuts that are tried for a function of the decisions, and rounds of trying closer.
SLOPES, CUTS, ROUNDS = 9, 17, 3


@dataclass(frozen=True)
class FBeta:
    """F-beta of each label: recall counts beta times as much as precision."""

    beta: Number = 1.0

    def value(self, j: int, tp: np.ndarray, predicted: np.ndarray, support: int, documents: int) -> np.ndarray:
        square = _of(self.beta, j) ** 2
        return ratio((1 + square) * tp, predicted + square * support)


@dataclass(frozen=True)
class RecallAtPrecision:
    """The most recall of each label at a precision of at least so much."""

    precision: Number

    def value(self, j: int, tp: np.ndarray, predicted: np.ndarray, support: int, documents: int) -> np.ndarray:
        return np.where((tp > 0) & (tp >= _of(self.precision, j) * predicted), ratio(tp, support), -np.inf)


@dataclass(frozen=True)
class PrecisionAtRecall:
    """The most precision of each label at a recall of at least so much."""

    recall: Number

    def value(self, j: int, tp: np.ndarray, predicted: np.ndarray, support: int, documents: int) -> np.ndarray:
        return np.where((tp > 0) & (tp >= _of(self.recall, j) * support), ratio(tp, predicted), -np.inf)


@dataclass(frozen=True)
class Cost:
    """The least cost a document, of a label predicted wrongly and of a label missed."""

    false_positive: Number = 1.0
    false_negative: Number = 1.0

    def value(self, j: int, tp: np.ndarray, predicted: np.ndarray, support: int, documents: int) -> np.ndarray:
        wrong, missed = predicted - tp, support - tp
        return -(_of(self.false_positive, j) * wrong + _of(self.false_negative, j) * missed) / documents


LabelObjective = FBeta | RecallAtPrecision | PrecisionAtRecall | Cost
Function = Callable[[np.ndarray, np.ndarray], float]
Objective = Utility | LabelObjective | Function


def samples_jaccard(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """The mean over documents of |true and predicted| / |true or predicted|, 1 where there is neither."""
    return float(overlap((y_true & y_pred).sum(axis=1), (y_true | y_pred).sum(axis=1)).mean())


#: What a text may name, with numbers: "recall_at_precision=0.9", "cost=5:1".
BY_NAME: dict[str, Callable[..., Any]] = {
    "fbeta": FBeta,
    "recall_at_precision": RecallAtPrecision,
    "precision_at_recall": PrecisionAtRecall,
    "cost": Cost,
}


def read_objective(given: Any) -> Objective:
    """An objective as it is, from its name, or a `Utility` from weights by measure. Raises LabelPolicyError for others.

    >>> read_objective("recall_at_precision=0.9")
    RecallAtPrecision(precision=0.9)
    """
    if isinstance(given, str):
        name, _, numbers = given.partition("=")
        if given == samples_jaccard.__name__:
            return samples_jaccard
        if name not in BY_NAME:
            known = ", ".join([*BY_NAME, samples_jaccard.__name__])
            raise LabelPolicyError(f"objective: found {given!r}, expected one of {known}, as in fbeta=2")
        try:
            values = [float(number) for number in numbers.split(":")]
            if not all(0 <= value <= (1 if "_at_" in name else np.finfo(float).max) for value in values):
                raise LabelPolicyError(f"objective: found {given!r}, expected numbers from 0 on, a share at most 1")
            return BY_NAME[name](*values)
        except (TypeError, ValueError):
            raise LabelPolicyError(f"objective: found {given!r}, expected numbers, as in fbeta=2 or cost=5:1") from None
    if isinstance(given, Mapping):
        return check(Utility, dict(given), "objective")
    other = given is None or callable(given) or isinstance(given, Utility | LabelObjective)
    expect(other, "objective", given, "its name, weights, or a function")
    return Utility() if given is None else given


def label_by_label(
    objective: LabelObjective, y_score: np.ndarray, y_true: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each label the level of the best cut, of equals the highest, and the value: float64 (N,), (N,).

    Last which labels no cut gives what the objective asks: they are never predicted, nor are those that are better not.
    """
    if wrong := [v for v in vars(objective).values() if np.ndim(v) and len(v) != y_score.shape[1]]:
        raise LabelPolicyError(f"objective: found {len(wrong[0])} numbers, expected one, or {y_score.shape[1]}")
    levels, best = np.full((2, y_score.shape[1]), np.inf)
    for j, true in enumerate(y_true.T):
        ascending, positives = np.sort(y_score[:, j]), np.sort(y_score[true, j])
        edges = np.unique(positives[positives > 0])[::-1]
        starts = np.append(len(ascending), np.searchsorted(ascending, edges))  # the first predicts nothing
        tp = len(positives) - np.append(len(positives), np.searchsorted(positives, edges))
        values = objective.value(j, tp, len(ascending) - starts, len(positives), len(ascending))
        k = int(values.argmax())
        best[j] = values[k]
        if k > 0 and np.isfinite(best[j]):
            below = ascending[starts[k] - 1] if starts[k] else 0
            levels[j] = min(logit((np.float64(edges[k - 1]) + below) / 2), logit(edges[k - 1]) - 1 / GRID)
    return levels, best, ~np.isfinite(best)


def on_a_line(function: Function, y_score: np.ndarray, y_true: np.ndarray, count: np.ndarray, one: bool) -> PerLabel:
    """Thresholds a + b z_j as logits, as `shared` has them, that are best by a function of truth and decisions.

    Slopes and cuts on a grid, then closer around the best: good, not exact.
    """
    trained, logs = count > 0, np.log1p(count.astype(np.float64))
    z = np.where(trained, logs - logs[trained].mean(), 0) / (logs[trained].std() or 1)
    logits = logit(y_score[y_true & trained])
    logits = logits[np.isfinite(logits)] if np.isfinite(logits).any() else np.zeros(1)
    unit, level_at = logits.std() or 1.0, np.where(trained, 0, np.inf)
    slopes, cuts = 0.6 * unit * np.linspace(-1, 1, SLOPES), np.quantile(logits, np.linspace(0, 1, CUTS))
    best, at, found = -np.inf, (0.0, 0.0), np.zeros(0)
    for _ in range(ROUNDS):
        for b in sorted(slopes, key=abs) if z.any() else [0.0]:
            for a in cuts:
                levels = level_at + a + b * z
                value = function(y_true, PerLabel(levels, one).decide(y_score))
                number = np.ndim(value) == 0 and isinstance(value, (float, int, np.number))
                expect(number, "what the objective returned", value, "a number")
                if value > best:
                    best, at, found = float(value), (float(a), float(b)), levels
        if not len(found):
            raise LabelPolicyError("objective: found no number above -inf among the values of this function")
        step, slope_step = np.diff(cuts).max() / 2, np.ptp(slopes) / (SLOPES - 1) / 2
        cuts = at[0] + step * np.linspace(-1, 1, CUTS)
        slopes = at[1] + slope_step * np.linspace(-1, 1, 3)
    return PerLabel(found, one, chosen={"a": at[0], "b": at[1], "value": best})


def _of(number: Number, j: int) -> float:
    values = np.asarray(number, dtype=np.float64)
    return float(values[j] if values.ndim else values)
