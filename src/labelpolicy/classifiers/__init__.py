"""Classifiers: batch -> N logits, and nothing more.

A classifier is a ``torch.nn.Module`` whose ``forward(batch)`` returns logits of shape (documents, labels), with a
method ``encode(tokens) -> Inputs`` that turns the token ids of a split into something batches can be drawn from. Its
module in this package has ``build(data, parameters, seed)``. Training, meta-learning and scoring know no more
than that, so any model of your own can take its place.

``linear_svc`` is the exception: scikit-learn trains it, so its module has ``fit`` instead of ``build``.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from labelpolicy.errors import LabelPolicyError

CLASSIFIERS = ("kim_cnn", "linear", "linear_svc")


class Inputs(Protocol):
    """The documents of one split, in the form one classifier wants."""

    lengths: np.ndarray
    """Cost of each document (tokens, say), int64 (documents,); batches are drawn from documents of similar length."""

    def __len__(self) -> int: ...

    def batch(self, rows: np.ndarray, device: Any) -> Any:
        """The documents in ``rows`` as what ``forward`` takes."""
        ...


def load(name: str) -> ModuleType:
    """The module of a classifier by name."""
    if name not in CLASSIFIERS:
        raise LabelPolicyError(f"classifier {name!r} is unknown: expected one of {', '.join(CLASSIFIERS)}")
    return importlib.import_module(f"labelpolicy.classifiers.{name}")
