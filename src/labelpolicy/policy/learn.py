"""Algorithm 1: learn the meta-learner while a classifier trains; then the test-time episode (Section 3.3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from labelpolicy.parameters import MetaLearner
from labelpolicy.policy import reward
from labelpolicy.policy.classroom import Classroom
from labelpolicy.policy.meta_learner import Observation
from labelpolicy.progress import Progress
from labelpolicy.randomness import generator

QUANTILES = (0, 10, 25, 50, 75, 90, 100)


def learn(meta: nn.Module, room: Classroom, parameters: MetaLearner, seed: int, progress: Progress) -> list[dict]:
    """Algorithm 1. Trains ``meta`` in place and returns the trace: one row per time step.

    The policies of Eq. 4-5 are deterministic, and a policy gradient needs a distribution: here a Gaussian around
    their logits (``noise``, ``weight_noise``). The recursion of Eq. 3 runs on its means.
    """
    random = generator(seed, "exploration")
    adam = torch.optim.Adam(meta.parameters(), lr=parameters.learning_rate)
    baseline = Baseline()
    batches = parameters.batches or room.batches_for(parameters)
    trace = []
    for episode in range(parameters.episodes):  # line 3
        if begins_anew(episode, batches, room, parameters):
            room.reset()
        sigma = noise(episode, parameters)
        room.draw_reward_documents(random, parameters.reward_documents)
        state, w, p = meta.start(), *first_policies(room.labels)  # lines 4-5
        steps = []
        for t in range(parameters.steps):  # line 6
            state, w_mean, p_mean = meta(state, w, p, observe(meta, room, t, parameters))  # line 7, Eq. 3
            w, p = policies(w_mean, p_mean, parameters)  # lines 8-9, Eq. 4-5
            w_noise, p_noise = explore(random, 1, room.labels), explore(random, parameters.samples, room.labels)
            tried_w, _ = policies(w_mean + parameters.weight_noise * w_noise[0], p_mean, parameters)
            _, tried_p = policies(w_mean, p_mean + sigma * p_noise, parameters)
            room.train(tried_w, batches)  # lines 10-11, Eq. 1
            r, value = rewards(tried_p.detach().numpy(), p.detach().numpy(), room, parameters)  # line 12, Eq. 6
            steps.append(Step(sigma, w_mean, w_noise[0], p_mean, p_noise, r))
            trace.append(describe(episode, t, value, w, p))
        loss = -objective(steps, baseline, parameters)
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(meta.parameters(), 1.0)
        adam.step()  # line 13, Eq. 7
        progress.step(f"reward {np.mean([row['reward'] for row in trace[-parameters.steps :]]):.4g}")
    return trace


@torch.no_grad()
def rollout(
    meta: nn.Module, room: Classroom, parameters: MetaLearner, start: tuple[Tensor, Tensor], progress: Progress
) -> tuple[np.ndarray, np.ndarray, list[dict]]:
    """The test-time episode: meta-learner and a fresh classifier once more, on the whole training set at each step.

    Returns w_T, p_T (labels,) and the trace.
    """
    room.reset()
    state, (w, p) = meta.start(), start
    trace = []
    for t in range(parameters.steps):
        if t == parameters.steps - 1:  # p_T is for a classifier that is kept, not for one trained too long
            room.keep_best()
        state, w_mean, p_mean = meta(state, w, p, observe(meta, room, t, parameters))
        w, p = policies(w_mean, p_mean, parameters)
        if parameters.rollout == "pass":
            room.train_passes(w, t, parameters.steps)
        else:
            room.train_whole(w)
        _, value = rewards(p.numpy()[None], p.numpy(), room, parameters)
        trace.append(describe(0, t, value, w, p))
        progress.step(f"reward {value:.4g}")
    return w.double().numpy() / w.double().sum().item(), p.double().numpy(), trace


def observe(meta: nn.Module, room: Classroom, t: int, parameters: MetaLearner) -> Observation | None:
    return room.observe(t / parameters.steps) if meta.observes else None


def first_policies(labels: int) -> tuple[Tensor, Tensor]:
    """w_0 = (1/N, ..., 1/N) and p_0 = (0.5, ..., 0.5): lines 4-5 of Algorithm 1."""
    return torch.full((labels,), 1 / labels), torch.full((labels,), 0.5)


def policies(w_logits: Tensor, p_logits: Tensor, parameters: MetaLearner) -> tuple[Tensor, Tensor]:
    """Eq. 4 and Eq. 5; p is kept in a closed interval, since Eq. 6 drives it to 0 or 1."""
    return torch.softmax(w_logits, dim=-1), torch.sigmoid(p_logits).clamp(*parameters.threshold_bounds)


def begins_anew(episode: int, batches: int, room: Classroom, parameters: MetaLearner) -> bool:
    """Whether the classifier is untrained at the start of this episode; the first one finds it so.

    With reset: training, the episodes are shared out evenly over as many whole trainings as their updates amount to,
    so that the last of them meet a classifier that is trained, but not one trained for too long.
    """
    if parameters.reset == "training":
        updates = batches * parameters.steps * parameters.episodes
        trainings = max(1, round(updates / room.updates_of_a_training()))
        return (
            episode > 0
            and episode * trainings // parameters.episodes != (episode - 1) * trainings // parameters.episodes
        )
    return parameters.reset == "episode"


def noise(episode: int, parameters: MetaLearner) -> float:
    """Standard deviation of the Gaussian policy: wide at first, to see beyond plateaus, where no decision changes.

    Narrow in the end, since what is best for a noisy policy is not best for its mean, which is what is used.
    """
    done = episode / max(parameters.episodes - 1, 1)
    return parameters.noise ** (1 - done) * parameters.final_noise**done


def explore(random: np.random.Generator, draws: int, labels: int) -> Tensor:
    """Standard normal noise (draws, labels); more than one draw come in opposite pairs, so that half cancels."""
    half = random.standard_normal(((draws + 1) // 2, labels))
    return torch.from_numpy(np.concatenate([half, -half])[:draws]).float()


def rewards(
    tried: np.ndarray, centre: np.ndarray, room: Classroom, parameters: MetaLearner
) -> tuple[np.ndarray, float]:
    """Each label's share of r_t for every draw of thresholds, (draws, labels), and r_t itself for the trace."""
    if parameters.reward == "paper":  # a sum over documents, so memory stays constant over the whole training set
        shares = sum(reward.paper(tried, *part) for part in room.judged(parameters.rewarded_on))
        return shares, shares.sum(axis=1).mean()
    scores, truth = map(np.concatenate, zip(*room.judged(parameters.rewarded_on), strict=True))
    shares = reward.credit(tried, scores, truth, centre=centre, utility=parameters.utility)
    return shares, reward.utility(scores > centre, truth, parameters.utility)


