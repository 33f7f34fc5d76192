"""What the report reads: our metrics, cell by cell, and the paper's printed numbers."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from labelpolicy.data.registry import task, title
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_parquet
from labelpolicy.methods import Method, read_tsv

#: The measures of the paper's Table 5, by our unmistakable names, with the column titles.
MEASURES = {"accuracy": "Accuracy", "macro_f1": "Macro-F1", "micro_f1": "Micro-F1"}

#: Those of its entity typing tables: macro over documents (Ling and Weld 2012), which is another measure.
LOOSE_MEASURES = {"accuracy": "Accuracy", "loose_macro_f1": "Loose macro-F1", "loose_micro_f1": "Loose micro-F1"}

#: The measures of each of the paper's tables of results.
TABLE_MEASURES = {"2": LOOSE_MEASURES, "3": LOOSE_MEASURES, "5": MEASURES, "6": MEASURES}


def table_of(dataset: str) -> str:
    """The paper's table of results, 2 or 5, that a data set belongs to."""
    return "2" if task(dataset) == "typing" else "5"


#: Names as shown; a name that is not here is shown as it is.
CLASSIFIER_TITLES = {
    "kim_cnn": "Kim-CNN",
    "linear": "Linear: tf-idf, one logistic output per label",
    "linear_svc": "LinearSVC: tf-idf, scikit-learn's linear SVM",
    "attentive_lstm": "Attentive BiLSTM",
}

COLUMNS = ("dataset", "classifier", "weights", "thresholds", "seed", "split", "metric", "value")
PAPER_COLUMNS = ("table", "row", "dataset", "metric", "value")


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
        """Read the tidy table.

        Raises LabelPolicyError for a value twice, or a value of the table's measures outside [0, 1].
        """
        self.path = Path(path)
        self._values: dict[tuple, dict[int, float]] = {}
        rows = read_parquet(path, list(COLUMNS)).to_pylist()
        for row in rows:
            *key, seed, split, metric, value = (row[column] for column in COLUMNS)
            place = f"{path}: {metric} of {'/'.join(key)}, seed {seed}, {split}"
            if (metric in MEASURES or metric in LOOSE_MEASURES) and not (value is not None and 0 <= value <= 1):
                raise LabelPolicyError(
                    f"{place}: found {value}, expected a number in [0, 1]: run `labelpolicy collect` again"
                )
            seeds = self._values.setdefault((*key, split, metric), {})
            if seed in seeds:
                raise LabelPolicyError(f"{place}: two values, expected one: run `labelpolicy collect` again")
            seeds[seed] = value

    def datasets(self) -> list[str]:
        """The data sets that have a value."""
        return sorted({key[0] for key in self._values})

    def seeds(self, dataset: str, methods: Iterable[Method]) -> list[int]:
        """The seeds that stand in the table for any of these methods."""
        cells = {method.cell for method in methods}
        return sorted(
            {seed for key, found in self._values.items() if key[0] == dataset and key[1:4] in cells for seed in found}
        )

    def value(self, dataset: str, method: Method, metric: str, *, split: str, seeds: list[int]) -> Value:
        """One measure of one row over exactly these seeds.

        Raises LabelPolicyError if a seed, or the whole row, is missing.
        """
        found = self._values.get((dataset, *method.cell, split, metric), {})
        missing = [seed for seed in seeds if seed not in found] if seeds else [0]
        if missing:
            raise LabelPolicyError(
                f"{self.path}: no {split} {metric} of {dataset}/{'/'.join(method.cell)}, seed {missing[0]} "
                f"(row {method.name!r}): run it, or take the row out of methods.tsv"
            )
        return Value(tuple(found[seed] for seed in seeds))

    def given(self, dataset: str, method: Method, metric: str, *, split: str, seeds: list[int]) -> Value | None:
        """As `value`, or None where no seed has the measure: what only some data sets have."""
        if (dataset, *method.cell, split, metric) not in self._values:
            return None
        return self.value(dataset, method, metric, split=split, seeds=seeds)


class PaperNumbers:
    """workflow/paper.tsv: the numbers of the paper's tables as printed, without the commas."""

    def __init__(self, path: str | Path):
        """Read the numbers.

        Raises LabelPolicyError for a value that is no number, or one given twice.
        """
        self.path = Path(path)
        self._text: dict[tuple[str, str, str, str], str] = {}
        for line, (*key, text) in read_tsv(path, PAPER_COLUMNS):
            try:
                float(text)
            except ValueError:
                raise LabelPolicyError(
                    f"{path}, line {line}: value {text!r}, expected a number as the paper prints it"
                ) from None
            if tuple(key) in self._text:
                raise LabelPolicyError(f"{path}, line {line}: {' / '.join(key)} is given a second time: keep one")
            self._text[tuple(key)] = text

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


def dataset_title(name: str) -> str:
    return title(name)


def classifier_title(name: str) -> str:
    return CLASSIFIER_TITLES.get(name, name)


def blocks(methods: Iterable[Method]) -> dict[str, list[Method]]:
    """Methods by classifier, chains with the one they stand on; classifiers in order of first appearance."""
    by_classifier: dict[str, list[Method]] = {}
    for method in methods:
        by_classifier.setdefault(method.encoder, []).append(method)
    return by_classifier
