"""How the gradient of J (Eq. 7) is estimated: three ways from the same episodes of Algorithm 1.

``policy_gradient``: the paper's. The policies of Eq. 4-5 are deterministic, and a policy gradient needs a distribution:
here a Gaussian around their logits, whose score is noise / sigma, so each term is advantage * noise / sigma * mean.

``evolution``: thresholds of the meta-learner itself perturbed, in opposite pairs, one time step at a time; the
difference of two rewards times the perturbation estimates the gradient of its parameters (Salimans et al. 2017).

``pathwise``: the utility made smooth (reward.expected) and differentiated through thresholds, meta-learner and time
steps. A weight acts through the classifier's update: to first order that is the inner product of the utility's gradient
and the label's gradient, as in learning to reweight (Ren et al. 2018), see Classroom.weight_gradient.

The other two estimate the weights' part alike, by the policy gradient.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from labelpolicy.learner import reward
from labelpolicy.learner.meta_learner import Observation, logits
from labelpolicy.learner.parameters import MetaLearner

#: Scores float and truth bool, both (documents, labels), of the documents that a reward is taken on, in chunks.
Judged = Iterable[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Moment:
    """One time step: what the meta-learner was given and what it made of it, with its graph."""

    state: Tensor
    w_before: Tensor
    p_before: Tensor
    seen: Observation | None
    w_mean: Tensor  # logits (labels,)
    p_mean: Tensor  # logits (labels,)
    sigma: float

    @property
    def labels(self) -> int:
        return len(self.w_mean)


class Estimator(Protocol):
    """Follows an episode moment by moment; then its loss has the gradient of -J."""

    def weights(self, moment: Moment) -> Tensor:
        """The weights (labels,) that the classifier is trained with now."""

    def rewarded(self, moment: Moment, room: Any, judged: Judged) -> None:
        """The classifier has been trained; the reward of this step, on the documents judged, can be had."""

    def apply(self) -> None:
        """Put the gradient of -J of the episode into the meta-learner's parameters, and forget the episode."""


def build(meta: nn.Module, parameters: MetaLearner, random: np.random.Generator) -> Estimator:
    kinds = {"policy_gradient": PolicyGradient, "evolution": Evolution, "pathwise": Pathwise}
    return kinds[parameters.estimator](meta, parameters, random)


def policies(w_logits: Tensor, p_logits: Tensor, parameters: MetaLearner) -> tuple[Tensor, Tensor]:
    """Eq. 4 and Eq. 5; p is kept in a closed interval, since Eq. 6 drives it to 0 or 1."""
    return torch.softmax(w_logits, dim=-1), torch.sigmoid(p_logits).clamp(*parameters.threshold_bounds)


