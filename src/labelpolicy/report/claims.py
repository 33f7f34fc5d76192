"""Claims judged by stated rules: workflow/claims.tsv lists them, RULES says in words what the functions of JUDGES do.

A claim of the paper is judged on the paper's own data sets, and its substance on data sets that stand in for them; a
claim of this project, whose data sets are ``all``, on every one.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from labelpolicy.data.registry import title as dataset_title
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_json
from labelpolicy.methods import ALL, NOT_IN_PAPER, Method
from labelpolicy.parsing import read_tsv
from labelpolicy.report.comparisons import Tests, tested_as
from labelpolicy.report.facts import Facts
from labelpolicy.report.markup import SIGNIFICANT
from labelpolicy.report.results import TABLE_MEASURES, TITLES, DatasetResults, PaperNumbers
from labelpolicy.report.tables import STATISTICS, Robustness, printed_count

REPRODUCED, NOT, UNTESTED = "reproduced", "not reproduced", "could not be tested here"
OWN, STAND_IN, OURS = "own data", "stand-in", "ours"
#: What a verdict is called, by the kind of evidence: if the claim is borne out, and if not.
VERDICTS = {
    OWN: (REPRODUCED, NOT),
    STAND_IN: ("holds on a stand-in", "does not hold on a stand-in"),
    OURS: ("holds", "does not hold"),
}

#: In the reason of a verdict that numbers alone bear out.
NO_CHANCE = "Chance was not tested"

#: How far ours may be from a printed measure to be near it.
NEAR = 0.02


@dataclass(frozen=True)
class Claim:
    """One line of claims.tsv; data sets and measures are comma-separated, "-" is none, or the measures of the table."""

    id: str
    section: str
    table: str
    datasets: str
    stand_ins: str
    rule: str
    rows: str
    measures: str
    claim: str

    @property
    def is_ours(self) -> bool:
        return self.datasets == ALL

    @property
    def place(self) -> str:
        return f"Section {self.section}" + (f", Table {self.table}" if self.table != NOT_IN_PAPER else "")

    def groups(self, study: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Kind of evidence and data sets to be judged together: one, or for the rule smaller all of a kind."""
        if self.is_ours:
            yield from ((OURS, (name,)) for name in study)
            return
        for kind, listed in ((OWN, self.datasets), (STAND_IN, self.stand_ins)):
            names = tuple(name for name in listed.split(",") if name != NOT_IN_PAPER)
            groups = [names] if self.rule == "smaller" and names else [(name,) for name in names]
            yield from ((kind, group) for group in groups if kind == OWN or set(group) <= set(study))


COLUMNS = tuple(Claim.__dataclass_fields__)


class Found(NamedTuple):
    """What a rule finds: whether the claim is borne out (None: untested), why, and lines of (what, paper's, ours)."""

    holds: bool | None
    why: str
    lines: list[tuple[str, str, str]]


@dataclass(frozen=True)
class Verdict:
    """A claim judged on a data set (with others, for the rule smaller)."""

    kind: str
    dataset: str
    found: Found

    @property
    def text(self) -> str:
        return UNTESTED if self.found.holds is None else VERDICTS[self.kind][not self.found.holds]


@dataclass(frozen=True)
class Evidence:
    """All that claims are judged by; facts, results and tests by data set.

    ``correlations`` has the content of weight_tree.json by data set, classifier and policy.
    """

    facts: Mapping[str, Facts]
    results: Mapping[str, DatasetResults]
    paper: PaperNumbers
    tests: Mapping[str, Tests]
    robustness: Sequence[Robustness]
    correlations: Mapping[tuple[str, ...], Mapping]

    def judge(self, claim: Claim) -> list[Verdict]:
        return [
            Verdict(kind, group[0], self._found(claim, kind, group)) for kind, group in claim.groups([*self.results])
        ]

    def _found(self, claim: Claim, kind: str, group: tuple[str, ...]) -> Found:
        if absent := [dataset_title(name) for name in group if name not in self.results]:
            return Found(None, f"{' and '.join(absent)} {'are' if absent[1:] else 'is'} not in this study.", [])
        return JUDGES[claim.rule](Judged(claim, kind, group, self))


