"""Scores, predictions and truth from files of any tool: CSV, TSV, Parquet, npz, JSON lines.

A row a document, a column a label, and, if there is one, a column ``id``. In JSON lines a document is ``{"id": ...,
"scores": {label: number}}`` or ``{"id": ..., "labels": [names]}``. An npz file has one matrix, beside it ``labels`` and
perhaps ``ids``.
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import readable, whole_file
from labelpolicy.parsing import parse_json, read_text, require

ID = "id"


class Matrix(NamedTuple):
    """Values (documents, labels), names of the labels, and ids of the documents or None."""

    values: np.ndarray
    labels: list[str]
    ids: list[str] | None

    def aligned(self, other: "Matrix", where: str, to: str) -> "Matrix":
        """This one in the order of documents and labels of ``other``. Raises LabelPolicyError where they differ."""
        columns = _places(self.labels, other.labels, "label", where, to)
        if self.ids is None or other.ids is None:
            if len(self.values) != len(other.values):
                found = f"{where}: {len(self.values)} documents, expected the {len(other.values)} of {to}"
                raise LabelPolicyError(f"{found}: give both a column {ID}, or the same rows")
            rows = np.arange(len(self.values))
        else:
            rows = _places(self.ids, other.ids, "document", where, to)
        return Matrix(self.values[np.ix_(rows, columns)], other.labels, other.ids)


def read_truth(path: Path, scores: Matrix, of: Path, missing: float | None = None) -> np.ndarray:
    """The truth of the documents of ``scores``, which the file ``of`` has: 0 and 1, or ``missing``, a number or NaN.

    Raises LabelPolicyError, naming the file, for other documents or labels, and for any other value.
    """
    found = read_matrix(path, scores.labels).aligned(scores, str(path), str(of)).values
    annotated = ~np.isnan(found) if missing is not None and np.isnan(missing) else found != missing
    bad = np.argwhere(annotated & (found != 0) & (found != 1))
    if len(bad):
        row, column = bad[0]
        document = repr(scores.ids[row]) if scores.ids else row + 1
        place = f"{path}: document {document}, label {scores.labels[column]!r}"
        raise LabelPolicyError(f"{place}: found {found[row, column]:g}, expected 0 or 1, or a value for --missing")
    return found


def _places(found: Sequence[str], wanted: Sequence[str], what: str, where: str, to: str) -> np.ndarray:
    place = {name: k for k, name in enumerate(found)}
    if strange := sorted(place.keys() ^ set(wanted)):
        missing = "is not there" if strange[0] not in place else f"is not in {to}"
        raise LabelPolicyError(f"{where}: {what} {strange[0]!r} {missing}: expected the same {what}s")
    return np.array([place[name] for name in wanted], dtype=np.int64)


def read_matrix(path: Path, labels: Sequence[str] | None = None) -> Matrix:
    """A file by its ending; ``labels`` are the columns of JSON lines that give names of labels only.

    Raises LabelPolicyError, naming the file, for another form, a label or id twice, or a cell that is no number.
    """
    try:
        return _read(require(path), path.suffix.lower(), labels)
    except (ValueError, TypeError, KeyError, AttributeError, EOFError, RecursionError, BadZipFile) as error:
        reason = str(error).partition("\n")[0]
        raise LabelPolicyError(f"{path}: not in the form of its ending ({reason}): see docs/your-scores.md") from None


def _read(path: Path, kind: str, labels: Sequence[str] | None) -> Matrix:
    with readable(path):
        if not path.stat().st_size:
            raise LabelPolicyError(f"{path}: is empty, expected scores or truth")
        if kind in (".csv", ".tsv"):
            separator = "," if kind == ".csv" else "\t"
            frame = pd.read_csv(path, sep=separator, dtype={ID: str}, header=None, keep_default_na=False)
            return _of_frame(_with_header(frame, path), path)
        if kind == ".parquet":
            table = pq.read_table(path)
            about = (table.schema.metadata or {}).get(b"labelpolicy")
            if about is None or "scores" not in table.column_names:
                return _of_frame(table.to_pandas(), path)
            scores = np.stack(table["scores"].to_numpy()).astype(np.float64)
            return _checked(Matrix(scores, parse_json(about)["labels"], table[ID].to_pylist()), path)
        if kind == ".npz":
            return _of_npz(path)
    if kind == ".jsonl":
        return _of_lines([parse_json(line) for line in read_text(path).splitlines() if line.strip()], path, labels)
    raise LabelPolicyError(f"{path}: ending {kind!r}, expected .csv, .tsv, .parquet, .npz or .jsonl")


def _with_header(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The first row as names, which pandas would change where one is there twice."""
    if len(frame) < 2:
        raise LabelPolicyError(f"{path}: found no documents, expected a line of labels and one for each document")
    body = frame.iloc[1:].reset_index(drop=True)
    body.columns = pd.Index([str(name) for name in frame.iloc[0]])
    return body


