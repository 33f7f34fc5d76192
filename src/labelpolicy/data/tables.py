"""Tables of documents as people have them, some rows at a time: CSV and TSV of any tool, and Parquet.

Arrow cuts the cells, so that a table is read about as fast as Arrow reads it. What Arrow says of a fault names no line;
Python's own reader then looks for the place, once, in the file.
"""

import codecs
import csv
import gzip
import io
import sys
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from labelpolicy.data.readers.archive import numbered_lines
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import readable
from labelpolicy.parsing import require

STANDARD = Path("-")  # standard input, or output
BLOCK, LARGEST_BLOCK = 1 << 22, 1 << 30  # bytes of a CSV file at a time; one row must fit
ROWS_READ = 1 << 12  # rows of a Parquet file in memory at once
SHOWN = 3  # faults that are shown with their places
DELIMITERS = ",;\t|"
csv.field_size_limit(1 << 30)  # a field is a whole document

Batch = tuple[np.ndarray, pa.RecordBatch]
"""Some rows, and the number of each in its file: that of a line, or of a row without the header, from 1."""


@dataclass
class Faults:
    """What of a file cannot be used. ``strict``: the first raises LabelPolicyError; else all are counted by kind.

    ``lines`` finds the lines of some rows, where numbers are not those of lines themselves.
    """

    path: Path
    strict: bool = False
    lines: Callable[[Sequence[int]], Sequence[str]] = lambda numbers: [f"line {number}" for number in numbers]
    read: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    first: list[tuple[int, str]] = field(default_factory=list)

    def add(self, number: int, kind: str, said: str = "") -> None:
        """``kind`` says what was found and what was expected; ``said`` the same, with what differs from row to row."""
        self.kinds[kind] += 1
        if len(self.first) < SHOWN:
            self.first.append((number, said or kind))
        if self.strict:
            raise LabelPolicyError(f"{name_of(self.path)}, {self.places()[0]}")

    def drop(
        self,
        numbers: np.ndarray,
        batch: pa.RecordBatch,
        bad: np.ndarray,
        kind: str,
        found: Callable[[int], str] | None = None,
    ) -> Batch:
        """The rows that are not ``bad``, bool; those that are, as faults of a kind. ``found``: what is in a row."""
        rows = np.flatnonzero(bad)
        if not len(rows):
            return numbers, batch
        for row in rows[:SHOWN].tolist():
            self.add(int(numbers[row]), kind, f"found {found(row)!r:.60}, {kind}" if found else kind)
        self.kinds[kind] += max(len(rows) - SHOWN, 0)
        return numbers[~bad], batch.filter(pa.array(~bad))

    def places(self) -> list[str]:
        lines = self.lines([number for number, _ in self.first])
        return [f"{line}: {said}" for line, (_, said) in zip(lines, self.first, strict=True)]

    def facts(self) -> dict[str, Any]:
        """As :func:`labelpolicy.data.prepare.refuse_rubble` looks at them."""
        bad = {"bad_lines": dict(sorted(self.kinds.items())), "bad_mentions": {}}
        return {"read": self.read, "bad": self.kinds.total(), **bad, "examples": self.places()}


def name_of(path: Path) -> str:
    return "standard input" if path == STANDARD else str(path)


def opened(path: Path) -> BinaryIO:
    """The bytes of a file, unpacked where its name ends in .gz, or of standard input."""
    if path == STANDARD:
        return sys.stdin.buffer
    return gzip.open(path) if require(path).suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def numbered(path: Path) -> Iterator[tuple[int, bytes]]:
    """Every line, and its number."""
    return enumerate(sys.stdin.buffer, start=1) if path == STANDARD else numbered_lines(path)


def decoded(path: Path) -> Iterator[tuple[int, str]]:
    """The same as text. Raises LabelPolicyError for a line that is not UTF-8."""
    for number, line in numbered(path):
        try:
            yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            fault = f"not UTF-8 ({error.reason}): save it as UTF-8"
            raise LabelPolicyError(f"{name_of(path)}, line {number}: {fault}") from None


