"""What the report reads: the measures of a cell, the collected ones of all, and the paper's printed numbers."""

import itertools
import math
import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from labelpolicy.cell import Cell, members
from labelpolicy.data.registry import task
from labelpolicy.data.registry import title as dataset_title
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_json, read_table
from labelpolicy.methods import Method, read_methods, read_tsv, rows_of
from labelpolicy.metrics import NAMES
from labelpolicy.thresholds.objectives import MEASURES

LOOSE_MEASURES = ("loose_macro_f1", "loose_micro_f1")
#: Titles of the measures that tables show.
TITLES = {
    "accuracy": "Accuracy",
    "macro_f1": "Macro-F1",
    "micro_f1": "Micro-F1",
    "loose_macro_f1": "Loose macro-F1",
    "loose_micro_f1": "Loose micro-F1",
}

#: The measures, with their titles, of each of the paper's tables of results; those of entity typing are macro over
#: documents (Ling and Weld 2012), another measure.
TABLE_MEASURES = {
    table: {name: TITLES[name] for name in (MEASURES if table in "56" else ("accuracy", *LOOSE_MEASURES))}
    for table in "2356"
}

#: What the standard error of a trained classifier's measures is over.
OVER_DOCUMENTS = "over the test documents, or the groups that they come in (jackknife)"

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
    "transformer": "Pretrained transformer",
}

#: What a figure shows, by the name of its file.
FIGURE_TITLES = {
    "learning_curve": "Learning curves by label weights",
    "trace": "What the meta-learner did while it learned",
    "policy": "Learned label weights and thresholds",
    "label_f1": "Test F1 of every label, before and after",
    "f1_by_frequency": "Test macro-F1 of rare and of frequent labels, by row",
    "precision_recall": "Precision and recall at every threshold, validation and test split",
    "weights": "Learned weights of chosen labels (the paper's Figure 5)",
    "weight_tree": "Learned label weights over the whole hierarchy",
    "reward": "The reward of Eq. 6 on one validation document (the paper's Figure 3)",
    "robustness": "Test measures from random initial policies",
}

COLUMNS = ("dataset", "classifier", "weights", "thresholds", "seed", "split", "metric", "value")
PAPER_COLUMNS = ("table", "row", "dataset", "metric", "value")

#: The parts of a metrics.json, whose measures are {measure}_{part}, and the splits that each has.
PARTS = {
    "": ("valid", "test"),
    "standard_error": ("test",),
    "as_decided": ("valid", "test"),
    "ancestor_closure": ("valid", "test"),
    "expected": ("valid",),  # what the rule auto expects, and the ends of the intervals
    "expected_low": ("valid",),
    "expected_high": ("valid",),
}


def read_measures(path: str | Path) -> tuple[Cell, list[tuple[str, str, float]]]:
    """The cell that a metrics.json says it is of, and its measures as (split, metric, value).

    Raises LabelPolicyError for a partial file, or one that does not say its cell.
    """
    content = read_json(path)
    content = content if isinstance(content, dict) else {}
    measures = []
    for part, splits in PARTS.items():
        if part and part not in content:
            continue
        for split, name in itertools.product(splits, NAMES):
            metric = f"{name}_{part}" if part else name
            try:
                value = (content[part] if part else content)[split][name]
            except (KeyError, TypeError):
                value = None
            if type(value) not in (int, float) or not math.isfinite(value):
                raise LabelPolicyError(
                    f"{path}: {split} {metric} is {value!r}, expected a number: delete the file and run "
                    "`labelpolicy decide` again"
                )
            measures.append((split, metric, float(value)))
    return Cell.of_about(content.get("about"), path), measures


@dataclass(frozen=True)
class Value:
    """One measure of one row, by seed."""

    by_seed: tuple[float, ...]

    @property
    def mean(self) -> float:
        return statistics.fmean(self.by_seed)

    @property
    def deviation(self) -> float | None:
        """The sample standard deviation over seeds; None for a single seed."""
        return statistics.stdev(self.by_seed) if len(self.by_seed) > 1 else None


class Results:
    """metrics.parquet: ``values`` by (dataset, classifier, weights, thresholds, split, metric), and by seed."""

    def __init__(self, path: str | Path):
        """Raises LabelPolicyError for a value twice, or a value of the table's measures outside [0, 1]."""
        self.path = Path(path)
        self.values: dict[tuple[str, ...], dict[int, float]] = {}
        for row in read_table(path, list(COLUMNS)).to_pylist():
            *key, seed, split, metric, value = row.values()
            place = f"{path}: {metric} of {'/'.join(key)}, seed {seed}, {split}"
            fault = None
            if not (0 <= value <= 1 if metric in TITLES else math.isfinite(value)):
                fault = f"found {value}, expected a number{' in [0, 1]' if metric in TITLES else ''}"
            seeds = self.values.setdefault((*key, split, metric), {})
            if fault or seed in seeds:
                raise LabelPolicyError(
                    f"{place}: {fault or 'two values, expected one'}: run `labelpolicy collect` again"
                )
            seeds[seed] = value
        if not self.values:
            raise LabelPolicyError(f"{path}: no rows, expected the measures of cells: run `labelpolicy collect` again")
        self.datasets = list(dict.fromkeys(key[0] for key in self.values))


