"""What the Python face is given: another kind than is expected is refused in one line."""

import reprlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from labelpolicy.errors import LabelPolicyError


def expect(good: Any, what: str, found: Any, expected: str) -> None:
    """Raises LabelPolicyError unless ``good``: what it is, what was found, what was expected."""
    if not good:
        raise LabelPolicyError(f"{what} is {' '.join(reprlib.repr(found).split())}, expected {expected}")


def flag(what: str, value: Any) -> None:
    """Raises LabelPolicyError for what is not True or False, 1 or 0 included: ``1`` may be meant for a number."""
    expect(isinstance(value, (bool, np.bool_)), what, value, "True or False")


def count(what: str, value: Any, least: int = 0) -> None:
    """Raises LabelPolicyError for what is no whole number from ``least`` on."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))
    expect(whole and value >= least, what, value, f"a number from {least} on")


def names(what: str, value: Any, number: int | None = None) -> list[str]:
    """The names of labels as strings. Raises LabelPolicyError for another number of them, or one twice."""
    expect(isinstance(value, Iterable) and not isinstance(value, (str, bytes)), what, value, "a list of names")
    found = [str(name) for name in value]
    expect(number in (None, len(found)), what, value, f"{number} names, one for each label")
    if len(set(found)) < len(found):
        raise LabelPolicyError(f"{what}: found one twice among {found!s:.99}, expected each once")
    return found


def one_each(what: str, value: Any, number: int) -> None:
    """Raises LabelPolicyError for what is not a value for each of so many documents."""
    shape = np.shape(value) if not isinstance(value, (str, bytes, dict)) else ()
    expect(shape[:1] == (number,), what, value, f"one for each of the {number} documents")
