"""From an encoded corpus to the prepared form (:mod:`labelpolicy.data.prepared`): splits, vocabulary, tables, facts."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelpolicy.data import embeddings
from labelpolicy.data.corpus import Corpus
from labelpolicy.data.encode import Encoded
from labelpolicy.data.labels import closed, renamed
from labelpolicy.data.parameters import Data
from labelpolicy.data.premises import Seen
from labelpolicy.data.prepared import SPLITS, UNKNOWN, Ragged, Strings
from labelpolicy.data.registry import is_development
from labelpolicy.data.splits import hold_out
from labelpolicy.data.tokens import RULE
from labelpolicy.errors import LabelPolicyError
from labelpolicy.hierarchy import ancestors_of, find_cycle
from labelpolicy.randomness import generator

DEV_FRACTION, DEV_SEED = 0.2, 0  # of the test split of a {dataset}_dev
IDS_LISTED = 100  # documents without text are listed by id up to so many


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

    def divide(self, fraction: float, random: np.random.Generator) -> "tuple[Part, Part]":
        """The documents that stay and those held out, by :func:`labelpolicy.data.splits.hold_out`."""
        groups = None
        if "group" in self.source.columns.column_names:
            groups = self.source.columns["group"].combine_chunks().dictionary_encode().indices.to_numpy()[self.rows]
        held = hold_out(self.labels, fraction, random, groups)
        return Part(self.source, self.rows[~held]), Part(self.source, self.rows[held])

    def counts(self, words: int) -> np.ndarray:
        """Occurrences of each word of the provisional vocabulary: int64 (words,)."""
        found = np.zeros(words, dtype=np.int64)
        for rows, tokens in self.source.blocks():
            found += np.bincount(tokens[np.repeat(self._wanted[rows], self.source.lengths[rows])], minlength=words)
        return found

    def tables(self, row: np.ndarray, size: int) -> Iterator[pa.Table]:
        """The split as Parquet wants it, in tables of ``size`` documents; ``row`` is the vocabulary's of each word."""
        waiting: list[pa.Table] = []
        for (rows, tokens), texts in zip(self.source.blocks(), self.source.texts(), strict=True):
            wanted = self._wanted[rows]
            if wanted.any():
                tokens = row[tokens[np.repeat(wanted, self.source.lengths[rows])]]
                waiting.append(self._table(np.flatnonzero(wanted) + rows.start, tokens, texts.filter(pa.array(wanted))))
            if sum(map(len, waiting)) >= size:
                joined = pa.concat_tables(waiting)
                yield joined.slice(0, size).combine_chunks()
                waiting = [joined.slice(size)]
        if any(map(len, waiting)):
            yield pa.concat_tables(waiting).combine_chunks()

    def _table(self, rows: np.ndarray, tokens: np.ndarray, texts: pa.Array) -> pa.Table:
        offsets = np.append(0, self.source.lengths[rows]).cumsum()
        lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(tokens))
        return self.source.columns.take(rows).add_column(1, "tokens", lists).add_column(3, "text", texts)

    @cached_property
    def _wanted(self) -> np.ndarray:
        wanted = np.zeros(len(self.source), dtype=bool)
        wanted[self.rows] = True
        return wanted


def parts(dataset: str, encoded: dict[str, Encoded], parameters: Data, test_fraction: float) -> dict[str, Part]:
    """train, valid and test; what is not given is held out of train.

    In a ``{dataset}_dev`` a fifth of the training documents stand in for the test ones.
    """
    found = {name: Part(split, np.arange(len(split))) for name, split in encoded.items()}
    if is_development(dataset):
        found["train"], found["test"] = found["train"].divide(DEV_FRACTION, generator(DEV_SEED, "development split"))
    if "test" not in found:
        random = generator(parameters.validation_seed, "test split")
        found["train"], found["test"] = found["train"].divide(test_fraction, random)
    if "valid" not in found:
        random = generator(parameters.validation_seed, "validation split")
        found["train"], found["valid"] = found["train"].divide(parameters.validation_fraction, random)
    return {name: found[name] for name in SPLITS}


def relabelled(split: Encoded, row: np.ndarray, parents: np.ndarray, close: bool) -> Encoded:
    """The split with its labels by their final rows, with ``close`` closed upwards."""
    named = renamed(split.labels, row)
    whole = closed(named, parents)
    return split.with_labels(whole if close else named, whole.lengths > named.lengths)


