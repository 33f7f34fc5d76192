"""The Python face refuses what is of another kind than it expects: one line, never a raw error."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest

import labelpolicy
from labelpolicy.errors import LabelPolicyError

RANDOM = np.random.default_rng(0)
SCORES = RANDOM.random((30, 3))
TRUTH = SCORES + 0.3 * RANDOM.random((30, 3)) > 0.6
PREDICTED = SCORES > 0.5
THRESHOLDS = {"a": 0.5, "b": 0.5, "c": 0.5}
#: Values of many kinds, some of which fit some options.
VALUES = [
    *(
        "yes",
        b"x",
        3,
        -1,
        2.5,
        float("nan"),
        1j,
        True,
        None,
        [],
        {},
        {"a": 1},
        ["a"],
        ["a", "a", "b"],
        [["a"]],
        [None] * 3,
    ),
    *(object(), np.zeros((2, 2)), np.array([1.0, 2.0]), np.int64(3), lambda *arguments: None),
]


def policy(**options: object) -> labelpolicy.ThresholdPolicy:
    return labelpolicy.ThresholdPolicy(**{"rule": "odr"} | options).fit(SCORES, TRUTH)


def fit(**given: object) -> object:
    return labelpolicy.fit_thresholds(**{"rule": "odr", "y_score": SCORES, "y_true": TRUTH} | given)


def folds(splits: object = 2, seed: object = 0, y: object = TRUTH, groups: object = None) -> list:
    return list(labelpolicy.MultilabelStratifiedGroupKFold(splits, random_state=seed).split(SCORES, y, groups))


def interval(**given: object) -> object:
    return labelpolicy.bootstrap_interval(**{"y_true": TRUTH, "y_pred": PREDICTED, "draws": 9} | given)


def paired(**given: object) -> object:
    return labelpolicy.paired_bootstrap(
        **{"y_true": TRUTH, "y_pred_a": TRUTH, "y_pred_b": PREDICTED, "draws": 9} | given
    )


def by_name(call: Callable[..., object], *names: str) -> dict[str, Callable[[object], object]]:
    return {f"{call.__name__} {name}": lambda value, name=name: call(**{name: value}) for name in names}


OPTIONS = (
    "rule",
    "at_least_one",
    "at_least",
    "at_most",
    "objective",
    "score_type",
    "labels",
    "missing",
    "random_state",
)
FACES = {
    **by_name(policy, *OPTIONS, "missing", "n_resamples"),
    **by_name(
        fit, "rule", "y_score", "y_true", "train_count", "parameters", "seed", "at_least_one", "groups", "labels"
    ),
    **by_name(fit, "texts"),
    **by_name(folds, "splits", "seed", "y", "groups"),
    **by_name(interval, "y_true", "y_pred", "groups", "measures", "draws", "level", "seed"),
    **by_name(paired, "y_true", "y_pred_a", "groups", "measures", "draws", "level", "seed"),
    "fit of a policy": lambda value: labelpolicy.ThresholdPolicy("odr").fit(value, TRUTH),
    "truth of a policy": lambda value: labelpolicy.ThresholdPolicy("odr").fit(SCORES, value),
    "predict of a policy": lambda value: policy().predict(value),
    "of_json": lambda value: labelpolicy.ThresholdPolicy.of_json(value, list(THRESHOLDS)),
    "labels of of_json": lambda value: labelpolicy.ThresholdPolicy.of_json(THRESHOLDS, value),
    "plain of to_json": lambda value: policy().to_json(plain=value),
    "evaluate": lambda value: labelpolicy.evaluate(TRUTH, value),
    "per_label": lambda value: labelpolicy.per_label(value, TRUTH),
    "load": lambda value: labelpolicy.load(value),
    "decision_from_json": lambda value: labelpolicy.decision_from_json(value, ["a"], "x"),
}


@pytest.mark.parametrize("face", FACES)
def test_another_kind_is_refused_in_one_line(face):
    refused = 0
    for value in VALUES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                FACES[face](value)
            except LabelPolicyError as error:
                assert "\n" not in str(error), face
                refused += 1
    assert refused > len(VALUES) // 4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"at_least_one": "yes"}, "at_least_one is 'yes', expected True or False"),
        ({"labels": 3}, "labels is 3, expected a list of names"),
        ({"labels": "abc"}, "labels is 'abc', expected a list of names"),
        ({"at_most": 2.5}, "at_most is 2.5, expected a number from 1 on"),
        (
            {"rule": "auto", "objective": lambda y_true, y_pred: None},
            "what the objective returned is None, expected a number",
        ),
    ],
)
def test_the_message_says_what_was_found_and_expected(options, words):
    with pytest.raises(LabelPolicyError, match=words):
        policy(**options)
