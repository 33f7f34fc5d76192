"""The target ablation, from nothing."""

import pyarrow.parquet as pq
import pytest

ABLATION = "ablation:\n  seeds: 2\n  reference: meta\n  policies:\n"
FIXED = ("uniform", "inverse_frequency_0.25", "inverse_frequency_0.5", "inverse_frequency")


def write(study, section):
    parameters = study.folder / "params.yaml"
    before = parameters.read_text().partition("ablation:")[0]
    parameters.write_text(before + section)


@pytest.mark.slow
def test_ablation_runs_its_own_seeds_and_policies_and_says_what_differs(study):
    write(study, ABLATION + "  - meta_paper\n")
    jobs = study.jobs("ablation")
    assert sum(job.startswith("Learn policy") for job in jobs) == 4
    assert not any("kim_cnn" in job or "Test the learned rows" in job for job in jobs)
    study.run("ablation")
    assert study.jobs("ablation") == set()
    rows = pq.read_table(study.folder / "results/ablation.parquet").to_pylist()
    cells = {(row["weights"], row["thresholds"]) for row in rows}
    assert cells == {
        *((weights, thresholds) for weights in FIXED for thresholds in ("fixed", "shared")),
        *((weights, thresholds) for weights in ("meta", "uniform") for thresholds in ("fixed", "shared", "meta")),
        *(("meta_paper", thresholds) for thresholds in ("fixed", "meta_paper")),
        ("uniform", "meta_paper"),
    }
    assert {(row["split"], row["seeds"], row["documents"]) for row in rows} == {("test", 2, 100), ("valid", 2, 30)}
    for file in ("ablation.md", "ablation.tex"):
        assert "reward = paper" in (study.folder / "results/tables" / file).read_text()

    write(study, ABLATION.replace("policies:", "policies: []"))
    assert study.jobs("ablation") == {"Collect the metrics of the ablation", "Compare the policies of the ablation"}
    study.run("ablation")  # the narrower one has no row of what is still on disk
    assert "meta_paper" not in (study.folder / "results/ablation.csv").read_text()


@pytest.mark.parametrize(
    ("section", "target", "message"),
    [
        (ABLATION + "  - meto\n", "ablation", "params.yaml: ablation.policies: 'meto' is none of meta, meta_paper"),
        (
            "ablation:\n  reference: meto\n",
            "all",
            "params.yaml: ablation.reference: 'meto' is none of meta, meta_paper",
        ),
        (
            "ablation:\n  classifiers:\n  - linear_svc\n",
            "ablation",
            "params.yaml: ablation.classifiers: 'linear_svc' is none of ",
        ),
        (
            "ablation:\n  classifiers:\n  - attentive_lstm\n",
            "ablation",
            "params.yaml: ablation.classifiers: no data set of the grid has rows of attentive_lstm in ",
        ),
    ],
)
def test_a_bad_name_stops_before_anything_starts(study, section, target, message):
    write(study, section)
    printed = study.run(target, fails=True)
    assert message in printed
    assert not (study.folder / "data").exists()
