"""weigh: label weights by a fixed rule, from training counts -> policy.json."""

from __future__ import annotations

from pathlib import Path

from labelpolicy.data.prepared import Prepared
from labelpolicy.policy import weights
from labelpolicy.policy.artefact import Policy


def run(*, dataset: Path, rule: str, output: Path) -> None:
    data = Prepared(dataset)
    w = weights.fixed(rule, data.train_count)
    Policy(data.labels, w, about={"weights": rule, "dataset": data.name}).write(output)
