"""Thresholds alone are learned, on the scores that a classifier has left: the classifier itself is done.

An episode shares the documents out at random: on one part the reference is fitted, two numbers for all labels
(``shared``), and the labels are observed; on the other part the utility is taken. So the meta-learner is rewarded for a
distance from the reference that holds on documents it has not seen. Out-of-fold scores (``labelpolicy crossfit``) give
rare labels every positive they have.

A holdout takes no part in the episodes. On it the shrinkage of the learned distance is chosen: 0, which leaves the two
numbers, unless another one does better by more than two standard errors.
"""

from typing import Any, NamedTuple, Self

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
from labelpolicy.thresholds.objectives import ThresholdParameters, Utility, utility_of_counts
from labelpolicy.thresholds.rules import Documents, shared

#: The shrinkages that are tried, and the resamples of the holdout for the standard error of each.
SHRINKAGES, DRAWS = (0.25, 0.5, 0.75, 1.0), 200


class Task(NamedTuple):
    """What an episode is about: what is observed, and the documents that are rewarded on."""

    seen: Observation
    batch: RewardBatch

    @property
    def start(self) -> tuple[Tensor, Tensor]:
        """w_0 uniform, and p_0 the reference."""
        reference = torch.from_numpy(self.seen.reference).float()
        return first_policies(len(reference))[0], torch.sigmoid(reference)


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
        """A label of ``train_count`` 0 is never predicted. ``at_least_one``: every document gets a label."""
        if parameters.learner == "paper" or parameters.reward == "paper":
            raise LabelPolicyError(
                "learner: paper and reward: paper are for a classifier that trains: on scores take learner: shared and "
                "reward: utility"
            )
        order = generator(seed, "frozen documents").permutation(len(y_score))[: self.DOCUMENTS]
        allowed = torch.from_numpy(train_count > 0) if at_least_one else None
        self.documents = RewardBatch(np.ascontiguousarray(y_score[order], dtype=np.float32), y_true[order], allowed)
        held_out = int(parameters.on_scores.holdout * len(order))
        self.holdout = self.documents.take(slice(held_out))
        self.learned_from = self.documents.take(slice(held_out, None))
        self.train_count, self.label_features, self.at_least_one = train_count, label_features, at_least_one
        self.parameters, self.labels = parameters, y_true.shape[1]
        self.shared_out: list[tuple[Observation, np.ndarray]] = []
        self.drawn = 0

    @classmethod
    def of(cls, scores: Scores, parameters: LearnerParameters, *, at_least_one: bool, seed: int) -> Self:
        """The documents of a score file that thresholds may be fitted on."""
        given = scores.fitting()
        features = LabelFeatures.of_dataset(scores.data, given.y_true)
        how: dict[str, Any] = {"at_least_one": at_least_one, "parameters": parameters, "seed": seed}
        return cls(given.y_score, given.y_true, train_count=given.train_count, label_features=features, **how)

    def task(self, documents: RewardBatch) -> Task:
        """The test-time task: these documents are observed, and what is reached on them is told."""
        return Task(self._observe(documents), documents)

    def draw(self, random: np.random.Generator) -> Task:
        """An episode's task: documents are shared out, and rewards are on some of those that are not observed."""
        turn = self.drawn % self.TASKS
        self.drawn += 1
        if turn == len(self.shared_out):
            order = random.permutation(len(self.learned_from.y_true))
            border = int(self.parameters.on_scores.observed * len(order))
            self.shared_out.append((self._observe(self.learned_from.take(order[:border])), order[border:]))
        seen, others = self.shared_out[turn]
        rows = others[random.permutation(len(others))[: self.parameters.reward_documents]]
        return Task(seen, self.learned_from.take(rows))

    def _observe(self, documents: RewardBatch) -> Observation:
        """What is seen from the reference: thresholds of ``shared`` or ``shared+one`` as logits (labels,)."""
        y_score, y_true, _ = documents
        parameters = ThresholdParameters(utility=self.parameters.utility)
        given = Documents.given(y_score, y_true, self.train_count, parameters, at_least_one=self.at_least_one)
        levels = shared(given).levels if given.trained.any() else np.zeros(len(self.train_count))
        reference = np.where(self.train_count > 0, levels, 0.0).clip(-MAX_LOGIT, MAX_LOGIT)
        return Observation.of(y_score, y_true, self.label_features, reference)

    def decide(self, levels: np.ndarray, y_score: np.ndarray) -> np.ndarray:
        """Decisions, bool (documents, labels), by thresholds as logits (labels,)."""
        return PerLabel(np.where(self.train_count > 0, levels, np.inf), self.at_least_one).decide(y_score)


def learn_on_scores(
    meta: MetaLearner, environment: ScoresEnvironment, parameters: LearnerParameters, seed: int, progress: Progress
) -> list[Row]:
    """Lines 3 to 13 of Algorithm 1 for thresholds alone, each episode another task: the trace, a row per time step."""
    random, trace = generator(seed, "exploration"), []
    adam = torch.optim.Adam(meta.parameters(), lr=parameters.learning_rate)
    estimator = gradient.build(meta, parameters, random)
    for episode in range(parameters.episodes):
        task = environment.draw(random)
        sigma = parameters.noise(episode, parameters.on_scores.noise)
        state, (w, p) = meta.start(environment.labels), task.start
        for t in range(parameters.steps):
            step = Step.of(meta, (state, w, p, task.seen.at(t / parameters.steps)), sigma, parameters)
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
    """The test-time episode, twice: without the holdout, to choose the shrinkage on it; then with all documents."""
    task = environment.task(environment.learned_from)
    trials = try_shrinkages(environment, task.seen.reference, _last_step(meta, task, parameters, progress)[0], seed)
    better = [trial for trial in trials if trial.gain > max(2 * trial.standard_error, 0)]
    shrinkage = max(better, key=lambda trial: trial.gain).shrinkage if better else 0.0
    task = environment.task(environment.documents)
    reference, (levels, trace) = task.seen.reference, _last_step(meta, task, parameters, progress)
    # Labels nobody was trained on have one too: a policy is a number in (0, 1) for each, and decide leaves them out.
    return Learned(expit(reference + shrinkage * (levels - reference)), shrinkage, trials, trace)


@torch.no_grad()
def _last_step(
    meta: MetaLearner, task: Task, parameters: LearnerParameters, progress: Progress
) -> tuple[np.ndarray, list[Row]]:
    """Logits (labels,) of p_T, and the trace."""
    state, (w, p), trace = meta.start(len(task.seen.reference)), task.start, []
    for t in range(parameters.steps):
        step = Step.of(meta, (state, w, p, task.seen.at(t / parameters.steps)), 0.0, parameters)
        state, (w, p) = step.state, step.policies()
        trace.append(describe(0, t, value(p.numpy(), task.batch, parameters), w, p))
        progress.step(f"reward {trace[-1]['reward']:.4g}")
    return logits(p.double().numpy()), trace


def try_shrinkages(environment: ScoresEnvironment, reference: np.ndarray, levels: np.ndarray, seed: int) -> list[Trial]:
    """What each of SHRINKAGES gains on the holdout, for logits of thresholds (labels,); a bootstrap over documents."""
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
    return utility_of_counts(accuracy, tp, predicted, support, weights)
