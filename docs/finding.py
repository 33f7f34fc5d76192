"""The README's findings from the published numbers of Reuters-21578, and their picture, of all published data sets.

python docs/finding.py      after `make publish`; writes docs/results/finding*.svg and .png, and the README's block
"""

from __future__ import annotations

import csv
import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from textwrap import TextWrapper
from typing import Any, NamedTuple

from labelpolicy.data.registry import find, task, title
from labelpolicy.methods import read_methods

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs/results"
SETS = RESULTS / "sets/test.csv"
METHODS = ROOT / "workflow/methods.tsv"
BEGIN, END = "<!-- findings, written by docs/finding.py -->", "<!-- end of findings -->"
MEASURES = {"accuracy": "accuracy (strict)", "macro_f1": "macro-F1", "micro_f1": "micro-F1"}
#: Classifiers as pictures and tables call them.
NAMES = {
    "linear_svc": "LinearSVC",
    "linear": "Linear",
    "kim_cnn": "Kim-CNN",
    "attentive_lstm": "LSTM",
    "transformer": "Transformer",
}
REUTERS = "reuters21578"
OF_REUTERS = ("linear_svc", "linear", "kim_cnn")  # classifiers of which the README speaks
#: The order of the pictures; data sets that are not named here come last.
DATASETS = (REUTERS, "goemotions", "rcv1_sample", "ontonotes_gold", "bbn_gold", "figer_gold")


class Row(NamedTuple):
    """A row of the sheet: its cell (weights, thresholds), and how a picture shows it, on white and on black."""

    weights: str
    thresholds: str
    name: str = ""
    marker: str = ""
    light: str = ""
    dark: str = ""


# Colours after Okabe and Ito; shapes and places differ as well.
HALF = Row("uniform", "fixed", "0.5 for all", "o", "#6a6a6a", "#b4b4b4")
LITERAL = Row("meta_paper", "meta_paper")
SHARED = Row("uniform", "shared+one+oof", "two shared numbers,\nat least one label", "D", "#0072B2", "#56B4E9")
LEARNED = Row("uniform", "meta+one+oof")
ROWS = (
    HALF,
    Row("uniform", "scutfbr1", "SCutFBR.1", "v", "#b07d00", "#E6B800"),
    Row("uniform", "odr", "ODR", "s", "#b3508c", "#e39cc6"),
    Row("meta", "meta", "Meta-Training-\nPrediction", "^", "#c24e00", "#ff8b4d"),
    SHARED,
    Row("uniform", "sets+oof", "learned label sets", "*", "#007d5b", "#2fcf9f"),
)


class Published:
    """What the published metrics.csv say of the test split, by data set, cell, measure and seed."""

    def __init__(self, results: Path = RESULTS):
        self.values: dict[tuple[str, ...], dict[str, float]] = defaultdict(dict)
        for file in sorted(results.glob("*/metrics.csv")):
            with file.open(encoding="utf-8", newline="") as stream:
                for row in csv.DictReader(stream):
                    if row["split"] == "test":
                        cell = row["dataset"], row["classifier"], row["weights"], row["thresholds"], row["metric"]
                        self.values[cell][row["seed"]] = float(row["value"])
        names = {(row.classifier, row.weights, row.thresholds): row.name for row in read_methods(METHODS)}
        compared = tuple(names["linear_svc", row.weights, row.thresholds] for row in (ROWS[-1], HALF))
        self.gains: dict[tuple[str, str], str] = {}
        for file in sorted(results.glob("*/significance.csv")):
            with file.open(encoding="utf-8", newline="") as stream:
                for row in csv.DictReader(stream):
                    if (row["row"], row["other"]) == compared:
                        points = [100 * float(row[name]) for name in ("difference", "low", "high")]
                        self.gains[row["dataset"], row["measure"]] = "{:+.1f} [{:.1f}, {:.1f}]".format(*points)
        there = {key[0] for key in self.values}
        self.datasets = [name for name in DATASETS if name in there] + sorted(there - {*DATASETS})

    def __call__(self, classifier: str, row: Row, measure: str, dataset: str = REUTERS) -> list[float]:
        return [*self.values.get((dataset, classifier, row.weights, row.thresholds, measure), {}).values()]

    def mean(self, classifier: str, row: Row, measure: str, dataset: str = REUTERS) -> float:
        return statistics.mean(self(classifier, row, measure, dataset))

    def half_interval(self, classifier: str, row: Row, measure: str, dataset: str) -> float:
        """Half of the 95 % interval of the mean: the error over test documents, and that over seeds."""
        values = self(classifier, row, measure, dataset)
        errors = self(classifier, row, f"{measure}_standard_error", dataset)
        documents = statistics.fmean([error**2 for error in errors]) if errors else 0.0
        seeds = statistics.variance(values) / len(values) if len(values) > 1 else 0.0
        return 1.96 * math.sqrt(documents + seeds)

    def has_errors(self, dataset: str) -> bool:
        """Whether errors over the test documents were published."""
        return any(key[0] == dataset and key[-1] == "accuracy_standard_error" for key in self.values)

    def points(self, classifier: str, row: Row, other: Row, measure: str) -> float:
        """By how many hundredths one row is above another, on Reuters-21578."""
        return 100 * (self.mean(classifier, row, measure) - self.mean(classifier, other, measure))


