"""Reading and writing artefacts: a file is there whole or not at all.

Every writer goes to a temporary name in the same folder and is moved into place by a rename,
so that a killed process, or two processes writing the same output, never leave a torn file.
"""

from __future__ import annotations

import contextlib
import csv as csv_format
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from labelpolicy.errors import LabelPolicyError


@contextlib.contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path that becomes ``path`` when the block ends without an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays last: writers such as matplotlib choose their format by it.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp's 0600 would shut out the rest of a lab
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder whose files move into ``path`` when the block ends without an error."""
    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path, prefix=".writing."))
    try:
        yield temporary
        for file in sorted(temporary.iterdir()):
            file.replace(path / file.name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_json(path: str | Path, value: Any) -> None:
    """Write ``value`` as indented JSON in the given key order; NaN is refused."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_text(path, text)


def write_text(path: str | Path, text: str) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Read a JSON file; a missing or broken one is a :class:`LabelPolicyError`."""
    try:
        return json.loads(require(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise LabelPolicyError(
            f"{path}: not valid JSON ({error}): delete it and run the step that writes it again"
        ) from None


def write_parquet(path: str | Path, table: pa.Table) -> None:
    with whole_file(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def write_rows(schema: pa.Schema, rows: Sequence[tuple], *, parquet: str | Path, csv: str | Path) -> None:
    """The same rows, of a value for each column of ``schema``, as Parquet and as CSV; None is an empty field there."""
    columns = zip(*rows, strict=True) if rows else ((),) * len(schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    write_parquet(parquet, pa.table(arrays, schema=schema))
    with whole_file(csv) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv_format.writer(file, lineterminator="\n")
        writer.writerow(schema.names)
        writer.writerows(rows)  # csv writes a float by repr: the shortest text that reads back as the same number


def read_parquet(path: str | Path, columns: list[str] | None = None) -> pa.Table:
    """Read a Parquet file; a missing or broken one, or one without a column, is a :class:`LabelPolicyError`."""
    try:
        table = pq.read_table(require(path))
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise LabelPolicyError(
            f"{path}: not a readable Parquet file ({reason}): delete it and run the step that writes it again"
        ) from None
    missing = [column for column in columns or [] if column not in table.column_names]
    if missing:
        raise LabelPolicyError(f"{path}: no column {missing[0]!r}; found {', '.join(table.column_names)}")
    return table.select(columns) if columns else table


def require(path: str | Path) -> Path:
    """The path, if a file is there."""
    path = Path(path)
    if not path.is_file():
        raise LabelPolicyError(f"{path}: no such file: run the step that writes it, or correct the path")
    return path