@dataclass(frozen=True)
class Judged:
    """A claim on a group of data sets, the first of which it is about."""

    claim: Claim
    kind: str
    group: tuple[str, ...]
    evidence: Evidence

    @property
    def dataset(self) -> str:
        return self.group[0]

    @property
    def measures(self) -> dict[str, str]:
        if self.claim.measures != NOT_IN_PAPER:
            return {name: TITLES[name] for name in self.claim.measures.split(",")}
        return TABLE_MEASURES[self.claim.table if self.claim.table in TABLE_MEASURES else self.results.table]

    @property
    def results(self) -> DatasetResults:
        return self.evidence.results[self.dataset]

    def method(self, row: str) -> Method | None:
        """The row of ours with this name, else the one that stands for this row of the paper; None if not run."""
        methods = self.results.methods
        named = [*(each for each in methods if each.name == row), *(each for each in methods if each.paper_row == row)]
        return named[0] if named and self.results.given(named[0], "accuracy") else None

    def pairs(self) -> list[tuple[str, str]]:
        """Rows of "A; B > C; D", each of the first with each of the others; * is any classifier that has both."""
        firsts, others = ([row.strip() for row in part.split(";")] for part in self.claim.rows.split(">"))
        plain = [each.name for each in self.results.methods if each.is_baseline and each.classifier == each.encoder]
        found = []
        for first, other in itertools.product(firsts, others):
            every = [(first.replace("*", name), other.replace("*", name)) for name in plain]
            found += [pair for pair in every if all(map(self.method, pair))] if "*" in first else [(first, other)]
        return found

    def printed(self, row: str) -> list[str | None]:
        """The paper's numbers; none beside a stand-in, which is other data."""
        table = self.claim.table if self.kind == OWN else NOT_IN_PAPER
        return [self.evidence.paper.text(table, row, self.dataset, metric) for metric in self.measures]

    def means(self, method: Method) -> list[float]:
        return [self.results.value(method, metric).mean for metric in self.measures]

    def gains(self, method: Method, other: Method) -> list[float]:
        return [round(a - b, 3) + 0.0 for a, b in zip(self.means(method), self.means(other), strict=True)]

    def printed_gains(self, first: str, row: str) -> str:
        both = [*zip(self.printed(first), self.printed(row), strict=True)]
        shown = " / ".join(f"{float(a) - float(b):+.3f}" if a and b else "–" for a, b in both)
        return shown if any(a and b for a, b in both) else ""

    def compared(self) -> Iterator[tuple[str, str, list[float], list[int | None], tuple[str, str, str]]]:
        """Every pair: its names, gains and tests (no gains if a row was not run), and its line."""
        tests = self.evidence.tests.get(self.dataset, {})
        for first, row in self.pairs():
            method, other, printed = self.method(first), self.method(row), self.printed_gains(first, row)
            if method is None or other is None:
                missing = row if method else first
                yield first, missing, [], [], (f"{method.name if method else first} − {row}", printed, "not run")
                continue
            gains = self.gains(method, other)
            signs = [tests.get((method.name, other.name, tested_as(metric))) for metric in self.measures]
            shown = [f"{gain:+.3f}{SIGNIFICANT if sign else ''}" for gain, sign in zip(gains, signs, strict=True)]
            yield method.name, other.name, gains, signs, (f"{method.name} − {other.name}", printed, " / ".join(shown))


def read_claims(path: str | Path) -> list[Claim]:
    """Read claims.tsv. Raises LabelPolicyError for an unknown rule or measure, or an id given twice."""
    claims: dict[str, Claim] = {}
    for line, fields in read_tsv(path, COLUMNS):
        claim = Claim(*fields)
        measures = [name for name in claim.measures.split(",") if name != NOT_IN_PAPER]
        for what, found, known in (("rule", [claim.rule], JUDGES), ("measure", measures, TITLES)):
            for name in [name for name in found if name not in known]:
                raise LabelPolicyError(
                    f"{path}, line {line}: unknown {what} {name!r}; expected one of {', '.join(known)}"
                )
        if claim.id in claims:
            raise LabelPolicyError(f"{path}, line {line}: the id {claim.id!r} is given a second time: keep one")
        claims[claim.id] = claim
    return list(claims.values())


