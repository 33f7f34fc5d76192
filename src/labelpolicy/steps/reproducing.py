"""reproducing: the paper's claims, judged one by one -> reproducing.md and its LaTeX."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_text
from labelpolicy.methods import read_methods
from labelpolicy.options import (
    MethodsFile,
    MetricsFile,
    Output,
    PaperFile,
    PreparedFolders,
    RobustnessFiles,
    SignificanceFile,
)
from labelpolicy.report import claims as report
from labelpolicy.report.comparisons import read_significance
from labelpolicy.report.facts import read_facts
from labelpolicy.report.results import DatasetResults, PaperNumbers, Results
from labelpolicy.report.robustness_table import read_robustness


def reproducing(
    datasets: PreparedFolders,
    metrics: MetricsFile,
    output: Annotated[Path, Output("Markdown file to write.")],
    latex: Annotated[Path, Output("LaTeX file to write.")],
    methods: MethodsFile = Path("workflow/methods.tsv"),
    paper: PaperFile = Path("workflow/paper.tsv"),
    claims: Annotated[Path, typer.Option(help="The paper's claims and how each is judged.")] = Path(
        "workflow/claims.tsv"
    ),
    significance: SignificanceFile = None,
    robustness: RobustnessFiles = None,
) -> None:
    """The paper's claims one by one, beside our numbers, judged by stated rules.

    Claims on other data sets than the given ones could not be tested here.
    """
    if not datasets:
        raise LabelPolicyError("reproducing: no data set given: name at least one prepared folder")
    facts = {each.name: each for each in map(read_facts, datasets)}
    collected, rows = Results(metrics), read_methods(methods)
    evidence = report.Evidence(
        facts=facts,
        results={name: DatasetResults(collected, name, rows) for name in facts},
        paper=PaperNumbers(paper),
        tests=None if significance is None else read_significance(significance),
        robustness=[read_robustness(path) for path in robustness or []],
    )
    found = report.judge(report.read_claims(claims), evidence)
    write_text(
        output, report.reproducing_markdown(found, {name: each.seeds for name, each in evidence.results.items()})
    )
    write_text(latex, report.reproducing_latex(found))
