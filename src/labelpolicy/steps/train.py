"""train: a classifier with the label weights of a policy.json -> scores.parquet and history.parquet, or a model."""

import importlib
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa

from labelpolicy import options
from labelpolicy.cell import Trained
from labelpolicy.classifiers import registry
from labelpolicy.classifiers.registry import Classifier, Row, Run
from labelpolicy.data.prepared import Prepared
from labelpolicy.data.scores import Fitting, write_scores
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_parquet, write_tensors
from labelpolicy.policy_file import Policy
from labelpolicy.progress import in_words, say
from labelpolicy.thresholds.objectives import measures

SCORED = ("valid", "test")
HISTORY = pa.schema(
    [("epoch", pa.int32())]
    + [(name, pa.float64()) for name in ("loss", "valid_accuracy", "valid_macro_f1", "valid_micro_f1")]
)


def train(
    dataset: options.PreparedFolder,
    classifier: options.ClassifierName,
    parameters: options.ClassifierParameters,
    device: options.Device,
    threads: options.Threads,
    rules: options.ThresholdRules = None,
    policy: options.PolicyFile = None,
    scores: Annotated[Path | None, options.Output("scores.parquet to write: of validation and test documents.")] = None,
    history: Annotated[Path | None, options.Output("history.parquet to write: one row an epoch.")] = None,
    fitted_file: options.FittedFile = None,
    model: options.ModelFolder = None,
    thresholds: options.ModelThresholds = None,
    features: options.FeaturesFolder = None,
    seed: options.Seed = 0,
) -> None:
    """Train a classifier with label weights, keep its validation and test scores, or itself as a model for new
    documents (parameters: classifiers, chains; thresholds).

    The thresholds of a model are fitted on the validation scores. Raises LabelPolicyError where nothing is kept.
    """
    if scores is None and model is None:
        raise LabelPolicyError("train: nothing to keep: give --model, or --scores for thresholds of many kinds")
    data = Prepared(dataset, features)
    models().asked(model, thresholds, data.labels, False)
    weights, trained = weights_of(policy, data, classifier, seed)
    splits = {name: data.split(name) for name in SCORED}
    run = Run(seed, device, threads, title=f"train {classifier}")
    made, rows = fitted(classifier, data, parameters, weights, run)
    found = {name: (split.ids, made.predict_proba(split)) for name, split in splits.items()}
    if fitted_file is not None:
        write_tensors(fitted_file, made.state())
    if history is not None:
        write_parquet(history, pa.Table.from_pylist(rows, schema=HISTORY))
    if scores is not None:
        write_scores(scores, found, labels=data.labels, trained=trained, out_of_fold=False)
    train, y_true = data.split("train"), splits["valid"].y_true
    say(f"train: {classifier} on {len(train)} documents of {data.name}, {len(data.labels)} labels{kept(rows)}")
    say(f"at 0.5, on {len(y_true)} validation documents: {in_words(measures(y_true, found['valid'][1] > 0.5))}")
    if model is not None:
        fitting = Fitting(found["valid"][1], np.asarray(y_true), data.train_count, len(y_true), splits["valid"].groups)
        found_by = trained, fitting, found["test"][1], False
        models().save(model, data, parameters, made, found_by, thresholds, rules, seed)


def models() -> Any:
    """``steps.keep``, by its name at run time: what a model has besides its classifier is no part of a training."""
    return importlib.import_module("labelpolicy.steps.keep")


def kept(rows: list[Row]) -> str:
    """Which epoch was kept, where there are any."""
    if not rows or "valid_micro_f1" not in rows[0]:
        return ""
    best = max(rows, key=lambda row: row["valid_micro_f1"])
    return f"; kept epoch {best['epoch']} of {len(rows)}"


def fitted(name: str, data: Prepared, parameters: Any, weights: np.ndarray, run: Run) -> tuple[Classifier, list[Row]]:
    """A classifier trained on the training split of ``data``, and its epochs, if it has any."""
    model = registry.load(name, parameters).build(data, parameters, run.seed)
    return model, model.fit(data, weights, run)


def weights_of(policy: Path | None, data: Prepared, classifier: str, seed: int) -> tuple[np.ndarray, Trained]:
    """Label weights of a policy.json, uniform without one; and what the scores of a classifier so trained come from."""
    if policy is None:
        return np.full(len(data.labels), 1 / len(data.labels)), Trained(data.name, classifier, "uniform", seed)
    read = Policy.read(policy, data.labels)
    about = read.about or {}
    weights = str(about.get("weights", "given"))
    return read.weights, Trained(data.name, classifier, weights, seed, about.get("init") or None)
