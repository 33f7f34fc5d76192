"""figure: one function per figure; Parquet and JSON in, a PDF and a PNG out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from labelpolicy.data.prepared import Prepared
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_parquet
from labelpolicy.policy.artefact import Policy
from labelpolicy.report import figures
from labelpolicy.report.results import dataset_title

QUANTILES = ("00", "10", "25", "50", "75", "90", "100")
HISTORY = ("epoch", "loss", "valid_accuracy", "valid_macro_f1", "valid_micro_f1")


def heatmap(*, dataset: Path, policy: Path, pdf: Path, png: Path) -> None:
    """Weights and thresholds of one policy.json over the labels of a prepared data set."""
    prepared = Prepared(dataset)
    learned = Policy.read(policy, prepared.labels)
    figures.heatmap(
        prepared.labels,
        prepared.train_count,
        learned.weights,
        learned.thresholds,
        title=dataset_title(prepared.name),
        pdf=pdf,
        png=png,
    )


def learning_curve(*, title: str, histories: Mapping[str, Path], pdf: Path, png: Path) -> None:
    """Training histories (history.parquet) by the name each line is to carry."""
    read = {name: _history(path) for name, path in _some(histories, "history").items()}
    figures.learning_curve(read, title=title, pdf=pdf, png=png)


def trace(*, title: str, traces: Mapping[str, Path], pdf: Path, png: Path) -> None:
    """Traces (trace.parquet or rollout.parquet) by the policy's name, one column each."""
    read = {name: _trace(path) for name, path in _some(traces, "trace").items()}
    figures.trace(read, title=title, pdf=pdf, png=png)


def label_f1(*, title: str, before: Path, after: Path, names: tuple[str, str], pdf: Path, png: Path) -> None:
    """Per-label tables (labels.parquet of ``decide``) of two rows, named ``names``."""
    columns = ["label", "train_count", "f1"]
    first, second = (read_parquet(path, columns).to_pydict() for path in (before, after))
    if first["label"] != second["label"]:
        raise LabelPolicyError(
            f"{after}: not the labels of {before}, expected the same in the same order: decide both again"
        )
    figures.label_f1(
        first["label"],
        np.array(first["train_count"]),
        np.array(first["f1"]),
        np.array(second["f1"]),
        names=names,
        title=title,
        pdf=pdf,
        png=png,
    )


def _some(paths: Mapping[str, Path], what: str) -> Mapping[str, Path]:
    if not paths:
        raise LabelPolicyError(f"no {what} given: name at least one")
    return paths


def _history(path: Path) -> figures.History:
    table = _rows(path, list(HISTORY))
    return figures.History(**{column: table[column].to_numpy() for column in HISTORY})


def _trace(path: Path) -> figures.Trace:
    quantiles = {policy: [f"{policy}_q{quantile}" for quantile in QUANTILES] for policy in ("p", "w")}
    table = _rows(path, ["episode", "step", "reward", *quantiles["p"], *quantiles["w"]])
    bands = {policy: np.column_stack([table[name].to_numpy() for name in names]) for policy, names in quantiles.items()}
    return figures.Trace(
        table["episode"].to_numpy(), table["step"].to_numpy(), table["reward"].to_numpy(), bands["p"], bands["w"]
    )


def _rows(path: Path, columns: list[str]) -> pa.Table:
    table = read_parquet(path, columns)
    if len(table) == 0:
        raise LabelPolicyError(f"{path}: no rows, expected at least one: run the step that writes it again")
    return table
