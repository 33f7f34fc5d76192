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

import numpy as np

from labelpolicy.errors import LabelPolicyError

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

    ``accuracy`` is strict: the share of documents whose set of labels is exactly right, the empty set included.

    Raises LabelPolicyError for arrays of different or wrong shapes, or without a document or a label.
    """
    truth, predicted = _checked(truth, predicted)
    documents, labels = truth.shape
    table = per_label(truth, predicted)
    tp, chosen, positives = table["tp"].sum(), table["tp"].sum() + table["fp"].sum(), table["support"].sum()
    loose_precision, loose_recall = loose_macro(truth, predicted)
    micro_precision, micro_recall = float(share(tp, chosen)), float(share(tp, positives))
    micro_f1 = float(f1(tp, chosen, positives))
    values = (
        (truth == predicted).all(axis=1).mean(),
        table["f1"].mean(),
        micro_f1,
        loose_precision,
        loose_recall,
        share(2 * loose_precision * loose_recall, loose_precision + loose_recall),
        micro_precision,
        micro_recall,
        micro_f1,
        (table["fp"].sum() + table["fn"].sum()) / (documents * labels),
        chosen / documents,
    )
    return {name: float(value) for name, value in zip(NAMES, values, strict=True)}


def per_label(truth: np.ndarray, predicted: np.ndarray) -> dict[str, np.ndarray]:
    """One row a label: tp, fp, fn, support (int64) and precision, recall, f1 (float64), each (N,)."""
    truth, predicted = _checked(truth, predicted)
    tp, chosen, support = (array.sum(axis=0) for array in (truth & predicted, predicted, truth))
    return {
        "tp": tp,
        "fp": chosen - tp,
        "fn": support - tp,
        "precision": share(tp, chosen),
        "recall": share(tp, support),
        "f1": f1(tp, chosen, support),
        "support": support,
    }


def loose_macro(truth: np.ndarray, predicted: np.ndarray) -> tuple[float, float]:
    """Precision and recall averaged over documents (Ling and Weld 2012).

    Precision is averaged over the documents with a predicted label, recall over those with a true one, as they define
    it. (Much published evaluation code divides by all documents, which is the same when every document has both.)
    """
    hits, chosen, positives = (array.sum(axis=1) for array in (truth & predicted, predicted, truth))
    with_prediction, with_truth = np.count_nonzero(chosen), np.count_nonzero(positives)
    return (
        float(share(share(hits, chosen).sum(), with_prediction)),
        float(share(share(hits, positives).sum(), with_truth)),
    )


def f1(tp: np.ndarray, chosen: np.ndarray, positives: np.ndarray) -> np.ndarray:
    """2 tp / (chosen + positives): F1 from the counts of hits, predictions and true labels; 0 if there are none."""
    return share(2 * tp, chosen + positives)


def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole in float64, and 0 where whole is 0."""
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    return np.divide(part, whole, out=np.zeros(np.broadcast_shapes(part.shape, whole.shape)), where=whole != 0)


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
