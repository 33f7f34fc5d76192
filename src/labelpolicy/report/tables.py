"""The paper's Tables 4 and 5 with our numbers beside the printed ones, in LaTeX and in Markdown.

A table is first laid out as plain values (:func:`results_table`, :func:`statistics_table`), then set in either
notation. The LaTeX needs booktabs and nothing else: ``\\usepackage{booktabs}``, then ``\\input`` inside a table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from labelpolicy.errors import LabelPolicyError
from labelpolicy.methods import NOT_IN_PAPER, Method
from labelpolicy.report.facts import Facts
from labelpolicy.report.markup import latex, markdown, markdown_table
from labelpolicy.report.results import MEASURES, PaperNumbers, Results, blocks, classifier_title

#: Rows of the paper's Table 5 that labelpolicy cannot run yet: the only cells that may show a dash for ours.
NOT_IMPLEMENTED = ("Predictions-as-Features", "Subset Maximization")

#: What marks, in a row's name, the method with the reward exactly as printed.
AS_PRINTED = "(Eq. 6)"

#: Statistics of Table 4: the paper's row, its metric in paper.tsv, our count as text.
STATISTICS: tuple[tuple[str, str, Callable[[Facts], str]], ...] = (
    ("Labels", "labels", lambda facts: f"{facts.labels:,}"),
    ("Average labels per document", "labels_per_document", lambda facts: f"{facts.labels_per_document:.2f}"),
    ("Training documents", "train_documents", lambda facts: f"{facts.training:,}"),
    ("Test documents", "test_documents", lambda facts: f"{facts.documents['test']:,}"),
)


@dataclass(frozen=True)
class Ours:
    """One number of ours as shown."""

    mean: str
    deviation: str | None = None
    best: bool = False


@dataclass(frozen=True)
class Row:
    """One row: for every measure the paper's number (None: no such row there) and ours (None: not implemented)."""

    name: str
    group: str
    paper: tuple[str | None, ...]
    ours: tuple[Ours | None, ...]


@dataclass(frozen=True)
class ResultsTable:
    """Table 5 for one data set."""

    title: str
    blocks: list[tuple[str, list[Row]]]
    notes: list[str]


def results_table(facts: Facts, *, methods: Sequence[Method], results: Results, paper: PaperNumbers) -> ResultsTable:
    """Lay out Table 5 for one data set from the test metrics.

    Raises LabelPolicyError when a row of ``methods`` lacks a seed that another row has, lacks a result at all, or
    names a row that the paper's table does not have.
    """
    paper_rows = paper.rows("5", facts.name)
    _check_paper_rows(methods, paper)
    seeds = results.seeds(facts.name, methods)
    laid_out = []
    for classifier, members in blocks(methods).items():
        columns = [
            _column([results.value(facts.name, method, measure, split="test", seeds=seeds) for method in members])
            for measure in MEASURES
        ]
        rows = [
            Row(method.name, method.group, _printed(paper, method.paper_row, facts.name), tuple(ours))
            for method, ours in zip(members, zip(*columns, strict=True), strict=True)
        ]
        laid_out.append((classifier_title(classifier), rows))
    shown = {method.paper_row for method in methods}
    without_ours = [row for row in paper_rows if row not in shown]
    if without_ours:
        rows = [Row(row, "paper", _printed(paper, row, facts.name), (None,) * len(MEASURES)) for row in without_ours]
        laid_out.append(("In the paper, not run by us", rows))
    return ResultsTable(facts.title, laid_out, _notes(facts, methods, seeds, without_ours, bool(paper_rows)))


def _check_paper_rows(methods: Sequence[Method], paper: PaperNumbers) -> None:
    known = paper.rows("5")
    for method in methods:
        if method.paper_row not in (NOT_IN_PAPER, *known):
            raise LabelPolicyError(
                f"methods.tsv, row {method.name!r}: paper_row {method.paper_row!r} is not in Table 5 of {paper.path}; "
                f"expected {NOT_IN_PAPER} or one of {', '.join(known)}"
            )


def _printed(paper: PaperNumbers, row: str, dataset: str) -> tuple[str | None, ...]:
    return tuple(paper.text("5", row, dataset, measure) for measure in MEASURES)


def _column(values: list) -> list[Ours]:
    """One measure of one block as shown: every row that shows the block's largest mean is the best."""
    means = [f"{value.mean:.3f}" for value in values]
    largest = max(means)  # equal widths, so the order of the texts is that of the numbers
    return [
        Ours(mean, None if value.deviation is None else f"{value.deviation:.3f}", mean == largest)
        for mean, value in zip(means, values, strict=True)
    ]


def _notes(
    facts: Facts, methods: Sequence[Method], seeds: list[int], without_ours: list[str], in_paper: bool
) -> list[str]:
    listed = ", ".join(map(str, seeds))
    notes = [
        facts.split_sentence(),
        f"Ours: test split, one seed ({listed})."
        if len(seeds) == 1
        else f"Ours: test split, mean ± sample standard deviation over {len(seeds)} seeds ({listed}).",
        "Accuracy is strict: the whole label set must be right. Macro-F1 is the mean of the labels' F1 "
        "(label-averaged), not Ling and Weld's loose macro.",
        "Bold: the best of ours in its block and column as shown; nothing was chosen by test numbers.",
        "Paper: Table 5 as printed; empty where it has no such row."
        if in_paper
        else "The paper has no numbers for this data set.",
    ]
    if any(AS_PRINTED in method.name for method in methods):
        notes.append(
            f"Rows marked {AS_PRINTED} use the paper's reward as printed; the other Meta rows, beside which the "
            "paper's numbers stand, use the mended reward of docs/algorithm.md."
        )
    pending = [row for row in without_ours if row in NOT_IMPLEMENTED]
    unlisted = [row for row in without_ours if row not in NOT_IMPLEMENTED]
    if pending:
        notes.append(f"Missing: {' and '.join(pending)} {'are' if len(pending) > 1 else 'is'} not implemented yet.")
    if unlisted:
        notes.append(f"Missing: {', '.join(unlisted)}: no row in methods.tsv.")
    return notes


