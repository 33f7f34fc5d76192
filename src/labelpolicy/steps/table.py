"""table: one of the paper's six tables with our numbers beside the printed ones, in LaTeX and in Markdown."""

from pathlib import Path
from typing import Annotated, Any

import typer

from labelpolicy.data.registry import task
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_text
from labelpolicy.options import (
    MethodsFile,
    Output,
    PaperFile,
    PreparedFolders,
    RobustnessFiles,
    SignificanceFile,
    TunedFiles,
)
from labelpolicy.report.comparisons import marks
from labelpolicy.report.facts import facts_of
from labelpolicy.report.results import TABLE_MEASURES, DatasetResults, PaperNumbers, Results, read_rows
from labelpolicy.report.tables import absent_table, read_robustness, results_table, robustness_table, statistics_table

#: The task of each table: statistics, results and robustness of each.
TASKS = dict.fromkeys("123", "typing") | dict.fromkeys("456", "text")


def table(
    number: Annotated[str, typer.Argument(help="The paper's table: 1 to 6.")],
    datasets: PreparedFolders,
    output: Annotated[Path, Output("LaTeX file to write.")],
    markdown: Annotated[Path, Output("Markdown file to write.")],
    metrics: Annotated[
        Path | None, typer.Option(help="metrics.parquet of `labelpolicy collect`; tables 2 and 5 need it.")
    ] = None,
    robustness: RobustnessFiles = None,
    significance: SignificanceFile = None,
    methods: MethodsFile = Path("workflow/methods.tsv"),
    paper: PaperFile = Path("workflow/paper.tsv"),
    tuned: TunedFiles = None,
) -> None:
    """A table of the paper with our numbers beside the printed ones.

    It shows the prepared data sets of its task, and dashes for those of the paper that are not given. Tables 1 and 4
    read ``datasets`` alone. Tables 2 and 5 also read ``metrics`` and ``methods``, and ``significance`` if it is given,
    and stack one tabular per data set. Tables 3 and 6 read ``robustness``.
    """
    if number not in TASKS:
        raise LabelPolicyError(f"table {number!r}: there is no such table here; expected 1, 2, 3, 4, 5 or 6")
    numbers = PaperNumbers(paper)
    shown = [facts for facts in facts_of(datasets) if task(facts.name) == TASKS[number]]
    names = {facts.name for facts in shown}
    absent = [name for name in numbers.datasets(number) if name not in names]
    if number in "14":
        tables = [statistics_table(shown, numbers, number, absent)]
    elif number in "36":
        tables = [robustness_table([read_robustness(path) for path in robustness or []], numbers, number)]
    elif metrics is None:
        raise LabelPolicyError(f"table {number}: needs the collected metrics, found none: give --metrics")
    else:
        collected, measures = Results(metrics), TABLE_MEASURES[number]
        every = read_rows(methods, collected)
        tables = []
        for facts in shown:
            results = DatasetResults(collected, facts.name, every)
            about: dict[str, Any] = {"dataset": facts.name, "methods": results.methods, "measures": measures}
            marked = marks(significance, **about) if significance else None
            tables.append(results_table(facts, results, numbers, marked, tuned or ()))
        tables += [absent_table(name, paper=numbers, table=number) for name in absent]
    write_text(output, "\n\\bigskip\n".join(each.latex() for each in tables))
    write_text(markdown, "\n".join(each.markdown() for each in tables))
