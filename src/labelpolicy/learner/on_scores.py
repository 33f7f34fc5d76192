"""Thresholds alone are learned, on the scores that a classifier has left: the classifier itself is done.

Out-of-fold scores of all training documents (``labelpolicy crossfit``) give rare labels every positive they have. An
episode shares the documents out at random: on one part the reference is fitted, two numbers for all labels
(``shared``), and the labels are observed; on the other part the utility is taken. So the meta-learner is rewarded for a
distance from the reference that holds on documents it has not seen, which is all that it can add to two numbers.

A holdout takes no part in the episodes. On it the shrinkage of the learned distance is chosen: 0, which leaves the two
numbers, unless another one does better by more than two standard errors.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np
import torch
from scipy.special import expit
from torch import Tensor

from labelpolicy.data.scores import Scores
from labelpolicy.errors import LabelPolicyError
from labelpolicy.learner import gradient
from labelpolicy.learner.algorithm import Row, describe
from labelpolicy.learner.gradient import Step
from labelpolicy.learner.meta_learner import MAX_LOGIT, LabelFeatures, MetaLearner, Observation, first_policies, logits
from labelpolicy.learner.parameters import LearnerParameters
from labelpolicy.learner.reward import RewardBatch, value
from labelpolicy.progress import Progress
from labelpolicy.randomness import generator
from labelpolicy.thresholds.decision import PerLabel
from labelpolicy.thresholds.objectives import ThresholdParameters, Utility, f1, utility_of
from labelpolicy.thresholds.rules import fit

#: The shrinkages that are tried.
SHRINKAGES = (0.25, 0.5, 0.75, 1.0)
#: Resamples of the holdout, for the standard error.
DRAWS = 200


class Documents(NamedTuple):
    """Scores float and labels bool, both (documents, labels)."""

    y_score: np.ndarray
    y_true: np.ndarray

    def take(self, rows: np.ndarray | slice) -> Documents:
        return Documents(self.y_score[rows], self.y_true[rows])


class Task(NamedTuple):
    """What an episode is about: reference thresholds as logits (labels,), what is observed, what is rewarded on."""

    reference: np.ndarray
    seen: Observation
    batch: RewardBatch

    @property
    def start(self) -> tuple[Tensor, Tensor]:
        """w_0 uniform, and p_0 the reference."""
        w, _ = first_policies(len(self.reference))
        return w, torch.sigmoid(torch.from_numpy(self.reference).float())


class ScoresEnvironment:
    """Scores and true labels (documents, labels) that tasks are drawn from; nothing in it is trained."""

    TASKS = 16  # ways of sharing documents out; episodes take turns, since fitting the reference is what costs most
    DOCUMENTS = 1 << 15  # documents at most, drawn with the seed: enough, and memory does not grow beyond

    def __init__(
        self,
        y_score: np.ndarray,
        y_true: np.ndarray,
        *,
        train_count: np.ndarray,
        label_features: LabelFeatures,
        at_least_one: bool,
        parameters: LearnerParameters,
        seed: int,
    ):
        """``train_count`` (labels,) counts documents that the classifier was trained on; 0 is never predicted.

        ``at_least_one``: every document gets a label; then that is part of the reward.

        Raises LabelPolicyError for parameters of the literal variant, which know neither scores nor a utility.
        """
        if parameters.learner == "paper" or parameters.reward == "paper":
            raise LabelPolicyError(
                "learner: paper and reward: paper are for a classifier that trains: on scores take learner: shared and "
                "reward: utility"
            )
        order = generator(seed, "frozen documents").permutation(len(y_score))[: self.DOCUMENTS]
        self.documents = Documents(np.ascontiguousarray(y_score[order], dtype=np.float32), y_true[order])
        held_out = int(parameters.on_scores.holdout * len(order))
        self.holdout, self.learned_from = (
            self.documents.take(slice(held_out)),
            self.documents.take(slice(held_out, None)),
        )
        self.train_count, self.label_features, self.at_least_one = train_count, label_features, at_least_one
        self.parameters, self.labels = parameters, y_true.shape[1]
        self.allowed = torch.from_numpy(train_count > 0) if at_least_one else None
        self.shared_out: list[tuple[np.ndarray, Observation, np.ndarray]] = []
        self.drawn = 0

    @classmethod
    def of(cls, scores: Scores, parameters: LearnerParameters, *, at_least_one: bool, seed: int) -> ScoresEnvironment:
        """The documents of a score file that thresholds may be fitted on."""
        documents = scores.fitting()
        return cls(
            documents.y_score,
            documents.y_true,
            train_count=documents.train_count,
            label_features=LabelFeatures.of_dataset(scores.data, documents.y_true),
            at_least_one=at_least_one,
            parameters=parameters,
            seed=seed,
        )

    def task(self, documents: Documents) -> Task:
        """The test-time task: these documents are observed, and what is reached on them is told."""
        reference, seen = self._observe(documents)
        return Task(reference, seen, RewardBatch(*documents, self.allowed))

    def draw(self, random: np.random.Generator) -> Task:
        """An episode's task: documents are shared out, and rewards are on some of those that are not observed."""
        turn = self.drawn % self.TASKS
        self.drawn += 1
        if turn == len(self.shared_out):
            order = random.permutation(len(self.learned_from.y_true))
            border = int(self.parameters.on_scores.observed * len(order))
            self.shared_out.append((*self._observe(self.learned_from.take(order[:border])), order[border:]))
        reference, seen, others = self.shared_out[turn]
        rows = others[random.permutation(len(others))[: self.parameters.reward_documents]]
        return Task(reference, seen, RewardBatch(*self.learned_from.take(rows), self.allowed))

    def _observe(self, documents: Documents) -> tuple[np.ndarray, Observation]:
        """The reference, thresholds of ``shared`` or ``shared+one`` as logits (labels,), and what is seen from it."""
        parameters = ThresholdParameters(utility=self.parameters.utility)
        options: dict[str, Any] = {
            "train_count": self.train_count,
            "parameters": parameters,
            "at_least_one": self.at_least_one,
        }
        decision = cast(PerLabel, fit("shared", *documents, **options))
        reference = np.where(self.train_count > 0, decision.levels, 0.0).clip(-MAX_LOGIT, MAX_LOGIT)
        return reference, Observation.of(*documents, self.label_features, reference)

    def decide(self, levels: np.ndarray, y_score: np.ndarray) -> np.ndarray:
        """Decisions, bool (documents, labels), by thresholds as logits (labels,)."""
        return PerLabel(np.where(self.train_count > 0, levels, np.inf), self.at_least_one).decide(y_score)


