"""The tables of docs/policies.md are what docs/results/ holds: no number is typed by hand, or left from another run."""

from __future__ import annotations

import policy_tables as tables


def test_the_page_shows_what_was_published(tmp_path):
    """Run `python docs/policy_tables.py` after `make publish`."""
    copy = tmp_path / "policies.md"
    copy.write_bytes(tables.PAGE.read_bytes())
    tables.write(copy, tables.Published())
    assert copy.read_text() == tables.PAGE.read_text()


def test_a_cell_is_the_mean_over_the_seeds_that_were_published(tmp_path):
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
