"""results/page/index.html: all cells and their labels in one file that needs no network.

The page itself, with its style and script, is workflow/report/page.html; here the data for it is put together.
"""

from __future__ import annotations

import base64
import html
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labelpolicy.errors import LabelPolicyError
from labelpolicy.methods import Method, rows_of
from labelpolicy.metrics import NAMES
from labelpolicy.report.captions import figure_words
from labelpolicy.report.results import LOOSE_MEASURES, MEASURES, dataset_title

DATA, FIGURES = "<!-- DATA -->", "<!-- FIGURES -->"

#: Digits kept of a number: more than are shown, so that sorting is right.
DIGITS = 6

Cell = tuple[str, str, str, str]  # dataset, classifier, weights, thresholds


@dataclass(frozen=True)
class LabelColumns:
    """One cell by label, means over seeds: F1 on the test split, threshold (None: the rule has none), N w."""

    f1: list[float]
    threshold: list[float] | None
    weight: list[float]


@dataclass(frozen=True)
class Labels:
    """A data set's labels with their training and test documents."""

    label: list[str]
    train_count: list[int]
    support: list[int]


def page(
    template: str,
    *,
    values: Mapping[Cell, Mapping[tuple[str, str], Mapping[int, float]]],
    labels: Mapping[str, Labels],
    columns: Mapping[Cell, LabelColumns],
    methods: Sequence[Method],
    figures: Sequence[Path],
    about: str,
) -> str:
    """The page: ``template`` with the data and the figures in it.

    ``values`` are the measures of each cell: (split, metric) -> seed -> value.

    Raises LabelPolicyError for a template without its two marks.
    """
    for mark in (DATA, FIGURES):
        if template.count(mark) != 1:
            raise LabelPolicyError(f"the page's template: {template.count(mark)} times {mark}, expected once")
    names = {
        (dataset, *method.cell): (index, method.name)
        for dataset in {cell[0] for cell in values}
        for index, method in enumerate(rows_of(methods, dataset))
    }

    def place(cell: Cell) -> tuple:
        return (cell[0], names.get(cell, (len(names), ""))[0], cell)

    rows = [
        _row(cell, names.get(cell, (0, "/".join(cell[1:])))[1], values[cell], columns[cell])
        for cell in sorted(values, key=place)
    ]
    data = {
        "about": about,
        "many": any(len(row["seeds"]) > 1 for row in rows),
        "measures": [{"key": name, "title": _measure_title(name), "main": name in MEASURES} for name in NAMES],
        "labels": {name: vars(each) for name, each in labels.items()},
        "rows": rows,
    }
    # "</script>" in a name must not end the element that holds the data.
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    before, after = template.split(FIGURES)
    return (before + _figures(figures) + after).replace(DATA, text)


def _row(cell: Cell, name: str, values: Mapping, columns: LabelColumns) -> dict:
    dataset, classifier, weights, thresholds = cell
    row = {
        "name": name,
        "dataset": dataset,
        "dataset_title": dataset_title(dataset),
        "classifier": classifier,
        "weights": weights,
        "thresholds": thresholds,
        "seeds": sorted(values["test", NAMES[0]]),
    }
    for split in ("test", "valid"):
        row[split] = [round(statistics.fmean(values[split, metric].values()), DIGITS) for metric in NAMES]
        if len(row["seeds"]) > 1:
            row[f"{split}_sd"] = [
                round(statistics.stdev(values[split, metric].values()), DIGITS) for metric in MEASURES
            ]
    return row | vars(columns)


def _measure_title(name: str) -> str:
    return ({**LOOSE_MEASURES, **MEASURES}).get(name, name.replace("_", " ").capitalize())


def mean_by_label(columns: Sequence[Sequence[float]]) -> list[float]:
    """The mean over seeds of a column by label."""
    return [round(float(value), DIGITS) for value in np.mean(np.array(columns, dtype=np.float64), axis=0)]


def _figures(paths: Sequence[Path]) -> str:
    """Figures in the order given, under a heading for each data set and classifier."""
    parts: list[str] = []
    heading = None
    for path in paths:
        group, title = figure_words(path)
        if group != heading:
            parts += ["</div>"] if heading is not None else []
            parts += [f"<h3>{html.escape(group)}</h3>", '<div class="figures">']
            heading = group
        image = base64.b64encode(Path(path).read_bytes()).decode("ascii")
        text = html.escape(f"{title}; {group}")
        parts.append(
            f'<figure><img alt="{text}" src="data:image/png;base64,{image}"><figcaption>{text}</figcaption></figure>'
        )
    return "\n".join([*parts, "</div>"]) if parts else "<p>No figure was given.</p>"
