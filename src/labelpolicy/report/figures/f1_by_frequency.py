from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from labelpolicy.errors import LabelPolicyError
from labelpolicy.options import Pdf, Png, Title
from labelpolicy.report.drawing import COLOURS, DASHES, Svg, drawing, name_line_ends, read_rows, row_name

#: Bands of training documents a label: lower bounds.
BANDS = (0, 10, 30, 100, 300, 1000)
MARKERS = "osD^vP*"


def f1_by_frequency(
    files: Annotated[list[Path], typer.Argument(help="labels.parquet of decided cells, rows with one or more seeds.")],
    title: Title,
    pdf: Pdf,
    png: Png,
    svg: Svg = None,
) -> None:
    """Macro-F1 of the rare and of the frequent labels, a line for each row, means over its seeds.

    Labels without a test document are left out.
    """
    tables = [read_rows(path, ["label", "train_count", "f1", "support"]) for path in files]
    by_row: dict[str, list[np.ndarray]] = {}
    for path, table in zip(files, tables, strict=True):
        if table["label"].tolist() != tables[0]["label"].tolist():
            fault = f"not the labels of {files[0]}, expected the same in the same order"
            raise LabelPolicyError(f"{path}: {fault}: decide both again")
        by_row.setdefault(row_name(path), []).append(table["f1"])
    band = np.where(tables[0]["support"] > 0, np.digitize(tables[0]["train_count"], BANDS) - 1, -1)
    present = [each for each in reversed(range(len(BANDS))) if (band == each).any()]  # rows part at the rare labels
    seeds = max(map(len, by_row.values()))
    means_of = f", means over {seeds} seeds" * (seeds > 1)
    with drawing(pdf, png, svg, 3.9, f"{title}: test macro-F1 by training frequency of the labels{means_of}") as figure:
        axes, ends = figure.subplots(), {}
        for index, (name, f1) in enumerate(by_row.items()):
            means = [float(np.mean(f1, axis=0)[band == each].mean()) for each in present]
            style: dict[str, Any] = {"color": COLOURS[index % len(COLOURS)], "linestyle": DASHES[index % len(DASHES)]}
            axes.plot(means, marker=MARKERS[index % len(MARKERS)], markersize=5, **style)
            ends[name] = (len(present) - 1.0, means[-1], style["color"])
        ticks = [f"{_extent(each)}\n({(band == each).sum():,})" for each in present]
        axes.set_xticks(range(len(present)), labels=ticks)
        axes.set(xlabel="training documents of the label (labels)", ylabel="macro-F1", ylim=(0, 1.02))
        name_line_ends(axes, ends)


def _extent(band: int) -> str:
    low = BANDS[band]
    return f"{low:,} or more" if band == len(BANDS) - 1 else f"{low:,}–{BANDS[band + 1] - 1:,}"
