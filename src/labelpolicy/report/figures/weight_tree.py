"""Label weights over the whole hierarchy: the paper's claim that parents get less weight, for all labels at once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from labelpolicy.data.prepared import Prepared
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_json
from labelpolicy.options import Output, Pdf, Png, PreparedFolder, Title
from labelpolicy.policy_file import Policy
from labelpolicy.report.drawing import WIDTH, colour_bar, drawing, shortened, weight_scale, write_cell

COLUMNS = 3
INDENT = 9  # points a level


def weight_tree(
    dataset: PreparedFolder,
    policy: Annotated[Path, typer.Option(help="policy.json whose weights are drawn.")],
    correlations: Annotated[Path, Output("JSON to write: how weights go with depth and frequency.")],
    title: Title,
    pdf: Pdf,
    png: Png,
) -> None:
    """Label weights over the whole hierarchy, and whether parents get less of it.

    The tree goes down the columns, each label a cell with its N w as colour and number; the correlations stand below.
    """
    data = Prepared(dataset)
    if not any(data.parents):
        raise LabelPolicyError(f"{dataset}: the labels have no hierarchy to draw: use `labelpolicy figure policy`")
    name, labels, parents, depth = data.name, data.labels, data.parents, data.depth
    weights = Policy.read(policy, labels).weights
    found = correlate(labels, parents, depth, data.train_count, weights)
    relative = weights * len(labels)
    norm = weight_scale(relative)
    shown = order(labels, parents, data.train_count)
    rows = -(-len(shown) // COLUMNS)
    title = f"{title}: training weights N·w over the tree of labels"
    with drawing(pdf, png, 0.9 + 0.155 * rows, title) as figure:
        axes = figure.subplots()
        grid = np.full(rows * COLUMNS, np.nan)
        grid[: len(shown)] = relative[shown]
        mesh = axes.pcolormesh(
            grid.reshape(COLUMNS, rows).T, cmap="cividis", norm=norm, edgecolors="white", linewidth=1
        )
        room = 0.92 * WIDTH * 72 / COLUMNS - 32
        for index, label in enumerate(shown):
            indent = INDENT * (int(depth[label]) - 1)
            shown_name = labels[label].removeprefix(f"{parents[label]}/") if parents[label] else labels[label]
            colour, value = mesh.cmap(norm(relative[label])), f"{relative[label]:.2f}"
            write_cell(axes, divmod(index, rows), colour, shortened(shown_name, room - indent), value, indent)
        axes.invert_yaxis()
        axes.set_axis_off()
        colour_bar(figure, axes, norm, 1.0, pad=0.01, fraction=0.02, aspect=40)
        figure.supxlabel(words(found), fontsize=7, x=0.01, ha="left", parse_math=False)
    write_json(correlations, {"dataset": name} | found)


def correlate(
    labels: Sequence[str],
    parents: Sequence[str | None],
    depth: np.ndarray,
    train_count: np.ndarray,
    weights: np.ndarray,
) -> dict[str, Any]:
    """How ``weights`` go with depth and with training frequency, all (labels,).

    ``spearman`` has the rank correlations with two-sided p-values (None where one side is constant), also of depth with
    frequency, since parents are the frequent labels. ``pairs`` compares every label with its own parent: how many
    children weigh more, less, the same, and the two-sided sign test over those that differ.
    """
    from scipy.stats import binomtest  # scipy.stats is slow to import

    columns = {"weight": weights, "depth": depth, "train_count": train_count}
    place: dict[str | None, int] = {label: index for index, label in enumerate(labels)}
    children = [index for index, parent in enumerate(parents) if parent in place]
    more = weights[children] - weights[[place[parents[child]] for child in children]] if children else np.zeros(0)
    heavier, lighter = int((more > 0).sum()), int((more < 0).sum())
    differ = heavier + lighter
    return {
        "labels": len(labels),
        "spearman": {
            f"{first} and {second}": _spearman(columns[first], columns[second])
            for first, second in (("weight", "depth"), ("weight", "train_count"), ("depth", "train_count"))
        },
        "pairs": {
            "child_heavier": heavier,
            "child_lighter": lighter,
            "equal": len(children) - differ,
            "p": float(binomtest(heavier, differ).pvalue) if differ else None,
        },
    }


def _spearman(first: np.ndarray, second: np.ndarray) -> dict[str, float | None]:
    from scipy.stats import spearmanr

    if len(np.unique(first)) < 2 or len(np.unique(second)) < 2:
        return {"rho": None, "p": None}
    found = spearmanr(first, second)
    return {"rho": float(found.statistic), "p": float(found.pvalue)}


def words(found: dict[str, Any]) -> str:
    """The correlations in a line, for the figure."""

    def rho(key: str) -> str:
        entry = found["spearman"][key]
        return "none, one is constant" if entry["rho"] is None else f"{entry['rho']:+.2f} (p {_p(entry['p'])})"

    pairs = found["pairs"]
    sign = "" if pairs["p"] is None else f" (sign test p {_p(pairs['p'])})"
    return (
        f"Spearman's ρ of w with depth {rho('weight and depth')}, with training frequency "
        f"{rho('weight and train_count')}.\nA child weighs more than its parent in {pairs['child_heavier']} pairs, "
        f"less in {pairs['child_lighter']}, the same in {pairs['equal']}{sign}."
    )


def _p(value: float) -> str:
    return f"{value:.2g}" if value >= 0.001 else "< 0.001"


def order(labels: Sequence[str], parents: Sequence[str | None], train_count: np.ndarray) -> list[int]:
    """Labels as a tree is read: each parent before its children, siblings by falling frequency."""
    place: dict[str | None, int] = {label: index for index, label in enumerate(labels)}
    below: dict[int | None, list[int]] = {}
    for index, parent in enumerate(parents):
        below.setdefault(place.get(parent), []).append(index)

    def walk(node: int | None) -> list[int]:
        siblings = sorted(below.get(node, []), key=lambda label: (-train_count[label], labels[label]))
        return [found for label in siblings for found in (label, *walk(label))]

    return walk(None)
