"""crossfit: a classifier with the label weights of a policy.json -> out_of_fold.parquet, for thresholds."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from labelpolicy import options
from labelpolicy.classifiers import registry
from labelpolicy.classifiers.registry import Classifier, Run
from labelpolicy.data.folds import TrainedOn, joined, taken
from labelpolicy.data.prepared import Prepared, Split
from labelpolicy.data.scores import write_scores
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_parquet
from labelpolicy.folds import blocks_of, fold_of
from labelpolicy.policy_file import Policy
from labelpolicy.randomness import generator
from labelpolicy.steps.train import fitted, trained_by


def crossfit(
    dataset: options.PreparedFolder,
    classifier: options.ClassifierName,
    policy: Annotated[Path, typer.Option(help="policy.json whose weights are used (Eq. 1).")],
    history: Annotated[
        Path, typer.Option(help="history.parquet of `labelpolicy train`: its best epoch is how many are run.")
    ],
    output: Annotated[Path, options.Output("out_of_fold.parquet to write.")],
    parameters: options.ClassifierParameters,
    folds: Annotated[int, options.FromStudy(lambda study, arguments: study.crossfit.folds)],
    by: Annotated[str, options.FromStudy(lambda study, arguments: study.crossfit.by)],
    device: options.Device,
    threads: options.Threads,
    seed: options.Seed = 0,
) -> None:
    """Score every training and validation document by a model that has not seen it, and the test by one that saw all.

    Parameters: crossfit, classifiers, chains.

    Training and validation documents are taken together and divided into ``folds``. A model trained on the other folds
    scores each (Stone 1974); a last one, trained on all of them, scores the test documents. What is trained by epochs
    runs as many as the best epoch of ``history``: all that validation labels choose about a model that scores them.

    Raises LabelPolicyError for fewer documents than folds, and for a history without epochs where they are needed.
    """
    data = Prepared(dataset)
    read = Policy.read(policy, data.labels)
    trained = trained_by(read, data, classifier, seed)
    epochs = best_epoch(history) if registry.load(classifier).uses_torch else None
    every = joined(data.split("train"), data.split("valid"))
    if by == "ids":
        fold = blocks_of(every.ids, folds, every.groups)
    else:
        fold = fold_of(every.y_true, folds, generator(seed, "crossfit"), every.groups)

    def model(train: Split, which: str) -> Classifier:
        run = Run(seed, device, threads, epochs, f"train {classifier}, {which}")
        return fitted(classifier, TrainedOn(data, train), parameters, read.weights, run)[0]

    y_score = np.zeros(every.y_true.shape, dtype=np.float32)
    for k in range(folds):
        others, held_out = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        predicted = model(taken(every, others), f"fold {k + 1} of {folds}").predict_proba(taken(every, held_out))
        # A label that no document of the other folds has was never trained.
        y_score[held_out] = np.where(every.y_true[others].any(axis=0), predicted, np.float32(0))
    found = dict(zip(("train", "valid"), np.split(y_score, [len(data.split("train"))]), strict=True))
    found["test"] = model(every, "all folds").predict_proba(data.split("test"))
    scored = {name: (data.split(name).ids, scores) for name, scores in found.items()}
    write_scores(output, scored, labels=data.labels, trained=trained, out_of_fold=True)


def best_epoch(history: Path) -> int:
    """The epoch whose model the ordinary training kept: the first with the highest validation micro-F1."""
    rows = read_parquet(history, ["epoch", "valid_micro_f1"]).to_pylist()
    wrong = [row for row in rows if row["valid_micro_f1"] is None or not 0 <= row["valid_micro_f1"] <= 1]
    if wrong or not rows:
        raise LabelPolicyError(
            f"{history}: found {wrong[0] if wrong else 'no epochs'}, expected the epochs of the same classifier's "
            "training and a validation micro-F1 of each: run `labelpolicy train` again"
        )
    return max(rows, key=lambda row: row["valid_micro_f1"])["epoch"]
