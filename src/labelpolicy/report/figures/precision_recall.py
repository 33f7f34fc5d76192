from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import precision_recall_curve as sklearn_curve

from labelpolicy.data.prepared import Prepared
from labelpolicy.data.scores import Scores
from labelpolicy.options import Pdf, Png, PreparedFolder, ScoresFile, ShownLabels, Title
from labelpolicy.report import chosen
from labelpolicy.report.drawing import COLOURS, DASHES, drawing

SPLITS = {"valid": "validation", "test": "test"}

#: Points drawn of a curve at most, so that a PDF stays small; they are spread evenly over recall.
POINTS = 300


@dataclass(frozen=True)
class Curve:
    """Precision and recall from the highest threshold to the lowest, and their values at a threshold of 0.5."""

    recall: np.ndarray
    precision: np.ndarray
    at_half: tuple[float, float] | None


def precision_recall_curve(y_score: np.ndarray, y_true: np.ndarray) -> Curve | None:
    """The curve of one label, or of all pairs of document and label (micro); None where nothing is true.

    ``y_score`` and ``y_true`` are of one shape.
    """
    y_score, y_true = y_score.ravel(), y_true.ravel()
    if not y_true.any():
        return None
    precision, recall, _ = (values[-2::-1] for values in sklearn_curve(y_true, y_score))
    above = y_score > 0.5
    tp = float((y_true & above).sum())
    half = (tp / y_true.sum(), tp / above.sum()) if above.any() else None
    if len(recall) > POINTS:
        # At each recall the first point and the last: between them precision falls straight down.
        levels = recall[np.searchsorted(recall, np.linspace(recall[0], 1, POINTS)).clip(0, len(recall) - 1)]
        ends = [np.searchsorted(recall, levels), np.searchsorted(recall, levels, side="right") - 1]
        kept = np.unique(np.concatenate(ends))
        recall, precision = recall[kept], precision[kept]
    return Curve(recall, precision, half)


def precision_recall(
    dataset: PreparedFolder, scores: ScoresFile, title: Title, pdf: Pdf, png: Png, label: ShownLabels = None
) -> None:
    """Precision and recall at every threshold, for all labels together (micro) and for a few, on both splits."""
    data = Prepared(dataset)
    shown = chosen.of(data, label)
    table = Scores(scores, data)
    curves = {}
    for split, name in SPLITS.items():
        y_score, y_true = table.split(split)
        curves[name] = {"all labels (micro)": precision_recall_curve(y_score, y_true)} | {
            data.labels[j]: precision_recall_curve(y_score[:, j], y_true[:, j]) for j in shown
        }
    with drawing(pdf, png, 3.9, f"{title}: precision and recall (dots: at 0.5)") as figure:
        panels = figure.subplots(1, len(SPLITS), sharey=True)
        for axes, (split, named) in zip(panels, curves.items(), strict=True):
            for index, (name, curve) in enumerate(named.items()):
                # The first line stands out; the others take colours and dashes in turn, black left out.
                colour = [c for c in COLOURS if c != "#000000"][(index - 1) % 6] if index else "black"
                style: dict[str, Any] = {"color": colour, "linestyle": DASHES[index % len(DASHES)]}
                name += "" if curve else " (none true)"
                points = (curve.recall, curve.precision) if curve else ([], [])
                axes.plot(*points, linewidth=1.3 if index else 2, label=name.replace("$", r"\$"), **style)
                if curve and curve.at_half:
                    axes.plot(*curve.at_half, "o", color=colour, markersize=5, markeredgecolor="white")
            axes.set_title(f"{split} split")
            axes.set_xlabel("recall")
            axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, handlelength=3)
        panels[0].set_ylabel("precision")
