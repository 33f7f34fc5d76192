"""A learned policy over label sets as a decision: each document gets its most probable set. docs/algorithm.md."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from labelpolicy.errors import LabelPolicyError
from labelpolicy.thresholds.arrays import check_scores, logit
from labelpolicy.thresholds.decision import Decision
from labelpolicy.thresholds.label_sets.candidates import FEATURES, Candidates, LabelFacts, TrainingSets, candidates_of
from labelpolicy.thresholds.label_sets.names import Names

#: Scores of 0 and 1 count as this logit.
SUREST = 20.0
#: Cells (documents times labels) at a time, so that memory does not grow with the documents.
BLOCK = 1 << 19


@dataclass(frozen=True)
class LabelSets(Decision):
    """Each document gets the candidate set S of the largest weights . phi(x, S), of equal ones the first.

    ``weights`` float64 (F,) are those of FEATURES, ``labels`` what was fitted for each label, ``training`` the label
    sets of the documents it was learned on. ``names`` are looked for in the texts of the documents; without any scores
    alone decide. ``at_least_one``: no document goes without a label, which also holds where no training document does.
    """

    kind = "label_sets"
    weights: np.ndarray
    labels: LabelFacts
    training: TrainingSets
    names: Names | None = None
    at_least_one: bool = False

    @property
    def needs_texts(self) -> bool:
        return self.names is not None

    def decide(self, y_score: np.ndarray, texts: Iterable[str] | None = None) -> np.ndarray:
        """Decisions for scores (n, N) and the texts of the n documents: bool (n, N), each document by itself.

        Raises LabelPolicyError for other labels or no probabilities, and where it needs texts for none or others.
        """
        y_score = check_scores(y_score, len(self.labels.level))
        y_pred, start = np.zeros(y_score.shape, dtype=bool), 0
        for found in self.candidates(y_score, texts):
            score, first = np.einsum("cf,f->c", found.phi, self.weights), found.starts[:-1]
            highest = np.flatnonzero(score == np.maximum.reduceat(score, first)[found.document])
            best = highest[np.searchsorted(highest, first)]
            np.put_along_axis(y_pred[start : start + len(best)], found.best, found.members[best], axis=1)
            start += len(best)
        return y_pred

    def candidates(
        self, y_score: np.ndarray, texts: Iterable[str] | None = None, own: np.ndarray | None = None
    ) -> Iterator[Candidates]:
        """The candidate sets of the documents, block by block; ``own`` bool (n, N) where ``training`` counts them."""
        if self.names is not None and texts is None:
            raise LabelPolicyError(
                "label sets: learned with the texts of the documents, found none: give the texts, or learn sets_unnamed"
            )
        empty = () in self.training.counts and not self.at_least_one
        left, size = iter(() if texts is None else texts), max(BLOCK // len(self.labels.level), 1)
        for start in range(0, len(y_score), size):
            rows = slice(start, min(start + size, len(y_score)))
            logits, names = logit(y_score[rows]).clip(-SUREST, SUREST), None
            if self.names is not None:
                names = self.names.counts(islice(left, len(logits)))
                self._same_number(start + len(names), rows.stop, len(y_score))
            counted = None if own is None else own[rows]
            yield candidates_of(logits, names, self.training, self.labels, may_be_empty=empty, own=counted)
        if self.names is not None:
            self._same_number(len(y_score) + sum(1 for _ in left), len(y_score), len(y_score))

    @staticmethod
    def _same_number(found: int, expected: int, documents: int) -> None:
        if found != expected:
            raise LabelPolicyError(
                f"label sets: {found} texts for the scores of {documents} documents, expected as many"
            )

    def to_json(self, labels: Sequence[str]) -> dict[str, Any]:
        """For thresholds.json: weights by feature, what was fitted by label, training sets by their labels' names."""
        by_label = {name: values.tolist() for name, values in vars(self.labels).items()}
        return {
            "rule": self.kind,
            "names": self.names is not None,
            **self._descriptions(labels),
            "at_least_one": self.at_least_one,
            "weights": dict(zip(FEATURES, self.weights.tolist(), strict=True)),
            "labels": {
                label: {key: values[j] if math.isfinite(values[j]) else None for key, values in by_label.items()}
                for j, label in enumerate(labels)
            },
            "sets": [[count, *(labels[j] for j in members)] for members, count in self.training.counts.items()],
            "chosen": self.chosen,
        }

    def _descriptions(self, labels: Sequence[str]) -> dict[str, Any]:
        """By label, where there are any: what is looked for in new documents is what was looked for in these."""
        given = self.names.descriptions if self.names is not None else [None] * len(labels)
        found = {label: said for label, said in zip(labels, given, strict=True) if said}
        return {"descriptions": found} if found else {}

    @classmethod
    def from_json(cls, content: dict[str, Any], labels: Sequence[str], where: str) -> LabelSets:
        """The policy that ``to_json(labels)`` described. Raises LabelPolicyError, with ``where``, for anything else."""
        try:
            place = {label: j for j, label in enumerate(labels)}
            by_label, flags = content["labels"], (content["names"], content["at_least_one"])
            if set(by_label) != set(labels) or {type(flag) for flag in flags} != {bool}:
                raise ValueError("other labels" if set(by_label) != set(labels) else "names or at_least_one is no bool")
            said = content.get("descriptions", {})
            if not set(said) <= set(labels) or not {type(text) for text in said.values()} <= {str}:
                raise ValueError("descriptions of other labels, or one that is no text")
            values = {
                key: np.array([_number(by_label[label][key], key) for label in labels])
                for key in LabelFacts.__annotations__
            }
            sets = {tuple(sorted(place[name] for name in names)): int(count) for count, *names in content["sets"]}
            return cls(
                np.array([_number(content["weights"][name]) for name in FEATURES]),
                LabelFacts(**values),
                TrainingSets(sets, len(labels)),
                Names(labels, [said.get(label) for label in labels]) if flags[0] else None,
                flags[1],
                chosen=dict(content["chosen"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise LabelPolicyError(
                f"{where}: not a policy over sets of the {len(labels)} labels of the data set: {error!r}: fit it again"
            ) from None


def _number(value: Any, name: str = "") -> float:
    """A finite number; a level may be null, which is never exceeded."""
    if value is None and name == "level":
        return math.inf
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"found {value!r}, expected a number")
    return float(value)
