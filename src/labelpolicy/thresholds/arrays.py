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


def give_best(y_pred: np.ndarray, y_score: np.ndarray, levels: np.ndarray, at_least: int = 1) -> np.ndarray:
    """``y_pred``, where documents of fewer labels get the ``at_least`` of the largest margins that are ever given."""
    allowed, few = np.flatnonzero(levels < np.inf), np.flatnonzero(np.count_nonzero(y_pred, axis=1) < at_least)
    for rows in blocks((len(few), len(allowed))) if len(allowed) else ():
        margins = logit(y_score[np.ix_(few[rows], allowed)]) - levels[allowed]
        best = margins.argmax(axis=1)[:, None] if at_least == 1 else np.argsort(-margins, axis=1, kind="stable")
        y_pred[few[rows][:, None], allowed[best[:, :at_least]]] = True
    return y_pred


def keep_best(y_pred: np.ndarray, y_score: np.ndarray, levels: np.ndarray, at_most: int) -> np.ndarray:
    """``y_pred``, where of more than ``at_most`` labels of a document those of the largest margins are left."""
    for row in np.flatnonzero(y_pred.sum(axis=1) > at_most):
        labels = np.flatnonzero(y_pred[row])
        margins = logit(y_score[row, labels]) - levels[labels]
        y_pred[row, labels[np.argsort(-margins, kind="stable")[at_most:]]] = False
    return y_pred


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
    if y_score.dtype.kind not in "biuf":
        raise LabelPolicyError(f"scores: found {y_score.dtype}, expected numbers, (documents, {labels or 'labels'})")
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
        raise LabelPolicyError(
            f"y_true: found {np.asarray(y_true[at]).item()!r} at {at}, expected 0 and 1, or bool, in every cell"
        )
    return y_true.astype(bool)


def as_matrix(given: Any, labels: Sequence[str] | None, what: str) -> tuple[np.ndarray, list[str] | None]:
    """An array (documents, labels) from an array, a data frame, a sparse matrix or a tensor, and its columns' names.

    Columns of a data frame are put in the order of ``labels``. A list of arrays (documents, 2), one a label, as
    scikit-learn's `predict_proba` may return it, has the probability of each label in its second columns.

    Raises LabelPolicyError for a label twice, other labels, or another number of them.
    """
    names = None
    if hasattr(given, "columns"):
        original = {str(column): column for column in given.columns}
        names = list(labels) if labels is not None else list(original)
        if len(original) < len(given.columns) or set(names) != set(original):
            strange = sorted(set(names) ^ set(original)) or ["twice the same"]
            raise LabelPolicyError(f"{what}: columns must be the labels, each once: found {strange[0]!r} to be at odds")
        given = given[[original[name] for name in names]].to_numpy()
    elif isinstance(given, list) and given and all(np.ndim(part) == 2 and np.shape(part)[1] <= 2 for part in given):
        if wrong := [j for j, part in enumerate(given) if np.shape(part)[1] != 2]:
            raise LabelPolicyError(
                f"{what}: label {wrong[0]} has one class only, expected (documents, 2) for each label"
            )
        given = np.column_stack([np.asarray(part)[:, 1] for part in given])
    for method in ("toarray", "detach", "cpu"):  # scipy.sparse; torch
        given = getattr(given, method)() if hasattr(given, method) else given
    try:
        array = np.asarray(given)
    except ValueError:
        raise LabelPolicyError(f"{what}: found rows of different lengths, expected (documents, labels)") from None
    if labels is not None and (array.ndim != 2 or array.shape[1] != len(labels)):
        raise LabelPolicyError(
            f"{what}: found an array {array.shape}, expected (documents, {len(labels)}) for the labels"
        )
    return array, names


def as_truth(y_true: Any, labels: Sequence[str] | None, missing: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Truth, bool (documents, labels), and which cells nobody annotated: those that are ``missing``, a number or NaN.

    ``y_true`` is what `as_matrix` takes, of 0 and 1 or bool, or for each document a collection of names of labels.
    Raises LabelPolicyError for anything else.
    """
    rows = list(y_true) if isinstance(y_true, (list, tuple)) or getattr(y_true, "ndim", 0) == 1 else []
    sets = (set, frozenset)
    collections = rows and all(isinstance(row, (*sets, list, tuple)) for row in rows)
    if collections and any(isinstance(row, sets) or not row or isinstance(row[0], str) for row in rows):
        return _of_names(rows, labels), np.zeros((len(rows), len(labels or ())), dtype=bool)
    array, _ = as_matrix(y_true, labels, "y_true")
    masked = np.zeros(array.shape, dtype=bool)
    if missing is not None and array.dtype.kind in "iuf":
        masked = np.isnan(array) if np.isnan(missing) else array == missing
    return check_truth(np.where(masked, 0, array) if masked.any() else array), masked


def _of_names(y_true: Sequence[Any], labels: Sequence[str] | None) -> np.ndarray:
    if labels is None:
        raise LabelPolicyError("y_true: found names of labels, expected labels=[...] or a data frame of scores as well")
    place, found = {label: j for j, label in enumerate(labels)}, np.zeros((len(y_true), len(labels)), dtype=bool)
    for row, names in enumerate(y_true):
        for name in names:
            if name not in place:
                raise LabelPolicyError(f"y_true: document {row}: found {name!r}, expected names among the labels")
            found[row, place[name]] = True
    return found
