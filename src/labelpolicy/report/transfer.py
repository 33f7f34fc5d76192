"""Meta-learners where they were learned and elsewhere: the table in LaTeX and in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from labelpolicy.data.prepare import task
from labelpolicy.report.markup import latex, markdown, markdown_table
from labelpolicy.report.results import MEASURES, Value, classifier_title, dataset_title
from labelpolicy.report.tables import Ours, column, latex_number, latex_tabular, markdown_number

#: The measures of the blocks; the last is of entity typing alone.
TITLES = {**MEASURES, "loose_macro_f1": "Loose macro-F1 (entity typing)"}


@dataclass(frozen=True)
class TransferTable:
    """Blocks of (measure, rows of (name, a number for each data set)); None where a data set has no such measure."""

    datasets: list[str]
    blocks: list[tuple[str, list[tuple[str, list[Ours | None]]]]]
    notes: list[str]


def transfer_table(
    learned: Mapping[tuple[str, str], Mapping[str, Value]],
    fitted: Mapping[tuple[str, str], Mapping[str, Value]],
    kept: Mapping[tuple[str, str], Value],
    *,
    classifier: str,
    thresholds: str,
    seeds: Sequence[int],
) -> TransferTable:
    """Lay out the table: values by measure of ``learned`` (learned on, data set) and ``fitted`` (thresholds, data set).

    Every row has every data set. What a data set's own meta-learner decided stands in brackets. ``kept`` is by the same
    keys as ``learned``: the share of the learned distance from the two numbers that was kept.
    """
    datasets = list(dict.fromkeys(dataset for _, dataset in learned))
    values = {**learned, **fitted}
    names = {source: dataset_title(source) for source, _ in learned} | {rule: rule for rule, _ in fitted}
    blocks = []
    for measure, title in TITLES.items():
        shown = [dataset for dataset in datasets if measure in MEASURES or task(dataset) == "typing"]
        columns = {}
        for dataset in shown:
            numbers = column(
                [values[row, dataset][measure] for row in names], [None] * len(names), [False] * len(names)
            )
            columns[dataset] = [
                replace(number, mean=f"[{number.mean}]") if row == dataset else number
                for row, number in zip(names, numbers, strict=True)
            ]
        rows = [
            (name, [columns[dataset][place] if dataset in columns else None for dataset in datasets])
            for place, name in enumerate(names.values())
        ]
        if shown:
            blocks.append((title, rows))
    shares = [
        (names[source], [Ours(_share(kept[source, dataset], source == dataset)) for dataset in datasets])
        for source in dict.fromkeys(source for source, _ in learned)
    ]
    blocks.append(("Share kept of what was learned", shares))
    listed = ", ".join(map(str, seeds))
    over = (
        f"one seed ({listed})"
        if len(seeds) == 1
        else f"mean ± sample standard deviation over {len(seeds)} seeds ({listed})"
    )
    notes = [
        f"Columns: the data set that is decided, by the scores of {classifier_title(classifier).split(':')[0]} out of "
        f"fold. Rows: the data set that the meta-learner of the thresholds {thresholds} was learned on, then "
        "thresholds fitted on the column's data set without a meta-learner.",
        "In brackets: learned on the data set that it decides. Elsewhere the meta-learner is as it was learned. The "
        "two numbers for all labels that it starts from, its episode, and how much of the distance between them is "
        "kept come from the column's training and validation documents. Where the share is 0, the thresholds are the "
        "two numbers.",
        f"Test split, {over}; nothing was fitted on it or chosen by these numbers. Accuracy is strict: the whole label "
        "set must be right. Macro-F1 is the mean of the labels' F1. Bold: the best of its column and measure as shown.",
    ]
    return TransferTable([dataset_title(dataset) for dataset in datasets], blocks, notes)


def _share(kept: Value, at_home: bool) -> str:
    return f"[{kept.mean:.2f}]" if at_home else f"{kept.mean:.2f}"


def transfer_latex(table: TransferTable) -> str:
    """The table in LaTeX: a tabular and its notes."""
    lines = [" & ".join(["Learned on", *map(latex, table.datasets)]) + r" \\"]
    for title, rows in table.blocks:
        lines += [
            r"\midrule",
            rf"\multicolumn{{{1 + len(table.datasets)}}}{{@{{}}l@{{}}}}{{\itshape {latex(title)}}} \\",
        ]
        lines += [" & ".join([latex(name), *map(latex_number, numbers)]) + r" \\" for name, numbers in rows]
    size = r"\scriptsize\setlength{\tabcolsep}{3pt}"
    return latex_tabular("@{}l" + "l" * len(table.datasets) + "@{}", lines, table.notes, size)


def transfer_markdown(table: TransferTable) -> str:
    """The table in Markdown: the table and its notes."""
    header = ["Learned on", *map(markdown, table.datasets)]
    rows = []
    for title, members in table.blocks:
        rows.append([f"**{markdown(title)}**"] + [""] * len(table.datasets))
        rows += [[markdown(name), *map(markdown_number, numbers)] for name, numbers in members]
    return markdown_table(header, rows) + "\n" + "".join(f"- {markdown(note)}\n" for note in table.notes)
