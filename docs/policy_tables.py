"""The tables of docs/policies.md that show published numbers, from docs/results.

python docs/policy_tables.py    after `make publish`; writes the blocks between their marks in docs/policies.md
"""

from __future__ import annotations

import csv
from pathlib import Path
from statistics import fmean

from finding import DATASETS, MEASURES, NAMES, RESULTS, REUTERS, ROOT, Published, Row, measured_sets, neural, put

from labelpolicy.data.registry import title
from labelpolicy.report.markup import markdown_table

PAGE = ROOT / "docs/policies.md"
CLASSIFIERS = NAMES | {
    "linear-linear_svc": "Linear and LinearSVC, joined",
    "linear_svc-transformer": "LinearSVC and Transformer, joined",
    "linear-linear_svc-transformer": "all three, joined",
}
#: Lines of the table of Reuters-21578: a chain on the classifier, label weights, thresholds.
LINES = {
    "0.5": ("", "uniform", "fixed"),
    "`+one`": ("", "uniform", "fixed+one"),
    "one number, `odr`": ("", "uniform", "odr"),
    "a number per label, `scutfbr1`": ("", "uniform", "scutfbr1"),
    "a number per label by rank, `pcut`": ("", "uniform", "pcut"),
    "two numbers, `shared`": ("", "uniform", "shared"),
    "`shared+one`": ("", "uniform", "shared+one"),
    "`shared+one+oof`": ("", "uniform", "shared+one+oof"),
    "learned while training, `meta`": ("", "uniform", "meta"),
    "`meta+one`": ("", "uniform", "meta+one"),
    "learned on out-of-fold scores, `meta+one+oof`": ("", "uniform", "meta+one+oof"),
    "learned weights, 0.5": ("", "meta", "fixed"),
    "learned weights and thresholds": ("", "meta", "meta"),
    "Eq. 6, both": ("", "meta_paper", "meta_paper"),
    "Subset Maximization": ("+subset_maximization", "uniform", "fixed"),
    "**label sets, `sets+oof`**": ("", "uniform", "sets+oof"),
}
#: Columns of the table of the other data sets.
COLUMNS = {
    "0.5": LINES["0.5"],
    "`+one`": LINES["`+one`"],
    "`shared+one`": LINES["`shared+one`"],
    "`shared+one+oof`": LINES["`shared+one+oof`"],
    "`meta+one+oof`": LINES["learned on out-of-fold scores, `meta+one+oof`"],
    "learned w and p": LINES["learned weights and thresholds"],
    "Subset Maximization": LINES["Subset Maximization"],
    "`sets+oof`": LINES["**label sets, `sets+oof`**"],
}
#: Lines of the table of the ablation: the policy that has a part changed.
WITHOUT = {
    "all of it: the literal variant (`meta_paper`)": "meta_paper",
    "rewards on held-out documents (`meta_in_sample`)": "meta_in_sample",
    "a reward for each label (`meta_total`: one for all, one draw)": "meta_total",
    "one GRU for all labels that sees the classifier (`meta_two_n`)": "meta_two_n",
    "the pathwise gradient: evolution": "meta_evolution",
    "the pathwise gradient: policy gradient with a reward for each label": "meta_policy_gradient",
    "30 episodes: 10": "meta_m10",
    "30 episodes: 60": "meta_m60",
    "4 time steps: 1": "meta_t1",
    "4 time steps: 12": "meta_t12",
    "all measures as the utility: macro-F1 alone (`meta_macro`)": "meta_macro",
}
WAYS = {"sets": "`sets+oof`", "sets_unnamed": "the same without names"}


def cell(published: Published, dataset: str, classifier: str, chain: str, weights: str, thresholds: str) -> str:
    """Accuracy, macro-F1 and micro-F1 on the test set, means over the seeds."""
    row = Row(weights, thresholds)
    found = [published(classifier + chain, row, measure, dataset) for measure in MEASURES]
    return " / ".join(f"{fmean(each):.3f}" for each in found) if all(found) else "–"


