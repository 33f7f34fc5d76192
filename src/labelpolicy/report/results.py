"""What the report reads: the measures of a cell, the collected ones of all, and the paper's printed numbers."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelpolicy.cell import Cell
from labelpolicy.data.registry import task
from labelpolicy.data.registry import title as dataset_title
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_json, read_parquet
from labelpolicy.methods import Method, read_tsv, rows_of
from labelpolicy.metrics import NAMES
from labelpolicy.thresholds.objectives import MEASURES

#: Titles of the measures that tables show.
TITLES = {
    "accuracy": "Accuracy",
    "macro_f1": "Macro-F1",
    "micro_f1": "Micro-F1",
    "loose_macro_f1": "Loose macro-F1",
    "loose_micro_f1": "Loose micro-F1",
}

#: The measures of the paper's entity typing tables: macro over documents (Ling and Weld 2012), another measure.
LOOSE_MEASURES = ("accuracy", "loose_macro_f1", "loose_micro_f1")

#: The measures, with their titles, of each of the paper's tables of results.
TABLE_MEASURES = {
    table: {name: TITLES[name] for name in names}
    for table, names in {"2": LOOSE_MEASURES, "3": LOOSE_MEASURES, "5": MEASURES, "6": MEASURES}.items()
}

#: Ours, where the paper has numbers for a data set that is not in the study; and the footnote behind it.
ABSENT = "–ᵃ"


def absent_note(names: Sequence[str]) -> str:
    listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    return f"ᵃ {listed}: not in this study (grid.datasets in params.yaml), so there is no number of ours."


#: Names as shown; a name that is not here is shown as it is.
CLASSIFIER_TITLES = {
    "kim_cnn": "Kim-CNN",
    "linear": "Linear: tf-idf, one logistic output per label",
    "linear_svc": "LinearSVC: tf-idf, scikit-learn's linear SVM",
    "attentive_lstm": "Attentive BiLSTM",
}

#: What a figure shows, by the name of its file.
FIGURE_TITLES = {
    "learning_curve": "Learning curves by label weights",
    "trace": "What the meta-learner did while it learned",
    "policy": "Learned label weights and thresholds",
    "label_f1": "Test F1 of every label, before and after",
    "precision_recall": "Precision and recall at every threshold, validation and test split",
    "weights": "Learned weights of chosen labels (the paper's Figure 5)",
    "weight_tree": "Learned label weights over the whole hierarchy",
    "reward": "The reward of Eq. 6 on one validation document (the paper's Figure 3)",
    "robustness": "Test measures from random initial policies",
}

COLUMNS = ("dataset", "classifier", "weights", "thresholds", "seed", "split", "metric", "value")
PAPER_COLUMNS = ("table", "row", "dataset", "metric", "value")


def read_measures(path: str | Path) -> tuple[Cell, list[tuple[str, str, float]]]:
    """The cell that a metrics.json says it is of, and every measure of both splits as (split, metric, value).

    Where it has them, standard errors over groups follow as {measure}_standard_error, and, of a label hierarchy, the
    measures of both ways to decide as {measure}_as_decided and {measure}_ancestor_closure.

    Raises LabelPolicyError for a partial file, or one that does not say its cell.
    """
    content = read_json(path)
    content = content if isinstance(content, dict) else {}
    measures = _measures(path, content, "")
    for part in ("standard_error", "as_decided", "ancestor_closure"):
        if part in content:
            measures += _measures(path, content[part], f"_{part}", ("valid", "test")[part == "standard_error" :])
    return Cell.of_about(content.get("about"), path), measures


def _measures(
    path: str | Path, content: Any, suffix: str, splits: Sequence[str] = ("valid", "test")
) -> list[tuple[str, str, float]]:
    found = []
    for split in splits:
        values = content.get(split) if isinstance(content, dict) else None
        for name in NAMES:
            value = values.get(name) if isinstance(values, dict) else None
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
                raise LabelPolicyError(
                    f"{path}: {split} {name + suffix} is {value!r}, expected a number: delete the file and run "
                    "`labelpolicy decide` again"
                )
            found.append((split, name + suffix, float(value)))
    return found


@dataclass(frozen=True)
class Value:
    """One measure of one row: the values by seed, in the order of the seeds."""

    by_seed: tuple[float, ...]

    @property
    def mean(self) -> float:
        return statistics.fmean(self.by_seed)

    @property
    def deviation(self) -> float | None:
        """The sample standard deviation over seeds; None for a single seed."""
        return statistics.stdev(self.by_seed) if len(self.by_seed) > 1 else None


class Results:
    """results/metrics.parquet by cell. Asking for what is not there is an error, never a blank."""

    def __init__(self, path: str | Path):
        """Raises LabelPolicyError for a value twice, or a value of the table's measures outside [0, 1]."""
        self.path = Path(path)
        self._values: dict[tuple, dict[int, float]] = {}
        rows = read_parquet(path, list(COLUMNS)).to_pylist()
        if not rows:
            raise LabelPolicyError(f"{path}: no rows, expected the measures of cells: run `labelpolicy collect` again")
        for row in rows:
            *key, seed, split, metric, value = (row[column] for column in COLUMNS)
            place = f"{path}: {metric} of {'/'.join(key)}, seed {seed}, {split}"
            if metric in TITLES and not 0 <= value <= 1:
                raise LabelPolicyError(
                    f"{place}: found {value}, expected a number in [0, 1]: run `labelpolicy collect` again"
                )
            seeds = self._values.setdefault((*key, split, metric), {})
            if seed in seeds:
                raise LabelPolicyError(f"{place}: two values, expected one: run `labelpolicy collect` again")
            seeds[seed] = value

    def seeds(self, dataset: str, methods: Iterable[Method]) -> list[int]:
        """The seeds that stand in the table for any of these methods."""
        cells = {(dataset, *method.cell) for method in methods}
        return sorted({seed for key, found in self._values.items() if key[:4] in cells for seed in found})

    def value(self, dataset: str, method: Method, metric: str, *, split: str, seeds: list[int]) -> Value:
        """One measure of one row over exactly these seeds. Raises LabelPolicyError if one, or the row, is missing."""
        found = self._values.get((dataset, *method.cell, split, metric), {})
        missing = [seed for seed in seeds if seed not in found] if seeds else [0]
        if missing:
            raise LabelPolicyError(
                f"{self.path}: no {split} {metric} of {dataset}/{'/'.join(method.cell)}, seed {missing[0]} "
                f"(row {method.name!r}): run it, or take the row out of methods.tsv"
            )
        return Value(tuple(found[seed] for seed in seeds))

    def has(self, dataset: str, method: Method, metric: str, split: str) -> bool:
        """Whether any seed has this measure."""
        return (dataset, *method.cell, split, metric) in self._values


