"""decide: scores and a threshold policy -> metrics.json, thresholds.json, labels.parquet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelpolicy import metrics
from labelpolicy.data.prepared import Prepared
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_parquet, whole_folder, write_json, write_parquet
from labelpolicy.parameters import Thresholds
from labelpolicy.policy.artefact import Policy
from labelpolicy.policy.hierarchy import closed_upwards
from labelpolicy.policy.names import AT_LEAST_ONE, OUT_OF_FOLD, split_name
from labelpolicy.policy.thresholds import FITS, NEVER, Decision, PerLabel, first_bad, fit


def run(
    *,
    dataset: Path,
    scores: Path,
    thresholds: str,
    policy: Path | None,
    parameters: Thresholds,
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
    rule, at_least_one, out_of_fold = split_name(thresholds)
    if (policy is None and rule not in FITS) or "+" in rule:
        raise LabelPolicyError(
            f"thresholds {thresholds!r}: expected {', '.join(FITS)}, or a learned policy with its policy.json, "
            f"alone or followed by {AT_LEAST_ONE}, {OUT_OF_FOLD} or {AT_LEAST_ONE}{OUT_OF_FOLD}"
        )
    if policy is not None and rule in FITS:
        raise LabelPolicyError(f"thresholds {thresholds!r} are fitted on scores: leave out the policy {policy}")
    data = Prepared(dataset)
    table = read_parquet(scores, ["split", "id", "scores"])
    check_kind(table, scores, thresholds)
    fitted = fitted_on(data, table, scores, out_of_fold=out_of_fold)
    (valid_scores, valid_truth), train_count = fitted.valid, fitted.train_count
    if policy is not None:
        learned = np.where(train_count > 0, _learned(policy, data.labels), NEVER)
        decision = PerLabel(learned, at_least_one=at_least_one)
    else:
        name = thresholds.removesuffix(OUT_OF_FOLD)
        decision = fit(name, fitted.scores, fitted.truth, train_count=train_count, parameters=parameters, seed=seed)
    # Only now are the test labels read: they can move nothing but the test metrics.
    test_scores, test_truth = scored(data, table, scores, "test")
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

    about = {"dataset": data.name, "thresholds": thresholds, "seed": seed}
    documents = {"valid_documents": len(valid_truth), "test_documents": len(test_truth), "labels": len(data.labels)}
    if out_of_fold:
        documents = {"train_documents": len(fitted.truth) - len(valid_truth)} | documents
    if groups is not None:
        documents["test_groups"] = len(set(groups))
    closed = {"closed_upwards": True} if chosen == "closed_upwards" else {}
    with whole_folder(output) as folder:
        both = found if len(ways) > 1 else {}
        write_json(folder / "metrics.json", {"about": about | documents | closed} | found[chosen] | both)
        write_json(folder / "thresholds.json", {"about": about} | closed | decision.json(data.labels))
        write_parquet(folder / "labels.parquet", _label_table(data, decision, test_truth, ways[chosen]["test"]))


class Fitted(NamedTuple):
    """What thresholds are fitted on: scores and truth (n, N), ``valid`` those of validation documents alone.

    ``train_count`` (N,) counts the documents that the classifier of the test scores was trained on.
    """

    scores: np.ndarray
    truth: np.ndarray
    train_count: np.ndarray
    valid: tuple[np.ndarray, np.ndarray]


def fitted_on(data: Prepared, table: pa.Table, path: Path, *, out_of_fold: bool) -> Fitted:
    """The validation split and counts of the training split; or, out of fold, both splits and counts of both."""
    valid = scored(data, table, path, "valid")
    if not out_of_fold:
        return Fitted(*valid, data.train_count, valid)
    train = scored(data, table, path, "train")
    scores, truth = (np.concatenate(parts) for parts in zip(train, valid, strict=True))
    return Fitted(scores, truth, truth.sum(axis=0), valid)


def _standard_error(truth: np.ndarray, predicted: np.ndarray, groups: Sequence[str] | None) -> dict:
    if groups is None or len(set(groups)) < 2:
        return {}
    return {"standard_error": {"test": metrics.standard_errors(truth, predicted, groups)}}


def check_kind(table: pa.Table, path: Path, thresholds: str) -> None:
    """Out-of-fold scores have rows of the training split, and others have none."""
    out_of_fold = "train" in pc.unique(table["split"]).to_pylist()
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


def scored(data: Prepared, table: pa.Table, path: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Scores float32 and truth bool of one split, both (n, N), in the order of the prepared documents."""
    ids, truth = data.truth(split)
    mask = pc.fill_null(pc.equal(table["split"], split), False)
    found = pa.array(table["id"].filter(mask).to_pylist(), type=pa.string())
    order = _positions(ids, found, f"{path}: split {split!r}", f"{data.folder}/{split}.parquet")
    scores = _matrix(table, np.asarray(mask), len(data.labels), path)
    if not np.array_equal(order, np.arange(len(order))):
        scores = scores[order]
    bad = first_bad(scores)
    if bad is not None:
        row, label = bad
        raise LabelPolicyError(
            f"{path}: split {split!r}, document {ids[row]!r}, label {data.labels[label]!r}: "
            f"score {scores[bad]}, expected a probability in [0, 1]: train again"
        )
    return scores, truth