def explore(random: np.random.Generator, draws: int, labels: int) -> Tensor:
    """Standard normal noise (draws, labels); more than one draw come in opposite pairs, so that half cancels."""
    half = random.standard_normal(((draws + 1) // 2, labels))
    return torch.from_numpy(np.concatenate([half, -half])[:draws]).float()


def rewards(tried: np.ndarray, centre: np.ndarray, judged: Judged, parameters: MetaLearner) -> np.ndarray:
    """Each label's share of r_t for every draw of thresholds: (draws, labels)."""
    if parameters.reward == "paper":  # a sum over documents, so memory stays constant over the whole training set
        return sum(reward.paper(tried, *part) for part in judged)
    scores, truth = together(judged)
    return reward.credit(tried, scores, truth, centre=centre, utility=parameters.utility)


def together(judged: Judged) -> tuple[np.ndarray, np.ndarray]:
    """Scores and truth (documents, labels) of all chunks."""
    scores, truth = zip(*judged, strict=True)
    return np.concatenate(scores), np.concatenate(truth)


def towards_uniform(w_mean: Tensor, parameters: MetaLearner) -> Tensor:
    """The pull of the logits of w towards uniform weights; the softmax does not see their mean."""
    return parameters.weight_penalty * (w_mean - w_mean.mean()).square().mean()


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

    def __init__(self, meta: nn.Module, parameters: MetaLearner, random: np.random.Generator):
        self.meta, self.parameters, self.random, self.baseline = meta, parameters, random, Baseline()
        self.moments: list[Moment] = []
        self.w_noise: list[Tensor] = []
        self.p_noise: list[Tensor] = []
        self.rewards: list[np.ndarray] = []

    def weights(self, moment: Moment) -> Tensor:
        self.w_noise.append(explore(self.random, 1, moment.labels)[0])
        tried = moment.w_mean + self.parameters.weight_noise * self.w_noise[-1]
        return policies(tried, moment.p_mean, self.parameters)[0]

    def rewarded(self, moment: Moment, room: Any, judged: Judged) -> None:
        noise = explore(self.random, self.parameters.samples, moment.labels)
        _, tried = policies(moment.w_mean, moment.p_mean + moment.sigma * noise, self.parameters)
        _, p = policies(moment.w_mean, moment.p_mean, self.parameters)
        self.moments.append(moment)
        self.p_noise.append(noise)
        self.rewards.append(rewards(tried.detach().numpy(), p.detach().numpy(), judged, self.parameters))

    def apply(self) -> None:
        (-self.objective()).backward()
        self.moments, self.w_noise, self.p_noise, self.rewards = [], [], [], []

    def objective(self) -> Tensor:
        """A function whose gradient is the policy gradient of J (Eq. 7)."""
        r = np.stack(self.rewards)  # (steps, draws, labels)
        if self.parameters.credit == "total":
            r = np.broadcast_to(r.sum(axis=2, keepdims=True), r.shape)
        total = self.of_weights(r.mean(axis=1))
        # p_t moves r_t and nothing after it (the recursion runs on means): only "total" makes it answer for the rest.
        to_come = _to_come(r.mean(axis=1))
        p_credit = to_come[:, None] if self.parameters.credit == "total" else r
        several = self.parameters.samples > 1
        scale = max(np.sqrt(np.mean((r - r.mean(axis=1, keepdims=True)) ** 2)), 1e-12) if several else None
        for t, (moment, noise) in enumerate(zip(self.moments, self.p_noise, strict=True)):
            if several:  # the other draws are the baseline
                advantage = (p_credit[t] - p_credit[t].mean(axis=0)) / scale
            else:
                advantage = self.baseline.advantage(("p", t), p_credit[t])
            score = torch.from_numpy(advantage).float() * noise / moment.sigma
            total = total + (score.mean(dim=0) * moment.p_mean).mean()
        return total / len(self.moments)

    def of_weights(self, r: np.ndarray) -> Tensor:
        """The weights' part, from each step's rewards by label, (steps, labels), and the noise of their policy."""
        total = torch.zeros(())
        for t, (moment, noise, to_come) in enumerate(zip(self.moments, self.w_noise, _to_come(r), strict=True)):
            advantage = self.baseline.advantage(("w", t), to_come)
            if self.parameters.credit == "label":  # weights are relative: what all gain together is no label's doing
                advantage = advantage - advantage.mean()
            score = torch.from_numpy(advantage).float() * noise / self.parameters.weight_noise
            total = total + (score * moment.w_mean).mean() - towards_uniform(moment.w_mean, self.parameters)
        return total


def _to_come(r: np.ndarray) -> np.ndarray:
    """Eq. 2: the rewards of each step and all after it, (steps, labels)."""
    return r[::-1].cumsum(axis=0)[::-1]


class Evolution(PolicyGradient):
    """The thresholds' part by perturbing the meta-learner's parameters; the weights' part stays a policy gradient."""

    #: Standard deviation of the perturbation of every parameter.
    SIZE = 0.05

    def __init__(self, meta: nn.Module, parameters: MetaLearner, random: np.random.Generator):
        super().__init__(meta, parameters, random)
        self.perturbed: list[Tensor] = []  # (pairs, parameters of the meta-learner), one a step
        self.gained: list[np.ndarray] = []  # (pairs,): half of what the one sign brings more than the other

    @torch.no_grad()
    def rewarded(self, moment: Moment, room: Any, judged: Judged) -> None:
        start = parameters_to_vector(self.meta.parameters())
        pairs = max(self.parameters.samples // 2, 1)
        noise = torch.from_numpy(self.random.standard_normal((pairs, len(start)))).float()
        tried = []
        for size in (self.SIZE, -self.SIZE):
            for row in noise:
                vector_to_parameters(start + size * row, self.meta.parameters())
                _, w, p = self.meta(moment.state, moment.w_before, moment.p_before, moment.seen)
                tried.append(policies(w, p, self.parameters)[1])
        vector_to_parameters(start, self.meta.parameters())
        _, p = policies(moment.w_mean, moment.p_mean, self.parameters)
        found = rewards(torch.stack([*tried, p]).numpy(), p.numpy(), judged, self.parameters)
        gained = found[:-1].sum(axis=1)
        self.moments.append(moment)
        self.rewards.append(found[-1:])
        self.perturbed.append(noise)
        self.gained.append((gained[:pairs] - gained[pairs:]) / 2)

    def apply(self) -> None:
        gained = np.stack(self.gained)
        scale = max(np.sqrt(np.mean(gained**2)), 1e-12)
        ascent = torch.einsum("tk,tkn->n", torch.from_numpy(gained / scale).float(), torch.stack(self.perturbed))
        (-self.of_weights(np.stack(self.rewards)[:, 0]) / len(self.moments)).backward()
        parameters = list(self.meta.parameters())
        parts = ascent.split([each.numel() for each in parameters])
        for each, part in zip(parameters, parts, strict=True):
            step = -part.view_as(each) / gained.size
            each.grad = step if each.grad is None else each.grad + step
        self.moments, self.w_noise, self.rewards, self.perturbed, self.gained = [], [], [], [], []


class Pathwise:
    """The smooth utility differentiated all the way; no draw of a policy is needed."""

    def __init__(self, meta: nn.Module, parameters: MetaLearner, random: np.random.Generator):
        self.parameters = parameters
        self.square: float | None = None
        self.total, self.steps = torch.zeros(()), 0

    def weights(self, moment: Moment) -> Tensor:
        return policies(moment.w_mean, moment.p_mean, self.parameters)[0]

    def rewarded(self, moment: Moment, room: Any, judged: Judged) -> None:
        scores, truth = together(judged)
        z = logits(scores)
        spread = torch.from_numpy(reward.spread_of(z, truth)).float()
        z = torch.from_numpy(z).float().requires_grad_(room.trains)
        _, p = policies(moment.w_mean, moment.p_mean, self.parameters)
        gain = reward.expected(
            torch.logit(p),
            moment.sigma,
            z,
            torch.from_numpy(truth),
            self.parameters.utility,
            spread=spread,
            allowed=room.allowed,
        )
        self.total, self.steps = self.total + gain, self.steps + 1
        if room.trains:
            (of_logits,) = torch.autograd.grad(gain, z, retain_graph=True)
            of_weights = room.weight_gradient(of_logits, self.parameters.rewarded_on)
            of_weights = of_weights - of_weights.mean()
            square = float(np.mean(of_weights**2))
            self.square = square if self.square is None else 0.9 * self.square + 0.1 * square
            direction = torch.from_numpy(of_weights / max(np.sqrt(self.square), 1e-12)).float()
            self.total = self.total + (direction * moment.w_mean).mean()
            self.total = self.total - towards_uniform(moment.w_mean, self.parameters)

    def apply(self) -> None:
        (-self.total / self.steps).backward()
        self.total, self.steps = torch.zeros(()), 0
