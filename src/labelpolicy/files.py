"""Reading and writing artefacts: a file or a folder is there whole or not at all.

Every writer goes to a temporary name beside its target, is flushed to disk and then renamed, so that a killed process,
or two processes writing the same output, never leave a torn file or a mix of old and new ones. The temporary name is
locked while in use: what a killed run left is not, and is removed by the next run that writes the same target.
"""

import contextlib
import csv as csv_format
import errno
import fcntl
import glob
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from safetensors import SafetensorError
from safetensors.numpy import load_file

from labelpolicy.errors import LabelPolicyError
from labelpolicy.parsing import parse_json, read_text, require

AGAIN = "delete it and run the step that writes it again"

#: What the columns of our Parquet files hold, by name; all others hold numbers, but ``scores`` lists (data/scores.py).
TEXT = {
    *("classifier", "dataset", "description", "group", "id", "index", "label", "measure", "metric", "other", "parent"),
    *("policy", "row", "split", "statistic", "text", "thresholds", "token", "weights"),
}
WHOLE = {
    *("count", "depth", "end", "episode", "epoch", "init", "seed", "start", "step", "support", "text_end"),
    *("text_start", "train_count"),
}
LISTS = {"ancestors": pa.types.is_string, "labels": pa.types.is_integer, "tokens": pa.types.is_integer}
MAY_BE_NULL = {"description", "difference", "init", "parent", "scores", "threshold"}

WRITING, OLD = "writing-", "old-"  # marks of temporary names


@contextlib.contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path that becomes ``path`` when the block ends without an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)

    _discard_unused(path.parent, f".{glob.escape(path.stem)}.{WRITING}*{glob.escape(path.suffix)}")

    def create() -> Path:
        # The suffix stays last: writers such as matplotlib choose their format by it.
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.{WRITING}", suffix=path.suffix)
        os.close(handle)
        return Path(name)

    with room_in(path.parent), _locked(create) as temporary:
        yield temporary
        temporary.chmod(0o666 & ~_umask())  # mkstemp's 0600 would shut out the rest of a lab
        _flush(temporary)
        temporary.replace(path)
        _flush(path.parent)


