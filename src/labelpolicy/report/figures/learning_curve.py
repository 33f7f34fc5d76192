from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from matplotlib.ticker import MaxNLocator

from labelpolicy.cell import Trained
from labelpolicy.options import Title
from labelpolicy.report.drawing import COLOURS, DASHES, drawing, name_line_ends, read_rows

PANELS = {
    "loss": "Training loss",
    "valid_accuracy": "Validation accuracy",
    "valid_macro_f1": "Validation macro-F1",
    "valid_micro_f1": "Validation micro-F1",
}


def learning_curve(
    histories: Annotated[list[Path], typer.Argument(help="history.parquet files of `labelpolicy train`.")],
    title: Title,
    **output: Path,
) -> None:
    """Training loss and validation measures per epoch, a line for each kind of label weights.

    A dot marks the epoch that was kept: the first of the best validation micro-F1.
    """
    found = {Trained.of_path(path).weights: read_rows(path, ["epoch", *PANELS]) for path in histories}
    with drawing(output, 5.2, f"{title}: learning curves by label weights (dots: the epoch kept)") as figure:
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
            name_line_ends(axes, ends)
