"""collect: the metrics.json of many cells -> one tidy table, as Parquet and CSV."""

from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_rows
from labelpolicy.options import Output
from labelpolicy.report.results import COLUMNS, read_measures

SCHEMA = pa.schema([(name, {"seed": pa.int64(), "value": pa.float64()}.get(name, pa.string())) for name in COLUMNS])


def collect(
    metrics: Annotated[list[Path], typer.Argument(help="metrics.json files of the cells.")],
    output: Annotated[Path, Output("metrics.parquet to write.")],
    csv: Annotated[Path, Output("metrics.csv to write.")],
) -> None:
    """Gather all metrics in one tidy table: a row is one measure of one cell, which each file says itself.

    Raises LabelPolicyError, before anything is written, for no files, a missing or partial one, or two of one cell.
    """
    if not metrics:
        raise LabelPolicyError("collect: no metrics.json given: name at least one")
    rows: list[tuple] = []
    seen: dict[tuple, Path] = {}
    for path in metrics:
        cell, measures = read_measures(path)
        names = (cell.dataset, cell.classifier, cell.weights, cell.thresholds, cell.seed)
        if names in seen:
            raise LabelPolicyError(f"{path}: the same cell as {seen[names]}: give it once")
        seen[names] = path
        rows += [(*names, *measure) for measure in measures]
    write_rows(SCHEMA, sorted(rows), parquet=output, csv=csv)
