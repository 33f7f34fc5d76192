"""Tables 2 and 5: the measures of every row on the test split, the paper's numbers beside ours.

A data set of the paper that is not in the study has dashes with a footnote for ours, never a number.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from labelpolicy.cell import Thresholds
from labelpolicy.data.registry import title as dataset_title
from labelpolicy.errors import LabelPolicyError
from labelpolicy.methods import NOT_IN_PAPER, Method
from labelpolicy.report.facts import Facts
from labelpolicy.report.markup import SIGNIFICANT, Number, Row, Table
from labelpolicy.report.results import (
    ABSENT,
    TABLE_MEASURES,
    DatasetResults,
    PaperNumbers,
    Value,
    absent_note,
    classifier_title,
)

#: What marks, in a row's name, the method with the reward exactly as printed.
AS_PRINTED = "(Eq. 6)"

NO_NUMBER = "–"
NOT_RUN = "In the paper, not run by us"

#: A table of more rows is set smaller, to keep within a page.
MOST_ROWS = 45


def results_table(
    facts: Facts,
    results: DatasetResults,
    paper: PaperNumbers,
    marks: Collection[tuple[str, str]] | None = None,
) -> Table:
    """Lay out Table 2 or 5, whichever the data set belongs to, from the test metrics.

    ``marks`` holds (row name, measure) of our numbers that beat the baseline beyond chance; None: not tested.

    Raises LabelPolicyError when a row lacks a seed that another row has, lacks a result at all, or
    names a row that the paper's tables do not have.
    """
    _check_paper_rows(results.methods, paper)
    table, laid_out = results.table, []
    for classifier, members in results.blocks().items():
        columns = []
        for measure in TABLE_MEASURES[table]:
            values = [results.value(method, measure) for method in members]
            errors = [results.given(method, f"{measure}_standard_error") for method in members]
            columns.append(column(values, errors, [(method.name, measure) in (marks or ()) for method in members]))
        rows = [
            _row(paper, table, facts.name, method.paper_row, ours, method.name, method.group)
            for method, ours in zip(members, zip(*columns, strict=True), strict=True)
        ]
        laid_out.append((classifier_title(classifier), rows))
    ours_of = {method.paper_row for method in results.methods}
    missing = [row for row in paper.rows(table, facts.name) if row not in ours_of]
    if missing:
        laid_out.append((NOT_RUN, _paper_only(paper, table, facts.name, missing, NO_NUMBER)))
    numbers = [cell for _, rows in laid_out for row in rows for cell in row.cells if isinstance(cell, Number)]
    notes = [*_notes(facts, results, bool(paper.rows(table, facts.name)))]
    if missing:
        notes.append(f"Missing: {', '.join(missing)}: no row in methods.tsv.")
    if any(number.error for number in numbers):
        notes.append(
            "In parentheses: standard error over the texts that the test mentions are from (jackknife), mean over "
            "seeds."
        )
    if marks is not None:
        notes.append(
            f"{SIGNIFICANT} better than the same classifier's row with uniform weights and a threshold of 0.5, "
            "beyond chance (results/significance.csv; only rows with a learned policy were tested)."
        )
    return _table(facts.title, table, laid_out, notes, any(number.deviation or number.error for number in numbers))


def absent_table(dataset: str, *, paper: PaperNumbers, table: str) -> Table:
    """Table 2 or 5 for a data set of the paper that is not in the study: its printed rows, and dashes."""
    rows = _paper_only(paper, table, dataset, paper.rows(table, dataset), ABSENT)
    title = dataset_title(dataset)
    return _table(title, table, [(NOT_RUN, rows)], [absent_note([title])], False)


def _table(
    title: str, table: str, laid_out: Sequence[tuple[str, Sequence[Row]]], notes: Sequence[str], deviations: bool
) -> Table:
    # With deviations, or many rows, a smaller size is needed to keep within an article's page.
    sizes = (r"\tiny", r"\scriptsize", r"\footnotesize")
    size = sizes[2 - deviations - (sum(len(rows) for _, rows in laid_out) > MOST_ROWS)]
    size += rf"\setlength{{\tabcolsep}}{{{1.5 if deviations else 4}pt}}"
    columns = [(measure, ("paper", "ours")) for measure in TABLE_MEASURES[table].values()]
    return Table(title, columns, laid_out, notes, "rl" * len(columns), size)


def _row(
    paper: PaperNumbers,
    table: str,
    dataset: str,
    paper_row: str,
    ours: Sequence[str | Number],
    name: str | None = None,
    group: str = "paper",
) -> Row:
    cells: list[str | Number] = []
    for measure, number in zip(TABLE_MEASURES[table], ours, strict=True):
        cells += [paper.text(table, paper_row, dataset, measure) or "", number]
    return Row(name or paper_row, cells, group)


def _paper_only(paper: PaperNumbers, table: str, dataset: str, rows: Sequence[str], dash: str) -> list[Row]:
    return [_row(paper, table, dataset, row, [dash] * len(TABLE_MEASURES[table])) for row in rows]


def _check_paper_rows(methods: Sequence[Method], paper: PaperNumbers) -> None:
    known = [*paper.rows("5"), *paper.rows("2")]
    for method in methods:
        if method.paper_row not in (NOT_IN_PAPER, *known):
            raise LabelPolicyError(
                f"methods.tsv, row {method.name!r}: paper_row {method.paper_row!r} is not in Tables 2 and 5 of "
                f"{paper.path}; expected {NOT_IN_PAPER} or one of {', '.join(known)}"
            )


def column(
    values: Sequence[Value], errors: Sequence[Value | None] | None = None, significant: Sequence[bool] | None = None
) -> list[Number]:
    """One measure of one block as shown: every row that shows the block's largest mean is the best."""
    means = [f"{value.mean:.3f}" for value in values]
    largest = max(means)  # equal widths, so the order of the texts is that of the numbers
    return [
        Number(
            mean,
            None if value.deviation is None else f"{value.deviation:.3f}",
            None if error is None else f"{error.mean:.3f}",
            mean == largest,
            mark,
        )
        for mean, value, error, mark in zip(
            means, values, errors or [None] * len(values), significant or [False] * len(values), strict=True
        )
    ]


