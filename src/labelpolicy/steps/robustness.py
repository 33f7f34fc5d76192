"""robustness: metrics.json of runs from random initial policies -> best, worst, average, stdev (Tables 3 and 6)."""

from __future__ import annotations

import re
import statistics
from pathlib import Path

import pyarrow as pa

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_rows
from labelpolicy.metrics import NAMES
from labelpolicy.steps.collect import read_measures

RUN = "{dataset}/{classifier}/{policy}/seed{seed}/init{k}/{policy}/metrics.json"
#: Shares of which more is better; the best run of a table is the one with the largest.
MEASURES = tuple(name for name in NAMES if name not in ("hamming_loss", "labels_per_document"))
#: The rows of the paper's tables. The standard deviation is the sample's (divided by n - 1).
STATISTICS = {"best": max, "worst": min, "average": statistics.mean, "stdev": statistics.stdev}

SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("dataset", "classifier", "policy")]
    + [("seed", pa.int64()), ("statistic", pa.string()), ("init", pa.int64())]
    + [("metric", pa.string()), ("value", pa.float64())]
)


def run(*, metrics: list[Path], output: Path, csv: Path) -> None:
    """Summarise the test measures of exactly the given runs; the same rows go to ``output`` and ``csv``.

    ``statistic`` is a key of STATISTICS, with ``init`` null, or "run", a single run's own value. Best and worst are
    taken for each measure by itself, as the paper's tables do.

    Raises LabelPolicyError, before anything is written, for fewer than two runs, a missing or partial file, a path
    that is not a run's (RUN), runs of different sweeps, or one run twice.
    """
    if len(metrics) < 2:
        raise LabelPolicyError(f"robustness: {len(metrics)} metrics.json given, expected at least 2 runs")
    runs: dict[int, dict[str, float]] = {}
    sweep, first = None, metrics[0]
    for path in map(Path, metrics):
        *found, init = _place(path)
        sweep = sweep or found
        if found != sweep:
            raise LabelPolicyError(f"{path}: not of the same sweep as {first}: summarise one at a time")
        if init in runs:
            raise LabelPolicyError(f"{path}: run {init} is given twice: give it once")
        runs[init] = {metric: value for split, metric, value in read_measures(path) if split == "test"}
    rows = [
        (*sweep, statistic, None, measure, float(of([values[measure] for values in runs.values()])))
        for statistic, of in STATISTICS.items()
        for measure in MEASURES
    ]
    rows += [(*sweep, "run", init, measure, runs[init][measure]) for init in sorted(runs) for measure in MEASURES]
    write_rows(SCHEMA, rows, parquet=output, csv=csv)


def _place(path: Path) -> tuple[str, str, str, int, int]:
    """Data set, classifier, policy, seed and number of the initial policies, from the path of a run."""
    parts = path.parts[-7:]
    numbers = re.fullmatch(r"seed(\d+)/init(\d+)", "/".join(parts[3:5])) if len(parts) == 7 else None
    if numbers is None or parts[2] != parts[5] or parts[6] != "metrics.json":
        raise LabelPolicyError(f"{path}: not the path of a run, expected .../{RUN}")
    return *parts[:3], int(numbers[1]), int(numbers[2])
