"""The paper's six tables with our numbers beside the printed ones, in LaTeX and in Markdown.

Tables 1 and 4 are statistics of data sets, 2 and 5 results, 3 and 6 robustness. A table is first laid out as plain
values (:func:`statistics_table`, :func:`results_table`, :func:`robustness_table`), then set in either notation. The
LaTeX needs booktabs and nothing else: ``\\usepackage{booktabs}``, then ``\\input``; inside a float, except Table 5,
which is longer than a page where several data sets are stacked.

A data set of the paper that is not in the study has a dash with a footnote for ours, never a number.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labelpolicy.cell import Thresholds
from labelpolicy.data.registry import task
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_parquet
from labelpolicy.methods import NOT_IN_PAPER, Method
from labelpolicy.report.facts import Facts
from labelpolicy.report.markup import latex, markdown, markdown_table
from labelpolicy.report.results import (
    MEASURES,
    TABLE_MEASURES,
    PaperNumbers,
    Results,
    Value,
    blocks,
    classifier_title,
    dataset_title,
)

#: What marks, in a row's name, the method with the reward exactly as printed.
AS_PRINTED = "(Eq. 6)"

#: Ours, where the paper has numbers for a data set that is not in the study.
ABSENT = "–ᵃ"

#: Marks a row of ours that beats its classifier's baseline beyond chance.
SIGNIFICANT = "†"

#: A table of more rows is set smaller, to keep within a page.
MOST_ROWS = 45

#: The tables of each task: statistics, results, robustness.
TYPING, TOPICS = ("1", "2", "3"), ("4", "5", "6")

#: Statistics of Tables 1 and 4: our name, the metric in paper.tsv, our count as text.
Statistic = tuple[str, str, Callable[[Facts], str]]


def _sizes(units: str) -> tuple[Statistic, ...]:
    return (
        (f"Training {units}", "train_documents", lambda facts: f"{facts.training:,}"),
        (f"Test {units}", "test_documents", lambda facts: f"{facts.documents['test']:,}"),
    )


STATISTICS: dict[str, tuple[Statistic, ...]] = {
    "1": (
        ("Labels", "labels", lambda facts: f"{facts.labels:,}"),
        ("Depth of the hierarchy", "depth", lambda facts: f"{facts.depth}"),
        *_sizes("mentions"),
    ),
    "4": (
        ("Labels", "labels", lambda facts: f"{facts.labels:,}"),
        ("Average labels per document", "labels_per_document", lambda facts: f"{facts.labels_per_document:.2f}"),
        *_sizes("documents"),
    ),
}

#: Statistics of Tables 3 and 6, with their titles.
SPREAD = {"best": "Best", "worst": "Worst", "average": "Average", "stdev": "St. dev."}


def of_table(table: str, names: Sequence[str], paper: PaperNumbers) -> tuple[list[str], list[str]]:
    """Data sets that ``table`` shows: those of ``names``, the study's, and those of the paper that are not among them.

    Entity typing data sets belong to Tables 1-3; every other data set, one's own too, to Tables 4-6.
    """
    ours = [name for name in names if (task(name) == "typing") == (table in TYPING)]
    return ours, [name for name in paper.datasets(table) if name not in ours]


def absent_note(names: Sequence[str]) -> str:
    """The footnote behind ABSENT."""
    listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    return f"ᵃ {listed}: not in this study (grid.datasets in params.yaml), so there is no number of ours."


@dataclass(frozen=True)
class Ours:
    """One number of ours as shown: mean and deviation over seeds, standard error over groups of test documents."""

    mean: str
    deviation: str | None = None
    error: str | None = None
    best: bool = False
    significant: bool = False


@dataclass(frozen=True)
class Row:
    """One row: for every measure the paper's number (None: no such row there) and ours (None: not run by us)."""

    name: str
    group: str
    paper: tuple[str | None, ...]
    ours: tuple[Ours | None, ...]


@dataclass(frozen=True)
class ResultsTable:
    """Table 2 or 5 for one data set; ``dash`` stands where there is none of ours."""

    title: str
    blocks: list[tuple[str, list[Row]]]
    notes: list[str]
    measures: Mapping[str, str] = field(default_factory=lambda: MEASURES)
    dash: str = "–"


