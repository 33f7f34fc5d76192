"""Classifiers that PyTorch trains: documents -> batches -> logits, and how they are fitted and applied."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from labelpolicy.classifiers.registry import Row, Run, Training
from labelpolicy.data.prepared import Prepared, Split
from labelpolicy.progress import Progress
from labelpolicy.thresholds.objectives import measures
from labelpolicy.training import (
    CombinedOptimizer,
    Optimizer,
    Trainer,
    applied,
    make_optimizer,
    prepare_torch,
    score,
    weighted_cross_entropy,
)


class Inputs(Protocol):
    """The documents of one split, in the form one classifier wants."""

    lengths: np.ndarray
    """Cost of each document (tokens, say), int64 (documents,); batches are drawn from documents of similar length."""

    def __len__(self) -> int: ...

    def batch(self, rows: np.ndarray, device: Any) -> Any:
        """The documents in ``rows`` as what ``forward`` takes."""
        ...


class TorchClassifier(nn.Module):
    """A classifier of one logit for each label, trained by Eq. 1; a subclass has ``encode`` and ``forward``.

    One that is no row of independent logits has a ``loss`` and ``probabilities`` of its own. One that chains stand on
    has ``features`` and ``width``. What it has learned is its ``state_dict``; with ``settings`` and the sizes that its
    constructor takes from the data set that is all of it.
    """

    loss_is_equation_1: ClassVar[bool] = True
    """The loss is the sum over labels of Eq. 1, so that the effect of a label's weight can be told from its logit."""
    features_are_logits: ClassVar[bool] = False
    width: int
    """Columns of ``features``."""

    def __init__(self, settings: Training):
        super().__init__()
        self.settings = settings

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def encode(self, split: Split) -> Inputs:
        """The documents of a split as something that batches can be drawn from."""
        raise NotImplementedError

    def forward(self, batch: Any) -> Tensor:
        """Logits float (documents, labels)."""
        raise NotImplementedError

    def features(self, batch: Any) -> Tensor:
        """The document vectors (documents, ``width``) as the output layer sees them."""
        raise NotImplementedError

    def loss(self, batch: Any, y_true: Tensor, weights: Tensor) -> Tensor:
        """The loss of a batch; y_true float (documents, labels), weights (labels,) that sum to 1."""
        return weighted_cross_entropy(self(batch), y_true, weights)

    def probabilities(self, batch: Any) -> Tensor:
        """Scores float (documents, labels)."""
        return torch.sigmoid(self(batch))

    def optimizer(self) -> Optimizer:
        """One for all parameters, as the settings say."""
        return make_optimizer(self.parameters(), self.settings)

    def fit(self, data: Prepared, weights: np.ndarray, run: Run) -> list[Row]:
        """Train in place (Eq. 1); see :class:`labelpolicy.classifiers.registry.Classifier`.

        The best epoch by micro-F1 at 0.5 on validation documents is kept; where ``run.epochs`` says how many there are,
        the last one, and no validation document is read.
        """
        device = prepare_torch(run.device, run.threads)
        documents, evaluate = data.split("train"), None
        if run.epochs is None:
            evaluate = partial(self._measures, self.encode(data.split("valid")), data.split("valid").truth)
        trainer = Trainer(
            self, self.encode(documents), documents.truth, seed=run.seed, device=device, evaluate=evaluate
        )
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

    def predict_proba(self, split: Split) -> np.ndarray:
        return score(self, self.encode(split), self.device)

    def document_vectors(self, split: Split) -> np.ndarray:
        """``features`` of every document, float32 (documents, width)."""
        return applied(self, self.features, self.encode(split), self.device)


class TorchChain(TorchClassifier):
    """A chain that is trained together with its encoder, which keeps its own training loop, optimizer and step size."""

    def __init__(self, encoder: TorchClassifier, learning_rate: float, weight_decay: float):
        """Step size and L2 penalty are those of the Adam that trains what the chain adds."""
        super().__init__(encoder.settings)
        self.encoder = encoder
        self.own_settings = Training(optimizer="adam", learning_rate=learning_rate, weight_decay=weight_decay)

    def encode(self, split: Split) -> Inputs:
        return self.encoder.encode(split)

    def optimizer(self) -> CombinedOptimizer:
        own = [value for name, value in self.named_parameters() if not name.startswith("encoder.")]
        return CombinedOptimizer(self.encoder.optimizer(), make_optimizer(own, self.own_settings))


def log_odds(data: Prepared) -> np.ndarray:
    """Where output biases may start: each label's log odds among the training documents, float (labels,).

    From 0, what many documents share, common words or filters that often fire, would first learn how rare each label
    is, and labels with few positives are ranked worse for it; Lin et al. (2017, Section 3.3) start at the prior too.
    Half a document each way keeps labels on none or on all documents finite.
    """
    count, documents = data.train_count, len(data.split("train"))
    return np.log((count + 0.5) / (documents - count + 0.5))