def seen(splits: Mapping[str, Part], unknown: np.ndarray) -> dict[str, Seen]:
    """What the premises are looked up in; ``unknown`` says of each provisional word that it is in no vocabulary."""
    sources = {id(part.source): part.source for part in splits.values()}
    looked = {key: source.looked_at(unknown) for key, source in sources.items()}
    found = {}
    for name, part in splits.items():
        rows, columns = part.rows, part.source.columns
        (text, strange), ids = looked[id(part.source)], columns["id"].take(rows)
        groups = pc.count_distinct(columns["group"].take(rows)).as_py() if "group" in columns.column_names else None
        numbered = pc.all(pc.match_substring_regex(ids, "^[0-9]{1,18}$")).as_py()
        span = tuple(pc.min_max(ids.cast(pa.int64())).as_py().values()) if numbered else None
        open_ = np.zeros(len(rows), bool) if part.source.open is None else part.source.open[rows]
        found[name] = Seen(Strings(ids), part.labels, open_, text[rows], part.lengths, strange[rows], groups, span)
    return found


@dataclass(frozen=True)
class Vocabulary:
    """The tokens that keep a row, and their vectors."""

    tokens: list[str]  # <pad> and <unk> first
    counts: list[int]  # in the training split
    row: np.ndarray  # of each word of the provisional vocabulary
    vectors: np.ndarray
    known: np.ndarray  # which tokens the source of the vectors has


def vocabulary(words: list[str], counts: np.ndarray, mentions: bool, parameters: Data) -> Vocabulary:
    """The vocabulary of ``words`` that occur ``counts`` times in training; ``mentions``: the documents are mentions."""
    keep_known = parameters.known_words == "all" or (parameters.known_words == "mentions" and mentions)
    known_words = embeddings.load(["<pad>", "<unk>", *words], parameters.vectors)[1][2:] if keep_known else None
    tokens, kept_counts, row = frequent_words(words, counts, parameters.min_count, known_words)
    return Vocabulary(tokens, kept_counts, row, *embeddings.load(tokens, parameters.vectors))


def frequent_words(
    words: list[str], counts: np.ndarray, min_count: int, known: np.ndarray | None = None
) -> tuple[list[str], list[int], np.ndarray]:
    """Tokens seen at least ``min_count`` times, by falling count, then in alphabetical order, and their counts.

    ``known`` bool (words,) marks words that are kept however rare. Rows 0 and 1 are <pad> (count 0) and <unk> (the
    running tokens that are too rare, and these two words). The third result is the row of each of ``words``.
    """
    frequent = np.flatnonzero(counts >= min_count if known is None else (counts >= min_count) | known)
    candidates = zip((-counts[frequent]).tolist(), (words[word] for word in frequent), frequent.tolist(), strict=True)
    kept = sorted(entry for entry in candidates if entry[1] not in ("<pad>", "<unk>"))
    row = np.full(len(words), UNKNOWN, dtype=np.int32)
    row[[word for *_, word in kept]] = np.arange(UNKNOWN + 1, UNKNOWN + 1 + len(kept))
    rare = int(counts.sum()) + sum(count for count, *_ in kept)
    return ["<pad>", "<unk>", *(word for _, word, _ in kept)], [0, rare, *(-count for count, *_ in kept)], row


def refuse_rubble(counted: Mapping[str, Any], share: float, raw: str | Path) -> None:
    """Say on stderr what of the files could not be used.

    ``counted`` is that of a Corpus; its entries by file that say how much was ``read`` and how much of it ``bad`` are
    looked at; ``raw`` is the folder that the names are of. Raises LabelPolicyError, with a summary, where more than
    ``share`` of a file is bad.
    """
    for name, facts in counted.items():
        if not isinstance(facts, dict) or not facts.get("bad"):
            continue
        kinds = {**facts["bad_lines"], **facts["bad_mentions"]}.items()
        found = f"{Path(raw, name)}: {facts['bad']} of {facts['read']} lines and mentions cannot be used"
        why = f"{', '.join(f'{count} x {kind}' for kind, count in kinds)}; first: {'; '.join(facts['examples'][:3])}"
        if facts["bad"] > share * facts["read"]:
            found += f", more than the {share:.1%} of data.bad_share"
            raise LabelPolicyError(f"{found}: {why}: fetch the file again, or raise data.bad_share")
        print(f"{found} and are left out: {why}; counted in dataset.json", file=sys.stderr)


