"""page: the collected metrics, every cell's labels.parquet and policy.json, figures -> one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_text
from labelpolicy.methods import read_methods
from labelpolicy.options import MethodsFile, MetricsFile, Output, PreparedFolders, ResultsFolder
from labelpolicy.parsing import require
from labelpolicy.report import page as report
from labelpolicy.report.facts import read_facts


def page(
    datasets: PreparedFolders,
    metrics: MetricsFile,
    output: Annotated[Path, Output("HTML file to write.")],
    results: ResultsFolder = Path("results"),
    methods: MethodsFile = Path("workflow/methods.tsv"),
    template: Annotated[Path, typer.Option(help="The page, without its data.")] = Path("workflow/report/page.html"),
    figure: Annotated[list[Path] | None, typer.Option(help="A PNG to show. Repeatable.")] = None,
) -> None:
    """All cells, their labels and the figures on one page that needs no network.

    It has the cells that stand in ``metrics`` for these data sets; their files lie under ``results``.

    Raises LabelPolicyError for a cell without its files, or with labels that are not the data set's.
    """
    if not datasets:
        raise LabelPolicyError("page: no data set given: name at least one prepared folder")
    facts = {each.name: each for each in map(read_facts, datasets)}
    values = report.read_values(metrics, list(facts))
    labels: dict[str, report.Labels] = {}
    text = report.page(
        report.read_template(template),
        values=values,
        columns={key: report.read_labels(results, key, values[key], labels) for key in sorted(values)},
        labels=labels,
        methods=read_methods(methods),
        figures=[require(path) for path in figure or []],
        about=" ".join(each.split_sentence() for each in facts.values()),
    )
    write_text(output, text)
