"""Parameters of a learned policy: Algorithm 1 and what the paper leaves open."""

from typing import Literal, Self

from pydantic import Field, model_validator

from labelpolicy.config import NonNegativeFloat, OpenUnit, Parameters, PositiveFloat, PositiveInt, Size
from labelpolicy.thresholds.objectives import Utility


class WhileTraining(Parameters):
    """Where a policy is learned while a classifier trains (Algorithm 1)."""

    rewarded_on: Literal["held_out", "in_sample"] = Field(
        "held_out",
        description="documents the reward is computed on: validation documents, or the batches just trained on (paper)",
    )
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
    noise: PositiveFloat = Field(
        1.0,
        description="standard deviation, in the first episode, of the Gaussian policy around the logits of p; "
        "pathwise: in units of how far apart a label's highest logits lie",
    )
    weight_noise: PositiveFloat = Field(0.3, description="standard deviation of the policy around the logits of w")
    weight_penalty: NonNegativeFloat = Field(0.5, description="pull of the logits of w towards uniform weights")
    rollout: Literal["pass", "batch"] = Field(
        "pass",
        description="a time step of the test-time episode: pass, passes of mini-batches over the training split, "
        "as many as make the episode one whole training; batch, one update with the whole training split (paper)",
    )


class OnScores(Parameters):
    """Where thresholds alone are learned, on the scores that a classifier has left (`--scores`)."""

    noise: PositiveFloat = Field(0.3, description="as training.noise; thresholds start from two fitted numbers")
    observed: OpenUnit = Field(
        0.67, description="share of an episode's documents that is observed; rewards are on others"
    )
    holdout: OpenUnit = Field(0.25, description="share of the documents kept apart, to choose the shrinkage on")


class LearnerParameters(Parameters):
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
    reward_documents: PositiveInt = Field(
        512, description="held-out documents drawn for an episode: observed and rewarded on; on scores rewarded on"
    )
    samples: Size = Field(
        8,
        description="draws of p per time step (estimators other than pathwise), in opposite pairs when more than 1; "
        "1: one draw and a running baseline (paper)",
    )
    episodes: PositiveInt = Field(30, description="M of Algorithm 1")
    steps: Size = Field(4, description="T of Algorithm 1")
    hidden: Size = Field(32, description="units of the GRU state")
    learning_rate: PositiveFloat = Field(1e-2, description="Adam's step size for the meta-learner")
    final_noise: PositiveFloat = Field(0.05, description="as noise, in the last episode; geometric in between")
    threshold_bounds: tuple[OpenUnit, OpenUnit] = Field((0.001, 0.999), description="interval p is clipped to")
    training: WhileTraining = WhileTraining()
    on_scores: OnScores = OnScores()

    def noise(self, episode: int, first: float) -> float:
        """Sigma of the Gaussian policy: wide at first, to see beyond plateaus; narrow in the end: only means count."""
        done = episode / max(self.episodes - 1, 1)
        return first ** (1 - done) * self.final_noise**done

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        """No settings that contradict each other, and none away from its default that another one makes void."""
        lower, upper = self.threshold_bounds
        pathwise, total, of_paper = self.estimator == "pathwise", self.credit == "total", self.reward == "paper"
        blind = self.learner == "paper" and self.training.rewarded_on == "in_sample"
        wrong = {
            "threshold_bounds: the lower bound must be below the upper one": lower >= upper,
            "estimator: pathwise goes with reward: utility and credit: label; for others take policy_gradient": (
                pathwise and (of_paper or total)
            ),
            "credit: total goes with estimator: policy_gradient": total and self.estimator != "policy_gradient",
            "credit: total goes with samples: 1, since one reward to come cannot tell draws apart": (
                total and self.samples > 1
            ),
        }
        draws_nothing = pathwise, "estimator: pathwise, which draws nothing"
        perturbs = self.estimator == "evolution", "estimator: evolution, which perturbs the meta-learner"
        void = {
            "samples": draws_nothing,
            "training.weight_noise": draws_nothing,
            "training.noise": perturbs,
            "on_scores.noise": perturbs,
            "final_noise": perturbs,
            "utility": (of_paper, "reward: paper"),
            "reward_documents": (blind, "learner: paper and training.rewarded_on: in_sample, which see no such one"),
            "on_scores": (self.learner == "paper" or of_paper, "learner: paper or reward: paper"),
        }
        given = self.model_dump(exclude_defaults=True)
        given |= {f"{section}.{key}": 0 for section in ("training", "on_scores") for key in given.get(section, ())}
        for key, (is_void, why) in void.items():
            wrong[f"{key}: changes nothing with {why}: leave it out"] = is_void and key in given
        if found := [message for message, is_wrong in wrong.items() if is_wrong]:
            raise ValueError(found[0])
        return self
