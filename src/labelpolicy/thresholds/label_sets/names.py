"""Where the name of a label stands in a document: in its title, and how often in its text.

A name is split into its words, ``money-fx`` into ``money`` and ``fx``; of the path ``/person/artist`` the last part is
taken, and single letters count only where there is nothing else. It stands in a text where each of its words begins
some word there. The title is what comes before the first line break. A label may have a description besides, phrases
between commas, semicolons or slashes, each of which will do in the place of the name; a name with a digit in it is then
taken for a code, and not looked for.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np

from labelpolicy.errors import LabelPolicyError

#: Occurrences beyond it tell no more.
MOST = 3
#: What is added to the count of a name that stands in the title.
TITLE = 128
#: What phrases of a description are divided by.
BETWEEN = re.compile("[,;/|]")
#: Words of texts whose place among the names is kept, so that they are looked up once.
REMEMBERED = 1 << 18


class Names:
    """The names of labels, to be found in texts; of those that have one, by ``descriptions`` (a text each, or None).

    >>> found = Names(["wheat", "money-fx"]).counts(["Wheat up\\nwheat exports rise, money-market"])
    >>> (found >= TITLE).tolist(), (found % TITLE).tolist()
    ([[True, False]], [[2, 0]])
    >>> Names(["C11", "C12"], ["crops, wheat", None]).counts(["Wheat up"]).tolist()
    [[129, 0]]
    """

    def __init__(self, labels: Sequence[str], descriptions: Sequence[str | None] | None = None):
        self.labels, self.descriptions = len(labels), list(descriptions or [None] * len(labels))
        phrases = [
            (label, list(dict.fromkeys(_words(phrase))))
            for label, (name, description) in enumerate(zip(labels, self.descriptions, strict=True))
            for phrase in _phrases(name.rpartition("/")[2], description or "")
        ]
        names = [[word for word in phrase if len(word) > 1] or phrase for _, phrase in phrases]
        self._label, self._words = [label for label, _ in phrases], [len(name) for name in names]
        parts: dict[str, list[tuple[int, int]]] = {}  # of which phrases a word is a part, and which part
        for number, name in enumerate(names):
            for part, word in enumerate(name):
                parts.setdefault(word, []).append((number, part))
        self._begun = _Begun(parts)

    def counts(self, texts: Iterable[str]) -> np.ndarray:
        """Of each text and label how often the name stands there, at most MOST, plus TITLE if in the title: uint8.

        Raises LabelPolicyError for a text that is no string.
        """
        found = []
        for text in texts:
            if not isinstance(text, str):
                raise LabelPolicyError(f"label sets: a text is {text!r}, expected a string")
            row = np.zeros(self.labels, dtype=np.uint8)
            for label, times in self._in(text).items():
                row[label] = min(times, MOST)
            if row.any():
                row[list(self._in(text.partition("\n")[0]))] += TITLE
            found.append(row)
        return np.array(found, dtype=np.uint8).reshape(len(found), self.labels)

    def _in(self, text: str) -> dict[int, int]:
        """How often the labels stand in the text whose names do: as often as the rarest word of the best phrase."""
        parts = Counter(chain.from_iterable(filter(None, map(self._begun.__getitem__, _words(text)))))
        times: dict[int, list[int]] = {}
        for (number, _), count in parts.items():
            times.setdefault(number, []).append(count)
        found: dict[int, int] = {}
        for number, counts in times.items():
            if len(counts) == self._words[number]:
                label = self._label[number]
                found[label] = max(min(counts), found.get(label, 0))
        return found


class _Letters(dict[int, int]):
    """For str.translate: letters and digits stay, all else becomes a space."""

    def __missing__(self, character: int) -> int:
        self[character] = character if chr(character).isalnum() else ord(" ")
        return self[character]


LETTERS = _Letters()


def _phrases(name: str, description: str) -> list[str]:
    """What is looked for: the name, unless there is a description and it is a code; and what the description says."""
    found = [phrase for phrase in BETWEEN.split(description) if _words(phrase)]
    return found if found and any(map(str.isdigit, name)) else [name, *found]


def _words(text: str) -> list[str]:
    return text.lower().translate(LETTERS).split()


class _Begun(dict[str, list[tuple[int, int]]]):
    """Of a word of a text the parts of names that it begins with; looked up once."""

    def __init__(self, parts: dict[str, list[tuple[int, int]]]):
        self.parts, self.sizes = parts, sorted({len(word) for word in parts})

    def __missing__(self, word: str) -> list[tuple[int, int]]:
        if len(self) >= REMEMBERED:
            self.clear()
        begun = [part for size in self.sizes if size <= len(word) for part in self.parts.get(word[:size], ())]
        self[word] = begun
        return begun
