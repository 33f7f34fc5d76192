"""page: all cells, their labels and the figures in one HTML file that needs no network.

The page itself, with its style and script, is workflow/report/page.html; here the data for it is put together.
"""

import base64
import html
import itertools
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import typer

from labelpolicy.cell import Cell
from labelpolicy.data.predictions import label_sets
from labelpolicy.data.prepared import Prepared
from labelpolicy.data.registry import title as dataset_title
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_parquet, require, write_text
from labelpolicy.hierarchy import ancestor_closure
from labelpolicy.methods import rows_of
from labelpolicy.metrics import NAMES
from labelpolicy.options import MethodsFile, MetricsFile, Output, PreparedFolders, ResultsFolder
from labelpolicy.parsing import read_text
from labelpolicy.policy_file import Policy
from labelpolicy.report.facts import facts_of
from labelpolicy.report.results import Results, figure_words, measure_title, read_rows
from labelpolicy.thresholds.objectives import MEASURES

DATA, FIGURES = "<!-- DATA -->", "<!-- FIGURES -->"

#: Measures that two rows are compared by at a glance.
MAIN = (*MEASURES, "samples_jaccard")

#: Digits kept of a number: more than are shown, so that sorting is right.
DIGITS = 6

#: Test documents of a data set on the page: those on which most pairs of rows decide differently.
DOCUMENTS = 1000

#: Stands between the labels of a document where whole sets are compared as texts.
BETWEEN = "\x1f"

#: By label: of a data set label, train_count and support; of a row, means over seeds of f1 on the test split, of the
#: threshold (None: the rule has none) and of the weight, which is N w. One number stands for as many equal ones.
Columns = dict[str, Any]


def row_of(cell: tuple[str, ...], name: str, values: Mapping[tuple[str, ...], Mapping[int, float]]) -> dict[str, Any]:
    """A row of the page without its labels: what it is, its measures by split, and their standard errors.

    These are of the mean over seeds, or of a single one over the test documents; None where they are not known.
    """
    row: dict[str, Any] = {"name": name, "dataset": cell[0], "dataset_title": dataset_title(cell[0])}
    row |= zip(("classifier", "weights", "thresholds"), cell[1:], strict=True)
    row["seeds"] = sorted(values[*cell, "test", NAMES[0]])
    for split in ("test", "valid"):
        by_seed = {metric: values[*cell, split, metric].values() for metric in NAMES}
        row[split] = [round(statistics.fmean(found), DIGITS) for found in by_seed.values()]
        of_seed = {metric: values.get((*cell, split, f"{metric}_standard_error"), {}).values() for metric in NAMES}
        if (seeds := len(row["seeds"])) > 1:
            errors = [statistics.stdev(found) / math.sqrt(seeds) for found in by_seed.values()]
        else:
            errors = [*itertools.chain(*of_seed.values())]
        row[f"{split}_error"] = [round(error, DIGITS) for error in errors] or None
    return row


def labels_of(row: dict[str, Any], results: Path, labels: dict[str, Columns]) -> Columns:
    """The row's labels, from labels.parquet and policy.json; the first row of a data set tells its labels.

    Raises LabelPolicyError for a row without its files, or with other labels than the first of its data set.
    """
    f1, thresholds, weights = [], [], []
    for seed in row["seeds"]:
        cell = Cell(row["dataset"], row["classifier"], row["weights"], seed, thresholds=row["thresholds"])
        path = cell.decided(results) / "labels.parquet"
        table = read_parquet(path, ["label", "train_count", "threshold", "f1", "support"]).to_pydict()
        if not table["label"]:
            raise LabelPolicyError(f"{path}: no labels: decide it again")
        known = labels.setdefault(cell.dataset, {name: table[name] for name in ("label", "train_count", "support")})
        if known["label"] != table["label"]:
            raise LabelPolicyError(f"{path}: not the labels of the other cells of {cell.dataset}: decide it again")
        if not all(0 <= value <= 1 for value in table["f1"]):
            raise LabelPolicyError(f"{path}: an F1 outside [0, 1]: decide it again")
        f1.append(table["f1"])
        thresholds.append(table["threshold"])
        weights.append(Policy.read(cell.folder(results) / "policy.json", table["label"]).weights * len(table["label"]))
    has_thresholds = not any(None in column for column in thresholds)
    return {"f1": _mean(f1), "threshold": _mean(thresholds) if has_thresholds else None, "weight": _mean(weights)}


def _mean(by_seed: list[Any]) -> list[float] | float:
    found = np.mean(np.array(by_seed, dtype=np.float64), axis=0).round(DIGITS)
    return float(found[0]) if (found == found[0]).all() else found.tolist()


