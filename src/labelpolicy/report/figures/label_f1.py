from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from matplotlib.axes import Axes

from labelpolicy.errors import LabelPolicyError
from labelpolicy.options import Pdf, Png, Title
from labelpolicy.report.drawing import BLUE, GREY, VERMILION, by_frequency, drawing, read_rows

#: Bands of training documents a label: lower bounds.
BANDS = (0, 10, 30, 100, 300, 1000)

#: So many labels carry their names: those that move the most.
NAMED = 8


def label_f1(
    first: Annotated[Path, typer.Argument(help="labels.parquet of one row.")],
    second: Annotated[Path, typer.Argument(help="labels.parquet of another.")],
    title: Title,
    pdf: Pdf,
    png: Png,
    before: Annotated[str, typer.Option(help="Name of the first row.")] = "before",
    after: Annotated[str, typer.Option(help="Name of the second row.")] = "after",
) -> None:
    """Test F1 of every label against its training frequency, before and after."""
    one, other = (read_rows(path, ["label", "train_count", "f1"]) for path in (first, second))
    labels = one["label"].tolist()
    if labels != other["label"].tolist():
        raise LabelPolicyError(
            f"{second}: not the labels of {first}, expected the same in the same order: decide both again"
        )
    order = by_frequency(labels, one["train_count"])
    counts, f1, f1_after = one["train_count"][order], one["f1"][order], other["f1"][order]
    with drawing(pdf, png, 5.6, f"{title}: test F1 of each label, {before} → {after}") as figure:
        above, below = figure.subplots(2, 1, height_ratios=(2, 1))
        _moves(above, [labels[label] for label in order], counts, f1, f1_after)
        _band_means(below, counts, f1, f1_after, (before, after))


def _moves(axes: Axes, labels: list[str], counts: np.ndarray, before: np.ndarray, after: np.ndarray) -> None:
    rank = np.arange(len(labels))
    for moved, colour, marker, name in (
        (after > before, BLUE, "^", "better"),
        (after < before, VERMILION, "v", "worse"),
        (after == before, GREY, "o", "the same"),
    ):
        axes.vlines(rank[moved], before[moved], after[moved], color=colour, linewidth=1)
        style: dict[str, Any] = {"color": colour, "markersize": 4, "linestyle": "none"}
        axes.plot(rank[moved], after[moved], marker, label=f"{name}: {moved.sum()} labels", **style)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, handletextpad=0.2, borderaxespad=0.2)
    axes.set(ylabel="F1", ylim=(-0.03, 1.03), xlim=(-1, len(labels)))
    ticks = np.unique(np.linspace(0, len(labels) - 1, min(10, len(labels))).round().astype(int))
    axes.set_xticks(ticks, labels=[f"{counts[tick]:,}" for tick in ticks])
    axes.set_xlabel("labels by frequency; training documents of the label")
    _name_movers(axes, labels, rank, before, after)


def _name_movers(axes: Axes, labels: list[str], rank: np.ndarray, before: np.ndarray, after: np.ndarray) -> None:
    """Names of the largest moves, upright, beyond the marker; a name that would touch an earlier one is left out."""
    moves = np.abs(after - before)
    taken: list[tuple[float, float, float]] = []
    for label in sorted(range(len(labels)), key=lambda label: (-moves[label], label))[:NAMED]:
        if moves[label] == 0:
            break
        height, rises = 0.016 * len(labels[label]) + 0.04, after[label] > before[label]
        for end, up in ((after[label], rises), (before[label], not rises)):  # else beyond the other end of the move
            low, high = (end, end + height) if up else (end - height, end)
            if low >= -0.03 and high <= 1.05:
                break
        near = len(labels) / 55
        if any(abs(rank[label] - x) < near and low < top and high > bottom for x, bottom, top in taken):
            continue
        taken.append((rank[label], low, high))
        style: dict[str, Any] = {"ha": "center", "va": "bottom" if up else "top", "rotation": 90, "fontsize": 6.5}
        style |= {"xytext": (0, 5 if up else -5), "textcoords": "offset points", "parse_math": False}
        axes.annotate(labels[label], (rank[label], low if up else high), **style)


def _band_means(axes: Axes, counts: np.ndarray, before: np.ndarray, after: np.ndarray, names: tuple[str, str]) -> None:
    """Mean F1 before and after of the labels in each frequency band, as bars with their numbers."""
    band = np.digitize(counts, BANDS) - 1
    present = sorted(set(band.tolist()), reverse=True)
    for offset, values, colour, hatch in ((-0.2, before, "#bbbbbb", None), (0.2, after, BLUE, "///")):
        means, x = [values[band == each].mean() for each in present], np.arange(len(present)) + offset
        bars = axes.bar(x, means, width=0.38, color=colour, hatch=hatch, edgecolor="white", linewidth=0)
        axes.bar_label(bars, fmt="%.2f", padding=2, fontsize=7)
    axes.set_xticks(range(len(present)), labels=[_band_name(each, int((band == each).sum())) for each in present])
    axes.set(xlabel="training documents of the label", ylabel="mean F1", ylim=(0, 1.1))
    axes.grid(visible=False, axis="x")
    axes.set_title(f"Mean of each band: left {names[0]}, right (hatched) {names[1]}", parse_math=False)


def _band_name(band: int, labels: int) -> str:
    low = BANDS[band]
    extent = f"{low:,} or more" if band == len(BANDS) - 1 else f"{low:,}–{BANDS[band + 1] - 1:,}"
    return f"{extent}\n({labels} label{'s' * (labels != 1)})"
