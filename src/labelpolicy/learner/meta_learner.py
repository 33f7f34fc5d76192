"""The meta-learner: a GRU whose state yields label weights and decision thresholds (Section 3.2, Eq. 3-5)."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import torch
from scipy.sparse import csr_array, diags_array, vstack
from torch import Tensor, nn

from labelpolicy.data.prepared import Prepared
from labelpolicy.hierarchy import cooccurrence
from labelpolicy.learner.parameters import LearnerParameters
from labelpolicy.randomness import derive

#: Logits beyond it count as this much: a few near-certain scores tell no more about a label.
MAX_LOGIT = 16.0


def logits(y_score: np.ndarray) -> np.ndarray:
    """Logits of scores, float64 of their shape, within MAX_LOGIT."""
    with np.errstate(divide="ignore"):
        found = np.log(y_score, dtype=np.float64) - np.log1p(-y_score, dtype=np.float64)
    return np.clip(found, -MAX_LOGIT, MAX_LOGIT)


@dataclass(frozen=True)
class LabelFeatures:
    """What of the training documents and the hierarchy a label's policy may depend on; it does not change."""

    frequency: np.ndarray  # standardised log(training documents with the label + 1), (labels,)
    depth: np.ndarray  # standardised, (labels,)
    #: Sparse (3 labels, labels), three one below the other: row j of each sums to 1 or 0 over the parent of label j,
    #: its children, and the labels beside it in training documents, by how often they are.
    relations: csr_array

    @classmethod
    def of(cls, y_true: np.ndarray, depth: np.ndarray | None = None, parents: list[int | None] | None = None) -> Self:
        """From training labels, bool (documents, labels), and in a hierarchy each label's depth and parent's index."""
        labels = y_true.shape[1]
        depth = np.ones(labels) if depth is None else depth
        above = [(j, parent) for j, parent in enumerate(parents or []) if parent is not None]
        rows, columns = np.array(above, dtype=np.int64).reshape(-1, 2).T
        parent = csr_array((np.ones(len(above)), (rows, columns)), shape=(labels, labels))
        beside = cooccurrence(y_true)
        frequency = np.log1p(beside.diagonal())
        beside = beside - diags_array(beside.diagonal())
        relations = vstack([parent, parent.T, beside], format="csr")
        total = relations.sum(axis=1)
        shares = diags_array(np.divide(1, total, out=np.zeros_like(total), where=total > 0)) @ relations
        shares.eliminate_zeros()
        return cls(_standardised(frequency), _standardised(depth.astype(np.float64)), shares)

    @classmethod
    def of_dataset(cls, data: Prepared, y_true: np.ndarray) -> Self:
        """From the documents that a classifier is trained on, and the data set's hierarchy."""
        place: dict[str | None, int] = {label: j for j, label in enumerate(data.labels)}
        return cls.of(y_true, data.depth, [place.get(parent) for parent in data.parents])

    @cached_property
    def means(self) -> Tensor:
        """``relations`` as they are multiplied with what is known of the labels."""
        entries = self.relations.tocoo()
        places, values = torch.from_numpy(np.stack(entries.coords)), torch.from_numpy(entries.data).float()
        return torch.sparse_coo_tensor(places, values, entries.shape, is_coalesced=True, check_invariants=False)


def _standardised(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / max(values.std(), 1e-6)


@dataclass(frozen=True)
class Observation:
    """What a meta-learner may see of the classifier at one time step, each (labels,) but ``time``."""

    label_features: LabelFeatures
    positive: np.ndarray  # mean logit of the classifier on held-out positives; 0 where there is none
    negative: np.ndarray  # the same on negatives
    calibration_ratio: np.ndarray  # log of (sum of scores + 1/2) / (positives + 1/2): how far scores overrate the label
    break_even: np.ndarray  # logit above which as many documents score as have the label; the reference if none has it
    reference: np.ndarray  # logits that thresholds are distances from: of 0.5, or of two numbers fitted for all labels
    time: float  # t / T

    @classmethod
    def of(
        cls,
        y_score: np.ndarray,
        y_true: np.ndarray,
        label_features: LabelFeatures,
        reference: np.ndarray,
        time: float = 0.0,
    ) -> Self:
        """From scores float and labels bool, both (documents, labels)."""
        z, documents, labels = logits(y_score), *y_true.shape
        support = y_true.sum(axis=0)
        positive = (z * y_true).sum(axis=0) / np.maximum(support, 1)
        negative = (z * ~y_true).sum(axis=0) / np.maximum(documents - support, 1)
        ratio = np.log((y_score.sum(axis=0) + 0.5) / (support + 0.5))
        ordered, columns = np.sort(z, axis=0), np.arange(labels)
        below = np.clip(documents - support - 1, 0, documents - 1)
        between = (ordered[below, columns] + ordered[np.minimum(below + 1, documents - 1), columns]) / 2
        break_even = np.where(support > 0, between, reference)
        return cls(label_features, positive, negative, ratio, break_even, reference, time)

    def at(self, time: float) -> Self:
        return replace(self, time=time)

    @cached_property
    def features(self) -> Tensor:
        """What is observed of each label, float (labels, 6), scaled to the order of 1: no input drowns the others."""
        levels = (self.positive, self.negative, self.break_even)
        positive, negative, break_even = ((level - self.reference) / 5 for level in levels)
        own = self.label_features.frequency, self.label_features.depth
        columns = (*own, positive, negative, self.calibration_ratio, break_even)
        return torch.from_numpy(np.stack(columns, axis=1)).float()


class _Recurrent(nn.Module):
    """A GRU, and two linear layers that yield the logits of w and p from its state and ``past`` it."""

    def __init__(self, inputs: int, hidden: int, outputs: int, past: int, seed: int):
        super().__init__()
        self.hidden = hidden
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "meta-learner"))
            self.gru = nn.GRUCell(inputs, hidden)
            self.weight_logits = nn.Linear(hidden, outputs)  # W_w, b_w
            self.threshold_logits = nn.Linear(hidden + past, outputs)  # W_p, b_p


