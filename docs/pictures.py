"""Two pictures of a run besides the finding: quality against cost, and what Eq. 6 as printed does to thresholds.

python docs/pictures.py     after `make publish`, in the folder of the run; writes cost.csv and divergence.csv in
                            docs/results from the files of the run, where they are there, and draws what they say
"""

from __future__ import annotations

import csv
import statistics
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from finding import DARK, LIGHT, MEASURES, NAMES, RESULTS, REUTERS, ROWS, SHARED, Published, Theme, legend, pyplot, save

from labelpolicy.data.registry import title


def seconds(benchmarks: Path, cell: tuple[str, str, str, str], seed: str) -> float | None:
    """Processor seconds of the jobs behind a row, from the files that Snakemake wrote; None where one is missing.

    They train (and learn what the training needs), train again on folds for ``+oof``, and decide: the job that decides
    all rows of these scores counts whole. Tuning, embedding and preparing are not counted.
    """
    dataset, classifier, weights, thresholds = cell
    place, rule = f"{dataset}/{classifier}", thresholds.partition("+")[0]
    out_of_fold, learned = thresholds.endswith("+oof"), {each for each in (weights, rule) if each.startswith("meta")}
    jobs = [f"train/{place}/{weights}/seed{seed}"]
    suffix = "_one" * ("+one" in thresholds and rule in learned) + "_oof" if out_of_fold else ""
    if out_of_fold:
        jobs.append(f"crossfit/{place}/{weights}/seed{seed}")
        on_scores = [f"{step}_on_scores/{place}/{weights}/seed{seed}/{thresholds}" for step in ("learn", "rollout")]
        jobs += on_scores * (rule in learned)
        learned.discard(rule)
    jobs += [f"{step}/{place}/{policy}/seed{seed}" for policy in sorted(learned) for step in ("learn", "rollout")]
    name = f"decide_{classifier.replace('+', '_').replace('-', '_')}_{weights}{suffix}"
    jobs.append(f"decide/{place}/{weights}/seed{seed}/{name}")
    files = [benchmarks / f"{job}.tsv" for job in jobs]
    if not all(file.is_file() for file in files):
        return None
    found = [next(csv.DictReader(file.open(encoding="utf-8"), delimiter="\t"))["cpu_time"] for file in files]
    return sum(float(text) for text in found if text not in ("-", "NA"))  # a job too short to be looked at has none


def write_costs(published: Published, benchmarks: Path, file: Path) -> None:
    """Add the costs of this run's data sets to those of the others: means over the seeds that were run here."""
    columns = ["dataset", "classifier", "weights", "thresholds", "processor_seconds"]
    rows: dict[tuple[str, ...], str] = {}
    if file.is_file():
        with file.open(encoding="utf-8", newline="") as stream:
            rows = {tuple(row[name] for name in columns[:4]): row[columns[4]] for row in csv.DictReader(stream)}
    for *cell, measure in published.values:
        if measure == "accuracy":
            of_seeds = [seconds(benchmarks, tuple(cell), seed) for seed in published.values[*cell, measure]]
            if found := [each for each in of_seeds if each is not None]:
                rows[tuple(cell)] = f"{statistics.fmean(found):.1f}"
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerows([columns, *([*cell, rows[cell]] for cell in sorted(rows))])


