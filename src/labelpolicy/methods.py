"""workflow/methods.tsv: one line per row of the results table, a cell of classifier x weights x thresholds."""

import itertools
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from labelpolicy.cell import Thresholds, members
from labelpolicy.data.registry import TASKS, base, find, task
from labelpolicy.errors import LabelPolicyError
from labelpolicy.parsing import read_tsv
from labelpolicy.thresholds import NAMES as THRESHOLD_RULES
from labelpolicy.thresholds import SET_POLICIES
from labelpolicy.weights import RULES as WEIGHT_RULES

#: The data sets of a row that is in all tables, and those without a reader, which are a user's. Others name tasks of
#: those with one, or data sets, comma-separated.
ALL, OWN = "all", "own"
NOT_IN_PAPER = "-"  # the paper's table has no such row


@dataclass(frozen=True)
class Method:
    """One row: its name as shown, its cell, the paper's name of it ("-" if none), its block and its data sets."""

    name: str
    classifier: str
    weights: str
    thresholds: str
    paper_row: str
    group: str
    datasets: str = ALL

    @property
    def cell(self) -> tuple[str, str, str]:
        return self.classifier, self.weights, self.thresholds

    @property
    def encoder(self) -> str:
        """The classifier itself, or the one whose encoder a chain stands on ({encoder}+{chain})."""
        return self.classifier if self.is_joined else self.classifier.partition("+")[0]

    @property
    def is_joined(self) -> bool:
        """Whether it decides by the joined scores of several classifiers ({classifier}-{classifier})."""
        return len(members(self.classifier)) > 1

    @property
    def is_optional(self) -> bool:
        """Whether it stands in the tables of studies alone that name a pretrained model."""
        return "transformer" in re.split(r"\W", self.classifier)

    @property
    def learned(self) -> tuple[str, ...]:
        """The policies, each once, that this row needs from a classifier's training; not those of out-of-fold ones."""
        rule, _, out_of_fold = Thresholds.parse(self.thresholds)
        weights = () if self.weights in WEIGHT_RULES else (self.weights,)
        thresholds = () if rule in THRESHOLD_RULES or rule in weights or out_of_fold else (rule,)
        return weights + thresholds

    @property
    def is_learned(self) -> bool:
        """Whether its weights or its thresholds are learned, on a classifier that trains or on its scores."""
        rule = Thresholds.parse(self.thresholds).rule
        return self.weights not in WEIGHT_RULES or rule not in THRESHOLD_RULES or rule in SET_POLICIES

    @property
    def is_baseline(self) -> bool:
        """Uniform weights and thresholds of 0.5: what every other row of its classifier is compared with."""
        return (self.weights, self.thresholds) == ("uniform", "fixed")

    @property
    def tasks(self) -> frozenset[str]:
        """The tasks, text or typing, that its data sets belong to, or OWN."""
        named = self.datasets.split(",")
        return frozenset((*TASKS, OWN) if ALL in named else (_kind(name) for name in named))


COLUMNS = tuple(Method.__dataclass_fields__)


def rows_of(methods: Iterable[Method], dataset: str) -> list[Method]:
    """The rows that stand in the tables of a data set: those for all, for its task, or for it by name."""
    found = {ALL, _kind(dataset), base(dataset)}
    return [method for method in methods if found & set(method.datasets.split(","))]


def _kind(name: str) -> str:
    """What the sheet calls data sets such as this one."""
    return name if name in (*TASKS, OWN) else task(name) if find(name) else OWN


def with_baselines(methods: Iterable[Method]) -> list[tuple[Method, Method]]:
    """Every learned row with its classifier's baseline row, where there is one."""
    methods = list(methods)
    baseline = {method.classifier: method for method in methods if method.is_baseline}
    learned = [method for method in methods if method.is_learned and method.classifier in baseline]
    return [(method, baseline[method.classifier]) for method in learned]


def read_methods(
    path: str | Path,
    *,
    classifiers: Collection[str] | None = None,
    policies: Collection[str] | None = None,
    datasets: Collection[str] | None = None,
) -> list[Method]:
    """Read and check the rows of the results table, in the order of the file.

    ``classifiers``, ``policies`` (the learned ones) and ``datasets`` are the names that may be used; None: any.

    Raises LabelPolicyError for an unknown name, and for two rows of one name or of one cell.
    """
    clash = sorted(set(policies or ()) & {*WEIGHT_RULES, *THRESHOLD_RULES})
    if clash:
        raise LabelPolicyError(f"{path}: policy {clash[0]!r} has the name of a fixed rule: rename the policy")
    allowed = {
        "classifier": _known(classifiers),
        "weights": _known(policies, *WEIGHT_RULES),
        "thresholds": _known(policies, *THRESHOLD_RULES),
        "datasets": _known(datasets, ALL, OWN, *TASKS),
    }
    methods: list[Method] = []
    lines: dict[tuple[str, object], int] = {}
    for number, fields in read_tsv(path, COLUMNS):
        method = Method(*fields)
        _check_names(f"{path}, line {number}", method, allowed)
        _check_joined(f"{path}, line {number}", method)
        named = {method.name: f"the name {method.name!r}", method.cell: f"the cell {'/'.join(method.cell)}"}
        for of, (key, what) in itertools.product(method.tasks, named.items()):
            if (of, key) in lines:
                raise LabelPolicyError(
                    f"{path}, line {number}: {what} stands on line {lines[of, key]} already: keep one"
                )
            lines[of, key] = number
        methods.append(method)
    return methods


def _check_joined(where: str, method: Method) -> None:
    if not method.is_joined:
        return
    of, (rule, _, out_of_fold) = members(method.classifier), Thresholds.parse(method.thresholds)
    if twice := [name for name in of if of.count(name) > 1]:
        raise LabelPolicyError(
            f"{where}: {method.classifier} joins {twice[0]!r} with itself: name each classifier once"
        )
    if method.weights != "uniform" or rule not in THRESHOLD_RULES or not out_of_fold:
        found = f"found weights {method.weights} and thresholds {method.thresholds}"
        raise LabelPolicyError(
            f"{where}: {method.classifier} joins out-of-fold scores: {found}, expected uniform and a rule with +oof"
        )


def _known(names: Collection[str] | None, *fixed: str) -> list[str] | None:
    return None if names is None else [*fixed, *sorted(names)]


def _check_names(where: str, method: Method, allowed: Mapping[str, list[str] | None]) -> None:
    for column, names in allowed.items():
        if names is None:
            continue
        if column == "thresholds":
            Thresholds.parse(method.thresholds, names, f"{where}: ")
            continue
        for found in members(method.classifier) if column == "classifier" else getattr(method, column).split(","):
            if found not in names:
                raise LabelPolicyError(f"{where}: unknown {column} {found!r}; expected one of {', '.join(names)}")
