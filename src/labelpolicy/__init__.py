"""Learned label weights and decision thresholds for multi-label classification.

What is named here needs numpy, scipy and pydantic only, and is imported when it is asked for::

    decision = fit_thresholds("shared", y_score, y_true, at_least_one=True)
    y_pred = decision.decide(new_scores)
    evaluate(new_truth, y_pred)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labelpolicy.errors import LabelPolicyError
    from labelpolicy.metrics import evaluate, per_label
    from labelpolicy.significance import paired_bootstrap
    from labelpolicy.thresholds import Decision
    from labelpolicy.thresholds import fit as fit_thresholds
    from labelpolicy.thresholds import from_json as decision_from_json
    from labelpolicy.thresholds.objectives import ThresholdParameters, Utility

__version__ = "0.1.0"

__all__ = [
    "Decision",
    "LabelPolicyError",
    "ThresholdParameters",
    "Utility",
    "decision_from_json",
    "evaluate",
    "fit_thresholds",
    "paired_bootstrap",
    "per_label",
]

#: Where each name lies, and its name there.
_HOME = {
    "Decision": ("labelpolicy.thresholds", "Decision"),
    "LabelPolicyError": ("labelpolicy.errors", "LabelPolicyError"),
    "ThresholdParameters": ("labelpolicy.thresholds.objectives", "ThresholdParameters"),
    "Utility": ("labelpolicy.thresholds.objectives", "Utility"),
    "decision_from_json": ("labelpolicy.thresholds", "from_json"),
    "evaluate": ("labelpolicy.metrics", "evaluate"),
    "fit_thresholds": ("labelpolicy.thresholds", "fit"),
    "paired_bootstrap": ("labelpolicy.significance", "paired_bootstrap"),
    "per_label": ("labelpolicy.metrics", "per_label"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOME[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
