"""The study's rows compared: their decisions made again from kept scores and thresholds, and what the tests say.

Nothing is trained or fitted. Decisions made again must give the measures that were collected.
"""

import itertools
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from labelpolicy import significance
from labelpolicy.cell import Cell, members
from labelpolicy.data.prepared import Prepared
from labelpolicy.data.scores import Scores
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_json, read_table
from labelpolicy.hierarchy import ancestor_closure
from labelpolicy.methods import Method, with_baselines
from labelpolicy.metrics import evaluate
from labelpolicy.parsing import require
from labelpolicy.report.results import DatasetResults
from labelpolicy.thresholds import from_json
from labelpolicy.thresholds.objectives import MEASURES

SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("dataset", "row", "other", "measure")]
    + [(name, pa.float64()) for name in significance.Difference._fields]
    + [("significant", pa.bool_()), ("seeds", pa.int64()), ("documents", pa.int64())]
)

#: Decisions made again give the collected measures but for the order of addition.
TOLERANCE = 1e-9


class Runs:
    """Rows of one data set, with the scores and the thresholds.json of each by (row, seed)."""

    def __init__(self, data: Prepared, collected: DatasetResults, results: Path):
        """Raises LabelPolicyError for a row or a seed without a collected measure, or without files in ``results``, and
        where only some of them are decided with their ancestors.
        """
        self.data, self.collected, self.files = data, collected, {}
        for row, method in enumerate(collected.methods):
            for measure in MEASURES:
                collected.value(method, measure)
            for seed in collected.seeds:
                cell = Cell(data.name, method.classifier, method.weights, seed, thresholds=method.thresholds)
                thresholds = require(cell.decided(results) / "thresholds.json")
                self.files[row, seed] = require(cell.scores(results)), thresholds
        closed = {path: _is_closed(path) for _, path in self.files.values()}
        self.closed = any(closed.values())
        if self.closed != all(closed.values()):
            path = next(path for path, each in closed.items() if not each)
            raise LabelPolicyError(f"{path}: decides without ancestor_closure, others with it: decide it again")

    def compare(
        self, split: str, comparisons: Sequence[tuple[int, int]], parameters: significance.Significance
    ) -> tuple[int, dict[tuple[int, int, str], significance.Difference]]:
        """The documents of the split, and `significance.differences` of these rows on them.

        Raises LabelPolicyError where decisions do not give the collected measures.
        """
        groups = significance.group_numbers(self.data.split(split).groups)
        # Mentions come in groups, and the tables of entity typing show the loose measures.
        measures = MEASURES if groups is None else significance.TYPING_MEASURES
        outcomes: dict[tuple[int, int], significance.Outcomes] = {}
        for scores in sorted({scores for scores, _ in self.files.values()}):  # each file is read once
            y_score, y_true = Scores(scores, self.data).split(split)
            if self.closed:
                y_true = self._closed(y_true)
            for (row, seed), (of, thresholds) in self.files.items():
                if of == scores:
                    y_pred = self._decided(thresholds, split, y_score)
                    self._check(thresholds, evaluate(y_true, y_pred), row, seed, split)
                    outcomes[row, seed] = significance.Outcomes.of(y_true, y_pred, measures)
        rows = [[outcomes[row, seed] for seed in self.collected.seeds] for row in range(len(self.collected.methods))]
        found = significance.differences(y_true, rows, comparisons, parameters, groups=groups, measures=measures)
        return len(y_true), found

    def _decided(self, path: Path, split: str, y_score: np.ndarray) -> np.ndarray:
        content, data = read_json(path), self.data
        decision = from_json(content, data.labels, str(path))
        y_pred = decision.decide(y_score, data.texts(split).titled() if decision.needs_texts else None)
        return self._closed(y_pred) if self.closed else y_pred

    def _closed(self, decided: np.ndarray) -> np.ndarray:
        return ancestor_closure(decided, self.data.labels, self.data.parents)

    def _check(self, path: Path, decided: Mapping[str, float], row: int, seed: int, split: str) -> None:
        for measure in MEASURES:
            values = self.collected.value(self.collected.methods[row], measure, split).by_seed
            stands = values[self.collected.seeds.index(seed)]
            if abs(decided[measure] - stands) > TOLERANCE:
                raise LabelPolicyError(
                    f"{path}: decisions by it give a {split} {measure} of {decided[measure]:.6f}, but "
                    f"{self.collected.results.path} has {stands:.6f}: run `labelpolicy decide` and `labelpolicy "
                    "collect` again"
                )


