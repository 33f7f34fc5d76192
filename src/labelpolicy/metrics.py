"""Every measure, from two boolean arrays: ``y_true`` and ``y_pred``, both (documents n, labels N).

"Macro-F1" means two different things in the paper: Table 2 prints the loose macro-F1 of Ling and Weld (2012), an
average over documents; Table 5's (0.47 beside a micro-F1 of 0.84) can only be an average over labels. Here
``loose_macro_f1`` is the first and ``macro_f1`` the second. Ling and Weld's loose micro pools all (document, label)
pairs and therefore *is* the micro-averaged precision, recall and F1: ``loose_micro_f1`` equals ``micro_f1``.

Nothing divided by nothing is 0 (scikit-learn's ``zero_division=0``), but the ``samples_jaccard`` and ``samples_f1`` of
a document that rightly gets no label are 1, as is its accuracy. All measures are shares in [0, 1] but
``labels_per_document``, a count. docs/statistics.md has them in words. Training does not import this module: a new
measure retrains nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from labelpolicy.checks import one_each
from labelpolicy.errors import LabelPolicyError
from labelpolicy.randomness import generator
from labelpolicy.thresholds.objectives import f1, overlap, ratio

#: Sums over documents of what `_terms` says of each; labels, where there are any, on the last axis.
Sums = Mapping[str, np.ndarray]

#: Groups of documents at most for a standard error over documents.
GROUPS = 200


def _measures(sums: Sums) -> dict[str, np.ndarray]:
    """Every measure by its name; axes of the sums before the labels are kept."""
    tp, predicted, support = (sums[name].sum(axis=-1) for name in ("tp", "predicted", "support"))
    precision = ratio(sums["precision"], sums["with_prediction"])
    recall = ratio(sums["recall"], sums["with_truth"])
    micro_f1 = f1(tp, predicted, support)
    return {
        "accuracy": ratio(sums["exact"], sums["documents"]),
        "macro_f1": f1(sums["tp"], sums["predicted"], sums["support"]).mean(axis=-1),
        "micro_f1": micro_f1,
        "samples_jaccard": ratio(sums["jaccard"], sums["documents"]),
        "samples_f1": ratio(sums["f1"], sums["documents"]),
        "macro_precision": ratio(sums["tp"], sums["predicted"]).mean(axis=-1),
        "macro_recall": ratio(sums["tp"], sums["support"]).mean(axis=-1),
        "micro_precision": ratio(tp, predicted),
        "micro_recall": ratio(tp, support),
        "loose_macro_precision": precision,
        "loose_macro_recall": recall,
        "loose_macro_f1": ratio(2 * precision * recall, precision + recall),
        "loose_micro_f1": micro_f1,
        "hamming_loss": ratio(predicted + support - 2 * tp, sums["documents"] * sums["tp"].shape[-1]),
        "labels_per_document": ratio(predicted, sums["documents"]),
    }


def evaluate(y_true: np.ndarray, y_pred: np.ndarray) -> dict[str, float]:
    """All measures of one split, by the names of NAMES.

    ``accuracy`` is strict: the share of documents whose set of labels is exactly right, the empty set included. The
    loose macro precision is averaged over the documents with a predicted label, the recall over those with a true one,
    as Ling and Weld (2012) define them.

    Raises LabelPolicyError for arrays of different or wrong shapes, or without a document or a label.

    >>> y = np.array([[True, False], [False, True]])
    >>> evaluate(y, y)["macro_f1"]
    1.0
    """
    y_true, y_pred = checked(y_true, y_pred)
    sums = {name: values.sum(axis=0) for name, values in _terms(y_true, y_pred).items()}
    return {name: float(value) for name, value in _measures(sums).items()}


def standard_errors(y_true: np.ndarray, y_pred: np.ndarray, groups: Sequence[object] | None = None) -> dict[str, float]:
    """Standard error of each measure over documents, or groups of them: the jackknife that leaves out one at a time.

    With G groups and theta_g the measure without group g, the variance is (G - 1) / G times the sum of
    (theta_g - their mean)^2 (Efron and Tibshirani 1993, ch. 11). ``groups`` names the group of each document; None:
    each is one by itself, or, of more than GROUPS documents, they are dealt out at random to GROUPS groups.

    Raises LabelPolicyError as `evaluate` does, and for fewer than two groups.

    >>> y = np.array([[True], [True]])
    >>> standard_errors(y, np.array([[True], [False]]))["accuracy"]
    0.5
    """
    if groups is None:
        groups = (generator(0, "standard errors").permutation(len(y_true)) % GROUPS).tolist()
    return {name: jackknife(values) for name, values in without_each(y_true, y_pred, groups).items()}


def jackknife(without: np.ndarray) -> float:
    """The standard error of a number, from what it is without each group (groups,)."""
    return float(np.sqrt(len(without) - 1) * without.std())  # numpy's standard deviation divides by G


def without_each(y_true: np.ndarray, y_pred: np.ndarray, groups: Sequence[Any] | np.ndarray) -> dict[str, np.ndarray]:
    """Each measure without each group of documents: (groups,), in the order of their names."""
    y_true, y_pred = checked(y_true, y_pred)
    one_each("groups", groups, len(y_true))
    names, place = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) < 2:
        raise LabelPolicyError("metrics: all documents are of one group: a standard error needs at least two")
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(len(names)))
    without = {}
    for name, values in _terms(y_true, y_pred).items():
        by_group = np.add.reduceat(values[order], starts, axis=0, dtype=np.result_type(values, np.int64))
        without[name] = by_group.sum(axis=0) - by_group
    return _measures(without)


def _terms(y_true: np.ndarray, y_pred: np.ndarray) -> Sums:
    """What every document adds to the sums that the measures are made of: (documents,) or (documents, labels)."""
    both = y_true & y_pred
    tp, predicted, support = (array.sum(axis=1) for array in (both, y_pred, y_true))
    return {
        "tp": both,
        "predicted": y_pred,
        "support": y_true,
        "documents": np.ones(len(y_true), dtype=np.int64),
        "exact": (tp == predicted) & (tp == support),
        "jaccard": overlap(tp, predicted + support - tp),
        "f1": overlap(2 * tp, predicted + support),
        "precision": ratio(tp, predicted),
        "with_prediction": predicted > 0,
        "recall": ratio(tp, support),
        "with_truth": support > 0,
    }


def per_label(y_true: np.ndarray, y_pred: np.ndarray) -> dict[str, np.ndarray]:
    """One row a label: tp, fp, fn, support (int64) and precision, recall, f1 (float64), each (N,)."""
    y_true, y_pred = checked(y_true, y_pred)
    tp, predicted, support = (array.sum(axis=0) for array in (y_true & y_pred, y_pred, y_true))
    return {
        "tp": tp,
        "fp": predicted - tp,
        "fn": support - tp,
        "precision": ratio(tp, predicted),
        "recall": ratio(tp, support),
        "f1": f1(tp, predicted, support),
        "support": support,
    }


def checked(y_true: np.ndarray, y_pred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays.

    Raises LabelPolicyError unless they are bool, of one shape (documents, labels), with at least one of each.
    """
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_true.shape != y_pred.shape or y_true.ndim != 2 or not y_true.size:
        found = f"y_true is {y_true.shape} and y_pred {y_pred.shape}"
        raise LabelPolicyError(f"metrics: {found}: expected the same (documents, labels), at least one of each")
    if y_true.dtype != bool or y_pred.dtype != bool:
        found = f"y_true is {y_true.dtype} and y_pred {y_pred.dtype}"
        raise LabelPolicyError(f"metrics: {found}: expected bool, decisions and not scores")
    return y_true, y_pred


#: What `evaluate` returns, in this order; and those of which more is not better.
NAMES = tuple(evaluate(np.ones((1, 1), dtype=bool), np.ones((1, 1), dtype=bool)))
NOT_SCORES = ("hamming_loss", "labels_per_document")