def _positions(ids: list[str], found: pa.Array, where: str, prepared: str) -> np.ndarray:
    """Where each prepared document stands among the found ones; both must be the same documents, each once."""
    wanted = pa.array(ids, type=pa.string())
    strange = found.filter(pc.invert(pc.is_in(found, value_set=wanted)))
    if len(strange):
        raise LabelPolicyError(
            f"{where}: document {strange[0].as_py()!r} is not in {prepared}: train again on this data set"
        )
    positions = pc.index_in(wanted, value_set=found)
    if positions.null_count:
        missing = wanted.filter(pc.is_null(positions))[0].as_py()
        raise LabelPolicyError(
            f"{where}: no scores of document {missing!r} of {prepared}: train again on this data set"
        )
    if len(found) != len(wanted):
        counts = pc.value_counts(found)
        twice = counts.field("values").filter(pc.greater(counts.field("counts"), 1))[0].as_py()
        raise LabelPolicyError(f"{where}: document {twice!r} has scores twice, expected once: train again")
    return positions.to_numpy()


def _matrix(table: pa.Table, mask: np.ndarray, labels: int, path: Path) -> np.ndarray:
    """The scores of the rows under ``mask`` as float32 (rows, labels), chunk by chunk and without a loop over rows."""
    column = table["scores"]
    # Lists of a fixed size or not. Of the type's members only the values' type is needed.
    if not (hasattr(column.type, "value_type") and pa.types.is_floating(column.type.value_type)):
        raise LabelPolicyError(f"{path}: column scores is {column.type}, expected lists of float: train again")
    matrix = np.empty((np.count_nonzero(mask), labels), dtype=np.float32)
    row, start = 0, 0
    for chunk in column.chunks:  # never put together: many scores would overflow the 32-bit offsets of a list array
        lengths = np.asarray(pc.fill_null(pc.list_value_length(chunk), 0))
        wrong = np.flatnonzero(lengths != labels)
        if len(wrong):
            document, count = table["id"][start + int(wrong[0])].as_py(), lengths[wrong[0]]
            raise LabelPolicyError(
                f"{path}: document {document!r} has {count} scores, expected {labels}, one for each label"
            )
        # A null among the scores becomes NaN, and is refused with its document and label later.
        values = chunk.flatten().to_numpy(zero_copy_only=False).reshape(len(chunk), labels)
        kept = values[mask[start : start + len(chunk)]]
        matrix[row : row + len(kept)] = kept
        row, start = row + len(kept), start + len(chunk)
    return matrix
