from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from matplotlib.colors import Normalize

from labelpolicy.data.prepared import Prepared
from labelpolicy.options import PreparedFolder, Title
from labelpolicy.policy_file import Policy
from labelpolicy.report.drawing import (
    by_frequency,
    colour_bar,
    draw_cells,
    drawing,
    farthest,
    figure_names,
    room_in_cell,
    text_width,
    weight_scale,
)


def policy(
    dataset: PreparedFolder,
    policy: Annotated[Path, typer.Option(help="policy.json with weights and thresholds.")],
    title: Title,
    **output: Path,
) -> None:
    """Heatmaps of label weights N w (1 as in uniform training) and, where there are some, of thresholds p.

    Of many labels those are shown that are farthest from uniform weights, and from 0.5.
    """
    data = Prepared(dataset)
    learned = Policy.read(policy, data.labels)
    relative = learned.weights * len(data.labels)
    far = np.abs(np.log(np.maximum(relative, 1e-9)))
    panels: list[tuple[str, np.ndarray, np.ndarray, Normalize, float]] = [
        ("Training weight N·w (1 = uniform)", relative, far, weight_scale(relative, 1.5), 1.0)
    ]
    if learned.thresholds is not None:
        far = np.abs(learned.thresholds - 0.5)
        half = float(np.clip(far.max(), 0.1, 0.5))
        norm = Normalize(0.5 - half, 0.5 + half)
        panels.append(("Decision threshold p (0.5 = fixed)", learned.thresholds, far, norm, 0.5))
    order, names = np.array(by_frequency(data.labels, data.train_count)), figure_names(data.labels)
    shown = [order[farthest(far[order])] for _, _, far, _, _ in panels]
    columns = columns_for([names[label] for labels in shown for label in labels])
    rows = -(-len(shown[0]) // columns)
    some = f"; the {len(shown[0])} of {len(names):,} labels that are farthest from it" * (len(shown[0]) < len(names))
    title = f"{title}: labels by training frequency, row by row, most frequent first"
    with drawing(output, 0.4 + len(panels) * (0.21 * rows + 0.62), title) as figure:
        all_axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
        for axes, labels, (name, values, _, norm, middle) in zip(all_axes, shown, panels, strict=True):
            draw_cells(axes, [names[label] for label in labels], values[labels], (rows, columns), norm)
            axes.set_title(name + some)
            colour_bar(figure, axes, norm, middle, aspect=1.7 * rows, pad=0.01, fraction=0.02)


def columns_for(labels: list[str]) -> int:
    """As many columns as leave room for names and numbers, 6 at most; up to one name in 20 is shortened for a third."""
    widths = sorted(text_width(label, 6.5) for label in labels)
    longest, most = widths[-1], widths[int(0.95 * (len(widths) - 1))]
    fitting = (columns for columns in (6, 5, 4, 3) if longest <= room_in_cell(columns))
    return next(fitting, 3 if most <= room_in_cell(3) else 2)
