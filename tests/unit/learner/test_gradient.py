"""Each estimator of the gradient of J, against a gradient that is known."""

import numpy as np
import pytest
import torch

from labelpolicy.learner import gradient as estimators
from labelpolicy.learner.gradient import Baseline, Evolution, Moment, Pathwise, PolicyGradient
from labelpolicy.learner.parameters import MetaLearner

FAR = np.array([1.0, -2.0, 0.5])


class Direct(torch.nn.Module):
    """A meta-learner whose parameters are the logits of the thresholds themselves."""

    def __init__(self, labels=3):
        super().__init__()
        self.level = torch.nn.Parameter(torch.zeros(labels))

    def forward(self, state, w, p, seen):
        return state, self.level * 0.0, self.level * 1.0


def moment(meta, sigma=0.1, w_mean=None):
    _, zeros, p_mean = meta(None, None, None, None)
    return Moment(None, None, None, None, zeros if w_mean is None else w_mean, p_mean, sigma)


def quadratic(monkeypatch):
    """Rewards of label j: -(logit p_j - FAR_j)^2, whose gradient at 0 is 2 FAR."""

    def rewards(tried, centre, judged, parameters):
        return -((np.log(tried) - np.log1p(-tried) - FAR) ** 2)

    monkeypatch.setattr(estimators, "rewards", rewards)


@pytest.mark.parametrize(
    ("kind", "samples", "credit"),
    [
        (PolicyGradient, 1, "label"),
        (PolicyGradient, 2, "label"),
        (PolicyGradient, 8, "label"),
        (PolicyGradient, 1, "total"),
        (Evolution, 8, "label"),
        (Evolution, 1, "label"),
    ],
)
def test_draws_point_along_the_true_gradient(monkeypatch, kind, samples, credit):
    quadratic(monkeypatch)
    name = "evolution" if kind is Evolution else "policy_gradient"
    parameters = MetaLearner(estimator=name, samples=samples, credit=credit, steps=1, threshold_bounds=(1e-6, 1 - 1e-6))
    meta = Direct()
    estimator = kind(meta, parameters, np.random.default_rng(0))
    total = torch.zeros(3)
    for _ in range(400):
        meta.zero_grad()
        here = moment(meta)
        estimator.weights(here)
        estimator.rewarded(here, None, [])
        estimator.apply()
        total -= meta.level.grad
    assert torch.nn.functional.cosine_similarity(total, torch.tensor(FAR).float(), dim=0) > 0.95
    assert torch.equal(meta.level.detach(), torch.zeros(3))  # perturbed and put back


class Scored:
    """Scores that a threshold of 0.5 cuts too low for every label but the first."""

    allowed = None

    def __init__(self, trains=False):
        random = np.random.default_rng(0)
        self.truth = random.random((400, 3)) < 0.3
        level = np.where(self.truth, 1.0, -1.0) + np.array([0.0, 1.5, 3.0]) + random.normal(0, 0.5, (400, 3))
        self.scores = (1 / (1 + np.exp(-level))).astype(np.float32)
        self.trains = trains

    def judged(self, on):
        yield self.scores, self.truth

    def weight_gradient(self, of_logits, on):
        self.of_logits = of_logits
        return np.array([3.0, 0.0, -3.0])


def test_pathwise_climbs_to_the_thresholds_of_the_utility():
    room, meta = Scored(), Direct()
    estimator = Pathwise(meta, MetaLearner(), np.random.default_rng(0))
    adam = torch.optim.Adam(meta.parameters(), lr=0.1)
    for _ in range(150):
        adam.zero_grad()
        estimator.rewarded(moment(meta, sigma=0.3), room, room.judged("held_out"))
        estimator.apply()
        adam.step()
    assert torch.allclose(meta.level, torch.tensor([0.0, 1.5, 3.0]), atol=0.35)


def test_pathwise_gives_weights_the_gradient_of_the_classifiers_step():
    room, meta = Scored(trains=True), Direct()
    estimator = Pathwise(meta, MetaLearner(weight_penalty=0.0), np.random.default_rng(0))
    w_mean = torch.zeros(3, requires_grad=True)
    here = moment(meta, w_mean=w_mean)
    torch.testing.assert_close(estimator.weights(here), torch.full((3,), 1 / 3))  # nothing is explored
    estimator.rewarded(here, room, room.judged("held_out"))
    estimator.apply()
    assert w_mean.grad[0] < 0 and w_mean.grad[2] > 0  # a descent step raises the first and lowers the last
    assert room.of_logits.shape == (400, 3) and room.of_logits.abs().sum() > 0


def of_weights(rewards, means, parameters):
    estimator = PolicyGradient(None, parameters, np.random.default_rng(0))
    for each in rewards:
        estimator.moments = [Moment(None, None, None, None, w, torch.zeros(2), 1.0) for w in means]
        estimator.w_noise = [torch.ones(2) for _ in means]
        result = estimator.of_weights(np.array(each))
    return torch.autograd.grad(result, means)


def test_the_reward_to_come_is_the_sum_from_t_on():
    """Eq. 2, with the weights' credit: only steps at or after t count, and only a label's own gain."""
    means = [torch.zeros(2, requires_grad=True) for _ in range(3)]
    nothing = [[0.0, 0.0]] * 3
    then = [[0.0, 0.0], [5.0, 0.0], [0.0, 0.0]]  # label 0 does better than expected at t = 1
    gradients = of_weights([nothing, then], means, MetaLearner(weight_penalty=0))
    assert gradients[0][0] > 0 and gradients[1][0] > 0 and gradients[2][0] == 0
    assert gradients[0][1] < 0  # the other label, relative to it, less


def test_the_penalty_pulls_weights_towards_uniform_and_no_further():
    for logits, expected in (([1.0, -1.0], [-1.0, 1.0]), ([3.0, 3.0], [0.0, 0.0])):
        mean = torch.tensor(logits, requires_grad=True)
        (gradient,) = of_weights([[[0.0, 0.0]]], [mean], MetaLearner(weight_penalty=1.0))
        np.testing.assert_allclose(gradient.sign(), expected)


def test_draws_come_in_opposite_pairs():
    noise = estimators.explore(np.random.default_rng(0), 4, 3)
    torch.testing.assert_close(noise[:2], -noise[2:])
    assert estimators.explore(np.random.default_rng(0), 1, 3).shape == (1, 3)


def test_the_first_of_a_baseline_is_no_advantage():
    baseline = Baseline()
    assert not baseline.advantage("r", np.array([5.0, 6.0])).any()
    assert (baseline.advantage("r", np.array([7.0, 6.0])) == [2 / np.sqrt(2), 0]).all()
