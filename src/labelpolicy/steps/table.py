"""table: one of the paper's six tables with our numbers beside the printed ones, in LaTeX and in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_text
from labelpolicy.methods import read_methods, rows_of
from labelpolicy.report import tables
from labelpolicy.report.facts import read_facts
from labelpolicy.report.results import TABLE_MEASURES, PaperNumbers, Results
from labelpolicy.significance import marks

TABLES = ("1", "2", "3", "4", "5", "6")


def run(
    *,
    table: str,
    metrics: Path | None,
    methods: Path | None,
    paper: Path,
    datasets: list[Path],
    output: Path,
    markdown: Path,
    robustness: Sequence[Path] = (),
    significance: Path | None = None,
) -> None:
    """Write one table: the prepared data sets of its task, and dashes for those of the paper that are not given.

    Tables 1 and 4 read ``datasets`` alone. Tables 2 and 5 also read ``metrics`` and ``methods``, and ``significance``
    if it is given, and stack one tabular per data set. Tables 3 and 6 read ``robustness``, the files of `labelpolicy
    robustness`.
    """
    if table not in TABLES:
        raise LabelPolicyError(f"table {table!r}: there is no such table here; expected one of {', '.join(TABLES)}")
    if not datasets:
        raise LabelPolicyError(f"table {table}: no data set given: name at least one prepared folder")
    numbers = PaperNumbers(paper)
    facts = {each.name: each for each in map(read_facts, datasets)}
    ours, absent = tables.of_table(table, list(facts), numbers)
    shown = [facts[name] for name in ours]
    if table in ("1", "4"):
        laid_out = tables.statistics_table(shown, numbers, table, absent)
        in_latex, in_markdown = tables.statistics_latex(laid_out), tables.statistics_markdown(laid_out)
    elif table in ("2", "5"):
        if metrics is None or methods is None:
            raise LabelPolicyError(f"table {table}: needs the collected metrics and methods.tsv, found none: give both")
        rows, results = read_methods(methods), Results(metrics)
        stacked = [
            tables.results_table(
                each,
                methods=rows_of(rows, each.name),
                results=results,
                paper=numbers,
                table=table,
                marks=significance
                and marks(
                    significance,
                    dataset=each.name,
                    methods=rows_of(rows, each.name),
                    measures=TABLE_MEASURES[table],
                ),
            )
            for each in shown
        ]
        stacked += [tables.absent_table(name, paper=numbers, table=table) for name in absent]
        in_latex = "\n\\bigskip\n".join(tables.results_latex(each) for each in stacked)
        in_markdown = "\n".join(tables.results_markdown(each) for each in stacked)
    else:
        runs = [tables.read_robustness(path) for path in robustness]
        spread = tables.robustness_table(runs, numbers, table)
        in_latex, in_markdown = tables.robustness_latex(spread), tables.robustness_markdown(spread)
    write_text(output, in_latex)
    write_text(markdown, in_markdown)
