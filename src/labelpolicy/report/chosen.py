"""The few labels that a figure shows out of many: named in params.yaml (report.labels), or chosen by frequency.

The workflow checks the names while it is parsed, before any training starts.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from labelpolicy.data.prepared import Prepared
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_parquet

#: As many as in the paper's Figure 5.
COUNT = 5


def check(wanted: Mapping[str, Sequence[str]], datasets: Sequence[str], processed: str | Path) -> None:
    """Raise LabelPolicyError where report.labels names a data set that is not in the study, or a label not in its data.

    Data sets that are not prepared yet are checked when they are drawn.
    """
    for dataset, names in wanted.items():
        if dataset not in datasets:
            raise LabelPolicyError(
                f"report.labels: data set {dataset!r} is not in grid.datasets; expected one of {', '.join(datasets)}"
            )
        table = Path(processed) / dataset / "labels.parquet"
        if table.is_file():
            indices(read_parquet(table, ["label"])["label"].to_pylist(), names, f"report.labels.{dataset}")


def of(data: Prepared, names: Sequence[str] | None) -> list[int]:
    """The places of the labels to show: the named ones, or a few by frequency."""
    if names:
        return indices(data.labels, names, str(data.folder))
    return by_frequency(data.labels, data.parents, data.train_count.tolist())


def indices(labels: Sequence[str], names: Sequence[str], where: str) -> list[int]:
    """The places of ``names`` among ``labels``. Raises LabelPolicyError, naming ``where``, for an unknown one."""
    place = {label: index for index, label in enumerate(labels)}
    for name in names:
        if name not in place:
            raise LabelPolicyError(
                f"{where}: the data set has no label {name!r}: expected some of its {len(labels)} labels, "
                f"such as {', '.join(sorted(labels)[:3])}"
            )
    return [place[name] for name in names]


def by_frequency(
    labels: Sequence[str], parents: Sequence[str | None], train_count: Sequence[int], count: int = COUNT
) -> list[int]:
    """The places of ``count`` labels to show when none are named.

    Of a flat label set: evenly spread over the ranks of frequency. Of a hierarchy, as in the paper's Figure 5: the most
    frequent root that has children, with its most frequent descendants, then the next root, parents first.
    """
    order = sorted(range(len(labels)), key=lambda label: (-train_count[label], labels[label]))
    if not any(parents):
        return [order[round(place)] for place in np.linspace(0, len(order) - 1, min(count, len(order)))]
    place = {label: index for index, label in enumerate(labels)}

    def path(label: int) -> list[int]:
        """From the root down to the label."""
        parent = parents[label]
        return [*path(place[parent]), label] if parent in place else [label]

    paths = [path(label) for label in range(len(labels))]
    branches: dict[int, list[int]] = {}  # by root, the most frequent first
    for label in order:
        branches.setdefault(paths[label][0], []).append(label)
    chosen: list[int] = []
    for root in (label for label in order if len(branches.get(label, ())) > 1):
        chosen += sorted(branches[root][: count - len(chosen)], key=lambda label: len(paths[label]))
        if len(chosen) == count:
            return chosen
    return (chosen + [label for label in order if label not in chosen])[:count]
