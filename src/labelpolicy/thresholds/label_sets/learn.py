"""Learning the policy over label sets on scores of documents that the classifier has not seen.

State: what scores, text and training documents say of a document x (candidates.py). Action: its label set S, drawn from
pi(S | x) = softmax over the candidate sets of weights . phi(x, S). Reward: the utility of the decisions. The weights
start at maximum likelihood; then J, the utility at the expected counts under pi, is climbed by its exact policy
gradient (Eq. 7): the reward of a set is [S = Y] / n and the sum of its labels' credit in macro-F1 and micro-F1, the
baseline is the mean reward of x under pi, and the sum runs over all candidates, so nothing is drawn.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import chain, compress, repeat

import numpy as np
from scipy.optimize import minimize

from labelpolicy.thresholds.arrays import logit
from labelpolicy.thresholds.label_sets.candidates import FEATURES, OF_NAMES, Candidates, LabelFacts, TrainingSets
from labelpolicy.thresholds.label_sets.names import Names
from labelpolicy.thresholds.label_sets.policy import SUREST, LabelSets
from labelpolicy.thresholds.objectives import Utility, ratio, utility_of

ITERATIONS = 200
#: L2 penalty on the weights of maximum likelihood, in units of a feature's deviation; and how a label's calibration may
#: deviate from the common one.
PENALTY, DEVIATION = 1e-4, 0.3
#: Cells (documents times labels) that are calibrated at once; the common calibration is of about as many.
CELLS = 1 << 20
#: Documents at most, evenly spread, that the few weights are learned on. Label sets are counted, and labels calibrated,
#: on all.
DOCUMENTS = 1 << 15
#: Pull of the weights towards those of maximum likelihood, while the utility is climbed.
PULL = 2e-4


def learn_label_sets(
    y_score: np.ndarray,
    y_true: np.ndarray,
    *,
    levels: np.ndarray,
    train_count: np.ndarray,
    names: Names | None = None,
    texts: Iterable[str] | None = None,
    utility: Utility | None = None,
    at_least_one: bool = False,
) -> LabelSets:
    """A policy learned on scores and truth (n, N) of documents that the classifier was not trained on.

    ``levels`` (N,) are those of `shared`, inf for labels never predicted; ``names`` are looked for in ``texts``.
    """
    frequency = np.log1p(train_count.astype(np.float64))
    frequency = (frequency - frequency.mean()) / (frequency.std() or 1.0)
    facts = LabelFacts(levels, *calibrate(y_score, y_true), frequency)
    policy = LabelSets(np.zeros(len(FEATURES)), facts, TrainingSets.of(y_true), names, at_least_one)
    if len(y_true) > DOCUMENTS:
        rows = np.linspace(0, len(y_true) - 1, DOCUMENTS).astype(np.int64)
        chosen_texts = chain(np.bincount(rows, minlength=len(y_true)).tolist(), repeat(1))
        texts = None if texts is None else compress(texts, chosen_texts)
        y_score, y_true = y_score[rows], y_true[rows]
    found = Candidates.joined(policy.candidates(y_score, texts, own=y_true))
    if names is not None and not found.phi[:, FEATURES.index("in_text")].any():
        warnings.warn("sets: no label's name or description stands in any text, so scores alone decide", stacklevel=5)
        policy = replace(policy, names=None)
        found.phi[:, [FEATURES.index(name) for name in OF_NAMES]] = 0
    problem = Problem(found, y_true, utility or Utility())
    right = float(problem.right.sum() / len(y_true))
    chosen = {"candidates": len(found.phi) / len(y_true), "true_set_among_them": right}
    return replace(policy, weights=problem.learned(), chosen=chosen)


def calibrate(y_score: np.ndarray, y_true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slope and offset (N,) of each label's Platt scaling, drawn to the common ones by a normal prior."""
    some = slice(None, None, max(y_score.size // CELLS, 1))  # documents
    common = _platt(
        clipped_logit(y_score[some]).reshape(-1, 1), y_true[some].reshape(-1, 1), np.ones(1), np.zeros(1), 1e-6
    )
    found, width = np.empty((2, y_score.shape[1])), max(CELLS // len(y_score), 1)
    for start in range(0, y_score.shape[1], width):
        columns = slice(start, start + width)
        found[:, columns] = _platt(clipped_logit(y_score[:, columns]), y_true[:, columns], *common, DEVIATION**-2)
    return found[0], found[1]


def clipped_logit(y_score: np.ndarray) -> np.ndarray:
    """Logits in float64, of the same shape, those of 0 and 1 too."""
    return logit(y_score).clip(-SUREST, SUREST)


def _platt(
    z: np.ndarray, y: np.ndarray, slope: np.ndarray, offset: np.ndarray, precision: float
) -> tuple[np.ndarray, np.ndarray]:
    """Newton's method for all columns at once, from the prior's mean; a step is halved where it raises the loss."""
    mean_slope, mean_offset = slope, offset

    def loss_at(slope: np.ndarray, offset: np.ndarray) -> np.ndarray:
        line, away = slope * z + offset, (slope - mean_slope) ** 2 + (offset - mean_offset) ** 2
        return (np.logaddexp(0, line) - y * line).sum(axis=0) + precision / 2 * away

    loss = loss_at(slope, offset)
    for _ in range(30):
        with np.errstate(over="ignore"):  # 1 / inf is 0
            p = 1 / (1 + np.exp(-(slope * z + offset)))
        curvature, error = p * (1 - p), y - p
        of_slope = (error * z).sum(axis=0) - precision * (slope - mean_slope)
        of_offset = error.sum(axis=0) - precision * (offset - mean_offset)
        curvature_z = curvature * z
        aa, ab = (curvature_z * z).sum(axis=0) + precision, curvature_z.sum(axis=0)
        bb = curvature.sum(axis=0) + precision
        steps = np.stack([bb * of_slope - ab * of_offset, aa * of_offset - ab * of_slope])
        steps /= np.maximum(aa * bb - ab**2, 1e-12)
        # At most 1; but where some of few documents have scores near 0 or 1 such steps can go to and fro for ever.
        taken, start = steps.clip(-1, 1), loss
        for halvings in range(20):
            loss = loss_at(slope + taken[0], offset + taken[1])
            if not (worse := loss > start + 1e-9 * np.abs(start)).any():
                break
            taken = np.where(worse, steps / 2**halvings, taken)
        slope, offset = slope + taken[0], offset + taken[1]
        if abs(steps).max() < 1e-8:
            break
    return slope, offset


class Problem:
    """What is minimised over the weights, each with its gradient, features in units of their deviation.

    The features of ``found`` are put into these units where they lie, for they are what takes the memory.
    """

    def __init__(self, found: Candidates, y_true: np.ndarray, by: Utility):
        scale = np.array([column.std(dtype=np.float64) for column in found.phi.T])
        scale[FEATURES.index("labels")] = 1.0
        self.scale = np.where(scale > 1e-6, scale, 1.0)
        self.found, self.phi, self.by = found, np.divide(found.phi, self.scale, out=found.phi, casting="same_kind"), by
        self.truth = np.take_along_axis(y_true, found.best, axis=1)
        self.support, self.documents = y_true.sum(axis=0), len(y_true)
        complete = self.truth.sum(axis=1) == y_true.sum(axis=1)
        #: Which candidates are the true set of their document.
        self.right = (found.members == self.truth[found.document]).all(axis=1) & complete[found.document]

    def learned(self) -> np.ndarray:
        """The weights (F,) of the features as they are: maximum likelihood, and from there the policy gradient."""
        start = np.zeros(len(FEATURES))
        start[FEATURES.index("calibrated_logit")] = self.scale[FEATURES.index("calibrated_logit")]
        likely = self._minimised(self.likelihood, start)
        return self._minimised(lambda weights: self.utility(weights, likely), likely) / self.scale

    @staticmethod
    def _minimised(objective: Callable[[np.ndarray], tuple[float, np.ndarray]], start: np.ndarray) -> np.ndarray:
        return minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS}).x

    def policy(self, weights: np.ndarray) -> np.ndarray:
        """pi of each candidate; einsum, for BLAS sums in an order that depends on the cores."""
        first, document = self.found.starts[:-1], self.found.document
        score = np.einsum("cf,f->c", self.phi, weights.astype(self.phi.dtype)).astype(np.float64)
        score = np.exp(score - np.maximum.reduceat(score, first)[document])
        return score / np.add.reduceat(score, first)[document]

    def _gradient(self, of_score: np.ndarray) -> np.ndarray:
        return np.einsum("c,cf->f", of_score.astype(self.phi.dtype), self.phi).astype(np.float64)

    def likelihood(self, weights: np.ndarray) -> tuple[float, np.ndarray]:
        """-log pi(Y | x), mean over documents whose true set is a candidate, with an L2 penalty."""
        pi = self.policy(weights)
        loss = -np.log(np.maximum(pi[self.right], 1e-300)).sum() / self.documents
        among = np.zeros(self.documents)
        among[self.found.document[self.right]] = 1
        of_score = (pi * among[self.found.document] - self.right) / self.documents
        return loss + PENALTY * weights @ weights / 2, self._gradient(of_score) + PENALTY * weights

    def utility(self, weights: np.ndarray, likely: np.ndarray) -> tuple[float, np.ndarray]:
        """-J: the utility at the expected counts under pi, with a pull towards the weights of maximum likelihood."""
        found, by, pi, labels = self.found, self.by, self.policy(weights), len(self.support)
        members = [np.ascontiguousarray(column) for column in found.members.T]
        chance = np.stack([np.add.reduceat(pi * member, found.starts[:-1]) for member in members], axis=1)
        tp = np.bincount(found.best.ravel(), (chance * self.truth).ravel(), labels)
        predicted = np.bincount(found.best.ravel(), chance.ravel(), labels)
        f1 = ratio(2 * tp, predicted + self.support) * (self.support > 0)
        size = max(float(predicted.sum() + self.support.sum()), 1e-9)
        micro = 2 * tp.sum() / size
        # What one more expected true positive, or prediction, of a label is worth: the credit of its decisions.
        of_label = by.macro_f1 * ratio(self.support > 0, predicted + self.support) / labels
        of_tp, of_predicted = 2 * (of_label + by.micro_f1 / size), of_label * f1 + by.micro_f1 * micro / size
        credit = of_tp[found.best] * self.truth - of_predicted[found.best]
        reward = by.accuracy / self.documents * self.right
        for member, of_place in zip(members, credit.T, strict=True):
            reward += of_place[found.document] * member
        baseline = np.add.reduceat(pi * reward, found.starts[:-1])  # the mean reward of x
        away = weights - likely
        value = float(utility_of(pi[self.right].sum() / self.documents, f1.mean(), micro, by))
        of_score = pi * (reward - baseline[found.document])
        return -value + PULL * away @ away / 2, -self._gradient(of_score) + PULL * away
