"""Which classifiers there are, what each declares, and the contract that all of them keep.

To add one, put a module or a package in ``labelpolicy/classifiers/`` with

- its parameters, a subclass of ``Parameters``, or of :class:`Training` where it is trained by epochs;
- ``build(data, parameters, seed)``, which returns a :class:`Classifier`;
- ``restore(parameters, state)``, which returns a fitted one, from what its ``state()`` gave;
- ``DECLARATION = Declaration(parameters, build, restore)``.

Its name is the module's, its parameters become the section ``classifiers.{name}``. Its rows go into
``workflow/methods.tsv``, its description into the docs. One that PyTorch trains derives from
:class:`labelpolicy.classifiers.base.TorchClassifier`. A module is imported wherever names are asked for: heavy
libraries are to be imported inside ``build``, best with the network in a file beside it.

``{encoder}+{chain}``, as ``kim_cnn+subset_maximization``, is a chain on another classifier: a module in
``labelpolicy/classifiers/chains/`` (docs/chains.md).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from pydantic import Field, create_model

from labelpolicy import classifiers
from labelpolicy.cell import members
from labelpolicy.classifiers import chains
from labelpolicy.config import Count, NonNegativeFloat, Parameters, PositiveFloat, PositiveInt
from labelpolicy.errors import LabelPolicyError

if TYPE_CHECKING:  # names are asked for where nothing is read
    import numpy as np

    from labelpolicy.data.prepared import Prepared, Split
    from labelpolicy.parameters import Study

#: Modules of the two packages that are no classifiers.
HELPERS = {"base", "chains", "orders", "registry", "tfidf", "tuning"}

State = dict[str, "np.ndarray"]
"""Arrays by name: what a fitted classifier is, beside its parameters; what model.safetensors holds."""

FILES = "labelpolicy.files."
"""Arrays whose names begin so are files, as bytes, which a model folder has beside the others (tokenizer.json)."""

Row = dict[str, float]
"""An epoch of a training: epoch, loss, and on validation documents valid_accuracy, valid_macro_f1, valid_micro_f1."""


@dataclass(frozen=True)
class Run:
    """How one training runs: its seed, where, and for how long."""

    seed: int
    device: str = "cpu"
    threads: int = 1
    epochs: int | None = None  # so many and no validation document; None: these choose among those of the parameters
    title: str = "train"  # what its progress is shown under


class Classifier(Protocol):
    """What every classifier can do, whatever trains it."""

    def fit(self, data: Prepared, weights: np.ndarray, run: Run) -> list[Row]:
        """Train on the training split with label weights (labels,) that sum to 1 (Eq. 1); the epochs, if it has any."""

    def predict_proba(self, split: Split) -> np.ndarray:
        """Scores in [0, 1], float32 (documents, labels)."""

    def state(self) -> State:
        """All that it learned: ``Declaration.restore`` makes of it a classifier whose scores are the same bits."""


class Training(Parameters):
    """The loop that every classifier shares (Eq. 1)."""

    epochs: PositiveInt = Field(20, description="passes over the training split at most")
    patience: Count = Field(5, description="epochs without a better validation micro-F1 that end it; 0: never")
    batch_size: PositiveInt = Field(64, description="documents a step")
    optimizer: Literal["adam", "sgd"] = Field(
        "adam", description="adam, or sgd without momentum; Adam does not see label weights where labels share nothing"
    )
    learning_rate: PositiveFloat = Field(2e-3, description="the optimizer's step size")
    weight_decay: NonNegativeFloat = Field(0.0, description="the optimizer's L2 penalty")


class Chained(NamedTuple):
    """The parameters of a chain on an encoder, which keeps its own training loop, optimizer and step size."""

    encoder: Any
    chain: Any


@dataclass(frozen=True)
class Declaration:
    """What the module of a classifier, or of a chain, declares."""

    parameters: type[Parameters]
    #: (data, parameters, seed) -> the classifier, untrained. That of a chain takes the chain's name and the encoder's
    #: declaration before these, and its parameters are :class:`Chained`.
    build: Callable[..., Any]
    #: (parameters, state) -> the fitted classifier; that of a chain takes name and encoder before these.
    restore: Callable[..., Any]
    trained_by_gradient: bool = True  # a ``TorchClassifier``, which Algorithm 1 can train
    uses_torch: bool = True  # has epochs, and depends on the parameters ``device`` and ``threads``
    bears_label_weights: bool = True
    is_encoder: bool = False  # a chain may stand on it: it has ``features``
    #: data -> the function split -> (documents, width), where its features are known before it is trained.
    fixed_features: Callable[[Any], Any] | None = None
    restored_features: Callable[[State], Any] | None = None  # their ``state()`` -> the same function
    names: tuple[str, ...] = ()  # the chains that a module has, where these are several
    by_parameters: Callable[[Any], dict[str, Any]] | None = None  # parameters -> what they make of the facts above


@dataclass(frozen=True)
class Entry:
    """A classifier by its name, plain or a chain on an encoder."""

    build: Callable[[Any, Any, int], Classifier]
    restore: Callable[[Any, State], Classifier]
    trained_by_gradient: bool
    uses_torch: bool
    bears_label_weights: bool
    kinds: list[type[Parameters]]
    sections: list[str]  # of the parameters, that it reads
    modules: list[str]  # relative to the package: what a digest of its code must cover

    def parameters(self, study: Study) -> Any:
        """Its section, or those of encoder and chain as :class:`Chained`."""
        found = [attrgetter(section)(study) for section in self.sections]
        return Chained(*found) if len(found) > 1 else found[0]


def declarations() -> dict[str, Declaration]:
    """Of every plain classifier, by name."""
    return _declared(classifiers)


def chain_declarations() -> dict[str, tuple[str, Declaration]]:
    """Of every chain, by its name: the module's name and its declaration."""
    return {name: (module, each) for module, each in _declared(chains).items() for name in each.names or (module,)}


