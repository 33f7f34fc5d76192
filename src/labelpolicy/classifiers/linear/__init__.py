"""One logistic output per label over tf-idf: the classifier a user would pick first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from labelpolicy.classifiers.registry import Classifier, Declaration, State, Training, below
from labelpolicy.classifiers.tuning import FEATURES, Features, Tuned
from labelpolicy.config import PositiveFloat, PositiveInt

if TYPE_CHECKING:
    from labelpolicy.classifiers.tfidf import TfIdf
    from labelpolicy.data.prepared import Prepared


class Linear(Training, Tuned):
    """One logistic output per label over tf-idf."""

    optimizer: Literal["adam", "sgd"] = Field(
        "sgd", description="sgd: Adam would undo label weights here, since labels share no parameters"
    )
    learning_rate: PositiveFloat = Field(
        100.0, description="the optimizer's step size; large, as rows have unit length"
    )
    epochs: PositiveInt = Field(30, description="passes over the training split at most")
    features: Features = Features()
    search: dict[str, list[Any]] | None = Field(
        {"features": FEATURES[:3]}, description=Tuned.model_fields["search"].description
    )


def build(data: Prepared, parameters: Linear, seed: int) -> Classifier:
    from labelpolicy.classifiers.base import log_odds
    from labelpolicy.classifiers.linear.network import LinearClassifier

    return LinearClassifier(tfidf(data, parameters.features), log_odds(data), parameters)


def restore(parameters: Linear, state: State) -> Classifier:
    from labelpolicy.classifiers.linear.network import LinearClassifier

    features = restored_tfidf(below(state, "tfidf."))
    return LinearClassifier(features, state["bias"], parameters).with_state(state)


def tfidf(data: Prepared, features: Features | None = None) -> TfIdf:
    from labelpolicy.classifiers.tfidf import TfIdf

    return TfIdf(data, data.split("train"), features)


def restored_tfidf(state: State) -> TfIdf:
    from labelpolicy.classifiers.tfidf import TfIdf

    return TfIdf.restored(state)


DECLARATION = Declaration(
    Linear, build, restore, is_encoder=True, fixed_features=tfidf, restored_features=restored_tfidf
)
