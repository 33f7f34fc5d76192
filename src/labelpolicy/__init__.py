"""Learned label weights and decision thresholds for multi-label classification.

What is named here needs numpy, scipy and pydantic only (PolicyClassifier scikit-learn too, load what the model does),
and is imported when it is asked for::

    policy = ThresholdPolicy().fit(y_score, y_true)
    y_pred = policy.predict(new_scores)
    evaluate(new_truth, y_pred)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labelpolicy.errors import LabelPolicyError
    from labelpolicy.estimators import PolicyClassifier
    from labelpolicy.folds import MultilabelStratifiedGroupKFold
    from labelpolicy.metrics import evaluate, per_label
    from labelpolicy.model import load
    from labelpolicy.significance import bootstrap_interval, paired_bootstrap
    from labelpolicy.threshold_policy import ThresholdPolicy
    from labelpolicy.thresholds import Decision
    from labelpolicy.thresholds import fit as fit_thresholds
    from labelpolicy.thresholds import from_json as decision_from_json
    from labelpolicy.thresholds.objectives import ThresholdParameters, Utility

__version__ = "0.1.0"

__all__ = [
    "Decision",
    "LabelPolicyError",
    "MultilabelStratifiedGroupKFold",
    "PolicyClassifier",
    "ThresholdParameters",
    "ThresholdPolicy",
    "Utility",
    "bootstrap_interval",
    "decision_from_json",
    "evaluate",
    "fit_thresholds",
    "load",
    "paired_bootstrap",
    "per_label",
]

#: Where each name lies, and its name there.
_HOME = {
    "Decision": ("labelpolicy.thresholds", "Decision"),
    "LabelPolicyError": ("labelpolicy.errors", "LabelPolicyError"),
    "MultilabelStratifiedGroupKFold": ("labelpolicy.folds", "MultilabelStratifiedGroupKFold"),
    "PolicyClassifier": ("labelpolicy.estimators", "PolicyClassifier"),
    "ThresholdParameters": ("labelpolicy.thresholds.objectives", "ThresholdParameters"),
    "ThresholdPolicy": ("labelpolicy.threshold_policy", "ThresholdPolicy"),
    "Utility": ("labelpolicy.thresholds.objectives", "Utility"),
    "bootstrap_interval": ("labelpolicy.significance", "bootstrap_interval"),
    "decision_from_json": ("labelpolicy.thresholds", "from_json"),
    "evaluate": ("labelpolicy.metrics", "evaluate"),
    "fit_thresholds": ("labelpolicy.thresholds", "fit"),
    "load": ("labelpolicy.model", "load"),
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
