"""Noise and cost of the gradient of J (Eq. 7) by each estimator, on the same scores and the same meta-learner.

One gradient is that of one episode. Its noise is the standard deviation over episodes (other documents, other draws)
relative to the length of the mean gradient: of a noise of r, about r^2 episodes average to a signal as large as the
noise. The direction is the cosine of the mean gradient with that of pathwise, which is of a smoothed utility and
therefore not quite the same. No classifier is trained meanwhile, so this is the thresholds' part of the gradient.

Scores are generated (long-tailed labels, logits off by a label's own shift), or those of a run:

    python benchmarks/estimators.py [--dataset data/processed/reuters21578 --scores results/.../scores.parquet]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn.utils import parameters_to_vector

from labelpolicy.data.prepared import Prepared
from labelpolicy.data.scores import Scores
from labelpolicy.learner import gradient, meta_learner
from labelpolicy.learner.gradient import Step
from labelpolicy.learner.meta_learner import LabelFeatures
from labelpolicy.learner.on_scores import ScoresEnvironment
from labelpolicy.learner.parameters import LearnerParameters

#: Name, estimator, draws of thresholds a time step.
WAYS = (
    ("policy_gradient, 1 draw", {"estimator": "policy_gradient", "credit": "total", "samples": 1}),
    ("policy_gradient, per label, 1 draw", {"estimator": "policy_gradient", "samples": 1}),
    ("policy_gradient, per label, 8 draws in pairs", {"estimator": "policy_gradient", "samples": 8}),
    ("evolution, 4 pairs", {"estimator": "evolution", "samples": 8}),
    ("pathwise", {"estimator": "pathwise"}),
)


def generated(documents: int, labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores float32 and labels bool (documents, labels)."""
    random = np.random.default_rng(0)
    share = 0.4 / (1 + np.arange(labels))
    truth = random.random((documents, labels)) < share
    shift = random.normal(0, 1, labels) - 1
    level = np.where(truth, 2.0, -3.0) + shift + random.normal(0, 1.5, truth.shape)
    return (1 / (1 + np.exp(-level))).astype(np.float32), truth


def gradients(y_score: np.ndarray, y_true: np.ndarray, settings: dict, repeats: int, sigma: float) -> tuple:
    """Gradients of one episode, float (repeats, parameters), and seconds a time step."""
    parameters = LearnerParameters(**settings)
    environment = ScoresEnvironment(
        y_score, y_true, train_count=y_true.sum(axis=0), label_features=LabelFeatures.of(y_true), at_least_one=False,
        parameters=parameters, seed=0,
    )  # fmt: skip
    meta = meta_learner.build(environment.labels, parameters, 0)
    # Away from the start, where heads of zeros hide the rest of the network from the gradient.
    with torch.no_grad():
        for head in (meta.weight_logits, meta.threshold_logits):
            head.weight.normal_(0, 0.05, generator=torch.Generator().manual_seed(0))
    random = np.random.default_rng(0)
    estimator = gradient.build(meta, parameters, random)
    found, seconds, warm = [], 0.0, environment.TASKS
    for episode in range(warm + repeats):
        task = environment.draw(random)
        start = time.process_time()
        state, (w, p) = meta.start(environment.labels), task.start
        for t in range(parameters.steps):
            step = Step.of(meta, (state, w, p, task.seen.at(t / parameters.steps)), sigma, parameters)
            state, (w, p) = step.state, step.policies()
            estimator.reward(step, task.batch)
        meta.zero_grad()
        estimator.backward()
        if episode >= warm:  # baselines have settled, and the references are fitted
            seconds += time.process_time() - start
            parts = [torch.zeros_like(each) if each.grad is None else each.grad for each in meta.parameters()]
            found.append(parameters_to_vector(parts).numpy().copy())
    return np.stack(found), seconds / (repeats * parameters.steps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path)
    parser.add_argument("--scores", type=Path)
    parser.add_argument("--repeats", type=int, default=60)
    parser.add_argument("--sigma", type=float, default=0.3, help="standard deviation of the policy (parameter noise)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.scores:
        fitting = Scores(arguments.scores, Prepared(arguments.dataset)).fitting()
        y_score, y_true = fitting.y_score, fitting.y_true
    else:
        y_score, y_true = generated(2000, 60)
    measured = {
        name: gradients(y_score, y_true, settings, arguments.repeats, arguments.sigma) for name, settings in WAYS
    }
    reference = measured["pathwise"][0].mean(axis=0)
    print(f"{len(y_score)} documents, {y_score.shape[1]} labels, {arguments.repeats} episodes each\n")
    print(f"{'estimator':46} {'noise':>7} {'direction':>10} {'ms a step':>10}")
    for name, (found, seconds) in measured.items():
        mean = found.mean(axis=0)
        # The mean of so many episodes carries noise of its own, which would pass for signal.
        variance = found.var(axis=0, ddof=1).sum()
        signal = max(mean @ mean - variance / len(found), 1e-30)
        direction = mean @ reference / np.sqrt((mean @ mean) * (reference @ reference))
        print(f"{name:46} {np.sqrt(variance / signal):7.2f} {direction:10.2f} {1e3 * seconds:10.1f}")


if __name__ == "__main__":
    main()
