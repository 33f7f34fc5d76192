"""Algorithm 1: learn the meta-learner while a classifier trains; then the test-time episode (Section 3.3)."""

from functools import partial

import numpy as np
import torch
from torch import Tensor

from labelpolicy.learner import gradient
from labelpolicy.learner.environment import TrainingEnvironment
from labelpolicy.learner.gradient import Step
from labelpolicy.learner.meta_learner import MetaLearner, first_policies
from labelpolicy.learner.parameters import LearnerParameters
from labelpolicy.learner.reward import value
from labelpolicy.progress import Progress
from labelpolicy.randomness import derive, generator

Row = dict[str, float]
QUANTILES = (0, 10, 25, 50, 75, 90, 100)


def learn_while_training(
    meta: MetaLearner, environment: TrainingEnvironment, parameters: LearnerParameters, seed: int, progress: Progress
) -> list[Row]:
    """Algorithm 1, while the environment's classifier trains: ``meta`` in place; the trace, a row per time step."""
    random, rewarded_on = generator(seed, "exploration"), parameters.training.rewarded_on
    adam = torch.optim.Adam(meta.parameters(), lr=parameters.learning_rate)
    estimator = gradient.build(meta, parameters, random)
    batches, trace = environment.batches_for(parameters), []
    for episode in range(parameters.episodes):  # line 3
        if environment.should_reset(episode, parameters):
            environment.reset()
        if meta.observes or rewarded_on == "held_out":
            environment.draw_held_out(random, parameters.reward_documents)
        sigma = parameters.noise(episode, parameters.training.noise)
        state, (w, p) = meta.start(environment.labels), first_policies(environment.labels)  # lines 4-5
        for t in range(parameters.steps):  # line 6
            seen = environment.observe(t / parameters.steps) if meta.observes else None
            step = Step.of(meta, (state, w, p, seen), sigma, parameters)  # line 7, Eq. 3
            state, (w, p) = step.state, step.policies()  # lines 8-9, Eq. 4-5
            environment.train(estimator.weights(step), batches)  # lines 10-11, Eq. 1
            batch = environment.reward_batch(rewarded_on)
            estimator.reward(step, batch, partial(environment.weight_gradient, on=rewarded_on))  # line 12, Eq. 6
            trace.append(describe(episode, t, value(p.detach().numpy(), batch, parameters), w, p))
        gradient.ascend(meta, estimator, adam)  # line 13, Eq. 7
        progress.step(f"reward {np.mean([row['reward'] for row in trace[-parameters.steps :]]):.4g}")
    return trace


@torch.no_grad()
def rollout_while_training(
    meta: MetaLearner,
    environment: TrainingEnvironment,
    parameters: LearnerParameters,
    progress: Progress,
    start: tuple[Tensor, Tensor] | None = None,
) -> tuple[np.ndarray, np.ndarray, list[Row]]:
    """The test-time episode with a fresh classifier, on the whole training set at each step: w_T, p_T and the trace.

    With rollout: pass, one whole training is shared out between the time steps. ``start`` are w_0 and p_0, if not those
    of Algorithm 1.
    """
    environment.reset()
    state, (w, p), trace = meta.start(environment.labels), start or first_policies(environment.labels), []
    passes, last = parameters.training.rollout == "pass", parameters.steps - 1
    if passes and last == 0:
        environment.train_passes(w, 0, 1)
    for t in range(parameters.steps):
        if t == last:  # w_T and p_T are for the classifier that is kept, not for one trained too long
            environment.restore_best()
        seen = environment.observe(t / parameters.steps) if meta.observes else None
        step = Step.of(meta, (state, w, p, seen), 0.0, parameters)
        state, (w, p) = step.state, step.policies()
        if not passes:
            environment.train_whole(w)
        elif t < last:
            environment.train_passes(w, t, last)
        reached = value(p.numpy(), environment.reward_batch(parameters.training.rewarded_on), parameters)
        trace.append(describe(0, t, reached, w, p))
        progress.step(f"reward {reached:.4g}")
    return w.double().numpy() / w.double().sum().item(), p.double().numpy(), trace


def random_policies(labels: int, seed: int, number: int) -> tuple[Tensor, Tensor]:
    """Initial policies of the robustness study: w_0 uniform on the simplex, p_0 uniform on (0.05, 0.95)."""
    random = torch.Generator().manual_seed(derive(seed, "initial policies", number))
    w = -torch.log(torch.rand(labels, generator=random).clamp(min=1e-6))  # exponential draws, normalised: Dirichlet(1)
    return w / w.sum(), 0.05 + 0.9 * torch.rand(labels, generator=random)


def describe(episode: int, step: int, reward: float, w: Tensor, p: Tensor) -> Row:
    """A row of the trace: the reward and quantiles over labels of p_t and N w_t."""
    row: Row = {"episode": episode, "step": step, "reward": float(reward)}
    for name, values in (("p", p.detach().numpy()), ("w", w.detach().numpy() * len(w))):
        quantiles = np.percentile(values, QUANTILES)
        row |= {f"{name}_q{q:02d}": float(value) for q, value in zip(QUANTILES, quantiles, strict=True)}
    return row
