"""Every measure, from two boolean arrays: ``truth`` and ``predicted``, both (documents n, labels N).

"Macro-F1" means two different things in the paper: Table 2 prints the loose macro-F1 of Ling and Weld (2012), an
average over documents; Table 5's (0.47 beside a micro-F1 of 0.84) can only be an average over labels. Here
``loose_macro_f1`` is the first and ``macro_f1`` the second. Ling and Weld's loose micro pools all (document, label)
pairs and therefore *is* the micro-averaged precision, recall and F1: ``loose_micro_f1`` equals ``micro_f1``.

Nothing divided by nothing is 0 everywhere (scikit-learn's ``zero_division=0``): the precision of a label never
predicted, the recall of a label never true, and the F1 of a label that is neither. All measures are shares in [0, 1]
but ``labels_per_document``, a count.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labelpolicy.errors import LabelPolicyError
from labelpolicy.thresholds.objectives import f1, ratio

#: What `evaluate` returns, in this order.
NAMES = (
    "accuracy",
    "macro_f1",
    "micro_f1",
    "loose_macro_precision",
    "loose_macro_recall",
    "loose_macro_f1",
    "loose_micro_precision",
    "loose_micro_recall",
    "loose_micro_f1",
    "hamming_loss",
    "labels_per_document",
)


def evaluate(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """All measures of one split; see NAMES.

    ``accuracy`` is strict: the share of documents whose set of labels is exactly right, the empty set included. The
    loose macro precision is averaged over the documents with a predicted label, the recall over those with a true one,
    as Ling and Weld (2012) define them. (Much published evaluation code divides by all documents, which is the same
    when every document has both.)

    Raises LabelPolicyError for arrays of different or wrong shapes, or without a document or a label.
    """
    truth, predicted = _checked(truth, predicted)
    sums = {name: values.sum(axis=0) for name, values in _terms(truth, predicted).items()}
    return {name: float(value) for name, value in _measures(sums).items()}


def standard_errors(truth: np.ndarray, predicted: np.ndarray, groups: Sequence[str]) -> dict[str, float]:
    """Standard error of each measure over groups of documents: the jackknife that leaves out one group at a time.

    Mentions of one text stand or fall together, so it is the texts that are a sample, not the mentions. With G groups
    and theta_g the measure without group g, the variance is (G - 1) / G times the sum of (theta_g - their mean)^2
    (Efron and Tibshirani 1993, ch. 11). ``groups`` names the group of each document.

    Raises LabelPolicyError as `evaluate` does, and for fewer than two groups.
    """
    truth, predicted = _checked(truth, predicted)
    names, place = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) < 2:
        raise LabelPolicyError("metrics: all documents are of one group: a standard error needs at least two")
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(len(names)))
    without = {}
    for name, values in _terms(truth, predicted).items():
        by_group = np.add.reduceat(values[order], starts, axis=0, dtype=np.result_type(values, np.int64))
        without[name] = by_group.sum(axis=0) - by_group
    factor = np.sqrt(len(names) - 1)  # numpy's standard deviation divides by G
    return {name: float(factor * values.std()) for name, values in _measures(without).items()}


def _terms(truth: np.ndarray, predicted: np.ndarray) -> dict[str, np.ndarray]:
    """What every document adds to the sums that the measures are made of: (documents,) or (documents, labels)."""
    both = truth & predicted
    hits, chosen, positives = (array.sum(axis=1) for array in (both, predicted, truth))
    return {
        "tp": both,
        "chosen": predicted,
        "support": truth,
        "documents": np.ones(len(truth), dtype=np.int64),
        "exact": (truth == predicted).all(axis=1),
        "precision": ratio(hits, chosen),
        "with_prediction": chosen > 0,
        "recall": ratio(hits, positives),
        "with_truth": positives > 0,
    }


def _measures(sums: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The measures from the sums of :func:`_terms`, labels on the last axis; further axes before it are kept."""
    tp, chosen, support = (sums[name].sum(axis=-1) for name in ("tp", "chosen", "support"))
    precision = ratio(sums["precision"], sums["with_prediction"])
    recall = ratio(sums["recall"], sums["with_truth"])
    micro_f1 = f1(tp, chosen, support)
    cells = sums["documents"] * sums["tp"].shape[-1]
    values = (
        ratio(sums["exact"], sums["documents"]),
        f1(sums["tp"], sums["chosen"], sums["support"]).mean(axis=-1),
        micro_f1,
        precision,
        recall,
        ratio(2 * precision * recall, precision + recall),
        ratio(tp, chosen),
        ratio(tp, support),
        micro_f1,
        ratio(chosen + support - 2 * tp, cells),
        ratio(chosen, sums["documents"]),
    )
    return dict(zip(NAMES, values, strict=True))


def per_label(truth: np.ndarray, predicted: np.ndarray) -> dict[str, np.ndarray]:
    """One row a label: tp, fp, fn, support (int64) and precision, recall, f1 (float64), each (N,)."""
    truth, predicted = _checked(truth, predicted)
    tp, chosen, support = (array.sum(axis=0) for array in (truth & predicted, predicted, truth))
    return {
        "tp": tp,
        "fp": chosen - tp,
        "fn": support - tp,
        "precision": ratio(tp, chosen),
        "recall": ratio(tp, support),
        "f1": f1(tp, chosen, support),
        "support": support,
    }


def _checked(truth: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    if truth.shape != predicted.shape or truth.ndim != 2 or not truth.size:
        raise LabelPolicyError(
            f"metrics: truth is {truth.shape} and predicted {predicted.shape}: "
            "expected the same (documents, labels), at least one of each"
        )
    if truth.dtype != bool or predicted.dtype != bool:
        raise LabelPolicyError(
            f"metrics: truth is {truth.dtype} and predicted {predicted.dtype}: expected bool, decisions and not scores"
        )
    return truth, predicted
