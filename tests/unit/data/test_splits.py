"""Dividing documents: no label loses its last one, groups stay whole."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from labelpolicy.data.prepared import Ragged
from labelpolicy.data.splits import hold_out

labelled = st.lists(st.frozensets(st.integers(0, 5), max_size=3), max_size=40)


@given(rows=labelled, fraction=st.floats(0.01, 0.99), seed=st.integers(0, 5))
def test_no_label_loses_its_last_document(rows, fraction, seed):
    held = hold_out(Ragged.from_rows([sorted(row) for row in rows]), fraction, np.random.default_rng(seed))
    kept = [row for row, out in zip(rows, held.tolist(), strict=True) if not out]
    assert held.sum() <= round(fraction * len(rows))
    left = Counter(label for row in kept for label in row)
    assert {label for row in rows for label in row} == set(left)
    if held.sum() < round(fraction * len(rows)):  # then no further document could have been held out
        assert all(any(left[label] == 1 for label in row) for row in kept)


@given(rows=labelled, seed=st.integers(0, 5), data=st.data())
def test_groups_stay_whole(rows, seed, data):
    groups = data.draw(st.lists(st.sampled_from("abcdefg"), min_size=len(rows), max_size=len(rows)))
    held = hold_out(Ragged.from_rows([sorted(row) for row in rows]), 0.4, np.random.default_rng(seed), groups)
    outside = {group for group, out in zip(groups, held.tolist(), strict=True) if out}
    inside = {group for group, out in zip(groups, held.tolist(), strict=True) if not out}
    assert not outside & inside
    assert held.sum() <= round(0.4 * len(rows))
    assert {label for row in rows for label in row} == {
        label for row, out in zip(rows, held.tolist(), strict=True) if not out for label in row
    }


def test_a_group_larger_than_what_is_wanted_is_passed_over():
    labels = Ragged.from_rows([[0]] * 10)
    held = hold_out(labels, 0.2, np.random.default_rng(0), ["big"] * 8 + ["small"] * 2)
    assert held.tolist() == [False] * 8 + [True] * 2
