"""Decisions: how fitted thresholds turn scores into labels.

Scores are probabilities and are compared as logits in float64. A label is predicted where its logit is above its
*level*, never at equality; a level of inf is never exceeded.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np

from labelpolicy.thresholds.arrays import FARTHEST, blocks, check_scores, give_best, keep_best, logit, ranked

NEVER = 1.0  #: The threshold, as a probability, of a label that is never predicted.


@dataclass(frozen=True)
class Decision:
    """What a rule fits, and in ``chosen`` what it chose. Kinds are subclasses, listed in json_form.py."""

    kind: ClassVar[str]
    chosen: dict[str, Any] = field(default_factory=dict, kw_only=True)

    @property
    def needs_texts(self) -> bool:
        """Whether it looks at the texts of the documents as well."""
        return False

    def decide(self, y_score: np.ndarray, texts: Iterable[str] | None = None) -> np.ndarray:
        """Decisions for scores (n, N): bool (n, N). Raises LabelPolicyError for other labels or no probabilities."""
        raise NotImplementedError

    def to_json(self, labels: Sequence[str]) -> dict[str, Any]:
        """For thresholds.json, arrays as objects by label, inf as null; `from_json` is exactly its reverse."""
        to_read = {"thresholds": self.thresholds} if isinstance(self, PerLabel) else {}
        content: dict[str, Any] = {"rule": self.kind} | vars(self) | to_read
        for name, value in content.items():
            if isinstance(value, np.ndarray):
                content[name] = {
                    label: None if x == np.inf else x for label, x in zip(labels, value.tolist(), strict=True)
                }
        return content


@dataclass(frozen=True)
class PerLabel(Decision):
    """Label j is predicted where logit(score) > ``levels[j]``, float64 (N,); inf means never.

    With ``at_least_one`` a document for which no label passes gets the one of the largest margin logit(score) - level,
    of equal margins the lower index; a label that is never predicted is not given in this way either. ``at_least``
    is the same for so many labels, and stands for ``at_least_one`` where it is given. Of more than ``at_most`` labels
    those of the largest margins are kept.

    >>> PerLabel.at([0.5, 0.2]).decide([[0.5, 0.3]]).tolist()
    [[False, True]]
    """

    kind = "per_label"
    levels: np.ndarray
    at_least_one: bool = False
    at_most: int | None = None
    at_least: int | None = None

    @classmethod
    def at(cls, thresholds: np.ndarray | Sequence[float], at_least_one: bool = False) -> Self:
        """From thresholds as probabilities in (0, 1), or NEVER."""
        return cls(logit(thresholds), at_least_one)

    @property
    def thresholds(self) -> np.ndarray:
        """The levels as probabilities, float64 (N,): in (0, 1), or NEVER."""
        p = 1 / (1 + np.exp(-self.levels.clip(-700, 700)))
        return np.where(self.levels == np.inf, NEVER, p.clip(max=1 - 2.0**-53))

    def decide(self, y_score: np.ndarray, texts: Iterable[str] | None = None) -> np.ndarray:
        y_score = check_scores(y_score, len(self.levels))
        y_pred = np.empty(y_score.shape, dtype=bool)
        for rows in blocks(y_score.shape):
            y_pred[rows] = logit(y_score[rows]) > self.levels
        if at_least := self.at_least or int(self.at_least_one):
            y_pred = give_best(y_pred, y_score, self.levels, at_least)
        return keep_best(y_pred, y_score, self.levels, self.at_most) if self.at_most else y_pred


@dataclass(frozen=True)
class Rank(Decision):
    """The ``top`` best labels of every document, of equal scores the lower index; none where ``never``, bool (N,)."""

    kind = "rank"
    top: int
    never: np.ndarray

    def decide(self, y_score: np.ndarray, texts: Iterable[str] | None = None) -> np.ndarray:
        y_score = check_scores(y_score, len(self.never))
        y_pred = np.zeros(y_score.shape, dtype=bool)
        for rows in blocks(y_score.shape):
            np.put_along_axis(y_pred[rows], ranked(y_score[rows], self.never)[:, : self.top], True, axis=1)
        return y_pred


@dataclass(frozen=True)
class Proportion(Decision):
    """Label j goes to the round(shares[j] * n) best of the n documents decided together; shares float64 (N,).

    Halves round up. Documents that tie across the border are left out together, so that their order does not matter.
    ``at_least_one`` is that of PerLabel, with the best score left out as the threshold; a share of 0 means never.
    """

    kind = "proportion"
    shares: np.ndarray
    at_least_one: bool = False

    def decide(self, y_score: np.ndarray, texts: Iterable[str] | None = None) -> np.ndarray:
        y_score = check_scores(y_score, len(self.shares))
        left_out = len(y_score) - (self.shares * len(y_score) + 0.5).astype(int).clip(max=len(y_score))
        columns = zip(left_out, y_score.T, strict=True)
        borders = np.array([np.partition(column, k - 1)[k - 1] if k else -1 for k, column in columns])
        levels = np.where(self.shares > 0, logit(borders.clip(0)).clip(-FARTHEST, FARTHEST), np.inf)
        return give_best(y_score > borders, y_score, levels) if self.at_least_one else y_score > borders
