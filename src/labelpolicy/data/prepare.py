"""From a corpus to the prepared form (see :mod:`labelpolicy.data.prepared`): splits, vocabulary, facts."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from labelpolicy.data.corpus import Corpus
from labelpolicy.data.encode import Encoded
from labelpolicy.data.parameters import Data
from labelpolicy.data.prepared import SPLITS, UNKNOWN, Ragged
from labelpolicy.data.splits import hold_out
from labelpolicy.errors import LabelPolicyError
from labelpolicy.randomness import generator

# A new corpus is one reader module and its line here; any other name is read as the user's own JSON lines.
READERS = {
    "reuters21578": "labelpolicy.data.readers.reuters",
    "rcv1": "labelpolicy.data.readers.rcv1",
    "rcv1_sample": "labelpolicy.data.readers.rcv1",
    "rcv1_standin": "labelpolicy.data.readers.rcv1",  # generated text, see standin.py
    "goemotions": "labelpolicy.data.readers.goemotions",
    "synthetic": "labelpolicy.data.readers.jsonlines",
    "figer": "labelpolicy.data.readers.figer",
    "ontonotes": "labelpolicy.data.readers.ontonotes",
    "bbn": "labelpolicy.data.readers.bbn",
    "figer_gold": "labelpolicy.data.readers.figer_gold",
    "ontonotes_gold": "labelpolicy.data.readers.ontonotes_gold",
    "bbn_gold": "labelpolicy.data.readers.bbn_gold",
}

# What is labelled: documents, or entity mentions in their sentences. workflow/methods.tsv names rows by task.
TASKS = ("text", "typing")
TYPING = ("figer", "ontonotes", "bbn", "figer_gold", "ontonotes_gold", "bbn_gold")

DEV = "_dev"  # suffix of a data set without its test documents, see parts()
DEV_FRACTION = 0.2
DEV_SEED = 0


def base(dataset: str) -> str:
    """The data set whose raw files ``dataset`` is made from: its own name, without the suffix ``_dev``."""
    return dataset.removesuffix(DEV)


def task(dataset: str) -> str:
    """One of TASKS; a user's own data set is text."""
    return "typing" if base(dataset) in TYPING else "text"


def reader_module(dataset: str) -> str:
    """The module that reads the data set: its own, or the one for a user's JSON lines."""
    return READERS.get(base(dataset), "labelpolicy.data.readers.jsonlines")


def read(dataset: str, raw: Path) -> Corpus:
    """Read the raw folder of ``dataset`` with its reader.

    Raises LabelPolicyError for a name that has no reader and no train.jsonl, and for a corpus without labels.
    """
    name, raw = base(dataset), Path(raw)
    if name not in READERS and not (raw / "train.jsonl").is_file():
        raise LabelPolicyError(
            f"unknown data set {name!r}: expected one of {', '.join(READERS)}, or a folder {raw} with train.jsonl "
            "and test.jsonl: correct the name, or put your documents there (docs/data.md)"
        )
    corpus = importlib.import_module(reader_module(dataset)).read(raw)
    if not corpus.labels:
        raise LabelPolicyError(f"{raw}: no document has a label: there is nothing to learn, correct the corpus")
    return corpus


