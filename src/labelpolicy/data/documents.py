"""New documents from the files that people have, one after the other: no file is ever in memory as a whole."""

import csv
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from labelpolicy.data.readers.archive import numbered_lines
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import readable
from labelpolicy.parsing import parse_json, require

STANDARD = Path("-")  # standard input, or output
FORMS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "tsv", ".parquet": "parquet", ".txt": "text"}
ROWS_READ = 1 << 10  # rows of a Parquet file in memory at once
csv.field_size_limit(1 << 27)  # a field is a whole document

Entry = tuple[str, Any, str]
"""A document: file and place; an object as JSON has it; its number, the id of one that has none."""


def form_of_file(path: Path, given: str | None, standard: str = "text") -> str:
    """The form of a file by its name, unless it is ``given``; ``standard`` is that of ``-``."""
    form = given or (standard if path == STANDARD else FORMS.get(Path(path.name.removesuffix(".gz")).suffix.lower()))
    if form is None or form not in FORMS.values():
        what = f"found {given!r}" if given else "its name does not tell its form"
        raise LabelPolicyError(f"{path}: {what}: expected one of {', '.join(FORMS)}, or --from and --to with a form")
    if form == "parquet" and path == STANDARD:
        raise LabelPolicyError("-: Parquet is no stream: give a file")
    return form


def read(path: Path, form: str, *, text: str = "text", ident: str = "id") -> Iterator[Entry]:
    """The documents of a file in the form jsonl, csv, tsv, parquet, or text: a document a line.

    ``text`` and ``ident`` name the columns, or keys, of text and id. Raises LabelPolicyError, with file and line, for
    what is not in that form, and for a table without such a column, or ``tokens`` in its place.
    """
    where = "standard input" if path == STANDARD else str(path)
    if form == "parquet":
        entries = _parquet(path, text, ident)
    else:
        lines = enumerate(sys.stdin.buffer, start=1) if path == STANDARD else numbered_lines(path)
        if form == "jsonl":
            entries = _json_lines(where, lines)
        elif form == "text":
            entries = (
                (f"{where}, line {n}", {text: line.rstrip("\r\n")}, str(n)) for n, line in _decoded(where, lines)
            )
        else:
            entries = _delimited(where, lines, "\t" if form == "tsv" else ",", text)
    for place, entry, number in entries:
        if isinstance(entry, dict):
            for key, own in ((text, "text"), (ident, "id")):
                if key != own:
                    entry |= {own: entry.pop(key)} if key in entry else {}
            if type(entry.get("id")) is int:
                entry["id"] = str(entry["id"])
        yield place, entry, number


def _decoded(where: str, lines: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, str]]:
    for number, line in lines:
        try:
            yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise LabelPolicyError(f"{where}, line {number}: not UTF-8 ({error.reason}): save it as UTF-8") from None


def _json_lines(where: str, lines: Iterable[tuple[int, bytes]]) -> Iterator[Entry]:
    for number, line in lines:
        if line.strip():
            place = f"{where}, line {number}"
            try:
                yield place, parse_json(line), str(number)
            except ValueError as error:
                raise LabelPolicyError(f"{place}: not JSON in UTF-8 ({error}): expected one object a line") from None


def _delimited(where: str, lines: Iterable[tuple[int, bytes]], delimiter: str, text: str) -> Iterator[Entry]:
    rows = csv.reader((line for _, line in _decoded(where, lines)), delimiter=delimiter, strict=True)
    header: list[str] = []
    number = 0
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise LabelPolicyError(f"{where}, line {rows.line_num}: {error}: correct the quotes") from None
        if not header:
            header = row or []
            _check_header(where, header, [text])
        elif row is None:
            return
        elif row:
            number += 1
            if len(row) != len(header):
                raise LabelPolicyError(
                    f"{where}, line {rows.line_num}: found {len(row)} fields, expected {len(header)}: "
                    f"{', '.join(header):.80}"
                )
            yield f"{where}, line {rows.line_num}", dict(zip(header, row, strict=True)), str(number)


def _parquet(path: Path, text: str, ident: str) -> Iterator[Entry]:
    with readable(path), pq.ParquetFile(require(path), pre_buffer=False) as file:
        found = file.schema_arrow.names
        _check_header(str(path), found, [text, "tokens"])
        kept = [text] if text in found else ["tokens", "mention"]
        columns = [name for name in (ident, *kept) if name in found]
        number = 0
        for batch in file.iter_batches(ROWS_READ, columns=columns):
            for entry in batch.to_pylist():
                number += 1
                yield f"{path}, row {number}", entry, str(number)


def _check_header(where: str, found: list[str], wanted: list[str]) -> None:
    twice = next((name for name in found if found.count(name) > 1), None)
    if twice is not None:
        raise LabelPolicyError(f"{where}: two columns {twice!r}: expected names of their own")
    if not set(wanted) & set(found):
        raise LabelPolicyError(
            f"{where}: no column {wanted[0]!r}; found {', '.join(found) or 'nothing':.200}: name the text's with --text"
        )
