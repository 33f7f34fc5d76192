"""Fine-grained entity typing in the JSON lines of Ren et al. (2016): FIGER, OntoNotes and BBN (Table 1).

A line is a sentence: ``{"tokens": [...], "mentions": [{"start": 2, "end": 4, "labels": ["/person"]}, ...],
"fileid": "WSJ0001", "senid": 0}``. A mention is the tokens from ``start`` to before ``end``; each becomes a document of
its own, called ``file:line:number`` after its place, with the document the sentence is from as its group.

What cannot be used is left out and counted (:class:`Counts`). A mention whose labels lack the parent of one is kept as
annotated. The inventories lie beside this module, each type with its parent; OntoNotes' holds ``/location/geograpy``
and its child ``island`` beside the correctly spelt types, since Table 1 counts 89. Tokens farther than MARGIN from the
mention are cut off: no classifier of tokens here looks that far. The text is the whole sentence.

TABLE, at the end, has the published data sets (BBN: Weischedel and Brunstein 2005, OntoNotes: Gillick et al. 2014,
FIGER: Ling and Weld 2012, its training mentions by distant supervision) and those annotated by hand throughout.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np

from labelpolicy.data.corpus import Corpus, Dataset, Document, Rereadable, place_in_text
from labelpolicy.data.readers.archive import beside, numbered_lines
from labelpolicy.errors import LabelPolicyError
from labelpolicy.parsing import parse_json, require
from labelpolicy.randomness import generator

MARGIN = 50
EXAMPLES = 20  # places of bad lines and mentions that are listed
TEST_FRACTION = 0.2  # of the mentions, in a re-split
SPLIT_SEED = 0

Rename = Callable[[str], Iterable[str]]
"""From a label as annotated to those of the inventory; none for a label that the inventory has nothing for."""


def inventory(name: str) -> dict[str, str]:
    """Parent by type, "" for a root, in the published order: the 128, 89 or 47 types of figer, ontonotes or bbn."""
    return beside(f"entity_typing_{name}.json")


def as_annotated(label: str) -> Iterable[str]:
    return (label,)


def facilities(label: str) -> Iterable[str]:
    """BBN's files write /FAC where the inventory has /FACILITY.

    >>> facilities("/FAC/AIRPORT"), facilities("/FACILITY")
    (('/FACILITY/AIRPORT',), ('/FACILITY',))
    """
    return (re.sub(r"^/FAC(?=/|$)", "/FACILITY", label),)


@cache
def counterparts() -> dict[str, tuple[str, ...]]:
    """FIGER's type and its parent by the type of 1k-WFB-g (Abhishek et al. 2019), which names many otherwise
    (``/animal`` for ``/livingthing/animal``); empty where there is none.
    """
    parents, types = inventory("figer"), inventory("figer_gold")
    return {found: tuple(label for label in (parents.get(label), label) if label) for found, label in types.items()}


def as_figer(label: str) -> Iterable[str]:
    return counterparts().get(label, (label,))


@dataclass(frozen=True)
class Sentence:
    """One usable line: where it stands, its tokens, its document ("" if it does not say) and its mentions."""

    place: str  # file:line
    tokens: tuple[str, ...]
    document: str
    mentions: tuple[tuple[int, int, int, tuple[str, ...]], ...]
    """number in the line, start, end, labels of the inventory in its order"""


@dataclass
class Counts:
    """What was met while reading; see :meth:`facts`."""

    lines: int = 0
    mentions: int = 0
    bad_lines: Counter = field(default_factory=Counter)
    bad_mentions: Counter = field(default_factory=Counter)
    outside: Counter = field(default_factory=Counter)
    other: Counter = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def bad(self, kind: Counter, place: str, what: str) -> None:
        kind[what] += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(f"{place}: {what}")

    def facts(self) -> dict[str, Any]:
        """For dataset.json. ``read`` and ``bad`` are lines and mentions together, for ``prepare.refuse_rubble``."""
        return {
            "read": self.lines + self.mentions,
            "bad": self.bad_lines.total() + self.bad_mentions.total(),
            "lines": self.lines,
            "mentions": self.mentions,
            "bad_lines": dict(sorted(self.bad_lines.items())),
            "bad_mentions": dict(sorted(self.bad_mentions.items())),
            "labels_outside_the_inventory": dict(sorted(self.outside.items())),
            **dict(sorted(self.other.items())),
            "examples": list(self.examples),
        }


class Sentences:
    """The usable sentences of a file in its order, read again at every iteration; ``counts`` are the last one's."""

    def __init__(self, path: Path, corpus: str, rename: Rename = as_annotated):
        self.path, self.rename = require(path), rename
        self.parents = inventory(corpus)
        self.order = {label: index for index, label in enumerate(self.parents)}
        self.counts = Counts()

    def __iter__(self) -> Iterator[Sentence]:
        self.counts = Counts()
        for number, line in numbered_lines(self.path):
            if line.strip():
                self.counts.lines += 1
                place = f"{self.path.name}:{number}"
                entry = _entry(line)
                if isinstance(entry, str):
                    self.counts.bad(self.counts.bad_lines, place, entry)
                else:
                    yield self._sentence(place, entry)
        if not self.counts.lines:
            raise LabelPolicyError(f"{self.path}: empty, expected a JSON object a line: fetch the file again")

    def _sentence(self, place: str, entry: dict) -> Sentence:
        tokens = tuple(entry["tokens"])
        spans: Counter[tuple[int, int]] = Counter()
        mentions = []
        for number, mention in enumerate(entry["mentions"]):
            self.counts.mentions += 1
            found = self._mention(mention, len(tokens))
            if isinstance(found, str):
                self.counts.bad(self.counts.bad_mentions, f"{place}:{number}", found)
            elif found is not None:
                mentions.append((number, *found))
                spans[found[:2]] += 1
        self.counts.other["mentions_of_a_span_given_before"] += spans.total() - len(spans)
        return Sentence(place, tokens, str(entry.get("fileid", "")), tuple(mentions))

    def _mention(self, mention: Any, length: int) -> tuple[int, int, tuple[str, ...]] | str | None:
        """Start, end and labels; what is wrong; or None for a mention without a label of the inventory."""
        if not isinstance(mention, dict):
            return "a mention that is not an object"
        start, end, labels = (mention.get(key) for key in ("start", "end", "labels"))
        if type(start) is not int or type(end) is not int or not 0 <= start < end:
            return "a span with start >= end, or without"
        if end > length:
            return "a span past the end of the sentence"
        if not isinstance(labels, list) or not labels or not all(isinstance(label, str) for label in labels):
            return "a mention without a label"
        known: set[str] = set()
        other = self.counts.other
        for label in labels:
            renamed = [name for name in self.rename(label) if name in self.parents]
            known.update(renamed)
            if not renamed:
                self.counts.outside[label] += 1
                parent = label.rpartition("/")[0]
                other["labels_with_no_parent_in_the_inventory"] += bool(parent) and parent not in self.parents
            elif renamed != [label]:
                other["labels_renamed"] += 1
        if not known:
            other["mentions_without_a_label_of_the_inventory"] += 1
            return None
        above = {self.parents[label] for label in known} - {""}
        other["mentions_that_lack_the_parent_of_a_label"] += not above <= known
        return start, end, tuple(sorted(known, key=self.order.__getitem__))


