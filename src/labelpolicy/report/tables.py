"""The paper's six tables: its numbers beside ours. 1 and 4 count the data sets, 2 and 5 have the measures of every row
on the test split, 3 and 6 the spread over random initial policies.

A data set of the paper that is not in the study has dashes with a footnote for ours, never a number.
"""

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labelpolicy.cell import Thresholds
from labelpolicy.classifiers.tuning import notes_of
from labelpolicy.data.registry import title as dataset_title
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_table
from labelpolicy.methods import NOT_IN_PAPER
from labelpolicy.report.facts import Facts
from labelpolicy.report.markup import SIGNIFICANT, Number, Row, Table
from labelpolicy.report.results import (
    ABSENT,
    OVER_DOCUMENTS,
    TABLE_MEASURES,
    TITLES,
    DatasetResults,
    PaperNumbers,
    Value,
    absent_note,
    classifier_title,
)

#: Of each table of counts: the metric in paper.tsv, its title, our count as text.
STATISTICS: dict[str, list[tuple[str, str, Callable[[Facts], str]]]] = {
    number: [
        ("labels", "Labels", lambda facts: f"{facts.labels:,}"),
        second,
        ("train_documents", f"Training {units}", lambda facts: f"{facts.training:,}"),
        ("test_documents", f"Test {units}", lambda facts: f"{facts.documents['test']:,}"),
    ]
    for number, units, second in (
        ("1", "mentions", ("depth", "Depth of the hierarchy", lambda facts: f"{facts.depth}")),
        (
            "4",
            "documents",
            ("labels_per_document", "Average labels per document", lambda facts: f"{facts.labels_per_document:.2f}"),
        ),
    )
}


def statistics_table(datasets: Sequence[Facts], paper: PaperNumbers, table: str, absent: Sequence[str]) -> Table:
    """Lay out Table 1 or 4 for these data sets, and those of the paper that are ``absent`` from the study."""
    missing = [dataset_title(name) for name in absent]
    rows = []
    for metric, title, count in STATISTICS[table]:
        ours = {facts.name: count(facts) for facts in datasets} | dict.fromkeys(absent, ABSENT)
        pairs = [(printed_count(paper, table, name, metric), number) for name, number in ours.items()]
        rows.append(Row(title, [cell for pair in pairs for cell in pair]))
    notes = [
        f"{facts.title}: {facts.documents['valid']:,} of our {facts.training:,} training {facts.units} are held out "
        "for validation."
        for facts in datasets
    ]
    counted = "Ours are counted in the prepared data; labels per document is the mean over all splits. "
    notes.append((counted if datasets else "") + "Paper: as printed.")
    notes += [absent_note(missing)] if missing else []
    columns = [(title, ("paper", "ours")) for title in [*(facts.title for facts in datasets), *missing]]
    return Table("", columns, [("", rows)], notes, "rr" * len(columns))


def printed_count(paper: PaperNumbers, table: str, dataset: str, metric: str) -> str:
    """A count as the paper prints it, commas and all; empty where it has none."""
    found = (paper.text(table, row, dataset, metric) for row in paper.rows(table, dataset))
    text = next(filter(None, found), "")
    return f"{int(text):,}" if text.isdecimal() else text


#: What marks, in a row's name, the method with the reward exactly as printed.
AS_PRINTED = "(Eq. 6)"

NO_NUMBER = "–"
NOT_RUN = "In the paper, not run by us"

#: A table of more rows is set smaller and closer, one of many more smaller still, to keep within a page.
MOST_ROWS, VERY_MANY = 45, 65


