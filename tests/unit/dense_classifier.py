"""A classifier over dense vectors, as small as one can be."""

import numpy as np
import torch

from labelpolicy.classifiers.base import TorchClassifier
from labelpolicy.classifiers.registry import Training


class Rows:
    """Dense features as inputs."""

    def __init__(self, features):
        self.features = torch.from_numpy(features)
        self.lengths = np.arange(len(features)) % 7 + 1

    def __len__(self):
        return len(self.features)

    def batch(self, rows, device):
        return self.features[torch.from_numpy(rows)].to(device)


class Dense(TorchClassifier):
    """logits = x W + b; of a split it reads the vectors, ``features``."""

    def __init__(self, width, labels, **settings):
        super().__init__(Training(**settings))
        linear = torch.nn.Linear(width, labels)
        self.weight, self.bias = linear.weight, linear.bias

    def encode(self, split):
        return Rows(split.features)

    def forward(self, batch):
        return torch.nn.functional.linear(batch, self.weight, self.bias)
