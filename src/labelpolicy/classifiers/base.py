"""Classifiers that PyTorch trains: documents -> batches -> logits, and how they are fitted and applied."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import torch
from torch import Tensor, nn

from labelpolicy import training
from labelpolicy.classifiers.registry import Row, Run, State, Training, prefixed
from labelpolicy.data.prepared import Prepared, Split
from labelpolicy.progress import Progress
from labelpolicy.thresholds.objectives import measures
from labelpolicy.training import CombinedOptimizer, Optimizer, Trainer, applied, prepare_torch, score


class Inputs(Protocol):
    """The documents of one split, in the form one classifier wants; to be derived from, or just alike."""

    lengths: np.ndarray  # cost of each document (tokens, say), int64 (documents,); those of a batch are similar

    def __len__(self) -> int:
        return len(self.lengths)

    def batch(self, rows: np.ndarray, device: Any) -> Any:
        """The documents in ``rows`` as what ``forward`` takes."""


class TorchClassifier(nn.Module):
    """A classifier of one logit for each label, trained by Eq. 1; a subclass has ``encode`` and ``forward``.

    ``forward`` makes a batch logits float (documents, labels). One that is no row of independent logits has a ``loss``
    and ``probabilities`` of its own; one that chains stand on has ``features`` and ``width``.
    """

    loss_is_equation_1: ClassVar[bool] = True  # so the effect of a label's weight can be told from its logit
    features_are_logits: ClassVar[bool] = False
    width: int  # columns of ``features``
    accumulation: int = 1  # parts that a batch is computed in

    def __init__(self, settings: Training):
        super().__init__()
        self.settings = settings

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def encode(self, split: Split) -> Inputs:
        """The documents of a split as something that batches can be drawn from."""
        raise NotImplementedError

    def features(self, batch: Any) -> Tensor:
        """The document vectors (documents, ``width``) as the output layer sees them, for chains."""
        raise NotImplementedError

    def loss(self, batch: Any, y_true: Tensor, weights: Tensor) -> Tensor:
        """The loss of a batch; y_true float (documents, labels), weights (labels,) that sum to 1."""
        return training.weighted_cross_entropy(self(batch), y_true, weights)

    def probabilities(self, batch: Any) -> Tensor:
        """Scores float (documents, labels)."""
        return torch.sigmoid(self(batch))

    def optimizer(self, steps: int) -> Optimizer:
        """One for all parameters, as the settings say; ``steps`` are those of a whole training, without a patience."""
        return training.make_optimizer(self.parameters(), self.settings)

    def fit(self, data: Prepared, weights: np.ndarray, run: Run) -> list[Row]:
        """Train in place (Eq. 1), and keep the best epoch by micro-F1 at 0.5 on validation documents.

        Where ``run.epochs`` says how many there are, the last one is kept, and no validation document is read.
        """
        device = prepare_torch(run.device, run.threads)
        train, evaluate = data.split("train"), None
        if run.epochs is None:
            evaluate = partial(self._measures, self.encode(data.split("valid")), data.split("valid").y_true)
        trainer = Trainer(self, self.encode(train), train.y_true, seed=run.seed, device=device, evaluate=evaluate)
        label_weights = torch.tensor(weights, dtype=torch.float32, device=device)
        history: list[Row] = []
        epochs = run.epochs or self.settings.epochs
        with Progress(run.title, epochs) as progress:
            while len(history) < epochs and not trainer.should_stop:
                history.append(trainer.epoch(label_weights))
                progress.step(", ".join(f"{name} {value:.4g}" for name, value in history[-1].items()))
        trainer.restore_best()
        return history

    def _measures(self, inputs: Inputs, y_true: np.ndarray) -> dict[str, float]:
        return measures(y_true, score(self, inputs, self.device) > 0.5)

    def state(self) -> State:
        return {name: value.cpu().numpy() for name, value in self.state_dict().items()}

    def with_state(self, state: State) -> Self:
        """Itself, with what ``state`` gave."""
        self.load_state_dict({name: torch.from_numpy(np.array(state[name])) for name in self.state_dict()})
        return self

    def predict_proba(self, split: Split) -> np.ndarray:
        return score(self, self.encode(split), self.device)

    def document_vectors(self, split: Split) -> np.ndarray:
        """``features`` of every document, float32 (documents, width)."""
        return applied(self, self.features, self.encode(split), self.device)


ENCODER = "encoder."  # the names of a chain's parameters that are its encoder's begin so


class TorchChain(TorchClassifier):
    """A chain trained together with its encoder; ``parameters`` are those of the Adam for what the chain adds."""

    order: Tensor
    place: Tensor

    def __init__(self, encoder: TorchClassifier, order: np.ndarray, parameters: Any):
        super().__init__(encoder.settings)
        self.encoder = encoder
        self.register_buffer("order", torch.from_numpy(order))
        self.register_buffer("place", torch.argsort(self.order))
        self.own_settings = Training(learning_rate=parameters.learning_rate, weight_decay=parameters.weight_decay)

    def encode(self, split: Split) -> Inputs:
        return self.encoder.encode(split)

    def state(self) -> State:
        own = {name: value for name, value in super().state().items() if not name.startswith(ENCODER)}
        return own | prefixed(self.encoder.state(), ENCODER)

    def with_state(self, state: State) -> Self:
        """Itself, whose encoder is restored already, with what ``state`` gave."""
        own = [name for name in self.state_dict() if not name.startswith(ENCODER)]
        self.load_state_dict({name: torch.from_numpy(np.array(state[name])) for name in own}, strict=False)
        return self

    def optimizer(self, steps: int) -> CombinedOptimizer:
        own = [value for name, value in self.named_parameters() if not name.startswith(ENCODER)]
        return CombinedOptimizer(self.encoder.optimizer(steps), training.make_optimizer(own, self.own_settings))


def log_odds(data: Prepared) -> np.ndarray:
    """Log odds in training, (labels,): from biases of 0 rare labels are ranked worse (Lin et al. 2017, Section 3.3)."""
    count, documents = data.train_count, len(data.split("train"))
    return np.log((count + 0.5) / (documents - count + 0.5))


def uniform_parameter(random: torch.Generator, fan: int, *shape: int) -> nn.Parameter:
    """Within fan**-0.5 of 0, by a generator of its own: it depends on the seed and on nothing that ran before."""
    return nn.Parameter(torch.empty(*shape).uniform_(-(fan**-0.5), fan**-0.5, generator=random))