def _of_frame(frame: pd.DataFrame, path: Path) -> Matrix:
    names = [str(name) for name in frame.columns]
    ids = [str(i) for i in frame.iloc[:, names.index(ID)]] if ID in names else None
    decided = len(names) > 2 and names[:2] == [ID, "labels"]  # as `labelpolicy predict --scores` writes it
    kept = [j for j, name in enumerate(names) if name != ID and not (decided and j == 1)]
    labels, cells = [names[j] for j in kept], frame.iloc[:, kept]
    values = np.empty(cells.shape, dtype=np.float64)
    for j, label in enumerate(labels):
        for row, cell in enumerate(cells.iloc[:, j].tolist()):
            try:
                values[row, j] = np.nan if cell in ("", None) else float(cell)
            except (TypeError, ValueError):
                found = f"{path}: document {row + 1}, label {label!r}: found {cell!r}"
                raise LabelPolicyError(f"{found}, expected a number") from None
    return _checked(Matrix(values, labels, ids), path)


def _of_npz(path: Path) -> Matrix:
    with np.load(path, allow_pickle=False) as file:
        found = {name: file[name] for name in file.files}
    matrices = [name for name, array in found.items() if array.ndim == 2]
    if len(matrices) != 1 or "labels" not in found:
        raise LabelPolicyError(
            f"{path}: found {', '.join(found)}, expected one matrix, `labels`, and `ids` if you like"
        )
    ids = found["ids"].astype(str).tolist() if "ids" in found else None
    return _checked(Matrix(found[matrices[0]], found["labels"].astype(str).tolist(), ids), path)


def _of_lines(lines: list[Any], path: Path, labels: Sequence[str] | None) -> Matrix:
    if not lines or not all(isinstance(line, dict) and ("scores" in line or "labels" in line) for line in lines):
        raise LabelPolicyError(
            f'{path}: expected {{"id": ..., "scores": {{...}}}} or {{..., "labels": [...]}} in each line'
        )
    ids = [str(line[ID]) for line in lines] if all(ID in line for line in lines) else None
    wanted = "labels" if "labels" in lines[0] and (labels is not None or "scores" not in lines[0]) else "scores"
    given = [dict.fromkeys(line[wanted], 1) if wanted == "labels" else line[wanted] for line in lines]
    every = list(labels) if labels is not None else list(dict.fromkeys(name for row in given for name in row))
    if strange := [name for row in given for name in row if name not in set(every)]:
        raise LabelPolicyError(f"{path}: label {strange[0]!r} is not among those of the scores")
    values = np.array([[row.get(name, 0 if wanted == "labels" else np.nan) for name in every] for row in given])
    return _checked(Matrix(values.astype(np.float64), every, ids), path)


def _checked(matrix: Matrix, path: Path) -> Matrix:
    for names, what in ((matrix.labels, "column"), (matrix.ids or [], "document")):
        if len(set(names)) < len(names):
            twice = next(name for k, name in enumerate(names) if name in names[:k])
            raise LabelPolicyError(f"{path}: {what} {twice!r} is there twice, expected once")
    rows, columns = matrix.values.shape
    if not rows or columns != len(matrix.labels) or not columns or (matrix.ids and len(matrix.ids) != rows):
        raise LabelPolicyError(f"{path}: found {rows} documents and {columns} labels, expected at least one of each")
    return matrix


@contextlib.contextmanager
def values_of(path: Path) -> Iterator[None]:
    """Have what is said of scores name the file that they are from."""
    try:
        yield
    except LabelPolicyError as error:
        raise LabelPolicyError(f"{path}: {error}") from None


def write_matrix(path: Path, matrix: Matrix) -> None:
    """0 and 1, or numbers, in the form of the file's ending; in JSON lines the names of the labels."""
    frame = pd.DataFrame(matrix.values, columns=pd.Index(matrix.labels))
    if matrix.ids is not None:
        frame.insert(0, ID, matrix.ids)
    with whole_file(path) as file:
        if path.suffix == ".parquet":
            frame.to_parquet(file, index=False)
        elif path.suffix == ".jsonl":
            ids = matrix.ids or range(len(matrix.values))
            names = np.array(matrix.labels, dtype=object)
            rows = [{ID: i, "labels": names[row > 0].tolist()} for i, row in zip(ids, matrix.values, strict=True)]
            pd.DataFrame(rows).to_json(file, orient="records", lines=True, force_ascii=False)
        elif path.suffix in (".csv", ".tsv"):
            frame.to_csv(file, index=False, sep="," if path.suffix == ".csv" else "\t")
        else:
            raise LabelPolicyError(f"{path}: ending {path.suffix!r}, expected .csv, .tsv, .parquet or .jsonl")
