"""The classifier as the meta-learner meets it."""

import numpy as np
import pytest
import torch
from dense_classifier import Dense, Rows

from labelpolicy.learner import environment as module
from labelpolicy.learner.environment import TrainingEnvironment
from labelpolicy.learner.parameters import LearnerParameters


def make(documents=300, labels=4, **settings):
    random = np.random.default_rng(0)
    features = random.normal(size=(documents, 5)).astype(np.float32)
    truth = features[:, :labels] > 0.5
    torch.manual_seed(0)
    model = Dense(5, labels, **({"optimizer": "sgd", "learning_rate": 0.1, "batch_size": 32} | settings))
    half = documents // 2
    return TrainingEnvironment(
        model,
        Rows(features[:half]),
        truth[:half],
        Rows(features[half:]),
        truth[half:],
        seed=0,
        device=torch.device("cpu"),
    )


UNIFORM = torch.full((4,), 0.25)


def state(environment):
    return torch.cat([parameter.detach().flatten().clone() for parameter in environment.model.parameters()])


@pytest.mark.parametrize("chunk", [1, 7, 64, 1000])
def test_the_whole_training_set_as_a_batch_is_the_same_in_any_chunks(chunk, monkeypatch):
    monkeypatch.setattr(TrainingEnvironment, "CHUNK", 10**6)
    whole = make()
    whole.train_whole(UNIFORM)
    monkeypatch.setattr(TrainingEnvironment, "CHUNK", chunk)
    chunked = make()
    before = state(chunked)
    chunked.train_whole(UNIFORM)
    assert not torch.equal(before, state(chunked))
    torch.testing.assert_close(state(chunked), state(whole), rtol=0, atol=1e-6)


def test_reset_brings_back_the_untrained_classifier_and_the_same_batches():
    environment = make()
    before = state(environment)
    environment.train(UNIFORM, 5)
    after = state(environment)
    assert not torch.equal(before, after)
    environment.reset()
    assert torch.equal(state(environment), before)
    environment.train(UNIFORM, 5)
    assert torch.equal(state(environment), after)


def test_label_weights_reach_the_classifier():
    """A label with weight 0 learns nothing; the others learn more than with uniform weights."""
    environment = make()
    before = environment.model.weight.detach().clone()
    environment.train(torch.tensor([0.0, 0.5, 0.25, 0.25]), 3)
    moved = (environment.model.weight.detach() - before).abs().sum(dim=1)
    assert moved[0] == 0 and moved[1] > moved[2] > 0


def test_a_pass_visits_every_training_document_once(monkeypatch):
    environment = make()
    seen = []
    monkeypatch.setattr(environment.trainer, "update", lambda rows, w: seen.extend(rows) or 0.0)
    environment.train_passes(UNIFORM, 0, environment.model.settings.epochs)
    assert sorted(seen) == list(range(150))


def test_an_episode_of_passes_is_one_whole_training(monkeypatch):
    environment = make(epochs=7, patience=0)
    seen = []
    monkeypatch.setattr(environment.trainer, "update", lambda rows, w: seen.extend(rows) or 0.0)
    for step in range(3):
        environment.train_passes(UNIFORM, step, 3)
    assert len(seen) == 7 * 150


@pytest.mark.parametrize(("reset", "batches"), [("training", 1), ("never", 1), ("episode", 5)])
def test_batches_for_half_a_training(reset, batches):
    environment = make(epochs=20)  # 5 batches an epoch, 100 in all
    assert environment.batches_for(LearnerParameters(episodes=5, steps=10, training={"reset": reset})) == batches


def test_rewards_are_taken_on_the_documents_asked_for():
    environment = make()
    environment.train(UNIFORM, 2)
    scores, truth, _ = environment.reward_batch("held_out")
    assert scores.shape == truth.shape == (150, 4)
    np.testing.assert_array_equal(truth, environment.all_held_out_true)
    in_sample = environment.reward_batch("in_sample").y_true
    np.testing.assert_array_equal(in_sample, environment.y_true[np.concatenate(environment.trained_on)])
    assert len(in_sample) == sum(map(len, environment.trained_on)) > 32


def test_in_sample_rewards_are_on_no_more_documents_than_memory_is_meant_for(monkeypatch):
    monkeypatch.setattr(TrainingEnvironment, "DOCUMENTS", 50)
    environment = make()
    environment.train_whole(UNIFORM)
    np.testing.assert_array_equal(environment.reward_batch("in_sample").y_true, environment.y_true[::3])
    environment.train(UNIFORM, 2)
    assert np.isfinite(environment.weight_gradient(torch.ones(32, 4), "in_sample")).all()


def test_held_out_documents_are_drawn_again_for_each_episode():
    environment = make()
    random = np.random.default_rng(0)
    environment.draw_held_out(random, 50)
    first = environment.reward_batch("held_out").y_true
    environment.draw_held_out(random, 50)
    second = environment.reward_batch("held_out").y_true
    assert len(first) == len(second) == 50 and not np.array_equal(first, second)
    environment.draw_held_out(random, 10_000)
    assert len(environment.reward_batch("held_out").y_true) == 150


def test_scores_are_taken_again_after_every_update():
    environment = make()
    before = environment.reward_batch("held_out").y_score.copy()
    environment.train(UNIFORM, 1)
    assert not np.array_equal(before, environment.reward_batch("held_out").y_score)