def encoders() -> list[str]:
    """Classifiers that a chain may stand on."""
    return [name for name, each in declarations().items() if each.is_encoder]


def names() -> list[str]:
    """Every classifier there is: the plain ones, and every encoder with every chain."""
    return [*declarations(), *(f"{encoder}+{chain}" for encoder in encoders() for chain in chain_declarations())]


def load(name: str, parameters: Any = None) -> Entry:
    """A classifier by name; with its parameters, what these make of it.

    Raises LabelPolicyError for a name of nothing or of joined scores, and for a chain on what has no features for it.
    """
    plain, chained = declarations(), chain_declarations()
    if len(of := members(name)) > 1:
        fault = f"joins the scores of {' and '.join(of)}: there is none to train or keep"
        raise LabelPolicyError(f"classifier {name!r} {fault}: give one of them, or see `labelpolicy join`")
    encoder_name, plus, chain_name = name.partition("+")
    if encoder_name not in plain or (plus and chain_name not in chained):
        raise LabelPolicyError(
            f"classifier {name!r} is unknown: expected one of {', '.join(plain)}, "
            f"or {{encoder}}+{{chain}} with one of {', '.join(chained)}"
        )
    encoder, section = plain[encoder_name], f"classifiers.{encoder_name}"
    if parameters is not None and encoder.by_parameters:
        own = parameters.encoder if plus else parameters
        encoder = replace(encoder, **encoder.by_parameters(own))
    if not plus:
        facts = encoder.trained_by_gradient, encoder.uses_torch, encoder.bears_label_weights
        return Entry(encoder.build, encoder.restore, *facts, [encoder.parameters], [section], [section])
    if not encoder.is_encoder:
        raise LabelPolicyError(
            f"classifier {name!r}: {encoder_name} has no features for a chain: expected one of {', '.join(encoders())}"
        )
    module_name, chain = chained[chain_name]
    if chain.trained_by_gradient and not encoder.trained_by_gradient:
        why = f"{encoder_name} with these parameters is not trained by gradient, as {chain_name} is"
        raise LabelPolicyError(f"classifier {name!r}: {why}: see docs/{encoder_name}.md")
    return Entry(
        partial(chain.build, chain_name, encoder),
        partial(chain.restore, chain_name, encoder),
        chain.trained_by_gradient,
        chain.uses_torch or encoder.fixed_features is None,
        chain.bears_label_weights,
        [encoder.parameters, chain.parameters],
        [section, f"chains.{module_name}"],
        [section, f"classifiers.chains.{module_name}"],
    )


def below(state: State, prefix: str) -> State:
    """The arrays whose names begin so, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def prefixed(state: State, prefix: str) -> State:
    return {prefix + name: value for name, value in state.items()}


def sections_of(title: str, description: str, found: dict[str, type[Parameters]]) -> Any:
    """A model with a section for each of these, each at its defaults."""
    fields: dict[str, Any] = {name: (model, model()) for name, model in found.items()}
    return create_model(title, __base__=Parameters, __doc__=description, **fields)


def _declared(package: ModuleType) -> dict[str, Declaration]:
    found = (each.name for each in pkgutil.iter_modules(package.__path__) if each.name not in HELPERS)
    return {name: importlib.import_module(f"{package.__name__}.{name}").DECLARATION for name in found}
