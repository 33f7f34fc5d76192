"""The README's findings and their picture, from the published numbers of Reuters-21578.

python docs/finding.py      after `make publish`; writes docs/results/finding.svg and .png, and the README's block
"""

from __future__ import annotations

import csv
import statistics
from collections import defaultdict
from pathlib import Path
from textwrap import TextWrapper
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs/results"
STUDY = RESULTS / "reuters21578/metrics.csv"
SETS = RESULTS / "sets/test.csv"
PAPER = ROOT / "workflow/paper.tsv"
BEGIN, END = "<!-- findings, written by docs/finding.py -->", "<!-- end of findings -->"
MEASURES = {"accuracy": "accuracy (strict)", "macro_f1": "macro-F1", "micro_f1": "micro-F1"}
CLASSIFIERS = {"linear_svc": "LinearSVC on tf-idf", "linear": "logistic on tf-idf", "kim_cnn": "Kim-CNN"}


class Row(NamedTuple):
    """A row of the picture: the cell (weights, thresholds) whose numbers it shows, and how."""

    weights: str
    thresholds: str
    name: str
    marker: str
    colour: str


# Colours by Okabe and Ito; shapes differ as well, and every row has its name.
HALF = Row("uniform", "fixed", "threshold 0.5", "o", "#666666")
LITERAL = Row("meta_paper", "meta_paper", "learned by the paper's method, literally", "v", "#D55E00")
TRAINED = Row("meta", "meta", "learned while the classifier trains", "s", "#CC79A7")
SHARED = Row("uniform", "shared+one+oof", "two shared numbers (shared+one+oof)", "D", "#0072B2")
LEARNED = Row("uniform", "meta+one+oof", "learned on out-of-fold scores (meta+one+oof)", "^", "#009E73")
ROWS = (LITERAL, HALF, TRAINED, SHARED, LEARNED)
PRINTED = "CNN+Meta-Training-Prediction"


class Published:
    """Mean and deviation over seeds of what a study's metrics.csv says of the test split."""

    def __init__(self, file: Path = STUDY):
        self.values: dict[tuple[str, str, str, str], list[float]] = defaultdict(list)
        seeds = set()
        with file.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                if row["split"] == "test":
                    cell = row["classifier"], row["weights"], row["thresholds"], row["metric"]
                    self.values[cell].append(float(row["value"]))
                    seeds.add(row["seed"])
        self.seeds = len(seeds)

    def __call__(self, classifier: str, row: Row, measure: str) -> list[float]:
        return self.values.get((classifier, row.weights, row.thresholds, measure), [])

    def mean(self, classifier: str, row: Row, measure: str) -> float:
        return statistics.mean(self(classifier, row, measure))

    def points(self, classifier: str, row: Row, other: Row, measure: str) -> float:
        """By how many hundredths one row is above another."""
        return 100 * (self.mean(classifier, row, measure) - self.mean(classifier, other, measure))


