"""The classifier as the meta-learner meets it: trained a little, observed, rewarded, reset."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from labelpolicy.classifiers import Inputs
from labelpolicy.metrics import evaluate
from labelpolicy.parameters import MetaLearner, Training
from labelpolicy.policy.meta_learner import Observation
from labelpolicy.randomness import derive, generator
from labelpolicy.training import batches, loss_of, optimiser, score, targets, update


class Classroom:
    """A classifier, the documents it learns from, and held-out documents it is judged on.

    ``model`` is any module that yields N logits; truth arrays are bool (documents, labels). The held-out documents
    are validation documents: nothing of the test set is ever here.
    """

    CHUNK = 1024  # documents at a time where a step takes the whole training set; memory does not grow beyond
    HELD_OUT = 1 << 14  # held-out documents at most, drawn with the seed: enough, and memory does not grow beyond

    def __init__(
        self,
        model: nn.Module,
        inputs: Inputs,
        truth: np.ndarray,
        held_out: Inputs,
        held_out_truth: np.ndarray,
        *,
        parameters: Training,
        seed: int,
        device: torch.device,
    ):
        self.model, self.parameters, self.seed, self.device = model.to(device), parameters, seed, device
        self.inputs, self.truth = inputs, truth
        if len(held_out) > self.HELD_OUT:
            rows = np.sort(generator(seed, "held-out documents").choice(len(held_out), self.HELD_OUT, replace=False))
            held_out, held_out_truth = Part(held_out, rows), held_out_truth[rows]
        self.all_held_out, self.all_held_out_truth = held_out, held_out_truth
        self.labels = truth.shape[1]
        self.log_frequency = np.log(truth.sum(axis=0) + 1) - np.log(len(truth))
        self.untrained = copy.deepcopy(model.state_dict())
        self.reset()

    def reset(self) -> None:
        """The classifier untrained again; optimiser, dropout and batches from the beginning; all held-out documents."""
        self.model.load_state_dict(self.untrained)
        self.model.train()
        self.optimiser = optimiser(self.model, self.parameters)
        torch.manual_seed(derive(self.seed, "dropout"))
        self.random = generator(self.seed, "batches")
        self.queue: list[np.ndarray] = []
        self.trained_on: list[np.ndarray] = []
        self.best, self.kept = -1.0, None
        self._hold_out(np.arange(len(self.all_held_out)))

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
        """Batches a time step that make all episodes, or each if it begins anew, one whole training."""
        steps = policy.steps * (1 if policy.reset == "episode" else policy.episodes)
        return -(-self.updates_of_a_training() // steps)

    def updates_of_a_training(self) -> int:
        """Updates of one whole training: batches of a pass, times epochs."""
        return -(-len(self.inputs) // self.parameters.batch_size) * self.parameters.epochs

    def train(self, w: Tensor, count: int) -> None:
        """``count`` updates with label weights w (Eq. 1) on the next batches of the training set."""
        self.trained_on = []
        for _ in range(count):
            if not self.queue:
                self.queue = list(batches(self.inputs.lengths, self.parameters.batch_size, self.random))
            rows = self.queue.pop()
            self._update(rows, w)
            self.trained_on.append(rows)
        self.held_out_scores = None

    def train_passes(self, w: Tensor, step: int, steps: int) -> None:
        """Passes of mini-batches over the training set: the step's part of a whole training, at least one.

        The classifier of the best pass is remembered, by the measure that training chooses its epoch by.
        """
        epochs = self.parameters.epochs
        for _ in range(max(1, (step + 1) * epochs // steps - step * epochs // steps)):
            for rows in batches(self.inputs.lengths, self.parameters.batch_size, self.random):
                self._update(rows, w)
            self.held_out_scores = None
            measured = evaluate(self.held_out_truth, self._held_out_scores() > 0.5)["micro_f1"]
            if measured > self.best:
                self.best, self.kept = measured, copy.deepcopy(self.model.state_dict())
        self.trained_on = [np.arange(len(self.inputs))]

    def keep_best(self) -> None:
        """Go back to the classifier of the best pass so far, the one that training would keep."""
        if self.kept is not None:
            self.model.load_state_dict(self.kept)
            self.held_out_scores = None

    def train_whole(self, w: Tensor) -> None:
        """One update with the whole training set as the batch (Section 3.3), its gradient summed chunk by chunk."""
        weights = w.to(self.device)
        self.optimiser.zero_grad(set_to_none=True)
        order = np.argsort(self.inputs.lengths, kind="stable")
        with torch.enable_grad():
            for rows in np.split(order, range(self.CHUNK, len(order), self.CHUNK)):
                truth = targets(self.truth, rows, self.device)
                loss = loss_of(self.model, self.inputs.batch(rows, self.device), truth, weights)
                (loss * (len(rows) / len(order))).backward()
        self.optimiser.step()
        self.trained_on = [np.arange(len(self.inputs))]
        self.held_out_scores = None

    def _update(self, rows: np.ndarray, w: Tensor) -> None:
        with torch.enable_grad():
            batch, truth = self.inputs.batch(rows, self.device), targets(self.truth, rows, self.device)
            update(self.model, self.optimiser, batch, truth, w.detach().to(self.device))

    def observe(self, time: float) -> Observation:
        """What the classifier's scores on the held-out documents show of every label."""
        return Observation.of(self._held_out_scores(), self.held_out_truth, self.log_frequency, time)

    def judged(self, on: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Scores and truth, in chunks, of the documents that the reward is computed on: "held_out" or "in_sample"."""
        if on == "held_out":
            yield self._held_out_scores(), self.held_out_truth
            return
        trained_on = np.concatenate(self.trained_on)
        for rows in np.split(trained_on, range(self.CHUNK, len(trained_on), self.CHUNK)):
            yield score(self.model, Part(self.inputs, rows), self.device), self.truth[rows]

    def _held_out_scores(self) -> np.ndarray:
        if self.held_out_scores is None:
            self.held_out_scores = score(self.model, self.held_out, self.device)
        return self.held_out_scores


class Part:
    """Some of the documents of other inputs."""

    def __init__(self, inputs: Inputs, rows: np.ndarray):
        self.inputs, self.rows = inputs, rows
        self.lengths = inputs.lengths[rows]

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, rows: np.ndarray, device: Any) -> Any:
        return self.inputs.batch(self.rows[rows], device)
