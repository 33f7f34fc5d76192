"""Classifier chains and ensembles of them (Read et al. 2011), by scikit-learn, on frozen features.

On ``linear`` the features are tf-idf. On another encoder they are the document vectors of that classifier, trained
first as ever and then frozen. Each link is a logistic regression over the features and the labels before it: the true
ones while it is fitted, their predicted probabilities when documents are scored.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import ClassifierChain

from labelpolicy.classifiers.chains.orders import sequence
from labelpolicy.classifiers.tfidf import TfIdf
from labelpolicy.data.prepared import Prepared, Split
from labelpolicy.errors import LabelPolicyError
from labelpolicy.parameters import Chained
from labelpolicy.randomness import derive, generator

Features = Callable[[Split], Any]
"""Split -> float (documents, width), an array or a CSR matrix."""


def fit(
    chain: str, data: Prepared, parameters: Chained, weights: np.ndarray, seed: int
) -> Callable[[Split], np.ndarray]:
    """``on_features`` over tf-idf."""
    return on_features(chain, TfIdf(data, data.split("train")), data, parameters, weights, seed)


def on_features(
    chain: str, features: Features, data: Prepared, parameters: Chained, weights: np.ndarray, seed: int
) -> Callable[[Split], np.ndarray]:
    """Fit classifier_chain or ensemble_of_chains; returns the function split -> scores float32 (documents, labels).

    An ensemble's score is the mean of its chains', whose orders are random. A label on no training document scores 0,
    one on every document 1, and neither is a link. Raises what :func:`check` does.
    """
    found = check(chain, data, parameters, weights, seed)
    train = data.split("train")
    truth = np.asarray(train.truth[:])
    constant = truth.all(axis=0).astype(np.float32)
    links = np.flatnonzero(truth.any(axis=0) & ~truth.all(axis=0))
    fitted = []
    for order in found if len(links) else []:
        # A chain numbers its links among themselves.
        place = np.searchsorted(links, order[np.isin(order, links)])
        # liblinear: made for sparse rows, and as fast on the few dense ones.
        link = LogisticRegression(C=parameters.chain.C, solver="liblinear", random_state=derive(seed, chain) % 2**32)
        fitted.append(ClassifierChain(link, order=place, chain_method="predict_proba"))
        fitted[-1].fit(features(train), truth[:, links])

    def score(split: Split) -> np.ndarray:
        scores = np.tile(constant, (len(split), 1))
        if fitted:
            scores[:, links] = np.mean([one.predict_proba(features(split)) for one in fitted], axis=0)
        return scores

    return score


def check(chain: str, data: Prepared, parameters: Chained, weights: np.ndarray, seed: int) -> list[np.ndarray]:
    """The order of each chain, int64 (labels,).

    Raises LabelPolicyError for an order that is none, and for label weights that are not uniform: a chain fits all
    its links alike.
    """
    if not np.allclose(weights, 1 / len(weights)):
        raise LabelPolicyError(f"{chain} knows no label weights: train it with a policy.json of uniform weights")
    if chain == "classifier_chain":
        return [sequence(parameters.chain.order, data)]
    return [generator(seed, chain, k).permutation(len(data.labels)) for k in range(parameters.chain.chains)]
