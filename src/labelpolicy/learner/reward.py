"""Rewards of the prediction policy: Eq. 6 as printed, and one with an interior optimum.

Shapes: ``thresholds`` (draws, labels), ``scores`` float and ``truth`` bool (documents, labels). ``paper`` and
``credit`` return the share of each label, (draws, labels). ``expected`` is the utility made smooth.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from labelpolicy.metrics import evaluate
from labelpolicy.thresholds.objectives import Utility


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


def expected(
    thresholds: Tensor,
    sigma: float,
    logits: Tensor,
    truth: Tensor,
    utility: Utility,
    *,
    spread: Tensor,
    allowed: Tensor | None = None,
) -> Tensor:
    """The utility as a smooth function of the logits of the thresholds, (labels,): its gradient is the pathwise one.

    Under a Gaussian policy around the logits of the thresholds a cell of logit z is predicted with probability
    Phi((z - threshold) / deviation); the utility is taken at the expected counts. A label's deviation is ``sigma``
    times its ``spread`` (labels,), see :func:`spread_of`. ``logits`` and boolean ``truth`` are (documents, labels).
    With ``allowed`` (labels,), the labels that may be predicted, a document for which no label passes gets its best.
    """
    chance = torch.special.ndtr((logits - thresholds) / (sigma * spread))
    if allowed is not None:
        chance = _at_least_one(chance * allowed, (logits - thresholds).detach(), allowed)
    hits, chosen, positives = (chance * truth).sum(0), chance.sum(0), truth.sum(0)
    macro_f1 = (2 * hits / (chosen + positives).clamp(min=1e-6) * (positives > 0)).mean()
    micro_f1 = 2 * hits.sum() / (chosen.sum() + positives.sum()).clamp(min=1e-6)
    accuracy = torch.where(truth, chance, 1 - chance).clamp(min=1e-6).log().sum(1).exp().mean()
    return utility.accuracy * accuracy + utility.macro_f1 * macro_f1 + utility.micro_f1 * micro_f1


def _at_least_one(chance: Tensor, margin: Tensor, allowed: Tensor) -> Tensor:
    """Chances (documents, labels) where a document's best allowed label is also taken if all others fail."""
    best = margin.masked_fill(~allowed, -torch.inf).argmax(1, keepdim=True)
    fails = torch.log1p(-chance.clamp(max=1 - 1e-6))
    others_fail = (fails.sum(1, keepdim=True) - fails.gather(1, best)).exp()
    own = chance.gather(1, best)
    return chance.scatter(1, best, own + (1 - own) * others_fail)


def spread_of(logits: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """How far apart each label's logits lie where its threshold may be: float64 (labels,).

    The standard deviation over its best-scored documents, three times as many as have the label and 20. Classifiers
    differ in it, and labels do: the margins of an SVM for a rare label lie within a few hundredths.
    """
    ordered = np.sort(logits, axis=0)[::-1]
    counts = np.minimum(3 * truth.sum(axis=0) + 20, len(logits))
    return np.array([ordered[:count, j].std() for j, count in enumerate(counts)]).clip(0.02)
