"""The figures: policies by label, learning curves, the meta-learner's trace, F1 by label frequency.

Each function takes plain arrays and writes one figure as PDF and PNG, the same bytes for the same arrays.
Lines carry their name at their end and differ in dash as well as in colour; colour maps rise evenly in lightness,
so that everything can be read by the colour-blind and in grey print.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.textpath import TextPath
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator
from matplotlib.transforms import blended_transform_factory

from labelpolicy.files import whole_file

#: Set on top of matplotlib's defaults, never on a user's matplotlibrc, which would change the bytes.
STYLE = {
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "pdf.fonttype": 42,  # TrueType: text in the PDF can be searched and edited
    "savefig.dpi": 200,
}
WIDTH = 7.2  # inches: a page's text width

#: Okabe and Ito's colours and as many dashes, so that no two lines differ by colour alone.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
DASHES = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (3, 3)))
BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#777777"
SHADES = ("#d6e6f2", "#9cc3e0", "#4f94c7")  # bands of 100, 80 and 50 % of the labels


@contextlib.contextmanager
def drawing(pdf: str | Path, png: str | Path, height: float) -> Iterator[Figure]:
    """Yield an empty figure; when the block ends, write it to both files, each whole or not at all."""
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        yield figure
        for path, metadata in ((pdf, {"CreationDate": None}), (png, {"Software": None})):
            with whole_file(path) as temporary:
                figure.savefig(temporary, metadata=metadata, format="pdf" if path is pdf else "png")


# Policies by label -----------------------------------------------------------------------------------------------


def heatmap(
    labels: Sequence[str],
    train_count: np.ndarray,
    weights: np.ndarray,
    thresholds: np.ndarray | None,
    *,
    title: str,
    pdf: str | Path,
    png: str | Path,
) -> None:
    """A cell per label with its name and number, the most frequent label first: N w above, p below.

    ``weights`` sum to 1, so that N w is 1 for a label weighed as in uniform training. A policy without thresholds
    gets no second panel.
    """
    order = sorted(range(len(labels)), key=lambda label: (-train_count[label], labels[label]))
    relative = weights * len(labels)
    # Equal factors up and down get equal steps of lightness; a few extreme weights must not flatten all others.
    factor = float(np.clip(np.exp(np.abs(np.log(np.maximum(relative, 1e-9))).max()), 1.5, 10))
    panels = [("Training weight N·w (1 = uniform)", relative, LogNorm(1 / factor, factor), (1 / factor, 1.0, factor))]
    if thresholds is not None:
        half = float(np.clip(np.abs(thresholds - 0.5).max(), 0.1, 0.5))
        norm = Normalize(0.5 - half, 0.5 + half)
        panels.append(("Decision threshold p (0.5 = fixed)", thresholds, norm, (norm.vmin, 0.5, norm.vmax)))
    columns = _columns(labels)
    rows = -(-len(labels) // columns)
    with drawing(pdf, png, height=0.4 + len(panels) * (0.21 * rows + 0.62)) as figure:
        figure.suptitle(
            f"{title}: labels by training frequency, row by row, most frequent first", fontsize=9, parse_math=False
        )
        for axes, (name, values, norm, ticks) in zip(
            np.atleast_1d(figure.subplots(len(panels), 1)), panels, strict=True
        ):
            _cells(axes, [labels[label] for label in order], values[order], columns, norm)
            axes.set_title(name)
            bar = figure.colorbar(
                ScalarMappable(norm, "cividis"), ax=axes, location="right", aspect=1.7 * rows, pad=0.01, fraction=0.02
            )
            bar.set_ticks(list(ticks), labels=[f"{tick:.2f}".rstrip("0").rstrip(".") for tick in ticks])
            bar.ax.yaxis.set_minor_locator(NullLocator())


def _columns(labels: Sequence[str]) -> int:
    """As many columns as leave room for the longest name and its number, 6 at most."""
    longest = max(_text_width(label, 6.5) for label in labels)
    return next((columns for columns in (6, 5, 4, 3) if longest <= _room(columns)), 2)


def _room(columns: int) -> float:
    """Points for a name in a cell, beside its number: the colour bar takes 8 % of the width, the number 32 points."""
    return 0.92 * WIDTH * 72 / columns - 32


def _text_width(text: str, size: float) -> float:
    """Width in points, in the font that comes with matplotlib; a dollar sign is a character here, not mathematics."""
    plain = text.replace("$", "S")
    return (
        TextPath((0, 0), plain, size=size, prop=FontProperties("DejaVu Sans")).get_extents().width
        if plain.strip()
        else 0.0
    )


def _cells(axes: Axes, names: list[str], values: np.ndarray, columns: int, norm: Normalize) -> None:
    rows = -(-len(names) // columns)
    padded = np.full(rows * columns, np.nan)
    padded[: len(values)] = values
    mesh = axes.pcolormesh(padded.reshape(rows, columns), cmap="cividis", norm=norm, edgecolors="white", linewidth=1)
    room = _room(columns)
    for index, (name, value) in enumerate(zip(names, values, strict=True)):
        row, column = divmod(index, columns)
        write_cell(axes, (column, row), mesh.cmap(norm(value)), shortened(name, room), f"{value:.2f}")
    axes.invert_yaxis()
    axes.set_axis_off()


def write_cell(
    axes: Axes, place: tuple[int, int], colour: tuple[float, ...], name: str, value: str, indent: float = 0
) -> None:
    """Name and value in the cell at ``place`` (column, row), in what can be read on its ``colour`` (RGBA).

    ``indent`` moves the name to the right, in points.
    """
    column, row = place
    red, green, blue, _ = colour
    for x, inward, side, text in ((0, 3 + indent, "left", name), (1, -3, "right", value)):
        axes.annotate(
            text,
            (column + x, row + 0.5),
            xytext=(inward, 0),
            textcoords="offset points",
            ha=side,
            va="center_baseline",
            fontsize=6.5,
            color="black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.45 else "white",
            parse_math=False,
        )


def shortened(name: str, room: float, size: float = 6.5) -> str:
    """The name; wider than ``room`` points, it loses its middle, for both ends tell hierarchical labels apart."""
    if _text_width(name, size) <= room:
        return name
    for kept in range(len(name) - 1, 1, -1):
        short = name[: kept // 2] + "…" + name[len(name) - (kept - kept // 2) :]
        if _text_width(short, size) <= room:
            return short
    return "…"


# Learning curves -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class History:
    """One training: the measures of every epoch."""

    epoch: np.ndarray
    loss: np.ndarray
    valid_accuracy: np.ndarray
    valid_macro_f1: np.ndarray
    valid_micro_f1: np.ndarray


def learning_curve(histories: Mapping[str, History], *, title: str, pdf: str | Path, png: str | Path) -> None:
    """Training loss and validation measures by epoch, one line a training, named at its end."""
    panels = {
        "loss": "Training loss",
        "valid_accuracy": "Validation accuracy",
        "valid_macro_f1": "Validation macro-F1",
        "valid_micro_f1": "Validation micro-F1",
    }
    with drawing(pdf, png, height=5.2) as figure:
        figure.suptitle(f"{title}: learning curves by label weights", fontsize=9, parse_math=False)
        for axes, (measure, name) in zip(figure.subplots(2, 2).flat, panels.items(), strict=True):
            ends = {}
            for index, (line, history) in enumerate(histories.items()):
                values = getattr(history, measure)
                style = {"color": COLOURS[index % len(COLOURS)], "linestyle": DASHES[index % len(DASHES)]}
                axes.plot(history.epoch, values, linewidth=1.3, **style)
                ends[line] = (float(history.epoch[-1]), float(values[-1]), style["color"])
            axes.set_title(name)
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
            if measure == "loss":
                axes.set_ylim(bottom=0)
            _name_line_ends(axes, ends)


def _name_line_ends(axes: Axes, ends: Mapping[str, tuple[float, float, str]]) -> None:
    """Write each line's name right of the axes at the height of its end, moved apart where names would touch."""
    low, high = axes.get_ylim()
    order = sorted(ends, key=lambda line: ends[line][1])
    wanted = np.array([(ends[line][1] - low) / (high - low) for line in order])
    beside = blended_transform_factory(axes.transAxes, axes.transAxes)
    for line, height in zip(order, _apart(wanted, 0.085), strict=True):
        x, y, colour = ends[line]
        axes.plot(x, y, "o", markersize=3, color=colour, clip_on=False)
        axes.annotate(
            line,
            xy=(x, y),
            xycoords="data",
            xytext=(1.06, height),
            textcoords=beside,
            va="center",
            fontsize=7,
            color=colour,
            parse_math=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5, "shrinkA": 1, "shrinkB": 2},
        )


