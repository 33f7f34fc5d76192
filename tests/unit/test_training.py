"""Eq. 1 and the loop that every classifier shares."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from labelpolicy import training
from labelpolicy.errors import LabelPolicyError
from labelpolicy.parameters import Training
from labelpolicy.progress import Progress

CPU = torch.device("cpu")


class Rows:
    def __init__(self, features):
        self.features = torch.from_numpy(features)
        self.lengths = np.arange(len(features)) % 5 + 1

    def __len__(self):
        return len(self.features)

    def batch(self, rows, device):
        return self.features[torch.from_numpy(rows)]


def corpus(documents=200):
    random = np.random.default_rng(0)
    features = random.normal(size=(documents, 6)).astype(np.float32)
    return Rows(features), features[:, :3] > 0.3


def fit(weights=(1 / 3,) * 3, seed=0, model=None, valid=True, **settings):
    inputs, truth = corpus()
    torch.manual_seed(1)
    model = model or torch.nn.Linear(6, 3)
    parameters = Training(**({"epochs": 8, "batch_size": 16, "learning_rate": 0.05} | settings))
    history = training.train(
        model,
        inputs,
        truth,
        (inputs, truth) if valid else None,
        weights=np.array(weights),
        parameters=parameters,
        seed=seed,
        device=CPU,
        progress=Progress("test", parameters.epochs),
    )
    return model, history


def test_equation_1_by_hand():
    logits = torch.tensor([[0.0, 2.0]])
    truth = torch.tensor([[1.0, 0.0]])
    loss = training.weighted_cross_entropy(logits, truth, torch.tensor([0.75, 0.25]))
    y = 1 / (1 + np.exp(-2.0))
    assert loss.item() == pytest.approx(2 * (0.75 * -np.log(0.5) + 0.25 * -np.log(1 - y)), rel=1e-6)


def test_uniform_weights_give_the_plain_cross_entropy():
    logits, truth = torch.randn(5, 4), (torch.rand(5, 4) < 0.5).float()
    plain = functional.binary_cross_entropy_with_logits(logits, truth, reduction="sum") / 5
    torch.testing.assert_close(training.weighted_cross_entropy(logits, truth, torch.full((4,), 0.25)), plain)


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


def test_the_best_epoch_is_kept(monkeypatch):
    """Validation micro-F1 is made to peak at epoch 2; what is kept are the parameters of that epoch."""
    values = iter([0.1, 0.9, 0.5, 0.4, 0.3])
    seen = []
    model = torch.nn.Linear(6, 3)

    def evaluate(truth, predicted):
        seen.append(model.weight.detach().clone())
        return dict.fromkeys(training.MEASURES, 0.0) | {"micro_f1": next(values)}

    monkeypatch.setattr(training, "evaluate", evaluate)
    _, history = fit(model=model, epochs=20, patience=3)
    assert len(history) == 5  # three epochs without a better one
    assert torch.equal(model.weight, seen[1])


def test_without_patience_all_epochs_are_run():
    assert len(fit(patience=0, epochs=12, learning_rate=1e-12)[1]) == 12
    assert len(fit(patience=2, epochs=12, learning_rate=1e-12)[1]) == 3


def test_without_validation_documents_every_epoch_is_run_and_the_last_is_kept(monkeypatch):
    rising = iter([0.1, 0.2, 0.3])
    monkeypatch.setattr(
        training, "evaluate", lambda *_: dict.fromkeys(training.MEASURES, 0.0) | {"micro_f1": next(rising)}
    )
    last, _ = fit(epochs=3)
    monkeypatch.setattr(training, "evaluate", None)
    model, history = fit(epochs=3, patience=1, valid=False)
    assert [sorted(row) for row in history] == [["epoch", "loss"]] * 3
    assert torch.equal(model.weight, last.weight)


def test_adam_hides_label_weights_and_sgd_shows_them():
    """With a linear model labels share nothing, and Adam divides the weight out again (docs/algorithm.md)."""
    skewed = (0.6, 0.3, 0.1)
    adam = [fit(weights, optimiser="adam", epochs=2)[0].weight for weights in ((1 / 3,) * 3, skewed)]
    sgd = [fit(weights, optimiser="sgd", epochs=2)[0].weight for weights in ((1 / 3,) * 3, skewed)]
    torch.testing.assert_close(*adam, rtol=0, atol=1e-3)
    assert (sgd[0] - sgd[1]).abs().max() > 1e-2


def test_a_loss_that_is_no_number_is_an_error():
    inputs, _ = corpus()
    inputs.features[0, 0] = float("nan")
    with pytest.raises(LabelPolicyError, match="epoch 1: the training loss is nan: lower learning_rate"):
        training.train(
            torch.nn.Linear(6, 3),
            inputs,
            corpus()[1],
            corpus(),
            weights=np.full(3, 1 / 3),
            parameters=Training(),
            seed=0,
            device=CPU,
            progress=Progress("test", 1),
        )


def test_scores_come_in_the_order_of_the_documents():
    inputs, _ = corpus()
    model = torch.nn.Linear(6, 3)
    expected = torch.sigmoid(model(inputs.features)).detach().numpy()
    np.testing.assert_allclose(training.score(model, inputs, CPU, batch_size=17), expected, rtol=1e-5)
    assert model.training


def test_a_gpu_that_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(LabelPolicyError, match="no GPU here"):
        training.prepare_torch("cuda", 1)
    assert training.prepare_torch("auto", 1) == CPU
