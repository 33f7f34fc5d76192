"""crossfit: a classifier with the label weights of a policy.json -> out_of_fold.parquet, for thresholds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from labelpolicy import classifiers
from labelpolicy.config import Parameters
from labelpolicy.data.folds import TrainedOn, fold_of, joined, taken
from labelpolicy.data.prepared import Prepared
from labelpolicy.data.scores import write_scores
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_parquet
from labelpolicy.policy_file import Policy
from labelpolicy.randomness import generator
from labelpolicy.steps.train import trained, trained_by


def run(
    *,
    dataset: Path,
    classifier: str,
    training: Parameters,
    policy: Path,
    history: Path,
    folds: int,
    seed: int,
    device: str,
    threads: int,
    output: Path,
) -> None:
    """Score every training and validation document by a model that has not seen it, and the test by one that saw all.

    Training and validation documents are taken together and divided into ``folds``. A model trained on the other folds
    scores each; a last one, trained on all of them, scores the test documents. The file has the columns of
    scores.parquet: rows of the splits train and valid are out-of-fold scores (Stone 1974), those of test the last
    model's. In a fold whose model had no document with a label to train on, that label's scores are 0.

    What is trained by epochs runs as many as the best epoch of ``history`` (history.parquet of the ordinary training),
    and the last one counts: their number is all that validation labels have chosen about a model that scores validation
    documents. The labels of the test documents are not used.

    Raises LabelPolicyError for fewer documents than folds, and for a history without epochs where they are needed.
    """
    data = Prepared(dataset)
    read = Policy.read(policy, data.labels)
    weights, about = read.weights, read.about or {}
    epochs = None if hasattr(classifiers.load(classifier), "fit") else best_epoch(history)
    every = joined(data.split("train"), data.split("valid"))
    fold = fold_of(every.truth, folds, generator(seed, "crossfit"), every.groups)

    def model(train, name):
        return trained(
            TrainedOn(data, train), classifier, training, weights, seed, device, threads, epochs=epochs, name=name
        )[1]

    scores = np.zeros(every.truth.shape, dtype=np.float32)
    for k in range(folds):
        rest, scored = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        seen = every.truth[rest].any(axis=0)
        score = model(taken(every, rest), f"{classifier}, fold {k + 1} of {folds}")
        scores[scored] = np.where(seen, score(taken(every, scored)), np.float32(0))
    found = dict(zip(("train", "valid"), np.split(scores, [len(data.split("train"))]), strict=True))
    found["test"] = model(every, f"{classifier}, all folds")(data.split("test"))
    write_scores(
        output,
        {name: (data.split(name).ids, scores) for name, scores in found.items()},
        labels=data.labels,
        trained=trained_by(data, classifier, about, seed),
        out_of_fold=True,
    )


def best_epoch(history: Path) -> int:
    """The epoch whose model the ordinary training kept: the first with the highest validation micro-F1."""
    table = read_parquet(history, ["epoch", "valid_micro_f1"])
    epochs, values = (table[name].to_pylist() for name in table.column_names)
    pairs = list(zip(epochs, values, strict=True))
    good = [isinstance(epoch, int) and epoch > 0 and value is not None and 0 <= value <= 1 for epoch, value in pairs]
    if not pairs or not all(good):
        found = f"epoch {pairs[good.index(False)][0]}, micro-F1 {pairs[good.index(False)][1]}" if pairs else "no epochs"
        raise LabelPolicyError(
            f"{history}: found {found}, expected the epochs of the same classifier's training and a validation "
            "micro-F1 of each: run `labelpolicy train` again"
        )
    return epochs[int(np.argmax(values))]