def _apart(wanted: np.ndarray, gap: float) -> np.ndarray:
    """Rising positions in [0, 1], as near to the wanted ones as a least gap between neighbours allows."""
    shifted = wanted - gap * np.arange(len(wanted))
    # The closest rising sequence: neighbours in the wrong order are pooled at their mean.
    pools: list[list[float]] = []
    for value in shifted:
        pools.append([value])
        while len(pools) > 1 and np.mean(pools[-2]) >= np.mean(pools[-1]):
            pools[-2:] = [pools[-2] + pools[-1]]
    spread = np.concatenate([np.full(len(pool), np.mean(pool)) for pool in pools]).clip(0, 1 - gap * (len(wanted) - 1))
    return spread + gap * np.arange(len(wanted))


# The meta-learner's trace ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trace:
    """Time steps of Algorithm 1 (or of one rollout): reward, and quantiles over labels of p and N w, (steps, 7)."""

    episode: np.ndarray
    step: np.ndarray
    reward: np.ndarray
    p: np.ndarray
    w: np.ndarray

    def by_episode(self) -> Trace:
        """The means of each episode; a trace of a single episode stays as it is, step by step."""
        episodes = np.unique(self.episode)
        if len(episodes) == 1:
            return self

        def mean(values: np.ndarray) -> np.ndarray:
            return np.array([values[self.episode == episode].mean(axis=0) for episode in episodes])

        return Trace(episodes, episodes * 0, mean(self.reward), mean(self.p), mean(self.w))