def measured_sets() -> list[dict[str, str]]:
    """What label sets gain, by benchmarks/sets.py --test, on folds with near-duplicates together as in the study."""
    with SETS.open(encoding="utf-8", newline="") as stream:
        return [row for row in csv.DictReader(stream) if row["folds_by"] == "near_duplicates"]


def findings(published: Published) -> str:
    """The README's findings, with the numbers as published."""
    gains = {
        measure: [published.points(classifier, SHARED, HALF, measure) for classifier in OF_REUTERS]
        for measure in MEASURES
    }
    accuracy, macro, micro = (f"{min(each):.0f} to {max(each):.0f}" for each in gains.values())
    apart = max(abs(published.points(c, LEARNED, SHARED, m)) for c in OF_REUTERS for m in MEASURES)
    weights = Row("meta", "fixed", "", "", "")
    gained = max(published.points(c, weights, HALF, m) for c in ("linear", "kim_cnn") for m in MEASURES)
    literal, half = (published.mean("kim_cnn", row, "accuracy") for row in (LITERAL, HALF))
    rows = [row for row in measured_sets() if row["way"] == "sets"]
    sets = {
        row["classifier"]: " / ".join(f"{100 * float(row[f'{measure}_gain']):+.1f}" for measure in MEASURES)
        for row in rows
        if row["dataset"] == REUTERS
    }
    others = [row for row in rows if row["dataset"] != REUTERS and row["classifier"] == "linear_svc"]
    sums = [100 * float(row["sum_gain"]) for row in others]
    told = sum(float(row["sum_p_holm"]) < 0.05 for row in others)
    resplit = sum((found := find(row["dataset"])) is not None and found.resplit for row in others)
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
        f"([five seeds](docs/policies.md#label-sets)). The sum of the three gains {min(sums):.1f} to {max(sums):.1f} "
        f"points on {len(others)} more data sets, {resplit} of them re-splits, beyond chance on {told}.",
        f"**Learned thresholds are only level** (within {apart:.2f} points); learned weights gain at most {gained:.1f} "
        "points over uniform ones at 0.5, which is chance ([when which pays](docs/policies.md)).",
    ]
    wrap = TextWrapper(120, initial_indent="- ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return "\n".join(map(wrap.fill, bullets))


class Theme(NamedTuple):
    """Colours of a picture's paper and of what is not data on it."""

    paper: str
    ink: str
    grid: str
    place: int  # of the rows' colours


LIGHT, DARK = Theme("white", "#1b1f24", "#dfe3e8", 4), Theme("#0d1117", "#e6edf3", "#30363d", 5)


def pyplot(theme: Theme) -> Any:
    import matplotlib

    matplotlib.use("agg")
    style = {"font.size": 9, "svg.hashsalt": "labelpolicy", "svg.fonttype": "path"}
    style |= dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), theme.ink)
    style |= {"figure.facecolor": theme.paper, "axes.facecolor": theme.paper, "savefig.facecolor": theme.paper}
    style |= {"grid.color": theme.grid, "axes.axisbelow": True, "legend.frameon": False}
    matplotlib.rcParams.update(matplotlib.rcParamsDefault | style)
    import matplotlib.pyplot as plt

    return plt


def save(plt: Any, figure: Any, files: Sequence[Path]) -> None:
    for file in files:
        metadata = {"Date": None} if file.suffix == ".svg" else {"Software": None}
        figure.savefig(file, dpi=160, metadata=metadata)
    plt.close(figure)


