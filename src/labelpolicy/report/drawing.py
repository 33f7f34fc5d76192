"""What all figures share: style, the saving of a figure, colours, and text that fits its place.

A figure is the same bytes for the same numbers. Lines carry their name at their end and differ in dash as well as in
colour; colour maps rise evenly in lightness, so that everything can be read by the colour-blind and in grey print.
"""

import contextlib
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.text import Text
from matplotlib.textpath import text_to_path
from matplotlib.ticker import NullLocator

from labelpolicy.cell import Trained
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_parquet, whole_file

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
    "svg.hashsalt": "labelpolicy",  # else ids are drawn at random
}
DATED = {"pdf": "CreationDate", "png": "Software", "svg": "Date"}  # what would change the bytes of a file
#: Asked, where they are installed, for letters that matplotlib's own font has not.
FALLBACK = """Noto Sans CJK SC, Noto Sans CJK JP, Noto Sans SC, Noto Sans JP, Source Han Sans SC, WenQuanYi Zen Hei,
WenQuanYi Micro Hei, IPAexGothic, Microsoft YaHei, Hiragino Sans GB, Noto Sans KR, Malgun Gothic, Noto Sans Thai,
Noto Sans Devanagari, Noto Sans Arabic, Noto Sans Hebrew, Noto Emoji""".replace("\n", " ").split(", ")
#: From this version on matplotlib joins letters and sets them from right to left where their script wants that.
SHAPES = tuple(map(int, matplotlib.__version__.split(".")[:2])) >= (3, 11)
#: What a figure says whose names are numbers.
NUMBERED = "#n: the nth label in the list of labels; no font at hand can draw its name"

WIDTH = 7.2  # inches: a page's text width

#: Labels that a grid of cells shows at most: two panels of them fill a page.
CELLS = 120

#: Okabe and Ito's colours and as many dashes, so that no two lines differ by colour alone.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
DASHES = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (3, 3)))
BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#777777"
SHADES = ("#d6e6f2", "#9cc3e0", "#4f94c7")  # bands of 100, 80 and 50 % of the labels


@contextlib.contextmanager
def drawing(files: Mapping[str, Path | None], height: float, title: str) -> Iterator[Figure]:
    """Yield a figure with its title; when the block ends, write it to the files (by kind), each whole or not at all.

    Where names in it are numbers (`figure_names`), a line below the title says so.

    Raises LabelPolicyError for files that do not end in .pdf, .png and .svg.
    """
    wanted, title = {kind: path for kind, path in files.items() if path is not None}, fill(title, 90)
    for kind, path in wanted.items():
        if path.suffix.lower() != f".{kind}":
            raise LabelPolicyError(f"{path}: expected a name ending in .{kind}: correct --{kind}")
    with matplotlib.style.context(["default", STYLE, {"font.family": [*families()]}]):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        figure.suptitle(title, fontsize=9, parse_math=False)
        yield figure
        if any(re.match(r"#\d+\b", text.get_text()) for text in figure.findobj(Text)):
            figure.suptitle(f"{title}\n{NUMBERED}", fontsize=9, parse_math=False)
        for kind, path in wanted.items():
            content = io.BytesIO()  # matplotlib's writer of PDF does not bear a full disk
            figure.savefig(content, format=kind, metadata={DATED[kind]: None})
            with whole_file(path) as temporary:
                temporary.write_bytes(content.getbuffer())


def read_rows(path: Path, columns: list[str]) -> dict[str, np.ndarray]:
    """Columns of a Parquet file. Raises LabelPolicyError for a file without one of them, or without a row."""
    table = read_parquet(path, columns)
    if len(table) == 0:
        raise LabelPolicyError(f"{path}: no rows, expected at least one: run the step that writes it again")
    return {column: table[column].to_numpy() for column in columns}


def name_line_ends(axes: Axes, ends: Mapping[str, tuple[float, float, str]]) -> None:
    """Write each line's name right of the axes at the height of its end, moved apart where names would touch."""
    low, high = axes.get_ylim()
    order = sorted(ends, key=lambda line: ends[line][1])
    wanted = np.array([(ends[line][1] - low) / (high - low) for line in order])
    for line, height in zip(order, spread_out(wanted, 0.085), strict=True):
        x, y, colour = ends[line]
        axes.plot(x, y, "|", markersize=5, color=colour, clip_on=False)
        arrow = {"arrowstyle": "-", "color": colour, "linewidth": 0.5, "shrinkA": 1, "shrinkB": 2}
        style: dict[str, Any] = {"va": "center", "fontsize": 7, "color": colour, "parse_math": False}
        axes.annotate(line, (x, y), (1.06, height), textcoords=axes.transAxes, arrowprops=arrow, **style)


def spread_out(wanted: np.ndarray, gap: float) -> np.ndarray:
    """Rising positions in [0, 1], as near to the wanted ones as a least gap between neighbours allows."""
    from scipy.optimize import isotonic_regression  # a third of a second, which most figures need not wait for

    shift = gap * np.arange(len(wanted))
    return isotonic_regression(wanted - shift).x.clip(0, 1 - gap * (len(wanted) - 1)) + shift


def read_labels(files: Sequence[Path]) -> list[dict[str, np.ndarray]]:
    """The labels.parquet of decided cells. Raises LabelPolicyError where they are not of the same labels."""
    tables = [read_rows(path, ["label", "train_count", "f1", "support"]) for path in files]
    for path, table in zip(files, tables, strict=True):
        if table["label"].tolist() != tables[0]["label"].tolist():
            fault = f"not the labels of {files[0]}, expected the same in the same order"
            raise LabelPolicyError(f"{path}: {fault}: decide both again")
    return tables


