"""decide: scores and threshold rules -> for each rule its measures, thresholds, labels and predictions."""

import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import typer

from labelpolicy import metrics
from labelpolicy.cell import OUT_OF_FOLD, Thresholds
from labelpolicy.classifiers.tuning import Chosen
from labelpolicy.data.predictions import predictions
from labelpolicy.data.prepared import Prepared
from labelpolicy.data.scores import Fitting, Scores
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import whole_folder, write_json, write_parquet
from labelpolicy.hierarchy import ancestor_closure
from labelpolicy.options import FromStudy, Output, PreparedFolder, Seed, TunedFile
from labelpolicy.policy_file import Policy
from labelpolicy.progress import in_words, say
from labelpolicy.thresholds import NAMES, NEVER, Decision, PerLabel, ThresholdParameters, fit

AS_DECIDED, CLOSED = "as_decided", "ancestor_closure"


def decide(
    dataset: PreparedFolder,
    rules: Annotated[
        list[str],
        typer.Argument(
            metavar="RULE...", help="Threshold rules, learned policies, or names of cells as in shared+one+oof."
        ),
    ],
    scores: Annotated[Path, typer.Option(help="A score file of `labelpolicy train` or `labelpolicy crossfit`.")],
    output: Annotated[Path, Output("Folder for a folder of four files for each.", folder=True)],
    parameters: Annotated[ThresholdParameters, FromStudy(lambda study, arguments: study.thresholds)],
    at_least_one: Annotated[
        bool, typer.Option("--at-least-one", help="A document for which no label passes gets its best one.")
    ] = False,
    learned: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PATH", help="A learned policy and its policy.json. Repeatable."),
    ] = None,
    with_scores: Annotated[bool, typer.Option("--with-scores", help="predictions.parquet has the scores too.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Write predictions.csv besides.")] = False,
    tuned: TunedFile = None,
    seed: Seed = 0,
) -> None:
    """Fit thresholds without the test split, decide validation and test documents, measure. Parameters: thresholds.

    Held-out scores are fitted on the validation split, out-of-fold scores on training and validation documents, and the
    score file says which it has. A label that none of the classifier's training documents carries is never predicted.

    metrics.json has the measures of both splits and the standard errors of the test measures, over documents or, where
    they come in groups, over those. Where labels have parents it has them twice more: ``as_decided``, and
    ``ancestor_closure``, where the ancestors of a predicted label are predicted too, and those of a true label true;
    ``thresholds.ancestor_closure`` says which stands at the top.

    predictions.parquet has a row a test document: its id and its labels.

    Raises LabelPolicyError for an unknown rule, a name that contradicts the score file, a policy without thresholds,
    and scores that are no probabilities or not this data set's.
    """
    data = Prepared(dataset)
    table = Scores(scores, data)
    policies = _policies(learned or [])
    cells = _cells(rules, table, policies, at_least_one)
    fitting = table.fitting()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        decisions = {
            name: _fitted(cell, data, table.out_of_fold, fitting, policies, parameters, seed)
            for name, cell in cells.items()
        }
    for warning in caught:
        print(f"{scores}: {warning.message}", file=sys.stderr)
    # Only now are the test labels read: they can move nothing but the test metrics.
    chosen = {} if tuned is None else {"tuned": Chosen.read(tuned, table.trained.classifier).parameters}
    decided = Decided(data, table, fitting, parameters.ancestor_closure, with_scores, csv, chosen)
    documents = ", ".join(f"{len(y_true)} {split}" for split, (_, y_true) in decided.splits.items())
    say(f"decide: {table.trained.classifier} on {data.name}: {documents} documents; measures of the test ones:")
    for name, decision in decisions.items():
        decided.write(output / name, name, decision)


def _fitted(
    cell: Thresholds,
    data: Prepared,
    out_of_fold: bool,
    fitting: Fitting,
    policies: dict[str, Path],
    parameters: ThresholdParameters,
    seed: int,
) -> Decision:
    count = fitting.train_count
    if cell.rule in policies:
        return PerLabel.at(np.where(count > 0, _learned(policies[cell.rule], data.labels), NEVER), cell.at_least_one)
    how: dict[str, Any] = {"parameters": parameters, "seed": seed, "at_least_one": cell.at_least_one or None}
    how |= {"groups": fitting.groups, "labels": data.labels, "descriptions": data.descriptions}
    texts = chain.from_iterable(data.texts(split).titled() for split in ("train", "valid")[not out_of_fold :])
    return fit(cell.rule, fitting.y_score, fitting.y_true, train_count=count, texts=texts, **how)


def _policies(learned: Sequence[str]) -> dict[str, Path]:
    """The files of the learned policies, by name."""
    found = {}
    for argument in learned:
        name, separator, path = argument.partition("=")
        if not (name and separator and path):
            raise LabelPolicyError(f"--learned {argument}: expected NAME=PATH, as in meta=policy.json")
        if name in NAMES:
            raise LabelPolicyError(f"--learned {argument}: {name} is fitted on scores, expected another name")
        found[name] = Path(path)
    return found


