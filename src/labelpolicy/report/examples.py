"""Two figures of the paper with numbers of ours: the reward of Eq. 6 worked out (Figure 3), weights of a few labels
(Figure 5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.ticker import NullLocator

from labelpolicy.report.figures import BLUE, GREY, VERMILION, WIDTH, drawing, shortened

#: Labels of the worked example, as in the paper's figure.
WORKED = 4


def worked_labels(truth: np.ndarray, scores: np.ndarray) -> tuple[int, list[int]]:
    """(document, labels) of the example: a document with two labels, them, and the best scored wrong ones.

    Of all such documents, the one that the classifier is least sure about; without one, of all documents. ``truth``
    bool and ``scores`` float are (documents, labels).
    """
    two = np.flatnonzero(truth.sum(axis=1) == 2)
    candidates = two if len(two) else np.arange(len(truth))

    def shown(document: int) -> list[int]:
        labels = range(truth.shape[1])
        return sorted(labels, key=lambda j: (not truth[document, j], -scores[document, j], j))[:WORKED]

    def doubt(document: int) -> float:
        y = scores[document, shown(document)].astype(np.float64)
        return float((y * (1 - y)).sum())

    document = max(map(int, candidates), key=doubt)  # the first of equals
    return document, shown(document)


def reward(
    labels: Sequence[str],
    truth: np.ndarray,
    scores: np.ndarray,
    thresholds: np.ndarray,
    terms: np.ndarray,
    *,
    name: str,
    rest: str,
    title: str,
    pdf: str | Path,
    png: str | Path,
) -> None:
    """Eq. 6 for one document: a line a label with y*, y beside p, and its term; the sum below.

    All arrays are (labels shown,); ``terms`` are those of the reward, and sum to what is written below them. ``name``
    is the document's, ``rest`` a sentence on the labels that are not shown.
    """
    with drawing(pdf, png, height=0.95 + 0.42 * len(labels)) as figure:
        figure.suptitle(f"{title}: the reward of Eq. 6, {name}", fontsize=9, parse_math=False)
        axes = figure.subplots()
        axes.set_axis_off()
        axes.set_xlim(0, 1)
        axes.set_ylim(len(labels) + 0.9, -0.9)
        left, width = 0.30, 0.22  # of the bars, from y = 0 to y = 1
        heads = ((0, "label", "left"), (0.26, "y*", "center"), (left, "0", "center"), (left + width, "1", "center"))
        heads += ((left + width / 2, "probability y, threshold p", "center"), (0.56, "(−1)^y* (p − y) / p", "left"))
        for x, text, side in (*heads, (1, "term", "right")):
            axes.text(x, -0.55, text, ha=side, va="center", color=GREY, parse_math=False)
        for line, (label, true, y, p, term) in enumerate(zip(labels, truth, scores, thresholds, terms, strict=True)):
            right = (y > p) == true
            axes.text(0, line, shortened(label, 0.23 * WIDTH * 72), va="center", parse_math=False)
            axes.text(0.26, line, str(int(true)), ha="center", va="center")
            axes.barh(line, width, left=left, height=0.5, color="#eeeeee")
            axes.barh(
                line,
                width * y,
                left=left,
                height=0.5,
                color=BLUE if right else VERMILION,
                hatch=None if right else "////",
            )
            axes.plot([left + width * p] * 2, [line - 0.38, line + 0.38], color="black", linewidth=1.6)
            sign = "−" if true else "+"
            axes.text(0.56, line, f"{sign} ({p:.3f} − {y:.3f}) / {p:.3f}", va="center")
            axes.text(1, line, f"{term:+.3f}".replace("-", "−"), ha="right", va="center")
        axes.plot([0.56, 1], [len(labels) - 0.45] * 2, color="black", linewidth=0.6)
        total = f"{terms.sum():+.3f}".replace("-", "−")
        axes.text(0.56, len(labels) + 0.05, f"sum over these {len(labels)} labels", va="center")
        axes.text(1, len(labels) + 0.05, total, ha="right", va="center", weight="bold")
        note = f"Bar: y; upright line: p. Blue: decided rightly; red, hatched: wrongly. {rest}".replace("-", "−")
        axes.text(0, len(labels) + 0.7, note, va="center", color=GREY, fontsize=7)


def chosen_weights(
    labels: Sequence[str],
    train_count: np.ndarray,
    weights: Mapping[str, np.ndarray],
    *,
    title: str,
    pdf: str | Path,
    png: str | Path,
) -> None:
    """N w of a few labels as colours, a line for each policy; ``weights`` are (labels shown,), 1 is uniform."""
    values = np.array(list(weights.values()))
    factor = float(np.clip(np.exp(np.abs(np.log(np.maximum(values, 1e-9))).max()), 1.25, 10))
    norm = LogNorm(1 / factor, factor)
    with drawing(pdf, png, height=1.15 + 0.5 * len(values)) as figure:
        figure.suptitle(f"{title}: learned training weights N·w of {len(labels)} labels", fontsize=9, parse_math=False)
        axes = figure.subplots()
        mesh = axes.pcolormesh(values, cmap="cividis", norm=norm, edgecolors="white", linewidth=2)
        for line, column in np.ndindex(values.shape):
            red, green, blue, _ = mesh.cmap(norm(values[line, column]))
            dark = 0.299 * red + 0.587 * green + 0.114 * blue <= 0.45
            axes.text(
                column + 0.5,
                line + 0.5,
                f"{values[line, column]:.3f}",
                ha="center",
                va="center",
                color="white" if dark else "black",
            )
        room = 0.8 * WIDTH * 72 / len(labels)
        names = [f"{shortened(label, room, 8)}\n{count:,}" for label, count in zip(labels, train_count, strict=True)]
        axes.set_xticks(np.arange(len(labels)) + 0.5, labels=names, parse_math=False)
        axes.set_yticks(np.arange(len(values)) + 0.5, labels=list(weights), parse_math=False)
        axes.set_xlabel("label; its training documents")
        axes.invert_yaxis()
        axes.tick_params(length=0)
        axes.grid(False)
        axes.spines[:].set_visible(False)
        bar = figure.colorbar(ScalarMappable(norm, "cividis"), ax=axes, location="right", pad=0.02, fraction=0.03)
        ticks = (1 / factor, 1.0, factor)
        bar.set_ticks(list(ticks), labels=[f"{tick:.2f}".rstrip("0").rstrip(".") for tick in ticks])
        bar.ax.yaxis.set_minor_locator(NullLocator())
