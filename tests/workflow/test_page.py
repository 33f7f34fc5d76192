"""The report of a finished study: the page and Snakemake's own report in a real browser without a network."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile

import pyarrow.parquet as pq
import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

needs_browser = pytest.mark.skipif(BROWSER is None, reason="needs chromium: not installed")


@pytest.fixture
def shown(finished):
    return finished


def browse(path, view="") -> str:
    """The document as it stands after its scripts ran; an error on the console, or a request, fails the test."""
    with tempfile.TemporaryDirectory() as profile:
        options = [f"--user-data-dir={profile}", "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr"]
        command = [BROWSER, *QUIET, *options, "--virtual-time-budget=4000", "--dump-dom", f"file://{path}{view}"]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=90, check=True)
    complaints = [line for line in done.stderr.splitlines() if re.search(r"Uncaught|ERROR:CONSOLE|ERR_[A-Z_]+", line)]
    assert not complaints, complaints
    return done.stdout


def column(document: str, table: str, title: str) -> list[str]:
    """The texts of one column of a table, top down."""
    body = re.search(rf'<table id="{table}">(.*?)</table>', document, re.DOTALL)[1]
    cells = [re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL) for row in re.findall(r"<tr.*?</tr>", body, re.DOTALL)]
    texts = [[re.sub(r"<small>± .*?</small>|<.*?>", "", cell) for cell in row] for row in cells]
    return [row[texts[0].index(title)] for row in texts[1:]]


def test_the_report_is_complete(shown):
    results = shown.folder / "results"
    for number in range(1, 7):
        assert r"\toprule" in (results / f"tables/table{number}.tex").read_text()
    assert "synthetic" in (results / "tables/table5.md").read_text()
    assert "synthetic" not in (results / "tables/table2.md").read_text()
    assert "could not be tested here" in (results / "reproducing.md").read_text()
    assert (results / "reproduction.pdf").is_file() or (results / "reproduction.md").is_file()
    for name in ("precision_recall", "weights", "meta/reward"):
        assert (results / f"figures/synthetic/kim_cnn/{name}.pdf").is_file()


@needs_browser
def test_the_page_shows_all_cells_and_sorts_them(shown):
    page = shown.folder / "results/page/index.html"
    tidy = pq.read_table(shown.folder / "results/metrics.parquet").to_pandas()
    values = tidy.query("split == 'test' and metric == 'macro_f1'")["value"].tolist()
    plain = browse(page)
    assert sorted(column(plain, "cells", "Macro-F1")) == sorted(f"{value:.3f}" for value in values)
    falling = browse(page, "#sort=macro_f1")
    assert column(falling, "cells", "Macro-F1") == [f"{value:.3f}" for value in sorted(values, reverse=True)]
    assert falling.count('aria-sort="descending"') == 1
    rising = browse(page, "#sort=macro_f1&order=asc&split=valid")
    values = tidy.query("split == 'valid' and metric == 'macro_f1'")["value"].tolist()
    assert column(rising, "cells", "Macro-F1") == [f"{value:.3f}" for value in sorted(values)]
    assert plain.count("<figure>") >= 8 and plain.count('src="data:image/png;base64,') == plain.count("<figure>")


@needs_browser
def test_the_page_filters_and_shows_the_labels_of_a_row(shown):
    page = shown.folder / "results/page/index.html"
    document = browse(page, "#filter=linear+shared&row=synthetic/linear/uniform/shared&labelsort=f1")
    rows = column(document, "cells", "Row")
    assert [any(text.split(" · ")[3] == rule for text in rows) for rule in ("shared", "shared+one+oof")] == [True, True]
    assert len(rows) == 2
    assert column(document, "cells", "Hamming loss")
    table = pq.read_table(shown.folder / "results/synthetic/linear/uniform/seed0/shared/labels.parquet").to_pandas()
    assert column(document, "labels", "F1") == [f"{f1:.3f}" for f1 in sorted(table["f1"], reverse=True)]
    assert set(column(document, "labels", "Label")) == set(table["label"])
    thresholds = dict(zip(table["label"], table["threshold"], strict=True))
    for label, shown_threshold in zip(
        column(document, "labels", "Label"), column(document, "labels", "Threshold p"), strict=True
    ):
        assert shown_threshold == f"{thresholds[label]:.3f}"
    assert set(column(document, "labels", "Weight N·w")) == {"1.000"}


def test_snakemake_s_own_report_is_one_file_with_captions(shown):
    shown.run("report", "--report", "report.html")
    report = shown.folder / "report.html"
    text = report.read_text()
    assert not re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(?!data:)', text)
    for caption in (
        "paper's and this project's, by data set",
        "labels by falling training frequency",
        "All cells of the grid",
    ):
        assert caption.replace("'", "&#x27;") in text or caption in text, caption
    if BROWSER:
        document = browse(report)
        for category in ("Figures", "Results", "Tables"):
            assert category in document
