from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from matplotlib.colors import Normalize

from labelpolicy.data.prepared import Prepared
from labelpolicy.data.registry import title as dataset_title
from labelpolicy.options import Pdf, Png, PreparedFolder
from labelpolicy.policy_file import Policy
from labelpolicy.report.drawing import (
    by_frequency,
    colour_bar,
    draw_cells,
    drawing,
    room_in_cell,
    text_width,
    weight_scale,
)


def policy(
    dataset: PreparedFolder,
    policy: Annotated[Path, typer.Option(help="policy.json with weights and thresholds.")],
    pdf: Pdf,
    png: Png,
) -> None:
    """Heatmaps of label weights N w (1 as in uniform training) and, where there are some, of thresholds p."""
    data = Prepared(dataset)
    learned = Policy.read(policy, data.labels)
    relative = learned.weights * len(data.labels)
    panels: list[tuple[str, np.ndarray, Normalize, float]] = [
        ("Training weight N·w (1 = uniform)", relative, weight_scale(relative, 1.5), 1.0)
    ]
    if learned.thresholds is not None:
        half = float(np.clip(np.abs(learned.thresholds - 0.5).max(), 0.1, 0.5))
        norm = Normalize(0.5 - half, 0.5 + half)
        panels.append(("Decision threshold p (0.5 = fixed)", learned.thresholds, norm, 0.5))
    order = by_frequency(data.labels, data.train_count)
    names, columns = [data.labels[label] for label in order], columns_for(data.labels)
    rows = -(-len(order) // columns)
    title = f"{dataset_title(data.name)}: labels by training frequency, row by row, most frequent first"
    with drawing(pdf, png, 0.4 + len(panels) * (0.21 * rows + 0.62), title) as figure:
        all_axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
        for axes, (name, values, norm, middle) in zip(all_axes, panels, strict=True):
            draw_cells(axes, names, values[order], (rows, columns), norm)
            axes.set_title(name)
            colour_bar(figure, axes, norm, middle, aspect=1.7 * rows, pad=0.01, fraction=0.02)


def columns_for(labels: list[str]) -> int:
    """As many columns as leave room for the longest name and its number, 6 at most."""
    longest = max(text_width(label, 6.5) for label in labels)
    return next((columns for columns in (6, 5, 4, 3) if longest <= room_in_cell(columns)), 2)
