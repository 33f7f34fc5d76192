"""reproducing: the claims, the paper's and ours, judged by stated rules on every data set of one study or several."""

import csv as csv_format
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from labelpolicy import options
from labelpolicy.data.registry import title as dataset_title
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_text
from labelpolicy.report.claims import (
    NO_CHANCE,
    NOT,
    OURS,
    OWN,
    REPRODUCED,
    RULES,
    STAND_IN,
    UNTESTED,
    VERDICTS,
    Claim,
    Evidence,
    Verdict,
    read_claims,
    read_correlations,
)
from labelpolicy.report.comparisons import read_significance
from labelpolicy.report.facts import facts_of
from labelpolicy.report.markup import latex, markdown, markdown_table
from labelpolicy.report.results import DatasetResults, PaperNumbers, Results, read_rows
from labelpolicy.report.tables import read_robustness

Judged = Mapping[Claim, Sequence[Verdict]]
#: Verdicts as the matrix shows them, with what they are in full.
SHORT = {VERDICTS[STAND_IN][0]: "stand-in: holds", VERDICTS[STAND_IN][1]: "stand-in: does not hold", UNTESTED: "–"}


def on_own_data(verdicts: Sequence[Verdict]) -> str:
    """One verdict on the paper's own data: what refutes the claim anywhere wins."""
    found = {verdict.text for verdict in verdicts if verdict.kind == OWN}
    return next((text for text in (NOT, REPRODUCED) if text in found), UNTESTED)


def matrix(judged: Judged, datasets: Sequence[str], *, ours: bool) -> str:
    """Claims by data sets, as Markdown; empty where a claim is not about the data set."""
    rows = []
    for claim, verdicts in judged.items():
        if claim.is_ours == ours:
            cells = {each.dataset: SHORT.get(each.text, each.text) for each in verdicts}
            cells |= {each.dataset: f"{cells[each.dataset]}°" for each in verdicts if NO_CHANCE in each.found.why}
            own = [] if ours else [claim.place, f"**{on_own_data(verdicts)}**"]
            rows.append([claim.id, markdown(claim.claim), *own, *(cells.get(name, "") for name in datasets)])
    head = ["", "Claim", *([] if ours else ["Where", "On the paper's data"]), *map(dataset_title, datasets)]
    return markdown_table(head, rows, left=len(head))


def counted(judged: Judged) -> str:
    """How many claims there are, and with what verdicts."""
    of_paper = [verdicts for claim, verdicts in judged.items() if not claim.is_ours]
    own = [on_own_data(verdicts) for verdicts in of_paper]
    sentence = ", ".join(f"{own.count(text)} {text}" for text in (REPRODUCED, NOT, UNTESTED))
    found = f"{len(own)} claims of the paper: {sentence}."
    every = [verdict.text for verdicts in judged.values() for verdict in verdicts]
    for kind, where in ((STAND_IN, "On stand-ins, by data set:"), (OURS, "Claims of ours, by data set:")):
        holds, not_ = (every.count(text) for text in VERDICTS[kind])
        found += f" {where} {holds} hold, {not_} do not." * bool(holds + not_)
    return found


def reproducing_markdown(judged: Judged, results: Mapping[str, DatasetResults]) -> str:
    """The page: the matrix of all verdicts, the rules, then each claim with its numbers."""
    listed = [
        f"{dataset_title(name)}: {', '.join(map(str, each.seeds))} (`{each.results.path}`)"
        for name, each in results.items()
    ]
    parts = [
        "# The claims, by data set\n",
        "Written by `labelpolicy reproducing` from the results, the tests and the robustness runs; a change here is "
        "lost.\n",
        f"Seeds: {'; '.join(listed)}.\n",
        counted(judged) + f" °: {NO_CHANCE[0].lower()}{NO_CHANCE[1:]}.\n",
        "## The paper's claims\n",
        matrix(judged, [*results], ours=False),
    ]
    if any(claim.is_ours for claim in judged):
        parts += ["## Claims of this project\n", matrix(judged, [*results], ours=True)]
    parts += ["## How claims are judged\n", "".join(f"- {markdown(rule)}\n" for rule in RULES), "## Claim by claim\n"]
    for claim, verdicts in judged.items():
        parts.append(f"### {claim.id}: {markdown(claim.claim)}\n")
        for verdict in verdicts:
            found = verdict.found
            parts.append(f"{dataset_title(verdict.dataset)}: **{verdict.text}.** {markdown(found.why)}\n")
            if found.lines:
                rows = [[markdown(what), paper, ours] for what, paper, ours in found.lines]
                parts.append(markdown_table(["", "Paper", "Ours"], rows))
    return "\n".join(parts)


