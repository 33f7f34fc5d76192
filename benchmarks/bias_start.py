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

from labelpolicy.classifiers.base import log_odds
from labelpolicy.classifiers.linear.network import CONSTANT
from labelpolicy.classifiers.registry import Run, encoders, load
from labelpolicy.data.prepared import Prepared
from labelpolicy.parameters import Study
from labelpolicy.thresholds.objectives import measures

RARE = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--classifier", action="append", choices=encoders(), required=True)
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
    entry = load(name)
    model = entry.build(data, entry.parameters(Study()), seed)
    bias, scale = (model.bias, CONSTANT) if name == "linear" else (model.output_bias, 1.0)
    begin = log_odds(data) if start == "log odds" else np.zeros(len(data.labels))
    bias.data = torch.from_numpy(begin / scale).float()
    history = model.fit(data, np.full(len(data.labels), 1 / len(data.labels)), Run(seed, "cpu", title=f"train {name}"))
    truth, scores = data.split("valid").y_true, model.predict_proba(data.split("valid"))
    predicted = decided_by_halves("shared+one", scores, truth, data.train_count, seed)
    there = np.flatnonzero(truth.any(axis=0))
    precision = np.array([average_precision_score(truth[:, label], scores[:, label]) for label in there])
    rare = precision[data.train_count[there] < RARE]
    best = max(history, key=lambda row: row["valid_micro_f1"])["epoch"]
    found = [[*measures(truth, each).values()] for each in (scores > 0.5, predicted)]
    return (*found, precision.mean(), rare.mean() if len(rare) else np.nan, best)


if __name__ == "__main__":
    main()
