"""Classifier chains on frozen features against scikit-learn itself."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import ClassifierChain

from labelpolicy.classifiers.chains.classifier_chains import ClassifierChains, FrozenFeatureChains
from labelpolicy.classifiers.linear import Linear
from labelpolicy.classifiers.registry import Chained, Run, load
from labelpolicy.classifiers.tfidf import TfIdf
from labelpolicy.data.prepared import Ragged, Split
from labelpolicy.errors import LabelPolicyError

UNIFORM = np.full(5, 0.2)


class Data:
    """As much of a prepared data set as chains read: labels by frequency 0, 1, 4, 2 (never), 3 (always)."""

    vocabulary = ("<pad>", "<unk>", "wheat", "corn", "gold", "ship", "rose", "fell")
    labels = ("grain", "metal", "never", "always", "move")
    parents = (None,) * 5

    def __init__(self, documents=80):
        random = np.random.default_rng(0)
        rows = [random.integers(2, 8, random.integers(2, 5)).tolist() for _ in range(documents)]
        truth = np.array([[2 in row or 3 in row, 4 in row, False, True, 6 in row] for row in rows])
        self.train = Split([str(i) for i in range(documents)], Ragged.from_rows(rows), truth)
        self.train_count = truth.sum(axis=0)

    def split(self, name):
        return self.train


def build(name, data, seed=0, **chain):
    parameters = Chained(Linear(), ClassifierChains(**chain))
    return load(f"linear+{name}").build(data, parameters, seed)


def scores_of(name, data, weights=UNIFORM, seed=0, **chain):
    model = build(name, data, seed, **chain)
    assert model.fit(data, weights, Run(seed)) == []
    return model.predict_proba(data.train)


def test_a_chain_is_scikit_learns_and_labels_of_one_kind_are_constant():
    data = Data()
    scores = scores_of("classifier_chain", data, C=10)
    features = TfIdf(data, data.train)(data.train)
    links = [0, 1, 4]
    order = np.argsort(-data.train_count[links], kind="stable")
    chain = ClassifierChain(LogisticRegression(C=10, solver="liblinear"), order=order, chain_method="predict_proba")
    expected = chain.fit(features, data.train.y_true[:, links]).predict_proba(features)
    np.testing.assert_allclose(scores[:, links], expected, rtol=1e-4)
    assert (scores[:, 2] == 0).all() and (scores[:, 3] == 1).all() and scores.dtype == np.float32


def test_an_ensemble_is_the_mean_over_random_orders():
    data = Data()
    three = scores_of("ensemble_of_chains", data, chains=3, C=10)
    orders = build("ensemble_of_chains", data, chains=3).orders
    assert len({tuple(order) for order in orders}) == 3 and all(sorted(order) == list(range(5)) for order in orders)
    each = [scores_of("classifier_chain", data, order=[data.labels[j] for j in order], C=10) for order in orders]
    np.testing.assert_allclose(three, np.mean(each, axis=0), rtol=1e-3)
    assert np.array_equal(three, scores_of("ensemble_of_chains", data, chains=3, C=10))
    assert not np.array_equal(three, scores_of("ensemble_of_chains", data, seed=1, chains=3, C=10))


def test_on_dense_features():
    data = Data()
    model = FrozenFeatureChains("chain", [np.arange(5)], ClassifierChains(), lambda split: split.y_true[:, :2] + 0.0)
    model.fit(data, UNIFORM, Run(0))
    assert ((model.predict_proba(data.train) > 0.5)[:, :2] == data.train.y_true[:, :2]).all()


def test_a_corpus_whose_labels_are_all_constant():
    data = Data()
    data.train.y_true[:, [0, 1, 4]] = False
    assert (scores_of("classifier_chain", data) == [0, 0, 0, 1, 0]).all()


@pytest.mark.parametrize("chain", ["classifier_chain", "ensemble_of_chains"])
def test_label_weights_are_refused(chain):
    with pytest.raises(LabelPolicyError, match=f"{chain} knows no label weights") as caught:
        scores_of(chain, Data(), np.array([0.6, 0.1, 0.1, 0.1, 0.1]))
    assert "\n" not in str(caught.value)


def test_an_order_that_is_no_permutation():
    with pytest.raises(LabelPolicyError, match="label order: 'never' stands there 0 times"):
        build("classifier_chain", Data(), order=["grain", "metal"])
