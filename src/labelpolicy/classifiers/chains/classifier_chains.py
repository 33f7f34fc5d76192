"""Classifier chains and ensembles of them (Read et al. 2011), by scikit-learn, on frozen features.

The features are those that the encoder has before any training (tf-idf), or its document vectors: then it is trained
first, and frozen. Each link is a logistic regression over the features and the labels before it: the true ones while it
is fitted, their predicted probabilities when documents are scored.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from labelpolicy.classifiers.registry import Chained, Declaration, Row, Run
from labelpolicy.config import Parameters, PositiveFloat, Size
from labelpolicy.errors import LabelPolicyError
from labelpolicy.randomness import derive, generator

if TYPE_CHECKING:
    from labelpolicy.classifiers.base import TorchClassifier
    from labelpolicy.data.prepared import Prepared, Split


class ClassifierChains(Parameters):
    """scikit-learn's ClassifierChain over frozen features (Read et al. 2011)."""

    order: Literal["frequent_first", "rare_first", "topological"] | list[str] = Field(
        "frequent_first", description="order of classifier_chain: as for subset_maximization"
    )
    C: PositiveFloat = Field(1000.0, description="inverse regularisation of every logistic regression")
    chains: Size = Field(10, description="random orders of ensemble_of_chains; classifier_chain has one")


class FrozenFeatureChains:
    """The mean of one chain for each of ``orders``, int64 (labels,); ``encoder``, if any, is trained first.

    A label on no training document scores 0, one on every document 1, and neither is a link.
    """

    def __init__(
        self,
        name: str,
        orders: list[np.ndarray],
        parameters: ClassifierChains,
        features: Callable[[Split], Any],
        encoder: TorchClassifier | None = None,
    ):
        self.name, self.orders, self.parameters = name, orders, parameters
        self.features, self.encoder = features, encoder

    def fit(self, data: Prepared, weights: np.ndarray, run: Run) -> list[Row]:
        """Raises LabelPolicyError for label weights that are not uniform: a chain fits all its links alike."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.multioutput import ClassifierChain

        if not np.allclose(weights, 1 / len(weights)):
            raise LabelPolicyError(
                f"{self.name} knows no label weights: train it with a policy.json of uniform weights"
            )
        rows = self.encoder.fit(data, weights, run) if self.encoder else []
        train = data.split("train")
        y_true = np.asarray(train.y_true[:])
        self.constant = y_true.all(axis=0).astype(np.float32)
        self.links = np.flatnonzero(y_true.any(axis=0) & ~y_true.all(axis=0))
        self.chains = []
        state = derive(run.seed, self.name) % 2**32
        for order in self.orders if len(self.links) else []:
            place = np.searchsorted(self.links, order[np.isin(order, self.links)])  # numbered among the links
            link = LogisticRegression(C=self.parameters.C, solver="liblinear", random_state=state)
            chain = ClassifierChain(link, order=place, chain_method="predict_proba")
            self.chains.append(chain.fit(self.features(train), y_true[:, self.links]))
        return rows

    def predict_proba(self, split: Split) -> np.ndarray:
        scores = np.tile(self.constant, (len(split), 1))
        if self.chains:
            features = self.features(split)
            scores[:, self.links] = np.mean([chain.predict_proba(features) for chain in self.chains], axis=0)
        return scores


def build(name: str, encoder: Declaration, data: Prepared, parameters: Chained, seed: int) -> FrozenFeatureChains:
    """``classifier_chain`` has the one order of its parameters, ``ensemble_of_chains`` several random ones."""
    from labelpolicy.classifiers.chains.orders import sequence

    chain = parameters.chain
    if name == "classifier_chain":
        orders = [sequence(chain.order, data)]
    else:
        orders = [generator(seed, name, k).permutation(len(data.labels)) for k in range(chain.chains)]
    if encoder.fixed_features:
        return FrozenFeatureChains(name, orders, chain, encoder.fixed_features(data))
    built = encoder.build(data, parameters.encoder, seed)
    return FrozenFeatureChains(name, orders, chain, built.document_vectors, built)


NAMES = ("classifier_chain", "ensemble_of_chains")
DECLARATION = Declaration(
    ClassifierChains, build, trained_by_gradient=False, uses_torch=False, bears_label_weights=False, names=NAMES
)