def columns_in(path: Path, form: str) -> list[str]:
    """The names of a table's columns."""
    if form == "parquet":
        with readable(path), pq.ParquetFile(require(path), pre_buffer=False) as file:
            return file.schema_arrow.names
    return Feed(path, "\t" if form == "tsv" else None).names


class Feed(io.RawIOBase):
    """A CSV file as UTF-8 from its header on, whatever it was written in; ``quotes`` have passed so far.

    ``delimiter`` and ``encoding`` None are read off its beginning: the byte order mark, Excel's ``sep=;``, the header.
    Raises LabelPolicyError for an encoding that is not known, no header, and a column twice.
    """

    def __init__(self, path: Path, delimiter: str | None = None, encoding: str | None = None):
        self.file, self.quotes, self.where = opened(path), 0, name_of(path)
        start = getattr(self.file, "read1", self.file.read)(1 << 16)
        marked = start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        self.encoding = encoding or ("utf-16" if marked else "utf-8")
        try:
            plain = codecs.lookup(self.encoding).name in ("utf-8", "utf-8-sig", "ascii")
        except LookupError:
            raise LabelPolicyError(f"{path}: unknown encoding {encoding!r}: expected one such as cp1252") from None
        self.decoder = None if plain else codecs.getincrementaldecoder(self.encoding)()
        self.left = self._utf8(start).removeprefix(codecs.BOM_UTF8)
        first, _, rest = self.left.partition(b"\n")
        self.skipped = int(first[:4].lower() == b"sep=" and len(first.strip()) == 5)
        if self.skipped:
            delimiter, self.left = delimiter or chr(first[4]), rest
        line = self.left.lstrip(b"\r\n").partition(b"\n")[0].decode(errors="replace")
        self.delimiter = delimiter or max(DELIMITERS, key=line.count)  # of none the first
        lines = io.StringIO(self.left.decode(errors="replace"), newline="")
        self.names = next((row for row in csv.reader(lines, delimiter=self.delimiter) if row), [])
        check_names(name_of(path), self.names)

    def _utf8(self, raw: bytes, final: bool = False) -> bytes:
        try:
            return raw if self.decoder is None else self.decoder.decode(raw, final).encode()
        except UnicodeDecodeError as error:
            fault = f"not all of it is {self.encoding} ({error.reason}): give its encoding, or save it as UTF-8"
            raise LabelPolicyError(f"{self.where}: {fault}") from None

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while not self.left:
            raw = self.file.read(size)
            self.left = self._utf8(raw, final=not raw)
            if not raw:
                break
        found, self.left = self.left[:size], self.left[size:]
        self.quotes += found.count(b'"')
        return found


def delimited(
    path: Path, faults: Faults, columns: Sequence[str] = (), *, delimiter: str | None, encoding: str | None
) -> Iterator[Batch]:
    """The cells of a CSV file as bytes, of those ``columns`` that it has, or of all.

    Rows of another width are ``faults``. Raises LabelPolicyError for what no table is, and for a quote left open.
    """
    block, done = BLOCK, 0
    refused: list[LabelPolicyError] = []
    strange: list[int] = []  # numbers of rows of another width, which are among none of Arrow's batches

    def other_width(row: Any) -> str:
        if row.number - 1 > max(strange, default=0):  # Arrow counts the header; not met before, in smaller blocks
            strange.append(row.number - 1)
            faults.read += 1
            try:
                faults.add(row.number - 1, f"found {row.actual_columns} fields, expected {row.expected_columns}")
            except LabelPolicyError as error:  # Arrow would put its own in the place of this one
                refused.append(error)
                return "error"
        return "skip"

    while True:
        try:
            feed, seen = Feed(path, delimiter, encoding), 0
            faults.lines = partial(lines_of, path, feed)
            for batch in _arrow(feed, block, columns, other_width):
                seen += len(batch)
                if seen > done:
                    new = batch.slice(max(len(batch) - (seen - done), 0))
                    numbers = np.arange(done + 1, seen + 1)
                    for number in strange:
                        numbers[numbers >= number] += 1
                    done = seen
                    faults.read += len(new)
                    yield numbers, new
            break
        except pa.ArrowInvalid as error:
            if refused:
                raise refused[0] from None
            if "straddl" not in str(error) or path == STANDARD or block >= LARGEST_BLOCK:
                raise LabelPolicyError(f"{name_of(path)}: no table ({' '.join(str(error).split()):.200})") from None
            block <<= 4
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise LabelPolicyError(f"{name_of(path)}: cut short or not gzip ({error}): fetch it again") from None
    if feed.quotes % 2 and path != STANDARD:  # an open one swallows what follows; one inside a plain cell is none
        deque(rows_of(path, feed, strict=True), maxlen=0)


