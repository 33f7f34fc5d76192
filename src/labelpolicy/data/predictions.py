"""Predictions, a row a document: its id, its labels and, where asked for, the score of every label."""

import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from labelpolicy.data.documents import STANDARD
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import whole_file

#: Ids, y_pred bool and y_score float32 (documents, labels).
Write = Callable[[Sequence[str], np.ndarray, np.ndarray], None]


def prediction_table(
    ids: Sequence[str], labels: Sequence[str], y_pred: np.ndarray, y_score: np.ndarray | None = None
) -> pa.Table:
    """Columns id string, labels list<string>, and scores list<float>[labels] where there are any."""
    _, columns = np.nonzero(y_pred)
    offsets = np.append(0, y_pred.sum(axis=1).cumsum()).astype(np.int32)
    names = pa.array(list(labels), pa.string()).take(pa.array(columns))
    found = {"id": pa.array(ids, pa.string()), "labels": pa.ListArray.from_arrays(pa.array(offsets), names)}
    if y_score is not None:
        found["scores"] = pa.FixedSizeListArray.from_arrays(pa.array(y_score.ravel(), pa.float32()), len(labels))
    about = {b"labelpolicy": json.dumps({"labels": list(labels)}, ensure_ascii=False)}
    return pa.table(found).replace_schema_metadata(about if y_score is not None else None)


@contextmanager
def predictions(
    path: Path, form: str, labels: Sequence[str], *, scores: bool = False, separator: str = ";"
) -> Iterator[Write]:
    """A function that writes some documents at a time as jsonl, csv, tsv, parquet, or text: a line of labels each.

    The file is there when the block ends, whole; standard output gets each document at once. Raises LabelPolicyError
    for a label with the separator in it where labels stand in one field, and for scores that have no place.
    """
    if form == "parquet":
        none = np.zeros((0, len(labels)), dtype=np.float32)
        schema = prediction_table([], labels, none > 0, none if scores else None).schema
        with whole_file(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
            yield lambda ids, y_pred, y_score: writer.write_table(
                prediction_table(ids, labels, y_pred, y_score if scores else None)
            )
        return
    if form != "jsonl":
        _check_names(path, form, labels, scores, separator)
    with nullcontext(sys.stdout) if path == STANDARD else _text_file(path) as file:
        yield LINES[form](file, labels, scores, separator)


@contextmanager
def _text_file(path: Path) -> Iterator[TextIO]:
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        yield file


def _check_names(path: Path, form: str, labels: Sequence[str], scores: bool, separator: str) -> None:
    what = "name another with --separator, or write .jsonl or .parquet"
    for label in labels:
        if not separator or separator in label or any(end in label for end in "\r\n" if form == "text"):
            raise LabelPolicyError(f"{path}: label {label!r} has the separator {separator!r} in it: {what}")
        if scores and label in ("id", "labels"):
            raise LabelPolicyError(f"{path}: the label {label!r} would be a second column: write .jsonl or .parquet")
    if scores and form == "text":
        raise LabelPolicyError(f"{path}: plain text has no place for scores: write .jsonl, .csv, .tsv or .parquet")


def _json_lines(file: TextIO, labels: Sequence[str], scores: bool, separator: str) -> Write:
    names = [json.dumps(label, ensure_ascii=False) for label in labels]

    def write(ids: Sequence[str], y_pred: np.ndarray, y_score: np.ndarray) -> None:
        digits = y_score.astype(np.str_).tolist() if scores else None  # the fewest that give the same float32
        for row, (name, own) in enumerate(zip(ids, label_sets(names, y_pred), strict=True)):
            line = f'{{"id": {json.dumps(name, ensure_ascii=False)}, "labels": [{", ".join(own)}]'
            if digits:
                line += f', "scores": {{{", ".join(map(": ".join, zip(names, digits[row], strict=True)))}}}'
            file.write(line + "}\n")

    return write


def _delimited(file: TextIO, labels: Sequence[str], scores: bool, separator: str, delimiter: str = ",") -> Write:
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    writer.writerow(["id", "labels", *(labels if scores else [])])

    def write(ids: Sequence[str], y_pred: np.ndarray, y_score: np.ndarray) -> None:
        digits: Any = y_score.astype(np.str_).tolist() if scores else [[]] * len(ids)
        sets = map(separator.join, label_sets(labels, y_pred))
        writer.writerows([name, own, *row] for name, own, row in zip(ids, sets, digits, strict=True))

    return write


def _text(file: TextIO, labels: Sequence[str], scores: bool, separator: str) -> Write:
    return lambda ids, y_pred, y_score: file.writelines(
        f"{separator.join(own)}\n" for own in label_sets(labels, y_pred)
    )


LINES: dict[str, Callable[..., Write]] = {
    "jsonl": _json_lines,
    "csv": _delimited,
    "tsv": partial(_delimited, delimiter="\t"),
    "text": _text,
}


def label_sets(labels: Sequence[str], y_pred: np.ndarray) -> Iterator[list[str]]:
    """The labels of each document."""
    _, columns = np.nonzero(y_pred)
    chosen = [labels[column] for column in columns.tolist()]
    ends = y_pred.sum(axis=1).cumsum().tolist()
    return (chosen[start:end] for start, end in pairwise([0, *ends]))