@dataclass(frozen=True)
class Step:
    """One time step: the Gaussian policy (means with their graph), the noise drawn, and the rewards."""

    sigma: float
    w_mean: Tensor  # (labels,)
    w_noise: Tensor  # (labels,)
    p_mean: Tensor  # (labels,)
    p_noise: Tensor  # (draws, labels)
    rewards: np.ndarray  # (draws, labels)


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


def objective(steps: list[Step], baseline: Baseline, parameters: MetaLearner) -> Tensor:
    """A function whose gradient is the policy gradient of J (Eq. 7).

    For a Gaussian policy the score of a draw is noise / sigma, so each term is advantage * noise / sigma * mean.
    """
    r = np.stack([step.rewards for step in steps])  # (steps, draws, labels)
    if parameters.credit == "total":
        r = np.broadcast_to(r.sum(axis=2, keepdims=True), r.shape)
    to_come = r.mean(axis=1)[::-1].cumsum(axis=0)[::-1]  # Eq. 2, (steps, labels)
    # p_t moves r_t and nothing after it (the recursion runs on means), so only "total" makes it answer for the rest.
    p_credit = to_come[:, None] if parameters.credit == "total" else r
    scale = np.sqrt(np.mean((r - r.mean(axis=1, keepdims=True)) ** 2)) if parameters.samples > 1 else None
    total = torch.zeros(())
    for t, step in enumerate(steps):
        w_advantage = baseline.advantage(("w", t), to_come[t])
        if parameters.credit == "label":  # weights are relative: what all labels gain together is no label's doing
            w_advantage = w_advantage - w_advantage.mean()
        if parameters.samples > 1:  # the other draws are the baseline
            p_advantage = (p_credit[t] - p_credit[t].mean(axis=0)) / max(scale, 1e-12)
        else:
            p_advantage = baseline.advantage(("p", t), p_credit[t])
        for_w = torch.from_numpy(w_advantage).float() * step.w_noise / parameters.weight_noise
        for_p = torch.from_numpy(p_advantage).float() * step.p_noise / step.sigma
        centred = step.w_mean - step.w_mean.mean()  # the softmax does not see the mean
        total = total + (for_w * step.w_mean).mean() + (for_p.mean(dim=0) * step.p_mean).mean()
        total = total - parameters.weight_penalty * centred.square().mean()
    return total / len(steps)


def describe(episode: int, step: int, reward: float, w: Tensor, p: Tensor) -> dict[str, float]:
    """A row of the trace: the reward and quantiles over labels of p_t and N w_t."""
    row = {"episode": episode, "step": step, "reward": float(reward)}
    for name, values in (("p", p.detach().numpy()), ("w", w.detach().numpy() * len(w))):
        quantiles = np.percentile(values, QUANTILES)
        row |= {f"{name}_q{q:02d}": float(value) for q, value in zip(QUANTILES, quantiles, strict=True)}
    return row
