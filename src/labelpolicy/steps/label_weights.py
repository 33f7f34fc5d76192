"""label-weights: label weights by a fixed rule -> policy.json."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from labelpolicy.data.prepared import Prepared
from labelpolicy.options import Output, PreparedFolder
from labelpolicy.policy_file import Policy
from labelpolicy.weights import RULES, fixed


def label_weights(
    dataset: PreparedFolder,
    rule: Annotated[str, typer.Argument(help=f"{', '.join(RULES)}.")],
    output: Annotated[Path, Output("policy.json to write.")],
) -> None:
    """Label weights by a fixed rule."""
    data = Prepared(dataset)
    found = fixed(rule, data.train_count, data.depth)
    if rule == "hierarchy" and (data.depth == data.depth[0]).all():
        print(f"{data.name}: all labels are at one level, so hierarchy weights equal uniform ones", file=sys.stderr)
    Policy(data.labels, found, about={"weights": rule, "dataset": data.name}).write(output)