def results_table(
    facts: Facts,
    *,
    methods: Sequence[Method],
    results: Results,
    paper: PaperNumbers,
    table: str = "5",
    marks: Collection[tuple[str, str]] | None = None,
) -> ResultsTable:
    """Lay out Table 2 or 5 for one data set from the test metrics.

    ``marks`` holds (row name, measure) of our numbers that beat the baseline beyond chance; None: not tested.

    Raises LabelPolicyError when a row of ``methods`` lacks a seed that another row has, lacks a result at all, or
    names a row that the paper's tables do not have.
    """
    measures = TABLE_MEASURES[table]
    paper_rows = paper.rows(table, facts.name)
    _check_paper_rows(methods, paper)
    seeds = results.seeds(facts.name, methods)
    laid_out = []
    for classifier, members in blocks(methods).items():
        columns = [
            column(
                [results.value(facts.name, method, measure, split="test", seeds=seeds) for method in members],
                [
                    results.given(facts.name, method, f"{measure}_standard_error", split="test", seeds=seeds)
                    for method in members
                ],
                [(method.name, measure) in (marks or ()) for method in members],
            )
            for measure in measures
        ]
        rows = [
            Row(method.name, method.group, _printed(paper, table, method.paper_row, facts.name), tuple(ours))
            for method, ours in zip(members, zip(*columns, strict=True), strict=True)
        ]
        laid_out.append((classifier_title(classifier), rows))
    shown = {method.paper_row for method in methods}
    without_ours = [row for row in paper_rows if row not in shown]
    if without_ours:
        laid_out.append(("In the paper, not run by us", _paper_only(paper, table, without_ours, facts.name)))
    notes = _notes(facts, methods, seeds, without_ours, table, bool(paper_rows))
    if any(row.ours[0] and row.ours[0].error for _, rows in laid_out for row in rows):
        notes.append(
            "In parentheses: standard error over the texts that the test mentions are from (jackknife), mean over "
            "seeds."
        )
    if marks is not None:
        notes.append(
            f"{SIGNIFICANT} better than the same classifier's row with uniform weights and a threshold of 0.5, "
            "beyond chance (results/significance.csv; only rows with a learned policy were tested)."
        )
    return ResultsTable(facts.title, laid_out, notes, measures)


def absent_table(dataset: str, *, paper: PaperNumbers, table: str) -> ResultsTable:
    """Table 2 or 5 for a data set of the paper that is not in the study: its printed rows, and dashes."""
    rows = _paper_only(paper, table, paper.rows(table, dataset), dataset)
    title = dataset_title(dataset)
    return ResultsTable(
        title, [("In the paper, not run by us", rows)], [absent_note([title])], TABLE_MEASURES[table], ABSENT
    )


def _paper_only(paper: PaperNumbers, table: str, rows: Sequence[str], dataset: str) -> list[Row]:
    nothing = (None,) * len(TABLE_MEASURES[table])
    return [Row(row, "paper", _printed(paper, table, row, dataset), nothing) for row in rows]


def _check_paper_rows(methods: Sequence[Method], paper: PaperNumbers) -> None:
    known = [*paper.rows("5"), *paper.rows("2")]
    for method in methods:
        if method.paper_row not in (NOT_IN_PAPER, *known):
            raise LabelPolicyError(
                f"methods.tsv, row {method.name!r}: paper_row {method.paper_row!r} is not in Tables 2 and 5 of "
                f"{paper.path}; expected {NOT_IN_PAPER} or one of {', '.join(known)}"
            )


def _printed(paper: PaperNumbers, table: str, row: str, dataset: str) -> tuple[str | None, ...]:
    return tuple(paper.text(table, row, dataset, measure) for measure in TABLE_MEASURES[table])


def column(values: Sequence[Value], errors: Sequence[Value | None], significant: Sequence[bool]) -> list[Ours]:
    """One measure of one block as shown: every row that shows the block's largest mean is the best."""
    means = [f"{value.mean:.3f}" for value in values]
    largest = max(means)  # equal widths, so the order of the texts is that of the numbers
    return [
        Ours(
            mean,
            None if value.deviation is None else f"{value.deviation:.3f}",
            None if error is None else f"{error.mean:.3f}",
            mean == largest,
            mark,
        )
        for mean, value, error, mark in zip(means, values, errors, significant, strict=True)
    ]