def label_table(corpus: Corpus, train_count: np.ndarray) -> pa.Table:
    """labels.parquet: label, parent, depth and ``train_count``, the number of training documents that carry it.

    ``parent`` is the nearest ancestor that is a label, ``depth`` counts all nodes; where some are no labels, there is
    a column with all ``ancestors`` of each label besides, and one with its ``description`` where a label has one.
    Raises LabelPolicyError for a node that is its own ancestor.
    """
    if (cycle := find_cycle(corpus.parents)) is not None:
        raise LabelPolicyError(f"hierarchy of labels: {cycle!r} is its own ancestor: correct the parents")
    labels = frozenset(corpus.labels)
    ancestors = [ancestors_of(label, corpus.parents) for label in corpus.labels]
    parents = [next((node for node in reversed(nodes) if node in labels), None) for nodes in ancestors]
    columns = {
        "label": pa.array(corpus.labels, pa.string()),
        "parent": pa.array(parents, pa.string()),
        "depth": pa.array([1 + len(nodes) for nodes in ancestors], pa.int32()),
        "train_count": pa.array(train_count, pa.int64()),
    }
    if not labels.issuperset(node for nodes in ancestors for node in nodes):
        columns["ancestors"] = pa.array(ancestors, pa.list_(pa.string()))
    if corpus.descriptions:
        columns["description"] = pa.array([corpus.descriptions.get(label) for label in corpus.labels], pa.string())
    return pa.table(columns)


def facts(
    dataset: str,
    corpus: Corpus,
    splits: Mapping[str, Part],
    labels: pa.Table,
    counts: Mapping[str, np.ndarray],
    words: Vocabulary,
) -> dict[str, Any]:
    """dataset.json; ``counts`` are those of each word of the provisional vocabulary, by split."""
    lengths = {name: part.labels.lengths for name, part in splits.items()}
    lengths = {"all": np.concatenate(list(lengths.values())), **lengths}
    per_document = {name: round(float(each.mean()), 4) for name, each in lengths.items()}
    bare = [part.source.columns["id"].take(part.rows[part.lengths == 0]).to_pylist() for part in splits.values()]
    without_text = sum(map(len, bare))
    published = None if is_development(dataset) else corpus.published
    measured = {
        "labels": len(corpus.labels),
        "depth": max(labels["depth"].to_pylist()),
        "labels_per_document": per_document["all"],
        "training": len(splits["train"]) + len(splits["valid"]),
        "testing": len(splits["test"]),
    }
    in_vocabulary = words.known[UNKNOWN + 1 :]
    return {
        "documents": {name: len(part) for name, part in splits.items()},
        "labels": len(corpus.labels),
        "depth": measured["depth"],
        "labels_per_document": per_document,
        "labels_without_training_document": labels.filter(pc.field("train_count") == 0)["label"].to_pylist(),
        "text": corpus.text,
        "tokenizer": RULE,
        "mean_tokens": {name: round(float(part.lengths.mean()), 2) for name, part in splits.items()},
        "vocabulary": len(words.tokens),
        "out_of_vocabulary": {name: _share(counts[name], words.row == UNKNOWN) for name in SPLITS},
        "coverage": {
            "types": round(float(in_vocabulary.mean()), 4) if len(in_vocabulary) else 0.0,
            "tokens": _share(counts["train"], words.known[words.row] & (words.row != UNKNOWN)),
        },
        "without_text": {"count": without_text, "ids": list(chain(*bare)) if without_text <= IDS_LISTED else None},
        **({"counted": corpus.counted} if corpus.counted else {}),
        "published": published,
        "differences": differences(published, measured, without_text),
    }


def variant(dataset: str, corpus: Corpus) -> str | None:
    """What makes this another data set than the published one."""
    development = (
        f"for choosing defaults: the test documents are dropped, and {DEV_FRACTION:.0%} of the training documents, "
        "drawn at random, are the test split"
    )
    return "; ".join(filter(None, (corpus.variant, development if is_development(dataset) else None))) or None


def _share(counts: np.ndarray, marked: np.ndarray) -> float:
    """Share of the running tokens whose word is marked."""
    total = counts.sum()
    return round(float(counts[marked].sum() / total), 4) if total else 0.0


def differences(published: dict[str, float] | None, measured: dict[str, float], without_text: int) -> list[str]:
    """In words, what a published corpus was and this one is not (its numbers to two digits, as published)."""
    words = {
        "labels": "labels",
        "depth": "levels of the hierarchy",
        "labels_per_document": "labels a document",
        "training": "training documents (with validation)",
        "testing": "test documents",
    }
    found = [
        f"{words[key]}: {measured[key]} here, {value} published"
        for key, value in (published or {}).items()
        if round(measured[key], 2) != value
    ]
    return [*found, f"documents without text: {without_text}"] if published and without_text else found
