"""Subset Maximization (Nam et al. 2017): a recurrent network writes the positive labels of a document one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from labelpolicy.classifiers.registry import Chained, Classifier, Declaration, State, below
from labelpolicy.config import NonNegativeFloat, Parameters, PositiveFloat, Size

if TYPE_CHECKING:
    from labelpolicy.data.prepared import Prepared


class SubsetMaximization(Parameters):
    """Nam et al. (2017): an RNN that writes the positive labels one by one."""

    order: Literal["frequent_first", "rare_first", "topological"] | list[str] = Field(
        "rare_first",
        description="order in which the positive labels of a document are written; topological: parents before "
        "children; or a list of all labels",
    )
    hidden: Size = Field(64, description="units of the decoder's GRU state")
    beam: Size = Field(5, description="label sequences kept while decoding; 1: greedy")
    learning_rate: PositiveFloat = Field(2e-3, description="Adam's step size for the decoder")
    weight_decay: NonNegativeFloat = Field(0.0, description="Adam's L2 penalty on the decoder")


def build(name: str, encoder: Declaration, data: Prepared, parameters: Chained, seed: int) -> Classifier:
    from labelpolicy.classifiers.chains.orders import sequence
    from labelpolicy.classifiers.chains.subset_maximization.network import SubsetMaximizationClassifier

    built = encoder.build(data, parameters.encoder, seed)
    return SubsetMaximizationClassifier(built, sequence(parameters.chain.order, data), parameters.chain, seed)


def restore(name: str, encoder: Declaration, parameters: Chained, state: State) -> Classifier:
    from labelpolicy.classifiers.chains.subset_maximization.network import SubsetMaximizationClassifier

    built = encoder.restore(parameters.encoder, below(state, "encoder."))
    return SubsetMaximizationClassifier(built, state["order"], parameters.chain, 0).with_state(state)


DECLARATION = Declaration(SubsetMaximization, build, restore)