def _entry(line: bytes) -> dict | str:
    """The object of a line, or what is wrong with it."""
    try:
        entry = parse_json(line)
    except UnicodeDecodeError:
        return "not UTF-8"
    except ValueError:
        return "not JSON" if line.endswith(b"\n") else "cut off in mid-line"
    if not isinstance(entry, dict):
        return "not a JSON object"
    tokens = entry.get("tokens")
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        return "no list of tokens"
    return entry if isinstance(entry.get("mentions"), list) else "no list of mentions"


def mentions(source: Sentences, counted: dict[str, Any]) -> Iterator[Document]:
    """The mentions of a file as documents, in its order; ``counted`` gets the facts of the file at its end."""
    for sentence in source:
        yield from documents(sentence, sentence.document or sentence.place)
    counted[source.path.name] = source.counts.facts()


def documents(sentence: Sentence, group: str) -> Iterator[Document]:
    """A document for each mention of the sentence."""
    text = " ".join(sentence.tokens)
    for number, start, end, labels in sentence.mentions:
        first = max(0, start - MARGIN)
        yield Document(
            f"{sentence.place}:{number}",
            labels,
            text,
            sentence.tokens[first : end + MARGIN],
            mention=(start - first, end - first),
            text_mention=place_in_text(sentence.tokens, start, end),
            group=group,
        )


