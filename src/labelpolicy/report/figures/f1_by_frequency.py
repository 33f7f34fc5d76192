from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from labelpolicy.options import Title
from labelpolicy.report.drawing import COLOURS, DASHES, drawing, name_line_ends, read_labels, row_name

#: Bands of training documents a label: lower bounds.
BANDS = (0, 10, 30, 100, 300, 1000)
MARKERS = "osD^vP*"


def f1_by_frequency(
    files: Annotated[list[Path], typer.Argument(help="labels.parquet of decided cells, rows with one or more seeds.")],
    title: Title,
    **output: Path,
) -> None:
    """Macro-F1 of the rare and of the frequent labels, a line for each row, means over its seeds.

    Labels without a test document are left out.
    """
    tables, by_row = read_labels(files), dict[str, list[np.ndarray]]()
    for path, table in zip(files, tables, strict=True):
        by_row.setdefault(row_name(path), []).append(table["f1"])
    band = np.where(tables[0]["support"] > 0, np.digitize(tables[0]["train_count"], BANDS) - 1, -1)
    present = [each for each in reversed(range(len(BANDS))) if (band == each).any()]  # rows part at the rare labels
    with drawing(output, 3.9, f"{title}: test macro-F1 by training frequency of the labels") as figure:
        axes, ends = figure.subplots(), {}
        for index, (name, f1) in enumerate(by_row.items()):
            means = [float(np.mean(f1, axis=0)[band == each].mean()) for each in present]
            style: dict[str, Any] = {"color": COLOURS[index % len(COLOURS)], "linestyle": DASHES[index % len(DASHES)]}
            axes.plot(means, marker=MARKERS[index % len(MARKERS)], markersize=5, **style)
            ends[name] = (len(present) - 1.0, means[-1], style["color"])
        names = [f"{low:,}–{high - 1:,}" for low, high in pairwise(BANDS)] + [f"{BANDS[-1]:,} or more"]
        ticks = [f"{names[each]}\n({(band == each).sum():,})" for each in present]
        axes.set_xticks(range(len(present)), labels=ticks)
        axes.set(xlabel="training documents of the label (labels)", ylabel="macro-F1", ylim=(0, 1.02))
        name_line_ends(axes, ends)
