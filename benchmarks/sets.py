"""What is each part of the policy over label sets worth? Cross-validated on out-of-fold scores, no test document.

The documents of an out_of_fold.parquet in five folds, blocks in the order of their ids (Reuters' are in the order of
time): a policy is learned on four and decides the fifth. Beside `shared+one` and the whole policy stand policies
without some of the features, with the label names dealt out at random among labels (a placebo), and of maximum
likelihood alone.

    python benchmarks/sets.py --dataset data/processed/reuters21578 \
        --scores results/reuters21578/linear_svc/uniform/seed0/out_of_fold.parquet --output sets.csv

With --test the test documents are decided instead, by `shared+one` and by policies fitted on all others, and compared
by the paired bootstrap over documents and seeds, with Holm's correction over the gains of a measure on a data set;
--scores and --dataset may then be several. With --folds both are measured, out of fold and on the test set, by which
one sees how much folds flatter. Nothing is chosen there. With --speed learning and deciding are timed, which is of use
on a core that has nothing else to do.
"""

from __future__ import annotations

import argparse
import csv
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from labelpolicy.data.prepared import Prepared
from labelpolicy.data.scores import Scores
from labelpolicy.folds import blocks_of
from labelpolicy.significance import Outcomes, group_numbers, holm, judge, replicates
from labelpolicy.thresholds import Decision, fit
from labelpolicy.thresholds.label_sets import learn
from labelpolicy.thresholds.label_sets import policy as of_policy
from labelpolicy.thresholds.label_sets.candidates import FEATURES, OF_NAMES, Candidates
from labelpolicy.thresholds.objectives import MEASURES, f1, measures

WITHOUT = {
    "names": OF_NAMES,
    "how often the set occurs": ("log_count", "never_seen"),
    "pairs": ("pair_lift", "positive_pair_lift"),
    "size": ("pairs", "labels_beyond_two"),
    "calibration": ("calibrated_logit",),
    "frequency": ("frequency", "logit_times_frequency", *(name for name in OF_NAMES if "frequency" in name)),
}
#: What is compared with at least one label for every document, the reference first; draws of the bootstrap.
RULES, DRAWS = ("shared", "sets", "sets_unnamed"), 20_000
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


@dataclass
class Run:
    """The scores of a classifier and a seed, and what their documents say."""

    scores: Scores
    folds_by: str
    data: Fitted
    ids: list[str]
    fitted_groups: list[str] | None

    @classmethod
    def read(cls, prepared: Prepared, path: Path, folds_by: str) -> Run:
        scores = Scores(path, prepared)
        fitting, splits = scores.fitting(), ("train", "valid") if scores.out_of_fold else ("valid",)
        texts = np.array([text for split in splits for text in prepared.texts(split).titled()], dtype=object)
        found = [prepared.split(split) for split in splits]
        groups = None if found[0].groups is None else [group for split in found for group in split.groups or ()]
        data = Fitted(fitting.y_score, fitting.y_true, texts, prepared.labels)
        return cls(scores, folds_by, data, [i for split in found for i in split.ids], groups)

    def __post_init__(self) -> None:
        test = self.scores.data.split("test")
        self.test, self.groups = self.scores.split("test"), test.groups
        self.texts = list(self.scores.data.texts("test").titled())
        self.all_rows = np.ones(len(self.data.y_true), dtype=bool)

    def blocks(self) -> np.ndarray:
        return blocks_of(self.ids, 5, self.fitted_groups)


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


def on_test(runs: list[Run]) -> Iterator[dict[str, str]]:
    """The measures of the rules on the test documents, and their gain over the first."""
    for _, group in groupby(runs, key=lambda run: (run.scores.data.name, run.scores.trained.classifier)):
        seeds, outcomes, reached = list(group), [], []
        y_true = seeds[0].test[1]
        for rule in RULES:
            fits = [timed(partial(run.data.fit, rule, run.all_rows)) for run in seeds]
            decided = [
                timed(partial(each.decide, run.test[0], run.texts)) for (_, each), run in zip(fits, seeds, strict=True)
            ]
            y_pred = [each for _, each in decided]
            seconds = [sum(each for each, _ in calls) / len(seeds) for calls in (fits, decided)]
            outcomes.append([Outcomes.of(y_true, each) for each in y_pred])
            reached.append(([list(measures(y_true, each).values()) for each in y_pred], seconds))
        drawn = replicates(y_true, outcomes, draws=DRAWS, seed=0, groups=group_numbers(seeds[0].groups))
        drawn = np.concatenate([drawn, drawn.sum(axis=2, keepdims=True)], axis=2)
        first = None
        for k, (rule, (values, seconds)) in enumerate(zip(RULES, reached, strict=True)):
            mean = np.mean(values, axis=0)
            mean = np.append(mean, mean.sum())
            first = mean if first is None else first
            about = seeds[0].scores
            cells = {"dataset": about.data.name, "folds_by": seeds[0].folds_by}
            cells |= {"classifier": about.trained.classifier, "seeds": str(len(seeds)), "way": rule}
            low, high, chance = judge(drawn[:, k] - drawn[:, 0], 0.05)
            for m, name in enumerate((*MEASURES, "sum")):
                ends = {"": mean[m], "_gain": mean[m] - first[m], "_low": low[m], "_high": high[m], "_p": chance[m]}
                cells |= {name + end: f"{value:.4f}" for end, value in ends.items()}
            cells["seconds_to_learn"] = f"{seconds[0]:.1f}"
            yield cells | {"documents_a_second": f"{len(y_true) / seconds[1]:.0f}"}


