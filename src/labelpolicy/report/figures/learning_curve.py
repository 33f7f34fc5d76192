from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from scipy.optimize import isotonic_regression

from labelpolicy.cell import Trained
from labelpolicy.options import Pdf, Png, Title
from labelpolicy.report.drawing import COLOURS, DASHES, drawing, read_rows

PANELS = {
    "loss": "Training loss",
    "valid_accuracy": "Validation accuracy",
    "valid_macro_f1": "Validation macro-F1",
    "valid_micro_f1": "Validation micro-F1",
}


def learning_curve(
    histories: Annotated[list[Path], typer.Argument(help="history.parquet files of `labelpolicy train`.")],
    title: Title,
    pdf: Pdf,
    png: Png,
) -> None:
    """Training loss and validation measures per epoch, a line for each kind of label weights.

    A dot marks the epoch that was kept: the first of the best validation micro-F1.
    """
    found = {Trained.of_path(path).weights: read_rows(path, ["epoch", *PANELS]) for path in histories}
    with drawing(pdf, png, 5.2, f"{title}: learning curves by label weights (dots: the epoch kept)") as figure:
        for axes, (measure, name) in zip(figure.subplots(2, 2).flat, PANELS.items(), strict=True):
            ends = {}
            for index, (line, history) in enumerate(found.items()):
                colour, dash = COLOURS[index % len(COLOURS)], DASHES[index % len(DASHES)]
                epoch, values = history["epoch"], history[measure]
                kept = int(np.argmax(history["valid_micro_f1"]))
                axes.plot(epoch, values, color=colour, linestyle=dash)
                axes.plot(epoch[kept], values[kept], "o", color=colour, markersize=5, markeredgecolor="white")
                ends[line] = (float(epoch[-1]), float(values[-1]), colour)
            axes.set_title(name)
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
            if measure == "loss":
                axes.set_ylim(bottom=0)
            else:
                axes.set_ylim(top=min(axes.get_ylim()[1], 1.01))  # measures are shares
            _name_line_ends(axes, ends)


def _name_line_ends(axes: Axes, ends: Mapping[str, tuple[float, float, str]]) -> None:
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
    shift = gap * np.arange(len(wanted))
    return isotonic_regression(wanted - shift).x.clip(0, 1 - gap * (len(wanted) - 1)) + shift