def test_the_classifier_of_the_best_pass_is_kept(monkeypatch):
    """Validation micro-F1 is made to peak at the second pass of four."""
    values = iter([0.2, 0.9, 0.5, 0.4])
    monkeypatch.setattr(module, "measures", lambda y_true, y_pred: {"micro_f1": next(values)})
    environment = make(epochs=4)
    states = []
    for step in range(4):
        environment.train_passes(UNIFORM, step, 4)
        states.append(state(environment))
    environment.restore_best()
    assert torch.equal(state(environment), states[1])
    environment.reset()
    before = state(environment)
    environment.restore_best()  # nothing to go back to after a reset
    assert torch.equal(state(environment), before)


def test_no_more_held_out_documents_than_memory_is_meant_for(monkeypatch):
    monkeypatch.setattr(TrainingEnvironment, "DOCUMENTS", 40)
    environment, again = make(), make()
    scores, truth, _ = environment.reward_batch("held_out")
    assert scores.shape == truth.shape == (40, 4)
    np.testing.assert_array_equal(scores, again.reward_batch("held_out").y_score)  # the same ones by the seed
    monkeypatch.undo()
    everything, all_truth, _ = make().reward_batch("held_out")
    rows = [int(np.abs(everything - row).max(axis=1).argmin()) for row in scores]
    assert rows == sorted(set(rows))
    np.testing.assert_allclose(scores, everything[rows], atol=1e-6)
    np.testing.assert_array_equal(truth, all_truth[rows])


def test_the_gradient_of_the_weights_is_that_of_the_next_utility(monkeypatch):
    """With SGD and a utility that is linear in the logits, one step of another w changes it by exactly that."""
    monkeypatch.setattr(TrainingEnvironment, "GRADIENT_DOCUMENTS", 1000)  # all of the documents
    environment = make(optimizer="sgd", learning_rate=1e-3)
    environment.train(UNIFORM, 3)
    before = {name: value.clone() for name, value in environment.model.state_dict().items()}
    of_logits = torch.randn(len(environment.held_out), 4, generator=torch.Generator().manual_seed(0))
    found = environment.weight_gradient(of_logits, "held_out")
    assert all(torch.equal(before[name], value) for name, value in environment.model.state_dict().items())

    documents = environment.held_out.batch(np.arange(len(environment.held_out)), "cpu")
    rows, truth = (
        environment.trained_on[-1],
        torch.from_numpy(environment.y_true[environment.trained_on[-1]].astype(np.float32)),
    )
    expected = []
    for label in range(4):
        environment.model.load_state_dict(before)
        batch = environment.inputs.batch(rows, "cpu")
        loss = torch.nn.functional.binary_cross_entropy_with_logits(environment.model(batch)[:, label], truth[:, label])
        gradients = torch.autograd.grad(loss, list(environment.model.parameters()))
        with torch.no_grad():
            start = (environment.model(documents) * of_logits).sum()
            for parameter, gradient in zip(environment.model.parameters(), gradients, strict=True):
                parameter -= gradient
            expected.append(float((environment.model(documents) * of_logits).sum() - start))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_adams_step_sizes_count_in_the_gradient_of_the_weights():
    environments = [make(optimizer=name, learning_rate=1e-3) for name in ("sgd", "adam")]
    of_logits = torch.ones(len(environments[0].held_out), 4)
    for environment in environments:
        environment.train(UNIFORM, 3)
        environment.model.load_state_dict(environments[0].model.state_dict())
    found = [environment.weight_gradient(of_logits, "held_out") for environment in environments]
    assert np.abs(found[0] / np.abs(found[0]).max() - found[1] / np.abs(found[1]).max()).max() > 0.01


def test_passes_stop_where_training_would(monkeypatch):
    """Without a better pass for as long as training is patient, no further one; the best one is kept."""
    environment = make(epochs=12, patience=2)
    measured = iter([0.5, 0.7, 0.6, 0.6, 0.9, 0.9])
    monkeypatch.setattr(module, "measures", lambda y_true, y_pred: {"micro_f1": next(measured)})
    kept = []
    for step in range(3):
        environment.train_passes(UNIFORM, step, 3)
        kept.append(state(environment))
    assert next(measured) == 0.9  # two after the best: the fifth was never made
    environment.restore_best()
    assert environment.trainer.best == 0.7 and not torch.equal(state(environment), kept[-1])
    assert torch.equal(kept[1], kept[2])


@pytest.mark.parametrize(
    ("reset", "training", "expected"),
    [
        ("training", 60, []),  # all episodes together are one training of 60 updates
        ("training", 80, []),
        ("training", 30, [3]),
        ("training", 20, [2, 4]),
        ("training", 10, [1, 2, 3, 4, 5]),
        ("episode", 60, [0, 1, 2, 3, 4, 5]),
        ("never", 10, []),
    ],
)
def test_when_the_classifier_is_untrained_again(reset, training, expected, monkeypatch):
    environment = make()
    monkeypatch.setattr(environment, "updates_of_a_training", lambda: training)
    parameters = LearnerParameters(episodes=6, steps=5, training={"reset": reset, "batches": 2})
    assert [episode for episode in range(6) if environment.should_reset(episode, parameters)] == expected
