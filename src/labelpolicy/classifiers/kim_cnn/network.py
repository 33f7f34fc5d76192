"""The network of Kim (2014).

A filter of width K is K inner products, one per word of the window, and the same word stands in many windows: so, for
speed, the distinct words of the batch are projected once, ``table[word, k, filter]``, a window's response is the sum of
K looked-up rows, and the gradient of the winning windows is scattered back into the table. The function and its
gradient are those of ``nn.Conv1d`` + max (tests/unit/classifiers/test_kim_cnn.py).
"""

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from labelpolicy.classifiers.base import Inputs, TorchClassifier, uniform_parameter
from labelpolicy.classifiers.kim_cnn import KimCNN
from labelpolicy.data.prepared import PAD, Ragged, Split
from labelpolicy.randomness import derive


class TokenInputs(Inputs):
    """Documents as padded token ids: ``batch`` gives int64 (documents, width)."""

    def __init__(self, tokens: Ragged, longest: int):
        self.tokens, self.longest, self.lengths = tokens, longest, np.minimum(tokens.lengths, longest)

    def batch(self, rows: np.ndarray, device: Any) -> Tensor:
        return torch.from_numpy(self.tokens.padded(rows, self.longest).astype(np.int64)).to(device)


class MaxOverTime(torch.autograd.Function):
    """Largest response of every filter over the ``inside`` windows of each document: float (documents, filters).

    ``table`` float (words, width, filters), ``words`` int64 (documents, positions) with indices into the table.
    """

    @staticmethod
    def forward(context: Any, table: Tensor, words: Tensor, inside: Tensor) -> Tensor:
        width, filters = table.shape[1:]
        starts = words.shape[1] - width + 1
        # rows of the table seen as (words * width, filters): word w at place k of a window is row w * width + k
        rows = words.unfold(1, width, 1) * width + torch.arange(width, device=words.device)
        responses = functional.embedding_bag(rows.reshape(-1, width), table.view(-1, filters), mode="sum")
        responses = responses.view(len(words), starts, filters)
        outside = torch.arange(starts, device=words.device) >= inside[:, None]
        best, winner = responses.masked_fill_(outside[:, :, None], -torch.inf).max(dim=1)
        context.save_for_backward(words, winner)
        context.shape = table.shape
        return best

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        words, winner = context.saved_tensors
        count, width, filters = context.shape
        table = gradient.new_zeros(count * width * filters)
        column = torch.arange(filters, device=words.device)
        for k in range(width):
            row = words.gather(1, winner + k) * width + k
            table.index_add_(0, (row * filters + column).view(-1), gradient.reshape(-1))
        return table.view(context.shape), None, None


class KimCNNClassifier(TorchClassifier):
    """Logits of Kim's CNN with sigmoid outputs in place of his softmax, since labels are not exclusive."""

    settings: KimCNN

    def __init__(self, vectors: np.ndarray, log_odds: np.ndarray, parameters: KimCNN, seed: int):
        super().__init__(parameters)
        self.embedding = nn.Parameter(torch.from_numpy(np.array(vectors, dtype=np.float32)))
        random = torch.Generator().manual_seed(derive(seed, "kim_cnn"))
        parameter, dimension = partial(uniform_parameter, random), vectors.shape[1]
        self.filters, self.biases = nn.ParameterList(), nn.ParameterList()
        for width in parameters.windows:
            fan = width * dimension  # nn.Conv1d's own start
            self.filters.append(parameter(fan, dimension, width, parameters.filters))
            self.biases.append(parameter(fan, parameters.filters))
        self.width = parameters.filters * len(parameters.windows)
        self.output = parameter(self.width, self.width, len(log_odds))
        self.output_bias = nn.Parameter(torch.from_numpy(log_odds).float())

    def encode(self, split: Split) -> TokenInputs:
        return TokenInputs(split.tokens, self.settings.max_tokens)

    def features(self, tokens: Tensor) -> Tensor:
        """Pooled features, float (documents, width), of token ids int64 (documents, positions); dropout in training."""
        lengths = (tokens != PAD).sum(1)
        # A document shorter than the widest window still has one window, completed with padding.
        tokens = functional.pad(tokens, (0, max(0, max(self.settings.windows) - tokens.shape[1])), value=PAD)
        distinct, words = torch.unique(tokens, return_inverse=True)
        vectors = self.embedding[distinct] * (distinct != PAD)[:, None]
        pooled = []
        for width, filters, bias in zip(self.settings.windows, self.filters, self.biases, strict=True):
            table = vectors @ filters.flatten(1)
            inside = (lengths - width + 1).clamp(min=1)
            best = MaxOverTime.apply(table.view(len(distinct), width, -1), words, inside)
            pooled.append(functional.relu(best + bias))
        return functional.dropout(torch.cat(pooled, dim=1), self.settings.dropout, self.training)

    def forward(self, tokens: Tensor) -> Tensor:
        return torch.addmm(self.output_bias, self.features(tokens), self.output)
