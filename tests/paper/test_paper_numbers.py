"""workflow/paper.tsv against the text of the paper: every number of Tables 1-6, and no other."""

import re
from pathlib import Path

import pytest

from labelpolicy.methods import read_tsv
from labelpolicy.report.results import PAPER_COLUMNS, PaperNumbers

ROOT = Path(__file__).parents[2]
NUMBERS = ROOT / "workflow" / "paper.tsv"
TEXT = ROOT.parent / "shared" / "paper.txt"

TYPING, TOPICS = ("figer", "ontonotes", "bbn"), ("reuters21578", "rcv1")
LOOSE, BY_LABEL = ("accuracy", "loose_macro_f1", "loose_micro_f1"), ("accuracy", "macro_f1", "micro_f1")
COUNTS = {
    "#Types": "labels",
    "#Labels": "labels",
    "Max Hierarchy Depth": "depth",
    "#Average Labels/instance": "labels_per_document",
    "#Training": "train_documents",
    "#Testing": "test_documents",
}


def rows_of(text: str, table: int) -> dict[str, list[str]]:
    """Row name -> numbers of one table: the lines between the header before its caption and the caption."""
    above = text[: text.index(f"\nTable {table}:")]
    start = max(above.rfind("\nMetrics Best"), above.rfind(" Datasets "), above.rfind("\nDatasets "))
    rows = {}
    for line in above[start:].splitlines():
        found = re.fullmatch(r"(\D.*?) ((?:[\d.,]+ ?)+)", line.strip())
        if found and not line.strip().startswith("Datasets"):
            rows[found[1]] = found[2].replace(",", "").split()
    return rows


def numbers_of(text: str) -> set[tuple[str, ...]]:
    """(table, row, dataset, metric, value) of all six tables."""
    found = []
    for table, datasets in (("1", TYPING), ("4", TOPICS)):
        for row, values in rows_of(text, int(table)).items():
            found += [(table, row, name, COUNTS[row], value) for name, value in zip(datasets, values, strict=True)]
    for table, datasets, metrics in (("2", TYPING, LOOSE), ("5", TOPICS, BY_LABEL)):
        cells = [(name, metric) for name in datasets for metric in metrics]
        for row, values in rows_of(text, int(table)).items():
            found += [(table, row, *cell, value) for cell, value in zip(cells, values, strict=True)]
    for table, name, metrics in (("3", "figer", LOOSE), ("6", "rcv1", BY_LABEL)):
        lines = rows_of(text, int(table)).values()
        for metric, values in zip(metrics, lines, strict=True):
            statistics = zip(("best", "worst", "average", "stdev"), values, strict=True)
            found += [(table, statistic, name, metric, value) for statistic, value in statistics]
    assert len(found) == len(set(found))
    return set(found)


def test_every_number_is_the_paper_s():
    if not TEXT.is_file():
        pytest.skip(f"the paper's text is not there ({TEXT}); the other tests check the shape of paper.tsv")
    ours = {fields for _, fields in read_tsv(NUMBERS, PAPER_COLUMNS)}
    assert ours == numbers_of(TEXT.read_text(encoding="utf-8"))


def test_size_of_each_table():
    tables = [fields[0] for _, fields in read_tsv(NUMBERS, PAPER_COLUMNS)]
    assert {table: tables.count(table) for table in "123456"} == {"1": 12, "2": 81, "3": 12, "4": 8, "5": 48, "6": 12}


def test_spot_checks_and_rows_in_the_paper_s_order():
    paper = PaperNumbers(NUMBERS)
    assert paper.text("5", "CNN", "reuters21578", "macro_f1") == "0.472"
    assert paper.text("5", "CNN+Meta-Training-Prediction", "rcv1", "micro_f1") == "0.864"
    assert paper.text("2", "SOTA+Hier-Training", "ontonotes", "accuracy") == "0.532"
    assert paper.text("3", "stdev", "figer", "accuracy") == "0.0043"
    rows = paper.rows("5", "reuters21578")
    assert rows[0] == "CNN" and rows[-1] == "CNN+Meta-Training-Prediction" and len(rows) == 8
    assert {"Predictions-as-Features", "Subset Maximization"} <= set(rows)


def test_robustness_tables_hold_together():
    """Best >= average >= worst in Tables 3 and 6."""
    paper = PaperNumbers(NUMBERS)
    for table, dataset, metrics in (("3", "figer", LOOSE), ("6", "rcv1", BY_LABEL)):
        for metric in metrics:
            best, average, worst = (
                float(paper.text(table, row, dataset, metric)) for row in ("best", "average", "worst")
            )
            assert best > average > worst
