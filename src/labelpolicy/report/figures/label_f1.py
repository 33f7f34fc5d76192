from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from matplotlib.axes import Axes

from labelpolicy.errors import LabelPolicyError
from labelpolicy.options import Title
from labelpolicy.report.drawing import (
    BLUE,
    GREY,
    VERMILION,
    by_frequency,
    drawing,
    figure_names,
    read_labels,
    row_name,
    shortened,
    text_width,
)

#: So many labels carry their names: those that move the most.
NAMED = 8

#: Points that a name may take, and those from an F1 of 0 to 1.
ROOM, AXES = 80, 150

#: Of more labels than these, neighbours by frequency are drawn together, by their means.
MOST = 200


def label_f1(
    files: Annotated[list[Path], typer.Argument(help="labels.parquet of decided cells; the last is compared.")],
    title: Title,
    **output: Path,
) -> None:
    """Test F1 of every label against its training frequency: the last row beside each of the others."""
    if len(files) < 2:
        raise LabelPolicyError(f"label-f1: {len(files)} file, expected at least two to compare")
    rows = dict(zip(map(row_name, files), read_labels(files), strict=True))
    if len(rows) < len(files):
        raise LabelPolicyError(f"label-f1: the same row twice among {', '.join(map(row_name, files))}: give each once")
    labels, counts, _, support = next(iter(rows.values())).values()
    names, tested = figure_names(labels.tolist()), support > 0
    order = [label for label in by_frequency(labels.tolist(), counts) if tested[label] or not tested.any()]
    names = [names[label] for label in order]
    f1 = {name: row["f1"][order] for name, row in rows.items()}
    untested = len(labels) - len(order)
    left_out = f"; {untested:,} label{'s' * (untested > 1)} without a test document left out" * (untested > 0)
    (*references, last), panels = f1, len(f1) - 1
    with drawing(output, 0.3 + 3.1 * panels, f"{title}: test F1 of each label, {last}{left_out}") as figure:
        for axes, reference in zip(figure.subplots(panels, 1, squeeze=False)[:, 0], references, strict=True):
            axes.set_title(f"{reference} → {last}", parse_math=False)
            _moves(axes, names, counts[order], f1[reference], f1[last])


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
                offset = (0, 5 if up else -5)
                break
        else:  # or beside a move that takes all the room
            (low, high), up, offset = (0.4, 0.4 + height), True, (5, 0)
        near = len(labels) / 55
        if any(abs(rank[label] - x) < near and low < top and high > bottom for x, bottom, top in taken):
            continue
        taken.append((rank[label], low, high))
        style: dict[str, Any] = {"ha": "center", "va": "bottom" if up else "top", "rotation": 90, "fontsize": 6.5}
        style |= {"xytext": offset, "textcoords": "offset points", "parse_math": False}
        axes.annotate(name, (rank[label], low if up else high), **style)