def results_table(
    facts: Facts,
    results: DatasetResults,
    paper: PaperNumbers,
    marks: Collection[tuple[str, str]] | None = None,
    tuned: Iterable[Path] = (),
) -> Table:
    """Lay out Table 2 or 5, whichever the data set belongs to, from the test metrics.

    ``marks`` holds (row name, measure) of our numbers that beat the baseline beyond chance; None: not tested. ``tuned``
    are files of chosen parameters, for the notes.
    Raises LabelPolicyError for a row without a result, or a seed that another row has, or with an unknown paper_row.
    """
    known = [*paper.rows("5"), *paper.rows("2")]
    for method in results.methods:
        if method.paper_row not in (NOT_IN_PAPER, *known):
            raise LabelPolicyError(
                f"methods.tsv, row {method.name!r}: paper_row {method.paper_row!r} is not in Tables 2 and 5 of "
                f"{paper.path}; expected {NOT_IN_PAPER} or one of {', '.join(known)}"
            )
    table, laid_out, has_errors = results.table, [], False
    # Beside a deviation over seeds, the error over documents stands only where these come in groups.
    given = results.given if table == "2" or len(results.seeds) == 1 else lambda *_: None
    for classifier, members in results.blocks().items():
        columns = []
        for measure in TABLE_MEASURES[table]:
            values = [results.value(method, measure) for method in members]
            errors = [given(method, f"{measure}_standard_error") for method in members]
            columns.append(column(values, errors, [(method.name, measure) in (marks or ()) for method in members]))
            has_errors |= any(errors)
        rows = [
            Row(method.name, _beside(paper, table, facts.name, method.paper_row, ours), method.group)
            for method, ours in zip(members, zip(*columns, strict=True), strict=True)
        ]
        laid_out.append((classifier_title(classifier), rows))
    ours_of = {method.paper_row for method in results.methods}
    missing = [row for row in paper.rows(table, facts.name) if row not in ours_of]
    laid_out += _not_run(paper, table, facts.name, missing, NO_NUMBER)
    notes = [*_notes(facts, results, bool(paper.rows(table, facts.name)))]
    if missing:
        notes.append(f"Missing: {', '.join(missing)}: no row in methods.tsv.")
    if has_errors:
        notes.append(f"In parentheses: standard error {OVER_DOCUMENTS}, mean over seeds.")
    if marks is not None:
        notes.append(
            f"{SIGNIFICANT} better than the same classifier's row with uniform weights and a threshold of 0.5, "
            "beyond chance (results/significance.csv; only rows with a learned policy were tested)."
        )
    notes += notes_of(tuned, facts.name)
    return _table(facts.title, table, laid_out, notes, has_errors or len(results.seeds) > 1)


def absent_table(dataset: str, *, paper: PaperNumbers, table: str) -> Table:
    """Table 2 or 5 for a data set of the paper that is not in the study: its printed rows, and dashes."""
    title = dataset_title(dataset)
    rows = _not_run(paper, table, dataset, paper.rows(table, dataset), ABSENT)
    return _table(title, table, rows, [absent_note([title])], False)


def _table(
    title: str, table: str, laid_out: Sequence[tuple[str, Sequence[Row]]], notes: Sequence[str], deviations: bool
) -> Table:
    # With deviations, or many rows, a smaller size is needed to keep within an article's page.
    rows = sum(len(rows) for _, rows in laid_out)
    many, very = rows > MOST_ROWS, rows > VERY_MANY
    size = (r"\footnotesize", r"\scriptsize", r"\tiny")[min(deviations + many + very, 2)]
    size += rf"\setlength{{\tabcolsep}}{{{1.5 if deviations else 4}pt}}" + r"\renewcommand{\arraystretch}{0.9}" * many
    columns = [(measure, ("paper", "ours")) for measure in TABLE_MEASURES[table].values()]
    return Table(title, columns, laid_out, notes, "rl" * len(columns), size)


def _beside(
    paper: PaperNumbers, table: str, dataset: str, paper_row: str, ours: Sequence[str | Number]
) -> list[str | Number]:
    """Each number of the paper's row, with ours beside it."""
    measures = zip(TABLE_MEASURES[table], ours, strict=True)
    pairs = [(paper.text(table, paper_row, dataset, measure) or "", number) for measure, number in measures]
    return [cell for pair in pairs for cell in pair]


def _not_run(
    paper: PaperNumbers, table: str, dataset: str, rows: Sequence[str], dash: str
) -> list[tuple[str, list[Row]]]:
    """The block of the paper's rows that we have no number for, if there are some."""
    dashes = [dash] * len(TABLE_MEASURES[table])
    shown = [Row(row, _beside(paper, table, dataset, row, dashes), "paper") for row in rows]
    return [(NOT_RUN, shown)] if shown else []


def column(
    values: Sequence[Value], errors: Sequence[Value | None] | None = None, significant: Sequence[bool] | None = None
) -> list[Number]:
    """One measure of one block as shown: every row that shows the block's largest mean is the best."""
    means = [f"{value.mean:.3f}" for value in values]
    deviations = [None if value.deviation is None else f"{value.deviation:.3f}" for value in values]
    texts = [None if error is None else f"{error.mean:.3f}" for error in errors or [None] * len(values)]
    best = [mean == max(means) for mean in means]  # equal widths, so the order of the texts is that of the numbers
    return [*map(Number, means, deviations, texts, best, significant or [False] * len(values))]