def reproducing_latex(judged: Judged) -> str:
    """The same verdicts and numbers for a LaTeX document; needs longtable, array and booktabs."""
    parts = [
        "% Written by labelpolicy; a change here is lost. Needs \\usepackage{longtable,array,booktabs}.",
        latex(counted(judged)),
        r"\begingroup\footnotesize\setlength{\tabcolsep}{4pt}",
        r"\begin{longtable}{@{}>{\raggedright\arraybackslash}p{0.5\linewidth}ll@{}}",
        r"\toprule & paper & ours \\ \midrule \endhead",
        r"\bottomrule \endfoot",
    ]

    def row(text: str, end: str = r" \\*") -> str:  # a page may not end here
        return rf"\multicolumn{{3}}{{@{{}}>{{\raggedright\arraybackslash}}p{{0.97\linewidth}}@{{}}}}{{{text}}}" + end

    for claim, verdicts in judged.items():
        parts.append(row(latex(f"{claim.id}. {claim.claim}" + (f" ({claim.place})" if not claim.is_ours else ""))))
        for verdict in verdicts:
            text = rf"\textbf{{{latex(verdict.text.capitalize())}.}} {latex(verdict.found.why)}"
            end = r" \\*" if verdict.found.lines else r" \\"
            parts.append(row(rf"\quad {latex(dataset_title(verdict.dataset))}: {text}", end))
            for what, *numbers in verdict.found.lines:
                signed = [latex(number.replace("-0", "−0")) for number in numbers]
                parts.append(" & ".join([rf"\qquad {latex(what)}", *signed]) + r" \\")
        parts.append(r"\addlinespace[4pt]")
    return "\n".join([*parts, r"\end{longtable}", r"\endgroup", ""])


def reproducing_csv(judged: Judged) -> str:
    """A line for each claim and data set."""
    file = io.StringIO()
    writer = csv_format.writer(file, lineterminator="\n")
    writer.writerow(("claim", "dataset", "evidence", "verdict", "why", "text"))
    for claim, verdicts in judged.items():
        writer.writerows((claim.id, v.dataset, v.kind, v.text, v.found.why, claim.claim) for v in verdicts)
    return file.getvalue()


def reproducing(
    metrics: Annotated[list[Path], typer.Option(help="metrics.parquet or .csv of `labelpolicy collect`. Repeatable.")],
    output: Annotated[Path, options.Output("Markdown file to write.")],
    csv: Annotated[Path, options.Output("CSV file to write: a line for each claim and data set.")],
    latex: Annotated[Path | None, options.Output("LaTeX file to write.")] = None,
    datasets: Annotated[
        list[Path] | None, typer.Argument(help="Prepared data sets, for what is counted."), options.PREPARED
    ] = None,
    methods: options.MethodsFile = Path("workflow/methods.tsv"),
    paper: options.PaperFile = Path("workflow/paper.tsv"),
    claims: Annotated[Path, typer.Option(help="The claims and how each is judged.")] = Path("workflow/claims.tsv"),
    significance: Annotated[
        list[Path] | None, typer.Option(help="significance.parquet or .csv of `labelpolicy significance`. Repeatable.")
    ] = None,
    robustness: options.RobustnessFiles = None,
    correlations: Annotated[
        list[Path] | None, typer.Option(help="A weight_tree.json of `labelpolicy figure weight-tree`. Repeatable.")
    ] = None,
) -> None:
    """The claims, the paper's and ours, judged by stated rules on every data set of one study or of several."""
    found: dict[str, DatasetResults] = {}
    for collected in map(Results, metrics):
        for name in collected.datasets:
            if name in found:
                raise LabelPolicyError(f"{collected.path}: {name} is in {found[name].results.path} already: give one")
            found[name] = DatasetResults(collected, name, read_rows(methods, collected))
    evidence = Evidence(
        {each.name: each for each in (facts_of(datasets) if datasets else [])},
        found,
        PaperNumbers(paper),
        dict(each for path in significance or [] for each in read_significance(path).items()),
        [read_robustness(path) for path in robustness or []],
        dict(map(read_correlations, correlations or [])),
    )
    judged = {claim: evidence.judge(claim) for claim in read_claims(claims)}
    of_paper = [name for claim in judged for name in claim.datasets.split(",")]
    found = dict(sorted(found.items(), key=lambda item: item[0] not in of_paper))  # the paper's own data sets first
    write_text(output, reproducing_markdown(judged, found))
    write_text(csv, reproducing_csv(judged))
    if latex:
        write_text(latex, reproducing_latex(judged))
