"""Eq. 1 and the loop that every classifier shares."""

import numpy as np
import pytest
import torch
from dense_classifier import Dense
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from labelpolicy import training
from labelpolicy.classifiers import base
from labelpolicy.classifiers.registry import Run, Training
from labelpolicy.errors import LabelPolicyError

CPU = torch.device("cpu")


class Data:
    """Documents that are those of every split."""

    def __init__(self, documents=200):
        self.features = np.random.default_rng(0).normal(size=(documents, 6)).astype(np.float32)
        self.y_true = self.features[:, :3] > 0.3

    def split(self, name):
        return self


def fit(weights=(1 / 3,) * 3, seed=0, valid=True, epochs=8, data=None, **settings):
    torch.manual_seed(1)
    model = Dense(6, 3, **({"epochs": epochs, "batch_size": 16, "learning_rate": 0.05} | settings))
    run = Run(seed, "cpu", epochs=None if valid else epochs)
    return model, model.fit(data or Data(), np.array(weights), run)


def test_equation_1_by_hand():
    logits = torch.tensor([[0.0, 2.0]])
    y_true = torch.tensor([[1.0, 0.0]])
    loss = training.weighted_cross_entropy(logits, y_true, torch.tensor([0.75, 0.25]))
    y = 1 / (1 + np.exp(-2.0))
    assert loss.item() == pytest.approx(2 * (0.75 * -np.log(0.5) + 0.25 * -np.log(1 - y)), rel=1e-6)


def test_uniform_weights_give_the_plain_cross_entropy():
    logits, y_true = torch.randn(5, 4), (torch.rand(5, 4) < 0.5).float()
    plain = functional.binary_cross_entropy_with_logits(logits, y_true, reduction="sum") / 5
    torch.testing.assert_close(training.weighted_cross_entropy(logits, y_true, torch.full((4,), 0.25)), plain)


@given(st.integers(1, 400), st.integers(1, 64), st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_batches_visit_every_document_once(documents, size, seed):
    lengths = np.random.default_rng(seed).integers(1, 50, documents)
    parts = list(training.batches(lengths, size, np.random.default_rng(seed)))
    assert sorted(np.concatenate(parts)) == list(range(documents))
    assert max(map(len, parts)) <= size


def test_batches_hold_documents_of_similar_length():
    lengths = np.random.default_rng(0).integers(1, 200, 3200)
    spread = [np.ptp(lengths[rows]) for rows in training.batches(lengths, 64, np.random.default_rng(0))]
    assert np.mean(spread) < 20  # unsorted batches would spread over about 195


def test_training_learns_and_the_same_seed_gives_the_same_bytes():
    model, history = fit()
    assert history[-1]["valid_micro_f1"] > 0.85
    assert torch.equal(model.weight, fit()[0].weight)
    assert not torch.equal(model.weight, fit(seed=1)[0].weight)


def measured(monkeypatch, values):
    """Validation micro-F1 is made to be these, epoch by epoch."""
    values = iter(values)
    monkeypatch.setattr(base, "measures", lambda *_: {"micro_f1": next(values)})


def test_the_best_epoch_is_kept(monkeypatch):
    measured(monkeypatch, [0.1, 0.9, 0.5, 0.4, 0.3])
    kept, history = fit(epochs=20, patience=3)
    assert len(history) == 5  # three epochs without a better one
    assert torch.equal(kept.weight, fit(epochs=2, valid=False)[0].weight)


def test_without_patience_all_epochs_are_run():
    assert len(fit(patience=0, epochs=12, learning_rate=1e-12)[1]) == 12
    assert len(fit(patience=2, epochs=12, learning_rate=1e-12)[1]) == 3


def test_without_validation_documents_every_epoch_is_run_and_the_last_is_kept(monkeypatch):
    measured(monkeypatch, [0.1, 0.2, 0.3])
    last, _ = fit(epochs=3)
    model, history = fit(epochs=3, patience=1, valid=False)
    assert [sorted(row) for row in history] == [["epoch", "loss"]] * 3
    assert torch.equal(model.weight, last.weight)


def test_adam_hides_label_weights_and_sgd_shows_them():
    """With a linear model labels share nothing, and Adam divides the weight out again (docs/algorithm.md)."""
    skewed = (0.6, 0.3, 0.1)
    adam = [fit(weights, optimizer="adam", epochs=2)[0].weight for weights in ((1 / 3,) * 3, skewed)]
    sgd = [fit(weights, optimizer="sgd", epochs=2)[0].weight for weights in ((1 / 3,) * 3, skewed)]
    torch.testing.assert_close(*adam, rtol=0, atol=1e-3)
    assert (sgd[0] - sgd[1]).abs().max() > 1e-2


def test_a_loss_that_is_no_number_is_an_error():
    data = Data()
    data.features[0, 0] = float("nan")
    with pytest.raises(LabelPolicyError, match=r"epoch 1: the training loss is nan: lower learning_rate \(now 0.05\)"):
        fit(data=data)


def test_scores_come_in_the_order_of_the_documents():
    data, model = Data(), Dense(6, 3)
    expected = torch.sigmoid(model(torch.from_numpy(data.features))).detach().numpy()
    np.testing.assert_allclose(training.score(model, model.encode(data), CPU, batch_size=17), expected, rtol=1e-5)
    np.testing.assert_allclose(model.predict_proba(data), expected, rtol=1e-5)
    assert model.training


def test_several_optimizers_are_one():
    """Each with its own step, and all that they remember of a parameter."""
    one, other = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    both = training.CombinedOptimizer(
        training.make_optimizer([one], Training(optimizer="sgd", learning_rate=0.5)),
        training.CombinedOptimizer(training.make_optimizer([other], Training(learning_rate=0.1))),
    )
    for _ in range(2):  # the gradient of the second step is not added to the first one's
        both.zero_grad()
        (one.sum() + other.sum()).backward()
        both.step()
    torch.testing.assert_close(one.detach(), torch.zeros(2))
    torch.testing.assert_close(other.detach(), torch.full((2,), 0.8))
    assert "exp_avg_sq" in both.state[other]


def test_a_gpu_that_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(LabelPolicyError, match="no GPU here"):
        training.prepare_torch("cuda", 1)
    assert training.prepare_torch("auto", 1) == CPU
