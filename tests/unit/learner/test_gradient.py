"""Each estimator of the gradient of J, against a gradient that is known."""

import numpy as np
import pytest
import torch

from labelpolicy.learner import gradient
from labelpolicy.learner.gradient import Baseline, Evolution, Pathwise, PolicyGradient, Step
from labelpolicy.learner.parameters import LearnerParameters
from labelpolicy.learner.reward import RewardBatch

FAR = np.array([1.0, -2.0, 0.5])


class Direct(torch.nn.Module):
    """A meta-learner whose parameters are the logits of the thresholds themselves."""

    def __init__(self, labels=3):
        super().__init__()
        self.level = torch.nn.Parameter(torch.zeros(labels))

    def forward(self, state, w, p, seen):
        return state, self.level * 0.0, self.level * 1.0


BOUNDS = (1e-6, 1 - 1e-6)


def step_of(meta, sigma=0.1, w_logits=None):
    given = (None, None, None, None)
    _, zeros, p_logits = meta(*given)
    return Step(given, None, zeros if w_logits is None else w_logits, p_logits, sigma, BOUNDS)


def quadratic(monkeypatch):
    """Rewards of label j: -(logit p_j - FAR_j)^2, whose gradient at 0 is 2 FAR."""

    def by_label(tried, reference, batch, parameters):
        return -((np.log(tried) - np.log1p(-tried) - FAR) ** 2)

    monkeypatch.setattr(gradient.reward, "by_label", by_label)


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
    parameters = LearnerParameters(estimator=name, samples=samples, credit=credit, steps=1)
    meta = Direct()
    estimator = kind(meta, parameters, np.random.default_rng(0))
    total = torch.zeros(3)
    for _ in range(400):
        meta.zero_grad()
        here = step_of(meta)
        estimator.weights(here)
        estimator.reward(here, None)
        estimator.backward()
        total -= meta.level.grad
    assert torch.nn.functional.cosine_similarity(total, torch.tensor(FAR).float(), dim=0) > 0.95
    assert torch.equal(meta.level.detach(), torch.zeros(3))  # perturbed and put back


class Scored:
    """Scores that a threshold of 0.5 cuts too low for every label but the first."""

    def __init__(self):
        random = np.random.default_rng(0)
        self.truth = random.random((400, 3)) < 0.3
        level = np.where(self.truth, 1.0, -1.0) + np.array([0.0, 1.5, 3.0]) + random.normal(0, 0.5, (400, 3))
        self.scores = (1 / (1 + np.exp(-level))).astype(np.float32)

    @property
    def batch(self):
        return RewardBatch(self.scores, self.truth)

    def weight_gradient(self, of_logits):
        self.of_logits = of_logits
        return np.array([3.0, 0.0, -3.0])


def test_pathwise_climbs_to_the_thresholds_of_the_utility():
    scored, meta = Scored(), Direct()
    estimator = Pathwise(meta, LearnerParameters(), np.random.default_rng(0))
    adam = torch.optim.Adam(meta.parameters(), lr=0.1)
    for _ in range(150):
        adam.zero_grad()
        estimator.reward(step_of(meta, sigma=0.3), scored.batch)
        estimator.backward()
        adam.step()
    assert torch.allclose(meta.level, torch.tensor([0.0, 1.5, 3.0]), atol=0.35)


def test_pathwise_gives_weights_the_gradient_of_the_classifiers_step():
    scored, meta = Scored(), Direct()
    estimator = Pathwise(meta, LearnerParameters(training={"weight_penalty": 0.0}), np.random.default_rng(0))
    w_logits = torch.zeros(3, requires_grad=True)
    here = step_of(meta, w_logits=w_logits)
    torch.testing.assert_close(estimator.weights(here), torch.full((3,), 1 / 3))  # nothing is explored
    estimator.reward(here, scored.batch, scored.weight_gradient)
    estimator.backward()
    assert w_logits.grad[0] < 0 and w_logits.grad[2] > 0  # a descent step raises the first and lowers the last
    assert scored.of_logits.shape == (400, 3) and scored.of_logits.abs().sum() > 0


def of_weights(rewards, means, parameters):
    estimator = PolicyGradient(None, parameters, np.random.default_rng(0))
    for each in rewards:
        estimator.steps = [Step((), None, w, torch.zeros(2), 1.0, BOUNDS) for w in means]
        estimator.w_noise = [torch.ones(2) for _ in means]
        result = estimator.of_weights(np.array(each))
    return torch.autograd.grad(result, means)


def test_the_reward_to_come_is_the_sum_from_t_on():
    """Eq. 2, with the weights' credit: only steps at or after t count, and only a label's own gain."""
    means = [torch.zeros(2, requires_grad=True) for _ in range(3)]
    nothing = [[0.0, 0.0]] * 3
    then = [[0.0, 0.0], [5.0, 0.0], [0.0, 0.0]]  # label 0 does better than expected at t = 1
    gradients = of_weights([nothing, then], means, LearnerParameters(training={"weight_penalty": 0}))
    assert gradients[0][0] > 0 and gradients[1][0] > 0 and gradients[2][0] == 0
    assert gradients[0][1] < 0  # the other label, relative to it, less


def test_the_penalty_pulls_weights_towards_uniform_and_no_further():
    for logits, expected in (([1.0, -1.0], [-1.0, 1.0]), ([3.0, 3.0], [0.0, 0.0])):
        mean = torch.tensor(logits, requires_grad=True)
        (found,) = of_weights([[[0.0, 0.0]]], [mean], LearnerParameters(training={"weight_penalty": 1.0}))
        np.testing.assert_allclose(found.sign(), expected)


def test_draws_come_in_opposite_pairs():
    noise = gradient.explore(np.random.default_rng(0), 4, 3)
    torch.testing.assert_close(noise[:2], -noise[2:])
    assert gradient.explore(np.random.default_rng(0), 1, 3).shape == (1, 3)


def test_the_first_of_a_baseline_is_no_advantage():
    baseline = Baseline()
    assert not baseline.advantage("r", np.array([5.0, 6.0])).any()
    assert (baseline.advantage("r", np.array([7.0, 6.0])) == [2 / np.sqrt(2), 0]).all()
