"""page: the collected metrics, every cell's labels.parquet and policy.json, figures -> one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_parquet, require, write_text
from labelpolicy.methods import read_methods
from labelpolicy.policy_file import Policy
from labelpolicy.report.facts import read_facts
from labelpolicy.report.page import Cell, LabelColumns, Labels, mean_by_label, page
from labelpolicy.report.results import COLUMNS


def run(
    *,
    datasets: list[Path],
    results: Path,
    metrics: Path,
    methods: Path,
    figures: Sequence[Path],
    template: Path,
    output: Path,
) -> None:
    """Write the page of the cells that stand in ``metrics`` for these data sets; their files lie under ``results``.

    Raises LabelPolicyError for a cell without its files, or with labels that are not the data set's.
    """
    if not datasets:
        raise LabelPolicyError("page: no data set given: name at least one prepared folder")
    facts = {each.name: each for each in map(read_facts, datasets)}
    values: dict[Cell, dict] = {}
    for row in read_parquet(metrics, list(COLUMNS)).to_pylist():
        *cell, seed, split, metric, value = (row[column] for column in COLUMNS)
        if cell[0] in facts:
            values.setdefault(tuple(cell), {}).setdefault((split, metric), {})[seed] = value
    if not values:
        raise LabelPolicyError(f"{metrics}: no cell of {', '.join(facts)}: run `labelpolicy collect` again")
    labels: dict[str, Labels] = {}
    columns = {cell: _by_label(Path(results), cell, values[cell], labels) for cell in sorted(values)}
    text = page(
        require(template).read_text(encoding="utf-8"),
        values=values,
        labels=labels,
        columns=columns,
        methods=read_methods(methods),
        figures=[require(figure) for figure in figures],
        about=" ".join(each.split_sentence() for each in facts.values()),
    )
    write_text(output, text)


def _by_label(results: Path, cell: Cell, values: dict, labels: dict[str, Labels]) -> LabelColumns:
    """Means over seeds by label; the first cell of a data set also tells its labels."""
    dataset, classifier, weights, thresholds = cell
    f1, threshold, weight = [], [], []
    for seed in sorted({seed for by_seed in values.values() for seed in by_seed}):
        folder = results / dataset / classifier / weights / f"seed{seed}"
        path = folder / thresholds / "labels.parquet"
        table = read_parquet(path, ["label", "train_count", "threshold", "f1", "support"]).to_pydict()
        known = labels.setdefault(dataset, Labels(table["label"], table["train_count"], table["support"]))
        if known.label != table["label"]:
            raise LabelPolicyError(f"{path}: not the labels of the other cells of {dataset}: decide it again")
        f1.append(table["f1"])
        threshold.append(table["threshold"])
        weight.append(Policy.read(folder / "policy.json", known.label).weights * len(known.label))
    fitted = all(value is not None for column in threshold for value in column)
    return LabelColumns(mean_by_label(f1), mean_by_label(threshold) if fitted else None, mean_by_label(weight))