def _notes(
    facts: Facts, methods: Sequence[Method], seeds: list[int], without_ours: list[str], table: str, printed: bool
) -> list[str]:
    """``printed``: the paper's table has this data set."""
    listed = ", ".join(map(str, seeds))
    notes = [
        facts.split_sentence(),
        f"Ours: test split, one seed ({listed})."
        if len(seeds) == 1
        else f"Ours: test split, mean ± sample standard deviation over {len(seeds)} seeds ({listed}).",
        "Accuracy is strict: the whole label set must be right. "
        + (
            "Loose macro and micro after Ling and Weld (2012)."
            if table == "2"
            else "Macro-F1 is the mean of the labels' F1 (label-averaged), not Ling and Weld's loose macro."
        ),
        "Bold: the best of ours in its block and column as shown; nothing was chosen by test numbers.",
        f"Paper: Table {table} as printed; empty where it has no such row."
        if printed
        else "The paper has no numbers for this data set.",
    ]
    if any(AS_PRINTED in method.name for method in methods):
        notes.append(
            f"Rows marked {AS_PRINTED} use the paper's reward as printed; the other Meta rows, beside which the "
            "paper's numbers stand, use the mended reward of docs/algorithm.md."
        )
    if any(Thresholds.parse(method.thresholds)[1:] != (False, False) for method in methods):
        notes.append(
            "One: a document for which no label passes gets its best one. OOF: thresholds are fitted on out-of-fold "
            "scores, and the classifier trained on training and validation documents (docs/algorithm.md)."
        )
    if without_ours:
        notes.append(f"Missing: {', '.join(without_ours)}: no row in methods.tsv.")
    return notes


def results_latex(table: ResultsTable) -> str:
    """Table 2 or 5 in LaTeX: a tabular and its notes."""
    measures = list(table.measures.values())
    width = 1 + 2 * len(measures)
    spans = [(2 + 2 * column, 3 + 2 * column) for column in range(len(measures))]
    lines = [
        " & " + " & ".join(rf"\multicolumn{{2}}{{c}}{{{latex(measure)}}}" for measure in measures) + r" \\",
        " ".join(rf"\cmidrule(lr){{{first}-{last}}}" for first, last in spans),
        latex(table.title) + " & paper & ours" * len(measures) + r" \\",
    ]
    for title, rows in table.blocks:
        lines += [r"\midrule", rf"\multicolumn{{{width}}}{{@{{}}l@{{}}}}{{\itshape {latex(title)}}} \\"]
        for row, above in zip(rows, [None, *rows[:-1]], strict=True):
            if above is None or above.group != row.group:
                lines.append(r"\addlinespace[2pt]")
            cells = [
                cell
                for paper, ours in zip(row.paper, row.ours, strict=True)
                for cell in (paper or "", latex_number(ours, table.dash))
            ]
            lines.append(" & ".join([latex(row.name), *cells]) + r" \\")
    # With deviations, or many rows, a smaller size is needed to keep within an article's page.
    deviations = any(
        ours and (ours.deviation or ours.error) for _, rows in table.blocks for row in rows for ours in row.ours
    )
    size = r"\scriptsize\setlength{\tabcolsep}{1.5pt}" if deviations else r"\footnotesize\setlength{\tabcolsep}{4pt}"
    if sum(len(rows) for _, rows in table.blocks) > MOST_ROWS:
        size = r"\tiny\setlength{\tabcolsep}{1.5pt}" if deviations else r"\scriptsize\setlength{\tabcolsep}{4pt}"
    return latex_tabular("@{}l" + "rl" * len(measures) + "@{}", lines, table.notes, size)


def latex_number(ours: Ours | None, dash: str = "–") -> str:
    if ours is None:
        return latex(dash)
    shown = rf"\textbf{{{ours.mean}}}" if ours.best else ours.mean
    shown += latex(SIGNIFICANT) if ours.significant else ""
    shown += rf"\,{{\tiny$\pm${ours.deviation.removeprefix('0')}}}" if ours.deviation else ""
    shown += rf"\,{{\tiny({ours.error.removeprefix('0')})}}" if ours.error else ""
    return shown


def latex_tabular(columns: str, lines: list[str], notes: list[str], size: str = r"\footnotesize") -> str:
    return "\n".join(
        [
            "% Written by labelpolicy; a change here is lost. Needs \\usepackage{booktabs}.",
            rf"\begingroup{size}%",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}\par\medskip",
            r"\begin{minipage}{\linewidth}\scriptsize\raggedright",
            *map(latex, notes),
            r"\end{minipage}\par",
            r"\endgroup",
            "",
        ]
    )


