"""The tables of docs/policies.md are what docs/results/ holds: no number is typed by hand, or left from another run."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def tables():
    sys.path.insert(0, str(DOCS))  # it takes its reading of published numbers from finding.py beside it
    try:
        spec = importlib.util.spec_from_file_location("policy_tables", DOCS / "policy_tables.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(DOCS))
    return module


def test_the_page_shows_what_was_published(tables, tmp_path):
    """Run `python docs/policy_tables.py` after `make publish`."""
    copy = tmp_path / "policies.md"
    copy.write_bytes(tables.PAGE.read_bytes())
    tables.write(copy, tables.Published())
    assert copy.read_text() == tables.PAGE.read_text()


def test_a_cell_is_the_mean_over_the_seeds_that_were_published(tables, tmp_path):
    lines = ["dataset,classifier,weights,thresholds,seed,split,metric,value"]
    for seed, value in ((0, 0.5), (1, 0.6)):
        for number, measure in enumerate(("accuracy", "macro_f1", "micro_f1")):
            lines.append(f"d,linear+subset_maximization,uniform,fixed,{seed},test,{measure},{value + number / 10}")
            lines.append(f"d,linear+subset_maximization,uniform,fixed,{seed},valid,{measure},0.9")
    (tmp_path / "study").mkdir()
    (tmp_path / "study/metrics.csv").write_text("\n".join(lines))
    published = tables.Published(tmp_path)
    assert tables.cell(published, "d", "linear", *tables.LINES["Subset Maximization"]) == "0.550 / 0.650 / 0.750"
    assert tables.cell(published, "d", "linear", *tables.LINES["0.5"]) == "–"
    assert tables.seeds(published, "d", "linear+subset_maximization") == 2