def trace(traces: Mapping[str, Trace], *, title: str, pdf: str | Path, png: str | Path) -> None:
    """By episode, a column per policy: mean reward of a step, and bands of p and N w over labels.

    A trace of one episode, such as a rollout, is drawn step by step.
    """
    with drawing(pdf, png, height=6.2) as figure:
        figure.suptitle(f"{title}: what the meta-learner does", fontsize=9, parse_math=False)
        grid = figure.subplots(3, len(traces), squeeze=False, sharex="col")
        for column, (name, steps) in enumerate(traces.items()):
            means = steps.by_episode()
            single = len(np.unique(steps.episode)) == 1
            x = means.step if single else means.episode
            reward, p, w = grid[:, column]
            _reward(reward, x, means.reward)
            reward.set_title(f"{name}: {'reward' if single else 'mean reward'} of a step", parse_math=False)
            _bands(p, x, means.p)
            p.set_title("thresholds p over labels")
            p.set_ylim(0, 1)
            _bands(w, x, means.w)
            w.set_yscale("log")
            w.axhline(1, color=GREY, linewidth=0.6, linestyle=":")
            _plain_log_ticks(w)
            w.set_title("weights N·w over labels (1 = uniform)")
            w.set_xlabel("step" if single else "episode")
            w.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        handles = [Line2D([], [], color="black", linewidth=1.3), *(Patch(color=colour) for colour in reversed(SHADES))]
        names = ("median label", "25–75 % of the labels", "10–90 %", "all")
        figure.legend(handles, names, loc="outside lower center", ncols=4)