def findings(published: Published) -> str:
    """The README's findings, with the numbers as published."""
    gains = {
        measure: [published.points(classifier, SHARED, HALF, measure) for classifier in CLASSIFIERS]
        for measure in MEASURES
    }
    accuracy, macro, micro = (f"{min(each):.0f} to {max(each):.0f}" for each in gains.values())
    apart = max(abs(published.points(c, LEARNED, SHARED, m)) for c in CLASSIFIERS for m in MEASURES)
    weights = Row("meta", "fixed", "", "", "")
    gained = max(published.points(c, weights, HALF, m) for c in ("linear", "kim_cnn") for m in MEASURES)
    literal, half = (published.mean("kim_cnn", row, "accuracy") for row in (LITERAL, HALF))
    with SETS.open(encoding="utf-8", newline="") as stream:
        sets = {
            row["classifier"]: " / ".join(f"{100 * float(row[f'{measure}_gain']):+.1f}" for measure in MEASURES)
            for row in csv.DictReader(stream)
            if (row["dataset"], row["folds_by"], row["way"]) == ("reuters21578", "near_duplicates", "sets")
        }
    bullets = [
        "**The paper's reward has no interior optimum**, and its literal method loses to a threshold of 0.5 (Kim-CNN, "
        f"accuracy {literal:.3f} against {half:.3f}). Four changes fix it: a reward with an optimum, held-out "
        "documents, credit by label, one learner shared by all labels "
        "([ablation](docs/policies.md#what-each-part-of-the-learner-is-worth)).",
        "**What wins is plain**: at least one label for every document, and thresholds from two numbers shared by all "
        f"labels, fitted on out-of-fold scores. Over 0.5 they gain {accuracy} points of accuracy, {macro} of macro-F1, "
        f"{micro} of micro-F1.",
        "**A learned choice of whole label sets beats that** in all three: "
        f"{sets['linear_svc']} points with LinearSVC, beyond chance, {sets['linear']} with logistic regression "
        "([five seeds](docs/policies.md#label-sets)).",
        f"**Learned thresholds are only level** (within {apart:.2f} points); learned weights gain at most {gained:.1f} "
        "points over uniform ones at 0.5, which is chance ([when which pays](docs/policies.md)).",
    ]
    wrap = TextWrapper(120, initial_indent="- ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return "\n".join(map(wrap.fill, bullets))


def draw(published: Published, *files: Path) -> None:
    """The picture: three measures side by side, a row for each way to set the thresholds of each classifier."""
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams |= {"svg.hashsalt": "labelpolicy", "font.size": 9, "svg.fonttype": "path"}
    import matplotlib.pyplot as plt

    with PAPER.open(encoding="utf-8", newline="") as stream:
        printed = {
            row["metric"]: float(row["value"])
            for row in csv.DictReader(stream, delimiter="\t")
            if row["dataset"] == "reuters21578" and row["row"] == PRINTED
        }
    shown: list[tuple[str, Row | None]] = []  # from the top; None is the name of the classifier, or the paper's number
    for classifier in CLASSIFIERS:
        rows = [row for row in ROWS if published(classifier, row, "accuracy")]
        shown += [(classifier, None), *((classifier, row) for row in rows)]
    shown.append(("paper", None))
    figure, panels = plt.subplots(1, 3, sharey=True, figsize=(9.6, 4.3), facecolor="white", layout="constrained")
    for panel, (measure, name) in zip(panels, MEASURES.items(), strict=True):
        for place, (classifier, row) in enumerate(shown):
            if row is not None:
                values = published(classifier, row, measure)
                mean, deviation = statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0
                panel.errorbar(
                    mean, -place, xerr=deviation, fmt=row.marker, color=row.colour, markersize=6.5, capsize=2.5
                )
            elif classifier == "paper":
                panel.plot(printed[measure], -place, "*", color="#000000", markersize=9)
        panel.set_title(name, fontsize=10)
        panel.margins(x=0.08, y=0.04)
        panel.grid(axis="x", color="#dddddd")
        panel.set_axisbelow(True)
        panel.tick_params(length=0)
        panel.spines[["top", "right", "left"]].set_visible(False)
    names = [CLASSIFIERS[c] if row is None and c in CLASSIFIERS else row.name if row else "" for c, row in shown]
    names[-1] = "learned, as the paper prints it"
    panels[0].set_yticks([-place for place in range(len(shown))], names)
    for label, (classifier, row) in zip(panels[0].get_yticklabels(), shown, strict=True):
        label.set_fontweight("bold" if row is None and classifier in CLASSIFIERS else "normal")
    figure.suptitle(f"Reuters-21578, test set: mean and standard deviation of {published.seeds} seeds", fontsize=11)
    for file in files:
        metadata = {"Date": None} if file.suffix == ".svg" else {"Software": None}
        figure.savefig(file, dpi=160, metadata=metadata)
    plt.close(figure)


def put(text: str, block: str) -> str:
    """The README's text with the block between its two marks replaced."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"README.md: put {BEGIN!r} and {END!r} where the findings go")
    return f"{before}{begin}\n\n{block}\n\n{end}{after}"


if __name__ == "__main__":
    numbers = Published()
    draw(numbers, RESULTS / "finding.svg", RESULTS / "finding.png")
    readme = ROOT / "README.md"
    readme.write_text(put(readme.read_text(encoding="utf-8"), findings(numbers)), encoding="utf-8")