def legend(plt: Any, figure: Any, rows: Sequence[Row], theme: Theme) -> None:
    handles = [
        plt.Line2D(
            *([], []),
            marker=row.marker,
            color=row[theme.place],
            linestyle="none",
            label=row.name,
            markersize=9 if row.marker == "*" else 6,
        )
        for row in rows
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(rows), handletextpad=0.1, columnspacing=1.2)


def neural(dataset: str) -> str:
    """The paper's classifier of such a data set."""
    return "attentive_lstm" if task(dataset) == "typing" else "kim_cnn"


def draw(published: Published, *files: Path, theme: Theme = LIGHT) -> None:
    """The finding: each way to decide from left to right, a column for each data set, a line for each measure."""
    plt = pyplot(theme)
    datasets = [name for name in published.datasets if published("linear_svc", HALF, "accuracy", name)]
    shown = [row for row in ROWS if any(key[2:4] == (row.weights, row.thresholds) for key in published.values)]
    figure, grid = plt.subplots(
        len(MEASURES), len(datasets), figsize=(9.6, 5.4), sharex=True, squeeze=False, layout="constrained"
    )
    for line, (measure, name) in zip(grid, MEASURES.items(), strict=True):
        for panel, dataset in zip(line, datasets, strict=True):
            _ways(panel, published, dataset, measure, theme)
        line[0].set_ylabel(name, fontsize=9.5)
    for panel, dataset in zip(grid[0], datasets, strict=True):
        panel.set_title(title(dataset).replace(", ", ",\n"), fontsize=9.5)
    legend(plt, figure, shown, theme)
    figure.supxlabel(_caption(published, datasets), fontsize=8)
    save(plt, figure, files)


def _ways(panel: Any, published: Published, dataset: str, measure: str, theme: Theme) -> None:
    from matplotlib.ticker import MaxNLocator

    for shift, classifier in ((-0.16, neural(dataset)), (0.16, "linear_svc")):
        for place, row in enumerate(ROWS):
            if not published(classifier, row, measure, dataset):
                continue
            filled = classifier != "linear_svc"
            panel.errorbar(
                place + shift,
                published.mean(classifier, row, measure, dataset),
                yerr=published.half_interval(classifier, row, measure, dataset),
                fmt=row.marker,
                color=row[theme.place],
                markerfacecolor=row[theme.place] if filled else theme.paper,
                markersize=8 if row.marker == "*" else 5,
                elinewidth=1,
            )
    panel.set_xticks([])
    panel.set_xlim(-0.6, len(ROWS) - 0.4)
    panel.margins(y=0.08)
    panel.set_ylim(bottom=max(panel.get_ylim()[0], 0), top=min(panel.get_ylim()[1], 1))
    panel.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    if gain := published.gains.get((dataset, measure)):
        panel.set_xlabel(gain, fontsize=8, color=ROWS[-1][theme.place], labelpad=3)
    panel.grid(axis="y", linewidth=0.6)
    panel.tick_params(length=0, labelsize=8)
    panel.spines[["top", "right", "bottom"]].set_visible(False)


def _caption(published: Published, datasets: Sequence[str]) -> str:
    bare = [title(name) for name in datasets if not published.has_errors(name)]
    text = (
        "Filled: the paper's classifier (Kim-CNN on texts, attentive BiLSTM on entity types); open: LinearSVC. "
        "Test set; bars: 95 % intervals over test documents and seeds"
    )
    text += f" ({', '.join(bare)}: over seeds alone)." if bare else "."
    if published.gains:
        text += " Under each panel: what learned label sets gain over 0.5 with LinearSVC, in points [95 %]."
    return TextWrapper(135).fill(text)


def put(text: str, block: str, begin: str = BEGIN, end: str = END) -> str:
    """The text of a page with the block between two marks replaced."""
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f"put {begin!r} and {end!r} where the numbers go")
    return f"{before}{begin}\n\n{block}\n\n{end}{after}"


if __name__ == "__main__":
    numbers = Published()
    for suffix, colours in (("", LIGHT), ("-dark", DARK)):
        draw(numbers, *(RESULTS / f"finding{suffix}.{kind}" for kind in ("svg", "png")), theme=colours)
    readme = ROOT / "README.md"
    readme.write_text(put(readme.read_text(encoding="utf-8"), findings(numbers)), encoding="utf-8")
