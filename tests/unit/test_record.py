"""The record of a run: what its jobs cost by rule, how many numbers its classifiers train, what was tuned."""

import json
import re
from pathlib import Path

import record
import small_study

ROOT = Path(__file__).parents[2]


def test_costs_are_summed_by_rule(tmp_path):
    head = "s\th:m:s\tmax_rss\tcpu_time\n"
    for place, line in {
        "train/a/seed0.tsv": "2.5\t0:00:02\t100.4\t2",
        "train/a/seed1.tsv": "1.5\t0:00:01\t300.6\t1.5",
        "train/b/seed0.tsv": "9\t0:00:09\t900\t9",
        "rollout/a/seed2/init3.tsv": "7\t0:00:07\t700\t7",  # of a seed that was begun and is not in the run
        "collect_ablation.tsv": "3\t0:00:03\t300\t3",
        "collect.tsv": "0.2\t0:00:00\tNA\tNA",  # over before Snakemake looked
    }.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(f"{head}{line}\n")
    assert record.costs(tmp_path, {"b", "collect_ablation"}, {"0", "1"}) == [
        {"rule": "collect", "jobs": 1, "seconds": 0.2, "processor_seconds": 0.0, "memory_mib": 0},
        {"rule": "train", "jobs": 2, "seconds": 4.0, "processor_seconds": 3.5, "memory_mib": 301},
    ]


def test_sizes_and_tuning(tmp_path):
    small_study.make(tmp_path)
    (tmp_path / "processed").mkdir()
    (tmp_path / "prepared").rename(tmp_path / "processed/synthetic")
    names = ("linear", "linear+classifier_chain", "linear-linear_svc", "transformer")
    (tmp_path / "metrics.csv").write_text("\n".join(["dataset,classifier", *(f"synthetic,{name}" for name in names)]))
    trials = [{"parameters": {"C": 0.3}, "utility": [1.0, 2.0]}, {"parameters": {"C": 1}, "utility": [0.5]}]
    about = {"dataset": "synthetic", "classifier": "linear"}
    tuned = tmp_path / "results/synthetic/other/tuned.json"
    tuned.parent.mkdir()
    tuned.write_text(json.dumps({"about": about, "parameters": {"C": 0.3}, "trials": trials}))
    study = record.read_study(tmp_path / "params.yaml", None)
    linear, chain, pretrained = record.sizes(
        tmp_path / "metrics.csv", tmp_path / "results", tmp_path / "processed", study
    )
    synthetic = small_study.PARAMETERS["synthetic"]
    assert linear["parameters"] == (synthetic["vocabulary"] + 1) * synthetic["labels"]
    assert chain["parameters"] is None and pretrained["parameters"] is None
    (found,) = record.tuning(tmp_path / "results")
    assert found == about | {"tried": 2, "trainings": 3, "chosen": {"C": 0.3}}
    found["chosen"] = {"features": {"word_ngrams": 1}, "C": 0.3}
    whole = {"machine": record.machine(), "costs": [], "sizes": [linear, chain], "tuning": [found]}
    text = record.as_markdown(whole)
    assert f"| {linear['parameters']:,} |" in re.sub(" +", " ", text) and "word_ngrams 1, C 0.3" in text
    assert "| `linear+classifier_chain` | – |" in re.sub(" +", " ", text)
