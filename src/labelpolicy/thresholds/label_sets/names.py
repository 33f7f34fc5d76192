"""Where the name of a label stands in a document: in its title, and how often in its text.

A name is split into its words, ``money-fx`` into ``money`` and ``fx``; of the path ``/person/artist`` the last part is
taken, and single letters count only where there is nothing else. It stands in a text where each of its words begins
some word there. The title is what comes before the first line break.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np

from labelpolicy.errors import LabelPolicyError

#: Occurrences beyond it tell no more.
MOST = 3
#: What is added to the count of a name that stands in the title.
TITLE = 128
#: Words of texts whose place among the names is kept, so that they are looked up once.
REMEMBERED = 1 << 18


class Names:
    """The names of labels, to be found in texts.

    >>> found = Names(["wheat", "money-fx"]).counts(["Wheat up\\nwheat exports rise, money-market"])
    >>> (found >= TITLE).tolist(), (found % TITLE).tolist()
    ([[True, False]], [[2, 0]])
    """

    def __init__(self, labels: Sequence[str]):
        all_words = [list(dict.fromkeys(_words(label.rpartition("/")[2]))) for label in labels]
        names = [[word for word in name if len(word) > 1] or name for name in all_words]
        self.words = [len(name) for name in names]
        parts: dict[str, list[tuple[int, int]]] = {}  # of which labels' names a word is a part, and which part
        for label, name in enumerate(names):
            for part, word in enumerate(name):
                parts.setdefault(word, []).append((label, part))
        self._begun = _Begun(parts)

    def counts(self, texts: Iterable[str]) -> np.ndarray:
        """Of each text and label how often the name stands there, at most MOST, plus TITLE if in the title: uint8.

        Raises LabelPolicyError for a text that is no string.
        """
        found = []
        for text in texts:
            if not isinstance(text, str):
                raise LabelPolicyError(f"label sets: a text is {text!r}, expected a string")
            row = np.zeros(len(self.words), dtype=np.uint8)
            for label, times in self._in(text):
                row[label] = min(times, MOST)
            if row.any():
                for label, _ in self._in(text.partition("\n")[0]):
                    row[label] += TITLE
            found.append(row)
        return np.array(found, dtype=np.uint8).reshape(len(found), len(self.words))

    def _in(self, text: str) -> list[tuple[int, int]]:
        """The labels whose names stand in the text, and how often: as often as the rarest of their words."""
        parts = Counter(chain.from_iterable(filter(None, map(self._begun.__getitem__, _words(text)))))
        times: dict[int, list[int]] = {}
        for (label, _), count in parts.items():
            times.setdefault(label, []).append(count)
        return [(label, min(counts)) for label, counts in times.items() if len(counts) == self.words[label]]


class _Letters(dict[int, int]):
    """For str.translate: letters and digits stay, all else becomes a space."""

    def __missing__(self, character: int) -> int:
        self[character] = character if chr(character).isalnum() else ord(" ")
        return self[character]


LETTERS = _Letters()


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