class DatasetResults:
    """The rows of one data set over all seeds that any has. Asking for what is not there is an error, never a blank."""

    def __init__(self, results: Results, dataset: str, methods: Iterable[Method]):
        self.results, self.dataset, self.methods = results, dataset, rows_of(methods, dataset)
        self.table = "2" if task(dataset) == "typing" else "5"
        cells = {(dataset, *method.cell) for method in self.methods}
        self.seeds = sorted({seed for key, found in results.values.items() if key[:4] in cells for seed in found})

    def value(self, method: Method, metric: str, split: str = "test") -> Value:
        """One measure of one row. Raises LabelPolicyError if it is missing for a seed."""
        found = self.results.values.get((self.dataset, *method.cell, split, metric), {})
        for seed in self.seeds or [0]:
            if seed not in found:
                raise LabelPolicyError(
                    f"{self.results.path}: no {split} {metric} of {self.dataset}/{'/'.join(method.cell)}, seed {seed} "
                    f"(row {method.name!r}): run it, or take the row out of methods.tsv"
                )
        return Value(tuple(found[seed] for seed in self.seeds))

    def given(self, method: Method, metric: str, split: str = "test") -> Value | None:
        """As `value`, or None where no seed has the measure: what only some data sets, or rules, have."""
        has = (self.dataset, *method.cell, split, metric) in self.results.values
        return self.value(method, metric, split) if has else None

    def standard_error(self, method: Method, metric: str) -> float | None:
        """Of the test measure: that of the mean over seeds; of a single one over test documents, where it is known."""
        if len(self.seeds) > 1:
            return (self.value(method, metric).deviation or 0.0) / math.sqrt(len(self.seeds))
        error = self.given(method, f"{metric}_standard_error")
        return None if error is None else error.mean

    def whose_error(self) -> str:
        """What `standard_error` is of, in words."""
        seeds = len(self.seeds)
        return f"of the mean over {seeds} seeds" if seeds > 1 else OVER_DOCUMENTS

    def on_test(self, method: Method, measures: Iterable[str]) -> list[str]:
        """Test measures as shown, with their standard errors where these are known."""
        found = [(self.value(method, name).mean, self.standard_error(method, name)) for name in measures]
        return [f"{value:.3f}" + ("" if error is None else f" ± {error:.3f}") for value, error in found]

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
        self._text: dict[tuple[str, ...], str] = {}
        for line, (*key, text) in read_tsv(path, PAPER_COLUMNS):
            if not re.fullmatch(r"\d+(\.\d+)?", text):
                raise LabelPolicyError(f"{path}, line {line}: value {text!r}, expected a number as the paper prints it")
            if tuple(key) in self._text:
                raise LabelPolicyError(f"{path}, line {line}: {' / '.join(key)} is given a second time: keep one")
            self._text[tuple(key)] = text

    def text(self, table: str, row: str, dataset: str, metric: str) -> str | None:
        """One number as printed, or None where the paper has none."""
        return self._text.get((table, row, dataset, metric))

    def rows(self, table: str, dataset: str | None = None) -> list[str]:
        """The rows of one table (for one data set), in the order of the paper."""
        return list(dict.fromkeys(row for of, row, on, _ in self._text if of == table and dataset in (None, on)))

    def datasets(self, table: str) -> list[str]:
        """The data sets of one table, in the order of the paper."""
        return list(dict.fromkeys(dataset for of, _, dataset, _ in self._text if of == table))


def measure_title(name: str) -> str:
    """As TITLES has it, or made of its name: samples_jaccard is "Samples Jaccard"."""
    return TITLES.get(name, name.replace("_", " ").capitalize().replace("jaccard", "Jaccard").replace("f1", "F1"))


def read_rows(path: str | Path, results: Results) -> list[Method]:
    """The rows of the sheet, but those of optional classifiers that no cell of the results is of."""
    there = {cell[1] for cell in results.values}
    return [row for row in read_methods(path) if not row.is_optional or row.classifier in there]


def classifier_title(name: str) -> str:
    of = members(name)
    return CLASSIFIER_TITLES.get(name, name) if len(of) == 1 else f"Mean of {' and '.join(of)}"


def figure_words(path: Path) -> tuple[str, str]:
    """(data set and classifier, what it shows) from .../figures/{dataset}/{classifier}[/{policy}]/{name}.png."""
    title = FIGURE_TITLES.get(path.stem, path.stem.replace("_", " "))
    found = re.search(r"figures/([^/]+)/([^/]+)/(?:([^/]+)/)?[^/]+$", path.as_posix())
    if not found:
        return "All", title
    dataset, classifier, policy = found.groups()
    return f"{dataset_title(dataset)}, {classifier}", title + (f", policy {policy}" if policy else "")