def _notes(facts: Facts, results: DatasetResults, printed: bool) -> Iterator[str]:
    """What holds for the whole table; ``printed``: the paper's table has this data set."""
    seeds, methods = results.seeds, results.methods
    yield facts.split_sentence()
    listed = ", ".join(map(str, seeds))
    over = "one seed" if len(seeds) == 1 else f"mean ± sample standard deviation over {len(seeds)} seeds"
    yield f"Ours: test split, {over} ({listed})."
    yield "Accuracy is strict: the whole label set must be right. " + (
        "Loose macro and micro after Ling and Weld (2012)."
        if results.table == "2"
        else "Macro-F1 is the mean of the labels' F1 (label-averaged), not Ling and Weld's loose macro."
    )
    yield "Bold: the best of ours in its block and column as shown; nothing was chosen by test numbers."
    if printed:
        yield f"Paper: Table {results.table} as printed; empty where it has no such row."
    else:
        yield "The paper has no numbers for this data set."
    if any(AS_PRINTED in method.name for method in methods):
        yield (
            f"Rows marked {AS_PRINTED} use the paper's reward as printed; the other Meta rows, beside which the "
            "paper's numbers stand, use the corrected reward of docs/algorithm.md."
        )
    thresholds = [Thresholds.parse(method.thresholds) for method in methods]
    if any(each.at_least_one or each.out_of_fold for each in thresholds):
        yield (
            "One: a document for which no label passes gets its best one. OOF: thresholds are fitted on out-of-fold "
            "scores, and the classifier trained on training and validation documents (docs/algorithm.md)."
        )
