"""Decision thresholds from scores: fit a rule, decide, keep the decision as JSON. NumPy and pydantic only."""

from labelpolicy.thresholds.arrays import logit
from labelpolicy.thresholds.decision import NEVER, Decision, PerLabel, Proportion, Rank
from labelpolicy.thresholds.fitting import NAMES, fit
from labelpolicy.thresholds.json_form import from_json
from labelpolicy.thresholds.objectives import ThresholdParameters, Utility
from labelpolicy.thresholds.rules import RULES, SET_POLICIES

__all__ = [
    "NAMES",
    "NEVER",
    "RULES",
    "SET_POLICIES",
    "Decision",
    "PerLabel",
    "Proportion",
    "Rank",
    "ThresholdParameters",
    "Utility",
    "fit",
    "from_json",
    "logit",
]
