"""The forms of documents, each as batches of one schema: id, labels, text or tokens, mention, group, split."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelpolicy.data import tables
from labelpolicy.data.columns import LISTS, SAMPLE, TRUTH, Columns, as_list, is_indicator, labels_in
from labelpolicy.data.document_files import FORMS, DocumentFiles, ending
from labelpolicy.data.line_forms import form_of_text, of_lines, of_spacy
from labelpolicy.data.objects import described
from labelpolicy.data.tables import Batch, Faults
from labelpolicy.errors import LabelPolicyError
from labelpolicy.parsing import parse_json

ROWS = 1 << 12  # documents in memory at once
STRINGS = pa.list_(pa.string())
KINDS = {"labels": STRINGS, "tokens": STRINGS, "mention": pa.list_(pa.int32())}
SCHEMA = pa.schema(
    [(name, KINDS.get(name, pa.string())) for name in ("id", "labels", "text", "tokens", "mention", "group", "split")]
)
NOT_UTF8 = "not UTF-8: save the file as UTF-8, or give the encoding, as encoding: cp1252"
NOT_JSON = "not JSON in UTF-8, expected one object a line"
INDICATOR = "expected 0 or 1 in a column of a label"

TABLES = ("csv", "tsv", "parquet")
Entries = Iterator[tuple[int, Any]]
"""Objects as JSON has them, each with its line."""


def form_of(path: Path, entry: DocumentFiles) -> str:
    """The form of a file: the one that is given, or that of its ending. Raises LabelPolicyError for none."""
    form = entry.form or FORMS.get(ending(path))
    if form == "text":
        form = form_of_text(path)
    if form is None:
        raise LabelPolicyError(f"{path}: form unknown, expected the ending {', '.join(FORMS)}: give its form")
    return form


def table(path: Path, form: str, entry: DocumentFiles, columns: Sequence[str], faults: Faults) -> Iterator[Batch]:
    """The rows of a table, with its own columns."""
    if form == "parquet":
        return tables.parquet(path, faults, columns)
    delimiter = entry.delimiter or ("\t" if form == "tsv" else None)
    return tables.delimited(path, faults, columns, delimiter=delimiter, encoding=entry.encoding)


def entries(path: Path, form: str, faults: Faults) -> Entries:
    """The objects of a file that is no table; what cannot be read as one is a fault."""
    if form == "spacy":
        yield from of_spacy(path, faults)
    elif form not in ("json", "jsonl"):
        yield from of_lines(path, form, faults)
    else:
        found = (json_array(path, faults) if form == "json" else None) or json_lines(path, faults)
        for number, entry in found:
            pair = isinstance(entry, list) and len(entry) == 2 and isinstance(entry[1], dict)
            yield number, {**entry[1], "text": entry[0]} if pair else entry  # spaCy's (text, {"cats": ...})


def json_lines(path: Path, faults: Faults) -> Entries:
    for number, line in tables.numbered(path):
        if line.strip():
            faults.read += 1
            try:
                yield number, parse_json(line)
            except ValueError as error:
                faults.add(number, NOT_JSON, f"{NOT_JSON} ({error})")


def json_array(path: Path, faults: Faults) -> Entries | None:
    """The objects of a list, with their numbers in it; None where the file begins as lines of objects do.

    Raises LabelPolicyError for a list that is no JSON.
    """
    with tables.opened(path) as file:
        if not file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"["):
            return None
        file.seek(0)
        try:
            found = parse_json(file.read())
            faults.read, faults.lines = len(found), lambda numbers: [f"object {number}" for number in numbers]
            return enumerate(found, start=1)
        except ValueError as error:
            raise LabelPolicyError(f"{path}: not JSON in UTF-8 ({error}): expected a list of objects") from None


def sample(path: Path, form: str, entry: DocumentFiles) -> list[Mapping[str, Any]]:
    """The first documents of a file, as objects. Raises LabelPolicyError where none can be read."""
    faults = Faults(path)
    if form in TABLES:
        every = table(path, form, entry, (), faults)
        rows: Iterator[Mapping[str, Any]] = (row for _, batch in every for row in rows_of(batch))
    else:
        rows = (found for _, found in entries(path, form, faults) if isinstance(found, Mapping))
    found = list(islice(rows, SAMPLE))
    if not found:
        why = f", {faults.places()[0]}" if faults.first else ": no documents, expected at least one"
        raise LabelPolicyError(f"{path}{why}: fill the file, or take it out")
    return found


def plain(numbers: np.ndarray, batch: pa.RecordBatch, faults: Faults) -> list[dict[str, Any]]:
    """The rows of a table as objects."""
    bad = np.zeros(len(batch), dtype=bool)
    columns = [_strings(each, bad) if pa.types.is_binary(each.type) else each for each in batch.columns]
    faults.drop(numbers, batch, bad, NOT_UTF8)
    return pa.RecordBatch.from_arrays(columns, batch.schema.names).to_pylist()


def rows_of(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    for row in batch.slice(0, SAMPLE).to_pylist():
        yield {k: v.decode(errors="replace") if isinstance(v, bytes) else v for k, v in row.items()}


def batches(path: Path, form: str, entry: DocumentFiles, columns: Columns, faults: Faults) -> Iterator[Batch]:
    """The documents of a file as batches of SCHEMA, each with its number; what cannot be used is a fault."""
    if form in TABLES:
        for numbers, batch in table(path, form, entry, columns.names(), faults):
            yield _of_table(numbers, batch, columns, faults)
        return
    found = _documents(entries(path, form, faults), columns, faults)
    while chunk := list(islice(found, ROWS)):
        numbers, documents = zip(*chunk, strict=True)
        columns_ = {name: [each[name] for each in documents] for name in SCHEMA.names}
        yield np.array(numbers), pa.RecordBatch.from_pydict(columns_, SCHEMA)


def _documents(found: Entries, columns: Columns, faults: Faults) -> Iterator[tuple[int, dict[str, Any]]]:
    """Objects with the keys of SCHEMA."""
    for number, entry in found:
        try:
            own = standard(entry, columns)
            document = described(own, "")
        except ValueError as error:
            faults.add(number, re.sub(r"'[^']*'|\[.*\]|\d+", "…", str(error)), str(error))
            continue
        text = None if document.tokens is not None else document.text
        yield (
            number,
            {
                **{"id": document.id, "labels": document.labels, "text": text, "tokens": document.tokens},
                **{"mention": document.mention, "group": document.group, "split": own.get("split")},
            },
        )


def standard(entry: Any, columns: Columns) -> dict[str, Any]:
    """An object with the keys id, text or tokens, labels, group and split. Raises ValueError for what it cannot be."""
    if not isinstance(entry, Mapping):
        raise ValueError(f"found {type(entry).__name__}, expected an object with a text")
    found = {key: entry[key] for key in ("tokens", "mention") if key in entry}
    for key, column in (("id", columns.id), ("group", columns.group), ("split", columns.split)):
        if column in entry:
            found[key] = str(entry[column]) if type(entry[column]) is int else entry[column]
    texts = [entry[name] for name in columns.text if entry.get(name) is not None]
    if len(texts) > 1 and all(isinstance(text, str) for text in texts):
        found["text"] = "\n".join(filter(None, texts))
    elif texts:
        found["text"] = texts[0]
    if columns.indicators:
        given = {name: entry[name] for name in columns.indicators if name in entry}
        found["labels"] = labels_in(given, "")
    elif columns.labels is None:
        found["labels"] = []
    elif columns.labels in entry:
        try:
            found["labels"] = labels_in(entry[columns.labels], columns.separator)
        except ValueError:
            expected = "expected a list of names" if columns.separator in ("", LISTS) else "expected names"
            raise ValueError(f"found {columns.labels} {entry[columns.labels]!r:.60}, {expected}") from None
    return found


def _of_table(numbers: np.ndarray, batch: pa.RecordBatch, columns: Columns, faults: Faults) -> Batch:
    """Rows of a table in SCHEMA."""
    bad = np.zeros(len(batch), dtype=bool)
    cells: dict[str, pa.Array] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        cells[name] = column if _is_list(column) else _strings(column, bad)
    kept = pa.RecordBatch.from_pydict(cells)
    numbers, kept = faults.drop(numbers, kept, bad, NOT_UTF8)
    empty = pa.array([""] * len(kept))

    def cell(name: str | None) -> pa.Array:
        return kept[name] if name in cells else empty

    texts = [cell(name) for name in columns.text]
    labels, bad = _labels(kept, columns)
    found = {name: pa.nulls(len(kept), SCHEMA.field(name).type) for name in SCHEMA.names}
    found |= {"id": cell(columns.id), "labels": labels, "split": cell(columns.split)}
    if columns.group in cells:
        found["group"] = pc.if_else(pc.equal(kept[columns.group], ""), None, kept[columns.group])
    if len(texts) == 1:
        found["text"] = texts[0]
    elif texts:
        found["text"] = pc.utf8_trim(pc.binary_join_element_wise(*texts, "\n"), "\n")
    else:
        found |= {name: kept[name].cast(SCHEMA.field(name).type) for name in ("tokens", "mention") if name in cells}
    made = pa.RecordBatch.from_pydict(found, SCHEMA)
    what = INDICATOR if columns.indicators else f"expected a list of names in column {columns.labels!r}"
    numbers, made = faults.drop(numbers, made, bad, what, lambda row: _odd(kept, columns, row))
    blank = pc.or_(pc.utf8_is_space(made["text"]), pc.equal(pc.binary_length(made["text"]), 0))
    bare = pc.fill_null(blank, False)
    without = pc.and_(bare, pc.is_null(made["tokens"]))
    return faults.drop(numbers, made, without.to_numpy(zero_copy_only=False), "a document without text")


def _is_list(column: pa.Array) -> bool:
    return pa.types.is_list(column.type) or pa.types.is_large_list(column.type)


def _strings(column: pa.Array, bad: np.ndarray) -> pa.Array:
    """A column as strings, "" for null; rows that are not UTF-8 become ``bad``."""
    try:
        return pc.fill_null(column.cast(pa.string()), "")
    except pa.ArrowInvalid:
        cells = column.to_pylist()
    for row, raw in enumerate(cells):
        try:
            raw.decode()
        except UnicodeDecodeError:
            bad[row], cells[row] = True, raw.decode(errors="replace").encode()
    return pa.array(cells, pa.binary()).cast(pa.string())


def _labels(batch: pa.RecordBatch, columns: Columns) -> tuple[pa.Array, np.ndarray]:
    """The labels of each row, and the rows where they are not in their form."""
    bad = np.zeros(len(batch), dtype=bool)
    if columns.indicators:
        matrix = np.zeros((len(batch), len(columns.indicators)), dtype=bool)
        words, truth_of = pa.array(TRUTH), np.array([*TRUTH.values(), 0], dtype=bool)
        for j, name in enumerate(columns.indicators):
            codes = pc.index_in(pc.utf8_lower(pc.utf8_trim_whitespace(batch[name])), value_set=words)
            place = pc.fill_null(codes, len(TRUTH)).to_numpy()
            matrix[:, j] = truth_of[place]
            bad |= place == len(TRUTH)
        names = pa.array(columns.indicators, pa.string()).take(pa.array(np.nonzero(matrix)[1]))
        return _lists(matrix.sum(axis=1), names), bad
    if columns.labels is None:
        return _lists(np.zeros(len(batch), dtype=int), pa.array([], pa.string())), bad
    column = batch[columns.labels]
    if _is_list(column):
        return pc.fill_null(column.cast(STRINGS), pa.scalar([], STRINGS)), bad
    if columns.separator == LISTS:
        cells = [as_list(cell) if cell.strip() else [] for cell in column.to_pylist()]
        bad = np.array([cell is None for cell in cells], dtype=bool)
        return pa.array([cell or [] for cell in cells], STRINGS), bad
    whole = columns.separator == ""
    cut = _lists(np.ones(len(column), int), column) if whole else pc.split_pattern(column, columns.separator)
    names = pc.utf8_trim_whitespace(cut.flatten())
    full = pc.not_equal(names, "")
    rows = pc.list_parent_indices(cut).filter(full).to_numpy()
    return _lists(np.bincount(rows, minlength=len(cut)), names.filter(full)), bad


def _lists(counts: np.ndarray, values: pa.Array) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(np.append(0, counts.cumsum()), pa.int32()), values)


def _odd(batch: pa.RecordBatch, columns: Columns, row: int) -> str:
    """What is wrong of the labels of a row."""
    if not columns.indicators:
        return batch[columns.labels][row].as_py()
    cells = {name: batch[name][row].as_py() for name in columns.indicators}
    return next(f"{cell} in {name}" for name, cell in cells.items() if not is_indicator(cell))


def replaced(batch: pa.RecordBatch, name: str, column: pa.Array) -> pa.RecordBatch:
    return batch.set_column(batch.schema.get_field_index(name), SCHEMA.field(name), column)