def documents_of(data: Prepared, rows: Sequence[dict[str, Any]], results: Path, support: list[int]) -> dict[str, Any]:
    """The test documents on which rows differ, for their first seed: ids, true labels, what each row decided.

    A set of labels is a place in ``sets``; each row is given its own as ``decided``. Of all documents, ``differ``
    counts those that a pair of rows decides differently, ``alone`` those where only the first of the pair is right.

    Raises LabelPolicyError for decisions on other documents than the data set's.
    """
    (ids, y_true), labels = data.truth("test"), data.labels
    if y_true.sum(axis=0).tolist() != support:  # the study counts the ancestors of a true label as true
        y_true = ancestor_closure(y_true, labels, data.parents)
    texts = [pa.array(map(BETWEEN.join, label_sets(labels, y_true)), pa.string())]
    for row in rows:
        cell = Cell(row["dataset"], row["classifier"], row["weights"], row["seeds"][0], thresholds=row["thresholds"])
        path = cell.decided(results) / "predictions.parquet"
        table = read_parquet(path)
        if table.schema.types != [pa.string(), pa.list_(pa.string())] or table[0].to_pylist() != ids:
            raise LabelPolicyError(f"{path}: not labels of the test documents of {data.folder}: decide it again")
        texts.append(pc.binary_join(table[1].combine_chunks(), BETWEEN))
    found = pa.concat_arrays(texts).dictionary_encode()
    true, *codes = found.indices.to_numpy().reshape(len(texts), len(ids))
    right, decided = np.array([each == true for each in codes], dtype=np.float64), np.stack(codes)
    pairs = sum((decided != each).sum(axis=0) for each in decided)  # of rows that differ, by document
    shown = np.sort(np.argsort(-pairs, kind="stable")[: min(DOCUMENTS, np.count_nonzero(pairs))])
    used, flat = np.unique(np.stack([true, *codes])[:, shown], return_inverse=True)
    places, place = flat.reshape(-1, len(shown)).tolist(), {label: j for j, label in enumerate(labels)}
    sets = found.dictionary.take(pa.array(used)).to_pylist()
    for row, each in zip(rows, places[1:], strict=True):
        row["decided"] = each
    return {
        "count": len(ids),
        "id": [ids[document] for document in shown],
        "true": places[0],
        "sets": [[place[name] for name in text.split(BETWEEN) if name] for text in sets],
        "differ": [(decided != each).sum(axis=1).tolist() for each in decided],
        "alone": (right @ (1 - right).T).astype(int).tolist(),
    }


def figures_html(paths: Sequence[Path]) -> str:
    """Figures in the order given, under a heading for each data set and classifier."""
    parts = []
    for group, found in itertools.groupby(paths, key=lambda path: figure_words(path)[0]):
        parts += [f"<h3>{html.escape(group)}</h3>", '<div class="figures">']
        for path in found:
            image = base64.b64encode(require(path).read_bytes()).decode("ascii")
            text = html.escape(f"{figure_words(path)[1]}; {group}")
            source = f"data:image/png;base64,{image}"
            parts.append(f'<figure><img alt="{text}" src="{source}"><figcaption>{text}</figcaption></figure>')
        parts.append("</div>")
    return "\n".join(parts) or "<p>No figure was given.</p>"


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
    page_template = read_text(template)
    for mark in (DATA, FIGURES):
        if (count := page_template.count(mark)) != 1:
            raise LabelPolicyError(f"{template}: {count} times {mark}, expected once in the page's template")
    facts = {each.name: each for each in facts_of(datasets)}
    collected = Results(metrics)
    cells = sorted({key[:4] for key in collected.values if key[0] in facts})
    if not cells:
        raise LabelPolicyError(f"{metrics}: no cell of {', '.join(facts)}: run `labelpolicy collect` again")
    every = read_rows(methods, collected)
    names: dict[tuple[str, ...], str] = {(name, *row.cell): row.name for name in facts for row in rows_of(every, name)}
    place = {cell: number for number, cell in enumerate(dict.fromkeys([*names, *cells]))}
    labels: dict[str, Columns] = {}
    rows = []
    for cell in sorted(cells, key=lambda cell: (cell[0], place[cell])):
        try:
            row = row_of(cell, names.get(cell, "/".join(cell[1:])), collected.values)
        except (KeyError, statistics.StatisticsError):
            fault = f"{'/'.join(cell)} lacks a measure or a seed: run `labelpolicy collect` again"
            raise LabelPolicyError(f"{metrics}: {fault}") from None
        rows.append(row | labels_of(row, results, labels))
    prepared = {data.name: data for data in map(Prepared, datasets)}
    documents = {
        name: documents_of(prepared[name], [*of], results, labels[name]["support"])
        for name, of in itertools.groupby(rows, key=itemgetter("dataset"))
    }
    data = {
        "about": " ".join(each.split_sentence() for each in facts.values()),
        "premises": [f"{each.title}: {premise}" for each in facts.values() for premise in each.premises],
        "many": any(len(row["seeds"]) > 1 for row in rows),
        "measures": [{"key": name, "title": measure_title(name), "main": name in MAIN} for name in NAMES],
        "labels": labels,
        "documents": documents,
        "rows": rows,
    }
    # "</script>" in a name must not end the element that holds the data.
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    write_text(output, page_template.replace(FIGURES, figures_html(figure or [])).replace(DATA, text))
