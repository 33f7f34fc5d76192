"""reproducing: the paper's claims one by one, beside our numbers, each judged by a stated rule.

workflow/claims.tsv lists them; RULES says in words what the functions of JUDGES do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from labelpolicy import options
from labelpolicy.data.registry import title as dataset_title
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_text
from labelpolicy.methods import Method, read_methods, read_tsv
from labelpolicy.report.comparisons import read_significance
from labelpolicy.report.facts import Facts, facts_of
from labelpolicy.report.markup import SIGNIFICANT, latex, markdown, markdown_table
from labelpolicy.report.results import TABLE_MEASURES, DatasetResults, PaperNumbers, Results
from labelpolicy.report.tables import STATISTICS, Robustness, printed_count, read_robustness

REPRODUCED, NOT, UNTESTED = "reproduced", "not reproduced", "could not be tested here"

#: How far ours may be from a printed measure to be near it.
NEAR = 0.02

#: (row, other, measure) -> whether row is above other beyond chance
Tests = Mapping[tuple[str, str, str], bool]


@dataclass(frozen=True)
class Claim:
    """One line of claims.tsv."""

    id: str
    section: str
    table: str
    dataset: str
    rule: str
    rows: str
    claim: str

    @property
    def place(self) -> str:
        return f"Section {self.section}" + (f", Table {self.table}" if self.table != "-" else "")

    @property
    def measures(self) -> dict[str, str]:
        return TABLE_MEASURES[self.table]


COLUMNS = tuple(Claim.__dataclass_fields__)


#: A claim's verdict, why, and the numbers: (what, the paper's, ours) as text.
Verdict = tuple[str, str, list[tuple[str, str, str]]]


@dataclass(frozen=True)
class Evidence:
    """All that a claim is judged by; facts, results and tests by data set, ``tests`` None where there are none."""

    facts: Mapping[str, Facts]
    results: Mapping[str, DatasetResults]
    paper: PaperNumbers
    tests: Mapping[str, Tests] | None
    robustness: Sequence[Robustness]

    def method(self, claim: Claim, row: str) -> Method | None:
        """The row of ours with this name, else the one that stands for this row of the paper."""
        methods = self.results[claim.dataset].methods
        named = [method for method in methods if method.name == row]
        return next(iter(named + [method for method in methods if method.paper_row == row]), None)

    def printed(self, claim: Claim, row: str) -> list[str | None]:
        return [self.paper.text(claim.table, row, claim.dataset, metric) for metric in claim.measures]

    def means(self, claim: Claim, method: Method) -> list[float]:
        return [self.results[claim.dataset].value(method, metric).mean for metric in claim.measures]


def read_claims(path: str | Path) -> list[Claim]:
    """Read claims.tsv. Raises LabelPolicyError for an unknown rule or an id given twice."""
    claims: dict[str, Claim] = {}
    for line, fields in read_tsv(path, COLUMNS):
        claim = Claim(*fields)
        if claim.rule not in JUDGES:
            raise LabelPolicyError(
                f"{path}, line {line}: unknown rule {claim.rule!r}; expected one of {', '.join(JUDGES)}"
            )
        if claim.id in claims:
            raise LabelPolicyError(f"{path}, line {line}: the id {claim.id!r} is given a second time: keep one")
        claims[claim.id] = claim
    return list(claims.values())


def judge(claim: Claim, evidence: Evidence) -> Verdict:
    """By the claim's rule, if its data set is in the study."""
    if claim.dataset not in evidence.facts:
        return UNTESTED, f"{dataset_title(claim.dataset)} is not in this study.", []
    return JUDGES[claim.rule](claim, evidence)


def _count(claim: Claim, evidence: Evidence) -> Verdict:
    lines = []
    for wanted in map(str.strip, claim.rows.split(",")):
        ((title, count),) = [(title, count) for metric, title, count in STATISTICS[claim.table] if metric == wanted]
        printed = printed_count(evidence.paper, claim.table, claim.dataset, wanted)
        lines.append((title, printed, count(evidence.facts[claim.dataset])))
    differing = [title for title, printed, ours in lines if printed != ours]
    if differing:
        return NOT, f"Another number: {', '.join(differing).lower()}.", lines
    return REPRODUCED, "The same, to the digits printed.", lines


