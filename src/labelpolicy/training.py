"""Eq. 1 and the loop that every classifier shares."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from labelpolicy.devices import lease
from labelpolicy.errors import LabelPolicyError
from labelpolicy.randomness import derive, generator

if TYPE_CHECKING:
    from labelpolicy.classifiers.base import Inputs, TorchClassifier
    from labelpolicy.classifiers.registry import Row, Training


def prepare_torch(device: str, threads: int) -> torch.device:
    """Fix what would make two runs differ, the number of ``threads`` too, and choose the device."""
    if device == "cuda" and not torch.cuda.is_available():
        raise LabelPolicyError("device: cuda asked for, but PyTorch finds no GPU here: set device to auto or cpu")
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)  # a few CUDA kernels have no deterministic form
    setattr(torch.utils.deterministic, "fill_uninitialized_memory", False)  # noqa: B010 - untyped; costs a pass a buffer
    if device == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    number = lease(torch.cuda.device_count())
    torch.cuda.set_device(number)
    return torch.device("cuda", number)


@contextmanager
def enough_memory(*settings: str) -> Iterator[None]:
    """A GPU whose memory is full, as one line that says which settings to lower."""
    try:
        yield
    except torch.OutOfMemoryError:
        lower = " or ".join(settings)
        raise LabelPolicyError(f"the GPU's memory is full: lower {lower}, or set device to cpu") from None


def weighted_cross_entropy(logits: Tensor, y_true: Tensor, weights: Tensor) -> Tensor:
    """Eq. 1: sum over labels of N w_j times the binary cross-entropy; mean over the batch, where the paper sums.

    Shapes: logits and y_true (documents, labels), weights (labels,) summing to 1.
    """
    cross_entropy = functional.binary_cross_entropy_with_logits(logits, y_true, reduction="none")
    return (cross_entropy @ (weights * len(weights))).mean()


def batches(lengths: np.ndarray, batch_size: int, random: np.random.Generator) -> Iterator[np.ndarray]:
    """Every document once, in random batches of similar length: shuffled, and sorted in groups of 50 batches."""
    order, group = random.permutation(len(lengths)), 50 * batch_size
    groups = np.split(order, range(group, len(order), group))
    order = np.concatenate([part[np.argsort(lengths[part], kind="stable")] for part in groups])
    parts = np.split(order, range(batch_size, len(order), batch_size))
    for i in random.permutation(len(parts)):
        yield parts[i]


def score(model: TorchClassifier, inputs: Inputs, device: torch.device, batch_size: int = 256) -> np.ndarray:
    """Probabilities float32 (documents, labels), in the order of ``inputs``; beside the result one batch of memory."""
    return applied(model, model.probabilities, inputs, device, batch_size)


@torch.no_grad()
def applied(
    model: nn.Module, function: Callable[[Any], Tensor], inputs: Inputs, device: torch.device, batch_size: int = 256
) -> np.ndarray:
    """What a function of the model makes of every document, with the model in evaluation mode."""
    was_training = model.training
    model.eval()
    order = np.argsort(inputs.lengths, kind="stable")
    result: np.ndarray = np.empty((len(order), 0), dtype=np.float32)
    for rows in np.split(order, range(batch_size, len(order), batch_size)):
        with enough_memory("max_tokens"):
            found = function(inputs.batch(rows, device)).cpu().numpy()
        result = result if result.size else np.empty((len(order), found.shape[1]), dtype=np.float32)
        result[rows] = found
    model.train(was_training)
    return result


class CombinedOptimizer:
    """Several optimizers as one, each for some of the parameters."""

    def __init__(self, *optimizers: Optimizer):
        self.optimizers = optimizers

    @property
    def state(self) -> dict[Tensor, dict[str, Tensor]]:
        """What they remember of each parameter."""
        return {parameter: state for each in self.optimizers for parameter, state in each.state.items()}

    def zero_grad(self) -> None:
        for each in self.optimizers:
            each.zero_grad()

    def step(self) -> None:
        for each in self.optimizers:
            each.step()


class Optimizer(Protocol):
    """One of PyTorch's, or what does as they do."""

    @property
    def state(self) -> Any:
        """What it remembers of each parameter."""

    def zero_grad(self) -> None: ...

    def step(self) -> None: ...