def learn_on_scores(
    meta: MetaLearner, environment: ScoresEnvironment, parameters: LearnerParameters, seed: int, progress: Progress
) -> list[Row]:
    """Lines 3 to 13 of Algorithm 1 for thresholds alone: the same scores at each step, another task each episode.

    Trains ``meta`` in place and returns the trace: one row per time step.
    """
    random = generator(seed, "exploration")
    adam = torch.optim.Adam(meta.parameters(), lr=parameters.learning_rate)
    estimator = gradient.build(meta, parameters, random)
    trace: list[Row] = []
    for episode in range(parameters.episodes):
        task = environment.draw(random)
        sigma = parameters.noise(episode, parameters.on_scores.noise)
        state, (w, p) = meta.start(environment.labels), task.start
        for t in range(parameters.steps):
            seen = task.seen.at(t / parameters.steps)
            step = Step.of(meta, state, w, p, seen, sigma=sigma, parameters=parameters)
            state, (w, p) = step.state, step.policies()
            estimator.reward(step, task.batch)
            trace.append(describe(episode, t, value(p.detach().numpy(), task.batch, parameters), w, p))
        gradient.ascend(meta, estimator, adam)
        progress.step(f"reward {np.mean([row['reward'] for row in trace[-parameters.steps :]]):.4g}")
    return trace


