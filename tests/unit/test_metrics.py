"""Measures: hand-worked cases, and scikit-learn as the reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from labelpolicy.errors import LabelPolicyError
from labelpolicy.metrics import GROUPS, NAMES, evaluate, per_label, standard_errors
from labelpolicy.thresholds.label_objectives import samples_jaccard

TRUTH = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 0], [1, 0, 0]], dtype=bool)
PREDICTED = np.array([[1, 0, 0], [0, 1, 1], [0, 0, 0], [0, 0, 0]], dtype=bool)


def test_worked_by_hand():
    # Labels: tp 1 fn 1; tp 1 fn 1; fp 1. Documents: {0} of {0,1}; {1,2} for {1}; {} for {}; {} for {0}.
    assert evaluate(TRUTH, PREDICTED) == pytest.approx(
        {
            "accuracy": 1 / 4,  # the empty document alone
            "macro_f1": (2 / 3 + 2 / 3 + 0) / 3,
            "micro_f1": 4 / 7,  # tp 2, predicted 3, true 4
            "samples_jaccard": (1 / 2 + 1 / 2 + 1 + 0) / 4,  # 1 for the document that rightly gets no label
            "samples_f1": (2 / 3 + 2 / 3 + 1 + 0) / 4,
            "macro_precision": (1 + 1 + 0) / 3,
            "macro_recall": (1 / 2 + 1 / 2 + 0) / 3,
            "micro_precision": 2 / 3,
            "micro_recall": 1 / 2,
            "loose_macro_precision": (1 + 1 / 2) / 2,  # over the two documents with a prediction
            "loose_macro_recall": (1 / 2 + 1 + 0) / 3,  # over the three with a true label
            "loose_macro_f1": 2 * 0.75 * 0.5 / 1.25,
            "loose_micro_f1": 4 / 7,
            "hamming_loss": 3 / 12,
            "labels_per_document": 3 / 4,
        }
    )


def test_per_label_worked_by_hand():
    table = per_label(TRUTH, PREDICTED)
    assert {name: column.tolist() for name, column in table.items()} == {
        "tp": [1, 1, 0],
        "fp": [0, 0, 1],
        "fn": [1, 1, 0],
        "precision": [1, 1, 0],
        "recall": [0.5, 0.5, 0],
        "f1": [pytest.approx(2 / 3), pytest.approx(2 / 3), 0],
        "support": [2, 2, 0],
    }


def test_nothing_true_and_nothing_predicted():
    nothing = np.zeros((2, 3), dtype=bool)
    assert evaluate(nothing, nothing) == dict.fromkeys(NAMES, 0.0) | dict.fromkeys(
        ("accuracy", "samples_jaccard", "samples_f1"), 1.0
    )


def test_everything_right():
    truth = np.eye(3, dtype=bool)
    assert evaluate(truth, truth) == dict.fromkeys(NAMES, 1.0) | {"hamming_loss": 0.0}


PAIRS = st.tuples(st.integers(1, 8), st.integers(1, 5)).flatmap(
    lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape))
)


@settings(max_examples=80, deadline=None)
@given(PAIRS)
def test_agrees_with_scikit_learn(pair):
    from sklearn.metrics import (
        accuracy_score,
        f1_score,
        hamming_loss,
        jaccard_score,
        precision_recall_fscore_support,
    )

    truth, predicted = pair
    # A column of its own kind keeps scikit-learn from reading one label as a binary problem.
    wide_truth, wide_predicted = (np.pad(array, ((0, 0), (0, 1))) for array in pair)
    found = evaluate(truth, predicted)
    assert list(found) == list(NAMES)
    assert all(type(value) is float for value in found.values())

    *each, support = precision_recall_fscore_support(wide_truth, wide_predicted, average=None, zero_division=0)
    table = per_label(truth, predicted)
    for name, expected in zip(("precision", "recall", "f1"), each, strict=True):
        np.testing.assert_allclose(table[name], expected[:-1])
    np.testing.assert_array_equal(table["support"], support[:-1])
    assert found["macro_f1"] == pytest.approx(each[2][:-1].mean())

    micro = precision_recall_fscore_support(wide_truth, wide_predicted, average="micro", zero_division=0)[:3]
    assert [found[f"micro_{name}"] for name in ("precision", "recall", "f1")] == pytest.approx(list(micro))
    for name, values in zip(("precision", "recall", "f1"), each, strict=True):
        assert found[f"macro_{name}"] == pytest.approx(values[:-1].mean())
    # A document of no label, true or predicted, counts 1.
    jaccard = jaccard_score(wide_truth, wide_predicted, average="samples", zero_division=1)
    assert found["samples_jaccard"] == pytest.approx(jaccard) == samples_jaccard(truth, predicted)
    samples_f1 = f1_score(wide_truth, wide_predicted, average="samples", zero_division=1)
    assert found["samples_f1"] == pytest.approx(samples_f1)
    assert found["micro_f1"] == found["loose_micro_f1"]
    assert found["accuracy"] == pytest.approx(accuracy_score(wide_truth, wide_predicted))
    cells = truth.shape[1] / wide_truth.shape[1]
    assert found["hamming_loss"] * cells == pytest.approx(hamming_loss(wide_truth, wide_predicted))

    for name, kept in (("precision", predicted.any(axis=1)), ("recall", truth.any(axis=1))):
        column = 0 if name == "precision" else 1
        expected = (
            precision_recall_fscore_support(wide_truth[kept], wide_predicted[kept], average="samples", zero_division=0)[
                column
            ]
            if kept.any()
            else 0.0
        )
        assert found[f"loose_macro_{name}"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("truth", "predicted", "words"),
    [
        (TRUTH, PREDICTED[:2], r"y_true is \(4, 3\) and y_pred \(2, 3\)"),
        (TRUTH[:0], PREDICTED[:0], "at least one of each"),
        (TRUTH[0], PREDICTED[0], "expected the same"),
        (TRUTH, PREDICTED * 0.7, "float64.*expected bool"),
    ],
)
def test_wrong_arrays_are_one_line_errors(truth, predicted, words):
    with pytest.raises(LabelPolicyError, match=words) as error:
        evaluate(truth, predicted)
    assert "\n" not in str(error.value)


@given(arrays(bool, (12, 3)), arrays(bool, (12, 3)), st.lists(st.sampled_from("abcd"), min_size=12, max_size=12))
@settings(max_examples=40)
def test_standard_errors_are_those_of_leaving_out_one_group_at_a_time(truth, predicted, groups):
    names = sorted(set(groups))
    if len(names) < 2:
        with pytest.raises(LabelPolicyError, match="at least two"):
            standard_errors(truth, predicted, groups)
        return
    kept = [np.array(groups) != name for name in names]
    without = [evaluate(truth[rows], predicted[rows]) for rows in kept]
    found = standard_errors(truth, predicted, groups)
    assert tuple(found) == NAMES
    for name in NAMES:
        values = np.array([measures[name] for measures in without])
        variance = (len(names) - 1) / len(names) * ((values - values.mean()) ** 2).sum()
        assert found[name] == pytest.approx(variance**0.5, abs=1e-12)


def test_the_standard_error_of_single_documents_is_the_textbook_one():
    random = np.random.default_rng(0)
    truth, predicted = random.random((50, 4)) < 0.4, random.random((50, 4)) < 0.4
    exact = (truth == predicted).all(axis=1)
    found = standard_errors(truth, predicted, [str(row) for row in range(50)])
    assert found["accuracy"] == pytest.approx(exact.std(ddof=1) / 50**0.5)


def test_the_standard_error_over_many_documents_is_near_that_of_each_by_itself():
    random = np.random.default_rng(0)
    truth, predicted = random.random((20 * GROUPS, 4)) < 0.4, random.random((20 * GROUPS, 4)) < 0.4
    by_groups, by_each = (standard_errors(truth, predicted, groups) for groups in (None, range(len(truth))))
    for name in NAMES:
        assert by_groups[name] == pytest.approx(by_each[name], rel=0.25)
    few = truth[:GROUPS], predicted[:GROUPS]
    assert standard_errors(*few) == pytest.approx(standard_errors(*few, range(GROUPS)))
