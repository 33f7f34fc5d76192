"""summary: one page of plain Markdown from the collected metrics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_text
from labelpolicy.methods import read_methods
from labelpolicy.report.facts import read_facts
from labelpolicy.report.results import PaperNumbers, Results
from labelpolicy.report.summary import summary


def run(
    *, metrics: Path, methods: Path, paper: Path, datasets: list[Path], look: Sequence[Path | str] = (), output: Path
) -> None:
    """Write the summary of the prepared data sets; ``look`` are the files it points to, in this order."""
    if not datasets:
        raise LabelPolicyError("summary: no data set given: name at least one prepared folder")
    text = summary(
        [read_facts(folder) for folder in datasets],
        methods=read_methods(methods),
        results=Results(metrics),
        paper=PaperNumbers(paper),
        look=[str(path) for path in look],
    )
    write_text(output, text)
