from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from labelpolicy.cell import Trained
from labelpolicy.data.prepared import Prepared
from labelpolicy.options import PreparedFolder, ShownLabels, Title
from labelpolicy.policy_file import Policy
from labelpolicy.report import chosen
from labelpolicy.report.drawing import WIDTH, colour_bar, drawing, figure_names, ink, shortened, weight_scale


def weights(
    dataset: PreparedFolder,
    policy: Annotated[list[Path], typer.Option(help="policy.json of a learned policy. Repeatable.")],
    title: Title,
    label: ShownLabels = None,
    **output: Path,
) -> None:
    """Learned weights N w (1 is uniform) of a few labels as colours, a line for each policy (the paper's Figure 5)."""
    data = Prepared(dataset)
    shown = chosen.of(data, label)
    found = {Trained.of_path(path).weights: Policy.read(path, data.labels).weights for path in policy}
    values = np.array([weights[shown] * len(data.labels) for weights in found.values()])
    norm = weight_scale(values)
    title = f"{title}: learned training weights N·w of {len(shown)} labels"
    with drawing(output, 1.15 + 0.5 * len(values), title) as figure:
        axes = figure.subplots()
        mesh = axes.pcolormesh(values, cmap="cividis", norm=norm, edgecolors="white", linewidth=2)
        for (line, column), value in np.ndenumerate(values):
            style: dict[str, Any] = {"ha": "center", "va": "center", "color": ink(mesh.cmap(norm(value)))}
            axes.text(column + 0.5, line + 0.5, f"{value:.3f}", **style)
        room, all_names = 0.8 * WIDTH * 72 / len(shown), figure_names(data.labels)
        names = [f"{shortened(all_names[j], room, 8)}\n{data.train_count[j]:,}" for j in shown]
        axes.set_xticks(np.arange(len(shown)) + 0.5, labels=names, parse_math=False)
        axes.set_yticks(np.arange(len(values)) + 0.5, labels=list(found), parse_math=False)
        axes.set_xlabel("label; its training documents")
        axes.invert_yaxis()
        axes.tick_params(length=0)
        axes.grid(False)
        axes.spines[:].set_visible(False)
        colour_bar(figure, axes, norm, 1.0, pad=0.02, fraction=0.03)