def make_optimizer(parameters: Iterable[nn.Parameter], settings: Training) -> torch.optim.Optimizer:
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimizer == "sgd":  # not fused, which sparse gradients do not bear
        return torch.optim.SGD(parameters, lr=rate, weight_decay=decay)
    return torch.optim.Adam(parameters, lr=rate, weight_decay=decay, fused=True)


class Trainer:
    """A classifier in training: its optimizer, its batches, and the best epoch so far.

    ``y_true`` bool (documents, labels) belongs to ``inputs``. ``evaluate`` gives the ``measures`` after an epoch; the
    one with the best micro-F1 is remembered.
    """

    def __init__(
        self,
        model: TorchClassifier,
        inputs: Inputs,
        y_true: np.ndarray,
        *,
        seed: int,
        device: torch.device,
        evaluate: Callable[[], dict[str, float]] | None = None,
    ):
        self.model, self.inputs, self.y_true, self.device, self.evaluate = model, inputs, y_true, device, evaluate
        model.to(device).train()
        torch.manual_seed(derive(seed, "dropout"))
        self.random = generator(seed, "batches")
        self.optimizer = model.optimizer(-(-len(inputs) // model.settings.batch_size) * model.settings.epochs)
        self.epochs, self.since_best, self.best = 0, 0, -1.0
        self.best_state: dict[str, Any] | None = None

    def batches(self) -> Iterator[np.ndarray]:
        """The documents of the next pass, batch by batch."""
        return batches(self.inputs.lengths, self.model.settings.batch_size, self.random)

    def loss(self, rows: np.ndarray, weights: Tensor) -> Tensor:
        """The loss of some documents with label weights (labels,)."""
        return self.model.loss(self.inputs.batch(rows, self.device), targets(self.y_true, rows, self.device), weights)

    def update(self, rows: np.ndarray, weights: Tensor) -> float:
        """One step on a batch, whose gradient is summed over as many parts as the model asks for; its loss."""
        self.optimizer.zero_grad()
        total = 0.0
        with enough_memory("batch_size", "max_tokens"):
            for part in np.array_split(rows, min(self.model.accumulation, len(rows))):
                loss = self.loss(part, weights) * (len(part) / len(rows))
                loss.backward()
                total += loss.item()
            self.optimizer.step()
        return total

    def epoch(self, weights: Tensor) -> Row:
        """A pass over the documents: its number, its mean loss, and what ``evaluate`` measures then as valid_{measure}.

        Raises LabelPolicyError for a loss that is no number.
        """
        self.epochs += 1
        loss = sum(len(rows) * self.update(rows, weights) for rows in self.batches()) / len(self.inputs)
        if not np.isfinite(loss):
            rate = self.model.settings.learning_rate
            raise LabelPolicyError(
                f"epoch {self.epochs}: the training loss is {loss}: lower learning_rate (now {rate})"
            )
        row = {"epoch": self.epochs, "loss": loss}
        if self.evaluate is not None:
            row |= {f"valid_{name}": value for name, value in self.evaluate().items()}
            self.since_best += 1
            if row["valid_micro_f1"] > self.best:
                self.best, self.since_best = row["valid_micro_f1"], 0
                self.best_state = copy.deepcopy(self.model.state_dict())
        return row

    @property
    def should_stop(self) -> bool:
        """Whether the last epochs, as many as the settings' patience, were no better than the best before them.

        Not before a label was right once: large models take some epochs to predict any.
        """
        return 0 < self.model.settings.patience <= self.since_best and self.best > 0

    def restore_best(self) -> None:
        """Go back to the best epoch so far, if there is one."""
        if self.best_state is not None:
            self.model.load_state_dict(self.best_state)


def targets(y_true: np.ndarray, rows: np.ndarray, device: torch.device) -> Tensor:
    """True labels of some documents as float32 (documents, labels)."""
    return torch.from_numpy(y_true[rows].astype(np.float32)).to(device)
