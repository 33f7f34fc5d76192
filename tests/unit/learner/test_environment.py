"""The classifier as the meta-learner meets it."""

import numpy as np
import pytest
import torch
from dense_classifier import Dense, Rows

from labelpolicy.learner import environment as classroom
from labelpolicy.learner.environment import Classroom
from labelpolicy.learner.parameters import MetaLearner


def make_room(documents=300, labels=4, **settings):
    random = np.random.default_rng(0)
    features = random.normal(size=(documents, 5)).astype(np.float32)
    truth = features[:, :labels] > 0.5
    torch.manual_seed(0)
    model = Dense(5, labels, **({"optimizer": "sgd", "learning_rate": 0.1, "batch_size": 32} | settings))
    half = documents // 2
    return Classroom(
        model,
        Rows(features[:half]),
        truth[:half],
        Rows(features[half:]),
        truth[half:],
        seed=0,
        device=torch.device("cpu"),
    )


UNIFORM = torch.full((4,), 0.25)


def state(room):
    return torch.cat([parameter.detach().flatten().clone() for parameter in room.model.parameters()])


@pytest.mark.parametrize("chunk", [1, 7, 64, 1000])
def test_the_whole_training_set_as_a_batch_is_the_same_in_any_chunks(chunk, monkeypatch):
    monkeypatch.setattr(Classroom, "CHUNK", 10**6)
    whole = make_room()
    whole.train_whole(UNIFORM)
    monkeypatch.setattr(Classroom, "CHUNK", chunk)
    chunked = make_room()
    before = state(chunked)
    chunked.train_whole(UNIFORM)
    assert not torch.equal(before, state(chunked))
    torch.testing.assert_close(state(chunked), state(whole), rtol=0, atol=1e-6)


def test_reset_brings_back_the_untrained_classifier_and_the_same_batches():
    room = make_room()
    before = state(room)
    room.train(UNIFORM, 5)
    after = state(room)
    assert not torch.equal(before, after)
    room.reset()
    assert torch.equal(state(room), before)
    room.train(UNIFORM, 5)
    assert torch.equal(state(room), after)


def test_label_weights_reach_the_classifier():
    """A label with weight 0 learns nothing; the others learn more than with uniform weights."""
    room = make_room()
    before = room.model.weight.detach().clone()
    room.train(torch.tensor([0.0, 0.5, 0.25, 0.25]), 3)
    moved = (room.model.weight.detach() - before).abs().sum(dim=1)
    assert moved[0] == 0 and moved[1] > moved[2] > 0


def test_a_pass_visits_every_training_document_once(monkeypatch):
    room = make_room()
    seen = []
    monkeypatch.setattr(room.trainer, "update", lambda rows, w: seen.extend(rows) or 0.0)
    room.train_passes(UNIFORM, 0, room.model.settings.epochs)
    assert sorted(seen) == list(range(150))


def test_an_episode_of_passes_is_one_whole_training(monkeypatch):
    room = make_room(epochs=7, patience=0)
    seen = []
    monkeypatch.setattr(room.trainer, "update", lambda rows, w: seen.extend(rows) or 0.0)
    for step in range(3):
        room.train_passes(UNIFORM, step, 3)
    assert len(seen) == 7 * 150


@pytest.mark.parametrize(("reset", "batches"), [("training", 1), ("never", 1), ("episode", 5)])
def test_batches_for_half_a_training(reset, batches):
    room = make_room(epochs=20)  # 5 batches an epoch, 100 in all
    assert room.batches_for(MetaLearner(episodes=5, steps=10, reset=reset)) == batches


def test_rewards_are_judged_on_the_documents_asked_for():
    room = make_room()
    room.train(UNIFORM, 2)
    (scores, truth), *rest = list(room.judged("held_out"))
    assert not rest and scores.shape == truth.shape == (150, 4)
    np.testing.assert_array_equal(truth, room.all_held_out_truth)
    in_sample = np.concatenate([truth for _, truth in room.judged("in_sample")])
    np.testing.assert_array_equal(in_sample, room.truth[np.concatenate(room.trained_on)])
    assert len(in_sample) == sum(map(len, room.trained_on)) > 32


def test_in_sample_rewards_come_in_chunks(monkeypatch):
    monkeypatch.setattr(Classroom, "CHUNK", 40)
    room = make_room()
    room.train_whole(UNIFORM)
    assert [len(scores) for scores, _ in room.judged("in_sample")] == [40, 40, 40, 30]


def test_reward_documents_are_drawn_anew_and_observed():
    room = make_room()
    random = np.random.default_rng(0)
    room.draw_reward_documents(random, 50)
    first = next(room.judged("held_out"))[1]
    room.draw_reward_documents(random, 50)
    second = next(room.judged("held_out"))[1]
    assert len(first) == len(second) == 50 and not np.array_equal(first, second)
    room.draw_reward_documents(random, 10_000)
    assert len(next(room.judged("held_out"))[1]) == 150


