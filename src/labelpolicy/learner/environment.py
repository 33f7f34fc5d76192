"""The classifier as the meta-learner meets it: trained a little, observed, rewarded, reset."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from labelpolicy.classifiers.base import Inputs, TorchClassifier
from labelpolicy.learner.meta_learner import Observation, Surroundings
from labelpolicy.learner.parameters import MetaLearner
from labelpolicy.randomness import generator
from labelpolicy.thresholds.objectives import measures
from labelpolicy.training import Trainer, score, targets


class Classroom:
    """A classifier, the documents it learns from, and held-out documents it is judged on.

    ``model`` is any module that yields N logits; truth arrays are bool (documents, labels). The held-out documents
    are validation documents: nothing of the test set is ever here.
    """

    trains = True
    widest = float("inf")  # it starts untrained, and p_0 may be far from every score
    allowed = None  # the at-least-one-label rule is no part of the paper's decisions

    CHUNK = 1024  # documents at a time where a step takes the whole training set; memory does not grow beyond
    ENOUGH = 128  # documents that a gradient of the weights is taken on, the dearest part of a time step
    HELD_OUT = 1 << 14  # held-out documents at most, drawn with the seed: enough, and memory does not grow beyond

    def __init__(
        self,
        model: TorchClassifier,
        inputs: Inputs,
        truth: np.ndarray,
        held_out: Inputs,
        held_out_truth: np.ndarray,
        *,
        seed: int,
        device: torch.device,
        surroundings: Surroundings | None = None,
    ):
        """``surroundings`` say what the hierarchy and the training documents know of the labels; None: no hierarchy."""
        self.model, self.seed, self.device = model.to(device), seed, device
        self.inputs, self.truth = inputs, truth
        if len(held_out) > self.HELD_OUT:
            rows = np.sort(generator(seed, "held-out documents").choice(len(held_out), self.HELD_OUT, replace=False))
            held_out, held_out_truth = Part(held_out, rows), held_out_truth[rows]
        self.all_held_out, self.all_held_out_truth = held_out, held_out_truth
        self.labels = truth.shape[1]
        self.surroundings = surroundings or Surroundings.of(truth)
        self.untrained = copy.deepcopy(model.state_dict())
        self.reset()

    def reset(self) -> None:
        """The classifier untrained again; optimizer, dropout and batches from the beginning; all held-out documents."""
        self.model.load_state_dict(self.untrained)
        self.trainer = Trainer(
            self.model, self.inputs, self.truth, seed=self.seed, device=self.device, evaluate=self._measures
        )
        self.queue: list[np.ndarray] = []
        self.trained_on: list[np.ndarray] = []
        self._hold_out(np.arange(len(self.all_held_out)))

    def first_policies(self) -> tuple[Tensor, Tensor]:
        """w_0 = (1/N, ..., 1/N) and p_0 = (0.5, ..., 0.5): lines 4-5 of Algorithm 1."""
        return torch.full((self.labels,), 1 / self.labels), torch.full((self.labels,), 0.5)

    def draw_reward_documents(self, random: np.random.Generator, count: int) -> None:
        """Choose ``count`` held-out documents at random for the coming rewards, or all if there are no more."""
        rows = np.arange(len(self.all_held_out))
        if count < len(rows):
            rows = np.sort(random.choice(len(rows), size=count, replace=False))
        self._hold_out(rows)

    def _hold_out(self, rows: np.ndarray) -> None:
        self.held_out, self.held_out_truth = Part(self.all_held_out, rows), self.all_held_out_truth[rows]
        self.held_out_scores = None

    def batches_for(self, policy: MetaLearner) -> int:
        """Batches a time step that make all episodes, or each if it begins anew, half of a whole training.

        Half, since training stops early where it can, and learning a policy should cost no more than training does.
        """
        steps = policy.steps * (1 if policy.reset == "episode" else policy.episodes)
        return -(-self.updates_of_a_training() // (2 * steps))

    def updates_of_a_training(self) -> int:
        """Updates of one whole training: batches of a pass, times epochs."""
        return -(-len(self.inputs) // self.model.settings.batch_size) * self.model.settings.epochs

    def train(self, w: Tensor, count: int) -> None:
        """``count`` updates with label weights w (Eq. 1) on the next batches of the training set."""
        self.trained_on = []
        for _ in range(count):
            self.queue = self.queue or list(self.trainer.batches())
            rows = self.queue.pop()
            with torch.enable_grad():
                self.trainer.update(rows, w.detach().to(self.device))
            self.trained_on.append(rows)
        self.held_out_scores = None

    def train_passes(self, w: Tensor, step: int, steps: int) -> None:
        """Passes of mini-batches over the training set: the step's part of a whole training, at least one.

        The classifier of the best pass is remembered, by the measure that training chooses its epoch by, and passes
        stop where training would: thresholds are for the classifier that training keeps.
        """
        epochs = self.model.settings.epochs
        for _ in range(max(1, (step + 1) * epochs // steps - step * epochs // steps)):
            if self.trainer.should_stop:
                break
            with torch.enable_grad():
                self.trainer.epoch(w.detach().to(self.device))
        self.trained_on = [np.arange(len(self.inputs))]

    def keep_best(self) -> None:
        """Go back to the classifier of the best pass so far, the one that training would keep."""
        self.trainer.restore_best()
        self.held_out_scores = None

    def train_whole(self, w: Tensor) -> None:
        """One update with the whole training set as the batch (Section 3.3), its gradient summed chunk by chunk."""
        weights = w.to(self.device)
        self.trainer.optimizer.zero_grad()
        order = np.argsort(self.inputs.lengths, kind="stable")
        with torch.enable_grad():
            for rows in np.split(order, range(self.CHUNK, len(order), self.CHUNK)):
                (self.trainer.loss(rows, weights) * (len(rows) / len(order))).backward()
        self.trainer.optimizer.step()
        self.trained_on = [np.arange(len(self.inputs))]
        self.held_out_scores = None

    def observe(self, time: float) -> Observation:
        """What the classifier's scores on the held-out documents show of every label."""
        centre = np.zeros(self.labels)  # a threshold of 0.5
        return Observation.of(self._held_out_scores(), self.held_out_truth, self.surroundings, centre, time)

    def weight_gradient(self, of_logits: Tensor, on: str) -> np.ndarray:
        """What a little more weight on each label at the last update would have done to the utility: float (labels,).

        ``of_logits`` is the utility's gradient with respect to the logits of the documents that ``judged(on)`` gives,
        (documents, labels). With v the utility's gradient in the classifier's parameters, an update against the
        gradient g_j of label j's loss changes the utility by -<v, g_j>, to first order. And <v, g_j> is the mean over
        the batch of (y - truth) times the derivative of the logit along v, which two forward passes give for all
        labels at once. Adam divides each parameter's step, so v is divided alike. Only relations between labels count.

        All 0 for a model with a loss of its own (a chain), which is no sum over labels.
        """
        if not self.model.loss_is_equation_1:
            return np.zeros(self.labels)
        self.model.eval()
        inputs = self.held_out if on == "held_out" else Part(self.inputs, np.concatenate(self.trained_on))
        parameters = [each for each in self.model.parameters() if each.requires_grad]
        with torch.enable_grad():
            rows = np.arange(0, len(inputs), -(-len(inputs) // self.ENOUGH))
            found = self.model(inputs.batch(rows, self.device))
            parts = torch.autograd.grad(found, parameters, of_logits[rows].to(self.device), allow_unused=True)
        direction = [torch.zeros_like(a) if b is None else b for a, b in zip(parameters, parts, strict=True)]
        states = self.trainer.optimizer.state
        for each, total in zip(parameters, direction, strict=True):
            square = states.get(each, {}).get("exp_avg_sq")
            if square is not None:
                total /= square.sqrt() + 1e-8
        batch = self.inputs.batch(self.trained_on[-1], self.device)
        truth = targets(self.truth, self.trained_on[-1], self.device)
        with torch.no_grad():
            length = sum(_entries(total).square().sum() for total in direction).sqrt()
            size = 1e-2 * sum(each.square().sum() for each in parameters).sqrt() / length.clamp(min=1e-30)
            here = self.model(batch)
            kept = [each.clone() for each in parameters]
            for each, total in zip(parameters, direction, strict=True):
                each.add_(size * total)
            along = (self.model(batch) - here) / size
            for each, before in zip(parameters, kept, strict=True):
                each.copy_(before)
            result = -((torch.sigmoid(here) - truth) * along).mean(0)
        self.model.train()
        return result.cpu().double().numpy()

    def judged(self, on: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Scores and truth, in chunks, of the documents that the reward is computed on: "held_out" or "in_sample"."""
        if on == "held_out":
            yield self._held_out_scores(), self.held_out_truth
            return
        trained_on = np.concatenate(self.trained_on)
        for rows in np.split(trained_on, range(self.CHUNK, len(trained_on), self.CHUNK)):
            yield score(self.model, Part(self.inputs, rows), self.device), self.truth[rows]

    def _measures(self) -> dict[str, float]:
        self.held_out_scores = None
        return measures(self.held_out_truth, self._held_out_scores() > 0.5)

    def _held_out_scores(self) -> np.ndarray:
        if self.held_out_scores is None:
            self.held_out_scores = score(self.model, self.held_out, self.device)
        return self.held_out_scores


def _entries(gradient: Tensor) -> Tensor:
    """All that may differ from 0: of a sparse gradient the rows it has."""
    return gradient.coalesce().values() if gradient.is_sparse else gradient


class Part:
    """Some of the documents of other inputs."""

    def __init__(self, inputs: Inputs, rows: np.ndarray):
        self.inputs, self.rows = inputs, rows
        self.lengths = inputs.lengths[rows]

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, rows: np.ndarray, device: Any) -> Any:
        return self.inputs.batch(self.rows[rows], device)