def read_correlations(path: Path) -> tuple[tuple[str, ...], Mapping]:
    """A weight_tree.json in its folder figures/{dataset}/{classifier}/{policy}/, by these names."""
    content, where = read_json(path), path.parts[-4:-1]
    try:
        ends = content["over_seeds"]
        if (
            len(where) != 3
            or not isinstance(ends["rhos"], list)
            or any(not isinstance(ends[end], float | None) for end in ("rho", "low", "high"))
        ):
            raise TypeError(ends)
        return where, ends
    except (KeyError, TypeError):
        raise LabelPolicyError(
            f"{path}: no correlation of weight and depth with its interval; expected {{dataset}}/{{classifier}}/"
            "{policy}/weight_tree.json: run `labelpolicy figure weight-tree` again"
        ) from None


def _count(judged: Judged) -> Found:
    if judged.dataset not in judged.evidence.facts:
        return Found(None, "The prepared data was not given.", [])
    lines, table = [], judged.claim.table
    for wanted in map(str.strip, judged.claim.rows.split(",")):
        ((title, count),) = [(title, count) for metric, title, count in STATISTICS[table] if metric == wanted]
        printed = printed_count(judged.evidence.paper, table, judged.dataset, wanted)
        lines.append((title, printed, count(judged.evidence.facts[judged.dataset])))
    differing = [title for title, printed, ours in lines if printed != ours]
    if differing:
        return Found(False, f"Another number: {', '.join(differing).lower()}.", lines)
    return Found(True, "The same, to the digits printed.", lines)


def _near(judged: Judged) -> Found:
    row = judged.claim.rows
    method = judged.method(row)
    if method is None:
        return Found(None, f"{row} was not run.", [])
    found = list(zip(judged.measures.values(), judged.printed(row), judged.means(method), strict=True))
    lines = [(f"{method.name}: {title}", text or "", f"{mean:.3f}") for title, text, mean in found]
    far = [title for title, text, mean in found if text is None or abs(mean - float(text)) > NEAR]
    if far:
        return Found(False, f"More than {NEAR} away: {', '.join(far)}.", lines)
    return Found(True, f"Every measure within {NEAR}.", lines)


def _above(judged: Judged) -> Found:
    lines, failing, missing, untested = [], [], [], []
    for _, other, gains, signs, line in judged.compared():
        lines.append(line)
        if not gains:
            missing.append(other)
        elif min(gains) <= 0 or any(sign is not None and sign <= 0 for sign in signs):
            failing.append(other)
        elif None in signs:
            untested.append(other)
    every = "every measure" if len(judged.measures) > 1 else next(iter(judged.measures.values()))
    if failing:
        chance = " beyond chance" if judged.evidence.tests else ""
        return Found(False, f"Not above {_listed(failing)} in {every}{chance}.", lines)
    if missing or not lines:
        run = "Above all rows that were run; n" if len(lines) > len(missing) else "N"
        return Found(None, f"{run}ot run: {_listed(missing or [judged.claim.rows])}.", lines)
    chance = f" {NO_CHANCE} against {_listed(untested)}." if untested else ""
    return Found(True, f"Above in {every}.{chance}", lines)


def _level(judged: Judged) -> Found:
    found = [(first, signs, line) for first, _, gains, signs, line in judged.compared() if gains]
    lines, apart = [line for *_, line in found], [first for first, signs, _ in found if any(signs)]
    if not any(sign is not None for _, signs, _ in found for sign in signs):
        return Found(None, "No such row was run and tested.", lines)
    if apart:
        return Found(False, f"Different beyond chance: {_listed(apart)}.", lines)
    return Found(True, "No measure differs beyond chance.", lines)