def draw_costs(published: Published, costs: Path, *files: Path, theme: Theme = LIGHT) -> None:
    """Quality against cost: a panel for each data set, a point for each classifier and way to decide."""
    with costs.open(encoding="utf-8", newline="") as stream:
        spent = {
            (row["dataset"], row["classifier"], row["weights"], row["thresholds"]): float(row["processor_seconds"])
            for row in csv.DictReader(stream)
        }
    datasets = [name for name in published.datasets if any(cell[0] == name for cell in spent)]
    if not datasets:
        return
    plt = pyplot(theme)
    columns = min(len(datasets), 3)
    lines = -(-len(datasets) // columns)
    figure, grid = plt.subplots(lines, columns, figsize=(9.6, 0.9 + 2.5 * lines), squeeze=False, layout="constrained")
    for panel in grid.flat[len(datasets) :]:
        panel.set_axis_off()
    for panel, dataset in zip(grid.flat, datasets, strict=False):
        for classifier, name in NAMES.items():
            points = []
            for row in ROWS:
                cost = spent.get((dataset, classifier, row.weights, row.thresholds))
                if cost and published(classifier, row, "accuracy", dataset):
                    quality = statistics.fmean(published.mean(classifier, row, each, dataset) for each in MEASURES)
                    points.append((cost, quality, row))
            if not points:
                continue
            panel.plot(*zip(*((x, y) for x, y, _ in points), strict=True), color=theme.grid, linewidth=1.2, zorder=1)
            for cost, quality, row in points:
                size = 9 if row.marker == "*" else 6
                panel.plot(cost, quality, row.marker, color=row[theme.place], markersize=size)
            slant: dict[str, Any] = {"rotation": 72, "rotation_mode": "anchor", "textcoords": "offset points"}
            panel.annotate(name, points[-1][:2], (3, 6), fontsize=8, **slant)
        panel.set_xscale("log")
        panel.xaxis.set_major_formatter("{x:,g}")
        panel.xaxis.set_minor_formatter("")
        panel.margins(x=0.15, y=0.08)
        low, high = panel.get_ylim()
        panel.set_ylim(low, high + 0.48 * (high - low))  # room for the names
        panel.set_title(title(dataset), fontsize=9.5)
        panel.grid(linewidth=0.6)
        panel.tick_params(length=0, labelsize=8, which="both")
        panel.spines[["top", "right"]].set_visible(False)
    figure.supylabel("mean of accuracy, macro-F1 and micro-F1", fontsize=9)
    caption = "processor seconds of training (on folds too where that decides), learning and deciding; logarithmic"
    figure.supxlabel(caption, fontsize=9)
    legend(plt, figure, ROWS, theme)
    save(plt, figure, files)


QUANTILES = ("p_q00", "p_q10", "p_q25", "p_q50", "p_q75", "p_q90", "p_q100")  # of the thresholds, over labels
REWARDS = {"meta_paper": "thresholds learned by Eq. 6 as printed", "meta": "by a reward with an optimum"}


def write_divergence(cells: Path, file: Path) -> None:
    """Where thresholds lie while the two policies are learned, by episode: means over its steps, seed 0."""
    lines = [["policy", "episode", *QUANTILES]]
    for policy in REWARDS:
        trace = pq.read_table(cells / policy / "seed0/trace.parquet", columns=["episode", *QUANTILES])
        means = trace.group_by("episode").aggregate([(name, "mean") for name in QUANTILES]).sort_by("episode")
        for row in means.select(["episode", *(f"{name}_mean" for name in QUANTILES)]).to_pylist():
            episode, *values = row.values()
            lines.append([policy, str(episode), *(f"{value:.4f}" for value in values)])
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(lines)


def draw_divergence(traces: Path, *files: Path, theme: Theme = LIGHT) -> None:
    """Why Eq. 6 has no interior optimum, and what that does to thresholds; beside a reward that has one."""
    plt = pyplot(theme)
    with traces.open(encoding="utf-8", newline="") as stream:
        rows = [*csv.DictReader(stream)]
    blue, red = SHARED[theme.place], ROWS[3][theme.place]
    figure, panels = plt.subplots(1, 3, figsize=(9.6, 3.1), layout="constrained")
    ps = [number / 200 for number in range(8, 201)]
    for sign, colour, dash, name, y in (
        (1, blue, "-", "S₊ > S₋: p runs to 0", 12),
        (-1, red, "--", "S₊ < S₋: p runs to 1", -12),
    ):
        panels[0].plot(ps, [sign / p for p in ps], dash, color=colour, linewidth=1.6)
        panels[0].text(0.25, y, name, color=colour, fontsize=9)
    panels[0].set_title("Eq. 6 of one label: (S₊ − S₋) / p + const.", fontsize=9.5)
    panels[0].set_xlabel("threshold p", fontsize=9)
    panels[0].set_yticks([])
    panels[0].set_ylabel("reward", fontsize=9)
    for panel, (policy, name) in zip(panels[1:], REWARDS.items(), strict=True):
        found = [row for row in rows if row["policy"] == policy]
        episodes = [int(row["episode"]) for row in found]
        lines = [[float(row[quantile]) for row in found] for quantile in QUANTILES]
        for low in range(3):
            panel.fill_between(
                episodes, lines[low], lines[-1 - low], color=blue, alpha=(0.18, 0.3, 0.5)[low], linewidth=0
            )
        panel.plot(episodes, lines[3], color=theme.ink, linewidth=1.4)
        panel.set_title(name, fontsize=9.5)
        panel.set_xlabel("episode", fontsize=9)
        panel.set(ylim=(0, 1), xlim=(episodes[0], episodes[-1]))
    for panel in panels:
        panel.tick_params(length=0, labelsize=8)
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(linewidth=0.6)
    caption = "Reuters-21578, Kim-CNN, seed 0. Line: the median label; shades: half of the labels, 80 % of them, all."
    figure.supxlabel(caption + "\nS₊ and S₋: summed scores of a label's positive and negative documents.", fontsize=8)
    save(plt, figure, files)


if __name__ == "__main__":
    numbers, costs, traces = Published(), RESULTS / "cost.csv", RESULTS / "divergence.csv"
    learned = Path("results", REUTERS, "kim_cnn")
    if Path("logs/benchmarks").is_dir():
        write_costs(numbers, Path("logs/benchmarks"), costs)
    if all((learned / policy / "seed0/trace.parquet").is_file() for policy in REWARDS):
        write_divergence(learned, traces)
    for suffix, colours in (("", LIGHT), ("-dark", DARK)):
        if costs.is_file():
            draw_costs(numbers, costs, *(RESULTS / f"cost{suffix}.{kind}" for kind in ("svg", "png")), theme=colours)
        if traces.is_file():
            files = [RESULTS / f"divergence{suffix}.{kind}" for kind in ("svg", "png")]
            draw_divergence(traces, *files, theme=colours)
