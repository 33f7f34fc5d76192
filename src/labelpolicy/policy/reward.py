"""Rewards of the prediction policy: Eq. 6 as printed, and one with an interior optimum.

Shapes: ``thresholds`` (draws, labels), ``scores`` float and ``truth`` bool (documents, labels). ``paper`` and
``credit`` return the share of each label, (draws, labels).
"""

from __future__ import annotations

import numpy as np

from labelpolicy.metrics import evaluate
from labelpolicy.parameters import Utility


def paper(thresholds: np.ndarray, scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Eq. 6 (Figure 3): sum over documents of (-1)^y* (p - y) / p.

    For one label it equals (S+ - S-) / p + (n- - n+), with S the sum of y over its positives or negatives: monotone in
    p, so its maximiser is p -> 0 or p -> 1. It is here as the reference line that the paper prints.
    """
    sign = np.where(truth, -1.0, 1.0)
    return sign.sum(axis=0) - (sign * scores).sum(axis=0) / thresholds


def utility(predicted: np.ndarray, truth: np.ndarray, utility: Utility) -> float:
    """utility.accuracy * strict accuracy + utility.macro_f1 * label macro-F1 + utility.micro_f1 * micro-F1."""
    measured = evaluate(truth, predicted)
    return sum(weight * measured[measure] for measure, weight in utility)


def credit(
    thresholds: np.ndarray, scores: np.ndarray, truth: np.ndarray, *, centre: np.ndarray, utility: Utility
) -> np.ndarray:
    """What a label's own threshold does to the utility, with the other labels' thresholds at ``centre`` (labels,).

    Only macro-F1 is a sum over labels; the others are taken around the decisions at ``centre``:

    - strict accuracy: a label matters in the documents in which every other label is right (exact);
    - micro-F1 = 2 TP / D with D = 2 TP + FP + FN changes by (2 dTP - F dD) / D (to first order).

    So a label is rewarded for its own doing (a difference reward), and the noise of the other labels stays out. A label
    without a positive among the documents has no F1 to gain, but still pays for its false positives in the rest.
    """
    documents, labels = scores.shape
    positives = truth.sum(axis=0)

    predicted = scores > centre
    wrong = predicted != truth
    others_right = (wrong.sum(axis=1, keepdims=True) - wrong) == 0
    denominator = max(predicted.sum() + positives.sum(), 1)
    micro_f1 = 2 * (predicted & truth).sum() / denominator

    result = np.empty(thresholds.shape)
    for draw, threshold in enumerate(thresholds):
        predicted = scores > threshold
        hits, chosen = (predicted & truth).sum(axis=0), predicted.sum(axis=0)
        f1 = np.where(positives > 0, 2 * hits / np.maximum(chosen + positives, 1), 0.0)
        micro = (2 * hits - micro_f1 * (chosen + positives)) / denominator
        accuracy = (others_right & (predicted == truth)).sum(axis=0) / documents
        result[draw] = utility.accuracy * accuracy + utility.macro_f1 * f1 / labels + utility.micro_f1 * micro
    return result
