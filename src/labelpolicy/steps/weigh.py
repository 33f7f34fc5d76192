"""weigh: label weights by a fixed rule, from training counts and depths -> policy.json."""

from __future__ import annotations

import sys
from pathlib import Path

from labelpolicy.data.prepared import Prepared
from labelpolicy.policy import weights
from labelpolicy.policy.artefact import Policy


def run(*, dataset: Path, rule: str, output: Path) -> None:
    data = Prepared(dataset)
    w = weights.fixed(rule, data.train_count, data.depth)
    if rule == "hierarchy" and (data.depth == data.depth[0]).all():
        print(f"{data.name}: all labels are at one level, so hierarchy weights equal uniform ones", file=sys.stderr)
    Policy(data.labels, w, about={"weights": rule, "dataset": data.name}).write(output)
