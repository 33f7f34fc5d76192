"""Logistic regression over sparse features, trained batch by batch."""

from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional

from labelpolicy.classifiers.base import Inputs, TorchClassifier
from labelpolicy.classifiers.registry import State, Training, prefixed
from labelpolicy.data.prepared import Split


class SparseInputs(Inputs):
    """Rows of a CSR matrix: ``batch`` gives what nn.functional.embedding_bag takes (ids, offsets, values)."""

    def __init__(self, features: sparse.csr_matrix):
        self.features, self.lengths = features, np.diff(features.indptr).astype(np.int64)

    def batch(self, rows: np.ndarray, device: Any) -> tuple[Tensor, Tensor, Tensor]:
        part = self.features[rows]
        arrays = part.indices.astype(np.int64), part.indptr[:-1].astype(np.int64), part.data
        ids, offsets, values = (torch.from_numpy(array).to(device) for array in arrays)
        return ids, offsets, values


#: The input of the bias. Every batch moves the bias, but few move one word's weights: an input of 1 would let it swing.
CONSTANT = 0.1


class LinearClassifier(TorchClassifier):
    """logits = x W + 0.1 b, with x sparse; W starts at zero, the bias at ``log_odds`` (labels,).

    ``tfidf`` makes a split sparse features (documents, ``width``), and has a ``state``.
    For SGD without weight decay the gradient of W is a sparse tensor: a step costs as much as the batch has words.
    """

    features_are_logits = True

    def __init__(self, tfidf: Any, log_odds: np.ndarray, parameters: Training):
        super().__init__(parameters)
        self.tfidf = tfidf
        self.sparse_gradients = parameters.optimizer == "sgd" and not parameters.weight_decay
        self.weight = nn.Parameter(torch.zeros(tfidf.width, len(log_odds)))
        self.bias = nn.Parameter(torch.from_numpy(log_odds / CONSTANT).float())
        self.width = len(log_odds)

    def state(self) -> State:
        return super().state() | prefixed(self.tfidf.state(), "tfidf.")

    def encode(self, split: Split) -> SparseInputs:
        return SparseInputs(self.tfidf(split))

    def features(self, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        return self(batch)

    def forward(self, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        ids, offsets, values = batch
        sums = functional.embedding_bag(
            ids, self.weight, offsets, mode="sum", sparse=self.sparse_gradients, per_sample_weights=values
        )
        return sums + CONSTANT * self.bias
