"""Shimaoka et al. (2017), attentive encoder, as Section 5 and Figure 4 of the paper use it for entity mentions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from labelpolicy.classifiers.registry import Classifier, Declaration, State, Training
from labelpolicy.config import PositiveFloat, PositiveInt, Size

if TYPE_CHECKING:
    from labelpolicy.data.prepared import Prepared


class AttentiveLSTM(Training):
    """Shimaoka et al. (2017), attentive encoder, for entity mentions (Section 5, Eq. 8)."""

    epochs: PositiveInt = Field(40, description="passes over the training split at most")
    learning_rate: PositiveFloat = Field(
        3e-3, description="the optimizer's step size; Shimaoka et al.: 0.001 with batches of 1000"
    )
    hidden: Size = Field(100, description="units of each LSTM, one per direction and context")
    attention: Size = Field(100, description="units of the attention MLP, shared by both contexts")
    context: Size = Field(10, description="tokens read on each side of the mention")
    max_mention: Size = Field(10, description="tokens of the mention that are averaged, from its start")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(0.5, description="on the mention's average vector")
    sigma: Literal["softmax", "sigmoid"] = Field(
        "softmax", description="the σ of Eq. 8: softmax over a context's tokens (Shimaoka et al.), or sigmoid of each"
    )
    update_vectors: bool = Field(
        False, description="train the word vectors too; fixed in Shimaoka et al., and training is faster so"
    )


def build(data: Prepared, parameters: AttentiveLSTM, seed: int) -> Classifier:
    from labelpolicy.classifiers.attentive_lstm.network import AttentiveLSTMClassifier

    return AttentiveLSTMClassifier(data.vectors, len(data.labels), parameters, seed)


def restore(parameters: AttentiveLSTM, state: State) -> Classifier:
    from labelpolicy.classifiers.attentive_lstm.network import AttentiveLSTMClassifier

    labels = len(state["output_bias"])
    return AttentiveLSTMClassifier(state["vectors"], labels, parameters, 0).with_state(state)


DECLARATION = Declaration(AttentiveLSTM, build, restore, is_encoder=True)
