"""What is made on top of a finished study without learning anything anew: the robustness sweep, the significance."""

from __future__ import annotations

import json
import statistics

import pyarrow.parquet as pq
import pytest

SWEEP = "synthetic/linear/meta_paper/seed0"
MEASURES = ("accuracy", "macro_f1", "micro_f1")
SECTION = "robustness:\n  initialisations: {}\n  classifiers:\n  - {}\n  policy: {}\n"


def set_robustness(study, initialisations=3, classifier="linear", policy="meta_paper"):
    parameters = study.folder / "params.yaml"
    before = parameters.read_text().partition("robustness:")[0]
    parameters.write_text(before + SECTION.format(initialisations, classifier, policy))


def check_summary(study, inits):
    """The summary is that of exactly these runs, each with its own metrics.json."""
    results = study.folder / "results"
    rows = pq.read_table(results / "robustness" / f"{SWEEP}.parquet").to_pylist()
    assert {row["init"] for row in rows if row["statistic"] == "run"} == set(inits)
    for measure in MEASURES:
        paths = [results / SWEEP / f"init{init}" / "meta_paper" / "metrics.json" for init in inits]
        values = [json.loads(path.read_text())["test"][measure] for path in paths]
        found = {row["statistic"]: row["value"] for row in rows if row["metric"] == measure and row["init"] is None}
        expected = {"best": max(values), "worst": min(values), "average": statistics.mean(values)}
        assert found == pytest.approx(expected | {"stdev": statistics.stdev(values)})


@pytest.mark.slow
def test_a_narrower_sweep_leaves_no_stale_run(copy):
    set_robustness(copy, 3)
    jobs = copy.jobs("robustness")
    assert not any("Learn" in job for job in jobs)  # the trained meta-learner of the study is used
    assert sum("Train linear" in job for job in jobs) == 3
    copy.run("robustness")
    check_summary(copy, [1, 2, 3])
    paths = [copy.folder / "results" / SWEEP / f"init{init}" / "policy.json" for init in (1, 2, 3)]
    first, second, third = (json.loads(path.read_text())["labels"] for path in paths)
    assert first != second != third != first

    summary = {"Robustness of policy meta_paper with linear on synthetic, seed 0"}
    set_robustness(copy, 2)
    assert copy.jobs("robustness") == summary
    copy.run("robustness")
    assert paths[2].exists()  # still there, and in no table
    check_summary(copy, [1, 2])
    set_robustness(copy, 3)
    assert copy.jobs("robustness") == summary


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"policy": "meto"}, "params.yaml: robustness.policy: 'meto' is none of meta, meta_paper"),
        (
            {"classifier": "linear_svc"},
            "params.yaml: robustness.classifiers: 'linear_svc' is none of kim_cnn, ",
        ),
    ],
)
def test_a_bad_name_stops_the_sweep_before_anything_starts(study, changed, message):
    set_robustness(study, **changed)
    printed = study.run("robustness", fails=True)
    assert message in printed
    assert "Traceback" not in printed
    assert not (study.folder / "data").exists()


def test_significance_trains_nothing(copy):
    """All learned rows against all others, from what the study has kept."""
    table = copy.folder / "results" / "significance.parquet"
    table.unlink(missing_ok=True)
    assert copy.jobs("results/significance.parquet") == {"Test the learned rows against all others"}
    copy.run("results/significance.parquet")
    rows = pq.read_table(table).to_pylist()
    learned = {"CNN+Meta-Training-Prediction", "Linear (Eq. 6)"}
    assert {row["row"] for row in rows} == learned
    assert len(rows) == len(learned) * 5 * len(MEASURES)
    assert {(row["dataset"], row["seeds"], row["documents"]) for row in rows} == {("synthetic", 1, 100)}
