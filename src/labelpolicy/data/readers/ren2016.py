"""Fine-grained entity typing in the JSON lines of Ren et al. (2016): FIGER, OntoNotes and BBN (Table 1).

A line is a sentence: ``{"tokens": [...], "mentions": [{"start": 2, "end": 4, "labels": ["/person"]}, ...],
"fileid": "WSJ0001", "senid": 0}``. A mention is the tokens from ``start`` to before ``end``; each becomes a document of
its own, called ``file:line:number`` after its place, with the document the sentence is from as its group.

Text as annotated is not tidy. What cannot be used is left out, and everything is counted (:func:`count`), for
dataset.json: whole lines (not UTF-8, not JSON, cut off, without tokens or mentions), mentions (a span that is empty or
outside the sentence, no label, no label of the inventory), labels outside the inventory. A mention whose labels lack
the parent of one is kept as annotated. The type inventories are facts and lie beside this module
(``ren2016_{corpus}.json``), each type with its parent.

Tokens farther than MARGIN from the mention are cut off: a mention carries its sentence with it, and no classifier here
looks that far.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from labelpolicy.data.corpus import Corpus, Document
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import require
from labelpolicy.randomness import generator

MARGIN = 50
EXAMPLES = 20  # places of bad lines and mentions that are listed
TEST_FRACTION = 0.2  # of the mentions, in a re-split
SPLIT_SEED = 0

Rename = Callable[[str], Iterable[str]]
"""From a label as annotated to those of the inventory; none for a label that the inventory has nothing for."""


def inventory(corpus: str) -> dict[str, str]:
    """Parent by type, "" for a root, in the published order: the 128, 89 or 47 types of figer, ontonotes or bbn."""
    return json.loads(files("labelpolicy.data.readers").joinpath(f"ren2016_{corpus}.json").read_text(encoding="utf-8"))


def as_annotated(label: str) -> Iterable[str]:
    return (label,)


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
        """For dataset.json. ``read`` and ``bad`` are lines and mentions together, for labelpolicy.data.quality."""
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
    """The usable sentences of a file in its order, read anew at every iteration; ``counts`` are the last one's."""

    def __init__(self, path: Path, corpus: str, rename: Rename = as_annotated):
        self.path, self.rename = require(path), rename
        self.parents = inventory(corpus)
        self.order = {label: index for index, label in enumerate(self.parents)}
        self.counts = Counts()

    def __iter__(self) -> Iterator[Sentence]:
        self.counts = Counts()
        with self.path.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.strip():
                    continue
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
        tokens, spans = tuple(entry["tokens"]), Counter()
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
        for label in labels:
            renamed = [name for name in self.rename(label) if name in self.parents]
            known.update(renamed)
            if not renamed:
                self.counts.outside[label] += 1
                parent = label.rpartition("/")[0]
                self.counts.other["labels_with_no_parent_in_the_inventory"] += bool(parent) and parent not in self.order
            elif renamed != [label]:
                self.counts.other["labels_renamed"] += 1
        if not known:
            self.counts.other["mentions_without_a_label_of_the_inventory"] += 1
            return None
        self.counts.other["mentions_that_lack_the_parent_of_a_label"] += any(
            self.parents[label] and self.parents[label] not in known for label in known
        )
        return start, end, tuple(sorted(known, key=self.order.__getitem__))


def _entry(line: bytes) -> dict | str:
    """The object of a line, or what is wrong with it."""
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "not UTF-8"
    try:
        entry = json.loads(text)
        if "\\u" in text:  # JSON can spell half a surrogate pair, Parquet cannot
            json.dumps(entry, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return "not JSON" if line.endswith(b"\n") else "cut off in mid-line"
    if not isinstance(entry, dict):
        return "not a JSON object"
    tokens = entry.get("tokens")
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        return "no list of tokens"
    return entry if isinstance(entry.get("mentions"), list) else "no list of mentions"


class Mentions:
    """The mentions of files as documents, in the files' order, read anew at every iteration.

    ``counted`` (facts by file) is filled while a file is read. ``group`` names a sentence's document; a sentence that
    does not say which it is from is a document of its own.
    """

    def __init__(self, sources: Iterable[Sentences], counted: dict[str, Any]):
        self.sources, self.counted = list(sources), counted

    def __iter__(self) -> Iterator[Document]:
        for source in self.sources:
            for sentence in source:
                yield from documents(sentence, sentence.document or sentence.place)
            self.counted[source.path.name] = source.counts.facts()


def documents(sentence: Sentence, group: str) -> Iterator[Document]:
    """A document for each mention of the sentence."""
    for number, start, end, labels in sentence.mentions:
        first = max(0, start - MARGIN)
        yield Document(
            f"{sentence.place}:{number}",
            labels,
            tokens=sentence.tokens[first : end + MARGIN],
            mention=(start - first, end - first),
            group=group,
        )


def published_split(raw: Path, corpus: str, published: dict[str, float], rename: Rename = as_annotated) -> Corpus:
    """The corpus as published: train.json and test.json of the folder, streamed."""
    counted: dict[str, Any] = {}
    splits = {
        split: Mentions([Sentences(raw / f"{split}.json", corpus, rename)], counted) for split in ("train", "test")
    }
    return corpus_of(corpus, splits, published=published, counted=counted)


def re_split(raw: Path, corpus: str, names: list[str], rename: Rename = as_annotated) -> Corpus:
    """The files' mentions divided anew by document: about TEST_FRACTION of them, in whole documents, are for testing.

    Documents that share a sentence count as one, so that nothing stands in training and in test.
    """
    counted: dict[str, Any] = {}
    sentences = []
    for name in names:
        source = Sentences(raw / name, corpus, rename)
        sentences += source
        counted[name] = source.counts.facts()
    group = joined(sentences)
    counted["documents"] = len({sentence.document for sentence in sentences})
    counted["documents_after_joining_those_that_share_a_sentence"] = len(set(group.values()))
    together: dict[str, list[Document]] = {}
    for sentence in sentences:
        name = group[sentence.document]
        together.setdefault(name, []).extend(documents(sentence, name))
    wanted = TEST_FRACTION * sum(map(len, together.values()))
    tested: set[str] = set()
    held = 0
    for name in generator(SPLIT_SEED, f"{corpus} re-split").permutation(sorted(together)).tolist():
        if held >= wanted:
            break
        tested.add(name)
        held += len(together[name])
    splits = {
        "train": [document for name, found in together.items() if name not in tested for document in found],
        "test": [document for name, found in together.items() if name in tested for document in found],
    }
    variant = (
        f"a re-split, not the published {corpus}: the manually annotated mentions of {', '.join(names)}, divided anew "
        f"by document; {TEST_FRACTION:.0%} of them are for testing"
    )
    return corpus_of(corpus, splits, variant=variant, counted=counted)


def joined(sentences: Iterable[Sentence]) -> dict[str, str]:
    """By document, the first one of those that it shares a sentence with, directly or through others."""
    first: dict[str, str] = {}

    def root(name: str) -> str:
        while first[name] != name:
            name = first[name]
        return name

    seen: dict[tuple[str, ...], str] = {}
    for sentence in sentences:
        first.setdefault(sentence.document, sentence.document)
        one, other = root(sentence.document), root(seen.setdefault(sentence.tokens, sentence.document))
        first[max(one, other)] = min(one, other)
    return {name: root(name) for name in first}


def corpus_of(corpus: str, splits: dict[str, Iterable[Document]], **more: Any) -> Corpus:
    parents = inventory(corpus)
    return Corpus(list(parents), splits, {label: parent for label, parent in parents.items() if parent}, **more)
