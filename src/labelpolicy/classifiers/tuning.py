"""What the parameters of linear classifiers have in common: their features, and the choice by cross-validation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from labelpolicy.config import NonNegativeFloat, Parameters, check
from labelpolicy.errors import LabelPolicyError

#: Character n-grams have at least so many characters.
SHORTEST = 3


class Features(Parameters):
    """What tf-idf counts of a text. Of mentions their roles, letters and sentence count, and nothing of this."""

    word_ngrams: Annotated[int, Field(ge=1, le=5)] = Field(
        1, description="words in a row at most that have a column, if training has them twice"
    )
    character_ngrams: int = Field(
        0,
        ge=0,
        le=10,
        description=f"characters in a row at most, from {SHORTEST} on and within a word, that have a column; 0: none",
    )
    title: NonNegativeFloat = Field(
        0.0, description="weight of columns of their own for the words of a text's first line, where it has more"
    )

    @property
    def is_plain(self) -> bool:
        return self == Features()


#: Features that are tried where nothing else is asked for.
FEATURES: list[Any] = [
    {"word_ngrams": 1},
    {"word_ngrams": 2},
    {"character_ngrams": 5},
    {"word_ngrams": 2, "character_ngrams": 5},
]


class Tuned(Parameters):
    """Parameters some of which may be left to `labelpolicy tune`; a section that has a ``search`` derives from it."""

    search: dict[str, list[Any]] | None = Field(
        {"features": FEATURES},
        description="values to try of this section's parameters, one parameter after the other; the best in "
        "cross-validation among the training documents is used; null: those above as they are",
    )

    tolerance: NonNegativeFloat = Field(
        0.02, description="of values within so much of the best one's utility the first is taken: list the cheap first"
    )

    def having(self, values: dict[str, Any], where: str) -> Any:
        """The same section with other values. Raises LabelPolicyError, naming ``where``, for what cannot be."""
        return check(type(self), self.model_dump() | values, where)


class About(Parameters):
    dataset: str
    classifier: str
    seed: int
    documents: int
    folds: int


class Chosen(Parameters):
    """tuned.json: what was chosen, and of every trial its utility on each fold."""

    about: About
    parameters: dict[str, Any]
    trials: list[dict[str, Any]]

    @classmethod
    def read(cls, path: Path, classifier: str | None = None) -> Chosen:
        """Raises LabelPolicyError for another file, and for one of another classifier, or chain's encoder."""
        from labelpolicy.files import read_json

        found: Chosen = check(cls, read_json(path), str(path))
        encoder = (classifier or found.about.classifier).partition("+")[0]
        if found.about.classifier != encoder:
            fault = f"tuned for {found.about.classifier!r}, expected `labelpolicy tune` of {encoder!r}"
            raise LabelPolicyError(f"{path}: {fault}: run it")
        return found


def with_tuned(parameters: Any, path: Path, classifier: str) -> Any:
    """The parameters of a classifier, of a chain's encoder too, with the values that a tuned.json has for it."""
    values = Chosen.read(path, classifier).parameters
    if "+" in classifier:
        return parameters._replace(encoder=parameters.encoder.having(values, str(path)))
    return parameters.having(values, str(path))


def notes_of(paths: Iterable[Path], dataset: str) -> Iterator[str]:
    """What was chosen on a data set, a sentence a classifier."""
    for each in map(Chosen.read, paths):
        if each.about.dataset == dataset:
            found = f"{each.about.classifier}: {in_words(each.parameters)}, chosen by cross-validation"
            yield f"{found} among the training documents (docs/tuning.md)."


def in_words(values: dict[str, Any]) -> str:
    """Chosen values as tables have them.

    >>> in_words({"C": 0.3, "features": {"word_ngrams": 2, "title": 0.0}})
    'C 0.3, word_ngrams 2, title 0'
    """
    flat = ((key, inner) for key, value in values.items() for key, inner in _leaves(key, value))
    return ", ".join(f"{key} {value:g}" if isinstance(value, (int, float)) else f"{key} {value}" for key, value in flat)


def _leaves(key: str, value: Any) -> list[tuple[str, Any]]:
    return [*value.items()] if isinstance(value, dict) else [(key, value)]