def _arrow(feed: Feed, block: int, columns: Sequence[str], other_width: Any) -> Iterator[pa.RecordBatch]:
    parse = {"delimiter": feed.delimiter, "newlines_in_values": True, "invalid_row_handler": other_width}
    return arrow_csv.open_csv(
        pa.PythonFile(feed, mode="r"),
        read_options=arrow_csv.ReadOptions(block_size=block, use_threads=False),  # else rows have no numbers
        parse_options=arrow_csv.ParseOptions(**parse),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(feed.names, pa.binary()),
            include_columns=[name for name in feed.names if name in columns or not columns],
        ),
    )


def check_names(where: str, names: Sequence[str]) -> None:
    """Raise LabelPolicyError for no columns, and for one that is there twice."""
    if not names:
        raise LabelPolicyError(f"{where}: empty, expected a line with the names of the columns and rows below it")
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise LabelPolicyError(f"{where}: two columns {twice[0]!r}: expected names of their own")


def rows_of(path: Path, feed: Feed, strict: bool = False) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, the header first, by Python's reader, and the line in which each begins."""
    encoding = "utf-8-sig" if feed.decoder is None else feed.encoding
    with opened(path) as file, io.TextIOWrapper(file, encoding, "replace", newline="") as text:
        for _ in range(feed.skipped):
            text.readline()
        reader = csv.reader(text, delimiter=feed.delimiter, strict=strict)
        line = 1 + feed.skipped
        try:
            for row in reader:
                if row:
                    yield line, row
                line = reader.line_num + 1 + feed.skipped
        except csv.Error as error:
            cut = "a quoted cell without an end, expected a closing quote" if "unexpected end" in str(error) else error
            raise LabelPolicyError(f"{path}, line {line}: {cut}: correct the quotes, or fetch the file again") from None


def lines_of(path: Path, feed: Feed, numbers: Sequence[int]) -> list[str]:
    """Where rows of these numbers begin, as far as that can be looked up."""
    found = {}
    for number, (line, _) in enumerate(rows_of(path, feed) if path != STANDARD and numbers else ()):
        if number in numbers:
            found[number] = f"line {line}"
        if number >= max(numbers):
            break
    return [found.get(number, f"row {number}") for number in numbers]


def parquet(path: Path, faults: Faults, columns: Sequence[str] = ()) -> Iterator[Batch]:
    """The rows of a Parquet file, of those ``columns`` that it has, or of all."""
    faults.lines = lambda numbers: [f"row {number}" for number in numbers]
    with readable(path), pq.ParquetFile(require(path), pre_buffer=False) as file:
        names = file.schema_arrow.names
        check_names(str(path), names)
        for batch in file.iter_batches(ROWS_READ, columns=[name for name in names if name in columns or not columns]):
            start, faults.read = faults.read, faults.read + len(batch)
            yield np.arange(start + 1, faults.read + 1), batch
