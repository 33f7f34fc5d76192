"""Algorithm 1 in environments whose best policy is known."""

import numpy as np
import pytest

from labelpolicy.learner import meta_learner
from labelpolicy.learner.algorithm import learn_while_training, rollout_while_training
from labelpolicy.learner.meta_learner import LabelFeatures, Observation
from labelpolicy.learner.parameters import LearnerParameters
from labelpolicy.learner.reward import RewardBatch
from labelpolicy.progress import Progress


class Fixed:
    """An environment whose classifier never changes: positives score high, negatives up to ``best`` of each label."""

    def __init__(self, best, documents=60):
        best = np.asarray(best)
        self.labels = len(best)
        random = np.random.default_rng(0)
        self.y_true = random.random((documents, self.labels)) < 0.3
        spread = random.uniform(0, 0.04, self.y_true.shape)
        self.scores = np.where(self.y_true, best + 0.02 + spread, best - 0.02 - spread).astype(np.float32)
        self.label_features = LabelFeatures.of(self.y_true)
        self.weights, self.gradients = [], 0

    def reset(self): ...
    def draw_held_out(self, random, count): ...
    def train_whole(self, w): ...
    def train_passes(self, w, step, steps): ...
    def restore_best(self): ...

    def train(self, w, count):
        self.weights.append(w.detach().numpy())

    def batches_for(self, parameters):
        return 1

    def should_reset(self, episode, parameters):
        return False

    def observe(self, time):
        return Observation.of(self.scores, self.y_true, self.label_features, np.zeros(self.labels), time)

    def weight_gradient(self, of_logits, on):
        self.gradients += 1
        return np.zeros(self.labels)

    def reward_batch(self, on):
        return RewardBatch(self.scores, self.y_true)


def learned(environment, seed=0, **settings):
    parameters = LearnerParameters(**settings)
    meta = meta_learner.build(environment.labels, parameters, seed)
    trace = learn_while_training(meta, environment, parameters, seed, Progress("test", parameters.episodes))
    return *rollout_while_training(meta, environment, parameters, Progress("test", parameters.steps)), trace


PAPER = {
    "learner": "paper",
    "reward": "paper",
    "estimator": "policy_gradient",
    "credit": "total",
    "samples": 1,
    "training": {"rewarded_on": "in_sample", "batches": 1, "rollout": "batch"},
}


@pytest.mark.parametrize(("estimator", "best"), [("pathwise", 0.25), ("policy_gradient", 0.25), ("evolution", 0.4)])
def test_every_estimator_finds_one_threshold_for_all_labels(estimator, best):
    """From 0.5 no score can be seen where the best is 0.25; small perturbations of the meta-learner need it nearer."""
    _, p, rollout, _ = learned(Fixed([best] * 6), estimator=estimator, episodes=40, steps=10)
    assert np.abs(p - best).max() < 0.05
    assert rollout[-1]["reward"] > 2.7  # of 3: accuracy, macro-F1 and micro-F1 are all 1 at the best thresholds


def test_the_shared_learner_tells_labels_apart_by_what_it_observes():
    environment = Fixed([0.15, 0.85] * 3)
    _, p, _, _ = learned(environment, episodes=100)
    assert (p[::2] < 0.35).all() and (p[1::2] > 0.65).all()


def test_the_papers_learner_improves_with_the_utility_too():
    environment = Fixed([0.25] * 4)
    *_, trace = learned(environment, learner="paper", episodes=60, steps=10)
    rewards = [row["reward"] for row in trace]
    assert np.mean(rewards[-100:]) > np.mean(rewards[:100]) + 0.3


def test_eq_6_drives_thresholds_to_their_bounds():
    """S+ < S- for every label, so the maximiser of Eq. 6 is p -> 1, though 0.25 separates the classes."""
    environment = Fixed([0.25] * 4)
    assert (environment.scores * environment.y_true).sum() < (environment.scores * ~environment.y_true).sum()
    _, p, _, trace = learned(environment, **PAPER, episodes=100, steps=5)
    assert p.mean() > 0.9
    assert trace[-1]["reward"] > trace[0]["reward"]


def test_policies_obey_equations_4_and_5():
    environment = Fixed([0.3] * 5)
    w, p, _, _ = learned(environment, episodes=5, threshold_bounds=(0.4, 0.6))
    assert w.sum() == pytest.approx(1) and (w > 0).all()
    assert (p >= 0.4 - 1e-6).all() and (p <= 0.6 + 1e-6).all()
    for tried in environment.weights:  # what the classifier was trained with, exploration included
        assert tried.sum() == pytest.approx(1, abs=1e-5) and (tried > 0).all()


@pytest.mark.parametrize("estimator", ["pathwise", "policy_gradient", "evolution"])
def test_the_same_seed_gives_the_same_policy_and_another_seed_another(estimator):
    one, again, other = (
        learned(Fixed([0.3, 0.4, 0.3, 0.5]), seed=seed, episodes=5, estimator=estimator)[1] for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_pathwise_asks_for_the_weights_gradient_at_each_step():
    environment = Fixed([0.3] * 4)
    learned(environment, episodes=2, steps=3)
    assert environment.gradients == 6


def test_nothing_of_the_classifier_enters_the_papers_state():
    """By Eq. 3-5 the rollout of a given meta-learner is the same whatever classifier it meets."""
    parameters = LearnerParameters(**PAPER, steps=4)
    meta = meta_learner.build(4, parameters, 0)
    rollouts = [rollout_while_training(meta, Fixed([best] * 4), parameters, Progress("test", 4)) for best in (0.2, 0.8)]
    np.testing.assert_array_equal(rollouts[0][0], rollouts[1][0])
    np.testing.assert_array_equal(rollouts[0][1], rollouts[1][1])