def results_markdown(table: ResultsTable) -> str:
    """Table 2 or 5 in Markdown: the table and its notes."""
    header = [table.title]
    for measure in table.measures.values():
        header += [f"{measure}: paper", "ours"]
    rows = []
    for title, members in table.blocks:
        rows.append([f"**{markdown(title)}**"] + [""] * (len(header) - 1))
        for row in members:
            cells = [
                cell
                for paper, ours in zip(row.paper, row.ours, strict=True)
                for cell in (paper or "", markdown_number(ours, table.dash))
            ]
            rows.append([markdown(row.name), *cells])
    return markdown_table(header, rows) + "\n" + "".join(f"- {markdown(note)}\n" for note in table.notes)


def markdown_number(ours: Ours | None, dash: str = "–") -> str:
    if ours is None:
        return dash
    shown = ours.mean + (SIGNIFICANT if ours.significant else "") + (f" ± {ours.deviation}" if ours.deviation else "")
    shown += f" ({ours.error})" if ours.error else ""
    return f"**{shown}**" if ours.best else shown


@dataclass(frozen=True)
class StatisticsTable:
    """Table 1 or 4: by data set, the paper's count (None: not in the paper) and ours."""

    titles: list[str]
    rows: list[tuple[str, list[tuple[str | None, str]]]]
    notes: list[str]


def statistics_table(
    datasets: Sequence[Facts], paper: PaperNumbers, table: str = "4", absent: Sequence[str] = ()
) -> StatisticsTable:
    """Lay out Table 1 or 4 for these data sets, and those of the paper that are ``absent`` from the study."""
    rows = [
        (
            name,
            [(_printed_count(paper, table, facts.name, metric), count(facts)) for facts in datasets]
            + [(_printed_count(paper, table, dataset, metric), ABSENT) for dataset in absent],
        )
        for name, metric, count in STATISTICS[table]
    ]
    notes = [
        f"{facts.title}: {facts.documents['valid']:,} of our {facts.training:,} training {facts.units} are held out "
        "for validation."
        for facts in datasets
    ]
    counted = "Ours are counted in the prepared data; labels per document is the mean over all splits. "
    notes.append((counted if datasets else "") + "Paper: as printed.")
    missing = [dataset_title(name) for name in absent]
    notes += [absent_note(missing)] if missing else []
    return StatisticsTable([*(facts.title for facts in datasets), *missing], rows, notes)


def _printed_count(paper: PaperNumbers, table: str, dataset: str, metric: str) -> str | None:
    """A count as the paper prints it, commas and all."""
    for row in paper.rows(table, dataset):
        text = paper.text(table, row, dataset, metric)
        if text is not None:
            return text if "." in text else f"{int(text):,}"
    return None


def statistics_latex(table: StatisticsTable) -> str:
    """Table 1 or 4 in LaTeX: a tabular and its notes."""
    lines = [
        " & " + " & ".join(rf"\multicolumn{{2}}{{c}}{{{latex(title)}}}" for title in table.titles) + r" \\",
        " ".join(rf"\cmidrule(lr){{{2 + 2 * column}-{3 + 2 * column}}}" for column in range(len(table.titles))),
        " & paper & ours" * len(table.titles) + r" \\",
        r"\midrule",
    ]
    for name, pairs in table.rows:
        lines.append(" & ".join([latex(name), *(latex(cell or "") for pair in pairs for cell in pair)]) + r" \\")
    return latex_tabular("@{}l" + "rr" * len(table.titles) + "@{}", lines, table.notes)


def statistics_markdown(table: StatisticsTable) -> str:
    """Table 1 or 4 in Markdown: the table and its notes."""
    header = ["", *(text for title in table.titles for text in (f"{markdown(title)}: paper", "ours"))]
    rows = [[name, *(cell or "" for pair in pairs for cell in pair)] for name, pairs in table.rows]
    return markdown_table(header, rows) + "\n" + "".join(f"- {markdown(note)}\n" for note in table.notes)


@dataclass(frozen=True)
class Robustness:
    """Test-time episodes of one meta-learner from random w_0 and p_0: statistics of the runs by (statistic, metric)."""

    dataset: str
    classifier: str
    policy: str
    seed: int
    values: Mapping[tuple[str, str], float]

    @property
    def title(self) -> str:
        return f"{dataset_title(self.dataset)}, {classifier_title(self.classifier).split(':')[0]}"