@contextlib.contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes ``path`` when the block ends without an error.

    An older folder is moved aside, the new one takes its place, and the old one is removed; a run killed between the
    first two leaves no folder, and the next run puts the old one back before it begins. Where ``path`` holds files of
    other names (a user's own), or cannot be renamed, it stays: its files of the same names are removed before the new
    ones move in, so that old and new are never there side by side.
    """
    path = Path(os.path.realpath(path))  # a link to a folder stays one
    path.parent.mkdir(parents=True, exist_ok=True)
    _recover(path)
    inside = path.is_dir() and (path.is_mount() or not os.access(path.parent, os.W_OK))
    place = path if inside else path.parent
    with (
        room_in(place),
        _locked(lambda: Path(tempfile.mkdtemp(dir=place, prefix=f".{path.name}.{WRITING}"))) as temporary,
    ):
        yield temporary
        new = sorted(temporary.iterdir())
        temporary.chmod(path.stat().st_mode & 0o7777 if path.is_dir() else 0o777 & ~_umask())
        for each in (*temporary.rglob("*"), temporary):
            _flush(each)
        there = {each.name for each in path.iterdir()} - {temporary.name} if path.is_dir() else set()
        if inside or there - {each.name for each in new}:
            for each in new:
                _discard(path / each.name)
            for each in new:
                each.rename(path / each.name)
            _flush(path)
        else:
            _swap(temporary, path)


def _swap(temporary: Path, path: Path) -> None:
    """Rename the folder ``temporary`` to ``path``, where an older one may be."""
    while True:
        try:
            temporary.rename(path)
            break
        except OSError:
            if not path.is_dir():
                raise
        aside = temporary.with_name(f".{path.name}.{OLD}{temporary.name.rpartition('-')[2]}")
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            path.rename(aside)
    _flush(path.parent)
    _recover(path)


def _recover(path: Path) -> None:
    """Put back the folder that a killed run moved aside, or remove it where its successor is there."""
    for aside in path.parent.glob(f".{glob.escape(path.name)}.{OLD}*"):
        if path.exists():
            _discard(aside)
        with contextlib.suppress(OSError):  # removed just now, or another process was faster
            aside.rename(path)
    for place in (path.parent, path):
        _discard_unused(place, f".{glob.escape(path.name)}.{WRITING}*")


@contextlib.contextmanager
def _locked(create: Callable[[], Path]) -> Iterator[Path]:
    """A new temporary file or folder, locked until the block ends and then removed if it still has its name."""
    while True:
        temporary = create()
        with contextlib.suppress(FileNotFoundError):
            handle = os.open(temporary, os.O_RDONLY)
            with contextlib.suppress(OSError):  # a file system without locks: leftovers stay there
                fcntl.flock(handle, fcntl.LOCK_EX)
            if temporary.exists():  # else another process took it for a leftover just before
                break
            os.close(handle)
    try:
        yield temporary
    finally:
        os.close(handle)
        _discard(temporary)


def _discard_unused(folder: Path, pattern: str) -> None:
    """Remove temporary files and folders, but those that a process that is alive holds."""
    for left in folder.glob(pattern):
        with contextlib.suppress(OSError), _opened(left) as handle:  # held, gone meanwhile, or no locks here
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _discard(left)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDONLY)
    try:
        yield handle
    finally:
        os.close(handle)


@contextlib.contextmanager
def room_in(folder: Path) -> Iterator[None]:
    """Name the folder where the disk is full: what the system and the libraries say of it names no file."""
    try:
        yield
    except Exception as error:
        full = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
        # safetensors has an exception of its own, with the number in its text, in one of two forms
        words = [word for number in full for word in (f"code: {number},", f"(os error {number})")]
        if getattr(error, "errno", None) in full or any(word in str(error) for word in words):
            folder = folder.parent if WRITING in folder.name else folder  # a file of a folder that is being written
            raise LabelPolicyError(f"{folder}: no room left to write: free some, or write elsewhere") from None
        raise


def _discard(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Have the file's content, or the folder's names, on disk before what follows."""
    with _opened(path) as handle:
        os.fsync(handle)


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def write_json(path: str | Path, value: Any) -> None:
    """Write ``value`` as indented JSON in the given key order; NaN is refused."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(path: str | Path, text: str) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Read a JSON file; a missing or broken one is a :class:`LabelPolicyError`."""
    try:
        return parse_json(read_text(path))
    except ValueError as error:
        raise LabelPolicyError(f"{path}: not valid JSON ({error}): {AGAIN}") from None


def read_tensors(path: str | Path) -> dict[str, np.ndarray]:
    """Read a safetensors file; a broken one, or one with a number that is not finite, is a LabelPolicyError."""
    try:
        found = load_file(require(path))
    except (SafetensorError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise LabelPolicyError(f"{path}: not a readable safetensors file ({error}): {AGAIN}") from None
    for name, values in found.items():
        if not np.isfinite(values).all():
            raise LabelPolicyError(f"{path}: {name} has a number that is not finite: {AGAIN}")
    return found


def sha256_of(path: Path) -> str:
    with require(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_tensors(path: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    with whole_file(path) as temporary:
        save_file({name: np.ascontiguousarray(value) for name, value in arrays.items()}, temporary)


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
    """Read a Parquet file, of ``columns`` those alone.

    Raises LabelPolicyError for a file that is missing or broken, and as :func:`check_columns`.
    """
    with readable(path):
        table = pq.read_table(require(path))
        check_columns(path, table.schema, columns or [])
        table = table.select(columns) if columns else table
        table.validate(full=True)
        check_nulls(path, table)
    return table


def read_table(path: str | Path, columns: list[str]) -> pa.Table:
    """As `read_parquet`; of a CSV file, where its name says so, whose texts are those of TEXT."""
    if Path(path).suffix != ".csv":
        return read_parquet(path, columns)
    from pyarrow import csv

    with readable(path, "CSV"):
        options = csv.ConvertOptions(column_types={name: pa.string() for name in TEXT})
        table = csv.read_csv(require(path), convert_options=options)
    check_columns(path, table.schema, columns)
    table = table.select(columns)
    check_nulls(path, table)
    return table


@contextlib.contextmanager
def readable(path: str | Path, form: str = "Parquet") -> Iterator[None]:
    """Turn what is raised while a broken file is read into a LabelPolicyError."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).partition("\n")[0]
        raise LabelPolicyError(f"{path}: not a readable {form} file ({reason}): {AGAIN}") from None


def check_columns(path: str | Path, schema: pa.Schema, wanted: Sequence[str]) -> None:
    """Raise LabelPolicyError for a column that is missing, there twice, or not of the type that its name stands for."""
    for name in wanted:
        if schema.names.count(name) != 1:
            fault = "two columns" if name in schema.names else "no column"
            raise LabelPolicyError(f"{path}: {fault} {name!r}; found {', '.join(schema.names)}: {AGAIN}")
        found, is_a = schema.field(name).type, pa.types
        if name in TEXT:
            kind, fits = "text", is_a.is_string(found) or is_a.is_large_string(found)
        elif name in WHOLE:
            kind, fits = "whole numbers", is_a.is_integer(found)
        elif name in LISTS:
            kind, fits = "lists", is_a.is_list(found) and LISTS[name](found.value_type)
        else:
            kind, fits = "numbers", is_a.is_integer(found) or is_a.is_floating(found) or is_a.is_boolean(found)
        if not (fits or name in ("scores", "vector") or (name in MAY_BE_NULL and is_a.is_null(found))):
            raise LabelPolicyError(f"{path}: column {name!r} is {found}, expected {kind}: {AGAIN}")


def check_nulls(path: str | Path, table: pa.Table | pa.RecordBatch) -> None:
    """Raise LabelPolicyError for a null in a column that may have none."""
    for name in table.schema.names:
        column = table.column(name)
        inner = pc.list_flatten(column).null_count if name in LISTS else 0
        if name not in MAY_BE_NULL and (column.null_count or inner):
            raise LabelPolicyError(f"{path}: column {name!r} has a null: {AGAIN}")
