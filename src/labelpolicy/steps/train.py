"""train: a classifier with the label weights of a policy.json -> scores.parquet and history.parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from labelpolicy import classifiers
from labelpolicy.cell import Trained
from labelpolicy.config import Parameters
from labelpolicy.data.prepared import Prepared
from labelpolicy.data.scores import write_scores
from labelpolicy.files import write_parquet
from labelpolicy.policy_file import Policy

SCORED = ("valid", "test")


def run(
    *,
    dataset: Path,
    classifier: str,
    training: Parameters,
    policy: Path,
    seed: int,
    device: str,
    threads: int,
    scores: Path,
    history: Path,
) -> None:
    """Train on the training split, choose the epoch on validation, score validation and test documents."""
    data = Prepared(dataset)
    read = Policy.read(policy, data.labels)
    weights, about = read.weights, read.about or {}
    splits = {name: data.split(name) for name in SCORED}
    rows, score = trained(data, classifier, training, weights, seed, device, threads)
    found = {name: score(split) for name, split in splits.items()}
    write_parquet(history, pa.Table.from_pylist(rows, schema=HISTORY))
    write_scores(
        scores,
        {name: (split.ids, found[name]) for name, split in splits.items()},
        labels=data.labels,
        trained=trained_by(data, classifier, about, seed),
        out_of_fold=False,
    )


HISTORY = pa.schema(
    [("epoch", pa.int32())]
    + [(name, pa.float64()) for name in ("loss", "valid_accuracy", "valid_macro_f1", "valid_micro_f1")]
)


def trained(data, classifier, training, weights, seed, device, threads, *, epochs=None, name=None):
    """Train on the training split; returns the history, empty without epochs, and the function split -> scores.

    With ``epochs`` what is trained by epochs is trained for so many, and the validation split is not read. ``name`` is
    what the progress is shown under: the classifier's, if not given.
    """
    module, name = classifiers.load(classifier), name or classifier
    if hasattr(module, "fit"):
        return [], module.fit(data, training, weights, seed)
    if hasattr(module, "on_features"):
        module.check(data, training, weights, seed)
        rows, _, features = by_gradient(
            module.encoder, data, weights, training.encoder, seed, device, threads, name, epochs
        )
        return rows, module.on_features(features, data, training, weights, seed)
    return by_gradient(module, data, weights, training, seed, device, threads, name, epochs)[:2]


def by_gradient(module, data, weights, parameters, seed, device, threads, name, epochs=None):
    """Train a classifier of our own; returns the history, and the functions split -> scores and -> document vectors.

    Without ``epochs`` validation chooses among those of the parameters; with it, there are so many and no choice.
    """
    from labelpolicy.progress import Progress
    from labelpolicy.training import document_vectors, prepare_torch, score, train

    torch_device = prepare_torch(device, threads)
    model = module.build(data, parameters, seed)
    train_split = data.split("train")
    if epochs is None:
        valid = model.encode(data.split("valid")), data.split("valid").truth
    else:
        valid, parameters = None, parameters.model_copy(update={"epochs": epochs})
    with Progress(f"train {name}", parameters.epochs) as progress:
        rows = train(
            model,
            model.encode(train_split),
            train_split.truth,
            valid,
            weights=weights,
            parameters=parameters,
            seed=seed,
            device=torch_device,
            progress=progress,
        )
    return (
        rows,
        lambda split: score(model, model.encode(split), torch_device),
        lambda split: document_vectors(model, model.encode(split), torch_device),
    )


def trained_by(data: Prepared, classifier: str, about: dict[str, Any], seed: int) -> Trained:
    """What the scores come from; ``about`` is that of the policy.json whose weights were used."""
    return Trained(data.name, classifier, str(about.get("weights", "given")), seed, about.get("init") or None)
