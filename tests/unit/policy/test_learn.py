"""Algorithm 1 on rooms whose best policy is known."""

import numpy as np
import pytest
import torch

from labelpolicy.parameters import MetaLearner
from labelpolicy.policy import learn as algorithm
from labelpolicy.policy import meta_learner
from labelpolicy.policy.meta_learner import Observation
from labelpolicy.progress import Progress


class Room:
    """A classifier that never changes: positives score high, negatives up to ``best`` of each label."""

    def __init__(self, best, documents=60):
        best = np.asarray(best)
        self.labels = len(best)
        random = np.random.default_rng(0)
        self.truth = random.random((documents, self.labels)) < 0.3
        spread = random.uniform(0, 0.04, self.truth.shape)
        self.scores = np.where(self.truth, best + 0.02 + spread, best - 0.02 - spread).astype(np.float32)
        self.log_frequency = np.log(self.truth.mean(axis=0))
        self.weights = []

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
        return Observation.of(self.scores, self.truth, self.log_frequency, time)

    def judged(self, on):
        yield self.scores, self.truth


def learned(room, seed=0, **settings):
    parameters = MetaLearner(**settings)
    meta = meta_learner.build(room.labels, parameters, seed)
    trace = algorithm.learn(meta, room, parameters, seed, Progress("test", parameters.episodes))
    start = algorithm.first_policies(room.labels)
    return *algorithm.rollout(meta, room, parameters, start, Progress("test", parameters.steps)), trace


PAPER = {
    "learner": "paper",
    "reward": "paper",
    "credit": "total",
    "rewarded_on": "in_sample",
    "samples": 1,
    "batches": 1,
    "rollout": "batch",
}


def test_the_default_finds_one_threshold_for_all_labels():
    room = Room([0.25] * 6)
    _, p, rollout, _ = learned(room, episodes=60)
    assert np.abs(p - 0.25).max() < 0.05
    assert rollout[-1]["reward"] > 2.7  # of 3: accuracy, macro-F1 and micro-F1 are all 1 at the best thresholds


def test_the_shared_learner_tells_labels_apart_by_what_it_observes():
    room = Room([0.15, 0.85] * 3)
    _, p, _, _ = learned(room, episodes=100)
    assert (p[::2] < 0.35).all() and (p[1::2] > 0.65).all()


def test_the_papers_learner_improves_with_the_utility_too():
    room = Room([0.25] * 4)
    *_, trace = learned(room, learner="paper", episodes=80)
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


def test_the_same_seed_gives_the_same_policy_and_another_seed_another():
    one, again, other = (learned(Room([0.3] * 4), seed=seed, episodes=5)[1] for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_nothing_of_the_classifier_enters_the_papers_state():
    """By Eq. 3-5 the rollout of a given meta-learner is the same whatever classifier it meets."""
    parameters = MetaLearner(**PAPER, steps=4)
    meta = meta_learner.build(4, parameters, 0)
    rollouts = [
        algorithm.rollout(meta, Room([best] * 4), parameters, algorithm.first_policies(4), Progress("test", 4))
        for best in (0.2, 0.8)
    ]
    np.testing.assert_array_equal(rollouts[0][0], rollouts[1][0])
    np.testing.assert_array_equal(rollouts[0][1], rollouts[1][1])


@pytest.mark.parametrize(("samples", "credit"), [(1, "label"), (2, "label"), (8, "label"), (1, "total")])
def test_the_policy_gradient_points_along_the_true_gradient(samples, credit):
    """Reward of label j: -(a_j - target_j)^2 of its logit, so dE[r]/dmu_j = -2 (mu_j - target_j)."""
    labels, sigma = 3, 0.1
    targets, mean = np.array([1.0, -2.0, 0.5]), torch.zeros(labels, requires_grad=True)
    parameters = MetaLearner(samples=samples, credit=credit, steps=1)
    random = np.random.default_rng(0)
    baseline = algorithm.Baseline()
    total = torch.zeros(labels)
    for _ in range(400):
        noise = algorithm.explore(random, samples, labels)
        actions = sigma * noise.numpy()
        step = algorithm.Step(sigma, torch.zeros(labels), torch.zeros(labels), mean, noise, -((actions - targets) ** 2))
        (gradient,) = torch.autograd.grad(algorithm.objective([step], baseline, parameters), mean)
        total += gradient
    expected = torch.tensor(2 * targets)
    assert torch.nn.functional.cosine_similarity(total, expected.float(), dim=0) > 0.95


def test_the_reward_to_come_is_the_sum_from_t_on():
    """Eq. 2, with the weights' credit: only steps at or after t count, and only a label's own gain."""
    parameters = MetaLearner(samples=2, weight_penalty=0)
    means = [torch.zeros(2, requires_grad=True) for _ in range(3)]
    first = [[[0.0, 0.0]] * 2] * 3
    then = [[[0.0, 0.0]] * 2, [[5.0, 0.0]] * 2, [[0.0, 0.0]] * 2]  # label 0 does better than expected at t = 1
    baseline = algorithm.Baseline()
    for rewards in (first, then):
        steps = [
            algorithm.Step(1.0, w, torch.ones(2), torch.zeros(2), torch.tensor([[1.0, 1.0], [-1.0, -1.0]]), np.array(r))
            for w, r in zip(means, rewards, strict=True)
        ]
        gradients = torch.autograd.grad(algorithm.objective(steps, baseline, parameters), means)
    assert gradients[0][0] > 0 and gradients[1][0] > 0 and gradients[2][0] == 0
    assert gradients[0][1] < 0  # the other label, relative to it, less


def test_the_penalty_pulls_weights_towards_uniform_and_no_further():
    parameters = MetaLearner(samples=2, weight_penalty=1.0)
    nothing = np.zeros((2, 2))
    for logits, expected in (([1.0, -1.0], [-1.0, 1.0]), ([3.0, 3.0], [0.0, 0.0])):
        mean = torch.tensor(logits, requires_grad=True)
        step = algorithm.Step(1.0, mean, torch.zeros(2), torch.zeros(2), torch.zeros(2, 2), nothing)
        (gradient,) = torch.autograd.grad(algorithm.objective([step], algorithm.Baseline(), parameters), mean)
        np.testing.assert_allclose(gradient.sign(), expected)


def test_draws_come_in_opposite_pairs():
    noise = algorithm.explore(np.random.default_rng(0), 4, 3)
    torch.testing.assert_close(noise[:2], -noise[2:])
    assert algorithm.explore(np.random.default_rng(0), 1, 3).shape == (1, 3)


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
