"""train: a classifier with the label weights of a policy.json -> scores.parquet and history.parquet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from labelpolicy import classifiers
from labelpolicy.data.prepared import Prepared
from labelpolicy.files import write_parquet
from labelpolicy.parameters import Parameters
from labelpolicy.policy.artefact import Policy

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
    weights = Policy.read(policy, data.labels).weights
    splits = {name: data.split(name) for name in SCORED}
    module = classifiers.load(classifier)
    rows: list[dict] = []
    if hasattr(module, "fit"):
        score = module.fit(data, training, weights, seed)
    elif hasattr(module, "on_features"):
        module.check(data, training, weights, seed)
        rows, _, features = by_gradient(
            module.encoder, data, weights, training.encoder, seed, device, threads, classifier
        )
        score = module.on_features(features, data, training, weights, seed)
    else:
        rows, score, _ = by_gradient(module, data, weights, training, seed, device, threads, classifier)
    found = {name: score(split) for name, split in splits.items()}
    write_parquet(history, pa.Table.from_pylist(rows, schema=HISTORY))
    write_parquet(scores, as_table({name: split.ids for name, split in splits.items()}, found))


HISTORY = pa.schema(
    [("epoch", pa.int32())]
    + [(name, pa.float64()) for name in ("loss", "valid_accuracy", "valid_macro_f1", "valid_micro_f1")]
)


def by_gradient(module, data, weights, parameters, seed, device, threads, name):
    """Train a classifier of our own; returns the history, and the functions split -> scores and -> document vectors."""
    from labelpolicy.progress import Progress
    from labelpolicy.training import document_vectors, prepare_torch, score, train

    torch_device = prepare_torch(device, threads)
    model = module.build(data, parameters, seed)
    train_split, valid = data.split("train"), data.split("valid")
    with Progress(f"train {name}", parameters.epochs) as progress:
        rows = train(
            model,
            model.encode(train_split),
            train_split.truth,
            model.encode(valid),
            valid.truth,
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


def as_table(ids: dict[str, list[str]], scores: dict[str, np.ndarray]) -> pa.Table:
    """scores.parquet: split, id, scores (list<float>[labels])."""
    width = next(iter(scores.values())).shape[1]
    flat = pa.array(np.concatenate([scores[name].ravel() for name in ids]), type=pa.float32())
    return pa.table(
        {
            "split": pa.array([name for name, rows in ids.items() for _ in rows]),
            "id": pa.array([i for rows in ids.values() for i in rows]),
            "scores": pa.FixedSizeListArray.from_arrays(flat, width),
        }
    )