def _cells(rules: Sequence[str], table: Scores, policies: dict[str, Path], at_least_one: bool) -> dict[str, Thresholds]:
    """Each argument by the full name of its cell, whose +oof the score file decides."""
    cells = {}
    for argument in rules:
        rule, one, out_of_fold = Thresholds.parse(argument, [*NAMES, *policies])
        if out_of_fold and not table.out_of_fold:
            raise LabelPolicyError(
                f"{table.path}: has held-out scores, but {argument!r} asks for out-of-fold ones: expected "
                f"out_of_fold.parquet of `labelpolicy crossfit`, or {argument.removesuffix(OUT_OF_FOLD)!r}"
            )
        cell = Thresholds(rule, one or at_least_one, table.out_of_fold)
        cells[str(cell)] = cell
    unused = set(policies) - {cell.rule for cell in cells.values()}
    if unused:
        name = min(unused)
        raise LabelPolicyError(f"--learned {name}={policies[name]}: {name!r} is not among the rules to decide by")
    return cells


def _learned(path: Path, labels: list[str]) -> np.ndarray:
    thresholds = Policy.read(path, labels).thresholds
    if thresholds is None:
        raise LabelPolicyError(f"{path}: has weights but no thresholds: expected the policy.json of a learned policy")
    return thresholds


@dataclass
class Decided:
    """The documents that decisions are measured on, read once for all of them."""

    data: Prepared
    table: Scores
    fitting: Fitting
    closure: bool
    with_scores: bool = False
    csv: bool = False
    chosen: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        valid = self.fitting.valid
        self.splits = {
            "valid": (self.fitting.y_score[-valid:], self.fitting.y_true[-valid:]),
            "test": self.table.split("test"),
        }
        self.truth = {AS_DECIDED: {split: y_true for split, (_, y_true) in self.splits.items()}}
        if any(self.data.parents):
            self.truth[CLOSED] = {split: self._closed(y_true) for split, y_true in self.truth[AS_DECIDED].items()}
        self.ids, self.groups = self.data.split("test").ids, self.data.split("test").groups

    def write(self, output: Path, name: str, decision: Decision) -> None:
        """Decide both splits by one rule, measure, and write its three files."""
        labels = self.data.labels
        y_pred = {
            split: decision.decide(y_score, self.data.texts(split).titled() if decision.needs_texts else None)
            for split, (y_score, _) in self.splits.items()
        }
        ways = {AS_DECIDED: y_pred}
        if CLOSED in self.truth:
            ways[CLOSED] = {split: self._closed(decided) for split, decided in y_pred.items()}
        top = CLOSED if self.closure and CLOSED in ways else AS_DECIDED
        measured = {way: self._measures(self.truth[way], decided) for way, decided in ways.items()}
        about = self.table.trained.with_thresholds(name).about
        closed = {CLOSED: True} if top == CLOSED else {}
        with whole_folder(output) as folder:
            content = {"about": about | self._counts() | closed | self.chosen} | measured[top] | _expected(decision)
            write_json(folder / "metrics.json", content | (measured if len(ways) > 1 else {}))
            write_json(folder / "thresholds.json", {"about": about} | closed | decision.to_json(labels))
            table = self._label_table(decision, self.truth[top]["test"], ways[top]["test"])
            write_parquet(folder / "labels.parquet", table)
            for form in ("parquet", *["csv"] * self.csv):
                with predictions(folder / f"predictions.{form}", form, labels, scores=self.with_scores) as write:
                    write(self.ids, ways[top]["test"], self.splits["test"][0])
        say(f"  {name}: {in_words(measured[top]['test'])}")

    def _counts(self) -> dict[str, int]:
        train = len(self.fitting.y_true) - self.fitting.valid
        return (
            ({"train_documents": train} if self.table.out_of_fold else {})
            | {f"{split}_documents": len(y_true) for split, (_, y_true) in self.splits.items()}
            | {"labels": len(self.data.labels)}
            | ({} if self.groups is None else {"test_groups": len(set(self.groups))})
        )

    def _closed(self, decided: np.ndarray) -> np.ndarray:
        return ancestor_closure(decided, self.data.labels, self.data.parents)

    def _measures(self, y_true: dict[str, np.ndarray], y_pred: dict[str, np.ndarray]) -> dict[str, dict]:
        found: dict[str, dict] = {split: metrics.evaluate(true, y_pred[split]) for split, true in y_true.items()}
        if len(self.ids if self.groups is None else set(self.groups)) > 1:
            errors = metrics.standard_errors(y_true["test"], y_pred["test"], self.groups)
            found["standard_error"] = {"test": errors}
        return found

    def _label_table(self, decision: Decision, y_true: np.ndarray, y_pred: np.ndarray) -> pa.Table:
        """A row a label; ``threshold`` is null for rcut and pcut, the measures are the test split's."""
        labels = self.data.labels
        thresholds = decision.thresholds if isinstance(decision, PerLabel) else [None] * len(labels)
        columns = {
            "label": pa.array(labels, type=pa.string()),
            "train_count": pa.array(self.data.train_count),
            "threshold": pa.array(thresholds, type=pa.float64()),
        }
        measures = metrics.per_label(y_true, y_pred)
        return pa.table(columns | {name: pa.array(values) for name, values in measures.items()})


def _expected(decision: Decision) -> dict[str, dict]:
    """What the rule auto expects of each measure, and the ends of its interval, as parts of metrics.json."""
    expected = decision.chosen.get("auto", {}).get("expected", {})
    parts = ("expected", "expected_low", "expected_high") if expected else ()
    return {part: {"valid": {name: ends[k] for name, ends in expected.items()}} for k, part in enumerate(parts)}
