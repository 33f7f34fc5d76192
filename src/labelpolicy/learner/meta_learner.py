"""The meta-learner: a GRU whose state yields label weights and decision thresholds (Section 3.2, Eq. 3-5)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from labelpolicy.learner.parameters import MetaLearner
from labelpolicy.randomness import derive
from labelpolicy.thresholds.rules import logit_of

#: Logits beyond it count as this much: a few near-certain scores tell no more about a label.
LOGIT_BOUND = 16.0


@dataclass(frozen=True)
class Surroundings:
    """What of the training documents and the hierarchy a label's policy may depend on; it does not change.

    ``frequency`` and ``depth`` (labels,): standardised log(training documents with the label + 1) and depth.
    ``relations`` float (3, labels, labels): row j of each says which labels matter to label j, and sums to 1 or 0: its
    parent, its children, and the labels that stand beside it in training documents, by how often they do.
    """

    frequency: np.ndarray
    depth: np.ndarray
    relations: np.ndarray

    @classmethod
    def of(
        cls, truth: np.ndarray, depth: np.ndarray | None = None, parents: list[int | None] | None = None
    ) -> Surroundings:
        """From the training documents' truth, bool (documents, labels), and each label's depth and parent's index.

        Without depth and parents the labels have no hierarchy.
        """
        labels = truth.shape[1]
        depth = np.ones(labels) if depth is None else depth
        parent = np.zeros((labels, labels))
        for j, above in enumerate(parents or []):
            if above is not None:
                parent[j, above] = 1
        together = np.zeros((labels, labels))
        for start in range(0, len(truth), 1 << 14):  # few documents at a time as floats: truth may be long
            part = truth[start : start + (1 << 14)].astype(np.float32)
            together += part.T @ part
        frequency = np.log1p(np.diag(together))
        np.fill_diagonal(together, 0)
        relations = np.stack([parent, parent.T, together])
        total = relations.sum(axis=2, keepdims=True)
        shares = np.divide(relations, total, out=np.zeros_like(relations), where=total > 0)
        return cls(_standardised(frequency), _standardised(depth.astype(np.float64)), shares)


def _standardised(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / max(values.std(), 1e-6)


@dataclass(frozen=True)
class Observation:
    """What a meta-learner may see of the classifier at one time step, each (labels,) but ``time``.

    ``centre`` are the logits that thresholds are told apart from: 0 for a threshold of 0.5, or those of a policy with
    two numbers for all labels.
    """

    surroundings: Surroundings
    positive: np.ndarray  # mean logit of the classifier on held-out positives; 0 where there is none
    negative: np.ndarray  # the same on negatives
    ratio: np.ndarray  # log of (sum of scores + 1/2) / (held-out positives + 1/2): how far scores overrate the label
    even: np.ndarray  # logit above which as many documents score as have the label; the centre where none has it
    centre: np.ndarray
    time: float  # t / T

    @classmethod
    def of(
        cls, scores: np.ndarray, truth: np.ndarray, surroundings: Surroundings, centre: np.ndarray, time: float
    ) -> Observation:
        """From scores float and truth bool (documents, labels)."""
        z = logits(scores)
        positives = truth.sum(axis=0)
        positive = (z * truth).sum(axis=0) / np.maximum(positives, 1)
        negative = (z * ~truth).sum(axis=0) / np.maximum(len(truth) - positives, 1)
        ratio = np.log((scores.sum(axis=0) + 0.5) / (positives + 0.5))
        ordered = np.sort(z, axis=0)
        below = np.clip(len(truth) - positives - 1, 0, len(truth) - 1)
        columns = np.arange(truth.shape[1])
        between = (ordered[below, columns] + ordered[np.minimum(below + 1, len(truth) - 1), columns]) / 2
        return cls(surroundings, positive, negative, ratio, np.where(positives > 0, between, centre), centre, time)

    def at(self, time: float) -> Observation:
        """The same observation at another time."""
        return replace(self, time=time)

    @cached_property
    def features(self) -> Tensor:
        """What is observed of each label, float (labels, 6), scaled to the order of 1: no input drowns the others."""
        columns = (
            self.surroundings.frequency,
            self.surroundings.depth,
            (self.positive - self.centre) / 5,
            (self.negative - self.centre) / 5,
            self.ratio,
            (self.even - self.centre) / 5,
        )
        return torch.from_numpy(np.stack(columns, axis=1)).float()

    @cached_property
    def relations(self) -> Tensor:
        return torch.from_numpy(self.surroundings.relations).float()


def logits(scores: np.ndarray) -> np.ndarray:
    """Logits of scores, float64 of their shape, within LOGIT_BOUND."""
    return np.clip(logit_of(scores, np.float64), -LOGIT_BOUND, LOGIT_BOUND)


class PaperLearner(nn.Module):
    """One GRU over all policies at once: s_t = GRU(s_{t-1}, [p_{t-1}; w_{t-1}]) with 2N inputs and 2N outputs.

    By Eq. 3-5 nothing of the classifier enters the state: given theta_meta, w_T and p_T follow from w_0 and p_0 alone.
    """

    observes = False

    def __init__(self, labels: int, hidden: int, seed: int):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "meta-learner"))
            self.gru = nn.GRUCell(2 * labels, hidden)
            self.weight_logits = nn.Linear(hidden, labels)  # W_w, b_w
            self.threshold_logits = nn.Linear(hidden, labels)  # W_p, b_p
        self.hidden = hidden

    def start(self, labels: int) -> Tensor:
        return torch.zeros(1, self.hidden)

    def forward(self, state: Tensor, w: Tensor, p: Tensor, seen: None) -> tuple[Tensor, Tensor, Tensor]:
        """State and policies of t-1 -> state, logits of w_t and of p_t, each (labels,)."""
        state = self.gru(torch.cat([p, w])[None], state)
        return state, self.weight_logits(state)[0], self.threshold_logits(state)[0]


class SharedLearner(nn.Module):
    """One GRU applied to every label, with that label's own state, what is observed of it, and a summary of others.

    Its size does not depend on N, so it can be learned on one set of labels and applied to another, and what frequent
    labels teach serves rare ones, which have too few positives to fit anything alone. The input of a label: log(N w)
    and logit p of t-1, the observation, the means of all these over its parent, its children and the labels that occur
    beside it, and t / T. The output is the distance of its threshold's logit from the centre (:class:`Observation`).
    """

    observes = True
    OWN = 8
    INPUTS = 4 * OWN + 1

    def __init__(self, hidden: int, seed: int):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "meta-learner"))
            self.gru = nn.GRUCell(self.INPUTS, hidden)
            self.weight_logits = nn.Linear(hidden, 1)
            self.threshold_logits = nn.Linear(hidden + self.OWN - 2, 1)
        for head in (self.weight_logits, self.threshold_logits):  # start from uniform weights and the centre
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)
        self.hidden = hidden

    def start(self, labels: int) -> Tensor:
        return torch.zeros(labels, self.hidden)

    def forward(self, state: Tensor, w: Tensor, p: Tensor, seen: Observation) -> tuple[Tensor, Tensor, Tensor]:
        """State and policies of t-1 -> state, logits of w_t and of p_t, each (labels,)."""
        centre = torch.from_numpy(seen.centre).float()
        own = torch.stack([torch.log(w * len(w)), torch.logit(p) - centre], dim=1)
        own = torch.cat([own, seen.features], dim=1)
        others = (seen.relations @ own).transpose(0, 1).flatten(1)
        time = torch.full((len(w), 1), seen.time)
        state = self.gru(torch.cat([own, others, time], dim=1), state)
        # What is observed reaches the threshold past the state as well: a line through it is learned in few steps.
        distance = self.threshold_logits(torch.cat([state, seen.features], dim=1))
        return state, self.weight_logits(state)[:, 0], centre + distance[:, 0]


def build(labels: int, parameters: MetaLearner, seed: int) -> PaperLearner | SharedLearner:
    if parameters.learner == "paper":
        return PaperLearner(labels, parameters.hidden, seed)
    return SharedLearner(parameters.hidden, seed)
