"""What letters and sentence of an entity mention are worth to LinearSVC, cross-validated; no test document.

``python benchmarks/mentions.py DATASET...``, prepared data sets of mentions: of the training and validation documents,
in three folds of whole texts, the measures at the rule `shared+one` fitted on the out-of-fold scores, as lines of CSV.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from labelpolicy.classifiers.linear_svc import LinearSVC, build
from labelpolicy.classifiers.registry import Run
from labelpolicy.data.folds import TrainedOn, joined, taken
from labelpolicy.data.prepared import Prepared, Split
from labelpolicy.folds import fold_of
from labelpolicy.randomness import generator
from labelpolicy.thresholds import ThresholdParameters, fit
from labelpolicy.thresholds.objectives import measures

FOLDS, SEED = 3, 0


def measured(data: Prepared, every: Split, C: float) -> dict[str, float]:
    fold = fold_of(every.y_true, FOLDS, generator(SEED, "crossfit"), every.groups)
    y_score = np.zeros(every.y_true.shape, dtype=np.float32)
    for k in range(FOLDS):
        others = TrainedOn(data, taken(every, np.flatnonzero(fold != k)))
        model = build(others, LinearSVC(C=C), SEED)
        model.fit(others, np.full(len(data.labels), 1 / len(data.labels)), Run(SEED))
        held_out = np.flatnonzero(fold == k)
        y_score[held_out] = np.where(others.train_count > 0, model.predict_proba(taken(every, held_out)), 0)
    how = {"at_least_one": True, "train_count": every.y_true.sum(axis=0), "parameters": ThresholdParameters()}
    return measures(every.y_true, fit("shared", y_score, every.y_true, **how).decide(y_score))


def main(folders: list[str]) -> None:
    print("dataset,features,C,accuracy,macro_f1,micro_f1")
    for folder in folders:
        data = Prepared(Path(folder))
        every = joined(data.split("train"), data.split("valid"))
        for name, documents in ("roles alone", replace(every, text=None)), ("with letters and sentence", every):
            for C in (1.0, 2.0):
                found = [f"{value:.4f}" for value in measured(data, documents, C).values()]
                print(data.name, name, C, *found, sep=",", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
