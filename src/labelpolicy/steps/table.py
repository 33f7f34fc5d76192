"""table: the paper's Table 4 or 5 with our numbers beside the printed ones, in LaTeX and in Markdown."""

from __future__ import annotations

from pathlib import Path

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_text
from labelpolicy.methods import read_methods
from labelpolicy.report import tables
from labelpolicy.report.facts import read_facts
from labelpolicy.report.results import PaperNumbers, Results

TABLES = ("4", "5")


def run(
    *,
    table: str,
    metrics: Path | None,
    methods: Path | None,
    paper: Path,
    datasets: list[Path],
    output: Path,
    markdown: Path,
) -> None:
    """Write one table for the prepared data sets; Table 5 stacks one tabular per data set.

    Table 4 reads neither ``metrics`` nor ``methods``; Table 5 needs both.
    """
    if not datasets:
        raise LabelPolicyError(f"table {table}: no data set given: name at least one prepared folder")
    facts = [read_facts(folder) for folder in datasets]
    numbers = PaperNumbers(paper)
    if table == "4":
        laid_out = tables.statistics_table(facts, numbers)
        in_latex, in_markdown = tables.statistics_latex(laid_out), tables.statistics_markdown(laid_out)
    elif table == "5":
        if metrics is None or methods is None:
            raise LabelPolicyError("table 5: needs the collected metrics and methods.tsv, found none: give both")
        rows, results = read_methods(methods), Results(metrics)
        stacked = [tables.results_table(each, methods=rows, results=results, paper=numbers) for each in facts]
        in_latex = "\n\\bigskip\n".join(tables.results_latex(each) for each in stacked)
        in_markdown = "\n".join(tables.results_markdown(each) for each in stacked)
    else:
        raise LabelPolicyError(f"table {table!r}: there is no such table here; expected one of {', '.join(TABLES)}")
    write_text(output, in_latex)
    write_text(markdown, in_markdown)
