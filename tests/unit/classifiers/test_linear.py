"""tf-idf and the linear classifiers against scikit-learn on the same documents."""

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC as SklearnLinearSVC

from labelpolicy.classifiers import linear, linear_svc
from labelpolicy.classifiers.linear import Linear
from labelpolicy.classifiers.linear.network import CONSTANT
from labelpolicy.classifiers.linear_svc import LinearSVC
from labelpolicy.classifiers.registry import Run
from labelpolicy.classifiers.tfidf import TfIdf
from labelpolicy.data.prepared import Ragged, Split
from labelpolicy.training import Trainer

WORDS = ["<pad>", "<unk>", "wheat", "corn", "gold", "ship", "rose"]


class Data:
    """As much of a prepared data set as the linear classifiers read."""

    vocabulary = WORDS
    labels = ("grain", "metal", "never", "always")

    def __init__(self, documents=40, seed=0):
        random = np.random.default_rng(seed)
        rows = [random.integers(1, len(WORDS), random.integers(3, 9)).tolist() for _ in range(documents)]
        truth = np.array([[2 in row or 3 in row, 4 in row, False, True] for row in rows])
        self.train = Split([str(i) for i in range(documents)], Ragged.from_rows(rows), truth)
        self.train_count = truth.sum(axis=0)
        self.rows = rows

    def split(self, name):
        return self.train


def test_features_are_scikit_learns():
    data = Data()
    texts = [" ".join(WORDS[token] for token in row if token > 1) for row in data.rows]
    reference = TfidfVectorizer(sublinear_tf=True, vocabulary=WORDS[2:]).fit_transform(texts).toarray()
    ours = TfIdf(data, data.train)(data.train).toarray()
    np.testing.assert_allclose(ours[:, 2:], reference, rtol=1e-5)
    assert (ours[:, :2] == 0).all()  # neither padding nor unknown words


def test_logits_are_the_product_with_the_features():
    data = Data()
    model = linear.build(data, Linear(), 0)
    model.weight.data.normal_()
    inputs = model.encode(data.train)
    rows = np.array([5, 0, 17])
    bias = CONSTANT * model.bias.detach().numpy()
    expected = model.tfidf(data.train)[rows] @ model.weight.detach().numpy() + bias
    np.testing.assert_allclose(model(inputs.batch(rows, "cpu")).detach().numpy(), expected, rtol=1e-4, atol=1e-5)


def trained(**settings):
    data = Data()
    model = linear.build(data, Linear(batch_size=8, **settings), 0)
    model.fit(data, np.array([0.4, 0.2, 0.2, 0.2]), Run(0, "cpu", epochs=3))
    return model


def test_steps_on_the_words_of_a_batch_are_steps_on_all():
    sparse, dense = trained(), trained(weight_decay=1e-12)  # too little to be seen
    assert sparse.weight.grad.is_sparse and not dense.weight.grad.is_sparse
    assert sparse.weight.detach().abs().max() > 1
    np.testing.assert_allclose(sparse.weight.detach(), dense.weight.detach(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(sparse.bias.detach(), dense.bias.detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("settings", [{"weight_decay": 0.01}, {"optimizer": "adam"}])
def test_every_other_optimizer_takes_the_whole_matrix(settings):
    model = trained(learning_rate=0.1, **settings)
    assert not model.weight.grad.is_sparse and model.weight.detach().abs().max() > 0


def test_it_starts_at_the_log_odds_of_each_label():
    data = Data()
    model = linear.build(data, Linear(), 0)
    n, documents = data.train.y_true.sum(axis=0), len(data.train.y_true)
    expected = np.log((n + 0.5) / (documents - n + 0.5))
    logits = model(model.encode(data.train).batch(np.arange(3), "cpu")).detach().numpy()
    np.testing.assert_allclose(logits, np.tile(expected, (3, 1)), rtol=1e-5)


def test_the_bias_does_not_swing():
    """A step that suits the words would throw a bias with an input of 1 across 0.5 for all documents at once."""
    data, parameters = Data(), Linear(epochs=1, batch_size=8)
    model = linear.build(data, parameters, 0)
    before = model.bias.detach().clone()
    trainer = Trainer(model, model.encode(data.train), np.ones((8, 4)), seed=0, device=torch.device("cpu"))
    trainer.update(np.arange(8), torch.full((4,), 0.25))
    moved = CONSTANT * (model.bias.detach() - before).abs()
    assert 0 < moved.max() <= 0.01 * parameters.learning_rate  # by at most 1 with an error of 1 on every document


def svm_scores(data, weights=(0.25,) * 4, **parameters):
    model = linear_svc.build(data, LinearSVC(**parameters), 0)
    assert model.fit(data, np.array(weights), Run(0)) == []
    return model.predict_proba(data.train)


def test_the_svm_is_scikit_learns_and_margin_0_is_score_one_half():
    data = Data()
    found = svm_scores(data, C=0.7)
    features = TfIdf(data, data.train)(data.train)
    for j in (0, 1):
        svm = SklearnLinearSVC(C=0.7, random_state=0).fit(features, data.train.y_true[:, j])
        margins = svm.decision_function(features)
        np.testing.assert_allclose(found[:, j], 1 / (1 + np.exp(-margins)), rtol=1e-2)
        np.testing.assert_array_equal(found[:, j] > 0.5, svm.predict(features))


def test_a_label_on_no_document_or_on_all_is_decided_so():
    scores = svm_scores(Data())
    assert (scores[:, 2] < 0.5).all() and (scores[:, 3] > 0.5).all()


def test_label_weights_scale_c():
    weighted = svm_scores(Data(), (0.7, 0.1, 0.1, 0.1), C=1)[:, 0]
    np.testing.assert_allclose(weighted, svm_scores(Data(), C=2.8)[:, 0], rtol=1e-6)
