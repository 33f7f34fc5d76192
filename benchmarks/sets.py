"""What is each part of the policy over label sets worth? Cross-validated on out-of-fold scores, no test document.

The documents of an out_of_fold.parquet in five folds, blocks in the order of their ids (Reuters' are in the order of
time): a policy is learned on four and decides the fifth. Beside `shared+one` and the whole policy stand policies
without some of the features, with the label names dealt out at random among labels (a placebo), and of maximum
likelihood alone.

    python benchmarks/sets.py --dataset data/processed/reuters21578 \
        --scores results/reuters21578/linear_svc/uniform/seed0/out_of_fold.parquet --output sets.csv

With --test the test documents are decided instead, by `shared+one` and by policies fitted on all others, and compared
by the paired bootstrap. Nothing is chosen there.
"""

from __future__ import annotations

import argparse
import csv
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np

from labelpolicy.data.prepared import Prepared
from labelpolicy.data.scores import Scores
from labelpolicy.folds import blocks_of
from labelpolicy.significance import paired_bootstrap
from labelpolicy.thresholds import Decision, fit
from labelpolicy.thresholds.label_sets import learn
from labelpolicy.thresholds.label_sets import policy as of_policy
from labelpolicy.thresholds.label_sets.candidates import FEATURES, OF_NAMES, Candidates
from labelpolicy.thresholds.objectives import f1, measures

WITHOUT = {
    "names": OF_NAMES,
    "how often the set occurs": ("log_count", "never_seen"),
    "pairs": ("pair_lift", "positive_pair_lift"),
    "size": ("pairs", "labels_beyond_two"),
    "calibration": ("calibrated_logit",),
    "frequency": ("frequency", "logit_times_frequency", *(name for name in OF_NAMES if "frequency" in name)),
}
#: Labels by training documents, documents by true labels.
FREQUENCIES, SIZES = ((1, 3), (4, 15), (16, 100), (101, 10**9)), ((1, 1), (2, 2), (3, 10**9))


@dataclass
class Fitted:
    """What policies are learned on: scores, truth and texts of documents, and the names of labels."""

    y_score: np.ndarray
    y_true: np.ndarray
    texts: np.ndarray
    labels: list[str]

    def fit(self, rule: str, rows: np.ndarray, labels: list[str] | None = None) -> Decision:
        given = {"labels": labels or self.labels, "texts": self.texts[rows]}
        return fit(rule, self.y_score[rows], self.y_true[rows], at_least_one=True, **given)

    def decided(self, fitted: Callable[[np.ndarray], Decision], fold: np.ndarray) -> np.ndarray:
        """Every document by a policy of the other folds."""
        y_pred = np.zeros_like(self.y_true)
        for held in range(fold.max() + 1):
            y_pred[fold == held] = fitted(fold != held).decide(self.y_score[fold == held], self.texts[fold == held])
        return y_pred


def without(names: tuple[str, ...]) -> Callable[..., Candidates]:
    """candidates_of with these features at 0."""
    columns, original = [FEATURES.index(name) for name in names], of_policy.candidates_of

    def candidates_of(*arguments: object, **options: object) -> Candidates:
        found = original(*arguments, **options)
        found.phi[:, columns] = 0
        return found

    return candidates_of


def ways(data: Fitted, fold: np.ndarray) -> dict[str, np.ndarray]:
    """Decisions by the name of the way they were made."""
    found = {
        "shared+one": data.decided(lambda rows: data.fit("shared", rows), fold),
        "sets": data.decided(lambda rows: data.fit("sets", rows), fold),
        "sets_unnamed": data.decided(lambda rows: data.fit("sets_unnamed", rows), fold),
    }
    for name, features in WITHOUT.items():
        with patch.object(of_policy, "candidates_of", without(features)):
            found[f"sets, without: {name}"] = data.decided(lambda rows: data.fit("sets", rows), fold)
    dealt = np.random.default_rng(0).permutation(data.labels).tolist()
    found["sets, names dealt out at random"] = data.decided(lambda rows: data.fit("sets", rows, dealt), fold)
    with patch.object(learn.Problem, "utility", lambda problem, weights, likely: (0.0, np.zeros_like(weights))):
        found["sets, maximum likelihood alone"] = data.decided(lambda rows: data.fit("sets", rows), fold)
    return found


def on_test(
    data: Fitted, scores: Scores, texts: list[str], groups: Sequence[str] | None
) -> Iterator[dict[str, object]]:
    """Of `shared+one`, `sets` and `sets_unnamed` the measures on the test documents, and the gain over the first."""
    y_score, y_true = scores.split("test")
    reference = None
    for rule in ("shared", "sets", "sets_unnamed"):
        start = time.process_time()
        decision = data.fit(rule, np.ones(len(data.y_true), dtype=bool))
        learned = time.process_time()
        y_pred = decision.decide(y_score, texts)
        seconds = learned - start, time.process_time() - learned
        reference = y_pred if reference is None else reference
        found = paired_bootstrap(y_true, y_pred, reference, groups=groups)
        of_measure = {
            f"{name}{suffix}": f"{value:.4f}"
            for name, value in measures(y_true, y_pred).items()
            for suffix, value in (
                ("", value),
                ("_gain", found[name].difference),
                ("_low", found[name].low),
                ("_high", found[name].high),
                ("_p", found[name].p),
            )
        }
        speed = {"seconds_to_learn": f"{seconds[0]:.1f}", "documents_a_second": f"{len(y_true) / seconds[1]:.0f}"}
        yield {"dataset": scores.data.name, "classifier": scores.trained.classifier, "way": rule} | of_measure | speed


def row(y_true: np.ndarray, y_pred: np.ndarray) -> dict[str, str]:
    """The three measures; macro-F1 of labels by frequency, accuracy of documents by their number of true labels."""
    found, support, size = measures(y_true, y_pred), y_true.sum(axis=0), y_true.sum(axis=1)
    of_label = f1((y_true & y_pred).sum(axis=0), y_pred.sum(axis=0), support)
    right = (y_true == y_pred).all(axis=1)
    for low, high in FREQUENCIES:
        some = (low <= support) & (support <= high)
        found[f"macro_f1_of_labels_with_{low}" + (f"_to_{high}" if high < 10**9 else "_or_more")] = of_label[
            some
        ].mean()
    for low, high in SIZES:
        some = (low <= size) & (size <= high)
        found[f"accuracy_of_documents_with_{low}" + ("" if high < 10**9 else "_or_more")] = right[some].mean()
    return {name: f"{value:.4f}" for name, value in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("dataset", "scores", "output"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--test", action="store_true", help="decide the test documents")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", "sets: no label's name")  # of the policy without names
    prepared = Prepared(arguments.dataset)
    scores = Scores(arguments.scores, prepared)
    fitting, splits = scores.fitting(), ("train", "valid") if scores.out_of_fold else ("valid",)
    texts = np.array([text for split in splits for text in prepared.texts(split).titled()], dtype=object)
    data = Fitted(fitting.y_score, fitting.y_true, texts, prepared.labels)
    if arguments.test:
        rows = list(on_test(data, scores, list(prepared.texts("test").titled()), prepared.split("test").groups))
    else:
        found = [prepared.split(split) for split in splits]
        ids = [i for split in found for i in split.ids]
        groups = None if found[0].groups is None else [group for split in found for group in split.groups or ()]
        decided = ways(data, blocks_of(ids, 5, groups))
        rows = [{"way": way} | row(data.y_true, y_pred) for way, y_pred in decided.items()]
    with arguments.output.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{arguments.output}: {len(rows)} ways to decide")


if __name__ == "__main__":
    main()
