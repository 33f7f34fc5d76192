from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from labelpolicy.data.prepared import Prepared
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_json
from labelpolicy.options import Output, PreparedFolder, Title
from labelpolicy.policy_file import Policy
from labelpolicy.report.drawing import (
    CELLS,
    by_frequency,
    can_draw,
    colour_bar,
    draw_cells,
    drawing,
    figure_names,
    weight_scale,
)

COLUMNS = 3
INDENT = 9  # points a level


def weight_tree(
    dataset: PreparedFolder,
    policy: Annotated[list[Path], typer.Option(help="policy.json of a seed; the first is drawn. Repeatable.")],
    correlations: Annotated[Path, Output("JSON to write: how weights go with depth and frequency.")],
    title: Title,
    **output: Path,
) -> None:
    """Label weights over the whole hierarchy, and whether parents get less of it.

    The tree goes down the columns, each label a cell with its N w as colour and number; the correlations, which are of
    all labels, stand below, that with depth over all seeds too. Of many labels the most frequent are shown, with their
    ancestors.
    """
    data = Prepared(dataset)
    if not any(data.parents):
        raise LabelPolicyError(f"{dataset}: the labels have no hierarchy to draw: use `labelpolicy figure policy`")
    labels, parents = data.labels, data.parents
    read = [Policy.read(path, labels).weights for path in policy]
    each = [correlate(labels, parents, data.depth, data.train_count, weights) for weights in read]
    rhos = [seed["spearman"]["weight and depth"]["rho"] for seed in each]
    found = {"dataset": data.name} | each[0] | {"over_seeds": over_seeds(rhos, len(labels)) | {"rhos": rhos}}
    kept, numbers = frequent(labels, parents, data.train_count), figure_names(labels)
    shown = [label for label in order(labels, parents, data.train_count) if label in kept]
    relative = read[0][shown] * len(labels)
    norm = weight_scale(relative)
    names = [labels[label].removeprefix(f"{parents[label]}/" if parents[label] else "") for label in shown]
    names = [name if can_draw(name) else numbers[label] for name, label in zip(names, shown, strict=True)]
    some = f", the {len(shown)} most frequent of {len(labels):,}" * (len(shown) < len(labels))
    rows = -(-len(shown) // COLUMNS)
    with drawing(output, 0.9 + 0.155 * rows, f"{title}: training weights N·w over the tree of labels{some}") as figure:
        axes = figure.subplots()
        indents = [INDENT * (int(data.depth[label]) - 1) for label in shown]
        draw_cells(axes, names, relative, (rows, COLUMNS), norm, down=True, indents=indents)
        colour_bar(figure, axes, norm, 1.0, pad=0.01, fraction=0.02, aspect=40)
        figure.supxlabel(words(found), fontsize=7, x=0.01, ha="left", parse_math=False)
    write_json(correlations, found)


def over_seeds(rhos: Sequence[float | None], labels: int) -> dict[str, float | None]:
    """The mean of Spearman's ρ over seeds, by Fisher's z, and its 95 % interval; None where a ρ is.

    Of several seeds the interval is Student's t, of how they differ; of one it is that over so many labels, with the
    variance of Bonett and Wright (2000).

    >>> {end: round(value, 3) for end, value in over_seeds([0.5], 50).items()}
    {'low': 0.241, 'rho': 0.5, 'high': 0.692}
    """
    from scipy.stats import t

    if any(rho is None for rho in rhos):
        return dict.fromkeys(("low", "rho", "high"))
    z, seeds = np.arctanh(np.clip(np.array(rhos, float), -1 + 1e-12, 1 - 1e-12)), len(rhos)
    half = 1.959964 * np.sqrt((1 + np.tanh(z) ** 2 / 2) / max(labels - 3, 1))
    if seeds > 1:
        half = t.ppf(0.975, seeds - 1) * z.std(ddof=1) / np.sqrt(seeds)
    return dict(zip(("low", "rho", "high"), np.tanh(z.mean() + half * np.array([-1, 0, 1])).tolist(), strict=True))


def correlate(
    labels: Sequence[str],
    parents: Sequence[str | None],
    depth: np.ndarray,
    train_count: np.ndarray,
    weights: np.ndarray,
) -> dict[str, Any]:
    """How ``weights`` go with depth and with training frequency, all (labels,).

    ``spearman`` has the rank correlations with two-sided p-values and 95 % intervals; None where one side is
    constant. Also of depth with frequency, since parents are the frequent labels. ``pairs`` compares labels with their
    own parents: how many children weigh more, less, the same, and the two-sided sign test over those that differ.
    """
    from scipy.stats import binomtest, spearmanr  # scipy.stats is slow to import

    columns = {"weight": weights, "depth": depth, "train_count": train_count}
    spearman: dict[str, dict[str, float | None]] = {}
    for first, second in (("weight", "depth"), ("weight", "train_count"), ("depth", "train_count")):
        constant = min(len(np.unique(columns[name])) for name in (first, second)) < 2
        rho, p = (None, None) if constant else map(float, spearmanr(columns[first], columns[second]))
        spearman[f"{first} and {second}"] = over_seeds([rho], len(weights)) | {"rho": rho, "p": p}
    weight = dict(zip(labels, weights, strict=True))
    more = np.array([weight[label] - weight[parent] for label, parent in zip(labels, parents, strict=True) if parent])
    heavier, lighter = int((more > 0).sum()), int((more < 0).sum())
    p = float(binomtest(heavier, heavier + lighter).pvalue) if heavier + lighter else None
    pairs = {"child_heavier": heavier, "child_lighter": lighter, "equal": len(more) - heavier - lighter, "p": p}
    return {"labels": len(labels), "spearman": spearman, "pairs": pairs}


def words(found: dict[str, Any]) -> str:
    """The correlations in a line or two, for the figure."""

    def shown(entry: dict[str, Any]) -> str:
        constant = entry["rho"] is None
        return "none, one is constant" if constant else "{rho:+.2f} [{low:+.2f}, {high:+.2f}]".format(**entry)

    pairs, spearman, seeds = found["pairs"], found["spearman"], found["over_seeds"]
    sign = "" if pairs["p"] is None else f" (sign test p {pairs['p']:.2g})"
    text = (
        f"Spearman's ρ of w with depth {shown(spearman['weight and depth'])}, with training frequency "
        f"{shown(spearman['weight and train_count'])} (95 % intervals).\n"
        f"A child weighs more than its parent in {pairs['child_heavier']} pairs, "
        f"less in {pairs['child_lighter']}, the same in {pairs['equal']}{sign}."
    )
    if (count := len(seeds["rhos"])) == 1 or seeds["rho"] is None:
        return text
    each = ", ".join(f"{rho:+.2f}" for rho in seeds["rhos"])
    return f"{text}\nOver {count} seeds, of which the first is drawn, ρ with depth is {shown(seeds)}: {each}."


def frequent(labels: Sequence[str], parents: Sequence[str | None], train_count: np.ndarray) -> set[int]:
    """The labels that a figure has room for (CELLS): the most frequent ones, with all their ancestors."""
    place: dict[str | None, int] = {label: index for index, label in enumerate(labels)}
    kept: set[int] = set()
    for label in by_frequency(list(labels), train_count):
        branch = [label]
        while (parent := parents[branch[-1]]) in place:
            branch.append(place[parent])
        if len(kept.union(branch)) <= CELLS:
            kept.update(branch)
    return kept


def order(labels: Sequence[str], parents: Sequence[str | None], train_count: np.ndarray) -> list[int]:
    """Labels as a tree is read: each parent before its children, siblings by falling frequency."""
    below: dict[str | None, list[int]] = {}
    for label, parent in enumerate(parents):
        below.setdefault(parent, []).append(label)

    def walk(node: str | None) -> list[int]:
        siblings = sorted(below.get(node, []), key=lambda label: (-train_count[label], labels[label]))
        return [found for label in siblings for found in (label, *walk(labels[label]))]

    return walk(None)