@dataclass(frozen=True)
class Part:
    """A split to write: some of the documents of a split that was read."""

    source: Encoded
    rows: np.ndarray  # in the source's order

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def labels(self) -> Ragged:
        return self.source.labels.take(self.rows)

    @property
    def lengths(self) -> np.ndarray:
        return self.source.lengths[self.rows]

    def divide(self, fraction: float, random: np.random.Generator) -> tuple[Part, Part]:
        """The documents that stay and those held out, by :func:`labelpolicy.data.splits.hold_out`."""
        groups = None
        if self.source.groups is not None:
            groups = self.source.groups.combine_chunks().dictionary_encode().indices.to_numpy()[self.rows].tolist()
        held = hold_out(self.labels, fraction, random, groups)
        return Part(self.source, self.rows[~held]), Part(self.source, self.rows[held])

    def counts(self, words: int) -> np.ndarray:
        """Occurrences of each word of the provisional vocabulary: int64 (words,)."""
        found = np.zeros(words, dtype=np.int64)
        for _, tokens, _ in self.blocks():
            found += np.bincount(tokens, minlength=words)
        return found

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Rows of the source, their tokens one after the other, and the number of tokens of each."""
        wanted = np.zeros(len(self.source), dtype=bool)
        wanted[self.rows] = True
        for rows, tokens in self.source.blocks():
            chosen, lengths = wanted[rows], self.source.lengths[rows]
            if chosen.any():
                tokens = tokens if chosen.all() else tokens[np.repeat(chosen, lengths)]
                yield np.flatnonzero(chosen) + rows.start, tokens, lengths[chosen]


def parts(dataset: str, encoded: dict[str, Encoded], parameters: Data) -> dict[str, Part]:
    """train, valid and test of the prepared form.

    ``{dataset}_dev``, the form for choosing defaults, has no test documents: a fifth of the training documents, drawn
    once for all, stand in their place.
    """
    found = {name: Part(split, np.arange(len(split))) for name, split in encoded.items()}
    if dataset.endswith(DEV):
        found["train"], found["test"] = found["train"].divide(DEV_FRACTION, generator(DEV_SEED, "development split"))
    if "valid" not in found:
        random = generator(parameters.validation_seed, "validation split")
        found["train"], found["valid"] = found["train"].divide(parameters.validation_fraction, random)
    return {name: found[name] for name in SPLITS}


def vocabulary(
    words: list[str], counts: np.ndarray, min_count: int, known: np.ndarray | None = None
) -> tuple[list[str], list[int], np.ndarray]:
    """Tokens seen at least ``min_count`` times, by falling count, then in alphabetical order, and their counts.

    ``known`` bool (words,) marks words that are kept however rare.

    Rows 0 and 1 are <pad> (count 0) and <unk> (the running tokens that are too rare). A corpus whose own tokens
    include these two words loses nothing: they become <unk>. The third result is the row of each of ``words``.
    """
    frequent = np.flatnonzero(counts >= min_count if known is None else (counts >= min_count) | known)
    candidates = zip((-counts[frequent]).tolist(), (words[word] for word in frequent), frequent.tolist(), strict=True)
    kept = sorted(entry for entry in candidates if entry[1] not in ("<pad>", "<unk>"))
    row = np.full(len(words), UNKNOWN, dtype=np.int32)
    row[[word for *_, word in kept]] = np.arange(UNKNOWN + 1, UNKNOWN + 1 + len(kept))
    rare = int(counts.sum()) + sum(count for count, *_ in kept)
    return ["<pad>", "<unk>", *(word for _, word, _ in kept)], [0, rare, *(-count for count, *_ in kept)], row


def label_table(corpus: Corpus, train_count: np.ndarray) -> pa.Table:
    """labels.parquet: label, parent, depth and ``train_count``, the number of training documents that carry it.

    ``parent`` is the nearest ancestor that is a label, ``depth`` counts all nodes; where some are no labels, there is
    a column with all ``ancestors`` of each label besides.
    """
    labels = frozenset(corpus.labels)

    def above(node: str) -> list[str]:
        parent = corpus.parents.get(node)
        return [] if parent is None else [*above(parent), parent]

    ancestors = [above(label) for label in corpus.labels]
    parents = [next((node for node in reversed(nodes) if node in labels), None) for nodes in ancestors]
    columns = {
        "label": pa.array(corpus.labels, pa.string()),
        "parent": pa.array(parents, pa.string()),
        "depth": pa.array([1 + len(nodes) for nodes in ancestors], pa.int32()),
        "train_count": pa.array(train_count, pa.int64()),
    }
    if not labels.issuperset(node for nodes in ancestors for node in nodes):
        columns["ancestors"] = pa.array(ancestors, pa.list_(pa.string()))
    return pa.table(columns)


def split_tables(part: Part, row: np.ndarray, rows: int) -> Iterator[pa.Table]:
    """One split as Parquet wants it, in tables of ``rows`` documents: id, tokens, labels and what mentions have.

    ``row`` is the vocabulary's row of each word of the provisional vocabulary.
    """
    waiting: list[pa.Table] = []
    for chosen, tokens, lengths in part.blocks():
        waiting.append(_table(part.source, chosen, Ragged(row[tokens], np.concatenate([[0], lengths]).cumsum())))
        if sum(map(len, waiting)) >= rows:
            together = pa.concat_tables(waiting)
            yield together.slice(0, rows).combine_chunks()
            waiting = [together.slice(rows)]
    if any(map(len, waiting)):
        yield pa.concat_tables(waiting).combine_chunks()


def _table(source: Encoded, rows: np.ndarray, tokens: Ragged) -> pa.Table:
    where = pa.array(rows)
    columns = {
        "id": source.ids.take(where),
        "tokens": _lists(tokens),
        "labels": _lists(source.labels.take(rows)),
    }
    if source.mentions is not None:
        columns |= {name: pa.array(source.mentions[rows, place]) for place, name in enumerate(("start", "end"))}
    if source.groups is not None:
        columns["group"] = source.groups.take(where)
    return pa.table(columns)


def _lists(ragged: Ragged) -> pa.Array:
    return pa.ListArray.from_arrays(
        pa.array(ragged.offsets, pa.int32()), pa.array(ragged.values, pa.int32()), type=pa.list_(pa.int32())
    )


def labels_per_document(found: dict[str, Part]) -> dict[str, float]:
    """Mean number of labels of a document, for each split and ``all`` of them together."""
    lengths = {name: part.labels.lengths for name, part in found.items()}
    together = float(np.concatenate(list(lengths.values())).mean())
    return {"all": round(together, 4), **{name: round(float(each.mean()), 4) for name, each in lengths.items()}}


def differences(published: dict[str, float] | None, measured: dict[str, float], without_text: int) -> list[str]:
    """In words, what a published corpus was and this one is not (its numbers to two digits, as published)."""
    if published is None:
        return []
    words = {
        "labels": "labels",
        "depth": "levels of the hierarchy",
        "labels_per_document": "labels a document",
        "training": "training documents (with validation)",
        "testing": "test documents",
    }
    found = [
        f"{words[key]}: {measured[key]} here, {value} published"
        for key, value in published.items()
        if round(measured[key], 2) != value
    ]
    return [*found, f"documents without text: {without_text}"] if without_text else found
