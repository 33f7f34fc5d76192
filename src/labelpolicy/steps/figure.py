"""figure: one function per figure; Parquet and JSON in, a PDF and a PNG out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from labelpolicy.data.prepared import Prepared
from labelpolicy.data.scores import Scores
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_parquet, write_json
from labelpolicy.learner import reward as rewards
from labelpolicy.policy_file import Policy
from labelpolicy.report import chosen, curves, examples, figures, tree
from labelpolicy.report.results import MEASURES, classifier_title, dataset_title
from labelpolicy.report.tables import read_robustness

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


def reward(*, dataset: Path, policy: Path, scores: Path, title: str, pdf: Path, png: Path) -> None:
    """Eq. 6 worked out on one validation document: its scores, and the thresholds of policy.json."""
    data = Prepared(dataset)
    thresholds = Policy.read(policy, data.labels).thresholds
    if thresholds is None:
        raise LabelPolicyError(f"{policy}: has weights but no thresholds: expected the policy.json of a learned policy")
    values, truth = Scores(scores, data).split("valid")
    document, shown = examples.worked_labels(truth, values)
    terms = rewards.paper(thresholds[None, :], values[[document]], truth[[document]])[0]
    name = data.truth("valid")[0][document]
    examples.reward(
        [data.labels[label] for label in shown],
        truth[document, shown],
        values[document, shown].astype(np.float64),
        thresholds[shown],
        terms[shown],
        name=f"validation document {name}",
        rest=f"All {len(data.labels)} labels of this document: {terms.sum():+.1f}.",
        title=title,
        pdf=pdf,
        png=png,
    )


def weights(
    *, dataset: Path, policies: Mapping[str, Path], labels: Sequence[str], title: str, pdf: Path, png: Path
) -> None:
    """N w of the given labels, or of a few chosen by frequency, under each policy (policy.json by its name)."""
    data = Prepared(dataset)
    shown = _labels(data, labels)
    learned = {
        name: Policy.read(path, data.labels).weights[shown] * len(data.labels)
        for name, path in _some(policies, "policy").items()
    }
    names = [data.labels[label] for label in shown]
    examples.chosen_weights(names, data.train_count[shown], learned, title=title, pdf=pdf, png=png)


def weight_tree(*, dataset: Path, policy: Path, title: str, pdf: Path, png: Path, correlations: Path) -> None:
    """N w of every label over the hierarchy, and a JSON file of how w goes with depth and frequency."""
    data = Prepared(dataset)
    if not any(data.parents):
        raise LabelPolicyError(f"{dataset}: the labels have no hierarchy to draw: use `labelpolicy figure policy`")
    learned = Policy.read(policy, data.labels)
    found = tree.weight_tree(
        data.labels,
        data.parents,
        data.depth,
        data.train_count,
        learned.weights,
        title=title,
        pdf=pdf,
        png=png,
    )
    write_json(correlations, {"dataset": data.name} | found)


def precision_recall(*, dataset: Path, scores: Path, labels: Sequence[str], title: str, pdf: Path, png: Path) -> None:
    """Curves over all pairs (micro) and of a few labels, on the validation and the test split."""
    data = Prepared(dataset)
    shown = _labels(data, labels)
    table = Scores(scores, data)
    found = {}
    for split, name in (("valid", "validation"), ("test", "test")):
        values, truth = table.split(split)
        found[name] = {"all labels (micro)": curves.precision_recall_curve(values, truth)} | {
            data.labels[label]: curves.precision_recall_curve(values[:, label], truth[:, label]) for label in shown
        }
    curves.precision_recall(found, title=title, pdf=pdf, png=png)


def robustness(*, runs: Path, pdf: Path, png: Path) -> None:
    """The single runs of one file of `labelpolicy robustness`."""
    found = read_robustness(runs)
    rows = read_parquet(runs, ["statistic", "init", "metric", "value"]).to_pylist()
    rows = sorted((row for row in rows if row["statistic"] == "run"), key=lambda row: row["init"])
    values = {metric: np.array([row["value"] for row in rows if row["metric"] == metric]) for metric in MEASURES}
    for metric, column in values.items():
        if len(column) < 2:
            raise LabelPolicyError(f"{runs}: {len(column)} runs of {metric}, expected at least 2: run the step again")
    title = (
        f"{classifier_title(found.classifier).split(':')[0]} on {dataset_title(found.dataset)}, policy {found.policy}"
    )
    curves.robustness(values, titles=MEASURES, title=title, pdf=pdf, png=png)


def _labels(data: Prepared, names: Sequence[str]) -> list[int]:
    if names:
        return chosen.indices(data.labels, names, str(data.folder))
    return chosen.by_frequency(data.labels, data.parents, data.train_count.tolist())


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