def _near(claim: Claim, evidence: Evidence) -> Verdict:
    method = evidence.method(claim, claim.rows)
    if method is None:
        return UNTESTED, f"{claim.rows} was not run.", []
    printed, means = evidence.printed(claim, claim.rows), evidence.means(claim, method)
    found = list(zip(claim.measures.values(), printed, means, strict=True))
    lines = [(f"{method.name}: {title}", text or "", f"{mean:.3f}") for title, text, mean in found]
    far = [title for title, text, mean in found if text is None or abs(mean - float(text)) > NEAR]
    if far:
        return NOT, f"More than {NEAR} away: {', '.join(far)}.", lines
    return REPRODUCED, f"Every measure within {NEAR}.", lines


def _above(claim: Claim, evidence: Evidence) -> Verdict:
    first, _, rest = (part.strip() for part in claim.rows.partition(">"))
    method = evidence.method(claim, first)
    if method is None:
        return UNTESTED, f"{first} was not run.", []
    tests = None if evidence.tests is None else evidence.tests.get(claim.dataset, {})
    lines, failing, missing, untested = [], [], [], []
    for row in map(str.strip, rest.split(";")):
        both = zip(evidence.printed(claim, first), evidence.printed(claim, row), strict=True)
        printed = " / ".join(f"{float(a) - float(b):+.3f}" if a and b else "–" for a, b in both)
        other = evidence.method(claim, row)
        if other is None:
            lines.append((f"{first} − {row}", printed, "not run"))
            missing.append(row)
            continue
        means = zip(evidence.means(claim, method), evidence.means(claim, other), strict=True)
        gains = [round(ours - theirs, 3) + 0.0 for ours, theirs in means]
        tested = [(tests or {}).get((method.name, other.name, metric)) for metric in claim.measures]
        shown = [f"{gain:+.3f}{SIGNIFICANT if test else ''}" for gain, test in zip(gains, tested, strict=True)]
        lines.append((f"{method.name} − {other.name}", printed, " / ".join(shown)))
        if min(gains) <= 0 or False in tested:
            failing.append(other.name)
        if None in tested:
            untested.append(other.name)
    if failing:
        return NOT, f"Not above {', '.join(failing)} in every measure{' beyond chance' if tests else ''}.", lines
    if missing:
        return UNTESTED, f"Above all rows that were run; not run: {', '.join(missing)}.", lines
    chance = f" Chance was not tested against {', '.join(untested)}." if untested else ""
    return REPRODUCED, f"Above in every measure.{chance}", lines


def _steady(claim: Claim, evidence: Evidence) -> Verdict:
    wanted = [claim.dataset, *claim.rows.split()]
    runs = [run for run in evidence.robustness if [run.dataset, run.classifier, run.policy] == wanted]
    if not runs:
        return UNTESTED, "No robustness run (snakemake robustness).", []
    (dataset,) = evidence.paper.datasets(claim.table)
    printed = {metric: evidence.paper.text(claim.table, "stdev", dataset, metric) or "" for metric in claim.measures}
    limit = max(map(float, printed.values()))
    lines = [
        (f"St. dev. of {title}, seed {run.seed}", printed[metric], f"{run.values['stdev', metric]:.4f}")
        for run in runs
        for metric, title in claim.measures.items()
    ]
    wide = any(run.values["stdev", metric] > limit for run in runs for metric in claim.measures)
    found = "Not every" if wide else "Every"
    why = f"{found} standard deviation is at most {limit}, the largest that Table {claim.table} prints."
    return NOT if wide else REPRODUCED, why, lines


def _none(claim: Claim, evidence: Evidence) -> Verdict:
    return UNTESTED, "No rule judges it: it compares data sets, or is read off a figure.", []


JUDGES = {"count": _count, "near": _near, "above": _above, "steady": _steady, "none": _none}

#: What the functions above do, in words.
RULES = (
    f"{UNTESTED}: the data set is not in the study, or a row or run that the claim needs is not there and the rest "
    "does not refute it already.",
    f"near: {REPRODUCED} if every measure of ours, the mean over seeds on the test split, is within {NEAR} of the "
    "printed one.",
    f"above: {REPRODUCED} if ours exceeds every row compared with in every measure as shown, and, where the pair was "
    f"tested, beyond chance ({SIGNIFICANT}: docs/statistics.md). Whether the sizes agree is not judged. Numbers are "
    "differences of accuracy / macro-F1 / micro-F1.",
    "count: " + REPRODUCED + " if our count is the printed one, to the digits printed.",
    f"steady: {REPRODUCED} if the standard deviation over random initial policies is, in every measure, at most the "
    "largest that the paper's table prints.",
)


