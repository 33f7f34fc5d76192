from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from matplotlib.axes import Axes

from labelpolicy.data.prepared import Prepared
from labelpolicy.data.scores import Scores
from labelpolicy.errors import LabelPolicyError
from labelpolicy.options import PreparedFolder, ScoresFile, Title
from labelpolicy.policy_file import Policy
from labelpolicy.report.drawing import BLUE, GREY, VERMILION, WIDTH, drawing, figure_names, shortened

#: Labels of the worked example, as in the paper's figure.
WORKED = 4
#: Documents that the example is chosen among.
LOOKED_AT = 1000
#: Where things stand, in widths of the figure: the label's y*, its bar from y = 0 to y = 1, and the term written out.
TRUTH, LEFT, BAR, FORMULA = 0.26, 0.30, 0.22, 0.56


def reward(
    dataset: PreparedFolder,
    policy: Annotated[Path, typer.Option(help="policy.json whose thresholds are used.")],
    scores: ScoresFile,
    title: Title,
    **output: Path,
) -> None:
    """The reward of Eq. 6 worked out on one validation document (the paper's Figure 3)."""
    data = Prepared(dataset)
    thresholds = Policy.read(policy, data.labels).thresholds
    if thresholds is None:
        raise LabelPolicyError(f"{policy}: has weights but no thresholds: expected the policy.json of a learned policy")
    y_score, y_true = Scores(scores, data).split("valid")
    document, shown = worked_labels(y_true, y_score)
    y, true = y_score[document].astype(np.float64), y_true[document]
    terms = np.where(true, -1, 1) * (thresholds - y) / thresholds
    name = data.truth("valid")[0][document]
    title = f"{title}: the reward of Eq. 6, validation document {name}"
    names = figure_names(data.labels)
    with drawing(output, 0.95 + 0.42 * len(shown), title) as figure:
        axes = figure.subplots()
        axes.set_axis_off()
        axes.set(xlim=(0, 1), ylim=(len(shown) + 0.9, -0.9))
        heads = [(0.0, "label", "left"), (TRUTH, "y*", "center"), (LEFT, "0", "center"), (LEFT + BAR, "1", "center")]
        heads += [(LEFT + BAR / 2, "probability y, threshold p", "center"), (FORMULA, "(−1)^y* (p − y) / p", "left")]
        for x, text, side in (*heads, (1.0, "term", "right")):
            axes.text(x, -0.55, text, ha=side, va="center", color=GREY, parse_math=False)
        for line, label in enumerate(shown):
            _line(axes, line, names[label], true[label], y[label], thresholds[label], terms[label])
        axes.plot([FORMULA, 1], [len(shown) - 0.45] * 2, color="black", linewidth=0.6)
        axes.text(FORMULA, len(shown) + 0.05, f"sum over these {len(shown)} labels", va="center")
        axes.text(1, len(shown) + 0.05, _signed(terms[shown].sum()), ha="right", va="center", weight="bold")
        note = (
            "Bar: y; upright line: p. Blue: decided rightly; red, hatched: wrongly. "
            f"All {len(data.labels)} labels of this document: {terms.sum():+.1f}."
        ).replace("-", "−")
        axes.text(0, len(shown) + 0.7, note, va="center", color=GREY, fontsize=7)


def _line(axes: Axes, line: int, label: str, true: bool, y: float, p: float, term: float) -> None:
    style: dict[str, Any] = {"color": BLUE} if (y > p) == true else {"color": VERMILION, "hatch": "////"}
    axes.text(0, line, shortened(label, 0.23 * WIDTH * 72), va="center", parse_math=False)
    axes.text(TRUTH, line, str(int(true)), ha="center", va="center")
    axes.barh(line, BAR, left=LEFT, height=0.5, color="#eeeeee")
    axes.barh(line, BAR * y, left=LEFT, height=0.5, **style)
    axes.plot([LEFT + BAR * p] * 2, [line - 0.38, line + 0.38], color="black", linewidth=1.6)
    axes.text(FORMULA, line, f"{'−' if true else '+'} ({p:.3f} − {y:.3f}) / {p:.3f}", va="center")
    axes.text(1, line, _signed(term), ha="right", va="center")


def _signed(term: float) -> str:
    return f"{term:+.3f}".replace("-", "−")


def worked_labels(y_true: np.ndarray, y_score: np.ndarray) -> tuple[int, list[int]]:
    """(document, labels) of the example: a document with two labels, them, and the best scored wrong ones.

    Of the first such documents (LOOKED_AT), the one that the classifier is least sure about; without one, of all
    documents. ``y_true`` bool and ``y_score`` float are (documents, labels).
    """
    two = np.flatnonzero(y_true.sum(axis=1) == 2)
    candidates = (two if len(two) else np.arange(len(y_true)))[:LOOKED_AT]

    def shown(document: int) -> list[int]:
        return np.lexsort((-y_score[document], ~y_true[document]))[:WORKED].tolist()  # stable: of equals the first

    def doubt(document: int) -> float:
        y = y_score[document, shown(document)].astype(np.float64)
        return float((y * (1 - y)).sum())

    document = max(map(int, candidates), key=doubt)  # the first of equals
    return document, shown(document)
