"""Predictions-as-Features, trained jointly (Li et al. 2015).

z_j = base_j(x) + sum over k before j of A_jk sigmoid(z_k), with base(x) the logits of any classifier, and Eq. 1 over
all labels at once. A starts at zero: an untrained chain is the plain classifier.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from labelpolicy.classifiers.base import TorchChain, TorchClassifier
from labelpolicy.classifiers.chains.predictions_as_features import PredictionsAsFeatures


def settle(base: Tensor, weights: Tensor) -> Tensor:
    """The z = base + A sigmoid(z), (documents, labels), for strictly lower triangular A: sweeps until nothing moves."""
    logits = base
    for _ in range(base.shape[1]):
        last, logits = logits, base + torch.sigmoid(logits) @ weights.T
        if torch.equal(last, logits):
            break
    return logits


class PredictionsAsFeaturesClassifier(TorchChain):
    """Logits corrected by the predictions of the labels before.

    ``before`` bool (labels, labels): that of k is a feature of j at [j, k]; ``order`` (labels,) agrees with it.
    """

    pairs: Tensor

    def __init__(
        self, encoder: TorchClassifier, before: np.ndarray, order: np.ndarray, parameters: PredictionsAsFeatures
    ):
        super().__init__(encoder, order, parameters)
        pairs = np.argwhere(before[np.ix_(order, order)])
        self.register_buffer("pairs", torch.from_numpy(np.ascontiguousarray(pairs.T)))
        self.dependence = nn.Parameter(torch.zeros(len(pairs)))  # A_jk of every pair, in the linear order

    def matrix(self) -> Tensor:
        """A with rows and columns in the linear order, strictly lower triangular."""
        labels = len(self.order)
        return self.dependence.new_zeros(labels, labels).index_put(tuple(self.pairs), self.dependence)

    def forward(self, batch: Any) -> Tensor:
        base = self.encoder(batch)
        return settle(base[:, self.order], self.matrix())[:, self.place]
