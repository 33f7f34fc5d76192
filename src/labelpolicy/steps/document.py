"""document: tables, claims and figures of a run -> reproduction.pdf, or a note in Markdown where there is no TeX."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from labelpolicy.data.parameters import Data
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import require, write_text
from labelpolicy.learner.parameters import LearnerParameters
from labelpolicy.methods import read_methods, rows_of
from labelpolicy.report import document
from labelpolicy.report.facts import read_facts
from labelpolicy.report.results import PaperNumbers, Results


def run(
    *,
    datasets: list[Path],
    metrics: Path,
    methods: Path,
    paper: Path,
    tables: Path,
    claims: Path,
    figures: Sequence[Path],
    template: Path,
    policies: Mapping[str, LearnerParameters],
    data: Data,
    output: Path,
) -> None:
    """Write the report. ``tables`` is the folder of table1.tex to table6.tex, ``figures`` are PDFs.

    Without a TeX engine, a note is written under the name of ``output`` with the ending .md, and one line says so.
    """
    if not datasets:
        raise LabelPolicyError("document: no data set given: name at least one prepared folder")
    by_number = {number: require(Path(tables) / f"table{number}.tex") for number in document.TABLE_TITLES}
    for figure in figures:
        require(figure)
    facts, numbers, rows = [*map(read_facts, datasets)], PaperNumbers(paper), read_methods(methods)
    results = Results(metrics)
    shown = [row for each in facts for row in rows_of(rows, each.name)]
    used = {name: policy for name, policy in policies.items() if any(name in row.learned for row in shown)}
    source = document.document(
        require(template).read_text(encoding="utf-8"),
        setup=document.setup(facts, {each.name: results.seeds(each.name, rows_of(rows, each.name)) for each in facts}),
        deviations=document.deviations(facts, [*numbers.datasets("1"), *numbers.datasets("4")], used, data),
        claims=require(claims).read_text(encoding="utf-8"),
        tables={number: path.read_text(encoding="utf-8") for number, path in by_number.items()},
        figures=figures,
    )
    name = document.engine()
    if name is None:
        instead = Path(output).with_suffix(".md")
        write_text(instead, document.note(figures, [*by_number.values()], claims))
        print(f"no TeX engine ({', '.join(document.ENGINES)}) is installed: wrote {instead} instead", file=sys.stderr)
        return
    document.typeset(source, figures, output, name)
