"""The summary: chosen by validation, differences to 0.5, and pointers, all from the files."""

import json
import re
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from report_samples import METHODS, PAPER, write_metrics

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_parquet
from labelpolicy.report import own
from labelpolicy.steps import summary


def run(folder, prepared, metrics) -> str:
    output = folder / "summary.md"
    summary.summary(
        metrics=metrics,
        methods=METHODS,
        paper=PAPER,
        datasets=[prepared],
        look=["results/a_b/metrics.csv"],
        output=output,
    )
    return output.read_text()


def change(metrics, classifier, weights, thresholds, split, value):
    rows = pq.read_table(metrics).to_pylist()
    for row in rows:
        if (row["classifier"], row["weights"], row["thresholds"], row["split"]) == (
            classifier,
            weights,
            thresholds,
            split,
        ):
            row["value"] = value
    write_parquet(metrics, pa.Table.from_pylist(rows))


def chosen(text: str, classifier: str) -> str:
    return next(line for line in text.split("### Chosen")[1].splitlines() if line.startswith(f"| {classifier}"))


def test_the_row_is_chosen_by_validation_and_never_by_test(tmp_path, prepared, metrics):
    change(metrics, "linear", "uniform", "odr", "valid", 0.99)
    change(metrics, "linear", "uniform", "odr", "test", 0.123)
    change(metrics, "linear", "meta", "meta", "test", 1.0)
    line = chosen(run(tmp_path, prepared, metrics), "Linear:")
    assert "Linear+ODR-Prediction" in line and "0.990" in line and "0.123" in line


def test_the_rule_auto_is_recommended_with_what_it_expects(tmp_path, prepared, metrics):
    rows = pq.read_table(metrics).to_pylist()
    for row in [row for row in rows if row["thresholds"] == "auto+oof" and row["split"] == "valid"]:
        for part, value in (("", 0.71), ("_low", 0.7), ("_high", 0.72)):
            rows.append(row | {"metric": f"{row['metric']}_expected{part}", "value": value})
    write_parquet(metrics, pa.Table.from_pylist(rows))
    change(metrics, "linear", "uniform", "auto+oof", "test", 0.654)
    text = run(tmp_path, prepared, metrics)
    assert "### Chosen" not in text
    line = next(line for line in text.split("### Recommended")[1].splitlines() if "Linear+Auto+OOF" in line)
    assert line.count("0.710 [0.700, 0.720]") == line.count("0.654") == 3


def test_differences_to_the_baseline_are_taken_seed_by_seed(tmp_path, prepared):
    metrics = write_metrics(tmp_path / "metrics.parquet", seeds=2)
    change(metrics, "linear", "uniform", "fixed", "test", 0.5)
    change(metrics, "linear", "meta", "meta", "test", 0.4)
    change(metrics, "linear", "meta", "fixed", "test", 0.4999)
    lines = run(tmp_path, prepared, metrics).split("### Learned")[1].splitlines()
    joint = next(line for line in lines if "Linear+Meta-Training-Prediction − Linear" in line)
    assert joint.count("-0.100 ± 0.000") == 3
    assert next(line for line in lines if "Linear+Meta-Training − " in line).count("+0.000 ± 0.000") == 3
    assert not any("ODR" in line for line in lines)


def test_facts_and_where_to_look(tmp_path, prepared, metrics):
    text = run(tmp_path, prepared, metrics).replace("\\", "")
    for part in (
        "1.2349 here, 1.13 published",
        "61 documents have no text",
        "97.1%",
        "`results/a_b/metrics.csv`",
        "one seed (0)",
        "- 23 of 90 labels have few documents; take auto.",
    ):
        assert part in text
    assert "one document has no label" not in text
    assert "`results/a_b/metrics.csv`" in run(tmp_path, prepared, metrics)  # a path to copy, without escapes
    assert run(tmp_path, prepared, metrics).replace("\\", "") == text


def test_no_data_set(tmp_path, metrics):
    with pytest.raises(LabelPolicyError, match="no data set given"):
        summary.summary(metrics=metrics, methods=METHODS, paper=PAPER, datasets=[], output=tmp_path / "summary.md")


RECOMMENDED = {
    "about": {"dataset": "mine", "seed": 0, "documents": 7769, "folds": 3},
    "classifier": "linear_svc",
    "weights": "uniform",
    "thresholds": "sets+oof",
    "expected": {name: [0.61, 0.58, 0.64] for name in own.SHOWN},
    "compared": [
        {
            "classifier": "linear_svc",
            "thresholds": rule,
            "utility": 2 + gain,
            "difference": gain,
            "standard_error": 0.01,
        }
        for rule, gain in (("shared+oof", -0.25), ("sets+oof", 0.0))
    ],
}
TUNED = {
    "about": {"dataset": "mine", "classifier": "linear_svc", "seed": 0, "documents": 9, "folds": 3},
    "parameters": {"C": 0.25, "features": {"word_ngrams": 2}},
    "trials": [],
}


def own_summary(folder, prepared, recommended=RECOMMENDED, metrics=None):
    data = shutil.copytree(prepared, folder / "mine", dirs_exist_ok=True)
    facts = json.loads((data / "dataset.json").read_text()) | {"name": "mine", "differences": []}
    for name, content in {"mine/dataset": facts, "recommended": recommended, "tuned": TUNED}.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    metrics = metrics or write_metrics(folder / "own.parquet", datasets=("mine",))
    summary.summary(
        [data], metrics, folder / "s.md", METHODS, PAPER, [folder / "recommended.json"], Path("results/mine/model"),
        [folder / "tuned.json"],
    )  # fmt: skip
    return (folder / "s.md").read_text()


def test_own_data_has_the_recommended_row_with_its_evidence_and_nothing_of_the_paper(tmp_path, prepared):
    text = own_summary(tmp_path, prepared)
    assert "aper" not in text.replace("docs/", "") and "LinearSVC+Sets-Prediction+OOF" in text
    part = text.split("### Recommended")[1].split("### All rows")[0]
    assert "0.610 [0.580, 0.640]" in part and "labelpolicy predict results/mine/model" in part
    assert re.search(r"LinearSVC\+Shared-Prediction\+OOF *\| *1.750 \| *-0.250 ± 0.010", part)
    assert "linear\\_svc: C 0.25, word\\_ngrams 2, chosen by cross-validation" in text


def test_the_test_measures_recommend_nothing(tmp_path, prepared):
    metrics = write_metrics(tmp_path / "own.parquet", datasets=("mine",))
    change(metrics, "linear", "uniform", "shared+oof", "test", 1.0)
    part = own_summary(tmp_path, prepared, metrics=metrics).split("### All rows")[0]
    assert "**LinearSVC+Sets-Prediction+OOF**" in part


@pytest.mark.parametrize("key", ["about", "classifier", "expected", "compared"])
def test_a_spoiled_recommendation_is_refused(tmp_path, prepared, key):
    with pytest.raises(LabelPolicyError, match=rf"recommended.json: {key}"):
        own_summary(tmp_path, prepared, {name: value for name, value in RECOMMENDED.items() if name != key})
