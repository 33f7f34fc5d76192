"""crossfit: a classifier with the label weights of a policy.json -> out_of_fold.parquet, for thresholds."""

import warnings
from collections import Counter
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from labelpolicy import options
from labelpolicy.classifiers import registry
from labelpolicy.classifiers.registry import Classifier, Run
from labelpolicy.data.folds import TrainedOn, joined, taken
from labelpolicy.data.prepared import Prepared, Split
from labelpolicy.data.scores import Fitting, write_scores
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_parquet, write_tensors
from labelpolicy.folds import blocks_of, fold_of
from labelpolicy.near_duplicates import near_duplicates
from labelpolicy.progress import in_words, say
from labelpolicy.randomness import generator
from labelpolicy.steps.train import fitted, models, weights_of
from labelpolicy.thresholds.objectives import measures


def crossfit(
    dataset: options.PreparedFolder,
    classifier: options.ClassifierName,
    history: Annotated[
        Path, typer.Option(help="history.parquet of `labelpolicy train`: its best epoch is how many are run.")
    ],
    output: Annotated[Path, options.Output("out_of_fold.parquet to write.")],
    parameters: options.ClassifierParameters,
    folds: Annotated[int, options.FromStudy(lambda study, arguments: study.crossfit.folds)],
    by: Annotated[str, options.FromStudy(lambda study, arguments: study.crossfit.by)],
    device: options.Device,
    threads: options.Threads,
    rules: options.ThresholdRules = None,
    policy: options.PolicyFile = None,
    fitted_file: options.FittedFile = None,
    model: options.ModelFolder = None,
    thresholds: options.ModelThresholds = None,
    features: options.FeaturesFolder = None,
    seed: options.Seed = 0,
) -> None:
    """Score every training and validation document by a model that has not seen it, and the test by one that saw all.

    Parameters: crossfit, classifiers, chains; of a ``model``, which is the last one, thresholds.

    Training and validation documents are taken together and divided into ``folds``. A model trained on the other folds
    scores each (Stone 1974); a last one, trained on all of them, scores the test documents. What is trained by epochs
    runs as many as the best epoch of ``history``: all that validation labels choose about a model that scores them.

    Raises LabelPolicyError for fewer documents than folds, and for a history without epochs where they are needed.
    """
    data = Prepared(dataset, features)
    models().asked(model, thresholds, data.labels, True)
    weights, trained = weights_of(policy, data, classifier, seed)
    epochs = best_epoch(history) if registry.load(classifier, parameters).uses_torch else None
    every = joined(data.split("train"), data.split("valid"))
    fold, groups = folds_of(every, folds, by, generator(seed, "crossfit")), every.groups

    def trained_on(train: Split, which: str) -> Classifier:
        run = Run(seed, device, threads, epochs, f"train {classifier}, {which}")
        return fitted(classifier, TrainedOn(data, train), parameters, weights, run)[0]

    y_score = np.zeros(every.y_true.shape, dtype=np.float32)
    for k in range(folds):
        others, held_out = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        predicted = trained_on(taken(every, others), f"fold {k + 1} of {folds}").predict_proba(taken(every, held_out))
        # A label that no document of the other folds has was never trained.
        y_score[held_out] = np.where(every.y_true[others].any(axis=0), predicted, np.float32(0))
    found = dict(zip(("train", "valid"), np.split(y_score, [len(data.split("train"))]), strict=True))
    last = trained_on(every, "all folds")
    found["test"] = last.predict_proba(data.split("test"))
    of = {name: (data.split(name).ids, scores) for name, scores in found.items()}
    write_scores(output, of, labels=data.labels, trained=trained, out_of_fold=True)
    at_half = in_words(measures(every.y_true, y_score > 0.5))
    say(f"crossfit: {classifier} in {folds} folds of {len(every)} documents of {data.name}; at 0.5: {at_half}")
    if fitted_file is not None:
        write_tensors(fitted_file, last.state())
    if model is not None:
        fitting = Fitting(y_score, every.y_true, every.y_true.sum(axis=0), len(data.split("valid")), groups)
        of_last = trained, fitting, found["test"], True
        models().save(model, data, parameters, last, of_last, thresholds, rules, seed)


def folds_of(every: Split, folds: int, by: str, random: np.random.Generator) -> np.ndarray:
    """The fold of each document. Near-duplicates that would fill more than a fold are not held together."""
    if by == "ids":
        return blocks_of(every.ids, folds, every.groups)
    groups: Sequence[Hashable] | None = every.groups
    if by == "near_duplicates" and every.text is not None:
        together = near_duplicates(every.text, groups)
        largest = np.bincount(together).max(initial=1)
        if largest * folds <= len(every):
            groups = together.tolist()
        elif largest > max(Counter(groups or [0]).values()):
            warnings.warn(
                f"crossfit.by near_duplicates: {largest} of {len(every)} documents say nearly the same, more than one "
                f"of {folds} folds holds: folds are by labels",
                stacklevel=3,
            )
    return fold_of(every.y_true, folds, random, groups)


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
