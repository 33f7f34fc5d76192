from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labelpolicy.data.prepared import Prepared
from labelpolicy.data.scores import Scores
from labelpolicy.options import PreparedFolder, ScoresFile, ShownLabels, Title
from labelpolicy.report import chosen
from labelpolicy.report.drawing import COLOURS, DASHES, drawing, figure_names, shortened

SPLITS = {"valid": "validation", "test": "test"}

#: Points drawn of a curve at most, so that a PDF stays small; they are spread evenly over recall.
POINTS = 300

#: Points that a label's name may take in the legend.
NAME = 100


@dataclass(frozen=True)
class Curve:
    """Precision and recall from the highest threshold to the lowest, and their values at a threshold of 0.5."""

    recall: np.ndarray
    precision: np.ndarray
    at_half: tuple[float, float] | None


def precision_recall_curve(y_score: np.ndarray, y_true: np.ndarray) -> Curve | None:
    """The curve of one label, or of all pairs of document and label (micro); None where nothing is true.

    At each recall it has the highest and the lowest threshold that give it: between them precision falls straight down.
    ``y_score`` and ``y_true`` are of one shape; besides a sorted copy of the scores it needs no memory.
    """
    y_score, y_true = y_score.ravel(), y_true.ravel()
    if not y_true.any():
        return None
    ascending, positives = np.sort(y_score), np.sort(y_score[y_true])
    edges, above = np.unique(positives)[::-1], (y_true & (y_score > 0.5)).sum()
    predicted, before = (len(ascending) - np.searchsorted(ascending, edges, side) for side in ("left", "right"))
    tp = len(positives) - np.searchsorted(positives, edges)
    found = np.column_stack(
        [np.append(0, tp), np.append(0, tp), np.append(0, predicted), np.append(before, len(y_true))]
    )
    if len(found) > POINTS // 2:
        kept = np.searchsorted(found[:, 0], np.linspace(found[1, 0], len(positives), POINTS // 2))
        found = found[np.unique(kept.clip(max=len(found) - 1))]
    tp, predicted = found[:, :2].ravel(), found[:, 2:].ravel()
    tp, predicted = tp[predicted > 0], predicted[predicted > 0]
    half = float(above / len(positives)), float(above / max((y_score > 0.5).sum(), 1))
    return Curve(tp / len(positives), tp / predicted, half if (y_score > 0.5).any() else None)


def precision_recall(
    dataset: PreparedFolder, scores: ScoresFile, title: Title, label: ShownLabels = None, **output: Path
) -> None:
    """Precision and recall at every threshold, for all labels together (micro) and for a few, on both splits."""
    data = Prepared(dataset)
    shown = chosen.of(data, label)
    table = Scores(scores, data)
    curves, names = {}, figure_names(data.labels)
    for split, name in SPLITS.items():
        y_score, y_true = table.split(split)
        curves[name] = {"all labels (micro)": precision_recall_curve(y_score, y_true)} | {
            names[j]: precision_recall_curve(y_score[:, j], y_true[:, j]) for j in shown
        }
    with drawing(output, 4.3, f"{title}: precision and recall (dots: at 0.5)") as figure:
        panels, handles = figure.subplots(1, len(SPLITS), sharey=True), {}
        for axes, (split, named) in zip(panels, curves.items(), strict=True):
            for index, (name, curve) in enumerate(named.items()):
                # The first line stands out; the others take colours and dashes in turn, black left out.
                colour = [c for c in COLOURS if c != "#000000"][(index - 1) % 6] if index else "black"
                style: dict[str, Any] = {"color": colour, "linestyle": DASHES[index % len(DASHES)]}
                points = (curve.recall, curve.precision) if curve else ([], [])
                (handles[name],) = axes.plot(*points, linewidth=1.3 if index else 2, **style)
                if curve and curve.at_half:
                    axes.plot(*curve.at_half, "o", color=colour, markersize=5, markeredgecolor="white")
            axes.set_title(f"{split} split")
            axes.set_xlabel("recall")
            axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        panels[0].set_ylabel("precision")
        none = {name: [split for split, named in curves.items() if named[name] is None] for name in handles}
        words = [shortened(name, NAME, 8) + f" (none true: {', '.join(of)})" * bool(of) for name, of in none.items()]
        legend = figure.legend(handles.values(), words, loc="outside lower center", ncols=2)
        for text in legend.get_texts():
            text.set_parse_math(False)
