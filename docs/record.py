"""What a finished run cost and on what: machine, time and memory by step, sizes of the classifiers.

python docs/record.py STUDY      in the folder of the run; writes docs/results/STUDY/record.md and record.json
"""

from __future__ import annotations

import csv
import json
import os
import platform
import sys
from collections import defaultdict
from collections.abc import Collection
from importlib.metadata import version
from pathlib import Path

from labelpolicy.cell import members
from labelpolicy.classifiers import registry
from labelpolicy.data.prepared import Prepared
from labelpolicy.data.registry import title
from labelpolicy.files import read_json
from labelpolicy.options import OF_CLASSIFIER
from labelpolicy.parameters import Study, read_study
from labelpolicy.report.markup import markdown_table

ROOT = Path(__file__).parents[1]
LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch", "snakemake")


def machine() -> dict[str, str]:
    """What this runs on: the record is made where the run was."""
    import torch

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    graphics = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return {
        "processor": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{memory:.0f} GiB",
        "accelerator": ", ".join(graphics) or "none",
        "Python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


def costs(benchmarks: Path, others: Collection[str], seeds: Collection[str]) -> list[dict]:
    """By rule: jobs, seconds by the clock and of the processors, and the most memory (MiB), from Snakemake's files.

    Jobs of ``others``, rules and data sets of other runs in the same folder, are left out, and those of other seeds.
    """
    found: dict[str, list[dict[str, str]]] = defaultdict(list)
    kept = {f"seed{seed}" for seed in seeds}
    for file in sorted(benchmarks.rglob("*.tsv")):
        rule, *place = file.relative_to(benchmarks).with_suffix("").parts
        if {rule, *place} & {*others} or {part for part in place if part.startswith("seed")} - kept:
            continue
        with file.open(encoding="utf-8", newline="") as stream:
            found[rule] += csv.DictReader(stream, delimiter="\t")
    return [
        {
            "rule": rule,
            "jobs": len(jobs),
            "seconds": round(sum(_number(job["s"]) for job in jobs), 1),
            "processor_seconds": round(sum(_number(job["cpu_time"]) for job in jobs), 1),
            "memory_mib": round(max(_number(job["max_rss"]) for job in jobs)),
        }
        for rule, jobs in found.items()
    ]


def _number(text: str) -> float:
    return float(text) if text not in ("-", "NA") else 0.0  # a job shorter than Snakemake's first look has no number


def tuning(results: Path, others: Collection[str] = ()) -> list[dict]:
    """By tuned.json: how many values were tried before one was taken, and in how many trainings."""
    found = []
    for file in sorted(results.glob("*/*/tuned.json")):
        if file.parts[-3] in others:
            continue
        content = read_json(file)
        tried = [len(trial["utility"]) for trial in content["trials"]]
        about = {name: content["about"][name] for name in ("dataset", "classifier")}
        found.append(about | {"tried": len(tried), "trainings": sum(tried), "chosen": content["parameters"]})
    return found


def sizes(metrics: Path, results: Path, processed: Path, study: Study) -> list[dict]:
    """How many numbers each classifier of the run trains, by data set.

    None for chains that scikit-learn fits and for a head on a pretrained model's vectors; joined scores train nothing.
    """
    with metrics.open(encoding="utf-8", newline="") as stream:
        pairs = sorted({(line["dataset"], line["classifier"]) for line in csv.DictReader(stream)})
    return [
        {
            "dataset": dataset,
            "classifier": name,
            "parameters": _size(Prepared(processed / dataset), name, results, study),
        }
        for dataset, name in pairs
        if len(members(name)) == 1
    ]


def _size(data: Prepared, name: str, results: Path, study: Study) -> int | None:
    entry, encoder = registry.load(name), name.partition("+")[0]
    if encoder == "transformer" or (not entry.trained_by_gradient and "+" in name):
        return None
    tuned = results / data.name / encoder / "tuned.json"
    given = OF_CLASSIFIER.take(study, {"classifier": name, "tuned": tuned if tuned.exists() else None})
    classifier = entry.build(data, given, 0)
    if entry.trained_by_gradient:
        return sum(each.numel() for each in classifier.parameters())
    classifier.fit(data, [1 / len(data.labels)] * len(data.labels), registry.Run(0))
    return sum(array.size for key, array in classifier.state().items() if key in ("coefficients", "intercepts"))


def _words(chosen: dict) -> str:
    """What was chosen, groups of parameters without their names."""
    return ", ".join(_words(value) if isinstance(value, dict) else f"{name} {value}" for name, value in chosen.items())


def as_markdown(record: dict) -> str:
    rows = [
        [each["rule"], *(f"{each[key]:,}" for key in ("jobs", "seconds", "processor_seconds", "memory_mib"))]
        for each in sorted(record["costs"], key=lambda each: -each["processor_seconds"])
    ]
    total = [f"{sum(each[key] for each in record['costs']):,.0f}" for key in ("jobs", "seconds", "processor_seconds")]
    counted = [
        [title(each["dataset"]), f"`{each['classifier']}`", f"{each['parameters']:,}" if each["parameters"] else "–"]
        for each in record["sizes"]
    ]
    tuned = [
        [
            title(each["dataset"]),
            f"`{each['classifier']}`",
            *map(str, (each["tried"], each["trainings"])),
            _words(each["chosen"]),
        ]
        for each in record["tuning"]
    ]
    return "\n".join(
        [
            "# What the run cost, and on what\n",
            "Written by `python docs/record.py` from the benchmark files that Snakemake kept; a change here is lost.\n",
            "## Machine\n",
            markdown_table(["", ""], [*map(list, record["machine"].items())], left=2),
            "## Time and memory\n",
            "The last run of every job: a job is a call of the command, its start included. Trainings are the jobs of "
            "`train`, `crossfit` (one for each fold and one more), `learn` and `rollout`.\n",
            markdown_table(
                ["Rule", "Jobs", "Seconds", "Processor seconds", "Most memory, MiB"],
                [*rows, ["**all**", *total, ""]],
            ),
            "## Tuning\n",
            "Values that `labelpolicy tune` tried in this run; all other defaults were set before it "
            "(docs/reproducing.md).\n",
            markdown_table(["Data set", "Classifier", "Values tried", "Trainings", "Chosen"], tuned, left=2),
            "## Sizes\n",
            "Trained numbers, of chains with their encoder; – where scikit-learn fits a chain of many classifiers, and "
            "for what stands on a pretrained transformer.\n",
            markdown_table(["Data set", "Classifier", "Parameters"], counted, left=2),
        ]
    )


def main(folder: Path) -> None:
    study, prepared = read_study(Path("params.yaml"), None), Path("data/processed")
    of_classifiers = sizes(folder / "metrics.csv", Path("results"), prepared, study)
    others = {each.name for each in prepared.iterdir()} - {each["dataset"] for each in of_classifiers}
    ablation = set() if (folder / "ablation.csv").exists() else {"collect_ablation", "compare_ablation"}
    with (folder / "metrics.csv").open(encoding="utf-8", newline="") as stream:
        seeds = {line["seed"] for line in csv.DictReader(stream)}
    record = {
        "machine": machine(),
        "costs": costs(Path("logs/benchmarks"), others | ablation, seeds),
        "sizes": of_classifiers,
        "tuning": tuning(Path("results"), others),
    }
    (folder / "record.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    (folder / "record.md").write_text(as_markdown(record), encoding="utf-8")


if __name__ == "__main__":
    main(ROOT / "docs/results" / sys.argv[1])
