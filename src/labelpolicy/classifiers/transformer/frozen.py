"""Mode frozen: the two linear heads over the features of :mod:`labelpolicy.classifiers.transformer.features`."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from labelpolicy.classifiers.linear.network import LinearClassifier
from labelpolicy.classifiers.linear_svc import LinearSVCClassifier
from labelpolicy.classifiers.registry import Row, Run, State, prefixed
from labelpolicy.classifiers.transformer import Head
from labelpolicy.classifiers.transformer.features import PretrainedFeatures
from labelpolicy.data.prepared import Prepared
from labelpolicy.training import prepare_torch

HEAD = "labelpolicy.head."  # the names of a head's own arrays in a state
OWN = ("weight", "bias")


class LinearHead(LinearClassifier):
    """Logistic, trained by epochs."""

    tfidf: PretrainedFeatures

    def fit(self, data: Prepared, weights: np.ndarray, run: Run) -> list[Row]:
        self.tfidf.device = prepare_torch(run.device, run.threads)
        return super().fit(data, weights, run)

    def to(self, device: Any) -> Self:  # type: ignore[override]
        self.tfidf.device = device
        return super().to(device)

    def state(self) -> State:
        own = {name: value.cpu().numpy() for name, value in self.state_dict().items()}
        return prefixed(own, HEAD) | self.tfidf.state()


class SVMHead(LinearSVCClassifier):
    """One SVM per label."""

    def __init__(self, features: PretrainedFeatures, parameters: Head):
        super().__init__(parameters)
        self.pretrained = features

    def features(self, data: Prepared) -> Any:
        return self.pretrained

    def fit(self, data: Prepared, weights: np.ndarray, run: Run) -> list[Row]:
        self.to(prepare_torch(run.device, run.threads))
        return super().fit(data, weights, run)

    def to(self, device: Any) -> None:
        self.pretrained.device = device

    def state(self) -> State:
        return prefixed({name: getattr(self, name) for name in LEARNED}, HEAD) | self.pretrained.state()

    @classmethod
    def restored_with(cls, features: PretrainedFeatures, parameters: Head, state: State) -> SVMHead:
        found = cls(features, parameters)
        found.tfidf = features
        for name in LEARNED:
            setattr(found, name, state[HEAD + name])
        return found


LEARNED = ("coefficients", "intercepts")
