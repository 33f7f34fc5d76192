"""Decisions: how fitted thresholds turn scores into labels, and how they are kept as JSON.

Scores are probabilities, float32 in [0, 1], and are compared as logits in float64, which are strictly monotone in them.
A label is predicted where its logit is above its *level*, never at equality; a level of inf is never exceeded.

Every kind of decision has ``decide(y_score, texts=None)``, and says by ``needs_texts`` whether it looks at the texts of
the documents as well; one that does not leaves them alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np

from labelpolicy.errors import LabelPolicyError
from labelpolicy.thresholds.objectives import first_bad

#: The threshold, as a probability, of a label that is never predicted.
NEVER = 1.0
#: Logits are multiples of 2^-36. Those of neighbouring float32 scores are 2^-24 apart, so no two become one; and sums
#: and differences of logits are exact in float64, so that equal margins are found equal.
GRID = 2.0**36
#: Beyond the logit of every float32 but 0 and 1.
FARTHEST = 104.0
#: Cells worked on at once, so that they stay in a processor's cache.
BLOCK = 2**17


def logit(probabilities: np.ndarray | Sequence[float] | float) -> np.ndarray:
    """log(p / (1 - p)) in float64, of the same shape: -inf at 0 and inf at 1."""
    p = np.asarray(probabilities, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return np.rint(np.log(p / (1 - p)) * GRID) / GRID


class _Json:
    """Decisions as JSON: every field by its name, arrays as objects by label, inf as null."""

    needs_texts: ClassVar[bool] = False

    def to_json(self, labels: Sequence[str]) -> dict[str, Any]:
        """For thresholds.json; :func:`from_json` returns a decision that decides exactly alike."""
        content: dict[str, Any] = {"rule": next(name for name, kind in KINDS.items() if isinstance(self, kind))}
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                plain = [None if number == np.inf else number for number in value.tolist()]
                value = dict(zip(labels, plain, strict=True))
            content[name] = value
        return content


@dataclass(frozen=True)
class PerLabel(_Json):
    """Label j is predicted where logit(score) > ``levels[j]``, float64 (N,); inf means never.

    With ``at_least_one`` a document for which no label passes gets the one of the largest margin logit(score) - level,
    of equal margins the lower index; a label that is never predicted is not given in this way either.

    >>> PerLabel.at([0.5, 0.2]).decide([[0.5, 0.3]]).tolist()
    [[False, True]]
    """

    levels: np.ndarray
    at_least_one: bool = False
    chosen: dict[str, float] = field(default_factory=dict)

    @classmethod
    def at(cls, thresholds: np.ndarray | Sequence[float], at_least_one: bool = False) -> PerLabel:
        """From thresholds as probabilities in (0, 1), or NEVER."""
        return cls(logit(thresholds), at_least_one)

    @property
    def thresholds(self) -> np.ndarray:
        """The levels as probabilities, float64 (N,): in (0, 1), or NEVER."""
        with np.errstate(over="ignore"):
            p = 1 / (1 + np.exp(-self.levels))
        return np.where(self.levels == np.inf, NEVER, p.clip(np.finfo(np.float64).tiny, 1 - 2.0**-53))

    def decide(self, y_score: np.ndarray, texts: Sequence[str] | None = None) -> np.ndarray:
        """Decisions for scores (n, N): bool (n, N). Raises LabelPolicyError for other labels or no probabilities."""
        y_score = check_scores(y_score, len(self.levels))
        y_pred = np.empty(y_score.shape, dtype=bool)
        for rows in blocks(y_score.shape):
            logits = logit(y_score[rows])
            y_pred[rows] = logits > self.levels
            if self.at_least_one:
                _give_best(y_pred[rows], logits, self.levels)
        return y_pred

    def to_json(self, labels: Sequence[str]) -> dict[str, Any]:
        """For thresholds.json: what decides are the levels, the thresholds are there to be read."""
        return super().to_json(labels) | {"thresholds": dict(zip(labels, self.thresholds.tolist(), strict=True))}


@dataclass(frozen=True)
class Rank(_Json):
    """The ``top`` best labels of every document, of equal scores the lower index; none where ``never``, bool (N,)."""

    top: int
    never: np.ndarray
    chosen: dict[str, float] = field(default_factory=dict)

    def decide(self, y_score: np.ndarray, texts: Sequence[str] | None = None) -> np.ndarray:
        """Decisions for scores (n, N): bool (n, N), ``top`` in every row."""
        y_score = check_scores(y_score, len(self.never))
        y_pred = np.zeros(y_score.shape, dtype=bool)
        for rows in blocks(y_score.shape):
            np.put_along_axis(y_pred[rows], ranked(y_score[rows], self.never)[:, : self.top], True, axis=1)
        return y_pred


@dataclass(frozen=True)
class Proportion(_Json):
    """Label j goes to the round(shares[j] * n) best of the n documents decided together; shares float64 (N,).

    Halves round up. Documents that tie across the border are left out together, so that their order does not matter.
    ``at_least_one`` is that of PerLabel, with the best score left out as the threshold; a share of 0 means never.
    """

    shares: np.ndarray
    at_least_one: bool = False
    chosen: dict[str, float] = field(default_factory=dict)

    def decide(self, y_score: np.ndarray, texts: Sequence[str] | None = None) -> np.ndarray:
        """Decisions for scores (n, N): bool (n, N). A document's labels depend on the scores of all others."""
        y_score = check_scores(y_score, len(self.shares))
        documents = len(y_score)
        y_pred, levels = np.empty(y_score.shape, dtype=bool), np.full(len(self.shares), np.inf)
        for j, share in enumerate(self.shares):
            left_out = documents - min(int(share * documents + 0.5), documents)
            column = np.ascontiguousarray(y_score[:, j])
            border = np.partition(column, left_out - 1)[left_out - 1] if left_out else -1
            y_pred[:, j] = column > border
            if share > 0:
                levels[j] = np.clip(logit(max(border, 0)), -FARTHEST, FARTHEST)
        for rows in blocks(y_score.shape) if self.at_least_one else ():
            _give_best(y_pred[rows], logit(y_score[rows]), levels)
        return y_pred


