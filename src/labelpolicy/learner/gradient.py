"""How the gradient of J (Eq. 7) is estimated: three ways from the same episodes.

``policy_gradient``: the paper's. The policies of Eq. 4-5 are deterministic, and a policy gradient needs a distribution:
here a Gaussian around their logits, whose score is noise / sigma, so each term is advantage * noise / sigma * mean.

``evolution``: the meta-learner's parameters perturbed in opposite pairs, one time step at a time, for the thresholds'
part (Salimans et al. 2017); the weights' part is a policy gradient.

``pathwise``: the utility made smooth (reward.expected) and differentiated through thresholds, meta-learner and time
steps. A weight acts through the classifier's update: see TrainingEnvironment.weight_gradient.
"""

from collections.abc import Callable
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from labelpolicy.learner import reward
from labelpolicy.learner.meta_learner import MetaLearner, Observation, logits, policies
from labelpolicy.learner.parameters import LearnerParameters
from labelpolicy.learner.reward import RewardBatch

#: From the gradient of the utility in the logits of the reward batch to that in the label weights of the last update.
WeightGradient = Callable[[Tensor], np.ndarray]
#: s, w and p of t-1, and what is observed.
Given = tuple[Tensor, Tensor, Tensor, Observation | None]


class Step(NamedTuple):
    """One time step: what the meta-learner was given, and what it made of it, with its graph."""

    given: Given
    state: Tensor
    w_logits: Tensor  # (labels,)
    p_logits: Tensor  # (labels,)
    sigma: float  # standard deviation around the logits of p
    bounds: tuple[float, float]

    @classmethod
    def of(cls, meta: MetaLearner, given: Given, sigma: float, parameters: LearnerParameters) -> Self:
        """Eq. 3, on the means of the policies."""
        state, w_logits, p_logits = meta(*given)
        return cls(given, state, w_logits, p_logits, sigma, parameters.threshold_bounds)

    def policies(self, w_noise: Tensor | float = 0.0, p_noise: Tensor | float = 0.0) -> tuple[Tensor, Tensor]:
        """w_t and p_t (Eq. 4-5), of logits moved by the noise."""
        return policies(self.w_logits + w_noise, self.p_logits + p_noise, self.bounds)


def ascend(meta: nn.Module, estimator: "Estimator", adam: torch.optim.Optimizer) -> None:
    """A step of the meta-learner towards more of J, Eq. 7."""
    adam.zero_grad()
    estimator.backward()
    nn.utils.clip_grad_norm_(meta.parameters(), 1.0)
    adam.step()


