"""Step ``prepare``: a corpus' raw files in, the prepared form out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from safetensors.numpy import save_file

from labelpolicy.data import embeddings
from labelpolicy.data.corpus import Document
from labelpolicy.data.prepare import (
    DEV,
    DEV_FRACTION,
    differences,
    hold_out,
    label_table,
    labels_per_document,
    read,
    split_table,
    vocabulary,
)
from labelpolicy.data.prepared import PAD, SPLITS, UNKNOWN
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_json, whole_file, whole_folder, write_json, write_parquet
from labelpolicy.parameters import Data
from labelpolicy.randomness import generator

IDS_LISTED = 100  # documents without text are listed by id up to so many


def run(*, dataset: str, raw: Path, parameters: Data, output: Path) -> None:
    """Write the prepared form of ``dataset`` into ``output`` from the raw files in ``raw``.

    ``{dataset}_dev`` reads the same raw folder as ``{dataset}``, but drops the test documents and puts a fifth of the
    training documents in their place. Raises LabelPolicyError for an unknown data set and for bad raw files.
    """
    raw = Path(raw)
    corpus = read(dataset, raw)
    splits = dict(corpus.splits)
    if "valid" not in splits:
        random = generator(parameters.validation_seed, "validation split")
        splits["train"], splits["valid"] = hold_out(splits["train"], parameters.validation_fraction, random)
    for name in SPLITS:
        if not splits[name]:
            raise LabelPolicyError(
                f"{raw}: the {name} split would be empty: raise data.validation_fraction, or give more documents "
                "(each label keeps one in train)"
            )

    words = {name: [document.words() for document in splits[name]] for name in SPLITS}
    tokens, counts = vocabulary(words["train"], parameters.min_count)
    row = {token: index for index, token in enumerate(tokens) if index not in (PAD, UNKNOWN)}
    rows = {name: [[row.get(word, UNKNOWN) for word in document] for document in words[name]] for name in SPLITS}
    vectors, known = embeddings.load(tokens, parameters.vectors)
    labels = label_table(corpus, splits["train"])
    each = labels_per_document(splits)
    without_text = _without_text(splits, words)
    measured = {
        "labels": len(corpus.labels),
        "labels_per_document": each["all"],
        "training": len(splits["train"]) + len(splits["valid"]),
        "testing": len(splits["test"]),
    }

    facts = {
        "name": dataset,
        "variant": _variant(dataset),
        "source": read_json(raw / "source.json") if (raw / "source.json").is_file() else {"kind": "own files"},
        "documents": {name: len(splits[name]) for name in SPLITS},
        "labels": len(corpus.labels),
        "depth": max(labels["depth"].to_pylist()),
        "labels_per_document": each,
        "labels_without_training_document": [
            label for label, count in zip(corpus.labels, labels["train_count"].to_pylist(), strict=True) if count == 0
        ],
        "mean_tokens": {name: round(float(np.mean([len(row) for row in rows[name]])), 2) for name in SPLITS},
        "vocabulary": len(tokens),
        "out_of_vocabulary": {name: _share(rows[name], np.arange(len(tokens)) == UNKNOWN) for name in SPLITS},
        "vectors": {"source": parameters.vectors.source, "width": parameters.vectors.width},
        "coverage": {
            "types": round(float(known[UNKNOWN + 1 :].mean()) if len(tokens) > UNKNOWN + 1 else 0.0, 4),
            "tokens": _share(rows["train"], known & (np.arange(len(tokens)) != UNKNOWN)),
        },
        "without_text": without_text,
        "published": corpus.published,
        "differences": differences(corpus.published, measured, without_text["count"]),
    }

    with whole_folder(output) as folder:
        for name in SPLITS:
            write_parquet(folder / f"{name}.parquet", split_table(splits[name], rows[name], corpus.labels))
        write_parquet(folder / "labels.parquet", labels)
        write_parquet(
            folder / "vocabulary.parquet",
            pa.table({"token": pa.array(tokens, pa.string()), "count": pa.array(counts, pa.int64())}),
        )
        with whole_file(folder / "embeddings.safetensors") as temporary:
            save_file({"vectors": vectors}, temporary)
        write_json(folder / "dataset.json", facts)


def _variant(dataset: str) -> str | None:
    if not dataset.endswith(DEV):
        return None
    return (
        f"for choosing defaults: the test documents are dropped, and {DEV_FRACTION:.0%} of the training documents, "
        "drawn at random, are the test split"
    )


def _share(rows: list[list[int]], marked: np.ndarray) -> float:
    """Share of the running tokens whose row of the vocabulary is marked."""
    running = np.array([token for row in rows for token in row], dtype=np.int64)
    return round(float(marked[running].mean()), 4) if len(running) else 0.0


def _without_text(splits: dict[str, list[Document]], words: dict[str, list[list[str]]]) -> dict:
    """Documents without a single token: how many and, if they are few, which."""
    ids = [document.id for name in SPLITS for document, row in zip(splits[name], words[name], strict=True) if not row]
    return {"count": len(ids), "ids": ids if len(ids) <= IDS_LISTED else None}
