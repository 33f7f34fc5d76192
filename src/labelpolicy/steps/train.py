"""train: a classifier with the label weights of a policy.json -> scores.parquet and history.parquet."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import typer

from labelpolicy.cell import Trained
from labelpolicy.classifiers import registry
from labelpolicy.classifiers.registry import Classifier, Row, Run
from labelpolicy.data.prepared import Prepared
from labelpolicy.data.scores import write_scores
from labelpolicy.files import write_parquet
from labelpolicy.options import ClassifierName, ClassifierParameters, Device, Output, PreparedFolder, Seed, Threads
from labelpolicy.policy_file import Policy

SCORED = ("valid", "test")
HISTORY = pa.schema(
    [("epoch", pa.int32())]
    + [(name, pa.float64()) for name in ("loss", "valid_accuracy", "valid_macro_f1", "valid_micro_f1")]
)


def train(
    dataset: PreparedFolder,
    classifier: ClassifierName,
    policy: Annotated[Path, typer.Option(help="policy.json whose weights are used (Eq. 1).")],
    scores: Annotated[Path, Output("scores.parquet to write: validation and test probabilities.")],
    history: Annotated[Path, Output("history.parquet to write: one row an epoch.")],
    parameters: ClassifierParameters,
    device: Device,
    threads: Threads,
    seed: Seed = 0,
) -> None:
    """Train a classifier with label weights, keep its validation and test scores (parameters: classifiers, chains)."""
    data = Prepared(dataset)
    read = Policy.read(policy, data.labels)
    trained = trained_by(read, data, classifier, seed)
    splits = {name: data.split(name) for name in SCORED}
    run = Run(seed, device, threads, title=f"train {classifier}")
    model, rows = fitted(classifier, data, parameters, read.weights, run)
    found = {name: (split.ids, model.predict_proba(split)) for name, split in splits.items()}
    write_parquet(history, pa.Table.from_pylist(rows, schema=HISTORY))
    write_scores(scores, found, labels=data.labels, trained=trained, out_of_fold=False)


def fitted(name: str, data: Prepared, parameters: Any, weights: np.ndarray, run: Run) -> tuple[Classifier, list[Row]]:
    """A classifier trained on the training split of ``data``, and its epochs, if it has any."""
    model = registry.load(name).build(data, parameters, run.seed)
    return model, model.fit(data, weights, run)


def trained_by(policy: Policy, data: Prepared, classifier: str, seed: int) -> Trained:
    """What scores come from, where the weights are those of this policy.json."""
    about = policy.about or {}
    return Trained(data.name, classifier, str(about.get("weights", "given")), seed, about.get("init") or None)
