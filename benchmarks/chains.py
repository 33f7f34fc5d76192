"""What the label-dependency baselines cost beside the plain classifier, all in one run, one thread.

Printed for Kim-CNN and the linear classifier: an epoch (updates, and scoring the validation documents) of the plain
classifier, of Predictions-as-Features and of Subset Maximization; scoring 10,000 documents with a beam of 5 against the
encoder's forward pass; and scikit-learn's ClassifierChain over the same tf-idf beside Predictions-as-Features. Updates
take turns batch by batch, so that a machine that drifts slows all alike; process time is what counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import torch
from kim_cnn import corpus

from labelpolicy.classifiers.registry import Run, load
from labelpolicy.data.prepared import Prepared, Split
from labelpolicy.parameters import Study
from labelpolicy.training import Trainer, applied, prepare_torch, score

CHAINS = ("", "+predictions_as_features", "+subset_maximization")
DECODED = 10_000


def seconds(function: Callable, *arguments: object) -> tuple[float, object]:
    started = time.process_time()
    result = function(*arguments)
    return time.process_time() - started, result


def data_of(folder: str | None) -> SimpleNamespace:
    """As much of a prepared data set as classifiers read: prepared, or generated documents of Reuters' sizes."""
    vectors, train = corpus(folder, 7000)
    count = train.y_true[:].sum(axis=0)
    data = SimpleNamespace(vectors=vectors, vocabulary=vectors, labels=[f"label {j}" for j in range(len(count))])
    data.parents, data.train_count, data.folder = [None] * len(count), count, folder
    data.split = lambda name: train
    return Prepared(folder) if folder else data


def some(split: Split, rows: np.ndarray) -> Split:
    return Split([str(row) for row in rows], split.tokens.take(rows), split.y_true[rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", help="a prepared data set; generated documents of Reuters' sizes otherwise")
    parser.add_argument("--epochs", type=int, default=2, help="epochs timed, after a tenth of one to get warm")
    arguments = parser.parse_args()

    device, study = prepare_torch("cpu", 1), Study()
    data = data_of(arguments.dataset)
    train = data.split("train")
    valid = some(train, np.arange(0, len(train), 9))
    decoded = some(train, np.random.default_rng(0).integers(len(train), size=DECODED))
    weights = torch.full((len(data.labels),), 1 / len(data.labels))
    print(f"{len(train)} training documents, {len(data.labels)} labels; {arguments.dataset or 'generated documents'}")

    for encoder in ("kim_cnn", "linear"):
        entries = {chain: load(encoder + chain) for chain in CHAINS}
        models = {chain: entry.build(data, entry.parameters(study), 0) for chain, entry in entries.items()}
        inputs = models[""].encode(train)
        trainers = {
            chain: Trainer(model, inputs, train.y_true, seed=0, device=device) for chain, model in models.items()
        }
        parts = [part for _ in range(arguments.epochs) for part in trainers[""].batches()]
        warm = list(trainers[""].batches())[: len(parts) // (10 * arguments.epochs)]
        spent = dict.fromkeys(CHAINS, 0.0)
        for i, rows in enumerate(warm + parts):
            for chain, trainer in trainers.items():
                took, _ = seconds(trainer.update, rows, weights)
                spent[chain] += took if i >= len(warm) else 0
        encoded = models[""].encode(valid)
        for chain, model in models.items():
            spent[chain] = spent[chain] / arguments.epochs + seconds(score, model, encoded, device)[0]
            print(f"  {encoder + chain:33s} {spent[chain]:6.2f} s an epoch    x{spent[chain] / spent['']:.2f}")

        chained, encoded = models["+subset_maximization"], models[""].encode(decoded)
        forward = min(seconds(applied, chained, chained.encoder, encoded, device)[0] for _ in range(3))
        whole = min(seconds(score, chained, encoded, device)[0] for _ in range(3))
        print(
            f"  {DECODED} documents: {forward:.2f} s encoder, {whole:.2f} s with a beam of {chained.beam}: "
            f"x{whole / forward:.2f}, decoding alone x{(whole - forward) / forward:.2f}"
        )

    uniform = np.full(len(data.labels), 1 / len(data.labels))
    name = "linear+classifier_chain"
    entry = load(name)
    chain = entry.build(data, entry.parameters(study), 0)
    fitting, _ = seconds(chain.fit, data, uniform, Run(0))
    scoring, _ = seconds(chain.predict_proba, decoded)
    ours, epochs = models["+predictions_as_features"], study.classifiers.linear.epochs
    training = epochs * spent["+predictions_as_features"]
    whole, _ = seconds(score, ours, encoded, device)
    print(f"  scikit-learn's ClassifierChain {fitting:6.2f} s to fit, {scoring:.2f} s for {DECODED} documents")
    print(
        f"  ours on the same tf-idf        {training:6.2f} s for {epochs} epochs, {whole:.2f} s for {DECODED} documents"
    )


if __name__ == "__main__":
    main()