def read_robustness(path: str | Path) -> Robustness:
    """Read a file of `labelpolicy robustness`.

    Raises LabelPolicyError for more than one sweep in it, or a measure without its statistics.
    """
    names = ["dataset", "classifier", "policy", "seed"]
    rows = read_parquet(path, [*names, "statistic", "metric", "value"]).to_pylist()
    sweeps = {tuple(row[name] for name in names) for row in rows}
    if len(sweeps) != 1:
        raise LabelPolicyError(f"{path}: {len(sweeps)} sweeps, expected one: run `labelpolicy robustness` again")
    values = {(row["statistic"], row["metric"]): row["value"] for row in rows if row["statistic"] in SPREAD}
    for metric in dict.fromkeys([*MEASURES, *TABLE_MEASURES["3"]]):
        for statistic in SPREAD:
            if not isinstance(values.get((statistic, metric)), float):
                raise LabelPolicyError(f"{path}: no {statistic} of {metric}: run `labelpolicy robustness` again")
    return Robustness(*sweeps.pop(), values)


@dataclass(frozen=True)
class RobustnessTable:
    """Table 3 or 6: blocks of (whose, rows of measure -> cells), the paper's block first."""

    blocks: list[tuple[str, list[tuple[str, list[str]]]]]
    notes: list[str]


def robustness_table(runs: Sequence[Robustness], paper: PaperNumbers, table: str) -> RobustnessTable:
    """Lay out Table 3 or 6: the paper's numbers, ours on the same data set, and ours on the data sets we have.

    The paper's data set may not be in the study; our numbers are on another one then, and stand under its name.
    """
    measures = TABLE_MEASURES[table]
    (dataset,) = paper.datasets(table)
    printed = [
        (title, [paper.text(table, statistic, dataset, metric) or "" for statistic in SPREAD])
        for metric, title in measures.items()
    ]
    blocks = [(f"{dataset_title(dataset)}, the paper", printed)]
    notes = [f"Paper: Table {table} as printed."]
    if dataset not in {run.dataset for run in runs}:
        dashes = [(title, [ABSENT] * len(SPREAD)) for title in measures.values()]
        blocks.append((f"{dataset_title(dataset)}, ours", dashes))
        notes.append(
            f"ᵃ No run of ours on {dataset_title(dataset)}: not in this study, or `snakemake robustness` was not run."
        )
    for run in sorted(
        runs, key=lambda run: (run.dataset != dataset, run.dataset, run.classifier, run.policy, run.seed)
    ):
        rows = [
            (title, [f"{run.values[statistic, metric]:.{4 if statistic == 'stdev' else 3}f}" for statistic in SPREAD])
            for metric, title in measures.items()
        ]
        blocks.append((f"{run.title}, ours: policy {run.policy}, seed {run.seed}", rows))
    if runs:
        notes.append(
            "Ours: test split; the learned meta-learner's test-time episode from random initial policies, a classifier "
            "trained with each outcome."
        )
    other = list(dict.fromkeys(dataset_title(run.dataset) for run in runs if run.dataset != dataset))
    if other:
        notes.append(
            f"Rows on {', '.join(other)} are another data set than the paper's and not to be compared with it."
        )
    return RobustnessTable(blocks, notes)


def robustness_latex(table: RobustnessTable) -> str:
    """Table 3 or 6 in LaTeX: a tabular and its notes."""
    lines = [" & ".join(["Measure", *SPREAD.values()]) + r" \\"]
    for title, rows in table.blocks:
        lines += [r"\midrule", rf"\multicolumn{{{1 + len(SPREAD)}}}{{@{{}}l@{{}}}}{{\itshape {latex(title)}}} \\"]
        lines += [" & ".join([latex(name), *map(latex, cells)]) + r" \\" for name, cells in rows]
    return latex_tabular("@{}l" + "r" * len(SPREAD) + "@{}", lines, table.notes)


def robustness_markdown(table: RobustnessTable) -> str:
    """Table 3 or 6 in Markdown: the table and its notes."""
    rows = []
    for title, members in table.blocks:
        rows.append([f"**{markdown(title)}**"] + [""] * len(SPREAD))
        rows += [[name, *cells] for name, cells in members]
    head = markdown_table(["Measure", *SPREAD.values()], rows)
    return head + "\n" + "".join(f"- {markdown(note)}\n" for note in table.notes)
