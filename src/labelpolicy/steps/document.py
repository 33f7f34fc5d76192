"""document: tables, claims and figures of a run -> reproduction.pdf, or a note in Markdown where there is no TeX."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from labelpolicy.data.parameters import Data
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_text
from labelpolicy.learner.parameters import LearnerParameters
from labelpolicy.methods import read_methods
from labelpolicy.options import FromStudy, MethodsFile, MetricsFile, Output, PaperFile, PreparedFolders
from labelpolicy.parsing import read_text, require
from labelpolicy.report import document as report
from labelpolicy.report.facts import read_facts
from labelpolicy.report.results import DatasetResults, PaperNumbers, Results


def document(
    datasets: PreparedFolders,
    metrics: MetricsFile,
    output: Annotated[Path, Output("PDF to write; without TeX, a note with the ending .md instead.")],
    policies: Annotated[dict[str, LearnerParameters], FromStudy(lambda study, arguments: study.policies)],
    data: Annotated[Data, FromStudy(lambda study, arguments: study.data)],
    tables: Annotated[Path, typer.Option(help="Folder of table1.tex to table6.tex.")] = Path("results/tables"),
    claims: Annotated[Path, typer.Option(help="LaTeX of `labelpolicy reproducing`.")] = Path(
        "results/tables/claims.tex"
    ),
    figure: Annotated[list[Path] | None, typer.Option(help="A PDF to show. Repeatable.")] = None,
    methods: MethodsFile = Path("workflow/methods.tsv"),
    paper: PaperFile = Path("workflow/paper.tsv"),
    template: Annotated[Path, typer.Option(help="The report's prose.")] = Path("workflow/report/reproduction.tex"),
) -> None:
    """The report of a run as PDF (parameters: policies, data).

    Without a TeX engine, a note is written under the name of ``output`` with the ending .md, and one line says so.
    """
    if not datasets:
        raise LabelPolicyError("document: no data set given: name at least one prepared folder")
    table_files = {number: require(tables / f"table{number}.tex") for number in report.TABLE_TITLES}
    figures = [require(path) for path in figure or []]
    facts, numbers, rows, collected = (
        [*map(read_facts, datasets)],
        PaperNumbers(paper),
        read_methods(methods),
        Results(metrics),
    )
    results = {each.title: DatasetResults(collected, each.name, rows) for each in facts}
    learned = {name for each in results.values() for method in each.methods for name in method.learned}
    used = {name: policy for name, policy in policies.items() if name in learned}
    source = report.document(
        read_text(template),
        {
            "setup": report.items(report.setup(facts, {title: each.seeds for title, each in results.items()})),
            "deviations": report.items(
                report.deviations(facts, [*numbers.datasets("1"), *numbers.datasets("4")], used, data)
            ),
            "claims": read_text(claims),
            "tables": report.tables({n: read_text(path) for n, path in table_files.items()}),
            "figures": report.figures(figures),
        },
    )
    engine = report.engine()
    if engine is None:
        instead = output.with_suffix(".md")
        write_text(instead, report.note([*table_files.values(), claims, *figures]))
        print(f"no TeX engine ({', '.join(report.ENGINES)}) is installed: wrote {instead} instead", file=sys.stderr)
        return
    report.typeset(source, figures, output, engine)