def test_scores_are_taken_again_after_every_update():
    room = make_room()
    before = next(room.judged("held_out"))[0].copy()
    room.train(UNIFORM, 1)
    assert not np.array_equal(before, next(room.judged("held_out"))[0])


def test_the_classifier_of_the_best_pass_is_kept(monkeypatch):
    """Validation micro-F1 is made to peak at the second pass of four."""
    values = iter([0.2, 0.9, 0.5, 0.4])
    monkeypatch.setattr(classroom, "measures", lambda truth, predicted: {"micro_f1": next(values)})
    room = make_room(epochs=4)
    states = []
    for step in range(4):
        room.train_passes(UNIFORM, step, 4)
        states.append(state(room))
    room.keep_best()
    assert torch.equal(state(room), states[1])
    room.reset()
    before = state(room)
    room.keep_best()  # nothing to go back to after a reset
    assert torch.equal(state(room), before)


def test_no_more_held_out_documents_than_memory_is_meant_for(monkeypatch):
    monkeypatch.setattr(Classroom, "HELD_OUT", 40)
    room, again = make_room(), make_room()
    scores, truth = next(room.judged("held_out"))
    assert scores.shape == truth.shape == (40, 4)
    np.testing.assert_array_equal(scores, next(again.judged("held_out"))[0])  # the same ones by the seed
    monkeypatch.undo()
    everything, all_truth = next(make_room().judged("held_out"))
    rows = [int(np.abs(everything - row).max(axis=1).argmin()) for row in scores]
    assert rows == sorted(set(rows))
    np.testing.assert_allclose(scores, everything[rows], atol=1e-6)
    np.testing.assert_array_equal(truth, all_truth[rows])


def test_the_gradient_of_the_weights_is_that_of_the_next_utility(monkeypatch):
    """With SGD and a utility that is linear in the logits, one step of another w changes it by exactly that."""
    monkeypatch.setattr(Classroom, "ENOUGH", 1000)  # all of the documents
    room = make_room(optimizer="sgd", learning_rate=1e-3)
    room.train(UNIFORM, 3)
    before = {name: value.clone() for name, value in room.model.state_dict().items()}
    of_logits = torch.randn(len(room.held_out), 4, generator=torch.Generator().manual_seed(0))
    found = room.weight_gradient(of_logits, "held_out")
    assert all(torch.equal(before[name], value) for name, value in room.model.state_dict().items())

    documents = room.held_out.batch(np.arange(len(room.held_out)), "cpu")
    rows, truth = room.trained_on[-1], torch.from_numpy(room.truth[room.trained_on[-1]].astype(np.float32))
    expected = []
    for label in range(4):
        room.model.load_state_dict(before)
        batch = room.inputs.batch(rows, "cpu")
        loss = torch.nn.functional.binary_cross_entropy_with_logits(room.model(batch)[:, label], truth[:, label])
        gradients = torch.autograd.grad(loss, list(room.model.parameters()))
        with torch.no_grad():
            start = (room.model(documents) * of_logits).sum()
            for parameter, gradient in zip(room.model.parameters(), gradients, strict=True):
                parameter -= gradient
            expected.append(float((room.model(documents) * of_logits).sum() - start))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_adams_step_sizes_count_in_the_gradient_of_the_weights():
    rooms = [make_room(optimizer=name, learning_rate=1e-3) for name in ("sgd", "adam")]
    of_logits = torch.ones(len(rooms[0].held_out), 4)
    for room in rooms:
        room.train(UNIFORM, 3)
        room.model.load_state_dict(rooms[0].model.state_dict())
    found = [room.weight_gradient(of_logits, "held_out") for room in rooms]
    assert np.abs(found[0] / np.abs(found[0]).max() - found[1] / np.abs(found[1]).max()).max() > 0.01


def test_passes_stop_where_training_would(monkeypatch):
    """Without a better pass for as long as training is patient, no further one; the best one is kept."""
    room = make_room(epochs=12, patience=2)
    measured = iter([0.5, 0.7, 0.6, 0.6, 0.9, 0.9])
    monkeypatch.setattr(classroom, "measures", lambda truth, predicted: {"micro_f1": next(measured)})
    kept = []
    for step in range(3):
        room.train_passes(UNIFORM, step, 3)
        kept.append(state(room))
    assert next(measured) == 0.9  # two after the best: the fifth was never made
    room.keep_best()
    assert room.trainer.best == 0.7 and not torch.equal(state(room), kept[-1])
    assert torch.equal(kept[1], kept[2])