def row_name(path: Path) -> str:
    """Of the row that a labels.parquet is of: its label weights, and its thresholds where they are others."""
    weights, thresholds = Trained.of_path(path).weights, path.absolute().parent.name
    return weights if weights == thresholds else f"{weights}, {thresholds}".replace("fixed", "0.5")


def weight_scale(weights: np.ndarray, least: float = 1.25) -> LogNorm:
    """The scale of the colours of N w, logarithmic around 1: a factor of ``least`` either way at least, 10 at most."""
    factor = float(np.clip(np.exp(np.abs(np.log(np.maximum(weights, 1e-9))).max()), least, 10))
    return LogNorm(1 / factor, factor)


def colour_bar(figure: Figure, axes: Axes, norm: Normalize, middle: float, **place: Any) -> None:
    """A bar right of the axes, marked at its ends and at ``middle``."""
    bar = figure.colorbar(ScalarMappable(norm, "cividis"), ax=axes, location="right", **place)
    ticks = [float(norm.vmin or 0), middle, float(norm.vmax or 1)]
    bar.set_ticks(ticks, labels=[f"{tick:.2f}".rstrip("0").rstrip(".") for tick in ticks])
    bar.ax.yaxis.set_minor_locator(NullLocator())


def ink(colour: tuple[float, ...]) -> str:
    """What can be read on this colour (RGBA): black or white."""
    red, green, blue, _ = colour
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.45 else "white"


def by_frequency(labels: list[str], train_count: np.ndarray) -> list[int]:
    """Places of the labels, the most frequent first."""
    return sorted(range(len(labels)), key=lambda label: (-train_count[label], labels[label]))


def farthest(distance: np.ndarray) -> np.ndarray:
    """Places, ascending, of as many labels as a grid of cells can show (CELLS): those of the largest distance."""
    return np.sort(np.argsort(-distance, kind="stable")[:CELLS])


def room_in_cell(columns: int) -> float:
    """Points for a name in a cell, beside its number: the colour bar takes 8 % of the width, the number 32 points."""
    return 0.92 * WIDTH * 72 / columns - 32


def draw_cells(
    axes: Axes,
    names: Sequence[str],
    values: np.ndarray,
    shape: tuple[int, int],
    norm: Normalize,
    *,
    down: bool = False,
    indents: Sequence[float] | None = None,
) -> None:
    """A cell for each label with its name, its number and their colour, in a grid of (rows, columns).

    Cells follow each other along the rows, or ``down`` the columns. ``indents`` move names to the right, in points.
    """
    grid = np.full(shape[0] * shape[1], np.nan)
    grid[: len(values)] = values
    grid = grid.reshape(shape, order="F" if down else "C")
    mesh = axes.pcolormesh(grid, cmap="cividis", norm=norm, edgecolors="white", linewidth=1)
    for index, (name, value, indent) in enumerate(zip(names, values, indents or [0] * len(names), strict=True)):
        row, column = np.unravel_index(index, shape, order="F" if down else "C")
        style: dict[str, Any] = {"va": "center_baseline", "fontsize": 6.5, "color": ink(mesh.cmap(norm(value)))}
        short = shortened(name, room_in_cell(shape[1]) - indent)
        for x, inward, side, text in ((0, 3 + indent, "left", short), (1, -3, "right", f"{value:.2f}")):
            style |= {"xytext": (inward, 0), "textcoords": "offset points", "ha": side, "parse_math": False}
            axes.annotate(text, (column + x, row + 0.5), **style).set_in_layout(False)  # it stays in its cell
    axes.invert_yaxis()
    axes.set_axis_off()


def shortened(name: str, room: float, size: float = 6.5) -> str:
    """The name; wider than ``room`` points, it loses its middle, for both ends distinguish hierarchical labels."""
    shorter = (f"{name[: kept // 2]}…{name[-(kept - kept // 2) :]}" for kept in range(len(name) - 1, 1, -1))
    return next((text for text in (name, *shorter) if text_width(text, size) <= room), "…")


def text_width(text: str, size: float) -> float:
    """Width in points, in the fonts of figures; a dollar sign is a character here, not mathematics."""
    font = FontProperties(family=[*families()], size=size)
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0])


@cache
def families() -> tuple[str, ...]:
    """The fonts of figures: the one that comes with matplotlib, and after it those of FALLBACK that are installed."""
    installed = {font.name for font in fontManager.ttflist}
    return ("DejaVu Sans", *(name for name in FALLBACK if name in installed))


@cache
def _glyphs() -> frozenset[int]:
    fonts = (get_font(findfont(FontProperties(family=family), fallback_to_default=False)) for family in families())
    return frozenset().union(*(font.get_charmap() for font in fonts))


def can_draw(text: str) -> bool:
    """Whether the fonts of figures have every letter of the text, and matplotlib can set its script."""
    shaped = any(
        unicodedata.bidirectional(letter) in ("R", "AL") or unicodedata.category(letter) == "Mc" for letter in text
    )
    return _glyphs().issuperset(map(ord, text)) and (SHAPES or not shaped)


def figure_names(labels: Sequence[str]) -> list[str]:
    """How figures name the labels: as they are called, or ``#3``, the third of all, where no font can draw the name.

    `drawing` says NUMBERED in a figure that shows such a number.

    >>> figure_names(["sport", "Größe"])
    ['sport', 'Größe']
    """
    return [label if can_draw(label) else f"#{number}" for number, label in enumerate(labels, start=1)]