def results_latex(table: ResultsTable) -> str:
    """Table 5 in LaTeX: a tabular and its notes."""
    measures = list(MEASURES.values())
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
            cells = [cell for pair in zip(row.paper, row.ours, strict=True) for cell in _latex_pair(*pair)]
            lines.append(" & ".join([latex(row.name), *cells]) + r" \\")
    # With deviations the numbers need a smaller size to keep within an article's text width.
    deviations = any(ours and ours.deviation for _, rows in table.blocks for row in rows for ours in row.ours)
    size = r"\scriptsize\setlength{\tabcolsep}{2pt}" if deviations else r"\footnotesize\setlength{\tabcolsep}{4pt}"
    return _latex_tabular("@{}l" + "rl" * len(measures) + "@{}", lines, table.notes, size)


def _latex_pair(paper: str | None, ours: Ours | None) -> tuple[str, str]:
    if ours is None:
        shown = "--"
    else:
        shown = rf"\textbf{{{ours.mean}}}" if ours.best else ours.mean
        shown += rf"\,{{\tiny$\pm${ours.deviation.removeprefix('0')}}}" if ours.deviation else ""
    return paper or "", shown


def _latex_tabular(columns: str, lines: list[str], notes: list[str], size: str = r"\footnotesize") -> str:
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
    """Table 5 in Markdown: the table and its notes."""
    header = [table.title]
    for measure in MEASURES.values():
        header += [f"{measure}: paper", "ours"]
    rows = []
    for title, members in table.blocks:
        rows.append([f"**{markdown(title)}**"] + [""] * (len(header) - 1))
        for row in members:
            cells = [cell for pair in zip(row.paper, row.ours, strict=True) for cell in _markdown_pair(*pair)]
            rows.append([markdown(row.name), *cells])
    return markdown_table(header, rows) + "\n" + "".join(f"- {markdown(note)}\n" for note in table.notes)


def _markdown_pair(paper: str | None, ours: Ours | None) -> tuple[str, str]:
    if ours is None:
        return paper or "", "–"
    shown = ours.mean + (f" ± {ours.deviation}" if ours.deviation else "")
    return paper or "", f"**{shown}**" if ours.best else shown


@dataclass(frozen=True)
class StatisticsTable:
    """Table 4: by data set, the paper's count (None: not in the paper) and ours."""

    titles: list[str]
    rows: list[tuple[str, list[tuple[str | None, str]]]]
    notes: list[str]


def statistics_table(datasets: Sequence[Facts], paper: PaperNumbers) -> StatisticsTable:
    """Lay out Table 4 (Table 1 for the entity typing data sets) for these data sets."""
    rows = [
        (name, [(_printed_count(paper, facts.name, metric), count(facts)) for facts in datasets])
        for name, metric, count in STATISTICS
    ]
    notes = [
        f"{facts.title}: {facts.documents['valid']:,} of our {facts.training:,} training documents are held out for "
        "validation."
        for facts in datasets
    ]
    notes.append(
        "Ours are counted in the prepared data; labels per document is the mean over all splits. Paper: as printed."
    )
    return StatisticsTable([facts.title for facts in datasets], rows, notes)


def _printed_count(paper: PaperNumbers, dataset: str, metric: str) -> str | None:
    """A count of Table 4 or 1 as the paper prints it, commas and all."""
    for table in ("4", "1"):
        for row in paper.rows(table, dataset):
            text = paper.text(table, row, dataset, metric)
            if text is not None:
                return text if "." in text else f"{int(text):,}"
    return None


def statistics_latex(table: StatisticsTable) -> str:
    """Table 4 in LaTeX: a tabular and its notes."""
    lines = [
        " & " + " & ".join(rf"\multicolumn{{2}}{{c}}{{{latex(title)}}}" for title in table.titles) + r" \\",
        " ".join(rf"\cmidrule(lr){{{2 + 2 * column}-{3 + 2 * column}}}" for column in range(len(table.titles))),
        " & paper & ours" * len(table.titles) + r" \\",
        r"\midrule",
    ]
    for name, pairs in table.rows:
        lines.append(" & ".join([latex(name), *(cell or "" for pair in pairs for cell in pair)]) + r" \\")
    return _latex_tabular("@{}l" + "rr" * len(table.titles) + "@{}", lines, table.notes)


def statistics_markdown(table: StatisticsTable) -> str:
    """Table 4 in Markdown: the table and its notes."""
    header = ["", *(text for title in table.titles for text in (f"{markdown(title)}: paper", "ours"))]
    rows = [[name, *(cell or "" for pair in pairs for cell in pair)] for name, pairs in table.rows]
    return markdown_table(header, rows) + "\n" + "".join(f"- {markdown(note)}\n" for note in table.notes)
