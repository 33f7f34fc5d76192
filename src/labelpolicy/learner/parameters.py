"""Parameters of a learned policy: Algorithm 1 and what the paper leaves open."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from labelpolicy.config import OpenUnit, Parameters, PositiveFloat, PositiveInt
from labelpolicy.thresholds.objectives import Utility


class MetaLearner(Parameters):
    """A learned policy: Algorithm 1 and what the paper leaves open. docs/algorithm.md explains each choice."""

    learner: Literal["shared", "paper"] = Field(
        "shared", description="shared: one GRU applied to every label; paper: one GRU over all 2N policy values (Eq. 3)"
    )
    reward: Literal["utility", "paper"] = Field(
        "utility", description="utility: per-label credit of the utility; paper: Eq. 6, which has no interior optimum"
    )
    utility: Utility = Utility()
    credit: Literal["label", "total"] = Field(
        "label",
        description="label: a label's logits learn from that label's share of the reward (its threshold from the "
        "step's, its weight from the steps' to come); total: all from the sum over labels of what is to come (paper)",
    )
    estimator: Literal["pathwise", "policy_gradient", "evolution"] = Field(
        "pathwise",
        description="of the gradient of J (Eq. 7): through the utility made smooth; from draws of the policies "
        "(paper); or from perturbed meta-learners",
    )
    rewarded_on: Literal["held_out", "in_sample"] = Field(
        "held_out",
        description="documents the reward is computed on: validation documents, or the batches just trained on (paper)",
    )
    reward_documents: PositiveInt = Field(
        512, description="validation documents drawn for the held-out rewards of an episode"
    )
    samples: PositiveInt = Field(
        8,
        description="draws of p per time step (estimators other than pathwise), in opposite pairs when more than 1; "
        "1: one draw and a running baseline (paper)",
    )
    episodes: PositiveInt = Field(30, description="M of Algorithm 1")
    steps: PositiveInt = Field(4, description="T of Algorithm 1")
    batches: PositiveInt | None = Field(
        None,
        description="batches B_t that the classifier is updated with per time step (paper: 1); null: as many as make "
        "all episodes together, or each of them with reset: episode, half a training of the classifier, at least 1",
    )
    reset: Literal["training", "episode", "never"] = Field(
        "training",
        description="when the classifier goes back to its untrained state: after about each whole training, at each "
        "episode, or never",
    )
    hidden: PositiveInt = Field(32, description="units of the GRU state")
    learning_rate: PositiveFloat = Field(1e-2, description="Adam's step size for the meta-learner")
    noise: PositiveFloat = Field(
        1.0,
        description="standard deviation, in the first episode, of the Gaussian policy around the logits of p; "
        "pathwise: in units of how far apart a label's highest logits lie",
    )
    final_noise: PositiveFloat = Field(
        0.05, description="the same in the last episode; it falls geometrically in between"
    )
    weight_noise: PositiveFloat = Field(0.3, description="standard deviation of the policy around the logits of w")
    weight_penalty: Annotated[float, Field(ge=0)] = Field(
        0.5, description="pull of the logits of w towards uniform weights, so that noise alone does not move them"
    )
    threshold_bounds: tuple[OpenUnit, OpenUnit] = Field(
        (0.001, 0.999), description="closed interval that p is clipped to"
    )
    rollout: Literal["pass", "batch"] = Field(
        "pass",
        description="a time step of the test-time episode: pass, passes of mini-batches over the training split, "
        "as many as make the episode one whole training; batch, one update with the whole training split (paper)",
    )

    @model_validator(mode="after")
    def _bounds_in_order(self) -> MetaLearner:
        if not self.threshold_bounds[0] < self.threshold_bounds[1]:
            raise ValueError("threshold_bounds: the lower bound must be below the upper one")
        return self

    @model_validator(mode="after")
    def _pathwise_needs_a_smooth_reward(self) -> MetaLearner:
        if self.estimator == "pathwise" and (self.reward == "paper" or self.credit == "total"):
            raise ValueError(
                "estimator: pathwise goes with reward: utility and credit: label; for others take policy_gradient"
            )
        return self

    @model_validator(mode="after")
    def _draws_need_their_own_credit(self) -> MetaLearner:
        if self.credit == "total" and self.samples > 1:
            raise ValueError("credit: total goes with samples: 1, since one reward to come cannot tell draws apart")
        return self