class PaperLearner(_Recurrent):
    """One GRU over all policies at once: s_t = GRU(s_{t-1}, [p_{t-1}; w_{t-1}]) with 2N inputs and 2N outputs.

    By Eq. 3-5 nothing of the classifier enters the state: given theta_meta, w_T and p_T follow from w_0 and p_0 alone.
    """

    observes = False

    def __init__(self, labels: int, hidden: int, seed: int):
        super().__init__(2 * labels, hidden, labels, 0, seed)

    def start(self, labels: int) -> Tensor:
        """s_0."""
        return torch.zeros(1, self.hidden)

    def forward(self, state: Tensor, w: Tensor, p: Tensor, seen: Observation | None) -> tuple[Tensor, Tensor, Tensor]:
        """State and policies of t-1 -> state, logits of w_t and of p_t, each (labels,)."""
        state = self.gru(torch.cat([p, w])[None], state)
        return state, self.weight_logits(state)[0], self.threshold_logits(state)[0]


class SharedLearner(_Recurrent):
    """One GRU applied to every label, with that label's own state: its size does not depend on N.

    So it can be learned on one set of labels and applied to another, and what frequent labels teach serves rare ones.
    The input of a label: log(N w) and logit p of t-1, the observation, the means of all these over its parent, its
    children and the labels that occur beside it, and t / T. The output is the distance of its threshold's logit from
    the reference (:class:`Observation`).
    """

    observes = True
    OWN = 8  # inputs of a label itself

    def __init__(self, hidden: int, seed: int):
        super().__init__(4 * self.OWN + 1, hidden, 1, self.OWN - 2, seed)
        for head in (self.weight_logits, self.threshold_logits):  # start from uniform weights and the reference
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)

    def start(self, labels: int) -> Tensor:
        return torch.zeros(labels, self.hidden)

    def forward(self, state: Tensor, w: Tensor, p: Tensor, seen: Observation) -> tuple[Tensor, Tensor, Tensor]:
        reference = torch.from_numpy(seen.reference).float()
        own = torch.stack([torch.log(w * len(w)), torch.logit(p) - reference], dim=1)
        own = torch.cat([own, seen.features], dim=1)
        of_others = torch.sparse.mm(seen.label_features.means, own)
        others = of_others.reshape(3, len(w), -1).transpose(0, 1).flatten(1)
        time = torch.full((len(w), 1), seen.time)
        state = self.gru(torch.cat([own, others, time], dim=1), state)
        # What is observed reaches the threshold past the state as well: a line through it is learned in few steps.
        distance = self.threshold_logits(torch.cat([state, seen.features], dim=1))
        return state, self.weight_logits(state)[:, 0], reference + distance[:, 0]


MetaLearner = PaperLearner | SharedLearner


def build(labels: int, parameters: LearnerParameters, seed: int) -> MetaLearner:
    if parameters.learner == "paper":
        return PaperLearner(labels, parameters.hidden, seed)
    return SharedLearner(parameters.hidden, seed)


def first_policies(labels: int) -> tuple[Tensor, Tensor]:
    """w_0 = (1/N, ..., 1/N) and p_0 = (0.5, ..., 0.5): lines 4-5 of Algorithm 1."""
    return torch.full((labels,), 1 / labels), torch.full((labels,), 0.5)


def policies(w_logits: Tensor, p_logits: Tensor, bounds: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """Eq. 4 and Eq. 5; p is kept in a closed interval, since Eq. 6 drives it to 0 or 1."""
    return torch.softmax(w_logits, dim=-1), torch.sigmoid(p_logits).clamp(*bounds)