def _notes(facts: Facts, results: DatasetResults, printed: bool) -> Iterator[str]:
    """What holds for the whole table; ``printed``: the paper's table has this data set."""
    seeds = results.seeds
    yield facts.split_sentence()
    over = "one seed" if len(seeds) == 1 else f"mean ± sample standard deviation over {len(seeds)} seeds"
    yield f"Ours: test split, {over} ({', '.join(map(str, seeds))})."
    yield "Accuracy is strict: the whole label set must be right. " + (
        "Loose macro and micro after Ling and Weld (2012)."
        if results.table == "2"
        else "Macro-F1 is the mean of the labels' F1 (label-averaged), not Ling and Weld's loose macro."
    )
    yield "Bold: the best of ours in its block and column as shown; nothing was chosen by test numbers."
    as_printed = f"Paper: Table {results.table} as printed; empty where it has no such row."
    yield as_printed if printed else "The paper has no numbers for this data set."
    if any(AS_PRINTED in method.name for method in results.methods):
        yield (
            f"Rows marked {AS_PRINTED} use the paper's reward as printed; the other Meta rows, beside which the "
            "paper's numbers stand, use the corrected reward of docs/algorithm.md."
        )
    thresholds = [Thresholds.parse(method.thresholds) for method in results.methods]
    if any(each.at_least_one or each.out_of_fold for each in thresholds):
        yield (
            "One: a document for which no label passes gets its best one. OOF: thresholds are fitted on out-of-fold "
            "scores, and the classifier trained on training and validation documents (docs/algorithm.md)."
        )


#: The statistics of `labelpolicy robustness`, with their titles.
SPREAD = {"best": "Best", "worst": "Worst", "average": "Average", "stdev": "St. dev."}


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

    def shown(self, statistic: str, measure: str) -> str:
        return f"{self.values[statistic, measure]:.{4 if statistic == 'stdev' else 3}f}"


def read_robustness(path: str | Path) -> Robustness:
    """Raises LabelPolicyError for more than one sweep in the file, or a measure without its statistics."""
    names = ["dataset", "classifier", "policy", "seed"]
    rows = read_table(path, [*names, "statistic", "metric", "value"]).to_pylist()
    sweeps = {tuple(row[name] for name in names) for row in rows}
    if len(sweeps) != 1:
        raise LabelPolicyError(f"{path}: {len(sweeps)} sweeps, expected one: run `labelpolicy robustness` again")
    values = {(row["statistic"], row["metric"]): row["value"] for row in rows if row["statistic"] in SPREAD}
    for metric, statistic in itertools.product(TITLES, SPREAD):
        if not isinstance(values.get((statistic, metric)), float):
            raise LabelPolicyError(f"{path}: no {statistic} of {metric}: run `labelpolicy robustness` again")
    dataset, classifier, policy, seed = sweeps.pop()
    return Robustness(dataset, classifier, policy, seed, values)


def robustness_table(runs: Sequence[Robustness], paper: PaperNumbers, table: str) -> Table:
    """Lay out Table 3 or 6: the paper's numbers, and ours on its data set and on others, under their names."""
    (dataset,) = paper.datasets(table)
    title = dataset_title(dataset)

    def block(heading: str, cell: Callable[[str, str], str]) -> tuple[str, list[Row]]:
        """A row for each measure; ``cell`` gives the text by statistic and measure."""
        measures = TABLE_MEASURES[table].items()
        return heading, [Row(shown, [cell(statistic, name) for statistic in SPREAD]) for name, shown in measures]

    blocks = [block(f"{title}, the paper", lambda *place: paper.text(table, place[0], dataset, place[1]) or "")]
    notes = [f"Paper: Table {table} as printed."]
    if dataset not in {run.dataset for run in runs}:
        blocks.append(block(f"{title}, ours", lambda *place: ABSENT))
        notes.append(f"ᵃ No run of ours on {title}: not in this study, or `snakemake robustness` was not run.")
    order = sorted(runs, key=lambda run: (run.dataset != dataset, run.dataset, run.classifier, run.policy, run.seed))
    for run in order:
        heading = f"{run.title}, ours: policy {run.policy}, seed {run.seed}"
        blocks.append(block(heading, run.shown))
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
    return Table("Measure", [("", list(SPREAD.values()))], blocks, notes, "r" * len(SPREAD))