def _smaller(judged: Judged) -> Found:
    first, row = (part.strip() for part in judged.claim.rows.split(">"))
    gains: dict[str, list[float]] = {}
    lines: list[tuple[str, str, str]] = []
    for name in judged.group:
        on = replace(judged, group=(name,))
        method, other = on.method(first), on.method(row)
        if method is None or other is None:
            return Found(None, f"{first} or {row} was not run on {dataset_title(name)}.", lines)
        gains[name] = on.gains(method, other)
        shown = " / ".join(f"{gain:+.3f}" for gain in gains[name])
        lines.append((f"{dataset_title(name)}: {first} − {row}", on.printed_gains(first, row), shown))
    least, *others = gains.items()
    larger = [name for name, other in others if any(a >= b for a, b in zip(least[1], other, strict=True))]
    if larger:
        return Found(False, f"Not smaller than on {_listed(map(dataset_title, larger))} in every measure.", lines)
    return Found(True, f"Smaller in every measure. {NO_CHANCE}.", lines)


def _steady(judged: Judged) -> Found:
    wanted, paper, table = [judged.dataset, *judged.claim.rows.split()], judged.evidence.paper, judged.claim.table
    runs = [run for run in judged.evidence.robustness if [run.dataset, run.classifier, run.policy] == wanted]
    if not runs:
        return Found(None, "No robustness run (snakemake robustness).", [])
    (dataset,) = paper.datasets(table)
    printed = {metric: paper.text(table, "stdev", dataset, metric) or "" for metric in judged.measures}
    limit = max(map(float, printed.values()))
    lines = [
        (f"St. dev. of {title}, seed {run.seed}", printed[metric], f"{run.values['stdev', metric]:.4f}")
        for run in runs
        for metric, title in judged.measures.items()
    ]
    wide = any(run.values["stdev", metric] > limit for run in runs for metric in judged.measures)
    found = "Not every" if wide else "Every"
    why = f"{found} standard deviation is at most {limit}, the largest that Table {table} prints."
    return Found(not wide, why, lines)


def _deeper(judged: Judged) -> Found:
    ends = judged.evidence.correlations.get((judged.dataset, *judged.claim.rows.split()))
    if ends is None or ends["rho"] is None:
        return Found(None, "No learned weights over a hierarchy (labelpolicy figure weight-tree).", [])
    interval = f"{ends['rho']:+.2f} [{ends['low']:+.2f}, {ends['high']:+.2f}]"
    found, seeds = "above" if ends["low"] > 0 else "not above", len(ends["rhos"])
    line = (
        f"Spearman's ρ of weight and depth, mean of {seeds} seeds" if seeds > 1 else "Spearman's ρ of weight and depth"
    )
    return Found(ends["low"] > 0, f"The interval is {found} 0.", [(line, "", interval)])


def _none(judged: Judged) -> Found:
    return Found(None, "No rule judges it.", [])


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


JUDGES = {
    "count": _count,
    "near": _near,
    "above": _above,
    "level": _level,
    "smaller": _smaller,
    "steady": _steady,
    "deeper": _deeper,
    "none": _none,
}

#: What the functions above do, in words.
RULES = (
    f"Evidence: on the paper's own data a claim is {REPRODUCED} or {NOT}. A stand-in is other data (re-splits of what "
    "is annotated by hand, a sample, another corpus of texts): there the same rule says whether the claim's substance "
    "holds, which reproduces and refutes nothing.",
    f"{UNTESTED}: the data set is not in the study, or a row or run that the claim needs is not there and the rest "
    "does not refute it already.",
    f"near: borne out if every measure of ours, the mean over seeds on the test split, is within {NEAR} of the "
    "printed one.",
    "above: borne out if ours exceeds every row compared with in every measure as shown, and, where the pair was "
    f"tested, beyond chance ({SIGNIFICANT}: docs/statistics.md). Whether the sizes agree is not judged. Numbers are "
    "differences, accuracy / macro-F1 / micro-F1 where the claim names no measure.",
    "level: borne out if no measure differs beyond chance, in either direction; it may still differ by less.",
    "smaller: borne out if the gain is, in every measure, smaller than on each of the other data sets.",
    "count: borne out if our count is the printed one, to the digits printed.",
    "steady: borne out if the standard deviation over random initial policies is, in every measure, at most the "
    "largest that the paper's table prints.",
    "deeper: borne out if the 95 % interval of Spearman's ρ of a label's weight with its depth is above 0: of the "
    "mean over seeds (Fisher's z, Student's t), or over labels where there is one seed.",
)
