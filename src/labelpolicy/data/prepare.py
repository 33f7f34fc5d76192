"""From a corpus to the prepared form (see :mod:`labelpolicy.data.prepared`): splits, vocabulary, facts."""

from __future__ import annotations

import importlib
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa

from labelpolicy.data.corpus import Corpus, Document
from labelpolicy.data.prepared import SPLITS
from labelpolicy.errors import LabelPolicyError
from labelpolicy.randomness import generator

# A new corpus is one reader module and its line here; any other name is read as the user's own JSON lines.
READERS = {
    "reuters21578": "labelpolicy.data.reuters",
    "synthetic": "labelpolicy.data.jsonlines",
}

DEV = "_dev"  # suffix of a data set without its test documents, see development()
DEV_FRACTION = 0.2
DEV_SEED = 0


def base(dataset: str) -> str:
    """The data set whose raw files ``dataset`` is made from: its own name, without the suffix ``_dev``."""
    return dataset.removesuffix(DEV)


def reader_module(dataset: str) -> str:
    """The module that reads the data set: its own, or the one for a user's JSON lines."""
    return READERS.get(base(dataset), "labelpolicy.data.jsonlines")


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
    return development(corpus) if dataset.endswith(DEV) else corpus


def development(corpus: Corpus) -> Corpus:
    """The corpus for choosing defaults: test documents dropped, a fifth of the training documents in their place."""
    train, test = hold_out(corpus.splits["train"], DEV_FRACTION, generator(DEV_SEED, "development split"))
    return Corpus(corpus.labels, {**corpus.splits, "train": train, "test": test}, corpus.parents, published=None)


def hold_out(
    documents: list[Document], fraction: float, random: np.random.Generator
) -> tuple[list[Document], list[Document]]:
    """Split off round(fraction * n) documents at random without taking any label's last document.

    The documents are visited in a random order. One is held out if each of its labels is carried by another document
    that is still not held out, so that no label loses its last training document; until enough are.
    Both parts keep the corpus' order. Fewer documents are held out where this rule allows no more.
    """
    left = Counter(label for document in documents for label in document.labels)
    target = round(fraction * len(documents))
    held: set[int] = set()
    for index in random.permutation(len(documents)).tolist():
        if len(held) == target:
            break
        labels = documents[index].labels
        if all(left[label] > 1 for label in labels):
            left.subtract(labels)
            held.add(index)
    kept = [document for index, document in enumerate(documents) if index not in held]
    return kept, [documents[index] for index in sorted(held)]


def vocabulary(words: list[list[str]], min_count: int) -> tuple[list[str], list[int]]:
    """Tokens seen at least ``min_count`` times, by falling count, then in alphabetical order, and their counts.

    Rows 0 and 1 are <pad> (count 0) and <unk> (the running tokens that are too rare). A corpus whose own tokens
    include these two words loses nothing: they become <unk>.
    """
    counts = Counter(word for row in words for word in row)
    kept = sorted((-count, word) for word, count in counts.items() if count >= min_count)
    kept = [(count, word) for count, word in kept if word not in ("<pad>", "<unk>")]
    rare = counts.total() + sum(count for count, _ in kept)
    return ["<pad>", "<unk>", *(word for _, word in kept)], [0, rare, *(-count for count, _ in kept)]


def label_table(corpus: Corpus, train: list[Document]) -> pa.Table:
    """labels.parquet: label, parent, depth and the number of documents of ``train`` that carry it."""
    counts = Counter(label for document in train for label in document.labels)

    def depth(label: str) -> int:
        return 1 + (depth(corpus.parents[label]) if label in corpus.parents else 0)

    return pa.table(
        {
            "label": pa.array(corpus.labels, pa.string()),
            "parent": pa.array([corpus.parents.get(label) for label in corpus.labels], pa.string()),
            "depth": pa.array([depth(label) for label in corpus.labels], pa.int32()),
            "train_count": pa.array([counts[label] for label in corpus.labels], pa.int64()),
        }
    )


def split_table(documents: list[Document], tokens: list[list[int]], labels: list[str]) -> pa.Table:
    """One split as Parquet wants it: id, tokens, labels."""
    row = {label: index for index, label in enumerate(labels)}
    carried = [sorted(row[label] for label in document.labels) for document in documents]
    return pa.table(
        {
            "id": pa.array([document.id for document in documents], pa.string()),
            "tokens": pa.array(tokens, pa.list_(pa.int32())),
            "labels": pa.array(carried, pa.list_(pa.int32())),
        }
    )


def labels_per_document(splits: dict[str, list[Document]]) -> dict[str, float]:
    """Mean number of labels of a document, for each split and ``all`` of them together."""
    means = {name: float(np.mean([len(document.labels) for document in splits[name]])) for name in SPLITS}
    together = float(np.mean([len(document.labels) for name in SPLITS for document in splits[name]]))
    return {"all": round(together, 4), **{name: round(mean, 4) for name, mean in means.items()}}


def differences(published: dict[str, float] | None, measured: dict[str, float], without_text: int) -> list[str]:
    """In words, what a published corpus was and this one is not (its numbers to two digits, as published)."""
    if published is None:
        return []
    words = {
        "labels": "labels",
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
