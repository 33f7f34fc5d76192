"""collect: the metrics.json of many cells -> one tidy table, as Parquet and CSV."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pyarrow as pa

from labelpolicy import metrics as measures
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_json, write_rows

SPLITS = ("valid", "test")
CELL = "{dataset}/{classifier}/{weights}/seed{seed}/{thresholds}/metrics.json"
SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("dataset", "classifier", "weights", "thresholds")]
    + [("seed", pa.int64()), ("split", pa.string()), ("metric", pa.string()), ("value", pa.float64())]
)

Row = tuple[str, str, str, str, int, str, str, float]


def run(*, metrics: list[Path], output: Path, csv: Path) -> None:
    """Gather the given files in one table of a row per measure, sorted, the same rows in ``output`` and ``csv``.

    A cell's names are the parts of its path, see CELL.

    Raises LabelPolicyError, before anything is written, for no files, a missing or partial one, a path of another
    shape, or two files of one cell.
    """
    if not metrics:
        raise LabelPolicyError("collect: no metrics.json given: name at least one")
    rows: list[Row] = []
    seen: dict[tuple, Path] = {}
    for path in map(Path, metrics):
        cell = cell_of(path)
        if cell in seen:
            raise LabelPolicyError(f"{path}: the same cell as {seen[cell]}: give it once")
        seen[cell] = path
        rows += [(*cell, *measure) for measure in read_measures(path)]
    rows.sort()
    write_rows(SCHEMA, rows, parquet=output, csv=csv)


def cell_of(path: Path) -> tuple[str, str, str, str, int]:
    """Data set, classifier, weights, thresholds and seed, from the path of a metrics.json, see CELL."""
    parts = path.parts[-6:]
    seed = re.fullmatch(r"seed(\d+)", parts[3]) if len(parts) == 6 else None
    if seed is None or parts[5] != "metrics.json":
        raise LabelPolicyError(f"{path}: not the path of a cell, expected .../{CELL}")
    dataset, classifier, weights, _, thresholds, _ = parts
    return dataset, classifier, weights, thresholds, int(seed[1])


def read_measures(path: Path) -> list[tuple[str, str, float]]:
    """(split, metric, value) of one metrics.json: every measure of both splits, or a LabelPolicyError.

    Where it has them, standard errors over groups follow as {measure}_standard_error, and, of a label hierarchy, the
    measures of both ways to decide as {measure}_as_decided and {measure}_ancestor_closure.
    """
    content = read_json(path)
    found = [(split, name, _number(path, content, split, name)) for split in SPLITS for name in measures.NAMES]
    errors = content.get("standard_error")
    if errors is not None:
        found += [("test", f"{name}_standard_error", _number(path, errors, "test", name)) for name in measures.NAMES]
    for way in ("as_decided", "ancestor_closure"):
        if way in content:
            found += [
                (split, f"{name}_{way}", _number(path, content[way], split, name))
                for split in SPLITS
                for name in measures.NAMES
            ]
    return found


def _number(path: Path, content: Any, split: str, name: str) -> float:
    values = content.get(split) if isinstance(content, dict) else None
    again = "delete the file and run `labelpolicy decide` again"
    if not isinstance(values, dict):
        raise LabelPolicyError(f"{path}: no object {split!r}: {again}")
    if name not in values:
        raise LabelPolicyError(f"{path}: no {split} {name}: {again}")
    value = values[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise LabelPolicyError(f"{path}: {split} {name} is {value!r}, expected a number: {again}")
    return float(value)
