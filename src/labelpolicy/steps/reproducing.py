"""reproducing: the paper's claims, judged one by one -> reproducing.md and its LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_text
from labelpolicy.methods import read_methods, rows_of
from labelpolicy.report import claims as judged
from labelpolicy.report.facts import read_facts
from labelpolicy.report.results import PaperNumbers, Results
from labelpolicy.report.tables import read_robustness


def run(
    *,
    metrics: Path,
    methods: Path,
    paper: Path,
    claims: Path,
    datasets: list[Path],
    significance: Path | None,
    robustness: Sequence[Path],
    output: Path,
    latex: Path,
) -> None:
    """Judge the claims of ``claims`` on the prepared data sets; those on other data sets could not be tested here."""
    if not datasets:
        raise LabelPolicyError("reproducing: no data set given: name at least one prepared folder")
    facts = {each.name: each for each in map(read_facts, datasets)}
    results, rows = Results(metrics), read_methods(methods)
    evidence = judged.Evidence(
        facts=facts,
        methods=rows,
        results=results,
        paper=PaperNumbers(paper),
        tests=None if significance is None else judged.read_tests(significance),
        robustness=[read_robustness(path) for path in robustness],
    )
    found = judged.judge(judged.read_claims(claims), evidence)
    seeds = {name: results.seeds(name, rows_of(rows, name)) for name in facts}
    write_text(output, judged.reproducing_markdown(found, seeds))
    write_text(latex, judged.reproducing_latex(found))
