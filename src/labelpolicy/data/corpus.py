"""What a reader returns: documents with their labels and text, before tokens become numbers.

A reader is a module in ``labelpolicy.data.readers`` that names its data sets in ``DATASETS``, each with a function
``read(raw: Path) -> Corpus`` that takes the folder ``data/raw/{dataset}``. Nothing else has to change for a new corpus.

A split is any iterable of documents that can be iterated again, such as :class:`Rereadable`. ``prepare`` passes once
over each split; processes call :meth:`Document.parsed`, where a subclass of Document may do the costly part (parsing
XML, say). What ``read`` itself finds (labels, parents) must be cheap; what shows only in a pass is written into
``Corpus.counted`` when the pass ends, set and not added.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from labelpolicy.data.tokens import RULE, tokenise
from labelpolicy.errors import LabelPolicyError


@dataclass(frozen=True)
class Document:
    """One document, or one entity mention in its sentence: what gets a set of labels.

    ``text`` is as the source has it, or the ``tokens`` joined by blanks; ``tokens`` is None where they are still to be
    cut from the text. ``mention`` is (start, end) in the tokens, for entity typing, ``text_mention`` the same in the
    characters of the text, needed where there is a text. ``group`` names what no split may divide (the document that
    mentions come from), where that is more than the document itself.
    """

    id: str
    labels: tuple[str, ...]
    text: str = ""
    tokens: tuple[str, ...] | None = None
    mention: tuple[int, int] | None = None
    text_mention: tuple[int, int] | None = None
    group: str | None = None

    def parsed(self) -> "Document":
        """The document with its text, where a subclass has yet to read it; with all that is said above."""
        if self.text or self.tokens is None:
            return self
        place = None if self.mention is None else place_in_text(self.tokens, *self.mention)
        return replace(self, text=" ".join(self.tokens), text_mention=place)

    def words(self, rule: int = RULE) -> list[str]:
        """The given tokens as they are, or those of the text by this rule (:mod:`labelpolicy.data.tokens`)."""
        return list(self.tokens) if self.tokens is not None else tokenise(self.text, rule)


def place_in_text(tokens: Sequence[str], start: int, end: int) -> tuple[int, int]:
    """Where ``tokens[start:end]`` stands, in characters, when all tokens are joined by blanks.

    >>> place_in_text(["In", "New", "York", "."], 1, 3)
    (3, 11)
    """
    first = sum(map(len, tokens[:start])) + start
    return first, first + sum(map(len, tokens[start:end])) + end - start - 1


@dataclass(frozen=True)
class Spaced(Document):
    """A document whose text is its tokens with white space (ASCII) between them and none around."""

    def words(self, rule: int = RULE) -> list[str]:
        return [word.decode() for word in self.text.encode().split()]


@dataclass(frozen=True)
class Rereadable:
    """Documents read again at every pass: iterating calls ``read``."""

    read: Callable[[], Iterator[Document]]

    def __iter__(self) -> Iterator[Document]:
        return self.read()


def distinct(path: Path, found: Iterable[tuple[int, Document]], seen: dict[str, dict[str, int]]) -> Iterator[Document]:
    """The documents of one pass over a file, each with its line; ``seen`` has the lines of the ids of each file.

    Raises LabelPolicyError for an id that was there before, and for a file without documents.
    """
    own = seen[path.name] = {}
    for number, document in found:
        for file, lines in seen.items():
            if document.id in lines:
                fault = f"id {document.id!r} was already used in {file}, line {lines[document.id]}"
                raise LabelPolicyError(f"{path}, line {number}: {fault}: every document needs its own id")
        own[document.id] = number
        yield document
    if not own:
        raise LabelPolicyError(f"{path}: no documents, expected one a line: fill the file, or fetch it again")


@dataclass(frozen=True)
class Corpus:
    """A corpus as its reader found it.

    ``splits``: train, test and, where the corpus has its own, valid; else ``prepare`` holds validation documents out.
    ``parents`` goes from a label or another node of the hierarchy to the node above; roots are absent. A node need
    not be a label: groups of labels count in a label's depth and are among its ancestors.
    ``descriptions`` say in words what labels are, of those that have one.
    ``variant`` says in a sentence, without its full stop, what makes these documents another data set than the
    published one ("re-split of the ... by document"); it stands wherever the numbers stand.
    ``text`` says what the kept text is, ``counted`` holds what was left out or is odd, by name. Without test documents
    ``prepare`` holds a share of ``test_fraction`` out.
    """

    labels: list[str]  # in the order of labels.parquet
    splits: Mapping[str, Iterable[Document]]
    parents: dict[str, str] = field(default_factory=dict)
    published: dict[str, float] | None = None  # the paper's numbers: labels, labels_per_document, training, testing
    variant: str | None = None
    text: str = "as in the source"
    counted: dict[str, Any] = field(default_factory=dict)
    test_fraction: float = 0.2
    descriptions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Dataset:
    """A data set that has a reader, as the reader's module declares it in ``DATASETS``.

    ``title`` is its name in tables; ``task`` is "text" or, where entity mentions are labelled, "typing"; ``resplit``
    says that it is another split of a published corpus.
    """

    name: str
    read: Callable[[Path], Corpus]
    title: str = ""
    task: str = "text"
    resplit: bool = False
