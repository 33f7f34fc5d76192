"""Rewards of the prediction policy: Eq. 6 as printed, and one with an interior optimum.

``thresholds`` (draws, labels), ``y_score`` float and ``y_true`` bool (documents, labels) -> (draws, labels).
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from labelpolicy.learner.parameters import LearnerParameters
from labelpolicy.thresholds.decision import PerLabel
from labelpolicy.thresholds.objectives import Utility, f1, measures, utility_of


class RewardBatch(NamedTuple):
    """The documents of a reward; ``allowed`` (labels,): those that may be predicted, where every document gets one."""

    y_score: np.ndarray
    y_true: np.ndarray
    allowed: Tensor | None = None

    def take(self, rows: np.ndarray | slice) -> "RewardBatch":
        return RewardBatch(self.y_score[rows], self.y_true[rows], self.allowed)


def value(p: np.ndarray, batch: RewardBatch, parameters: LearnerParameters) -> float:
    """The reward r_t of thresholds (labels,): Eq. 6, or the utility of the decisions themselves."""
    if parameters.reward == "paper":
        return float(paper(p[None], batch.y_score, batch.y_true).sum())
    decision = PerLabel.at(p, at_least_one=batch.allowed is not None)
    return utility(batch.y_true, decision.decide(batch.y_score), parameters.utility)


def by_label(tried: np.ndarray, reference: np.ndarray, batch: RewardBatch, parameters: LearnerParameters) -> np.ndarray:
    """Each label's share of r_t for every draw of thresholds: (draws, labels)."""
    if parameters.reward == "paper":
        return paper(tried, batch.y_score, batch.y_true)
    return credit(tried, batch.y_score, batch.y_true, reference=reference, utility=parameters.utility)


def paper(thresholds: np.ndarray, y_score: np.ndarray, y_true: np.ndarray) -> np.ndarray:
    """Eq. 6 (Figure 3): sum over documents of (-1)^y* (p - y) / p.

    For one label it equals (S+ - S-) / p + (n- - n+), with S the sum of y over its positives or negatives: monotone in
    p, so its maximiser is p -> 0 or p -> 1.
    """
    sign = np.where(y_true, -1.0, 1.0)
    return sign.sum(axis=0) - (sign * y_score).sum(axis=0) / thresholds


def utility(y_true: np.ndarray, y_pred: np.ndarray, weights: Utility) -> float:
    """The utility of decisions, both arrays bool (documents, labels)."""
    return float(utility_of(**measures(y_true, y_pred), weights=weights))


def credit(
    thresholds: np.ndarray, y_score: np.ndarray, y_true: np.ndarray, *, reference: np.ndarray, utility: Utility
) -> np.ndarray:
    """What a label's own threshold does to the utility, with the other labels' thresholds at ``reference`` (labels,).

    A difference reward: macro-F1 is a sum over labels; strict accuracy counts the documents in which every other label
    is right (exact); micro-F1 = 2 TP / D with D = 2 TP + FP + FN changes by (2 dTP - F dD) / D (to first order). A
    label without a positive among the documents has no F1 to gain, but pays for its false positives in the rest.
    """
    documents, labels = y_score.shape
    support, y_pred = y_true.sum(axis=0), y_score > reference
    wrong = y_pred != y_true
    others_right = (wrong.sum(axis=1, keepdims=True) - wrong) == 0
    denominator = max(y_pred.sum() + support.sum(), 1)
    micro_f1 = 2 * (y_pred & y_true).sum() / denominator
    result = np.empty(thresholds.shape)
    for draw, threshold in enumerate(thresholds):
        y_pred = y_score > threshold
        tp, predicted = (y_pred & y_true).sum(axis=0), y_pred.sum(axis=0)
        accuracy = (others_right & (y_pred == y_true)).sum(axis=0) / documents
        micro = (2 * tp - micro_f1 * (predicted + support)) / denominator
        result[draw] = utility_of(accuracy, f1(tp, predicted, support) / labels, micro, utility)
    return result


def expected(thresholds: Tensor, deviation: Tensor, z: Tensor, batch: RewardBatch, utility: Utility) -> Tensor:
    """The utility as a smooth function of the thresholds' logits, (labels,), for the pathwise gradient.

    Under a Gaussian policy a cell of logit ``z`` (documents, labels) is predicted with probability
    Phi((z - threshold) / deviation); the utility is taken at the expected counts. ``deviation`` (labels,) is sigma
    times :func:`spread`.
    """
    y_true = torch.from_numpy(batch.y_true)
    chance = torch.special.ndtr((z - thresholds) / deviation)
    if batch.allowed is not None:
        chance = _at_least_one(chance * batch.allowed, (z - thresholds).detach(), batch.allowed)
    tp, predicted, support = (chance * y_true).sum(0), chance.sum(0), y_true.sum(0)
    macro_f1 = (2 * tp / (predicted + support).clamp(min=1e-6) * (support > 0)).mean()
    micro_f1 = 2 * tp.sum() / (predicted.sum() + support.sum()).clamp(min=1e-6)
    accuracy = torch.where(y_true, chance, 1 - chance).clamp(min=1e-6).log().sum(1).exp().mean()
    return utility_of(accuracy, macro_f1, micro_f1, utility)


def _at_least_one(chance: Tensor, margin: Tensor, allowed: Tensor) -> Tensor:
    """Chances (documents, labels) where a document's best allowed label is also taken if all others fail."""
    best = margin.masked_fill(~allowed, -torch.inf).argmax(1, keepdim=True)
    fails = torch.log1p(-chance.clamp(max=1 - 1e-6))
    others_fail = (fails.sum(1, keepdim=True) - fails.gather(1, best)).exp()
    own = chance.gather(1, best)
    return chance.scatter(1, best, own + (1 - own) * others_fail)


def spread(z: np.ndarray, y_true: np.ndarray) -> np.ndarray:
    """Each label's standard deviation of logits, (labels,), over its best documents: thrice its positives and 20."""
    ordered = np.sort(z, axis=0)[::-1]
    counts = np.minimum(3 * y_true.sum(axis=0) + 20, len(z))
    return np.array([ordered[:count, j].std() for j, count in enumerate(counts)]).clip(0.02)
