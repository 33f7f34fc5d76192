"""Predictions-as-Features, trained jointly (Li et al. 2015).

z_j = base_j(x) + sum over k before j of A_jk sigmoid(z_k), with base(x) the logits of any classifier, and Eq. 1 over
all labels at once, so that a later label's loss reaches the earlier labels' predictions. A starts at zero: an
untrained chain is the plain classifier.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from labelpolicy.classifiers.base import TorchChain, TorchClassifier
from labelpolicy.classifiers.chains.predictions_as_features import PredictionsAsFeatures


def settle(base: Tensor, weights: Tensor) -> Tensor:
    """The z with z = base + A sigmoid(z), (documents, labels), for strictly lower triangular A (labels, labels).

    A sweep over all labels at once settles one level of the order, exactly as a loop over labels would. Sweeps end when
    nothing moves any more: far earlier than that, since what is left to correct shrinks with A sigmoid' every time.
    """
    logits = base
    for _ in range(base.shape[1]):
        last, logits = logits, base + torch.sigmoid(logits) @ weights.T
        if torch.equal(last, logits):
            break
    return logits


class PredictionsAsFeaturesClassifier(TorchChain):
    """Any classifier's logits, corrected by the predictions of the labels before.

    ``before`` bool (labels, labels) says whose prediction is whose feature ([j, k]: that of k is j's);
    ``order`` (labels,) is a linear order that agrees with it.
    """

    order: Tensor
    place: Tensor
    pairs: Tensor

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
        return settle(base[:, self.order], self.matrix())[:, self.place]
