"""Tables 1 and 4: counts of the data sets, the paper's beside ours.

A data set of the paper that is not in the study has a dash with a footnote for ours, never a number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from labelpolicy.data.registry import title as dataset_title
from labelpolicy.report.facts import Facts
from labelpolicy.report.markup import Row, Table
from labelpolicy.report.results import ABSENT, PaperNumbers, absent_note

#: The metric in paper.tsv, its title, our count as text.
Statistic = tuple[str, str, Callable[[Facts], str]]


def _statistics(units: str, second: Statistic) -> tuple[Statistic, ...]:
    return (
        ("labels", "Labels", lambda facts: f"{facts.labels:,}"),
        second,
        ("train_documents", f"Training {units}", lambda facts: f"{facts.training:,}"),
        ("test_documents", f"Test {units}", lambda facts: f"{facts.documents['test']:,}"),
    )


STATISTICS = {
    "1": _statistics("mentions", ("depth", "Depth of the hierarchy", lambda facts: f"{facts.depth}")),
    "4": _statistics(
        "documents",
        ("labels_per_document", "Average labels per document", lambda facts: f"{facts.labels_per_document:.2f}"),
    ),
}


def statistics_table(
    datasets: Sequence[Facts], paper: PaperNumbers, table: str = "4", absent: Sequence[str] = ()
) -> Table:
    """Lay out Table 1 or 4 for these data sets, and those of the paper that are ``absent`` from the study."""
    missing = [dataset_title(name) for name in absent]
    rows = []
    for metric, title, count in STATISTICS[table]:
        cells = []
        for facts in datasets:
            cells += [printed_count(paper, table, facts.name, metric) or "", count(facts)]
        for name in absent:
            cells += [printed_count(paper, table, name, metric) or "", ABSENT]
        rows.append(Row(title, cells))
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


def printed_count(paper: PaperNumbers, table: str, dataset: str, metric: str) -> str | None:
    """A count as the paper prints it, commas and all."""
    for row in paper.rows(table, dataset):
        text = paper.text(table, row, dataset, metric)
        if text is not None:
            return text if "." in text else f"{int(text):,}"
    return None
