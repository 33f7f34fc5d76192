"""Closing predictions upwards."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis.extra.numpy import arrays

from labelpolicy.hierarchy import closed_upwards

LABELS = ["/a/b/c", "/a", "/d", "/a/b", "/x/y"]
PARENTS = ["/a/b", None, None, "/a", "/x"]  # /x is no label


def test_a_label_brings_all_its_ancestors_and_nothing_else():
    predicted = np.eye(5, dtype=bool)
    before = predicted.copy()
    closed = closed_upwards(predicted, LABELS, PARENTS)
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
    closed = closed_upwards(predicted, LABELS, PARENTS)
    assert (closed >= predicted).all()
    np.testing.assert_array_equal(closed_upwards(closed, LABELS, PARENTS), closed)
    for child, parent in ((0, 3), (3, 1)):
        assert (closed[:, parent] >= closed[:, child]).all()


@given(arrays(bool, (6, 4)))
def test_a_flat_label_set_is_left_alone(predicted):
    np.testing.assert_array_equal(closed_upwards(predicted, list("abcd"), [None] * 4), predicted)