class DatasetResults:
    """The rows of one data set, over all seeds that any of them has."""

    def __init__(self, results: Results, dataset: str, methods: Iterable[Method]):
        self.results, self.dataset, self.methods = results, dataset, rows_of(methods, dataset)
        self.seeds = results.seeds(dataset, self.methods)
        self.table = "2" if task(dataset) == "typing" else "5"

    def value(self, method: Method, metric: str, split: str = "test") -> Value:
        """As `Results.value`."""
        return self.results.value(self.dataset, method, metric, split=split, seeds=self.seeds)

    def given(self, method: Method, metric: str, split: str = "test") -> Value | None:
        """As `value`, or None where no seed has the measure: what only some data sets have."""
        return self.value(method, metric, split) if self.results.has(self.dataset, method, metric, split) else None

    def blocks(self) -> dict[str, list[Method]]:
        """Rows by classifier, chains with the one they stand on; classifiers in order of first appearance."""
        by_classifier: dict[str, list[Method]] = {}
        for method in self.methods:
            by_classifier.setdefault(method.encoder, []).append(method)
        return by_classifier


class PaperNumbers:
    """workflow/paper.tsv: the numbers of the paper's tables as printed, without the commas."""

    def __init__(self, path: str | Path):
        """Raises LabelPolicyError for a value that is no number, or one given twice."""
        self.path = Path(path)
        self._text: dict[tuple[str, str, str, str], str] = {}
        for line, (table, row, dataset, metric, text) in read_tsv(path, PAPER_COLUMNS):
            try:
                float(text)
            except ValueError:
                raise LabelPolicyError(
                    f"{path}, line {line}: value {text!r}, expected a number as the paper prints it"
                ) from None
            key = (table, row, dataset, metric)
            if key in self._text:
                raise LabelPolicyError(f"{path}, line {line}: {' / '.join(key)} is given a second time: keep one")
            self._text[key] = text

    def text(self, table: str, row: str, dataset: str, metric: str) -> str | None:
        """One number as printed, or None where the paper has none."""
        return self._text.get((table, row, dataset, metric))

    def rows(self, table: str, dataset: str | None = None) -> list[str]:
        """The rows of one table (for one data set), in the order of the paper."""
        rows = (row for number, row, of, _ in self._text if number == table and dataset in (None, of))
        return list(dict.fromkeys(rows))

    def datasets(self, table: str) -> list[str]:
        """The data sets of one table, in the order of the paper."""
        return list(dict.fromkeys(of for number, _, of, _ in self._text if number == table))


def classifier_title(name: str) -> str:
    return CLASSIFIER_TITLES.get(name, name)


def figure_words(path: Path) -> tuple[str, str]:
    """(data set and classifier, what it shows) from .../figures/{dataset}/{classifier}[/{policy}]/{name}.png."""
    parts = path.parts
    inner = list(parts[len(parts) - parts[::-1].index("figures") : -1]) if "figures" in parts[:-1] else []
    title = FIGURE_TITLES.get(path.stem, path.stem.replace("_", " "))
    if not inner:
        return "All", title
    dataset, *rest = inner
    group = ", ".join([dataset_title(dataset), *rest[:1]])
    return group, f"{title}, policy {rest[1]}" if len(rest) > 1 else title