def corrected(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """With p_holm, whose family is the gains of a measure on a data set."""
    for dataset in {row["dataset"] for row in rows}:
        some = [row for row in rows if row["dataset"] == dataset and row["way"] != RULES[0]]
        for name in (*MEASURES, "sum"):
            for row, p in zip(some, holm(np.array([float(row[f"{name}_p"]) for row in some])), strict=True):
                row[f"{name}_p_holm"] = f"{p:.4f}"
    return rows


def of_folds(runs: list[Run]) -> Iterator[dict[str, object]]:
    """At 0.5, and by the rules, out of fold and on the test documents; a rule is fitted on four of five blocks."""
    for run in runs:
        y_score, y_true = run.test
        ways = {"fixed": (run.data.y_score > 0.5, y_score > 0.5)}
        for rule in RULES:
            nested = run.data.decided(partial(run.data.fit, rule), run.blocks())
            ways[rule] = nested, run.data.fit(rule, run.all_rows).decide(y_score, run.texts)
        for rule, (outside, test) in ways.items():
            both = {"out_of_fold": measures(run.data.y_true, outside), "test": measures(y_true, test)}
            named = {f"{where}_{name}": f"{x:.4f}" for where, found in both.items() for name, x in found.items()}
            yield {"classifier": run.scores.trained.classifier, "folds_by": run.folds_by, "way": rule} | named


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of processor time, and what the call gives."""
    start = time.process_time()
    found = call()
    return time.process_time() - start, found


def speeds(runs: list[Run]) -> Iterator[dict[str, object]]:
    """Seconds to learn, and test documents decided in a second, the best of five times."""
    for run in runs:
        y_score, _ = run.test
        for rule in RULES[1:]:
            fitting, decision = timed(partial(run.data.fit, rule, run.all_rows))
            deciding = min(timed(partial(decision.decide, y_score, run.texts))[0] for _ in range(5))
            about = {"dataset": run.scores.data.name, "classifier": run.scores.trained.classifier, "way": rule}
            sizes = {"labels": y_score.shape[1], "fitted_documents": len(run.data.y_true)}
            decided = {"documents": len(y_score), "documents_a_second": round(len(y_score) / deciding)}
            yield about | sizes | {"seconds_to_learn": round(fitting, 2)} | decided


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
    for name in ("dataset", "scores"):
        parser.add_argument(f"--{name}", type=Path, required=True, nargs="+")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--test", action="store_true", help="decide the test documents")
    parser.add_argument("--folds", action="store_true", help="out of fold beside the test documents")
    parser.add_argument("--speed", action="store_true", help="time learning and deciding")
    parser.add_argument("--folds-by", nargs="+", default=["near_duplicates"], help="crossfit.by of each of --scores")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", "sets: no label's name")  # of the policy without names
    each = [
        given * len(arguments.scores) if len(given) == 1 else given for given in (arguments.dataset, arguments.folds_by)
    ]
    runs = [Run.read(Prepared(of), path, by) for path, of, by in zip(arguments.scores, *each, strict=True)]
    if arguments.test:
        rows = corrected(list(on_test(runs)))
    elif arguments.folds:
        rows = list(of_folds(runs))
    elif arguments.speed:
        rows = list(speeds(runs))
    else:
        decided = ways(runs[0].data, runs[0].blocks())
        rows = [{"way": way} | row(runs[0].data.y_true, y_pred) for way, y_pred in decided.items()]
    with arguments.output.open("w", newline="") as file:
        names = list(dict.fromkeys(name for row in rows for name in row))
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{arguments.output}: {len(rows)} ways to decide")


if __name__ == "__main__":
    main()
