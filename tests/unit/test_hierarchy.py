"""Closing predictions upwards."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from labelpolicy.errors import LabelPolicyError
from labelpolicy.hierarchy import ancestor_closure

LABELS = ["/a/b/c", "/a", "/d", "/a/b", "/x/y"]
PARENTS = ["/a/b", None, None, "/a", "/x"]  # /x is no label


def test_a_label_brings_all_its_ancestors_and_nothing_else():
    predicted = np.eye(5, dtype=bool)
    before = predicted.copy()
    closed = ancestor_closure(predicted, LABELS, PARENTS)
    assert [[LABELS[label] for label in np.flatnonzero(row)] for row in closed] == [
        ["/a/b/c", "/a", "/a/b"],
        ["/a"],
        ["/d"],
        ["/a", "/a/b"],
        ["/x/y"],
    ]
    np.testing.assert_array_equal(predicted, before)


@given(arrays(bool, (4, 5)))
def test_closing_adds_only_and_twice_is_once(predicted):
    closed = ancestor_closure(predicted, LABELS, PARENTS)
    assert (closed >= predicted).all()
    np.testing.assert_array_equal(ancestor_closure(closed, LABELS, PARENTS), closed)
    for child, parent in ((0, 3), (3, 1)):
        assert (closed[:, parent] >= closed[:, child]).all()


@given(arrays(bool, (6, 4)))
def test_a_flat_label_set_is_left_alone(predicted):
    np.testing.assert_array_equal(ancestor_closure(predicted, list("abcd"), [None] * 4), predicted)


def test_a_long_chain_of_parents():
    labels = [str(j) for j in range(3000)]
    predicted = np.zeros((2, 3000), dtype=bool)
    predicted[0, -1] = True
    closed = ancestor_closure(predicted, labels, [None, *labels[:-1]])
    assert closed[0].all() and not closed[1].any()


@pytest.mark.parametrize("parents", [["c", "a", "b"], ["a", None, None]])
def test_a_circle_of_parents_is_a_one_line_error(parents):
    with pytest.raises(LabelPolicyError, match="own ancestor") as error:
        ancestor_closure(np.ones((1, 3), dtype=bool), ["a", "b", "c"], parents)
    assert "\n" not in str(error.value)
