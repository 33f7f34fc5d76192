"""Figures over many decisions or runs: precision and recall at every threshold, measures by initial policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.ticker import MaxNLocator

from labelpolicy.report.figures import BLUE, COLOURS, DASHES, GREY, SHADES, drawing

#: Points drawn of a curve at most, so that a PDF stays small; they are spread evenly over recall.
POINTS = 300


@dataclass(frozen=True)
class Curve:
    """Precision and recall from the highest threshold to the lowest, and their values at a threshold of 0.5."""

    recall: np.ndarray
    precision: np.ndarray
    at_half: tuple[float, float] | None


def precision_recall_curve(scores: np.ndarray, truth: np.ndarray) -> Curve | None:
    """The curve of one label, or of all pairs of document and label (micro); None where nothing is true.

    ``scores`` and ``truth`` are of one shape; a threshold between two scores is meant, so equal ones count together.
    """
    scores, truth = scores.ravel(), truth.ravel()
    positives = int(truth.sum())
    if not positives:
        return None
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.append(ranked[:-1] != ranked[1:], True)  # the last of each run of equal scores
    hits, chosen = np.cumsum(truth[order])[last], np.arange(1, len(scores) + 1)[last]
    recall, precision = hits / positives, hits / chosen
    above = scores > 0.5
    half = (
        (float((truth & above).sum() / positives), float((truth & above).sum() / above.sum())) if above.any() else None
    )
    if len(recall) > POINTS:
        # At each recall the first point and the last: between them precision falls straight down.
        levels = recall[np.searchsorted(recall, np.linspace(recall[0], 1, POINTS)).clip(0, len(recall) - 1)]
        ends = [np.searchsorted(recall, levels), np.searchsorted(recall, levels, side="right") - 1]
        kept = np.unique(np.concatenate(ends))
        recall, precision = recall[kept], precision[kept]
    return Curve(recall, precision, half)


def precision_recall(
    curves: Mapping[str, Mapping[str, Curve | None]], *, title: str, pdf: str | Path, png: str | Path
) -> None:
    """A panel for each split (``curves``: split -> name -> curve), the first name in black and thick."""
    with drawing(pdf, png, height=3.9) as figure:
        figure.suptitle(f"{title}: precision and recall (dots: at 0.5)", fontsize=9, parse_math=False)
        panels = figure.subplots(1, len(curves), sharey=True)
        for axes, (split, named) in zip(np.atleast_1d(panels), curves.items(), strict=True):
            for index, (name, curve) in enumerate(named.items()):
                # The first line stands out; the others take colours and dashes in turn, black left out.
                colour = "black" if index == 0 else [c for c in COLOURS if c != "#000000"][(index - 1) % 6]
                dash = DASHES[index % len(DASHES)]
                width = 2 if index == 0 else 1.3
                points = ([], []) if curve is None else (curve.recall, curve.precision)
                label = name + (" (none true)" if curve is None else "")
                axes.plot(*points, color=colour, linestyle=dash, linewidth=width, label=label.replace("$", r"\$"))
                if curve is not None and curve.at_half is not None:
                    axes.plot(*curve.at_half, "o", color=colour, markersize=5, markeredgecolor="white")
            axes.set_title(f"{split} split")
            axes.set_xlabel("recall")
            axes.set_xlim(-0.02, 1.02)
            axes.set_ylim(-0.02, 1.02)
            axes.set_aspect("equal")
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, handlelength=3)
        np.atleast_1d(panels)[0].set_ylabel("precision")


def robustness(
    runs: Mapping[str, np.ndarray], *, titles: Mapping[str, str], title: str, pdf: str | Path, png: str | Path
) -> None:
    """A dot for each random initial policy, a panel for each measure, with the mean and one standard deviation."""
    with drawing(pdf, png, height=2.6) as figure:
        figure.suptitle(f"{title}: test measures from random initial policies", fontsize=9, parse_math=False)
        # One height for all panels, so that a wide spread looks wide.
        half = 0.6 * max(max(float(np.ptp(values)) for values in runs.values()), 0.01)
        for axes, (measure, values) in zip(figure.subplots(1, len(runs)), runs.items(), strict=True):
            mean, deviation = float(np.mean(values)), float(np.std(values, ddof=1))
            axes.axhspan(mean - deviation, mean + deviation, color=SHADES[0], linewidth=0)
            axes.axhline(mean, color=GREY, linewidth=1, linestyle="--")
            axes.plot(np.arange(1, len(values) + 1), values, "o", color=BLUE, markersize=5)
            middle = (float(np.min(values)) + float(np.max(values))) / 2
            axes.set_ylim(middle - half, middle + half)
            axes.set_title(f"{titles[measure]}: {mean:.3f} ± {deviation:.4f}")
            axes.set_xlabel("initial policies, by number")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set_xlim(0.3, len(values) + 0.7)
