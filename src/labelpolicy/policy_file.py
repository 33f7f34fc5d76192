"""policy.json: label weights and decision thresholds by label name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_json, write_json


@dataclass(frozen=True)
class Policy:
    """Weights w (labels,), summing to 1, and thresholds p (labels,) in (0, 1) or None.

    A policy that only weighs (uniform, inverse frequency) has no thresholds of its own.
    """

    labels: list[str]
    weights: np.ndarray
    thresholds: np.ndarray | None = None
    about: dict[str, Any] | None = None

    def write(self, path: str | Path) -> None:
        by_name = {label: {"weight": float(w)} for label, w in zip(self.labels, self.weights, strict=True)}
        for label, p in zip(self.labels, () if self.thresholds is None else self.thresholds, strict=False):
            by_name[label]["threshold"] = float(p)
        write_json(path, {"about": self.about or {}, "labels": by_name})

    @classmethod
    def read(cls, path: str | Path, labels: list[str]) -> "Policy":
        """Read a policy for exactly these labels, in this order.

        Raises LabelPolicyError for other labels, a weight below 0 or not summing to 1, or a threshold outside (0, 1).
        """
        content = read_json(path)
        by_name = content.get("labels") if isinstance(content, dict) else None
        if not isinstance(by_name, dict):
            raise LabelPolicyError(f"{path}: no object 'labels': expected a policy.json of `labelpolicy rollout`")
        about = content.get("about") or {}
        if not isinstance(about, dict) or not isinstance(about.get("init", 0), int):
            raise LabelPolicyError(f"{path}: about is {about!r:.80}, expected an object with the place it is from")
        for label in sorted(set(labels) ^ set(by_name)):
            fault = f"label {label!r} is {'not in the data set' if label in by_name else 'missing'}"
            counts = f"{len(by_name)} labels here, {len(labels)} in the data set"
            raise LabelPolicyError(f"{path}: made for other labels: {fault} ({counts})")
        weights = np.array([_number(path, label, "weight", by_name[label], closed=True) for label in labels])
        has = [isinstance(by_name[label], dict) and "threshold" in by_name[label] for label in labels]
        if any(has) and not all(has):
            label = labels[has.index(False)]
            raise LabelPolicyError(f"{path}: label {label!r} has no threshold while others have one: give all or none")
        found = [_number(path, label, "threshold", by_name[label], closed=False) for label in labels if all(has)]
        if abs(weights.sum() - 1) > 1e-4:
            raise LabelPolicyError(f"{path}: the weights sum to {weights.sum():.6g}, expected 1 (Eq. 4)")
        return cls(list(labels), weights, np.array(found) if all(has) else None, about)


def _number(path: str | Path, label: str, key: str, entry: Any, *, closed: bool) -> float:
    """A number of a label in [0, 1], or in (0, 1)."""
    value = entry.get(key) if isinstance(entry, dict) else None
    number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else -1
    if not (0 <= number <= 1 if closed else 0 < number < 1):
        bounds = "[0, 1]" if closed else "(0, 1)"
        raise LabelPolicyError(f"{path}: label {label!r}: {key} {value!r:.60}, expected a number in {bounds}")
    return float(number)