def _is_closed(path: Path) -> bool:
    content = read_json(path)
    return isinstance(content, dict) and bool(content.get("ancestor_closure"))


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
    """Every comparison once, as indices into ``methods``, of rows that differ by the policy and not by the classifier.

    A learned row and any other, two learned ones in order; of two fixed ones those alone that a claim is about.
    """
    learned, every = [method.is_learned for method in methods], range(len(methods))
    return [
        (i, j)
        for i in every
        for j in every
        if i != j
        and _are_comparable(methods[i], methods[j])
        and (not (learned[j] and j < i) if learned[i] else not learned[j] and _of_interest(methods[i], methods[j]))
    ]


def _are_comparable(row: Method, other: Method) -> bool:
    """Whether they stand on one encoder, or on joined scores and those of a member, decided alike."""
    if row.encoder == other.encoder:
        return True
    member = other.classifier in members(row.classifier) or row.classifier in members(other.classifier)
    return member and row.thresholds == other.thresholds


def _of_interest(row: Method, other: Method) -> bool:
    """Of two fixed rules: a row and the baseline of its classifier, or of the one that a chain stands on; two numbers
    and thresholds label by label; joined scores and those of a member."""
    if row.is_joined:
        return other.classifier in members(row.classifier)
    if other.is_baseline:
        return other.classifier == row.encoder
    same = (row.classifier, row.weights) == (other.classifier, other.weights)
    return same and (row.thresholds, other.thresholds) == ("shared", "scut")


def significance_rows(
    dataset: str,
    methods: Sequence[Method],
    found: Mapping[tuple[int, int, str], significance.Difference],
    *,
    level: float,
    seeds: int,
    documents: int,
) -> Iterator[tuple]:
    """Rows of significance.parquet from the differences of `pairs`, learned rows first in each.

    Two learned rows stand there from both sides, but are one hypothesis of Holm's family.
    """
    back = {(j, i, name): each.reversed() for (i, j, name), each in found.items() if methods[j].is_learned}
    for (i, j, measure), difference in sorted({**found, **back}.items(), key=lambda item: item[0][:2]):
        names = (dataset, methods[i].name, methods[j].name, measure)
        yield (*names, *difference, difference.p_holm < level, seeds, documents)


#: (row, other, measure) -> 1 if row is above other beyond chance, -1 if below, 0 if it is not told.
Tests = Mapping[tuple[str, str, str], int]


def tested_as(measure: str) -> str:
    """The name that a measure of the tables is tested by: the loose micro-F1 is the micro-F1 (metrics.py)."""
    return measure.replace("loose_micro", "micro")


def read_significance(path: str | Path) -> dict[str, dict[tuple[str, str, str], int]]:
    """significance.parquet, or .csv, by data set: see Tests."""
    columns = ["dataset", "row", "other", "measure", "difference", "significant"]
    found: dict[str, dict[tuple[str, str, str], int]] = {}
    for row in read_table(path, columns).to_pylist():
        sign = (1 if row["difference"] > 0 else -1) if row["significant"] else 0
        found.setdefault(row["dataset"], {})[row["row"], row["other"], row["measure"]] = sign
    return found


def marks(
    path: str | Path, *, dataset: str, methods: Sequence[Method], measures: Collection[str] = MEASURES
) -> set[tuple[str, str]]:
    """(row name, measure) of the learned rows that beat their classifier's baseline row by more than chance.

    Raises LabelPolicyError if a learned row with a baseline is not in the table: it was written for other methods.
    """
    above = read_significance(path).get(dataset, {})
    marked = set()
    for (method, baseline), measure in itertools.product(with_baselines(methods), measures):
        tested = tested_as(measure)
        if (method.name, baseline.name, tested) not in above:
            raise LabelPolicyError(
                f"{path}: no {tested} of {dataset}, row {method.name!r} against {baseline.name!r}: "
                "run `labelpolicy significance` again"
            )
        if above[method.name, baseline.name, tested] > 0:
            marked.add((method.name, measure))
    return marked