def explore(random: np.random.Generator, draws: int, labels: int) -> Tensor:
    """Standard normal noise (draws, labels); more than one draw come in opposite pairs, so that half cancels."""
    half = random.standard_normal(((draws + 1) // 2, labels))
    return torch.from_numpy(np.concatenate([half, -half])[:draws]).float()


def towards_uniform(w_logits: Tensor, parameters: LearnerParameters) -> Tensor:
    """The pull of the logits of w towards uniform weights; the softmax does not see their mean."""
    return parameters.training.weight_penalty * (w_logits - w_logits.mean()).square().mean()


class Baseline:
    """Running mean and scale of a quantity: the reward baseline that lowers the variance (Section 3.3)."""

    def __init__(self, decay: float = 0.9):
        self.decay = decay
        self.means: dict[object, np.ndarray] = {}
        self.squares: dict[object, float] = {}

    def advantage(self, key: object, value: np.ndarray) -> np.ndarray:
        """(value - running mean) / running scale, and take the value in; 0 for the first, which sets the mean."""
        if key not in self.means:
            self.means[key] = value
            return np.zeros_like(value)
        difference = value - self.means[key]
        square = np.mean(difference**2)
        self.means[key] = self.means[key] + (1 - self.decay) * difference
        self.squares[key] = self.decay * self.squares.get(key, square) + (1 - self.decay) * square
        return difference / max(np.sqrt(self.squares[key]), 1e-12)


class PolicyGradient:
    """REINFORCE with a baseline: the advantage of what was tried times the score of having tried it."""

    def __init__(self, meta: nn.Module, parameters: LearnerParameters, random: np.random.Generator):
        self.meta, self.parameters, self.random, self.baseline = meta, parameters, random, Baseline()
        self.forget()

    def forget(self) -> None:
        """Begin an episode."""
        self.steps: list[Step] = []
        self.w_noise: list[Tensor] = []  # empty where no classifier trains
        self.p_noise: list[Tensor] = []
        self.rewards: list[np.ndarray] = []

    def weights(self, step: Step) -> Tensor:
        """The weights (labels,) that the classifier is trained with now."""
        self.w_noise.append(explore(self.random, 1, len(step.w_logits))[0])
        return step.policies(w_noise=self.parameters.training.weight_noise * self.w_noise[-1])[0]

    def reward(self, step: Step, batch: RewardBatch, weight_gradient: WeightGradient | None = None) -> None:
        """Take the reward of this step. ``weight_gradient`` is there where a classifier has been trained."""
        noise = explore(self.random, self.parameters.samples, len(step.p_logits))
        tried, p = (step.policies(p_noise=each)[1].detach().numpy() for each in (step.sigma * noise, 0.0))
        self.steps.append(step)
        self.p_noise.append(noise)
        self.rewards.append(reward.by_label(tried, p, batch, self.parameters))

    def backward(self) -> None:
        """Put the gradient of -J of the episode into the meta-learner's parameters, and forget the episode."""
        r, in_total = np.stack(self.rewards), self.parameters.credit == "total"  # (steps, draws, labels)
        if in_total:
            r = np.broadcast_to(r.sum(axis=2, keepdims=True), r.shape)
        total = self.of_weights(r.mean(axis=1))
        # p_t moves r_t and nothing after it (the recursion runs on means): only "total" makes it answer for the rest.
        p_credit = _to_come(r.mean(axis=1))[:, None] if in_total else r
        scale = max(np.sqrt(np.mean((r - r.mean(axis=1, keepdims=True)) ** 2)), 1e-12)
        for t, (step, noise) in enumerate(zip(self.steps, self.p_noise, strict=True)):
            if self.parameters.samples > 1:  # the other draws are the baseline
                advantage = (p_credit[t] - p_credit[t].mean(axis=0)) / scale
            else:
                advantage = self.baseline.advantage(("p", t), p_credit[t])
            score = torch.from_numpy(advantage).float() * noise / step.sigma
            total = total + (score.mean(dim=0) * step.p_logits).mean()
        (-(total / len(self.steps))).backward()
        self.forget()

    def of_weights(self, r: np.ndarray) -> Tensor:
        """The weights' part, from each step's rewards by label, (steps, labels), and the noise of their policy."""
        total = torch.zeros(())
        for t, (noise, step, to_come) in enumerate(zip(self.w_noise, self.steps, _to_come(r), strict=False)):
            advantage = self.baseline.advantage(("w", t), to_come)
            if self.parameters.credit == "label":  # weights are relative: what all gain together is no label's doing
                advantage = advantage - advantage.mean()
            score = torch.from_numpy(advantage).float() * noise / self.parameters.training.weight_noise
            total = total + (score * step.w_logits).mean() - towards_uniform(step.w_logits, self.parameters)
        return total


def _to_come(r: np.ndarray) -> np.ndarray:
    """Eq. 2: the rewards of each step and all after it, (steps, labels)."""
    return r[::-1].cumsum(axis=0)[::-1]


class Evolution(PolicyGradient):
    """The thresholds' part by perturbing the meta-learner's parameters; the weights' part stays a policy gradient."""

    SIZE = 0.05  # standard deviation of the perturbation of every parameter

    def forget(self) -> None:
        super().forget()
        self.perturbed: list[Tensor] = []  # (pairs, parameters of the meta-learner), one a step
        self.gained: list[np.ndarray] = []  # (pairs,): half of what the one sign brings more than the other

    @torch.no_grad()
    def reward(self, step: Step, batch: RewardBatch, weight_gradient: WeightGradient | None = None) -> None:
        start = parameters_to_vector(self.meta.parameters())
        pairs = max(self.parameters.samples // 2, 1)
        noise = torch.from_numpy(self.random.standard_normal((pairs, len(start)))).float()
        tried = []
        for size in (self.SIZE, -self.SIZE):
            for row in noise:
                vector_to_parameters(start + size * row, self.meta.parameters())
                _, w_logits, p_logits = self.meta(*step.given)
                tried.append(policies(w_logits, p_logits, step.bounds)[1])
        vector_to_parameters(start, self.meta.parameters())
        p = step.policies()[1]
        found = reward.by_label(torch.stack([*tried, p]).numpy(), p.numpy(), batch, self.parameters)
        gained = found[:-1].sum(axis=1)
        self.steps.append(step)
        self.rewards.append(found[-1:])
        self.perturbed.append(noise)
        self.gained.append((gained[:pairs] - gained[pairs:]) / 2)

    def backward(self) -> None:
        gained = np.stack(self.gained)
        scale = max(np.sqrt(np.mean(gained**2)), 1e-12)
        ascent = torch.einsum("tk,tkn->n", torch.from_numpy(gained / scale).float(), torch.stack(self.perturbed))
        of_weights = -self.of_weights(np.stack(self.rewards)[:, 0]) / len(self.steps)
        if of_weights.requires_grad:
            of_weights.backward()
        parameters = list(self.meta.parameters())
        for each, part in zip(parameters, ascent.split([each.numel() for each in parameters]), strict=True):
            descent = -part.view_as(each) / gained.size
            each.grad = descent if each.grad is None else each.grad + descent
        self.forget()


class Pathwise:
    """The smooth utility differentiated all the way; no draw of a policy is needed."""

    def __init__(self, meta: nn.Module, parameters: LearnerParameters, random: np.random.Generator):
        self.parameters = parameters
        self.square: float | None = None
        self.total, self.steps = torch.zeros(()), 0

    def weights(self, step: Step) -> Tensor:
        return step.policies()[0]

    def reward(self, step: Step, batch: RewardBatch, weight_gradient: WeightGradient | None = None) -> None:
        exact = logits(batch.y_score)
        deviation = step.sigma * torch.from_numpy(reward.spread(exact, batch.y_true)).float()
        z = torch.from_numpy(exact).float().requires_grad_(weight_gradient is not None)
        p_logits = torch.logit(step.policies()[1])  # within the bounds
        gain = reward.expected(p_logits, deviation, z, batch, self.parameters.utility)
        self.total, self.steps = self.total + gain, self.steps + 1
        if weight_gradient is not None:
            (of_logits,) = torch.autograd.grad(gain, z, retain_graph=True)
            of_weights = weight_gradient(of_logits)
            of_weights = of_weights - of_weights.mean()
            square = float(np.mean(of_weights**2))
            self.square = square if self.square is None else 0.9 * self.square + 0.1 * square
            direction = torch.from_numpy(of_weights / max(np.sqrt(self.square), 1e-12)).float()
            self.total = self.total + (direction * step.w_logits).mean()
            self.total = self.total - towards_uniform(step.w_logits, self.parameters)

    def backward(self) -> None:
        (-self.total / self.steps).backward()
        self.total, self.steps = torch.zeros(()), 0


Estimator = PolicyGradient | Pathwise
KINDS: dict[str, type[Estimator]] = {"policy_gradient": PolicyGradient, "evolution": Evolution, "pathwise": Pathwise}


def build(meta: nn.Module, parameters: LearnerParameters, random: np.random.Generator) -> Estimator:
    return KINDS[parameters.estimator](meta, parameters, random)
