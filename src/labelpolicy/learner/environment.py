"""The environment of Algorithm 1: a classifier that is trained a little, observed, rewarded, reset."""

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import torch
from torch import Tensor, nn

from labelpolicy.classifiers import registry
from labelpolicy.classifiers.base import Inputs, TorchClassifier
from labelpolicy.data.prepared import Prepared
from labelpolicy.errors import LabelPolicyError
from labelpolicy.learner.meta_learner import LabelFeatures, Observation
from labelpolicy.learner.parameters import LearnerParameters
from labelpolicy.learner.reward import RewardBatch
from labelpolicy.randomness import generator
from labelpolicy.thresholds.objectives import measures
from labelpolicy.training import Trainer, prepare_torch, score, targets


class Subset(Inputs):
    """Some of the documents of other inputs."""

    def __init__(self, inputs: Inputs, rows: np.ndarray):
        self.inputs, self.rows, self.lengths = inputs, rows, inputs.lengths[rows]

    def batch(self, rows: np.ndarray, device: torch.device) -> Any:
        return self.inputs.batch(self.rows[rows], device)


class TrainingEnvironment:
    """A classifier, the documents it learns from, and validation documents that it is observed and rewarded on.

    Label arrays are bool (documents, labels). Nothing of the test set is ever here.
    """

    CHUNK = 1024  # documents at a time where a step takes the whole training set; memory does not grow beyond
    GRADIENT_DOCUMENTS = 128  # that a gradient of the weights is taken on, the most expensive part of a time step
    DOCUMENTS = 1 << 14  # held out or rewarded on at most: enough, and memory does not grow beyond

    def __init__(
        self,
        model: TorchClassifier,
        inputs: Inputs,
        y_true: np.ndarray,
        held_out: Inputs,
        held_out_true: np.ndarray,
        *,
        seed: int,
        device: torch.device,
        label_features: LabelFeatures | None = None,
    ):
        self.model, self.seed, self.device = model.to(device), seed, device
        self.inputs, self.y_true, self.labels = inputs, y_true, y_true.shape[1]
        rows = _some(len(held_out), self.DOCUMENTS, generator(seed, "held-out documents"))
        self.all_held_out, self.all_held_out_true = Subset(held_out, rows), held_out_true[rows]
        self.label_features = label_features or LabelFeatures.of(y_true)
        self.untrained = copy.deepcopy(model.state_dict())
        self.reset()

    @classmethod
    def of(
        cls,
        dataset: str | Path,
        classifier: str,
        parameters: Any,
        *,
        seed: int,
        device: str = "auto",
        threads: int = 1,
        features: Path | None = None,
    ) -> Self:
        """A classifier by name, trained by gradient, with a prepared data set's training and validation documents."""
        entry = registry.load(classifier, parameters)
        if not entry.trained_by_gradient:
            why = "is not trained by gradient: a policy cannot be learned with it"
            raise LabelPolicyError(f"classifier {classifier!r} {why}")
        torch_device = prepare_torch(device, threads)
        data = Prepared(dataset, features)
        train, valid = data.split("train"), data.split("valid")
        model = cast(TorchClassifier, entry.build(data, parameters, seed))
        documents = model.encode(train), train.y_true, model.encode(valid), valid.y_true
        of_labels = LabelFeatures.of_dataset(data, train.y_true)
        return cls(model, *documents, seed=seed, device=torch_device, label_features=of_labels)

    def reset(self) -> None:
        """The classifier untrained again; optimizer, dropout and batches from the beginning; all held-out documents."""
        self.model.load_state_dict(self.untrained)
        how: dict[str, Any] = {"seed": self.seed, "device": self.device, "evaluate": self._measures}
        self.trainer = Trainer(self.model, self.inputs, self.y_true, **how)
        self.queue: list[np.ndarray] = []
        self.trained_on: list[np.ndarray] = []
        self.draw_held_out(np.random.default_rng(0), len(self.all_held_out))

    def draw_held_out(self, random: np.random.Generator, count: int) -> None:
        """Choose ``count`` held-out documents at random for an episode, or all if there are no more."""
        rows = _some(len(self.all_held_out), count, random)
        self.held_out, self.held_out_true = Subset(self.all_held_out, rows), self.all_held_out_true[rows]
        self.held_out_score: np.ndarray | None = None

    def updates_of_a_training(self) -> int:
        """Updates of one whole training: batches of a pass, times epochs."""
        return -(-len(self.inputs) // self.model.settings.batch_size) * self.model.settings.epochs

    def batches_for(self, parameters: LearnerParameters) -> int:
        """Batches a time step; by default half of a whole training, which learning should not cost more than."""
        steps = parameters.steps * (1 if parameters.training.reset == "episode" else parameters.episodes)
        return parameters.training.batches or -(-self.updates_of_a_training() // (2 * steps))

    def should_reset(self, episode: int, parameters: LearnerParameters) -> bool:
        """Whether this episode finds the classifier untrained; reset: training, after about each whole training."""
        if parameters.training.reset != "training":
            return parameters.training.reset == "episode"
        updates = self.batches_for(parameters) * parameters.steps * parameters.episodes
        trainings = max(1, round(updates / self.updates_of_a_training()))
        training, before = (each * trainings // parameters.episodes for each in (episode, episode - 1))
        return episode > 0 and training != before

    @torch.enable_grad()
    def train(self, w: Tensor, count: int) -> None:
        """``count`` updates with label weights w (Eq. 1) on the next batches of the training set."""
        self.trained_on = []
        for _ in range(count):
            self.queue = self.queue or list(self.trainer.batches())
            rows = self.queue.pop()
            self.trainer.update(rows, w.detach().to(self.device))
            self.trained_on.append(rows)
        self.held_out_score = None

    @torch.enable_grad()
    def train_passes(self, w: Tensor, step: int, steps: int) -> None:
        """Passes over the training set: the step's part of a whole training, at least one; they stop where it would."""
        epochs = self.model.settings.epochs
        for _ in range(max(1, (step + 1) * epochs // steps - step * epochs // steps)):
            if not self.trainer.should_stop:
                self.trainer.epoch(w.detach().to(self.device))
        self.trained_on = [np.arange(len(self.inputs))]

    def restore_best(self) -> None:
        """Go back to the classifier of the best pass so far, the one that training would keep."""
        self.trainer.restore_best()
        self.held_out_score = None

    @torch.enable_grad()
    def train_whole(self, w: Tensor) -> None:
        """One update with the whole training set as the batch (Section 3.3), its gradient summed chunk by chunk."""
        weights = w.to(self.device)
        self.trainer.optimizer.zero_grad()
        order = np.argsort(self.inputs.lengths, kind="stable")
        for rows in np.split(order, range(self.CHUNK, len(order), self.CHUNK)):
            (self.trainer.loss(rows, weights) * (len(rows) / len(order))).backward()
        self.trainer.optimizer.step()
        self.trained_on = [np.arange(len(self.inputs))]
        self.held_out_score = None

    def observe(self, time: float) -> Observation:
        """What the classifier's scores on the held-out documents show of every label; the reference is 0.5."""
        reference = np.zeros(self.labels)
        return Observation.of(self._held_out_score(), self.held_out_true, self.label_features, reference, time)

    def reward_batch(self, on: str) -> RewardBatch:
        """The documents that the reward is computed on: "held_out", or "in_sample", those just trained on."""
        if on == "held_out":
            return RewardBatch(self._held_out_score(), self.held_out_true)
        documents = self._in_sample()
        return RewardBatch(score(self.model, documents, self.device), self.y_true[documents.rows])

    def _in_sample(self) -> Subset:
        rows = np.concatenate(self.trained_on)
        return Subset(self.inputs, rows[:: -(-len(rows) // self.DOCUMENTS)])

    def _measures(self) -> dict[str, float]:
        self.held_out_score = None
        return measures(self.held_out_true, self._held_out_score() > 0.5)

    def _held_out_score(self) -> np.ndarray:
        if self.held_out_score is None:
            self.held_out_score = score(self.model, self.held_out, self.device)
        return self.held_out_score

    def weight_gradient(self, of_logits: Tensor, on: str) -> np.ndarray:
        """What a little more weight on each label at the last update would have done to the utility: float (labels,).

        As in learning to reweight (Ren et al. 2018): with v the utility's gradient in the classifier's parameters, an
        update against the gradient g_j of label j's loss changes the utility by -<v, g_j>, to first order. <v, g_j> is
        the mean over the batch of (y - y_true) times the derivative of the logit along v, which two forward passes give
        for all labels at once. Adam divides each parameter's step, so v is divided alike.

        ``of_logits`` (documents, labels) is the utility's gradient in the logits of ``reward_batch(on)``. All 0 for a
        model whose loss is no sum over labels (a chain).
        """
        if not self.model.loss_is_equation_1:
            return np.zeros(self.labels)
        self.model.eval()
        inputs = self.held_out if on == "held_out" else self._in_sample()
        direction = self._utility_gradient(inputs, of_logits)
        rows = self.trained_on[-1]
        batch, y_true = self.inputs.batch(rows, self.device), targets(self.y_true, rows, self.device)
        with torch.no_grad():
            size = 1e-2 * _length(direction) / _length(direction.values()).clamp(min=1e-30)
            here = self.model(batch)
            before = [each.clone() for each in direction]
            for each, total in direction.items():
                each.add_(size * total)
            along = (self.model(batch) - here) / size
            for each, value in zip(direction, before, strict=True):
                each.copy_(value)
            result = -((torch.sigmoid(here) - y_true) * along).mean(0)
        self.model.train()
        return result.cpu().double().numpy()

    @torch.enable_grad()
    def _utility_gradient(self, inputs: Subset, of_logits: Tensor) -> dict[nn.Parameter, Tensor]:
        """The utility's gradient by the classifier's parameter, each divided as the optimizer would."""
        parameters = [each for each in self.model.parameters() if each.requires_grad]
        rows = np.arange(0, len(inputs), -(-len(inputs) // self.GRADIENT_DOCUMENTS))
        found, grads = self.model(inputs.batch(rows, self.device)), of_logits[rows].to(self.device)
        parts = torch.autograd.grad(found, parameters, grads, allow_unused=True, materialize_grads=True)
        direction, states = dict(zip(parameters, parts, strict=True)), self.trainer.optimizer.state
        for each in parameters:
            square = states.get(each, {}).get("exp_avg_sq")
            if square is not None:
                direction[each] /= square.sqrt() + 1e-8
        return direction


def _some(documents: int, count: int, random: np.random.Generator) -> np.ndarray:
    """``count`` of so many rows at random, in their order, or all if there are no more."""
    return np.sort(random.choice(documents, count, replace=False)) if count < documents else np.arange(documents)


def _length(parts: Iterable[Tensor]) -> Tensor:
    """The Euclidean norm of all parts together; sparse ones have only some rows."""
    total = torch.zeros(())
    for part in parts:
        total = total + (part.coalesce().values() if part.is_sparse else part).square().sum()
    return total.sqrt()
