"""Classifier chains and ensembles of them (Read et al. 2011), by scikit-learn, on frozen features.

The features are those that the encoder has before any training (tf-idf), or its document vectors: then it is trained
first, and frozen. Each link is a logistic regression over the features and the labels before it: the true ones while it
is fitted, their predicted probabilities when documents are scored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from labelpolicy.classifiers.registry import Chained, Declaration, Row, Run, State, below, prefixed
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
    """The mean of one chain for each of ``orders``, int64 (labels,), on ``features(split)``, of ``encoder`` if any.

    The encoder is trained first. A label on no training document scores 0, one on every document 1: neither is a link.
    """

    def __init__(
        self,
        name: str,
        orders: list[np.ndarray],
        parameters: ClassifierChains,
        features: Any,
        encoder: TorchClassifier | None = None,
    ):
        self.name, self.orders, self.parameters = name, orders, parameters
        self.features, self.encoder = features, encoder

    def fit(self, data: Prepared, weights: np.ndarray, run: Run) -> list[Row]:
        """Raises LabelPolicyError for label weights that are not uniform: a chain fits all its links alike."""
        if not np.allclose(weights, 1 / len(weights)):
            raise LabelPolicyError(
                f"{self.name} knows no label weights: train it with a policy.json of uniform weights"
            )
        rows = self.encoder.fit(data, weights, run) if self.encoder else []
        train = data.split("train")
        y_true = np.asarray(train.y_true[:])
        self.constant = y_true.all(axis=0).astype(np.float32)
        self.links = np.flatnonzero(y_true.any(axis=0) & ~y_true.all(axis=0))
        self.chains = self._chains(derive(run.seed, self.name) % 2**32)
        for chain in self.chains:
            chain.fit(self.features(train), y_true[:, self.links])
        return rows

    def _chains(self, state: int | None = None) -> list[Any]:
        """Not yet fitted, each in its order of the links."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.multioutput import ClassifierChain

        link = LogisticRegression(C=self.parameters.C, solver="liblinear", random_state=state)
        orders = [order[np.isin(order, self.links)] for order in self.orders] if len(self.links) else []
        places = [np.searchsorted(self.links, order) for order in orders]  # numbered among the links
        return [ClassifierChain(link, order=place, chain_method="predict_proba") for place in places]

    def predict_proba(self, split: Split) -> np.ndarray:
        scores = np.tile(self.constant, (len(split), 1))
        if self.chains:
            features = self.features(split)
            scores[:, self.links] = np.mean([chain.predict_proba(features) for chain in self.chains], axis=0)
        return scores

    def state(self) -> State:
        """Of every chain the links' coefficients (links, features + links), those before a link's own zero after it."""
        found: State = {"constant": np.asarray(self.constant), "links": self.links, "orders": np.stack(self.orders)}
        for k, chain in enumerate(self.chains):
            rows = [link.coef_[0] for link in chain.estimators_]
            found[f"coefficients{k}"] = np.stack([np.pad(row, (0, len(rows[-1]) - len(row))) for row in rows])
            found[f"intercepts{k}"] = np.concatenate([link.intercept_ for link in chain.estimators_])
        learned = self.encoder.state() if self.encoder else self.features.state()
        return found | prefixed(learned, "encoder.")

    def to(self, device: Any) -> None:
        if self.encoder:
            self.encoder.to(device)

    def with_state(self, state: State) -> FrozenFeatureChains:
        """Itself, with what ``state`` gave."""
        from sklearn.base import clone

        self.constant, self.links = state["constant"], state["links"]
        self.chains = self._chains()
        for k, chain in enumerate(self.chains):
            rows = state[f"coefficients{k}"]
            chain.order_, chain.chain_method_ = chain.order, chain.chain_method
            chain.estimators_ = [clone(chain.estimator) for _ in rows]
            for i, link in enumerate(chain.estimators_):
                link.classes_, link.intercept_ = np.array([False, True]), state[f"intercepts{k}"][i : i + 1]
                link.coef_ = rows[i : i + 1, : rows.shape[1] - len(rows) + 1 + i]
        return self


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


def restore(name: str, encoder: Declaration, parameters: Chained, state: State) -> FrozenFeatureChains:
    learned, orders = below(state, "encoder."), list(state["orders"])
    if encoder.restored_features:
        found = FrozenFeatureChains(name, orders, parameters.chain, encoder.restored_features(learned))
    else:
        built = encoder.restore(parameters.encoder, learned)
        found = FrozenFeatureChains(name, orders, parameters.chain, built.document_vectors, built)
    return found.with_state(state)


NAMES = ("classifier_chain", "ensemble_of_chains")
DECLARATION = Declaration(
    ClassifierChains,
    build,
    restore,
    trained_by_gradient=False,
    uses_torch=False,
    bears_label_weights=False,
    names=NAMES,
)
