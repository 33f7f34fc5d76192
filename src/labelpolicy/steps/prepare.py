"""Step ``prepare``: a corpus' raw files in, the prepared form out."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import save_file

from labelpolicy.data import embeddings, quality
from labelpolicy.data.corpus import Corpus
from labelpolicy.data.encode import Encoder
from labelpolicy.data.parameters import Data
from labelpolicy.data.prepare import (
    DEV,
    DEV_FRACTION,
    Part,
    differences,
    label_table,
    labels_per_document,
    parts,
    read,
    split_tables,
    vocabulary,
)
from labelpolicy.data.prepared import SPLITS, UNKNOWN
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_json, whole_file, whole_folder, write_json, write_parquet

IDS_LISTED = 100  # documents without text are listed by id up to so many
ROWS = 1 << 16  # documents of a row group


def run(*, dataset: str, raw: Path, parameters: Data, output: Path, processes: int = 1) -> None:
    """Write the prepared form of ``dataset`` into ``output`` from the raw files in ``raw``.

    ``{dataset}_dev`` reads the same raw folder as ``{dataset}``, but drops the test documents and puts a fifth of the
    training documents in their place. ``processes`` cut tokens side by side where the corpus is large; the result does
    not depend on their number, and memory not on the corpus but for its vocabulary and some numbers a document.
    Raises LabelPolicyError for an unknown data set and for bad raw files.
    """
    raw, output = Path(raw), Path(output)
    if raw.resolve() == output.resolve():
        raise LabelPolicyError(f"{output}: the raw files are here: expected another folder for the prepared form")
    corpus = read(dataset, raw)
    beside = next(folder for folder in (output, *output.absolute().parents) if folder.is_dir())
    encoder = Encoder(corpus.labels, beside, processes)
    encoded = {
        name: encoder.encode(documents)
        for name, documents in corpus.splits.items()
        if not (name == "test" and dataset.endswith(DEV))
    }
    quality.check(corpus.counted, parameters.bad_share, raw)
    splits = parts(dataset, encoded, parameters)
    for name in SPLITS:
        if not len(splits[name]):
            raise LabelPolicyError(
                f"{raw}: the {name} split would be empty: raise data.validation_fraction, or give more documents "
                "(each label keeps one in train)"
            )

    words = encoder.words
    found = {name: part.counts(len(words)) for name, part in splits.items()}
    mentions = all(split.mentions is not None for split in encoded.values())
    keep_known = parameters.known_words == "all" or (parameters.known_words == "mentions" and mentions)
    known_words = embeddings.load(["<pad>", "<unk>", *words], parameters.vectors)[1][2:] if keep_known else None
    tokens, counts, row = vocabulary(words, found["train"], parameters.min_count, known_words)
    vectors, known = embeddings.load(tokens, parameters.vectors)
    labels = label_table(corpus, np.bincount(splits["train"].labels.values, minlength=len(corpus.labels)))
    each = labels_per_document(splits)
    without_text = _without_text(splits)
    measured = {
        "labels": len(corpus.labels),
        "depth": max(labels["depth"].to_pylist()),
        "labels_per_document": each["all"],
        "training": len(splits["train"]) + len(splits["valid"]),
        "testing": len(splits["test"]),
    }
    published = None if dataset.endswith(DEV) else corpus.published

    facts = {
        "name": dataset,
        "variant": _variant(dataset, corpus),
        "source": read_json(raw / "source.json") if (raw / "source.json").is_file() else {"kind": "own files"},
        "documents": {name: len(part) for name, part in splits.items()},
        "labels": len(corpus.labels),
        "depth": measured["depth"],
        "labels_per_document": each,
        "labels_without_training_document": [
            label for label, count in zip(corpus.labels, labels["train_count"].to_pylist(), strict=True) if count == 0
        ],
        "mean_tokens": {name: round(float(part.lengths.mean()), 2) for name, part in splits.items()},
        "vocabulary": len(tokens),
        "out_of_vocabulary": {name: _share(found[name], row == UNKNOWN) for name in SPLITS},
        "vectors": {"source": parameters.vectors.source, "width": parameters.vectors.width},
        "coverage": {
            "types": round(float(known[UNKNOWN + 1 :].mean()) if len(tokens) > UNKNOWN + 1 else 0.0, 4),
            "tokens": _share(found["train"], known[row] & (row != UNKNOWN)),
        },
        "without_text": without_text,
        **({"counted": corpus.counted} if corpus.counted else {}),
        "published": published,
        "differences": differences(published, measured, without_text["count"]),
    }

    for difference in facts["differences"]:
        print(f"warning: {dataset}: not as published: {difference}", file=sys.stderr)
    with whole_folder(output) as folder:
        for name in SPLITS:
            _write_split(folder / f"{name}.parquet", splits[name], row)
        write_parquet(folder / "labels.parquet", labels)
        write_parquet(
            folder / "vocabulary.parquet",
            pa.table({"token": pa.array(tokens, pa.string()), "count": pa.array(counts, pa.int64())}),
        )
        with whole_file(folder / "embeddings.safetensors") as temporary:
            save_file({"vectors": vectors}, temporary)
        write_json(folder / "dataset.json", facts)


def _write_split(path: Path, part: Part, row: np.ndarray) -> None:
    """Stream a split into Parquet, a row group at a time."""
    writer = None
    for table in split_tables(part, row, ROWS):
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table, row_group_size=ROWS)
    writer.close()


def _variant(dataset: str, corpus: Corpus) -> str | None:
    sentences = [corpus.variant] if corpus.variant else []
    if dataset.endswith(DEV):
        sentences.append(
            f"for choosing defaults: the test documents are dropped, and {DEV_FRACTION:.0%} of the training documents, "
            "drawn at random, are the test split"
        )
    return "; ".join(sentences) or None


def _share(counts: np.ndarray, marked: np.ndarray) -> float:
    """Share of the running tokens whose word is marked."""
    total = counts.sum()
    return round(float(counts[marked].sum() / total), 4) if total else 0.0


def _without_text(splits: dict[str, Part]) -> dict:
    """Documents without a single token: how many and, if they are few, which."""
    rows = {name: part.rows[part.lengths == 0] for name, part in splits.items()}
    count = sum(map(len, rows.values()))
    if count > IDS_LISTED:
        return {"count": count, "ids": None}
    return {"count": count, "ids": [splits[name].source.ids[row].as_py() for name in SPLITS for row in rows[name]]}
