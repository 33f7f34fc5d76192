from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from matplotlib.axes import Axes

from labelpolicy.cell import Trained
from labelpolicy.errors import LabelPolicyError
from labelpolicy.options import Pdf, Png, Title
from labelpolicy.report.drawing import (
    BLUE,
    GREY,
    VERMILION,
    by_frequency,
    drawing,
    figure_names,
    read_rows,
    shortened,
    text_width,
)

#: Bands of training documents a label: lower bounds.
BANDS = (0, 10, 30, 100, 300, 1000)

#: So many labels carry their names: those that move the most.
NAMED = 8

#: Points that a name may take, and those from an F1 of 0 to 1.
ROOM, AXES = 80, 150

#: Of more labels than these, neighbours by frequency are drawn together, by their means.
MOST = 200


def label_f1(
    files: Annotated[list[Path], typer.Argument(help="labels.parquet of decided cells; the last is compared.")],
    title: Title,
    pdf: Pdf,
    png: Png,
) -> None:
    """Test F1 of every label against its training frequency: the last row beside each of the others."""
    if len(files) < 2:
        raise LabelPolicyError(f"label-f1: {len(files)} file, expected at least two to compare")
    columns = ["label", "train_count", "f1", "support"]
    rows = {_name(path): read_rows(path, columns) for path in files}
    if len(rows) < len(files):
        raise LabelPolicyError(f"label-f1: the same row twice among {', '.join(map(_name, files))}: give each once")
    labels, tested = rows[_name(files[0])]["label"].tolist(), rows[_name(files[0])]["support"] > 0
    for path, row in zip(files, rows.values(), strict=True):
        if labels != row["label"].tolist():
            raise LabelPolicyError(
                f"{path}: not the labels of {files[0]}, expected the same in the same order: decide both again"
            )
    counts, names = rows[_name(files[0])]["train_count"], figure_names(labels)
    order = [label for label in by_frequency(labels, counts) if tested[label] or not tested.any()]
    names = [names[label] for label in order]
    f1 = {name: row["f1"][order] for name, row in rows.items()}
    untested = len(labels) - len(order)
    left_out = f"; {untested:,} label{'s' * (untested > 1)} without a test document left out" * (untested > 0)
    (*references, last), panels = f1, len(f1) - 1
    with drawing(pdf, png, 2.2 + 3.1 * panels, f"{title}: test F1 of each label, {last}{left_out}") as figure:
        *above, below = figure.subplots(len(f1), 1, height_ratios=[*[3] * panels, 2])
        for axes, reference in zip(above, references, strict=True):
            axes.set_title(f"{reference} → {last}", parse_math=False)
            _moves(axes, names, counts[order], f1[reference], f1[last])
        _band_means(below, counts[order], f1)


def _name(path: Path) -> str:
    """Of the row that a labels.parquet is of: its label weights, and its thresholds where they are others."""
    weights, thresholds = Trained.of_path(path).weights, path.absolute().parent.name
    return weights if weights == thresholds else f"{weights}, {thresholds}".replace("fixed", "0.5")


def _moves(axes: Axes, labels: list[str], counts: np.ndarray, before: np.ndarray, after: np.ndarray) -> None:
    """An arrowhead a label, from its F1 before to that after; with many labels one for neighbours, at their means."""
    shown = {"better": int((after > before).sum()), "worse": int((after < before).sum())}
    shown["the same"] = len(labels) - sum(shown.values())
    groups = np.array_split(np.arange(len(labels)), min(len(labels), MOST))
    x, before, after = (np.array([values[group].mean() for group in groups]) for values in (counts, before, after))
    rank = np.arange(len(groups))
    for moved, colour, marker, name in (
        (after > before, BLUE, "^", "better"),
        (after < before, VERMILION, "v", "worse"),
        (after == before, GREY, "o", "the same"),
    ):
        axes.vlines(rank[moved], before[moved], after[moved], color=colour, linewidth=1)
        style: dict[str, Any] = {"color": colour, "markersize": 4, "linestyle": "none"}
        count = f"{name}: {shown[name]:,} label{'s' * (shown[name] != 1)}"
        axes.plot(rank[moved], after[moved], marker, label=count, **style)
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, handletextpad=0.2, borderaxespad=0.2)
    axes.set(ylabel="F1", ylim=(-0.03, 1.03), xlim=(-1, len(groups)))
    ticks = np.unique(np.linspace(0, len(groups) - 1, min(10, len(groups))).round().astype(int))
    axes.set_xticks(ticks, labels=[f"{x[tick]:,.0f}" for tick in ticks])
    if len(groups) < len(labels):
        each = len(labels) / len(groups)
        axes.set_xlabel(f"means of {each:.0f} labels each, by frequency; training documents of a label")
    else:
        axes.set_xlabel("labels by frequency; training documents of the label")
        _name_movers(axes, labels, rank, before, after)


def _name_movers(axes: Axes, labels: list[str], rank: np.ndarray, before: np.ndarray, after: np.ndarray) -> None:
    """Names of the largest moves, upright, beyond the marker; a name that would touch an earlier one is left out."""
    moves = np.abs(after - before)
    taken: list[tuple[float, float, float]] = []
    for label in sorted(range(len(labels)), key=lambda label: (-moves[label], label))[:NAMED]:
        if moves[label] == 0:
            break
        name = shortened(labels[label], ROOM)
        height, rises = text_width(name, 6.5) / AXES + 0.04, after[label] > before[label]
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
        axes.annotate(name, (rank[label], low if up else high), **style)


def _band_means(axes: Axes, counts: np.ndarray, rows: Mapping[str, np.ndarray]) -> None:
    """Mean F1 of the labels in each frequency band, by row, as bars with their numbers."""
    band, width = np.digitize(counts, BANDS) - 1, 0.8 / len(rows)
    present, looks = sorted(set(band.tolist()), reverse=True), [("#bbbbbb", None), ("#dddddd", r"\\\\"), (BLUE, "///")]
    for k, (name, values) in enumerate(rows.items()):
        colour, hatch = looks[-1] if k == len(rows) - 1 else looks[k % 2]
        means, x = [values[band == each].mean() for each in present], np.arange(len(present)) + width * k
        style: dict[str, Any] = {
            "width": 0.95 * width,
            "color": colour,
            "hatch": hatch,
            "edgecolor": "white",
            "linewidth": 0,
        }
        axes.bar_label(axes.bar(x, means, label=name.replace("$", r"\$"), **style), fmt="%.2f", padding=2, fontsize=7)
    middle = np.arange(len(present)) + 0.4 - width / 2
    axes.set_xticks(middle, labels=[_band_name(each, int((band == each).sum())) for each in present])
    axes.set(xlabel="training documents of the label", ylabel="mean F1", ylim=(0, 1.1))
    axes.grid(visible=False, axis="x")
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(rows), borderaxespad=0.2)
    axes.set_title("Mean of each band")


def _band_name(band: int, labels: int) -> str:
    low = BANDS[band]
    extent = f"{low:,} or more" if band == len(BANDS) - 1 else f"{low:,}–{BANDS[band + 1] - 1:,}"
    return f"{extent}\n({labels:,} label{'s' * (labels != 1)})"
