"""Decisions as JSON, the content of thresholds.json: every field by its name, arrays as objects by label."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from labelpolicy.errors import LabelPolicyError
from labelpolicy.thresholds.decision import Decision, PerLabel, Proportion, Rank
from labelpolicy.thresholds.label_sets.policy import LabelSets

KINDS: dict[str, type[Decision]] = {kind.kind: kind for kind in (PerLabel, Rank, Proportion, LabelSets)}


def named_set(content: Any, name: str | None, where: str) -> Any:
    """One set of thresholds of a file: the only one, or of ``{"sets": {...}}`` the one of this name, or its "default".

    Raises LabelPolicyError, naming the file ``where``, for a name that is not there, or none where there are several.
    """
    sets = content.get("sets") if isinstance(content, dict) and "rule" not in content else None
    if not isinstance(sets, dict):
        if name is None:
            return content
        raise LabelPolicyError(f"{where}: has one set without a name, expected none to be asked for: found {name!r}")
    name = name or content.get("default") or (next(iter(sets)) if len(sets) == 1 else None)
    if name not in list(sets):
        raise LabelPolicyError(f"{where}: no set of the name {name!r}, expected one of {', '.join(sets)}")
    return sets[name]


def from_json(content: Any, labels: Sequence[str], where: str) -> Decision:
    """The decision that ``to_json(labels)`` described, or thresholds as probabilities by label.

    Raises LabelPolicyError, naming the file ``where``, for another rule, other labels, or a value out of range.
    """
    if isinstance(content, dict) and content and type(content.get("rule", 1)) in (int, float):  # plain, {"label": 0.37}
        if set(content) == set(labels) and all(type(p) in (int, float) and 0 < p <= 1 for p in content.values()):
            return PerLabel.at([content[label] for label in labels])
        raise LabelPolicyError(f"{where}: expected a threshold in (0, 1] for each of the {len(labels)} labels, by name")
    usual = {"chosen": {}, "at_least_one": False, "at_most": None, "at_least": None}
    content = usual | (content if isinstance(content, dict) else {})
    kind = KINDS.get(str(content.get("rule")))
    if kind is None:
        raise LabelPolicyError(f"{where}: rule is {content.get('rule')!r}, expected one of {', '.join(KINDS)}")
    if kind is LabelSets:
        return LabelSets.from_json(content, labels, where)
    values: dict[str, Any] = {each.name: content.get(each.name) for each in fields(kind)}
    for name, value in values.items():
        by_label = name in ("levels", "shares", "never")
        if by_label and (not isinstance(value, dict) or set(value) != set(labels)):
            raise LabelPolicyError(f"{where}: {name} must name exactly the {len(labels)} labels of the data set")
        items = {f"{label!r}: ": value[label] for label in labels} if by_label else {"": value}
        for place, item in items.items():
            if not _in_range(name, item):
                raise LabelPolicyError(f"{where}: {place}{name} is {item!r}, out of its range")
        if by_label:
            kept = [np.inf if item is None else item for item in items.values()]
            values[name] = np.array(kept, dtype=bool if name == "never" else float)
    if kind is Rank and values["top"] > np.count_nonzero(~values["never"]):
        raise LabelPolicyError(f"{where}: top is {values['top']}, more than there are labels to predict")
    return kind(**values)


def to_plain(decision: Decision, labels: Sequence[str]) -> dict[str, float]:
    """Thresholds as probabilities by label, 1 for never. Raises LabelPolicyError for a decision that is more."""
    more = [name for name in ("at_least_one", "at_least", "at_most") if getattr(decision, name, None)]
    if more or not isinstance(decision, PerLabel):
        found = f"one threshold a label and {' and '.join(more)}" if isinstance(decision, PerLabel) else decision.kind
        raise LabelPolicyError(f"thresholds: found {found}, but the plain form has one threshold a label and no more")
    return dict(zip(labels, decision.thresholds.tolist(), strict=True))


def _in_range(name: str, value: Any) -> bool:
    number = type(value) in (int, float) and abs(value) < np.inf
    if name == "levels":
        return number or value is None
    if name == "shares":
        return number and value >= 0
    if name in ("at_most", "at_least") and value is None:
        return True
    if name in ("top", "at_most", "at_least"):
        return type(value) is int and value > 0
    return isinstance(value, dict if name == "chosen" else bool)
