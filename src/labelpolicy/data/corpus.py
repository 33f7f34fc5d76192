"""What a reader returns: documents with their labels, before tokens become numbers.

A reader is a module with one function ``read(raw: Path) -> Corpus`` that takes the folder ``data/raw/{dataset}``;
``labelpolicy.data.prepare.READERS`` names it. Nothing else has to change for a new corpus.

Large corpora are never held as a whole. A split is any iterable of documents that can be iterated again: a list where
the corpus is small, :class:`Rereadable` where every pass reads the file anew. ``prepare`` passes once over each split,
in the order of the corpus, and hands the documents in chunks to processes that call :meth:`Document.words`. A reader
may therefore yield a subclass of Document whose ``words`` does the costly part (parsing XML, say): it runs there, in
parallel. What ``read`` itself finds (labels, parents) must be cheap; what shows only in a pass (quirks, sums) is
written into ``Corpus.counted`` when the pass ends, set and not added, so that a second pass says the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

# A word starts with a letter and may hold digits and inner apostrophes; a number may hold inner dots and commas.
TOKEN = re.compile(r"[^\W\d_][^\W_]*(?:'[^\W_]+)*|\d+(?:[.,]\d+)*")


@dataclass(frozen=True)
class Document:
    """One document, or one entity mention in its sentence: what gets a set of labels.

    ``tokens`` is None where the tokens are still to be cut from ``text``. ``mention`` is (start, end) in ``tokens``,
    for entity typing. ``group`` names what no split may divide (the document that mentions come from), where that is
    more than the document itself.
    """

    id: str
    labels: tuple[str, ...]
    text: str = ""
    tokens: tuple[str, ...] | None = None
    mention: tuple[int, int] | None = None
    group: str | None = None

    def words(self) -> list[str]:
        """The given tokens as they are, or those of the text."""
        return list(self.tokens) if self.tokens is not None else tokenise(self.text)


@dataclass(frozen=True)
class Spaced(Document):
    """A document whose text is its tokens with white space (ASCII) between them and none around."""

    def words(self) -> list[str]:
        return [word.decode() for word in self.text.encode().split()]


@dataclass(frozen=True)
class Rereadable:
    """Documents read anew at every pass: iterating calls ``read``."""

    read: Callable[[], Iterator[Document]]

    def __iter__(self) -> Iterator[Document]:
        return self.read()


@dataclass(frozen=True)
class Corpus:
    """A corpus as its reader found it.

    ``splits``: train, test and, where the corpus has its own, valid; otherwise ``prepare`` holds validation documents
    out of train, whole groups of them where documents have a ``group``.

    ``parents`` goes from a label or another node of the hierarchy to the node above; roots are absent. A node need
    not be a label: groups of labels count in a label's depth and are among its ancestors.

    ``variant`` says in a sentence, without its full stop, what makes these documents another data set than the
    published one ("re-split of the ... by document"); it stands wherever the numbers stand.
    ``counted`` holds what was left out or is odd, by name; dataset.json gets it after the last pass.
    """

    labels: list[str]  # in the order of labels.parquet
    splits: dict[str, Iterable[Document]]
    parents: dict[str, str] = field(default_factory=dict)
    published: dict[str, float] | None = None  # the paper's numbers: labels, labels_per_document, training, testing
    variant: str | None = None
    counted: dict[str, Any] = field(default_factory=dict)


def tokenise(text: str) -> list[str]:
    """Lower-cased words and numbers of ``text``, without punctuation.

    >>> tokenise("Moody's raised 1,250.5 mln dlrs (vs 3rd-qtr)")
    ["moody's", 'raised', '1,250.5', 'mln', 'dlrs', 'vs', '3', 'rd', 'qtr']
    """
    return TOKEN.findall(unicodedata.normalize("NFC", text).replace("’", "'").lower())
