"""Classifiers: batch -> N logits, and nothing more.

A classifier is a ``torch.nn.Module`` whose ``forward(batch)`` returns logits of shape (documents, labels), with a
method ``encode(split) -> Inputs`` that turns a split of the prepared data into something batches can be drawn from. Its
module in this package has ``build(data, parameters, seed)``. Training, meta-learning and scoring know no more
than that, so any model of your own can take its place.

``linear_svc`` is the exception: scikit-learn trains it, so its module has ``fit`` instead of ``build``.

A model that is no row of N independent logits may say more:

- ``loss(batch, truth, weights)``, the loss of a batch in place of Eq. 1 over its logits;
- ``probabilities(batch)``, scores float (documents, labels) in place of the logits' logistic function;
- ``parts(parameters)``, pairs of some of its weights and the section their optimiser follows, in place of one for all.

An encoder that a chain stands on has ``features(batch)``, the document vectors (documents, ``width``) as its output
layer sees them; ``features_are_logits`` where they are its logits. ``{encoder}+{chain}`` names such a classifier, as in
``kim_cnn+subset_maximization``; ``load`` takes both kinds of names. What scikit-learn fits on frozen features has
``on_features``, the module of the ``encoder`` that is trained before, and a ``check`` of what would fail afterwards.
"""

from __future__ import annotations

import importlib
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from labelpolicy.config import Parameters
from labelpolicy.errors import LabelPolicyError
from labelpolicy.parameters import Chained, Study

if TYPE_CHECKING:  # names are asked for where nothing is read
    from labelpolicy.data.prepared import Prepared

CLASSIFIERS = ("kim_cnn", "linear", "linear_svc", "attentive_lstm")

#: Classifiers that a chain may stand on.
ENCODERS = ("kim_cnn", "linear", "attentive_lstm")

#: The module in labelpolicy.classifiers.chains of each chain; its section of the parameters has the same name.
CHAINS = {
    "predictions_as_features": "predictions_as_features",
    "subset_maximization": "subset_maximization",
    "classifier_chain": "classifier_chains",
    "ensemble_of_chains": "classifier_chains",
}


class Inputs(Protocol):
    """The documents of one split, in the form one classifier wants."""

    lengths: np.ndarray
    """Cost of each document (tokens, say), int64 (documents,); batches are drawn from documents of similar length."""

    def __len__(self) -> int: ...

    def batch(self, rows: np.ndarray, device: Any) -> Any:
        """The documents in ``rows`` as what ``forward`` takes."""
        ...


def log_odds(data: Prepared) -> np.ndarray:
    """Where output biases may start: each label's log odds among the training documents, float (labels,).

    From 0, what many documents share, common words or filters that often fire, would first learn how rare each label
    is, and labels with few positives are ranked worse for it; Lin et al. (2017, Section 3.3) start at the prior too.
    Half a document each way keeps labels on none or on all documents finite.
    """
    count, documents = data.train_count, len(data.split("train"))
    return np.log((count + 0.5) / (documents - count + 0.5))


def names() -> tuple[str, ...]:
    """Every classifier there is: the plain ones, and every encoder with every chain."""
    return CLASSIFIERS + tuple(f"{encoder}+{chain}" for encoder in ENCODERS for chain in CHAINS)


def load(name: str) -> ModuleType | SimpleNamespace:
    """The module of a classifier by name, or what stands for one: build, fit, or on_features and encoder."""
    encoder, chain = _parts(name)
    plain = importlib.import_module(f"labelpolicy.classifiers.{encoder}")
    if chain is None:
        return plain
    module = importlib.import_module(f"labelpolicy.classifiers.chains.{CHAINS[chain]}")
    if hasattr(module, "build"):
        return SimpleNamespace(build=partial(module.build, plain))
    if encoder == "linear":  # its features are tf-idf: nothing to train first
        return SimpleNamespace(fit=partial(module.fit, chain))
    return SimpleNamespace(
        encoder=plain, check=partial(module.check, chain), on_features=partial(module.on_features, chain)
    )


def modules(name: str) -> list[str]:
    """The modules behind a classifier, relative to the package: what a digest of its code must cover."""
    encoder, chain = _parts(name)
    return [f"classifiers.{encoder}"] + ([f"classifiers.chains.{CHAINS[chain]}"] if chain else [])


def sections(name: str) -> list[str]:
    """The sections of the parameters that a classifier reads."""
    encoder, chain = _parts(name)
    return [f"classifiers.{encoder}"] + ([f"chains.{CHAINS[chain]}"] if chain else [])


def parameters(study: Study, name: str) -> Parameters:
    """A classifier's parameters: its section, or those of encoder and chain together."""
    encoder, chain = _parts(name)
    own = getattr(study.classifiers, encoder)
    return own if chain is None else Chained.of(own, getattr(study.chains, CHAINS[chain]))


def _parts(name: str) -> tuple[str, str | None]:
    encoder, plus, chain = name.partition("+")
    if plus and encoder in CLASSIFIERS and chain in CHAINS and encoder not in ENCODERS:
        raise LabelPolicyError(
            f"classifier {name!r}: {encoder} has no features for a chain: expected one of {', '.join(ENCODERS)}"
        )
    if encoder not in CLASSIFIERS or (plus and chain not in CHAINS):
        raise LabelPolicyError(
            f"classifier {name!r} is unknown: expected one of {', '.join(CLASSIFIERS)}, "
            f"or {{encoder}}+{{chain}} with one of {', '.join(CHAINS)}"
        )
    return encoder, chain if plus else None
