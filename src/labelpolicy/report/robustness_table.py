"""Tables 3 and 6: best, worst, average and deviation over random initial policies, the paper's beside ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labelpolicy.data.registry import title as dataset_title
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_parquet
from labelpolicy.report.markup import Row, Table
from labelpolicy.report.results import ABSENT, TABLE_MEASURES, TITLES, PaperNumbers, classifier_title

#: The statistics of `labelpolicy robustness`, with their titles.
SPREAD = {"best": "Best", "worst": "Worst", "average": "Average", "stdev": "St. dev."}


@dataclass(frozen=True)
class Robustness:
    """Test-time episodes of one meta-learner from random w_0 and p_0: statistics of the runs by (statistic, metric)."""

    dataset: str
    classifier: str
    policy: str
    seed: int
    values: Mapping[tuple[str, str], float]

    @property
    def title(self) -> str:
        return f"{dataset_title(self.dataset)}, {classifier_title(self.classifier).split(':')[0]}"


def read_robustness(path: str | Path) -> Robustness:
    """Read a file of `labelpolicy robustness`.

    Raises LabelPolicyError for more than one sweep in it, or a measure without its statistics.
    """
    names = ["dataset", "classifier", "policy", "seed"]
    rows = read_parquet(path, [*names, "statistic", "metric", "value"]).to_pylist()
    sweeps = {tuple(row[name] for name in names) for row in rows}
    if len(sweeps) != 1:
        raise LabelPolicyError(f"{path}: {len(sweeps)} sweeps, expected one: run `labelpolicy robustness` again")
    values = {(row["statistic"], row["metric"]): row["value"] for row in rows if row["statistic"] in SPREAD}
    for metric in TITLES:
        for statistic in SPREAD:
            if not isinstance(values.get((statistic, metric)), float):
                raise LabelPolicyError(f"{path}: no {statistic} of {metric}: run `labelpolicy robustness` again")
    dataset, classifier, policy, seed = sweeps.pop()
    return Robustness(dataset, classifier, policy, seed, values)


def robustness_table(runs: Sequence[Robustness], paper: PaperNumbers, table: str) -> Table:
    """Lay out Table 3 or 6: the paper's numbers, ours on the same data set, and ours on the data sets we have.

    The paper's data set may not be in the study; our numbers are on another one then, and stand under its name.
    """
    measures = TABLE_MEASURES[table]
    (dataset,) = paper.datasets(table)
    printed = [
        Row(title, [paper.text(table, statistic, dataset, metric) or "" for statistic in SPREAD])
        for metric, title in measures.items()
    ]
    blocks = [(f"{dataset_title(dataset)}, the paper", printed)]
    notes = [f"Paper: Table {table} as printed."]
    if dataset not in {run.dataset for run in runs}:
        dashes = [Row(title, [ABSENT] * len(SPREAD)) for title in measures.values()]
        blocks.append((f"{dataset_title(dataset)}, ours", dashes))
        notes.append(
            f"ᵃ No run of ours on {dataset_title(dataset)}: not in this study, or `snakemake robustness` was not run."
        )
    for run in sorted(
        runs, key=lambda run: (run.dataset != dataset, run.dataset, run.classifier, run.policy, run.seed)
    ):
        rows = [
            Row(title, [f"{run.values[name, metric]:.{4 if name == 'stdev' else 3}f}" for name in SPREAD])
            for metric, title in measures.items()
        ]
        blocks.append((f"{run.title}, ours: policy {run.policy}, seed {run.seed}", rows))
    if runs:
        notes.append(
            "Ours: test split; the learned meta-learner's test-time episode from random initial policies, a classifier "
            "trained with each outcome."
        )
    other = list(dict.fromkeys(dataset_title(run.dataset) for run in runs if run.dataset != dataset))
    if other:
        notes.append(
            f"Rows on {', '.join(other)} are another data set than the paper's and not to be compared with it."
        )
    return Table("Measure", list(SPREAD.values()), blocks, notes, "r" * len(SPREAD))
