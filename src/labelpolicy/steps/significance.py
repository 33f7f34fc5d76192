"""significance: kept scores and thresholds of all rows -> significance.parquet and .csv; nothing is trained."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from labelpolicy import metrics as evaluation
from labelpolicy.cell import Thresholds
from labelpolicy.data.prepared import Prepared
from labelpolicy.data.scores import Scores
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_json, require, write_rows
from labelpolicy.hierarchy import ancestor_closure
from labelpolicy.methods import Method, read_methods, rows_of
from labelpolicy.report.results import Results
from labelpolicy.significance import (
    MEASURES,
    SCHEMA,
    TYPING_MEASURES,
    Outcomes,
    Significance,
    compare,
    draws_needed,
    pairs,
)
from labelpolicy.thresholds.rules import from_json

#: Decisions made anew must give the collected measures; they are the same sums but for the order of addition.
TOLERANCE = 1e-9

Runs = dict[tuple[int, int], tuple[Path, Path]]  # (row of the sheet, seed) -> scores, thresholds.json


def run(
    *,
    datasets: list[Path],
    results: Path,
    metrics: Path,
    methods: Path,
    parameters: Significance,
    output: Path,
    csv: Path,
) -> None:
    """Test each learned row of the sheet against every other row, on every data set, over the seeds of ``metrics``.

    Decisions come from the scores and thresholds.json of the cells under ``results``, and must give the measures
    that stand in ``metrics``. A data set given as a prepared folder is found in the results by its name.

    Raises LabelPolicyError, before anything is computed, for a row or seed without a result or without its files;
    and for a cell whose decisions do not give the collected measures.
    """
    every = read_methods(methods)
    collected = Results(metrics)
    prepared = [Prepared(folder) for folder in datasets]
    found = {data.name: kept_runs(results, data.name, rows_of(every, data.name), collected) for data in prepared}
    warn_of_few_draws(max((len(pairs(rows_of(every, data.name))) for data in prepared), default=0), parameters)
    lines = []
    for data in prepared:
        rows, runs = rows_of(every, data.name), found[data.name]
        groups, measures = drawn_whole(data, "test")
        truth, outcomes = decided_outcomes(data, rows, runs, collected, measures)
        lines += compare(
            data.name,
            rows,
            truth,
            [[outcomes[row, seed] for seed in sorted({seed for _, seed in runs})] for row in range(len(rows))],
            draws=parameters.draws,
            level=parameters.level,
            seed=parameters.seed,
            groups=groups,
            measures=measures,
        )
    write_rows(SCHEMA, [tuple(line[name] for name in SCHEMA.names) for line in lines], parquet=output, csv=csv)


def warn_of_few_draws(comparisons: int, parameters: Significance) -> None:
    """Say on stderr that so many draws can show nothing among so many comparisons."""
    if comparisons and parameters.draws < draws_needed(comparisons, parameters.level):
        print(
            f"warning: {parameters.draws} draws cannot show a difference at level {parameters.level} among "
            f"{comparisons} comparisons: set significance.draws to at least "
            f"{draws_needed(comparisons, parameters.level)}",
            file=sys.stderr,
        )


def drawn_whole(data: Prepared, split: str) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """The groups (n,) of a split's documents, numbered from 0 (None: it has none), and the measures to test."""
    names = data.split(split).groups
    groups = None if names is None else np.unique(names, return_inverse=True)[1]
    # Mentions come in groups, and the tables of entity typing show the loose measures.
    return groups, MEASURES if groups is None else TYPING_MEASURES


def kept_runs(results: Path, dataset: str, methods: Sequence[Method], collected: Results) -> Runs:
    """The files of every row and seed; all of them are there, and all measures are collected."""
    seeds = collected.seeds(dataset, methods)
    runs = {}
    for row, method in enumerate(methods):
        for measure in MEASURES:
            collected.value(dataset, method, measure, split="test", seeds=seeds)
        for seed in seeds:
            trained = Path(results) / dataset / method.classifier / method.weights / f"seed{seed}"
            runs[row, seed] = (
                require(trained / Thresholds.parse(method.thresholds).scores_file),
                require(trained / method.thresholds / "thresholds.json"),
            )
    return runs


def decided_outcomes(
    data: Prepared,
    methods: Sequence[Method],
    runs: Runs,
    collected: Results,
    measures: tuple[str, ...],
    split: str = "test",
) -> tuple[np.ndarray, dict[tuple[int, int], Outcomes]]:
    """Truth (n, N) of the split, and what every row and seed decided on it. Each file of scores is read once."""
    outcomes = {}
    for scores in sorted({scores for scores, _ in runs.values()}):
        values, truth = Scores(scores, data).split(split)
        for (row, seed), (from_scores, thresholds) in runs.items():
            if from_scores != scores:
                continue
            decision = read_json(thresholds)
            predicted = from_json(decision, data.labels, str(thresholds)).decide(values)
            if decision.get("ancestor_closure"):
                predicted = ancestor_closure(predicted, data.labels, data.parents)
            decided = evaluation.evaluate(truth, predicted)
            _check(thresholds, decided, data.name, methods[row], seed, collected, split)
            outcomes[row, seed] = Outcomes.of(truth, predicted, measures)
    return truth, outcomes


def _check(
    path: Path,
    decided: dict[str, float],
    dataset: str,
    method: Method,
    seed: int,
    collected: Results,
    split: str,
) -> None:
    for measure in MEASURES:
        stands = collected.value(dataset, method, measure, split=split, seeds=[seed]).by_seed[0]
        if abs(decided[measure] - stands) > TOLERANCE:
            raise LabelPolicyError(
                f"{path}: decisions by it give a {split} {measure} of {decided[measure]:.6f}, but {collected.path} has "
                f"{stands:.6f}: run `labelpolicy decide` and `labelpolicy collect` again"
            )
