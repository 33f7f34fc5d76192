"""What a reader returns: documents with their labels, before tokens become numbers.

A reader is a module with one function ``read(raw: Path) -> Corpus`` that takes the folder ``data/raw/{dataset}``;
``labelpolicy.data.prepare.READERS`` names it. Nothing else has to change for a new corpus.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

# A word starts with a letter and may hold digits and inner apostrophes; a number may hold inner dots and commas.
TOKEN = re.compile(r"[^\W\d_][^\W_]*(?:'[^\W_]+)*|\d+(?:[.,]\d+)*")


@dataclass(frozen=True)
class Document:
    """One document. ``tokens`` is None where the tokens are still to be cut from ``text``."""

    id: str
    labels: tuple[str, ...]
    text: str = ""
    tokens: tuple[str, ...] | None = None

    def words(self) -> list[str]:
        """The given tokens as they are, or those of the text."""
        return list(self.tokens) if self.tokens is not None else tokenise(self.text)


@dataclass(frozen=True)
class Corpus:
    """A corpus as its reader found it."""

    labels: list[str]  # in the order of labels.parquet
    splits: dict[str, list[Document]]  # train, test and, where the corpus has its own, valid
    parents: dict[str, str] = field(default_factory=dict)  # label -> parent; roots are absent
    published: dict[str, float] | None = None  # the paper's numbers: labels, labels_per_document, training, testing


def tokenise(text: str) -> list[str]:
    """Lower-cased words and numbers of ``text``, without punctuation.

    >>> tokenise("Moody's raised 1,250.5 mln dlrs (vs 3rd-qtr)")
    ["moody's", 'raised', '1,250.5', 'mln', 'dlrs', 'vs', '3', 'rd', 'qtr']
    """
    return TOKEN.findall(unicodedata.normalize("NFC", text).replace("’", "'").lower())
