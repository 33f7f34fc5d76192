"""Thresholds of meta-learners on data sets that they were not learned on, from out-of-fold scores.

Every data set's meta-learner, learned on its out-of-fold scores with at least one label a document, is rolled out on
all the others: nothing of it is learned again. What it adds is the difference to `shared+one+oof`, the two numbers that
it starts from; in brackets is the one learned on that data set. Where the shrinkage is 0, it is these two numbers. Test
split; nothing was fitted on it.

    python benchmarks/transfer.py data/processed/reuters21578=results/reuters21578/.../out_of_fold.parquet \
        data/processed/goemotions=results/goemotions/.../out_of_fold.parquet [--output transfer.md]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from labelpolicy.cell import Thresholds
from labelpolicy.data.prepared import Prepared
from labelpolicy.data.scores import Scores
from labelpolicy.learner import meta_learner
from labelpolicy.learner.meta_learner import MetaLearner
from labelpolicy.learner.on_scores import ScoresEnvironment, learn_on_scores, rollout_on_scores
from labelpolicy.learner.parameters import LearnerParameters
from labelpolicy.progress import Progress
from labelpolicy.report.markup import markdown_table
from labelpolicy.thresholds import NEVER, PerLabel, fit
from labelpolicy.thresholds.objectives import measures

TITLES = {"accuracy": "Accuracy", "macro_f1": "Macro-F1", "micro_f1": "Micro-F1", "shrinkage": "Shrinkage"}
#: Numbers by measure, of a row (data set learned on, or a rule) and a column (data set decided).
Numbers = dict[tuple[str, str], dict[str, float]]


def read(argument: str) -> tuple[str, Scores]:
    """Of FOLDER=SCORES the data set's name and its scores."""
    folder, _, path = argument.partition("=")
    data = Prepared(folder)
    return data.name, Scores(path, data)


def learn(scores: Scores, parameters: LearnerParameters, seed: int) -> MetaLearner:
    environment = ScoresEnvironment.of(scores, parameters, at_least_one=True, seed=seed)
    meta = meta_learner.build(environment.labels, parameters, seed)
    with Progress(f"learn on {scores.data.name}", parameters.episodes) as progress:
        learn_on_scores(meta, environment, parameters, seed, progress)
    return meta


def transfer(scores: dict[str, Scores], parameters: LearnerParameters, seed: int) -> Numbers:
    """Every data set decided by every data set's meta-learner, and by the two rules to compare with."""
    metas = {name: learn(each, parameters, seed) for name, each in scores.items()}
    found: Numbers = {}
    for dataset, each in scores.items():
        fitting, (y_score, y_true) = each.fitting(), each.split("test")
        environment = ScoresEnvironment.of(each, parameters, at_least_one=True, seed=seed)
        for source, meta in metas.items():
            learned = rollout_on_scores(meta, environment, parameters, seed, Progress("roll out", 2 * parameters.steps))
            thresholds = np.where(fitting.train_count > 0, learned.p, NEVER)
            y_pred = PerLabel.at(thresholds, at_least_one=True).decide(y_score)
            found[source, dataset] = measures(y_true, y_pred) | {"shrinkage": learned.shrinkage}
        for name in ("shared+one", "fixed"):
            rule, at_least_one, _ = Thresholds.parse(name)
            count = fitting.train_count
            decision = fit(rule, fitting.y_score, fitting.y_true, train_count=count, at_least_one=at_least_one)
            found[f"{name}+oof", dataset] = measures(y_true, decision.decide(y_score))
    return found


def table(found: Numbers) -> str:
    """A block of rows for each measure."""
    datasets = list(dict.fromkeys(dataset for _, dataset in found))
    rows = []
    for measure, title in TITLES.items():
        rows.append([f"**{title}**"] + [""] * len(datasets))
        for name in dict.fromkeys(row for row, _ in found):
            if all(measure in found[name, dataset] for dataset in datasets):
                numbers = {dataset: f"{found[name, dataset][measure]:.3f}" for dataset in datasets}
                rows.append([name, *(f"[{numbers[each]}]" if each == name else numbers[each] for each in datasets)])
    return markdown_table(["Learned on", *datasets], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scores", nargs="+", metavar="FOLDER=SCORES", help="prepared data set and out-of-fold scores")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="Markdown file to write as well")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    text = table(transfer(dict(map(read, arguments.scores)), LearnerParameters(), arguments.seed))
    print(text)
    if arguments.output:
        arguments.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
