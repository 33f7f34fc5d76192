"""The meta-learner: a GRU whose state yields label weights and decision thresholds (Section 3.2, Eq. 3-5)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from labelpolicy.parameters import MetaLearner
from labelpolicy.randomness import derive


@dataclass(frozen=True)
class Observation:
    """What a meta-learner may see of the classifier at one time step, each (labels,) but ``time``."""

    log_frequency: np.ndarray  # log of the share of training documents with the label
    positive: np.ndarray  # mean logit of the classifier on held-out positives; 0 where there is none
    negative: np.ndarray  # the same on negatives
    ratio: (
        np.ndarray
    )  # log of (sum of scores + 1/2) / (held-out positives + 1/2): how far the scores overrate the label
    time: float  # t / T

    @classmethod
    def of(cls, scores: np.ndarray, truth: np.ndarray, log_frequency: np.ndarray, time: float) -> Observation:
        """From scores float and truth bool (documents, labels)."""
        logits = np.clip(np.log(np.maximum(scores, 1e-9)) - np.log(np.maximum(1 - scores, 1e-9)), -10, 10)
        positives = truth.sum(axis=0)
        positive = (logits * truth).sum(axis=0) / np.maximum(positives, 1)
        negative = (logits * ~truth).sum(axis=0) / np.maximum(len(truth) - positives, 1)
        ratio = np.log((scores.sum(axis=0) + 0.5) / (positives + 0.5))
        return cls(log_frequency, positive, negative, ratio, time)


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

    def start(self) -> Tensor:
        return torch.zeros(1, self.hidden)

    def forward(self, state: Tensor, w: Tensor, p: Tensor, seen: None) -> tuple[Tensor, Tensor, Tensor]:
        """State and policies of t-1 -> state, logits of w_t and of p_t, each (labels,)."""
        state = self.gru(torch.cat([p, w])[None], state)
        return state, self.weight_logits(state)[0], self.threshold_logits(state)[0]


class SharedLearner(nn.Module):
    """One GRU applied to every label, with that label's own state and observations.

    Its size does not depend on N, and what frequent labels teach serves rare ones, which have too few positives to
    fit anything alone. The input of a label: log(N w) and logit p of t-1, and the observation.
    """

    observes = True
    INPUTS = 7

    def __init__(self, labels: int, hidden: int, seed: int):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "meta-learner"))
            self.gru = nn.GRUCell(self.INPUTS, hidden)
            self.weight_logits = nn.Linear(hidden, 1)
            self.threshold_logits = nn.Linear(hidden, 1)
        for head in (self.weight_logits, self.threshold_logits):  # start from uniform weights and p = 0.5
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)
        self.labels, self.hidden = labels, hidden

    def start(self) -> Tensor:
        return torch.zeros(self.labels, self.hidden)

    def forward(self, state: Tensor, w: Tensor, p: Tensor, seen: Observation) -> tuple[Tensor, Tensor, Tensor]:
        """State and policies of t-1 -> state, logits of w_t and of p_t, each (labels,)."""
        frequency = (seen.log_frequency - seen.log_frequency.mean()) / max(seen.log_frequency.std(), 1e-6)
        # Scaled to the order of 1, so that no input drowns the others at the start.
        observed = np.stack(
            [frequency, seen.positive / 5, seen.negative / 5, seen.ratio, np.full(self.labels, seen.time)], axis=1
        )
        own = torch.stack([torch.log(w * self.labels), torch.logit(p)], dim=1)
        state = self.gru(torch.cat([own, torch.from_numpy(observed).float()], dim=1), state)
        return state, self.weight_logits(state)[:, 0], self.threshold_logits(state)[:, 0]


def build(labels: int, parameters: MetaLearner, seed: int) -> PaperLearner | SharedLearner:
    return {"paper": PaperLearner, "shared": SharedLearner}[parameters.learner](labels, parameters.hidden, seed)
