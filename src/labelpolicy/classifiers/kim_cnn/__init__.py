"""Kim (2014), CNN-non-static: windows over word vectors, max over time, dropout, one logit per label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from labelpolicy.classifiers.registry import Classifier, Declaration, State, Training
from labelpolicy.classifiers.tuning import Tuned
from labelpolicy.config import Count, PositiveInt, Size

if TYPE_CHECKING:
    from labelpolicy.data.prepared import Prepared


class KimCNN(Training, Tuned):
    """Kim (2014), CNN-non-static."""

    epochs: PositiveInt = Field(30, description="passes over the training split at most")
    patience: Count = Field(
        8, description="epochs without a better validation micro-F1 before training stops; 0: never"
    )
    windows: list[Size] = Field([3, 4, 5], min_length=1, max_length=100, description="filter widths in tokens")
    filters: Size = Field(100, description="filters per width")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(0.5, description="on the pooled features")
    max_tokens: Size = Field(200, description="tokens read of each document")
    # Not searched unless asked for: each value costs a training of the network for each fold.
    search: dict[str, list[Any]] | None = Field(None, description=Tuned.model_fields["search"].description)


def build(data: Prepared, parameters: KimCNN, seed: int) -> Classifier:
    from labelpolicy.classifiers.base import log_odds
    from labelpolicy.classifiers.kim_cnn.network import KimCNNClassifier

    return KimCNNClassifier(data.vectors, log_odds(data), parameters, seed)


def restore(parameters: KimCNN, state: State) -> Classifier:
    from labelpolicy.classifiers.kim_cnn.network import KimCNNClassifier

    return KimCNNClassifier(state["embedding"], state["output_bias"], parameters, 0).with_state(state)


DECLARATION = Declaration(KimCNN, build, restore, is_encoder=True)