Decision = PerLabel | Rank | Proportion
KINDS: dict[str, type[Decision]] = {"per_label": PerLabel, "rank": Rank, "proportion": Proportion}


def from_json(content: Any, labels: Sequence[str], where: str) -> Decision:
    """The decision that ``to_json(labels)`` described.

    Raises LabelPolicyError, naming the file ``where``, for another rule, other labels, or a value out of range.
    """
    content = {"chosen": {}, "at_least_one": False} | (content if isinstance(content, dict) else {})
    kind = KINDS.get(str(content.get("rule")))
    if kind is None:
        raise LabelPolicyError(f"{where}: rule is {content.get('rule')!r}, expected one of {', '.join(KINDS)}")
    values = {each.name: content.get(each.name) for each in fields(kind)}
    for name, value in values.items():
        if name in ("levels", "shares", "never"):
            if not isinstance(value, dict) or set(value) != set(labels):
                raise LabelPolicyError(f"{where}: {name} must name exactly the {len(labels)} labels of the data set")
            values[name] = np.array([_checked(value[label], name, f"{where}: {label!r}: ") for label in labels])
        elif name != "chosen":
            _checked(value, name, f"{where}: ")
    if kind is Rank and values["top"] > np.count_nonzero(~values["never"]):
        raise LabelPolicyError(f"{where}: top is {values['top']}, more than there are labels to predict")
    return kind(**values)


def _checked(value: Any, name: str, where: str) -> Any:
    number = type(value) in (int, float) and abs(value) < np.inf
    if name == "levels" and (number or value is None):
        return np.inf if value is None else float(value)
    if name == "shares" and number and value >= 0:
        return float(value)
    if type(value) is (int if name == "top" else bool) and (name != "top" or value > 0):
        return value
    raise LabelPolicyError(f"{where}{name} is {value!r}, out of its range")


def _give_best(y_pred: np.ndarray, logits: np.ndarray, levels: np.ndarray) -> None:
    """In place: documents without a label get that of the largest margin, of the labels that are ever predicted."""
    allowed, bare = np.flatnonzero(levels < np.inf), np.flatnonzero(~y_pred.any(axis=1))
    if len(allowed):
        margins = logits[np.ix_(bare, allowed)] - levels[allowed]
        y_pred[bare, allowed[margins.argmax(axis=1)]] = True


def ranked(y_score: np.ndarray, never: np.ndarray) -> np.ndarray:
    """Labels of each document from best to worst, int (n, N): of equal scores the lower index first, ``never`` last."""
    return np.argsort(np.where(never, 1, -y_score), axis=1, kind="stable")


def blocks(shape: tuple[int, ...]) -> Iterator[slice]:
    """Rows of an array (n, N), BLOCK cells at a time."""
    size = max(BLOCK // shape[1], 1)
    return (slice(start, start + size) for start in range(0, shape[0], size))


def check_scores(y_score: np.ndarray, labels: int | None = None) -> np.ndarray:
    """The scores as float32 (documents, labels). Raises LabelPolicyError for another shape or no probabilities."""
    y_score = np.asarray(y_score, dtype=np.float32)
    if y_score.ndim != 2 or labels not in (None, y_score.shape[1]):
        raise LabelPolicyError(f"scores: found an array {y_score.shape}, expected (documents, {labels or 'labels'})")
    if (bad := first_bad(y_score)) is not None:
        found = f"document {bad[0]}, label {bad[1]}: {y_score[bad]}"
        raise LabelPolicyError(f"scores: {found}, expected a probability in [0, 1]")
    return y_score
