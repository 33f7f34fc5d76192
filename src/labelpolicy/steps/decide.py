"""decide: scores and a threshold policy -> metrics.json, thresholds.json, labels.parquet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from labelpolicy import metrics
from labelpolicy.cell import AT_LEAST_ONE, OUT_OF_FOLD, Thresholds
from labelpolicy.data.prepared import Prepared
from labelpolicy.data.scores import Scores
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import whole_folder, write_json, write_parquet
from labelpolicy.hierarchy import closed_upwards
from labelpolicy.policy_file import Policy
from labelpolicy.thresholds.objectives import ThresholdParameters
from labelpolicy.thresholds.rules import FITS, NEVER, Decision, PerLabel, fit


def run(
    *,
    dataset: Path,
    scores: Path,
    thresholds: str,
    policy: Path | None,
    parameters: ThresholdParameters,
    output: Path,
    seed: int,
) -> None:
    """Fit the policy ``thresholds`` without the test split, decide validation and test documents, and measure.

    Its name is ``{rule}[+one][+oof]`` (policy/names.py). It is fitted on the validation split of scores.parquet, or,
    with ``+oof``, on the training and validation documents of out_of_fold.parquet; then the measures of ``valid`` are
    those of out-of-fold scores. Rules that go by how often labels are count the documents that the classifier of the
    test scores was trained on: those of the training split, or, with ``+oof``, of both. A label that none of these
    carries is never predicted.

    With ``policy`` (a policy.json), the rule is the name of a learned policy and its thresholds come from there.
    The files of ``output`` are written together, or none of them.

    metrics.json has the measures of both splits (``valid``, ``test``) and, where documents come in groups, the standard
    errors of the test measures over groups (``standard_error``). Where labels have parents it has them twice more:
    ``as_decided``, and ``closed_upwards``, with the ancestors of every predicted label predicted as well. Which of the
    two stands at the top and in labels.parquet is the parameter ``closed_upwards``. The ``train_count`` of
    labels.parquet is always that of the data set's training split.

    Raises LabelPolicyError for scores that are no probabilities or of other documents or labels than the data set's,
    for out-of-fold scores without ``+oof`` or the reverse, for a ``policy`` without thresholds, and for an unknown or
    clashing name.
    """
    rule, at_least_one, out_of_fold = Thresholds.parse(thresholds)
    if (policy is None and rule not in FITS) or "+" in rule:
        raise LabelPolicyError(
            f"thresholds {thresholds!r}: expected {', '.join(FITS)}, or a learned policy with its policy.json, "
            f"alone or followed by {AT_LEAST_ONE}, {OUT_OF_FOLD} or {AT_LEAST_ONE}{OUT_OF_FOLD}"
        )
    if policy is not None and rule in FITS:
        raise LabelPolicyError(f"thresholds {thresholds!r} are fitted on scores: leave out the policy {policy}")
    data = Prepared(dataset)
    table = Scores(scores, data)
    check_kind(table, thresholds)
    fitted = table.fitting()
    valid_scores, valid_truth, train_count = (
        fitted.y_score[-fitted.valid :],
        fitted.y_true[-fitted.valid :],
        fitted.train_count,
    )
    if policy is not None:
        learned = np.where(train_count > 0, _learned(policy, data.labels), NEVER)
        decision = PerLabel(learned, at_least_one=at_least_one)
    else:
        name = thresholds.removesuffix(OUT_OF_FOLD)
        decision = fit(name, fitted.y_score, fitted.y_true, train_count=train_count, parameters=parameters, seed=seed)
    # Only now are the test labels read: they can move nothing but the test metrics.
    test_scores, test_truth = table.split("test")
    groups = data.split("test").groups
    decided = {"valid": decision.decide(valid_scores), "test": decision.decide(test_scores)}
    ways = {"as_decided": decided}
    if any(data.parents):
        ways["closed_upwards"] = {
            split: closed_upwards(predicted, data.labels, data.parents) for split, predicted in decided.items()
        }
    truths = {"valid": valid_truth, "test": test_truth}
    found = {
        way: {split: metrics.evaluate(truth, predicted[split]) for split, truth in truths.items()}
        | _standard_error(test_truth, predicted["test"], groups)
        for way, predicted in ways.items()
    }
    chosen = "closed_upwards" if parameters.closed_upwards and len(ways) > 1 else "as_decided"

    about = table.trained.with_thresholds(thresholds).about
    documents = {"valid_documents": len(valid_truth), "test_documents": len(test_truth), "labels": len(data.labels)}
    if out_of_fold:
        documents = {"train_documents": len(fitted.y_true) - fitted.valid} | documents
    if groups is not None:
        documents["test_groups"] = len(set(groups))
    closed = {"closed_upwards": True} if chosen == "closed_upwards" else {}
    with whole_folder(output) as folder:
        both = found if len(ways) > 1 else {}
        write_json(folder / "metrics.json", {"about": about | documents | closed} | found[chosen] | both)
        write_json(folder / "thresholds.json", {"about": about} | closed | decision.json(data.labels))
        write_parquet(folder / "labels.parquet", _label_table(data, decision, test_truth, ways[chosen]["test"]))


def _standard_error(truth: np.ndarray, predicted: np.ndarray, groups: Sequence[str] | None) -> dict:
    if groups is None or len(set(groups)) < 2:
        return {}
    return {"standard_error": {"test": metrics.standard_errors(truth, predicted, groups)}}


def check_kind(scores: Scores, thresholds: str) -> None:
    """The name says which kind of scores it goes with, and the file says which it has."""
    path, out_of_fold = scores.path, scores.out_of_fold
    if out_of_fold and not thresholds.endswith(OUT_OF_FOLD):
        raise LabelPolicyError(
            f"{path}: has scores of the split 'train', out of fold: expected scores.parquet of `labelpolicy train`, or "
            f"thresholds {thresholds + OUT_OF_FOLD!r}"
        )
    if thresholds.endswith(OUT_OF_FOLD) and not out_of_fold:
        raise LabelPolicyError(
            f"{path}: no scores of the split 'train': thresholds {thresholds!r} need out_of_fold.parquet of "
            "`labelpolicy crossfit`"
        )


def _learned(path: Path, labels: list[str]) -> np.ndarray:
    learned = Policy.read(path, labels).thresholds
    if learned is None:
        raise LabelPolicyError(f"{path}: has weights but no thresholds: expected the policy.json of a learned policy")
    return learned


def _label_table(data: Prepared, decision: Decision, truth: np.ndarray, predicted: np.ndarray) -> pa.Table:
    """One row a label; ``threshold`` is null for a rule without one (rcut, pcut), the measures are the test split's."""
    thresholds = decision.thresholds if isinstance(decision, PerLabel) else [None] * len(data.labels)
    columns = {
        "label": pa.array(data.labels, type=pa.string()),
        "train_count": pa.array(data.train_count),
        "threshold": pa.array(thresholds, type=pa.float64()),
    }
    return pa.table(columns | {name: pa.array(values) for name, values in metrics.per_label(truth, predicted).items()})
