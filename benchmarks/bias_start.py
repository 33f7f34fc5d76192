"""Where should the output biases start: at 0, or at each label's log odds? On validation documents, no test document.

Each classifier is trained both ways. Shown are the measures at 0.5, those of `shared+one` fitted on half of the
validation split for the other half, and the mean average precision of labels: of all that have a validation document,
and of those with fewer than 60 training documents. The epoch is chosen on the same split, for both alike.

    python benchmarks/bias_start.py --dataset data/processed/reuters21578 --classifier kim_cnn --classifier linear
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from crossfit import decided_by_halves
from sklearn.metrics import average_precision_score

from labelpolicy import classifiers
from labelpolicy.classifiers.linear import CONSTANT
from labelpolicy.data.prepared import Prepared
from labelpolicy.metrics import evaluate
from labelpolicy.parameters import Study
from labelpolicy.progress import Progress
from labelpolicy.training import MEASURES, prepare_torch, score, train

RARE = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--classifier", action="append", choices=classifiers.ENCODERS, required=True)
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    data = Prepared(arguments.dataset)
    print(f"{arguments.dataset.name}: validation split, mean of {arguments.seeds} seeds\n")
    heads = ("0.5", "shared+one")
    print(f"{'':28}" + "".join(f"{head + ': accuracy, macro-F1, micro-F1':>44}" for head in heads), end="")
    print(f"{'AP':>8}{'rare':>8}{'epoch':>8}")
    for name in arguments.classifier:
        for start in ("0", "log odds"):
            rows = [measured(data, name, start, seed) for seed in range(arguments.seeds)]
            fixed, shared, *rest = (np.mean(part, axis=0) for part in zip(*rows, strict=True))
            cells = [f"{' / '.join(f'{value:.3f}' for value in part):>44}" for part in (fixed, shared)]
            print(f"{f'{name}, from {start}':28}{''.join(cells)}{rest[0]:8.3f}{rest[1]:8.3f}{rest[2]:8.1f}", flush=True)


def measured(data: Prepared, name: str, start: str, seed: int) -> tuple[list[float], list[float], float, float, int]:
    """Measures at 0.5 and with `shared+one`, average precision of all and of rare labels, and the epoch kept."""
    device, parameters = prepare_torch("cpu", 1), classifiers.parameters(Study(), name)
    model = classifiers.load(name).build(data, parameters, seed)
    bias, scale = (model.bias, CONSTANT) if name == "linear" else (model.output_bias, 1.0)
    log_odds = classifiers.log_odds(data) if start == "log odds" else np.zeros(len(data.labels))
    bias.data = torch.from_numpy(log_odds / scale).float()
    splits = [data.split(split) for split in ("train", "valid")]
    (inputs, held_out), truth = (model.encode(split) for split in splits), splits[1].truth
    history = train(
        model,
        inputs,
        splits[0].truth,
        (held_out, truth),
        weights=np.full(len(data.labels), 1 / len(data.labels)),
        parameters=parameters,
        seed=seed,
        device=device,
        progress=Progress(f"train {name}", parameters.epochs),
    )
    scores = score(model, held_out, device)
    predicted = decided_by_halves("shared+one", scores, truth, data.train_count, seed)
    there = np.flatnonzero(truth.any(axis=0))
    precision = np.array([average_precision_score(truth[:, label], scores[:, label]) for label in there])
    rare = precision[data.train_count[there] < RARE]
    best = max(history, key=lambda row: row["valid_micro_f1"])["epoch"]
    measures = [[evaluate(truth, each)[key] for key in MEASURES] for each in (scores > 0.5, predicted)]
    return (*measures, precision.mean(), rare.mean() if len(rare) else np.nan, best)


if __name__ == "__main__":
    main()
