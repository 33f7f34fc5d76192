"""Predictions-as-Features, trained jointly (Li et al. 2015): a label's logit sees the predictions of earlier labels.

z_j = base_j(x) + sum over k before j of A_jk sigmoid(z_k), with base(x) the logits of any classifier, and Eq. 1 over
all labels at once, so that a later label's loss reaches the earlier labels' predictions. A starts at zero: an
untrained chain is the plain classifier.

Speed. With labels sorted by the order, A is strictly lower triangular. Sweeps z <- base + A sigmoid(z) over all labels
at once settle one level of the order each, exactly as a loop over labels would, and stop when nothing moves any more:
far earlier than that, since what is left to correct shrinks with A sigmoid' at every sweep. Many labels are taken in
blocks, each one matrix product with what is settled and sweeps inside. Backward is the same recursion on the transpose,
(I - D A^T) u = g with D = diag(sigmoid'), g the gradient of z and u that of base. Autograd sees no step of either.
The floor of a pass is one multiply-add for each document and pair of labels in the order, forward, and twice that
backward (u, and the gradient of A).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from labelpolicy.classifiers.base import TorchChain, TorchClassifier
from labelpolicy.classifiers.chains.predictions_as_features import PredictionsAsFeatures

BLOCK = 128  # labels a block: small enough that sweeps over it cost little, large enough for one product


class Triangular(torch.autograd.Function):
    """z = base + A sigmoid(z) for strictly lower triangular A.

    Inputs: ``base`` (documents, labels), ``weights`` A (labels, labels). Output: z, of the shape of ``base``.
    """

    @staticmethod
    def forward(context: Any, base: Tensor, weights: Tensor) -> Tensor:
        logits, predictions = base.clone(), torch.empty_like(base)
        for start in range(0, base.shape[1], BLOCK):
            block = slice(start, start + BLOCK)
            given = torch.addmm(base[:, block], predictions[:, :start], weights[block, :start].T)
            inside = weights[block, block].T
            logits[:, block] = settle(given, lambda z, inside=inside: torch.sigmoid(z) @ inside)
            predictions[:, block] = torch.sigmoid(logits[:, block])
        context.save_for_backward(weights, predictions)
        return logits

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        weights, predictions = context.saved_tensors
        slope = predictions * (1 - predictions)
        of_base = torch.empty_like(gradient)
        labels = gradient.shape[1]
        for start in reversed(range(0, labels, BLOCK)):
            stop = min(start + BLOCK, labels)
            block = slice(start, stop)
            # later labels' share first, then the sweeps inside the block
            given = gradient[:, block] + slope[:, block] * (of_base[:, stop:] @ weights[stop:, block])
            inside, steep = weights[block, block], slope[:, block]
            of_base[:, block] = settle(given, lambda u, inside=inside, steep=steep: steep * (u @ inside))
        return of_base, (of_base.T @ predictions).tril(-1)


def settle(given: Tensor, more: Callable[[Tensor], Tensor]) -> Tensor:
    """The x with x = given + more(x), where an entry of more(x) depends on entries settled before it alone.

    After as many sweeps as labels everything is settled, whatever the weights; most often a few are enough.
    """
    found = given
    for _ in range(given.shape[1]):
        last, found = found, given + more(found)
        if torch.equal(last, found):
            break
    return found


class PredictionsAsFeaturesClassifier(TorchChain):
    """Any classifier's logits, corrected by the predictions of the labels before.

    ``before`` bool (labels, labels) says whose prediction is whose feature ([j, k]: that of k is j's);
    ``order`` (labels,) is a linear order that agrees with it.
    """

    def __init__(
        self, encoder: TorchClassifier, before: np.ndarray, order: np.ndarray, parameters: PredictionsAsFeatures
    ):
        super().__init__(encoder, parameters.learning_rate, parameters.weight_decay)
        self.register_buffer("order", torch.from_numpy(order))
        self.register_buffer("place", torch.argsort(self.order))
        pairs = np.argwhere(before[np.ix_(order, order)])
        self.register_buffer("pairs", torch.from_numpy(np.ascontiguousarray(pairs.T)))
        #: A_jk of every pair of the order, rows (and columns within a row) in its linear form
        self.dependence = nn.Parameter(torch.zeros(len(pairs)))

    def matrix(self) -> Tensor:
        """A with rows and columns in the linear order, strictly lower triangular."""
        labels = len(self.order)
        return self.dependence.new_zeros(labels, labels).index_put(tuple(self.pairs), self.dependence)

    def forward(self, batch: Any) -> Tensor:
        base = self.encoder(batch)
        return Triangular.apply(base[:, self.order], self.matrix())[:, self.place]
