"""prepare: a corpus' raw files in, the prepared form out."""

import os
import sys
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import typer
from safetensors.numpy import save_file

from labelpolicy.data import prepare as form
from labelpolicy.data import registry
from labelpolicy.data.corpus import Corpus
from labelpolicy.data.document_files import DocumentFiles
from labelpolicy.data.encode import Encoder, cores
from labelpolicy.data.labels import parents_of, spelled
from labelpolicy.data.parameters import Data
from labelpolicy.data.premises import findings
from labelpolicy.data.prepared import SPLITS, UNKNOWN
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_json, whole_file, whole_folder, write_json, write_parquet
from labelpolicy.options import FromStudy, Output
from labelpolicy.progress import say


def _entry(study: Any, arguments: Mapping[str, Any]) -> DocumentFiles | None:
    registry.check_own(study.data_sets)
    return study.data_sets.get(registry.base(arguments["dataset"]))


ROWS = 1 << 14  # documents of a row group: their text is in memory at once


def prepare(
    dataset: Annotated[str, typer.Argument(help="Name of the data set: of a corpus, or of documents of your own.")],
    output: Annotated[Path, Output("Folder for the prepared form.", folder=True)],
    parameters: Annotated[Data, FromStudy(lambda study, arguments: study.data)],
    entry: Annotated[DocumentFiles | None, FromStudy(_entry)] = None,
    raw: Annotated[
        Path | None, typer.Option(help="File or folder of the documents, if not as data_sets or data/raw say.")
    ] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Processes for a large corpus; all cores of this machine if not given.")
    ] = None,
) -> None:
    """Read raw files into the one prepared form (parameters: data, data_sets).

    ``{dataset}_dev`` reads the same raw folder as ``{dataset}``, but drops the test documents and puts a fifth of the
    training documents in their place. ``processes`` cut tokens side by side where the corpus is large; the result does
    not depend on their number, and memory not on the corpus but for its vocabulary and some numbers a document.
    Raises LabelPolicyError for an unknown data set and for bad raw files.
    """
    output, place = Path(output), Path(raw or f"data/raw/{registry.base(dataset)}")
    if os.path.realpath(place) == os.path.realpath(output):
        raise LabelPolicyError(f"{output}: the raw files are here: expected another folder for the prepared form")
    corpus = registry.read(dataset, raw and Path(raw), entry)
    beside = next(folder for folder in (output, *output.absolute().parents) if folder.is_dir())
    encoder = Encoder(corpus.labels, beside, processes or cores())
    encoded = {
        name: encoder.encode(documents)
        for name, documents in corpus.splits.items()
        if not (name == "test" and registry.is_development(dataset))
    }
    form.refuse_rubble(corpus.counted, parameters.bad_share, "" if registry.is_own(dataset) else place)
    spelling = spelled(corpus, loosely=parameters.merge_labels)
    corpus, parents = spelling.corpus, parents_of(spelling.corpus)
    for name, split in encoded.items():
        encoded[name] = form.relabelled(split, spelling.row, parents, parameters.close_labels)
    splits = form.parts(dataset, encoded, parameters, corpus.test_fraction)
    _check_splits(dataset, corpus, splits, place)
    counts = {name: part.counts(len(encoder.words)) for name, part in splits.items()}
    mentions = all("start" in split.columns.column_names for split in encoded.values())
    words = form.vocabulary(encoder.words, counts["train"], mentions, parameters)
    labels = form.label_table(corpus, np.bincount(splits["train"].labels.values, minlength=len(corpus.labels)))
    facts: dict[str, Any] = {
        "name": dataset,
        "variant": form.variant(dataset, corpus),
        "source": read_json(place / "source.json") if os.path.lexists(place / "source.json") else {"kind": "own files"},
        "vectors": {"source": parameters.vectors.source, "width": parameters.vectors.width},
        "held_out": [name for name in ("valid", "test") if name not in corpus.splits],
        **form.facts(dataset, corpus, splits, labels, counts, words),
    }
    seen, coverage = form.seen(splits, words.row == UNKNOWN), facts["coverage"]["tokens"]
    source, closes = parameters.vectors.source, parameters.close_labels
    premises = findings(spelling, parents, seen, closes=closes, vectors=source, coverage=coverage)
    facts["premises"] = [each.facts() for each in premises]
    for difference in facts["differences"]:
        print(f"warning: {dataset}: not as published: {difference}", file=sys.stderr)
    _write(output, splits, labels, words, facts)
    documents = ", ".join(f"{len(part)} {name}" for name, part in splits.items())
    say(f"prepare: {dataset}: {documents} documents, {len(labels)} labels, {len(words.tokens)} words")
    for each in filter(lambda each: each.notable, premises):
        say(f"  {each}")


def _check_splits(dataset: str, corpus: Corpus, splits: Mapping[str, form.Part], place: Path) -> None:
    """Refuse an empty one, and tell where test documents were held out."""
    for name in SPLITS:
        if not len(splits[name]):
            raise LabelPolicyError(
                f"{place}: the {name} split would be empty: raise data.validation_fraction, or give more documents "
                "(each label keeps one in train)"
            )
    if "test" in corpus.splits or registry.is_development(dataset):
        return
    every = sum(map(len, splits.values()))
    said = f"no labelled test documents: {len(splits['test'])} of all {every} are held out for testing (test_fraction)"
    if unlabelled := corpus.counted.get("unlabelled_test_documents"):
        said += f"; the {unlabelled} without labels are left to `labelpolicy predict`"
    say(f"prepare: {dataset}: {said}")


def _write(
    output: Path, splits: dict[str, form.Part], labels: pa.Table, words: form.Vocabulary, facts: dict[str, object]
) -> None:
    with whole_folder(output) as folder:
        for name, part in splits.items():
            tables = part.tables(words.row, ROWS)  # a row group at a time
            first = next(tables)
            with pq.ParquetWriter(folder / f"{name}.parquet", first.schema, compression="zstd") as writer:
                for table in chain([first], tables):
                    writer.write_table(table, row_group_size=ROWS)
        write_parquet(folder / "labels.parquet", labels)
        vocabulary = {"token": pa.array(words.tokens, pa.string()), "count": pa.array(words.counts, pa.int64())}
        write_parquet(folder / "vocabulary.parquet", pa.table(vocabulary))
        with whole_file(folder / "embeddings.safetensors") as temporary:  # else only its owner can read it
            save_file({"vectors": words.vectors}, temporary)
        write_json(folder / "dataset.json", facts)