def reproducing_markdown(judged: Mapping[Claim, Verdict], seeds: Mapping[str, Sequence[int]]) -> str:
    """The page results/reproducing.md: all verdicts, the rules, then each claim with its numbers."""
    listed = [f"{dataset_title(name)}: {', '.join(map(str, found))}" for name, found in seeds.items()]
    verdicts = [
        [claim.id, markdown(claim.claim), claim.place, f"**{verdict}**"] for claim, (verdict, _, _) in judged.items()
    ]
    parts = [
        "# The paper's claims beside ours\n",
        "Written by `labelpolicy reproducing` from the results, the tests and the robustness runs; a change here is "
        "lost.\n",
        f"Seeds: {'; '.join(listed)}.\n",
        _count_sentence(judged) + "\n",
        markdown_table(["", "Claim", "Where", "Verdict"], verdicts, left=4),
        "## How claims are judged\n",
        "".join(f"- {markdown(rule)}\n" for rule in RULES),
        "## Claim by claim\n",
    ]
    for claim, (verdict, why, lines) in judged.items():
        parts.append(f"### {claim.id}: {markdown(claim.claim)}\n")
        parts.append(f"{claim.place}. **{verdict.capitalize()}.** {markdown(why)}\n")
        if lines:
            rows = [[markdown(what), paper, ours] for what, paper, ours in lines]
            parts.append(markdown_table(["", "Paper", "Ours"], rows))
    return "\n".join(parts)


def _count_sentence(judged: Mapping[Claim, Verdict]) -> str:
    verdicts = [verdict for verdict, _, _ in judged.values()]
    counted = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in (REPRODUCED, NOT, UNTESTED))
    return f"{len(verdicts)} claims: {counted}."


def reproducing_latex(judged: Mapping[Claim, Verdict]) -> str:
    """The same verdicts and numbers for a LaTeX document; needs longtable, array and booktabs."""
    parts = [
        "% Written by labelpolicy; a change here is lost. Needs \\usepackage{longtable,array,booktabs}.",
        latex(_count_sentence(judged)),
        r"\begingroup\footnotesize\setlength{\tabcolsep}{4pt}",
        r"\begin{longtable}{@{}>{\raggedright\arraybackslash}p{0.5\linewidth}ll@{}}",
        r"\toprule & paper & ours \\ \midrule \endhead",
        r"\bottomrule \endfoot",
    ]
    for claim, (verdict, why, lines) in judged.items():
        text = latex(f"{claim.id}. {claim.claim} ({claim.place})")
        cell = rf"{text} \textbf{{{latex(verdict.capitalize())}.}} {latex(why)}"
        column = r"@{}>{\raggedright\arraybackslash}p{0.97\linewidth}@{}"
        parts.append(rf"\multicolumn{{3}}{{{column}}}{{{cell}}} \\*")
        for what, *numbers in lines:
            signed = [latex(number.replace("-0", "−0")) for number in numbers]
            parts.append(" & ".join([rf"\quad {latex(what)}", *signed]) + r" \\")
        parts.append(r"\addlinespace[4pt]")
    return "\n".join([*parts, r"\end{longtable}", r"\endgroup", ""])


def reproducing(
    datasets: options.PreparedFolders,
    metrics: options.MetricsFile,
    output: Annotated[Path, options.Output("Markdown file to write.")],
    latex: Annotated[Path, options.Output("LaTeX file to write.")],
    methods: options.MethodsFile = Path("workflow/methods.tsv"),
    paper: options.PaperFile = Path("workflow/paper.tsv"),
    claims: Annotated[Path, typer.Option(help="The paper's claims and how each is judged.")] = Path(
        "workflow/claims.tsv"
    ),
    significance: options.SignificanceFile = None,
    robustness: options.RobustnessFiles = None,
) -> None:
    """The paper's claims one by one, beside our numbers, judged by stated rules.

    Claims on other data sets than the given ones could not be tested here.
    """
    facts = {each.name: each for each in facts_of(datasets)}
    collected, rows = Results(metrics), read_methods(methods)
    found = {name: DatasetResults(collected, name, rows) for name in facts}
    tests = None if significance is None else read_significance(significance)
    runs = [read_robustness(path) for path in robustness or []]
    evidence = Evidence(facts, found, PaperNumbers(paper), tests, runs)
    judged = {claim: judge(claim, evidence) for claim in read_claims(claims)}
    write_text(output, reproducing_markdown(judged, {name: each.seeds for name, each in found.items()}))
    write_text(latex, reproducing_latex(judged))
