"""page: all cells, their labels and the figures in one HTML file that needs no network.

The page itself, with its style and script, is workflow/report/page.html; here the data for it is put together.
"""

import base64
import html
import json
import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from labelpolicy.cell import Cell
from labelpolicy.data.registry import title as dataset_title
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_parquet, require, write_text
from labelpolicy.methods import Method, read_methods, rows_of
from labelpolicy.metrics import NAMES
from labelpolicy.options import MethodsFile, MetricsFile, Output, PreparedFolders, ResultsFolder
from labelpolicy.parsing import read_text
from labelpolicy.policy_file import Policy
from labelpolicy.report.facts import facts_of
from labelpolicy.report.results import COLUMNS, TITLES, figure_words
from labelpolicy.thresholds.objectives import MEASURES

DATA, FIGURES = "<!-- DATA -->", "<!-- FIGURES -->"

#: Digits kept of a number: more than are shown, so that sorting is right.
DIGITS = 6

#: What a row is: data set, classifier, weights, thresholds. And its measures: (split, metric) -> seed -> value.
Key = tuple[str, str, str, str]
Values = dict[tuple[str, str], dict[int, float]]
#: By label, as the page's data has it: of a data set label, train_count and support; of a row, means over seeds, f1 on
#: the test split, threshold (None: the rule has none) and weight, which is N w.
Columns = dict[str, list[Any] | None]


def read_values(metrics: Path, datasets: Collection[str]) -> dict[Key, Values]:
    """The collected measures of these data sets, by row. Raises LabelPolicyError where there is none."""
    values: dict[Key, Values] = {}
    for row in read_parquet(metrics, list(COLUMNS)).to_pylist():
        *key, seed, split, metric, value = (row[column] for column in COLUMNS)
        if not math.isfinite(value):
            raise LabelPolicyError(f"{metrics}: {metric} is {value}, expected a number: collect it again")
        if row["dataset"] in datasets:
            values.setdefault(tuple(key), {}).setdefault((split, metric), {})[seed] = value
    if not values:
        raise LabelPolicyError(f"{metrics}: no cell of {', '.join(datasets)}: run `labelpolicy collect` again")
    return values


def read_labels(results: Path, key: Key, values: Values, labels: dict[str, Columns]) -> Columns:
    """Means over seeds by label, from labels.parquet and policy.json; the first row of a data set tells its labels.

    Raises LabelPolicyError for a row without its files, or with other labels than the first of its data set.
    """
    dataset, classifier, weights, thresholds = key
    columns: dict[str, list[list[float]]] = {"f1": [], "threshold": [], "weight": []}
    for seed in sorted({seed for by_seed in values.values() for seed in by_seed}):
        cell = Cell(dataset, classifier, weights, seed, thresholds=thresholds)
        path = cell.decided(results) / "labels.parquet"
        table = read_parquet(path, ["label", "train_count", "threshold", "f1", "support"]).to_pydict()
        known = labels.setdefault(dataset, {name: table[name] for name in ("label", "train_count", "support")})
        if known["label"] != table["label"]:
            raise LabelPolicyError(f"{path}: not the labels of the other cells of {dataset}: decide it again")
        if not all(0 <= value <= 1 for value in table["f1"]):
            raise LabelPolicyError(f"{path}: an F1 outside [0, 1]: decide it again")
        columns["f1"].append(table["f1"])
        columns["threshold"].append(table["threshold"])
        policy = Policy.read(cell.folder(results) / "policy.json", table["label"])
        columns["weight"].append((policy.weights * len(table["label"])).tolist())
    fitted = None not in [value for column in columns["threshold"] for value in column]

    def mean(name: str) -> list[float]:
        return [round(float(value), DIGITS) for value in np.mean(np.array(columns[name], dtype=np.float64), axis=0)]

    return {"f1": mean("f1"), "threshold": mean("threshold") if fitted else None, "weight": mean("weight")}


def read_template(path: Path) -> str:
    """The page without its data. Raises LabelPolicyError where it lacks one of its two marks."""
    template = read_text(path)
    for mark in (DATA, FIGURES):
        if template.count(mark) != 1:
            raise LabelPolicyError(f"{path}: {template.count(mark)} times {mark}, expected once in the page's template")
    return template


def render(
    template: str,
    *,
    values: Mapping[Key, Values],
    labels: Mapping[str, Columns],
    columns: Mapping[Key, Columns],
    methods: Sequence[Method],
    figures: Sequence[Path],
    about: str,
) -> str:
    """The page: ``template`` with the data and the figures in it."""
    names = {
        (dataset, *method.cell): (index, method.name)
        for dataset in {key[0] for key in values}
        for index, method in enumerate(rows_of(methods, dataset))
    }
    order = sorted(values, key=lambda key: (key[0], names.get(key, (len(names), ""))[0], key))
    rows = [_row(key, names.get(key, (0, "/".join(key[1:])))[1], values[key], columns[key]) for key in order]
    titles = {name: TITLES.get(name, name.replace("_", " ").capitalize()) for name in NAMES}
    data = {
        "about": about,
        "many": any(len(row["seeds"]) > 1 for row in rows),
        "measures": [{"key": name, "title": title, "main": name in MEASURES} for name, title in titles.items()],
        "labels": labels,
        "rows": rows,
    }
    # "</script>" in a name must not end the element that holds the data.
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    before, after = template.split(FIGURES)
    return (before + _figures(figures) + after).replace(DATA, text)


def _row(key: Key, name: str, values: Values, columns: Columns) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name, "dataset": key[0], "dataset_title": dataset_title(key[0])}
    row |= dict(zip(("classifier", "weights", "thresholds"), key[1:], strict=True))
    row["seeds"] = sorted(values["test", NAMES[0]])
    for split in ("test", "valid"):
        row[split] = [round(statistics.fmean(values[split, metric].values()), DIGITS) for metric in NAMES]
        if len(row["seeds"]) > 1:
            deviations = [statistics.stdev(values[split, metric].values()) for metric in MEASURES]
            row[f"{split}_sd"] = [round(deviation, DIGITS) for deviation in deviations]
    return row | columns


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


def page(
    datasets: PreparedFolders,
    metrics: MetricsFile,
    output: Annotated[Path, Output("HTML file to write.")],
    results: ResultsFolder = Path("results"),
    methods: MethodsFile = Path("workflow/methods.tsv"),
    template: Annotated[Path, typer.Option(help="The page, without its data.")] = Path("workflow/report/page.html"),
    figure: Annotated[list[Path] | None, typer.Option(help="A PNG to show. Repeatable.")] = None,
) -> None:
    """All cells, their labels and the figures on one page that needs no network.

    It has the cells that stand in ``metrics`` for these data sets; their files lie under ``results``.

    Raises LabelPolicyError for a cell without its files, or with labels that are not the data set's.
    """
    facts = {each.name: each for each in facts_of(datasets)}
    values = read_values(metrics, list(facts))
    labels: dict[str, Columns] = {}
    text = render(
        read_template(template),
        values=values,
        columns={key: read_labels(results, key, values[key], labels) for key in sorted(values)},
        labels=labels,
        methods=read_methods(methods),
        figures=[require(path) for path in figure or []],
        about=" ".join(each.split_sentence() for each in facts.values()),
    )
    write_text(output, text)
