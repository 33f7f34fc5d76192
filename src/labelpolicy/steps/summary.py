"""summary: one page of plain Markdown from the collected metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_text
from labelpolicy.methods import read_methods
from labelpolicy.options import MethodsFile, MetricsFile, Output, PaperFile, PreparedFolders
from labelpolicy.report import summary as report
from labelpolicy.report.facts import read_facts
from labelpolicy.report.results import DatasetResults, PaperNumbers, Results


def summary(
    datasets: PreparedFolders,
    metrics: MetricsFile,
    output: Annotated[Path, Output("Markdown file to write.")],
    methods: MethodsFile = Path("workflow/methods.tsv"),
    paper: PaperFile = Path("workflow/paper.tsv"),
    look: Annotated[list[Path] | None, typer.Option(help="A file the summary points to. Repeatable.")] = None,
) -> None:
    """One page: the table, what was best, and where to look."""
    if not datasets:
        raise LabelPolicyError("summary: no data set given: name at least one prepared folder")
    rows, collected = read_methods(methods), Results(metrics)
    found = [(facts, DatasetResults(collected, facts.name, rows)) for facts in map(read_facts, datasets)]
    write_text(output, report.summary(found, PaperNumbers(paper), [str(path) for path in look or []]))
