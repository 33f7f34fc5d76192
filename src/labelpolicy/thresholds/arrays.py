"""Arrays of scores and truth: checked (what is not understood is refused by name), as logits, in blocks of rows."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from labelpolicy.errors import LabelPolicyError

#: Logits are multiples of 2^-42: their sums and differences are exact, so that equal margins are found equal. Those of
#: neighbouring float32 scores are 2^-24 apart; float64 scores that differ by less than a part in 10^12 count as equal.
GRID = 2.0**42
#: Beyond the logit of every score but 0 and 1.
FARTHEST = 745.0
#: Cells worked on at once, so that they stay in a processor's cache.
BLOCK = 2**17


def logit(probabilities: np.ndarray | Sequence[float] | float) -> np.ndarray:
    """log(p / (1 - p)) in float64, of the same shape: -inf at 0 and inf at 1."""
    p = np.asarray(probabilities, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return np.rint(np.log(p / (1 - p)) * GRID) / GRID


def blocks(shape: tuple[int, ...]) -> Iterator[slice]:
    """Rows of an array (n, N), BLOCK cells at a time."""
    size = max(BLOCK // shape[1], 1)
    return (slice(start, start + size) for start in range(0, shape[0], size))


def ranked(y_score: np.ndarray, never: np.ndarray) -> np.ndarray:
    """Labels of each document from best to worst, int (n, N): of equal scores the lower index first, ``never`` last."""
    return np.argsort(np.where(never, 1, -y_score), axis=1, kind="stable")


def first_bad(y_score: np.ndarray) -> tuple[int, int] | None:
    """Row and column of the first score (documents, labels) that is not a probability, if there is one."""
    if not y_score.size or (y_score.min() >= 0 and y_score.max() <= 1):  # NaN fails both
        return None
    row, column = np.argwhere(~((y_score >= 0) & (y_score <= 1)))[0]
    return int(row), int(column)


def check_scores(y_score: Any, labels: int | None = None) -> np.ndarray:
    """The scores (documents, labels), float32 as they are and else float64.

    Raises LabelPolicyError for another shape or no probabilities.
    """
    y_score = np.asarray(y_score)
    y_score = y_score.astype(np.float32 if y_score.dtype == np.float32 else np.float64, copy=False)
    if y_score.ndim != 2 or labels not in (None, y_score.shape[1]):
        raise LabelPolicyError(f"scores: found an array {y_score.shape}, expected (documents, {labels or 'labels'})")
    if (bad := first_bad(y_score)) is not None:
        found = f"document {bad[0]}, label {bad[1]}: {y_score[bad]}"
        raise LabelPolicyError(f"scores: {found}, expected a probability in [0, 1]")
    return y_score


def check_truth(y_true: Any) -> np.ndarray:
    """The truth (documents, labels) as bool, from bool or from numbers that are 0 and 1.

    Raises LabelPolicyError for anything else: -1 and +1, shares, NaN for what nobody annotated, strings.
    """
    y_true = np.asarray(y_true)
    if y_true.dtype == bool:
        return y_true
    good = np.isin(y_true, (0, 1)) if y_true.dtype.kind in "iuf" else np.zeros(y_true.shape, dtype=bool)
    if not good.all():
        at = tuple(np.argwhere(~good)[0].tolist())
        raise LabelPolicyError(f"y_true: found {y_true[at]!r} at {at}, expected 0 and 1, or bool, in every cell")
    return y_true.astype(bool)
