"""Dividing documents: no label loses its last one, groups stay whole."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from labelpolicy.data.prepared import Ragged
from labelpolicy.data.splits import hold_out

labelled = st.lists(st.frozensets(st.integers(0, 5), max_size=3), max_size=40)


@given(rows=labelled, fraction=st.floats(0.01, 0.99), seed=st.integers(0, 5))
def test_a_label_of_several_documents_has_one_on_each_side(rows, fraction, seed):
    held = hold_out(Ragged.from_rows([sorted(row) for row in rows]), fraction, np.random.default_rng(seed))
    inside, outside = (
        Counter(label for row, out in zip(rows, held.tolist(), strict=True) if out == side for label in row)
        for side in (False, True)
    )
    assert {label for row in rows for label in row} == set(inside)
    for label in inside.keys() - outside.keys():  # nothing that carries it could have gone
        assert all(any(inside[own] == 1 for own in row) for row in rows if label in row)


@given(seed=st.integers(0, 50), fraction=st.sampled_from([0.05, 0.1, 0.2, 0.5]))
def test_the_share_of_every_label_and_of_all(seed, fraction):
    random = np.random.default_rng(seed)
    y_true = random.random((400, 8)) < 0.5 / np.arange(1, 9)
    labels = Ragged.from_rows([np.flatnonzero(row).tolist() for row in y_true])
    held = hold_out(labels, fraction, random)
    assert held.sum() == round(fraction * len(y_true))
    share = y_true[held].sum(axis=0) / y_true.sum(axis=0)
    assert (abs(share - fraction) * y_true.sum(axis=0) < 5).all()


@given(rows=labelled, seed=st.integers(0, 5), data=st.data())
def test_groups_stay_whole(rows, seed, data):
    groups = data.draw(st.lists(st.sampled_from("abcdefg"), min_size=len(rows), max_size=len(rows)))
    held = hold_out(Ragged.from_rows([sorted(row) for row in rows]), 0.4, np.random.default_rng(seed), groups)
    outside = {group for group, out in zip(groups, held.tolist(), strict=True) if out}
    inside = {group for group, out in zip(groups, held.tolist(), strict=True) if not out}
    assert not outside & inside
    assert {label for row in rows for label in row} == {
        label for row, out in zip(rows, held.tolist(), strict=True) if not out for label in row
    }


def test_a_group_larger_than_what_is_wanted_is_passed_over():
    labels = Ragged.from_rows([[0]] * 10)
    held = hold_out(labels, 0.2, np.random.default_rng(0), ["big"] * 8 + ["small"] * 2)
    assert held.tolist() == [False] * 8 + [True] * 2