def seeds(published: Published, dataset: str, classifier: str) -> int:
    return max(len(values) for key, values in published.values.items() if key[:2] == (dataset, classifier))


def of_reuters(published: Published) -> str:
    shown = ("linear_svc", "linear", "kim_cnn", "transformer")
    rows = [[name, *(cell(published, REUTERS, each, *of) for each in shown)] for name, of in LINES.items()]
    return markdown_table(["", *(CLASSIFIERS[name] for name in shown)], rows)


def of_others(published: Published) -> str:
    rows = []
    for dataset in DATASETS[1:]:
        for classifier in ("linear_svc", "linear", neural(dataset), "transformer"):
            values = [cell(published, dataset, classifier, *of) for of in COLUMNS.values()]
            if {*values} != {"–"}:
                name = f"{title(dataset)}, {CLASSIFIERS[classifier]}"
                rows.append([name, str(seeds(published, dataset, classifier)), *values])
    return markdown_table(["", "seeds", *COLUMNS], rows)


def of_sets() -> str:
    """What label sets gain over two numbers, measured by benchmarks/sets.py --test."""
    rows = []
    for row in (row for row in measured_sets() if row["way"] in WAYS):
        name = f"{title(row['dataset'])}, {CLASSIFIERS.get(row['classifier'], row['classifier'])}"
        line = [f"{name}, {WAYS[row['way']]}" if row["way"] == "sets" else WAYS[row["way"]], row["seeds"]]
        for measure in (*MEASURES, "sum"):
            value, gain, low, high = (100 * float(row[measure + end]) for end in ("", "_gain", "_low", "_high"))
            told = "†" if float(row[f"{measure}_p_holm"]) < 0.05 else ""
            reached = "" if measure == "sum" else f"{value:.1f}, "
            line.append(f"{reached}{gain:+.1f} [{low:.1f}, {high:.1f}]{told}")
        rows.append(line)
    return markdown_table(["", "seeds", "accuracy", "macro-F1", "micro-F1", "their sum"], rows)


def of_joined(published: Published) -> str:
    shown = ("linear", "linear_svc", "transformer", *(name for name in CLASSIFIERS if "-" in name))
    rules = ("shared+one+oof", "sets+oof")
    rows = [
        [CLASSIFIERS[name], *(cell(published, REUTERS, name, "", "uniform", each) for each in rules)] for name in shown
    ]
    return markdown_table(["", *(f"`{each}`" for each in rules)], rows)


def of_ablation() -> str:
    """Differences to the learner as it is, thresholds alone, in points on the test set."""
    with (RESULTS / REUTERS / "ablation.csv").open(encoding="utf-8", newline="") as stream:
        found = {
            (line["thresholds"], line["measure"]): f"{100 * float(line['difference']):+.1f}"
            + "†" * (line["significant"] == "True")
            for line in csv.DictReader(stream)
            if (line["split"], line["block"]) == ("test", "thresholds") and line["difference"]
        }
    rows = [[name, *(found[policy, measure] for measure in MEASURES)] for name, policy in WITHOUT.items()]
    return markdown_table(["without", "accuracy", "macro-F1", "micro-F1"], rows)


def blocks(published: Published) -> dict[str, str]:
    """By the name that stands in its marks."""
    return {
        "reuters": of_reuters(published),
        "others": of_others(published),
        "sets": of_sets(),
        "joined": of_joined(published),
        "ablation": of_ablation(),
    }


def marks(name: str) -> tuple[str, str]:
    return f"<!-- {name}, written by docs/policy_tables.py -->", f"<!-- end of {name} -->"


def write(page: Path, published: Published) -> None:
    text = page.read_text(encoding="utf-8")
    for name, block in blocks(published).items():
        text = put(text, block.rstrip("\n"), *marks(name))
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(PAGE, Published())
