"""Predictions-as-Features against a loop over labels, finite differences and scikit-learn's chain."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import ClassifierChain

from labelpolicy.classifiers.base import TorchClassifier
from labelpolicy.classifiers.chains.orders import precedence
from labelpolicy.classifiers.chains.predictions_as_features import PredictionsAsFeatures, build
from labelpolicy.classifiers.chains.predictions_as_features import network as paf
from labelpolicy.classifiers.registry import Chained, Declaration, Training
from labelpolicy.training import weighted_cross_entropy


def plain(base: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The same function label by label, by autograd."""
    logits = []
    for j in range(base.shape[1]):
        before = torch.sigmoid(torch.stack(logits, dim=1)) if logits else base[:, :0]
        logits.append(base[:, j] + before @ weights[j, :j])
    return torch.stack(logits, dim=1)


def drawn(seed, documents, labels, scale):
    random = torch.Generator().manual_seed(seed)
    base = 3 * torch.randn(documents, labels, generator=random, dtype=torch.float64)
    weights = scale * torch.randn(labels, labels, generator=random, dtype=torch.float64).tril(-1)
    return base.requires_grad_(), weights.requires_grad_()


@given(st.integers(0, 1000), st.integers(1, 5), st.integers(1, 12), st.sampled_from([0.1, 1.0, 30.0]))
def test_function_and_gradient_are_those_of_a_loop_over_labels(seed, documents, labels, scale):
    base, weights = drawn(seed, documents, labels, scale)
    fast, slow = paf.settle(base, weights.tril(-1)), plain(base, weights)
    torch.testing.assert_close(fast, slow)
    towards = torch.randn(fast.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    for ours, theirs in zip(
        torch.autograd.grad(fast, (base, weights), towards),
        torch.autograd.grad(slow, (base, weights), towards),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def test_the_slowest_chain_is_settled():
    """Each label turns the next one on: nothing is known of the last before all others are settled."""
    base = torch.full((1, 40), -50.0)
    base[0, 0] = 50.0
    weights = 100.0 * torch.eye(40)[:-1]
    weights = torch.cat([torch.zeros(1, 40), weights])
    assert (paf.settle(base, weights) > 0).all()


class Encoder(TorchClassifier):
    """logits = x W + b."""

    def __init__(self, coefficients, intercepts):
        super().__init__(Training())
        self.weight, self.bias = (torch.nn.Parameter(torch.tensor(part)) for part in (coefficients, intercepts))

    def forward(self, x):
        return x @ self.weight + self.bias


def chained(order, features=6, labels=5, before=None):
    order = np.asarray(order)
    place = np.argsort(order)
    before = place[None, :] < place[:, None] if before is None else before
    encoder = Encoder(np.zeros((features, labels)), np.zeros(labels))
    return paf.PredictionsAsFeaturesClassifier(encoder, before, order, PredictionsAsFeatures())


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_scores_are_scikit_learns_on_the_same_order_and_data(seed):
    """A fitted ClassifierChain's coefficients in our chain: the same scores."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(300, 6))
    truth = x[:, :5] + 0.5 * np.roll(x[:, :5], 1, axis=1) + 0.3 * random.normal(size=(300, 5)) > 0.4
    order = random.permutation(5)
    theirs = ClassifierChain(LogisticRegression(), order=order, chain_method="predict_proba").fit(x, truth)
    ours = chained(order).double()
    matrix = np.zeros((5, 5))
    with torch.no_grad():
        for k, (j, link) in enumerate(zip(order, theirs.estimators_, strict=True)):
            ours.encoder.weight[:, j] = torch.from_numpy(link.coef_[0, :6])
            ours.encoder.bias[j] = link.intercept_[0]
            matrix[k, :k] = link.coef_[0, 6:]
        ours.dependence.copy_(torch.from_numpy(matrix[tuple(ours.pairs)]))
    fresh = random.normal(size=(200, 6))
    found = torch.sigmoid(ours(torch.from_numpy(fresh))).detach().numpy()
    np.testing.assert_allclose(found, theirs.predict_proba(fresh), atol=1e-9)


def test_untrained_it_is_the_plain_classifier():
    model = chained([2, 0, 1, 4, 3]).double()
    torch.nn.init.normal_(model.encoder.weight)
    x = torch.randn(7, 6, dtype=torch.float64)
    torch.testing.assert_close(model(x), model.encoder(x))


def test_only_pairs_of_the_partial_order_are_weights():
    before = np.zeros((5, 5), dtype=bool)
    before[3, 1] = before[0, 3] = True
    model = chained([1, 3, 0, 2, 4], before=before).double()
    assert model.dependence.shape == (2,)
    with torch.no_grad():
        model.dependence.fill_(2.0)
    base = model.encoder(torch.zeros(1, 6, dtype=torch.float64))[0]
    found = model(torch.zeros(1, 6, dtype=torch.float64))[0]
    np.testing.assert_allclose((found - base).detach(), [2 / (1 + np.exp(-1.0)), 0, 0, 1.0, 0])


def test_a_later_labels_loss_reaches_the_earlier_labels_classifier():
    model = chained([0, 1, 2, 3, 4]).double()
    with torch.no_grad():
        model.dependence.fill_(1.0)
    x = torch.randn(9, 6, dtype=torch.float64)
    weights = torch.tensor([0.0, 0, 0, 0, 1], dtype=torch.float64)
    weighted_cross_entropy(model(x), torch.ones(9, 5, dtype=torch.float64), weights).backward()
    assert (model.encoder.weight.grad.abs().sum(0) > 0).all()


def test_joint_training_learns_what_a_linear_classifier_cannot():
    """Exclusive or: label 2 is on where exactly one of two earlier labels is, no linear function of x."""
    torch.manual_seed(0)
    x = torch.randn(2000, 6, dtype=torch.float64)
    truth = torch.stack([x[:, 0] > 0, (x[:, 0] > 0) & (x[:, 1] > 0), (x[:, 0] > 0) & ~(x[:, 1] > 0)], dim=1).double()
    model, alone = chained([0, 1, 2], labels=3).double(), Encoder(np.zeros((6, 3)), np.zeros(3))
    losses = []
    for each in (model, alone):
        stepper = torch.optim.Adam(each.parameters(), lr=0.1)
        for _ in range(150):
            loss = weighted_cross_entropy(each(x), truth, torch.full((3,), 1 / 3, dtype=torch.float64))
            stepper.zero_grad()
            loss.backward()
            stepper.step()
        losses.append(loss.item())
    assert losses[0] < 0.8 * losses[1]


def test_a_label_never_seen_and_documents_without_labels_are_learned_as_off():
    model = chained([0, 1, 2, 3, 4]).double()
    x, truth = torch.randn(50, 6, dtype=torch.float64), torch.zeros(50, 5, dtype=torch.float64)
    truth[:25, 0] = 1
    stepper = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(60):
        stepper.zero_grad()
        weighted_cross_entropy(model(x), truth, torch.full((5,), 0.2, dtype=torch.float64)).backward()
        stepper.step()
    found = torch.sigmoid(model(x))
    assert torch.isfinite(found).all() and (found[:, 1:] < 0.5).all()


def test_build_takes_the_order_of_the_parameters():
    data = SimpleNamespace(labels=list("abcde"), train_count=np.array([1, 5, 3, 2, 4]), parents=[None] * 5, folder="x")
    encoder = Declaration(Training, lambda data, parameters, seed: Encoder(np.zeros((6, 5)), np.zeros(5)), None)
    model = build("predictions_as_features", encoder, data, Chained(Training(), PredictionsAsFeatures()), 0)
    assert model.order.tolist() == precedence("frequency", data)[1].tolist() == [1, 4, 2, 3, 0]
    assert len(model.dependence) == 10
