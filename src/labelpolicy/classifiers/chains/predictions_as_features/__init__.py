"""Predictions-as-Features, trained jointly (Li et al. 2015): a label's logit sees the predictions of earlier labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from labelpolicy.classifiers.registry import Chained, Classifier, Declaration, State, below
from labelpolicy.config import NonNegativeFloat, Parameters, PositiveFloat

if TYPE_CHECKING:
    from labelpolicy.data.prepared import Prepared


class PredictionsAsFeatures(Parameters):
    """Li et al. (2015): predictions of earlier labels are features of later ones, trained jointly."""

    order: Literal["hierarchy", "frequency", "dependence"] | list[str] = Field(
        "frequency",
        description="hierarchy: parents before children; frequency: frequent labels first; dependence: a partial "
        "order learned from the labels of the training documents; or a list of all labels",
    )
    learning_rate: PositiveFloat = Field(2e-3, description="Adam's step size for the weights between labels")
    weight_decay: NonNegativeFloat = Field(0.0, description="Adam's L2 penalty on them")


def build(name: str, encoder: Declaration, data: Prepared, parameters: Chained, seed: int) -> Classifier:
    from labelpolicy.classifiers.chains.orders import precedence
    from labelpolicy.classifiers.chains.predictions_as_features.network import PredictionsAsFeaturesClassifier

    before, order = precedence(parameters.chain.order, data)
    built = encoder.build(data, parameters.encoder, seed)
    return PredictionsAsFeaturesClassifier(built, before, order, parameters.chain)


def restore(name: str, encoder: Declaration, parameters: Chained, state: State) -> Classifier:
    from labelpolicy.classifiers.chains.predictions_as_features.network import PredictionsAsFeaturesClassifier

    order = state["order"]
    before = np.zeros((len(order), len(order)), dtype=bool)
    before[tuple(order[state["pairs"]])] = True
    built = encoder.restore(parameters.encoder, below(state, "encoder."))
    return PredictionsAsFeaturesClassifier(built, before, order, parameters.chain).with_state(state)


DECLARATION = Declaration(PredictionsAsFeatures, build, restore)
