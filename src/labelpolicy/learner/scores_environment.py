"""A meta-learner on scores that a classifier has left behind: the classifier is done, thresholds alone are learned.

Out-of-fold scores of all training documents (``labelpolicy crossfit``) give rare labels every positive they have. An
episode shares the documents out at random: on one part the centre is fitted, two numbers for all labels (``shared``),
and the labels are observed; on the other part the utility is taken. So the meta-learner is rewarded for a distance from
the centre that holds on documents it has not seen, which is all that it can add to two numbers.

A quarter of the documents takes no part in the episodes. On it is decided how much of the learned distance is kept:
none, unless some of it does better by more than two standard errors.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from scipy.special import expit
from torch import Tensor, nn

from labelpolicy.learner.algorithm import rollout
from labelpolicy.learner.meta_learner import Observation, Surroundings, logits
from labelpolicy.learner.parameters import MetaLearner
from labelpolicy.progress import Progress
from labelpolicy.randomness import generator
from labelpolicy.thresholds.objectives import ThresholdParameters, Utility
from labelpolicy.thresholds.rules import NEVER, PerLabel, fit, utility


class Part(NamedTuple):
    """Some documents: scores float and truth bool, both (documents, labels)."""

    scores: np.ndarray
    truth: np.ndarray

    def take(self, rows: np.ndarray) -> Part:
        return Part(self.scores[rows], self.truth[rows])


class Frozen:
    """Scores and truth (documents, labels) as a room of Algorithm 1 (see learn.Room); nothing in it is trained."""

    trains = False
    widest = 0.3  # thresholds start from the centre

    OBSERVED = 0.67  # share of an episode's documents that is observed
    TASKS = 16  # ways of sharing documents out; episodes take turns, since fitting the centre is the dearest part
    DOCUMENTS = 1 << 15  # documents at most, drawn with the seed: enough, and memory does not grow beyond

    def __init__(
        self,
        scores: np.ndarray,
        truth: np.ndarray,
        *,
        train_count: np.ndarray,
        surroundings: Surroundings,
        at_least_one: bool,
        utility: Utility,
        seed: int,
    ):
        """``train_count`` (labels,) counts documents that the classifier was trained on; 0 is never predicted."""
        random = generator(seed, "frozen documents")
        order = random.permutation(len(scores))[: self.DOCUMENTS]
        everything = Part(np.ascontiguousarray(scores[order], dtype=np.float32), truth[order])
        kept_apart = len(order) // 4
        self.apart, self.learned_from = everything.take(slice(kept_apart)), everything.take(slice(kept_apart, None))
        self.whole = self.everything = everything
        self.train_count, self.surroundings = train_count, surroundings
        self.at_least_one, self.utility = at_least_one, utility
        self.labels = truth.shape[1]
        seen = train_count > 0
        self.allowed = torch.from_numpy(seen) if at_least_one else None
        self.tasks: dict[int, tuple[Part, Part, np.ndarray]] = {}
        self.drawn = 0
        self.reset()

    def reset(self) -> None:
        """The documents of ``whole`` are observed and judged, as for a policy that is to be used."""
        self.show(self.whole, self.whole)

    def show(self, observed: Part, judged: Part, centre: np.ndarray | None = None) -> None:
        self.observed, self.judged_part = observed, judged
        self.centre = self.fit_centre(observed) if centre is None else centre
        self.seen = Observation.of(*observed, self.surroundings, self.centre, 0.0)

    def fit_centre(self, part: Part) -> np.ndarray:
        """Logits (labels,) of the thresholds of ``shared``, or ``shared+one``."""
        name = "shared+one" if self.at_least_one else "shared"
        decision = fit(name, *part, train_count=self.train_count, parameters=ThresholdParameters(utility=self.utility))
        return logits(np.where(decision.thresholds == NEVER, 0.5, decision.thresholds))

    def draw_reward_documents(self, random: np.random.Generator, count: int) -> None:
        """Share the documents out anew, and judge ``count`` of those that are not observed."""
        turn = self.drawn % self.TASKS
        self.drawn += 1
        if turn not in self.tasks:
            order = random.permutation(len(self.learned_from.scores))
            border = int(self.OBSERVED * len(order))
            observed = self.learned_from.take(order[:border])
            self.tasks[turn] = observed, self.learned_from.take(order[border:]), self.fit_centre(observed)
        observed, others, centre = self.tasks[turn]
        rows = random.permutation(len(others.scores))[:count]
        self.show(observed, others.take(rows), centre)

    def first_policies(self) -> tuple[Tensor, Tensor]:
        """w_0 = (1/N, ..., 1/N), and p_0 the centre."""
        p = torch.sigmoid(torch.from_numpy(self.centre).float())
        return torch.full((self.labels,), 1 / self.labels), p

    def observe(self, time: float) -> Observation:
        return self.seen.at(time)

    def judged(self, on: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        yield self.judged_part

    def decision(self, level: np.ndarray) -> PerLabel:
        """Decisions by logits (labels,)."""
        thresholds = np.where(self.train_count > 0, expit(level), NEVER)
        return PerLabel(thresholds, at_least_one=self.at_least_one)

    def batches_for(self, policy: MetaLearner) -> int:
        return 1

    def updates_of_a_training(self) -> int:
        return 1 << 62

    def train(self, w: Tensor, count: int) -> None: ...
    def train_passes(self, w: Tensor, step: int, steps: int) -> None: ...
    def train_whole(self, w: Tensor) -> None: ...
    def keep_best(self) -> None: ...


#: Shares of the learned distance from the centre that are tried.
KEPT = (0.25, 0.5, 0.75, 1.0)
#: Resamples of the documents kept apart, for the standard error.
DRAWS = 200


def applied(
    meta: nn.Module, room: Frozen, parameters: MetaLearner, seed: int, progress: Progress
) -> tuple[np.ndarray, dict[str, object], list[dict]]:
    """The test-time episode on frozen scores: thresholds (labels,), what was kept of them and why, and the trace.

    Once without the documents kept apart, to see on these how much of the learned distance is worth keeping; of the
    shares in KEPT the one that gains most over the centre is taken, if by more than two standard errors (bootstrap
    over documents), otherwise 0. Then with all documents.
    """
    room.whole = room.learned_from
    learned = _rolled_out(meta, room, parameters, progress)[0]
    documents = len(room.apart.scores)
    draws = generator(seed, "kept share").multinomial(documents, np.full(documents, 1 / documents), size=DRAWS)
    draws = np.concatenate([np.ones((1, documents), dtype=np.int64), draws])

    def utility_at(share: float) -> np.ndarray:
        decision = room.decision(room.centre + share * (learned - room.centre))
        return utilities(decision.decide(room.apart.scores), room.apart.truth, draws, room.utility)

    base, kept, evidence = utility_at(0), 0.0, []
    most = 0.0
    for share in KEPT:
        gain = utility_at(share) - base
        error = float(gain[1:].std())
        evidence.append({"share": share, "gain": float(gain[0]), "standard_error": error})
        if gain[0] > max(2 * error, most):
            kept, most = share, float(gain[0])
    room.whole = room.everything
    learned, trace = _rolled_out(meta, room, parameters, progress)
    # Labels nobody was trained on have one too: a policy is a number in (0, 1) for each, and decide leaves them out.
    thresholds = expit(room.centre + kept * (learned - room.centre))
    return thresholds, {"kept": kept, "evidence": evidence}, trace


def _rolled_out(meta: nn.Module, room: Frozen, parameters: MetaLearner, progress: Progress) -> tuple:
    room.reset()
    _, p, trace = rollout(meta, room, parameters, room.first_policies(), progress)
    return logits(p), trace


def utilities(predicted: np.ndarray, truth: np.ndarray, draws: np.ndarray, weights: Utility) -> np.ndarray:
    """The utility of decisions (documents, labels) on each draw, whole numbers (draws, documents): float (draws,)."""
    counted = draws.astype(np.float64)
    hits, chosen, positives = (counted @ part for part in (predicted & truth, predicted, truth))
    accuracy = counted @ (predicted == truth).all(axis=1) / counted.sum(axis=1)
    return utility(hits, chosen, positives, accuracy, weights)
