"""The study's rows compared: their decisions made again from kept scores and thresholds, and what the tests say.

Nothing is trained or fitted. Decisions made again must give the measures that were collected.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from labelpolicy import significance
from labelpolicy.cell import Cell
from labelpolicy.data.prepared import Prepared
from labelpolicy.data.scores import Scores
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_json, read_parquet
from labelpolicy.hierarchy import ancestor_closure
from labelpolicy.methods import Method, with_baselines
from labelpolicy.metrics import evaluate
from labelpolicy.parsing import require
from labelpolicy.report.results import Results
from labelpolicy.thresholds import from_json
from labelpolicy.thresholds.objectives import MEASURES

SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("dataset", "row", "other", "measure")]
    + [(name, pa.float64()) for name in significance.Difference._fields]
    + [("significant", pa.bool_()), ("seeds", pa.int64()), ("documents", pa.int64())]
)

#: Decisions made again give the collected measures but for the order of addition.
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Runs:
    """Rows of one data set, and the scores and thresholds.json of each by (row, seed); all are there."""

    data: Prepared
    methods: Sequence[Method]
    seeds: list[int]
    files: Mapping[tuple[int, int], tuple[Path, Path]]
    collected: Results

    @classmethod
    def of(cls, data: Prepared, methods: Sequence[Method], results: Path, collected: Results) -> Runs:
        """Raises LabelPolicyError for a row or a seed without a collected measure, or without files in ``results``."""
        seeds, files = collected.seeds(data.name, methods), {}
        for row, method in enumerate(methods):
            for measure in MEASURES:
                collected.value(data.name, method, measure, split="test", seeds=seeds)
            for seed in seeds:
                cell = Cell(data.name, method.classifier, method.weights, seed, thresholds=method.thresholds)
                files[row, seed] = (require(cell.scores(results)), require(cell.decided(results) / "thresholds.json"))
        return cls(data, methods, seeds, files, collected)

    def compare(
        self, split: str, comparisons: Sequence[tuple[int, int]], parameters: significance.Significance
    ) -> tuple[int, dict[tuple[int, int, str], significance.Difference]]:
        """The documents of the split, and `significance.differences` of these rows on them.

        Raises LabelPolicyError where decisions do not give the collected measures.
        """
        groups, measures = groups_and_measures(self.data, split)
        outcomes: dict[tuple[int, int], significance.Outcomes] = {}
        for scores in sorted({scores for scores, _ in self.files.values()}):  # each file is read once
            y_score, y_true = Scores(scores, self.data).split(split)
            for (row, seed), (from_scores, thresholds) in self.files.items():
                if from_scores == scores:
                    y_pred = self._decided(thresholds, y_score)
                    self._check(thresholds, evaluate(y_true, y_pred), self.methods[row], seed, split)
                    outcomes[row, seed] = significance.Outcomes.of(y_true, y_pred, measures)
        rows = [[outcomes[row, seed] for seed in self.seeds] for row in range(len(self.methods))]
        found = significance.differences(y_true, rows, comparisons, parameters, groups=groups, measures=measures)
        return len(y_true), found

    def _decided(self, path: Path, y_score: np.ndarray) -> np.ndarray:
        decision, data = read_json(path), self.data
        y_pred = from_json(decision, data.labels, str(path)).decide(y_score)
        return ancestor_closure(y_pred, data.labels, data.parents) if decision.get("ancestor_closure") else y_pred

    def _check(self, path: Path, decided: Mapping[str, float], method: Method, seed: int, split: str) -> None:
        for measure in MEASURES:
            stands = self.collected.value(self.data.name, method, measure, split=split, seeds=[seed]).mean
            if abs(decided[measure] - stands) > TOLERANCE:
                raise LabelPolicyError(
                    f"{path}: decisions by it give a {split} {measure} of {decided[measure]:.6f}, but "
                    f"{self.collected.path} has {stands:.6f}: run `labelpolicy decide` and `labelpolicy collect` again"
                )


def groups_and_measures(data: Prepared, split: str) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """The groups (n,) of a split's documents, numbered from 0 (None: it has none), and the measures to test."""
    groups = significance.group_numbers(data.split(split).groups)
    # Mentions come in groups, and the tables of entity typing show the loose measures.
    return groups, MEASURES if groups is None else significance.TYPING_MEASURES


def warn_of_few_draws(comparisons: int, parameters: significance.Significance) -> None:
    """Say on stderr that so many draws can show nothing among so many comparisons."""
    needed = significance.draws_needed(comparisons, parameters.level)
    if comparisons and parameters.draws < needed:
        print(
            f"warning: {parameters.draws} draws cannot show a difference at level {parameters.level} among "
            f"{comparisons} comparisons: set significance.draws to at least {needed}",
            file=sys.stderr,
        )


def pairs(methods: Sequence[Method]) -> list[tuple[int, int]]:
    """Every comparison once, as indices into ``methods``: a learned row and any other, two learned ones in order."""
    learned, every = [method.is_learned for method in methods], range(len(methods))
    return [(i, j) for i in every if learned[i] for j in every if i != j and not (learned[j] and j < i)]


def significance_rows(
    dataset: str,
    methods: Sequence[Method],
    found: Mapping[tuple[int, int, str], significance.Difference],
    *,
    level: float,
    seeds: int,
    documents: int,
) -> Iterator[tuple]:
    """Rows of significance.parquet from the differences of `pairs`: each learned row against every other row.

    Two learned rows stand there from both sides, but are one hypothesis of Holm's family.
    """
    both = dict(found)
    for (i, j, measure), difference in found.items():
        if methods[j].is_learned:
            both[j, i, measure] = difference.reversed()
    for (i, j, measure), difference in sorted(both.items(), key=lambda item: item[0][:2]):
        names = (dataset, methods[i].name, methods[j].name, measure)
        yield (*names, *difference, difference.p_holm < level, seeds, documents)


def read_significance(path: str | Path) -> dict[str, dict[tuple[str, str, str], bool]]:
    """significance.parquet by data set and (row, other, measure): is row above other, beyond chance?"""
    columns = ["dataset", "row", "other", "measure", "difference", "significant"]
    found: dict[str, dict[tuple[str, str, str], bool]] = {}
    for row in read_parquet(path, columns).to_pylist():
        above = bool(row["significant"]) and row["difference"] > 0
        found.setdefault(row["dataset"], {})[row["row"], row["other"], row["measure"]] = above
    return found


def marks(
    path: str | Path, *, dataset: str, methods: Sequence[Method], measures: Collection[str] = MEASURES
) -> set[tuple[str, str]]:
    """(row name, measure) of the learned rows that beat their classifier's baseline row by more than chance.

    Raises LabelPolicyError if a learned row with a baseline is not in the table: it was written for other methods.
    """
    above = read_significance(path).get(dataset, {})
    marked = set()
    for method, baseline in with_baselines(methods):
        for measure in measures:
            tested = measure.replace("loose_micro", "micro")  # the loose micro-F1 is the micro-F1 (metrics.py)
            if (method.name, baseline.name, tested) not in above:
                raise LabelPolicyError(
                    f"{path}: no {tested} of {dataset}, row {method.name!r} against {baseline.name!r}: "
                    "run `labelpolicy significance` again"
                )
            if above[method.name, baseline.name, tested]:
                marked.add((method.name, measure))
    return marked
