"""Which model should decide with thresholds fitted on out-of-fold scores? On validation documents, no test document.

Models of the folds of the training split score it; thresholds are fitted on these scores and decide the validation
split, scored in each of two ways: by one last model of the whole training split, or by the mean of the folds' models'
logits. The folds' models have as many epochs as the last one, or so many more as make the same number of updates.
Beside them stands `validation`: fitted on half of the validation split for the other half.
The number of epochs is chosen on the validation split, for all alike.

    python benchmarks/crossfit.py --dataset data/processed/reuters21578 --classifier linear --folds 3 --folds 5
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
from scipy.special import expit

from labelpolicy.cell import Thresholds
from labelpolicy.classifiers.registry import Run, load
from labelpolicy.data.folds import TrainedOn, joined, taken
from labelpolicy.data.prepared import Prepared
from labelpolicy.folds import fold_of
from labelpolicy.learner.meta_learner import logits
from labelpolicy.parameters import Study
from labelpolicy.randomness import generator
from labelpolicy.steps.train import fitted
from labelpolicy.thresholds import fit
from labelpolicy.thresholds.objectives import MEASURES, measures

POLICIES = ("fixed+one", "shared", "shared+one")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--classifier", required=True)
    parser.add_argument("--folds", type=int, action="append", required=True)
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    found: dict[tuple[str, str], list[list[float]]] = {}
    for seed in range(arguments.seeds):
        for key, values in one_seed(Prepared(arguments.dataset), arguments.classifier, arguments.folds, seed):
            found.setdefault(key, []).append(values)
    print(f"{arguments.dataset.name}, {arguments.classifier}: validation split, mean of {arguments.seeds} seeds\n")
    print(f"{'scores':44}{'thresholds':14}" + "".join(f"{measure:>12}" for measure in (*MEASURES, "sum")))
    for (scores, thresholds), rows in found.items():
        mean = np.mean(rows, axis=0)
        print(f"{scores:44}{thresholds:14}" + "".join(f"{value:12.3f}" for value in (*mean, mean.sum())))


def decided_by_halves(name: str, scores: np.ndarray, truth: np.ndarray, train_count: np.ndarray, seed: int):
    """Decisions bool (documents, labels) by thresholds that are fitted on the other half of the documents."""
    half, predicted = fold_of(truth, 2, generator(seed, "halves")), np.zeros_like(truth)
    for k in (0, 1):
        fitted_on, decided = half != k, half == k
        decision = rule_fitted(name, scores[fitted_on], truth[fitted_on], train_count, seed)
        predicted[decided] = decision.decide(scores[decided])
    return predicted


def rule_fitted(name: str, scores: np.ndarray, truth: np.ndarray, train_count: np.ndarray, seed: int):
    rule, at_least_one, _ = Thresholds.parse(name)
    return fit(rule, scores, truth, train_count=train_count, seed=seed, at_least_one=at_least_one)


def one_seed(data: Prepared, classifier: str, folds: list[int], seed: int):
    """(scores, thresholds) and the measures of each; one seed."""
    settings = load(classifier).parameters(Study())
    weights = np.full(len(data.labels), 1 / len(data.labels))
    every = joined(data.split("train"), data.split("valid"))
    documents = len(data.split("train"))
    train, valid = (taken(every, rows) for rows in np.split(np.arange(len(every)), [documents]))
    count = train.y_true.sum(axis=0)

    def measured(predicted):
        return [*measures(valid.y_true, predicted).values()]

    def model(split, epochs):
        run = Run(seed, epochs=epochs)
        return fitted(classifier, TrainedOn(data, split), settings, weights, run)[0].predict_proba

    model_of_all, history = fitted(classifier, data, settings, weights, Run(seed))
    epochs = max(history, key=lambda row: row["valid_micro_f1"])["epoch"] if history else None
    last = model_of_all.predict_proba(valid) if epochs is None else model(train, epochs)(valid)
    for name in POLICIES:
        yield ("validation", name), measured(decided_by_halves(name, last, valid.y_true, count, seed))
    for number in folds:
        fold = fold_of(train.y_true, number, generator(seed, "crossfit"), train.groups)
        same_updates = epochs and math.ceil(epochs * number / (number - 1))
        for what, several in {"same epochs": epochs, "same updates": same_updates}.items():
            if what == "same updates" and several == epochs:
                continue
            scores, mean = np.zeros(train.y_true.shape, dtype=np.float32), np.zeros(valid.y_true.shape)
            for k in range(number):
                rest, scored = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
                seen = train.y_true[rest].any(axis=0)
                score = model(taken(train, rest), several)
                scores[scored] = np.where(seen, score(taken(train, scored)), np.float32(0))
                mean += logits(np.where(seen, score(valid), np.float32(0))) / number
            for name in POLICIES:
                rule = rule_fitted(name, scores, train.y_true, count, seed)
                yield (f"{number} folds, {what}, last model", name), measured(rule.decide(last))
                averaged = expit(mean).astype(np.float32)
                yield (f"{number} folds, {what}, mean of the folds", name), measured(rule.decide(averaged))


if __name__ == "__main__":
    main()
