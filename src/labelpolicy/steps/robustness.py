"""robustness: metrics.json of runs from random initial policies -> best, worst, average, stdev (Tables 3 and 6)."""

import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_rows
from labelpolicy.metrics import NAMES, NOT_SCORES
from labelpolicy.options import Output
from labelpolicy.report.results import read_measures

#: The best run of a table is the one with the largest.
SCORES = tuple(name for name in NAMES if name not in NOT_SCORES)
#: The rows of the paper's tables. The standard deviation is the sample's (divided by n - 1).
STATISTICS: dict[str, Callable[[list[float]], float]]
STATISTICS = {"best": max, "worst": min, "average": statistics.mean, "stdev": statistics.stdev}

SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("dataset", "classifier", "policy")]
    + [("seed", pa.int64()), ("statistic", pa.string()), ("init", pa.int64())]
    + [("metric", pa.string()), ("value", pa.float64())]
)


def robustness(
    metrics: Annotated[list[Path], typer.Argument(help="metrics.json files of the runs.")],
    output: Annotated[Path, Output("Parquet file to write.")],
    csv: Annotated[Path, Output("CSV file to write.")],
) -> None:
    """Best, worst, average and standard deviation over runs from random initial policies (Tables 3 and 6).

    ``statistic`` is a key of STATISTICS, with ``init`` null, or "run", a single run's own value. Best and worst are
    taken for each measure by itself, as the paper's tables do.

    Raises LabelPolicyError, before anything is written, for fewer than two runs, a missing or partial file, one that
    is not of a run from random initial policies, runs of different sweeps, or one run twice.
    """
    if len(metrics) < 2:
        raise LabelPolicyError(f"robustness: {len(metrics)} metrics.json given, expected at least 2 runs")
    runs: dict[int, dict[str, float]] = {}
    sweep = replace(read_measures(metrics[0])[0], init=None)
    for path in metrics:
        cell, measures = read_measures(path)
        if cell.init is None or cell.thresholds != cell.weights:
            raise LabelPolicyError(
                f"{path}: of the cell {cell.weights}/{cell.thresholds}: expected weights and thresholds of one policy "
                "from random initial policies (rollout --init)"
            )
        if replace(cell, init=None) != sweep:
            raise LabelPolicyError(f"{path}: not of the same sweep as {metrics[0]}: summarise one at a time")
        if cell.init in runs:
            raise LabelPolicyError(f"{path}: run {cell.init} is given twice: give it once")
        runs[cell.init] = {metric: value for split, metric, value in measures if split == "test"}
    names = (sweep.dataset, sweep.classifier, sweep.weights, sweep.seed)
    rows: list[tuple[Any, ...]] = [
        (*names, statistic, None, measure, float(of([values[measure] for values in runs.values()])))
        for statistic, of in STATISTICS.items()
        for measure in SCORES
    ]
    rows += [(*names, "run", init, measure, runs[init][measure]) for init in sorted(runs) for measure in SCORES]
    write_rows(SCHEMA, rows, parquet=output, csv=csv)
