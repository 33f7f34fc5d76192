"""Label weights over the whole hierarchy: the paper's claim that parents get less weight, for all labels at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.ticker import NullLocator
from scipy.stats import binomtest, spearmanr

from labelpolicy.report.figures import WIDTH, drawing, shortened, write_cell

COLUMNS = 3
INDENT = 9  # points a level


def correlations(
    labels: Sequence[str],
    parents: Sequence[str | None],
    depth: np.ndarray,
    train_count: np.ndarray,
    weights: np.ndarray,
) -> dict[str, Any]:
    """How ``weights`` go with depth and with training frequency, all (labels,).

    ``spearman`` has the rank correlations with two-sided p-values (None where one side is constant): of the weight with
    depth and with frequency, and of these two with each other, since parents are the frequent labels and a correlation
    with the one may be that with the other. ``pairs`` compares every label with its own parent: how many children weigh
    more, less, the same, and the two-sided sign test over those that differ.
    """
    columns = {"weight": weights, "depth": depth, "train_count": train_count}
    place = {label: index for index, label in enumerate(labels)}
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
    place = {label: index for index, label in enumerate(labels)}
    below: dict[int | None, list[int]] = {}
    for index, parent in enumerate(parents):
        below.setdefault(place.get(parent), []).append(index)

    def walk(node: int | None) -> list[int]:
        siblings = sorted(below.get(node, []), key=lambda label: (-train_count[label], labels[label]))
        return [found for label in siblings for found in (label, *walk(label))]

    return walk(None)


def weight_tree(
    labels: Sequence[str],
    parents: Sequence[str | None],
    depth: np.ndarray,
    train_count: np.ndarray,
    weights: np.ndarray,
    *,
    title: str,
    pdf: str | Path,
    png: str | Path,
) -> dict[str, Any]:
    """The tree of labels down the columns, each label a cell with its N w as colour and number; the correlations below.

    ``weights`` sum to 1, so that N w is 1 for a label weighed as in uniform training. Returns the correlations.
    """
    found = correlations(labels, parents, depth, train_count, weights)
    relative = weights * len(labels)
    factor = float(np.clip(np.exp(np.abs(np.log(np.maximum(relative, 1e-9))).max()), 1.25, 10))
    norm = LogNorm(1 / factor, factor)
    shown = order(labels, parents, train_count)
    rows = -(-len(shown) // COLUMNS)
    with drawing(pdf, png, height=0.9 + 0.155 * rows) as figure:
        figure.suptitle(f"{title}: training weights N·w over the tree of labels", fontsize=9, parse_math=False)
        axes = figure.subplots()
        grid = np.full(rows * COLUMNS, np.nan)
        grid[: len(shown)] = relative[shown]
        mesh = axes.pcolormesh(
            grid.reshape(COLUMNS, rows).T, cmap="cividis", norm=norm, edgecolors="white", linewidth=1
        )
        room = 0.92 * WIDTH * 72 / COLUMNS - 32
        for index, label in enumerate(shown):
            column, row = divmod(index, rows)
            indent = INDENT * (int(depth[label]) - 1)
            name = labels[label].removeprefix(f"{parents[label]}/") if parents[label] else labels[label]
            colour, value = mesh.cmap(norm(relative[label])), f"{relative[label]:.2f}"
            write_cell(axes, (column, row), colour, shortened(name, room - indent), value, indent)
        axes.invert_yaxis()
        axes.set_axis_off()
        bar = figure.colorbar(
            ScalarMappable(norm, "cividis"), ax=axes, location="right", pad=0.01, fraction=0.02, aspect=40
        )
        ticks = (1 / factor, 1.0, factor)
        bar.set_ticks(list(ticks), labels=[f"{tick:.2f}".rstrip("0").rstrip(".") for tick in ticks])
        bar.ax.yaxis.set_minor_locator(NullLocator())
        figure.supxlabel(words(found), fontsize=7, x=0.01, ha="left", parse_math=False)
    return found