def _reward(axes: Axes, x: np.ndarray, reward: np.ndarray) -> None:
    """A line; on a logarithmic scale (linear around 0) where rewards diverge, as those of Eq. 6 do."""
    axes.plot(x, reward, color=BLUE, linewidth=1.3)
    first, largest = np.median(np.abs(reward[: max(len(reward) // 10, 1)])), np.abs(reward).max()
    if largest > max(100 * first, 1000):
        axes.set_yscale("symlog", linthresh=10 ** np.floor(np.log10(max(first, 1))))
        axes.set_ylabel("logarithmic scale")


def _bands(axes: Axes, x: np.ndarray, quantiles: np.ndarray) -> None:
    """The median, and bands that hold 100, 80 and 50 % of the labels."""
    lowest, tenth, quarter, median, three_quarters, ninetieth, highest = quantiles.T
    axes.fill_between(x, lowest, highest, color=SHADES[0], linewidth=0)
    axes.fill_between(x, tenth, ninetieth, color=SHADES[1], linewidth=0)
    axes.fill_between(x, quarter, three_quarters, color=SHADES[2], linewidth=0)
    axes.plot(x, median, color="black", linewidth=1.3)
    axes.margins(x=0.01)


def _plain_log_ticks(axes: Axes) -> None:
    """0.5, 1, 2 rather than powers of ten in exponents."""
    low, high = axes.get_ylim()
    low, high = min(low, 0.8), max(high, 1.25)
    axes.set_ylim(low, high)
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    steps = (1, 1.2, 1.5, 2, 3, 4, 5, 6, 8) if high / low < 5 else (1, 2, 5) if high / low < 300 else (1,)
    ticks = [step * 10.0**decade for decade in decades for step in steps if low <= step * 10.0**decade <= high]
    axes.set_yticks(ticks)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


# F1 by label frequency -------------------------------------------------------------------------------------------

#: Bands of training documents a label: lower bounds.
BANDS = (0, 10, 30, 100, 300, 1000)


def label_f1(
    labels: Sequence[str],
    train_count: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    *,
    names: tuple[str, str],
    title: str,
    pdf: str | Path,
    png: str | Path,
    named: int = 8,
) -> None:
    """Test F1 of every label before and after, the most frequent label first, and the means by frequency band.

    The ``named`` labels that move the most, up or down, carry their names.
    """
    order = np.array(sorted(range(len(labels)), key=lambda label: (-train_count[label], labels[label])))
    before, after, counts = before[order], after[order], train_count[order]
    rank = np.arange(len(order))
    with drawing(pdf, png, height=5.6) as figure:
        figure.suptitle(f"{title}: test F1 of each label, {names[0]} → {names[1]}", fontsize=9, parse_math=False)
        above, below = figure.subplots(2, 1, height_ratios=(2, 1))
        for moved, colour, marker, name in (
            (after > before, BLUE, "^", "better"),
            (after < before, VERMILION, "v", "worse"),
            (after == before, GREY, "o", "the same"),
        ):
            above.vlines(rank[moved], before[moved], after[moved], color=colour, linewidth=1)
            above.plot(
                rank[moved],
                after[moved],
                marker,
                color=colour,
                markersize=4,
                linestyle="none",
                label=f"{name}: {moved.sum()} labels",
            )
        above.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, handletextpad=0.2, borderaxespad=0.2)
        above.set_ylabel("F1")
        above.set_ylim(-0.03, 1.03)
        above.set_xlim(-1, len(order))
        ticks = np.unique(np.linspace(0, len(order) - 1, min(10, len(order))).round().astype(int))
        above.set_xticks(ticks, labels=[f"{counts[tick]:,}" for tick in ticks])
        above.set_xlabel("labels by frequency; training documents of the label")
        _name_movers(above, [labels[label] for label in order], rank, before, after, named)
        _band_means(below, counts, before, after, names)


def _name_movers(
    axes: Axes, labels: list[str], rank: np.ndarray, before: np.ndarray, after: np.ndarray, named: int
) -> None:
    """Names of the largest moves, upright, beyond the marker; a name that would touch an earlier one is left out."""
    moves = np.abs(after - before)
    taken: list[tuple[float, float, float]] = []
    for label in sorted(range(len(labels)), key=lambda label: (-moves[label], label))[:named]:
        if moves[label] == 0:
            break
        up = after[label] > before[label]
        height = 0.016 * len(labels[label]) + 0.04
        low, high = (after[label], after[label] + height) if up else (after[label] - height, after[label])
        if low < -0.03 or high > 1.05:  # no room beyond the marker: beyond the other end of the move
            low, high = (before[label] - height, before[label]) if up else (before[label], before[label] + height)
            up = not up
        near = len(labels) / 55
        if any(
            abs(rank[label] - x) < near and low < other_high and high > other_low for x, other_low, other_high in taken
        ):
            continue
        taken.append((rank[label], low, high))
        axes.annotate(
            labels[label],
            (rank[label], low if up else high),
            xytext=(0, 5 if up else -5),
            textcoords="offset points",
            rotation=90,
            ha="center",
            va="bottom" if up else "top",
            fontsize=6.5,
            parse_math=False,
        )


def _band_means(axes: Axes, counts: np.ndarray, before: np.ndarray, after: np.ndarray, names: tuple[str, str]) -> None:
    """Mean F1 before and after of the labels in each frequency band, as bars with their numbers."""
    band = np.digitize(counts, BANDS) - 1
    present = sorted(set(band.tolist()), reverse=True)
    for x, each in enumerate(present):
        inside = band == each
        for offset, values, colour, hatch in ((-0.2, before, "#bbbbbb", None), (0.2, after, BLUE, "///")):
            mean = values[inside].mean()
            axes.bar(x + offset, mean, width=0.38, color=colour, hatch=hatch, edgecolor="white", linewidth=0)
            axes.text(x + offset, mean + 0.02, f"{mean:.2f}", ha="center", va="bottom", fontsize=7)
    axes.set_xticks(range(len(present)), labels=[_band_name(each, int((band == each).sum())) for each in present])
    axes.set_xlabel("training documents of the label")
    axes.set_ylabel("mean F1")
    axes.set_ylim(0, 1.1)
    axes.grid(visible=False, axis="x")
    axes.set_title(f"Mean of each band: left {names[0]}, right (hatched) {names[1]}", parse_math=False)


def _band_name(band: int, labels: int) -> str:
    low = BANDS[band]
    extent = f"{low:,} or more" if band == len(BANDS) - 1 else f"{low:,}–{BANDS[band + 1] - 1:,}"
    return f"{extent}\n({labels} label{'' if labels == 1 else 's'})"
