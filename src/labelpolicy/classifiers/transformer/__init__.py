"""A pretrained model of the library transformers: its vectors under a linear head, or all of it fine-tuned."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from labelpolicy.classifiers.registry import Classifier, Declaration, State, Training
from labelpolicy.classifiers.tuning import Features, Tuned
from labelpolicy.config import NonNegativeFloat, Parameters, PositiveFloat, PositiveInt, Size

if TYPE_CHECKING:
    from labelpolicy.classifiers.transformer.features import PretrainedFeatures
    from labelpolicy.data.prepared import Prepared

ClosedUnit = Annotated[float, Field(ge=0, le=1)]
SEARCH: dict[str, list[Any]] = {
    "features": [{"word_ngrams": 1}, {"word_ngrams": 2, "character_ngrams": 5}],
    "vector_weight": [0.7, 1.0, 1.4],
    "C": [0.1, 0.25, 0.5, 1.0, 2.0, 4.0],
}


class Head(Training, Tuned):
    """Mode frozen: what stands on the vectors. linear is trained by epochs as the classifier of this name."""

    epochs: PositiveInt = Field(30, description="of linear: passes over the training split at most")
    optimizer: Literal["adam", "sgd"] = Field("sgd", description="of linear: as for the classifier linear")
    learning_rate: PositiveFloat = Field(100.0, description="of linear: the optimizer's step size")
    head: Literal["linear_svc", "linear"] = Field(
        "linear_svc", description="linear_svc: one SVM per label; linear: logistic, which Algorithm 1 can train"
    )
    C: PositiveFloat = Field(1.0, description="inverse regularisation of every label's SVM, for linear_svc")
    vector_weight: PositiveFloat = Field(
        0.7, description="length of a text's vector, beside tf-idf features of length 1"
    )
    tfidf: bool = Field(True, description="join the vectors to tf-idf features; else they stand alone")
    features: Features = Features()
    tolerance: NonNegativeFloat = Field(0.0, description=Tuned.model_fields["tolerance"].description)
    search: dict[str, list[Any]] | None = Field(
        SEARCH, description=f"of linear_svc: {Tuned.model_fields['search'].description}"
    )


class Finetune(Training):
    """Mode finetune: AdamW; the step size rises over the warm-up, then falls to 0 at the last of the epochs."""

    epochs: PositiveInt = Field(10, description="passes over the training split at most")
    patience: Annotated[int, Field(ge=0)] = Field(
        3, description="epochs without a better validation micro-F1 that end it; 0: never"
    )
    batch_size: PositiveInt = Field(32, description="documents a step")
    optimizer: Literal["adamw"] = Field("adamw", description="AdamW (Loshchilov and Hutter 2019)")  # type: ignore[assignment]
    learning_rate: PositiveFloat = Field(1e-4, description="largest step size of the uppermost layer")
    head_learning_rate: PositiveFloat = Field(1e-3, description="largest step size of the output layers, which are new")
    weight_decay: NonNegativeFloat = Field(0.01, description="AdamW's; none of biases and normalisations")
    layer_decay: Annotated[float, Field(gt=0, le=1)] = Field(
        0.95, description="the step size of each layer as a share of that of the layer above"
    )
    warm_up: ClosedUnit = Field(0.1, description="share of all steps in which the step size rises")
    clip: PositiveFloat = Field(1.0, description="norm that a step's gradient is cut to")
    gradient_accumulation: Size = Field(
        1, description="parts that a batch is computed in, for less memory; the gradient stays that of the batch"
    )


class Transformer(Parameters):
    """A pretrained model of the library transformers, its vectors under a linear head or fine-tuned."""

    model: str | None = Field(
        None, description="a name on the hub, a folder, or package:NAME, whose get_model_path() is taken; null: no rows"
    )
    revision: str | None = Field(None, description="of a model on the hub: branch, tag, or best its commit")
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = Field(
        None,
        description="of weights, config and tokenizer, which `labelpolicy embed` says; another is refused",
    )
    mode: Literal["frozen", "finetune"] = Field("frozen", description="whether only a linear head is trained, or all")
    max_tokens: Size = Field(128, description="tokens of a text that are read, the special ones too")
    long_documents: Literal["cut", "windows"] = Field(
        "cut", description="windows, with mode frozen: the mean over all of a long text, in pieces of max_tokens"
    )
    bf16: bool = Field(True, description="compute the model in bfloat16 where it runs on a GPU")
    frozen: Head = Head()
    finetune: Finetune = Finetune()

    @model_validator(mode="after")
    def _windows_are_not_trained(self) -> Transformer:
        if self.mode == "finetune" and self.long_documents == "windows":
            raise ValueError("long_documents: windows goes with mode frozen: set it to cut")
        return self

    @property
    def search(self) -> dict[str, list[Any]]:
        """Values to try of the section ``frozen``, of what it uses; nothing of another head or mode."""
        if self.mode != "frozen" or self.frozen.head != "linear_svc":
            return {}
        unused = () if self.frozen.tfidf else ("features", "vector_weight")
        return {name: values for name, values in (self.frozen.search or {}).items() if name not in unused}

    @property
    def tolerance(self) -> float:
        return self.frozen.tolerance

    def having(self, values: dict[str, Any], where: str) -> Transformer:
        """The same with other values in the section ``frozen``. Raises LabelPolicyError as that of Tuned."""
        return self.model_copy(update={"frozen": self.frozen.having(values, where)})


def build(data: Prepared, parameters: Transformer, seed: int) -> Classifier:
    if parameters.mode == "finetune":
        from labelpolicy.classifiers.transformer.network import FineTuned

        return FineTuned.of(parameters, data, seed)
    from labelpolicy.classifiers.base import log_odds
    from labelpolicy.classifiers.transformer import frozen

    found = features_of(parameters, data)
    if parameters.frozen.head == "linear":
        return frozen.LinearHead(found, log_odds(data), parameters.frozen)
    return frozen.SVMHead(found, parameters.frozen)


def restore(parameters: Transformer, state: State) -> Classifier:
    if parameters.mode == "finetune":
        from labelpolicy.classifiers.transformer.network import FineTuned

        return FineTuned.restored(parameters, state)
    from labelpolicy.classifiers.transformer import frozen

    found = restored_features(parameters, state)
    if parameters.frozen.head == "linear":
        own = {name.removeprefix(frozen.HEAD): value for name, value in state.items()}
        return frozen.LinearHead(found, own["bias"], parameters.frozen).with_state(own)
    return frozen.SVMHead.restored_with(found, parameters.frozen, state)


def features_of(parameters: Transformer, data: Prepared) -> PretrainedFeatures:
    from labelpolicy.classifiers.transformer.features import PretrainedFeatures

    return PretrainedFeatures.of(parameters, data)


def restored_features(parameters: Transformer, state: State) -> PretrainedFeatures:
    from labelpolicy.classifiers.transformer.features import PretrainedFeatures

    return PretrainedFeatures.restored(parameters, state)


def by_parameters(parameters: Transformer) -> dict[str, Any]:
    """What the mode makes of the declaration."""
    if parameters.mode == "finetune":
        return {}
    by_gradient = parameters.frozen.head == "linear"
    return {
        "fixed_features": partial(features_of, parameters),
        "restored_features": partial(restored_features, parameters),
        "trained_by_gradient": by_gradient,
        "uses_torch": by_gradient,
    }


DECLARATION = Declaration(Transformer, build, restore, is_encoder=True, by_parameters=by_parameters)
