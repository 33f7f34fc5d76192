"""Eq. 1 and the loop that every classifier shares."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from labelpolicy.classifiers import Inputs
from labelpolicy.devices import lease
from labelpolicy.errors import LabelPolicyError
from labelpolicy.parameters import Training
from labelpolicy.progress import Progress
from labelpolicy.randomness import derive, generator
from labelpolicy.thresholds.objectives import measures


def prepare_torch(device: str, threads: int) -> torch.device:
    """Fix what would make two runs differ, and choose the device.

    Results are the same bytes for the same number of ``threads``; jobs of one thread side by side are faster
    than one job of many (two against one on 2 cores: 1.8 to 1).
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise LabelPolicyError("device: cuda asked for, but PyTorch finds no GPU here: set device to auto or cpu")
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)  # a few CUDA kernels have no deterministic form
    torch.utils.deterministic.fill_uninitialized_memory = False  # a debugging aid that costs a pass over every buffer
    if device == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    number = lease(torch.cuda.device_count())
    torch.cuda.set_device(number)
    return torch.device("cuda", number)


def weighted_cross_entropy(logits: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """Eq. 1 per document: sum over labels of N w_j times the binary cross-entropy; mean over the batch.

    Shapes: logits and truth (documents, labels), weights (labels,) summing to 1. With w_j = 1/N it is the plain
    cross-entropy. The paper sums over the batch; the mean differs by a constant that Adam does not see.
    """
    cross_entropy = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return (cross_entropy @ (weights * len(weights))).mean()


def batches(lengths: np.ndarray, batch_size: int, random: np.random.Generator) -> Iterator[np.ndarray]:
    """Every document once, in random batches of documents of similar length.

    Shuffled documents are sorted by length in groups of 50 batches, so that little of a batch is padding.
    """
    order = random.permutation(len(lengths))
    group = 50 * batch_size
    order = np.concatenate(
        [part[np.argsort(lengths[part], kind="stable")] for part in np.split(order, range(group, len(order), group))]
    )
    parts = np.split(order, range(batch_size, len(order), batch_size))
    for i in random.permutation(len(parts)):
        yield parts[i]


def score(model: nn.Module, inputs: Inputs, device: torch.device, batch_size: int = 256) -> np.ndarray:
    """Probabilities float32 (documents, labels), in the order of ``inputs``; beside the result one batch of memory."""
    return applied(model, partial(probabilities_of, model), inputs, device, batch_size)


def document_vectors(model: nn.Module, inputs: Inputs, device: torch.device, batch_size: int = 256) -> np.ndarray:
    """The encoder's features float32 (documents, width), in the order of ``inputs``."""
    return applied(model, model.features, inputs, device, batch_size)


@torch.no_grad()
def applied(
    model: nn.Module, function: Callable[[Any], Tensor], inputs: Inputs, device: torch.device, batch_size: int
) -> np.ndarray:
    """What a function of the model makes of every document, with the model in evaluation mode."""
    was_training = model.training
    model.eval()
    order = np.argsort(inputs.lengths, kind="stable")
    result = None
    for rows in np.split(order, range(batch_size, len(order), batch_size)):
        found = function(inputs.batch(rows, device)).cpu().numpy()
        if result is None:
            result = np.empty((len(order), found.shape[1]), dtype=np.float32)
        result[rows] = found
    model.train(was_training)
    return result


class Together:
    """Several optimisers as one, each for some of the parameters."""

    def __init__(self, optimisers: list[torch.optim.Optimizer]):
        self.optimisers = optimisers

    def zero_grad(self, set_to_none: bool = True) -> None:
        for each in self.optimisers:
            each.zero_grad(set_to_none=set_to_none)

    def step(self) -> None:
        for each in self.optimisers:
            each.step()


def state_of(optimiser: torch.optim.Optimizer | Together) -> dict[Tensor, dict[str, Tensor]]:
    """What an optimiser remembers of each parameter."""
    several = optimiser.optimisers if isinstance(optimiser, Together) else [optimiser]
    return {parameter: state for each in several for parameter, state in each.state.items()}


def optimiser(model: nn.Module, parameters: Training) -> torch.optim.Optimizer | Together:
    """The optimiser of the parameters' section, or of each part's where the model is made of several."""
    if hasattr(model, "parts"):
        return Together([optimiser_of(part, settings) for part, settings in model.parts(parameters)])
    return optimiser_of(model.parameters(), parameters)


def optimiser_of(part: Iterable[nn.Parameter], parameters: Training) -> torch.optim.Optimizer:
    settings = {"lr": parameters.learning_rate, "weight_decay": parameters.weight_decay}
    if parameters.optimiser == "sgd":  # not fused, which sparse gradients do not bear
        return torch.optim.SGD(part, **settings)
    return torch.optim.Adam(part, fused=True, **settings)


def loss_of(model: nn.Module, batch: Any, truth: Tensor, weights: Tensor) -> Tensor:
    """The model's own loss, or Eq. 1 over its logits."""
    if hasattr(model, "loss"):
        return model.loss(batch, truth, weights)
    return weighted_cross_entropy(model(batch), truth, weights)


def probabilities_of(model: nn.Module, batch: Any) -> Tensor:
    """The model's own scores, float (documents, labels), or the logistic function of its logits."""
    return model.probabilities(batch) if hasattr(model, "probabilities") else torch.sigmoid(model(batch))


def update(
    model: nn.Module, optimiser: torch.optim.Optimizer | Together, batch: Any, truth: Tensor, weights: Tensor
) -> float:
    """One step of Eq. 1, or of the model's own loss; returns the loss."""
    loss = loss_of(model, batch, truth, weights)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    return loss.item()


def train(
    model: nn.Module,
    inputs: Inputs,
    truth: np.ndarray,
    valid: tuple[Inputs, np.ndarray] | None,
    *,
    weights: np.ndarray,
    parameters: Training,
    seed: int,
    device: torch.device,
    progress: Progress,
) -> list[dict[str, float]]:
    """Train in place with label weights w (Eq. 1); the best epoch by validation micro-F1 at 0.5 is kept.

    Shapes: truth bool (documents, labels), weights (labels,) summing to 1. ``valid`` are validation documents and their
    truth; without any, all epochs are run and the last one is kept. Returns one row per epoch: epoch, loss, and, with
    ``valid``, valid_accuracy, valid_macro_f1, valid_micro_f1.
    """
    model.to(device).train()
    torch.manual_seed(derive(seed, "dropout"))
    random = generator(seed, "batches")
    stepper = optimiser(model, parameters)
    label_weights = torch.tensor(weights, dtype=torch.float32, device=device)
    history, best, kept = [], -1.0, None
    for epoch in range(1, parameters.epochs + 1):
        losses = [
            len(rows) * update(model, stepper, inputs.batch(rows, device), targets(truth, rows, device), label_weights)
            for rows in batches(inputs.lengths, parameters.batch_size, random)
        ]
        loss = sum(losses) / len(inputs)
        if not np.isfinite(loss):
            raise LabelPolicyError(
                f"epoch {epoch}: the training loss is {loss}: lower learning_rate (now {parameters.learning_rate})"
            )
        history.append({"epoch": epoch, "loss": loss})
        if valid is None:
            progress.step(f"epoch {epoch}: loss {loss:.4f}")
            continue
        measured = measures(valid[1], score(model, valid[0], device) > 0.5)
        history[-1] |= {f"valid_{name}": value for name, value in measured.items()}
        progress.step(f"epoch {epoch}: loss {loss:.4f}, validation micro-F1 {measured['micro_f1']:.4f}")
        if measured["micro_f1"] > best:
            best, kept, best_epoch = measured["micro_f1"], copy.deepcopy(model.state_dict()), epoch
        elif parameters.patience and epoch - best_epoch >= parameters.patience:
            break
    if valid is not None:
        model.load_state_dict(kept)
    return history


def targets(truth: np.ndarray, rows: np.ndarray, device: torch.device) -> Tensor:
    """True labels of some documents as float32 (documents, labels)."""
    return torch.from_numpy(truth[rows].astype(np.float32)).to(device)