class Trial(NamedTuple):
    """A shrinkage tried on the holdout: its gain in utility over the reference, and the standard error of the gain."""

    shrinkage: float
    gain: float
    standard_error: float


class Learned(NamedTuple):
    """Thresholds p_T (labels,) in (0, 1): the reference plus ``shrinkage`` times the learned distance, as logits."""

    p: np.ndarray
    shrinkage: float
    trials: list[Trial]
    trace: list[Row]


def rollout_on_scores(
    meta: MetaLearner, environment: ScoresEnvironment, parameters: LearnerParameters, seed: int, progress: Progress
) -> Learned:
    """The test-time episode, twice: without the holdout, to choose the shrinkage on it; then with all documents.

    Of SHRINKAGES the one that gains most over the reference is taken, if by more than two standard errors (bootstrap
    over documents), otherwise 0.
    """
    task = environment.task(environment.learned_from)
    trials = try_shrinkages(environment, task.reference, _last_step(meta, task, parameters, progress)[0], seed)
    better = [trial for trial in trials if trial.gain > max(2 * trial.standard_error, 0)]
    shrinkage = max(better, key=lambda trial: trial.gain).shrinkage if better else 0.0
    task = environment.task(environment.documents)
    levels, trace = _last_step(meta, task, parameters, progress)
    # Labels nobody was trained on have one too: a policy is a number in (0, 1) for each, and decide leaves them out.
    return Learned(expit(task.reference + shrinkage * (levels - task.reference)), shrinkage, trials, trace)


@torch.no_grad()
def _last_step(
    meta: MetaLearner, task: Task, parameters: LearnerParameters, progress: Progress
) -> tuple[np.ndarray, list[Row]]:
    """Logits (labels,) of p_T, and the trace."""
    state, (w, p), trace = meta.start(len(task.reference)), task.start, []
    for t in range(parameters.steps):
        step = Step.of(meta, state, w, p, task.seen.at(t / parameters.steps), sigma=0.0, parameters=parameters)
        state, (w, p) = step.state, step.policies()
        trace.append(describe(0, t, value(p.numpy(), task.batch, parameters), w, p))
        progress.step(f"reward {trace[-1]['reward']:.4g}")
    return logits(p.double().numpy()), trace


def try_shrinkages(environment: ScoresEnvironment, reference: np.ndarray, levels: np.ndarray, seed: int) -> list[Trial]:
    """What each of SHRINKAGES gains on the holdout, for logits of thresholds (labels,)."""
    documents = len(environment.holdout.y_true)
    draws = generator(seed, "kept share").multinomial(documents, np.full(documents, 1 / documents), size=DRAWS)
    draws = np.concatenate([np.ones((1, documents), dtype=np.int64), draws])

    def utility_at(shrinkage: float) -> np.ndarray:
        y_pred = environment.decide(reference + shrinkage * (levels - reference), environment.holdout.y_score)
        return utilities(environment.holdout.y_true, y_pred, draws, environment.parameters.utility)

    base = utility_at(0)
    gains = {shrinkage: utility_at(shrinkage) - base for shrinkage in SHRINKAGES}
    return [Trial(shrinkage, float(gain[0]), float(gain[1:].std())) for shrinkage, gain in gains.items()]


def utilities(y_true: np.ndarray, y_pred: np.ndarray, draws: np.ndarray, weights: Utility) -> np.ndarray:
    """The utility of decisions (documents, labels) on each draw, whole numbers (draws, documents): float (draws,)."""
    counted = draws.astype(np.float64)
    tp, predicted, support = (counted @ part for part in (y_true & y_pred, y_pred, y_true))
    accuracy = counted @ (y_true == y_pred).all(axis=1) / counted.sum(axis=1)
    micro = f1(tp.sum(axis=1), predicted.sum(axis=1), support.sum(axis=1))
    return utility_of(accuracy, f1(tp, predicted, support).mean(axis=1), micro, weights)