def re_split(name: str, sources: Iterable[Sentences], counted: dict[str, Any]) -> dict[str, Iterable[Document]]:
    """The mentions of files divided again by document: about TEST_FRACTION of them, in whole documents, for testing.

    Documents that share a sentence count as one, so that nothing stands in training and in test.
    """
    sentences: list[Sentence] = []
    for source in sources:
        sentences += source
        counted[source.path.name] = source.counts.facts()
    group = joined(sentences)
    counted["documents"] = len({sentence.document for sentence in sentences})
    counted["documents_after_joining_those_that_share_a_sentence"] = len(set(group.values()))
    by_group: dict[str, list[Document]] = {}
    for sentence in sentences:
        of = group[sentence.document]
        by_group.setdefault(of, []).extend(documents(sentence, of))
    wanted = TEST_FRACTION * sum(map(len, by_group.values()))
    order = generator(SPLIT_SEED, f"{name} re-split").permutation(sorted(by_group)).tolist()
    before = np.cumsum([0, *(len(by_group[of]) for of in order)])[:-1]
    tested = set(compress(order, before < wanted))
    return {
        split: [document for of, found in by_group.items() if (of in tested) == (split == "test") for document in found]
        for split in ("train", "test")
    }


def joined(sentences: Iterable[Sentence]) -> dict[str, str]:
    """By document, the first one of those that it shares a sentence with, directly or through others."""
    from scipy import sparse  # only a re-split needs it, and every command imports the readers

    sentences = list(sentences)
    names = sorted({sentence.document for sentence in sentences})
    row = {name: index for index, name in enumerate(names)}
    seen: dict[tuple[str, ...], int] = {}
    pairs = [(row[found.document], seen.setdefault(found.tokens, row[found.document])) for found in sentences]
    links = sparse.coo_matrix((np.ones(len(pairs)), np.array(pairs).reshape(-1, 2).T), (len(names),) * 2)
    component = sparse.csgraph.connected_components(links, directed=False)[1]
    first = [names[index] for index in np.unique(component, return_index=True)[1]]
    return {name: first[index] for name, index in zip(names, component.tolist(), strict=True)}


@dataclass(frozen=True)
class Row:
    """A data set: ``splits`` names the file of each split; without it the ``files`` are divided again."""

    name: str
    title: str
    inventory: str
    splits: Mapping[str, str] | None = None
    files: tuple[str, ...] = ()
    rename: Mapping[str, Rename] = field(default_factory=dict)  # by file
    published: dict[str, float] | None = None  # Table 1

    def read(self, raw: Path) -> Corpus:
        """Read the folder. Raises LabelPolicyError for a missing or empty file; other faults are counted."""
        counted: dict[str, Any] = {}
        names = self.splits.values() if self.splits else self.files
        sources = [Sentences(Path(raw) / name, self.inventory, self.rename.get(name, as_annotated)) for name in names]
        if self.splits:
            passes = [Rereadable(partial(mentions, source, counted)) for source in sources]
            splits: dict[str, Iterable[Document]] = dict(zip(self.splits, passes, strict=True))
        else:
            splits = re_split(self.inventory, sources, counted)
        parents = inventory(self.inventory)
        above = {label: parent for label, parent in parents.items() if parent}
        text = "the sentence's tokens joined by blanks"
        return Corpus(list(parents), splits, above, self.published, self._variant(), text, counted)

    def _variant(self) -> str | None:
        if self.published:
            return None
        how = (
            "trained on the manually annotated mentions of 1k-WFB-g, tested on FIGER's test mentions"
            if self.splits
            else f"the manually annotated mentions of {', '.join(self.files)}, divided again by document; "
            f"{TEST_FRACTION:.0%} of them are for testing"
        )
        return f"a re-split, not the published {self.inventory}: {how}"


def table_1(labels: int, depth: int, training: int, testing: int) -> dict[str, float]:
    return {"labels": labels, "depth": depth, "training": training, "testing": testing}


PUBLISHED = {"train": "train.json", "test": "test.json"}
BBN = dict.fromkeys(PUBLISHED.values(), facilities)
GOLD = "1k-WFB-g_complete.json"  # annotated by hand
TABLE = (
    Row("figer", "FIGER", "figer", PUBLISHED, published=table_1(128, 2, 2_690_286, 563)),
    Row("ontonotes", "OntoNotes", "ontonotes", PUBLISHED, published=table_1(89, 3, 220_398, 9_603)),
    Row("bbn", "BBN", "bbn", PUBLISHED, rename=BBN, published=table_1(47, 2, 86_078, 13_187)),
    Row("figer_gold", "FIGER gold", "figer", {"train": GOLD, "test": "figer_gold.json"}, rename={GOLD: as_figer}),
    Row("ontonotes_gold", "OntoNotes gold", "ontonotes", files=("dev.json", "test.json")),
    Row("bbn_gold", "BBN gold", "bbn", files=("test.json",), rename=BBN),
)
DATASETS = tuple(Dataset(row.name, row.read, row.title, "typing", row.published is None) for row in TABLE)
