"""Algorithm 1 on rooms whose best policy is known."""

import numpy as np
import pytest
import torch

from labelpolicy.learner import algorithm, meta_learner
from labelpolicy.learner.meta_learner import Observation, Surroundings
from labelpolicy.learner.parameters import MetaLearner
from labelpolicy.progress import Progress


class Room:
    """A classifier that never changes: positives score high, negatives up to ``best`` of each label."""

    trains = True
    widest = float("inf")
    allowed = None

    def __init__(self, best, documents=60):
        best = np.asarray(best)
        self.labels = len(best)
        random = np.random.default_rng(0)
        self.truth = random.random((documents, self.labels)) < 0.3
        spread = random.uniform(0, 0.04, self.truth.shape)
        self.scores = np.where(self.truth, best + 0.02 + spread, best - 0.02 - spread).astype(np.float32)
        self.surroundings = Surroundings.of(self.truth)
        self.weights, self.gradients = [], 0

    def reset(self): ...
    def draw_reward_documents(self, random, count): ...
    def train_whole(self, w): ...
    def train_passes(self, w, step, steps): ...
    def keep_best(self): ...

    def train(self, w, count):
        self.weights.append(w.detach().numpy())

    def batches_for(self, parameters):
        return 1

    def updates_of_a_training(self):
        return 10**6

    def observe(self, time):
        return Observation.of(self.scores, self.truth, self.surroundings, np.zeros(self.labels), time)

    def first_policies(self):
        return torch.full((self.labels,), 1 / self.labels), torch.full((self.labels,), 0.5)

    def weight_gradient(self, of_logits, on):
        self.gradients += 1
        return np.zeros(self.labels)

    def judged(self, on):
        yield self.scores, self.truth


def learned(room, seed=0, **settings):
    parameters = MetaLearner(**settings)
    meta = meta_learner.build(room.labels, parameters, seed)
    trace = algorithm.learn(meta, room, parameters, seed, Progress("test", parameters.episodes))
    start = room.first_policies()
    return *algorithm.rollout(meta, room, parameters, start, Progress("test", parameters.steps)), trace


FIRST = torch.full((4,), 0.25), torch.full((4,), 0.5)

PAPER = {
    "learner": "paper",
    "reward": "paper",
    "estimator": "policy_gradient",
    "credit": "total",
    "rewarded_on": "in_sample",
    "samples": 1,
    "batches": 1,
    "rollout": "batch",
}


@pytest.mark.parametrize(("estimator", "best"), [("pathwise", 0.25), ("policy_gradient", 0.25), ("evolution", 0.4)])
def test_every_estimator_finds_one_threshold_for_all_labels(estimator, best):
    """From 0.5 no score can be seen where the best is 0.25; small perturbations of the meta-learner need it nearer."""
    _, p, rollout, _ = learned(Room([best] * 6), estimator=estimator, episodes=60, steps=10)
    assert np.abs(p - best).max() < 0.05
    assert rollout[-1]["reward"] > 2.7  # of 3: accuracy, macro-F1 and micro-F1 are all 1 at the best thresholds


def test_the_shared_learner_tells_labels_apart_by_what_it_observes():
    room = Room([0.15, 0.85] * 3)
    _, p, _, _ = learned(room, episodes=100)
    assert (p[::2] < 0.35).all() and (p[1::2] > 0.65).all()


def test_the_papers_learner_improves_with_the_utility_too():
    room = Room([0.25] * 4)
    *_, trace = learned(room, learner="paper", episodes=80, steps=10)
    rewards = [row["reward"] for row in trace]
    assert np.mean(rewards[-100:]) > np.mean(rewards[:100]) + 0.3


def test_eq_6_drives_thresholds_to_their_bounds():
    """S+ < S- for every label, so the maximiser of Eq. 6 is p -> 1, though 0.25 separates the classes."""
    room = Room([0.25] * 4)
    assert (room.scores * room.truth).sum() < (room.scores * ~room.truth).sum()
    _, p, _, trace = learned(room, **PAPER, episodes=150, steps=5)
    assert p.mean() > 0.9
    assert trace[-1]["reward"] > trace[0]["reward"]


def test_policies_obey_equations_4_and_5():
    room = Room([0.3] * 5)
    w, p, _, _ = learned(room, episodes=5, threshold_bounds=(0.4, 0.6))
    assert w.sum() == pytest.approx(1) and (w > 0).all()
    assert (p >= 0.4 - 1e-6).all() and (p <= 0.6 + 1e-6).all()
    for tried in room.weights:  # what the classifier was trained with, exploration included
        assert tried.sum() == pytest.approx(1, abs=1e-5) and (tried > 0).all()


@pytest.mark.parametrize("estimator", ["pathwise", "policy_gradient", "evolution"])
def test_the_same_seed_gives_the_same_policy_and_another_seed_another(estimator):
    one, again, other = (
        learned(Room([0.3, 0.4, 0.3, 0.5]), seed=seed, episodes=5, estimator=estimator)[1] for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_pathwise_asks_for_the_weights_gradient_where_something_trains():
    for trains in (True, False):
        room = Room([0.3] * 4)
        room.trains = trains
        learned(room, episodes=2, steps=3)
        assert room.gradients == (6 if trains else 0)


def test_nothing_of_the_classifier_enters_the_papers_state():
    """By Eq. 3-5 the rollout of a given meta-learner is the same whatever classifier it meets."""
    parameters = MetaLearner(**PAPER, steps=4)
    meta = meta_learner.build(4, parameters, 0)
    rollouts = [
        algorithm.rollout(meta, Room([best] * 4), parameters, FIRST, Progress("test", 4)) for best in (0.2, 0.8)
    ]
    np.testing.assert_array_equal(rollouts[0][0], rollouts[1][0])
    np.testing.assert_array_equal(rollouts[0][1], rollouts[1][1])


@pytest.mark.parametrize(
    ("reset", "training", "anew"),
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
def test_when_the_classifier_begins_anew(reset, training, anew):
    room = Room([0.5])
    room.updates_of_a_training = lambda: training
    parameters = MetaLearner(episodes=6, steps=5, reset=reset)
    assert [episode for episode in range(6) if algorithm.begins_anew(episode, 2, room, parameters)] == anew
