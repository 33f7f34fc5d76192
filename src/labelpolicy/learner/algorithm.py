"""Algorithm 1: learn the meta-learner while a classifier trains; then the test-time episode (Section 3.3)."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from labelpolicy.learner import gradient, reward
from labelpolicy.learner.gradient import Judged, Moment, policies, together
from labelpolicy.learner.meta_learner import Observation
from labelpolicy.learner.parameters import MetaLearner
from labelpolicy.progress import Progress
from labelpolicy.randomness import generator
from labelpolicy.thresholds.rules import PerLabel

QUANTILES = (0, 10, 25, 50, 75, 90, 100)


class Room(Protocol):
    """Where a meta-learner meets a classifier: one that trains (Classroom), or the scores it has left (Frozen)."""

    labels: int
    trains: bool
    widest: float
    """Where thresholds start close to good ones, the standard deviation of the policy that is enough."""
    allowed: Tensor | None
    """The labels that may be predicted, where the at-least-one-label rule is part of the reward."""

    def first_policies(self) -> tuple[Tensor, Tensor]: ...
    def reset(self) -> None: ...
    def draw_reward_documents(self, random: np.random.Generator, count: int) -> None: ...
    def batches_for(self, policy: MetaLearner) -> int: ...
    def updates_of_a_training(self) -> int: ...
    def train(self, w: Tensor, count: int) -> None: ...
    def train_passes(self, w: Tensor, step: int, steps: int) -> None: ...
    def train_whole(self, w: Tensor) -> None: ...
    def keep_best(self) -> None: ...
    def observe(self, time: float) -> Observation: ...
    def judged(self, on: str) -> Judged: ...
    def weight_gradient(self, of_logits: Tensor, on: str) -> np.ndarray: ...


def learn(meta: nn.Module, room: Room, parameters: MetaLearner, seed: int, progress: Progress) -> list[dict]:
    """Algorithm 1. Trains ``meta`` in place and returns the trace: one row per time step.

    The recursion of Eq. 3 runs on the means of the policies; how a gradient comes of it: policy/estimators.py.
    """
    random = generator(seed, "exploration")
    adam = torch.optim.Adam(meta.parameters(), lr=parameters.learning_rate)
    estimator = gradient.build(meta, parameters, random)
    batches = parameters.batches or room.batches_for(parameters)
    trace = []
    for episode in range(parameters.episodes):  # line 3
        if begins_anew(episode, batches, room, parameters):
            room.reset()
        sigma = min(noise(episode, parameters), room.widest)
        room.draw_reward_documents(random, parameters.reward_documents)
        state, w, p = meta.start(room.labels), *room.first_policies()  # lines 4-5
        for t in range(parameters.steps):  # line 6
            seen, before = observe(meta, room, t, parameters), (state, w, p)
            state, w_mean, p_mean = meta(state, w, p, seen)  # line 7, Eq. 3
            w, p = policies(w_mean, p_mean, parameters)  # lines 8-9, Eq. 4-5
            moment = Moment(*before, seen, w_mean, p_mean, sigma)
            room.train(estimator.weights(moment), batches)  # lines 10-11, Eq. 1
            judged = list(room.judged(parameters.rewarded_on))
            estimator.rewarded(moment, room, judged)  # line 12, Eq. 6
            reached = value(p.detach().numpy(), room, judged, parameters)
            trace.append(describe(episode, t, reached, w, p))
        adam.zero_grad()
        estimator.apply()
        nn.utils.clip_grad_norm_(meta.parameters(), 1.0)
        adam.step()  # line 13, Eq. 7
        progress.step(f"reward {np.mean([row['reward'] for row in trace[-parameters.steps :]]):.4g}")
    return trace


@torch.no_grad()
def rollout(
    meta: nn.Module, room: Room, parameters: MetaLearner, start: tuple[Tensor, Tensor], progress: Progress
) -> tuple[np.ndarray, np.ndarray, list[dict]]:
    """The test-time episode: meta-learner and a fresh classifier once more, on the whole training set at each step.

    With rollout: pass, one whole training is shared out between the time steps, and the policies of the last step are
    for the classifier that this training keeps.

    Returns w_T, p_T (labels,) and the trace.
    """
    room.reset()
    state, (w, p) = meta.start(room.labels), start
    trace = []
    passes = parameters.rollout == "pass"
    between = max(parameters.steps - 1, 1)  # w_T and p_T come last, and are for a classifier that is fully trained
    if passes and parameters.steps == 1:
        room.train_passes(w, 0, between)
    for t in range(parameters.steps):
        last = t == parameters.steps - 1
        if last:  # and kept: not for one trained too long
            room.keep_best()
        state, w_mean, p_mean = meta(state, w, p, observe(meta, room, t, parameters))
        w, p = policies(w_mean, p_mean, parameters)
        if not passes:
            room.train_whole(w)
        elif not last:
            room.train_passes(w, t, between)
        reached = value(p.numpy(), room, room.judged(parameters.rewarded_on), parameters)
        trace.append(describe(0, t, reached, w, p))
        progress.step(f"reward {reached:.4g}")
    return w.double().numpy() / w.double().sum().item(), p.double().numpy(), trace


def observe(meta: nn.Module, room: Room, t: int, parameters: MetaLearner) -> Observation | None:
    return room.observe(t / parameters.steps) if meta.observes else None


def begins_anew(episode: int, batches: int, room: Room, parameters: MetaLearner) -> bool:
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


def value(p: np.ndarray, room: Room, judged: Judged, parameters: MetaLearner) -> float:
    """The reward r_t of thresholds (labels,), Eq. 6 or the utility of the decisions themselves."""
    if parameters.reward == "paper":
        return float(sum(reward.paper(p[None], *part).sum() for part in judged))
    scores, truth = together(judged)
    decision = PerLabel(p.astype(np.float64), at_least_one=room.allowed is not None)
    return reward.utility(decision.decide(scores), truth, parameters.utility)


def describe(episode: int, step: int, reward: float, w: Tensor, p: Tensor) -> dict[str, float]:
    """A row of the trace: the reward and quantiles over labels of p_t and N w_t."""
    row = {"episode": episode, "step": step, "reward": float(reward)}
    for name, values in (("p", p.detach().numpy()), ("w", w.detach().numpy() * len(w))):
        quantiles = np.percentile(values, QUANTILES)
        row |= {f"{name}_q{q:02d}": float(value) for q, value in zip(QUANTILES, quantiles, strict=True)}
    return row
