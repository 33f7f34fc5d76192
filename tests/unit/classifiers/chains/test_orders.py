"""Orders of labels, and input that gives none."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelpolicy.classifiers.chains.orders import (
    ancestors,
    by_frequency,
    by_name,
    dependence,
    precedence,
    sequence,
    topological,
)
from labelpolicy.errors import LabelPolicyError

LABELS = ["a", "b", "c", "d"]


def data(parents=(None,) * 4, count=(5, 9, 1, 5), truth=None):
    split = SimpleNamespace(y_true=truth)
    return SimpleNamespace(
        labels=LABELS, parents=list(parents), train_count=np.array(count), folder="here", split=lambda _: split
    )


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a", "b", "c"], "label order: 'd' stands there 0 times"),
        (["a"], "label order: 'b' stands there 0 times"),
        (["a", "b", "b", "d"], "label order: 'b' stands there 2 times"),
        (["a", "b", "x", "d"], "label order: 'x' is no label"),
        ([], "'a' stands there 0 times"),
    ],
)
def test_an_order_that_is_no_permutation(names, message):
    for function in (
        lambda: by_name(names, LABELS),
        lambda: sequence(names, data()),
        lambda: precedence(names, data()),
    ):
        with pytest.raises(LabelPolicyError, match=message) as caught:
            function()
        assert "\n" not in str(caught.value)


def test_an_order_by_name():
    assert sequence(["d", "b", "a", "c"], data()).tolist() == [3, 1, 0, 2]


def test_by_frequency_equally_frequent_labels_keep_their_order():
    assert by_frequency(np.array([5, 9, 1, 5])).tolist() == [1, 0, 3, 2]
    assert sequence("frequent_first", data()).tolist() == [1, 0, 3, 2]
    assert sequence("rare_first", data()).tolist() == [2, 0, 3, 1]


@pytest.mark.parametrize(
    ("parents", "circle"), [(("b", "a", None, None), ("a", "b")), ((None, None, "c", None), ("c", "c"))]
)
def test_a_cycle_in_the_hierarchy(parents, circle):
    with pytest.raises(LabelPolicyError, match="is its own ancestor") as caught:
        ancestors(LABELS, parents)
    assert "\n" not in str(caught.value) and all(repr(label)[1:-1] in str(caught.value) for label in circle)


def test_a_parent_that_is_no_label_ends_the_path():
    assert np.argwhere(ancestors(LABELS, [None, "a", "x", "b"])).tolist() == [[1, 0], [3, 0], [3, 1]]


@given(st.integers(0, 10_000), st.integers(1, 30))
def test_parents_come_before_their_children(seed, size):
    random = np.random.default_rng(seed)
    names = [str(j) for j in random.permutation(size)]
    parents = [None if j == 0 or random.random() < 0.2 else names[random.integers(j)] for j in range(size)]
    shuffled = random.permutation(size)
    names, parents = [names[j] for j in shuffled], [parents[j] for j in shuffled]
    above = ancestors(names, parents)
    order = topological(above, random.integers(0, 5, size))
    place = np.argsort(order)
    assert sorted(order) == list(range(size))
    for child, parent in enumerate(parents):
        assert parent is None or place[names.index(parent)] < place[child]
    # an ancestor's ancestors are ancestors
    assert ((above.astype(int) @ above > 0) <= above).all()


def test_hierarchy_lets_ancestors_alone_precede():
    before, order = precedence("hierarchy", data(parents=(None, "a", "b", None)))
    assert np.argwhere(before).tolist() == [[1, 0], [2, 0], [2, 1]]
    assert order.tolist() == [0, 3, 1, 2]


def test_a_flat_label_set_has_no_order_by_hierarchy():
    with pytest.raises(LabelPolicyError, match="here: order hierarchy: no label has a parent: choose frequency"):
        precedence("hierarchy", data())
    assert sequence("topological", data()).tolist() == sequence("frequent_first", data()).tolist()


def test_frequency_is_a_total_order():
    before, order = precedence("frequency", data())
    assert before.sum() == 6 and before[2].tolist() == [True, True, False, True] and order.tolist() == [1, 0, 3, 2]


def test_dependence_finds_the_labels_that_go_together_or_exclude_each_other():
    random = np.random.default_rng(0)
    a, c = random.random((2, 20_000)) < [[0.3], [0.2]]
    b = np.where(random.random(20_000) < 0.8, a, random.random(20_000) < 0.2)
    d = ~a & (random.random(20_000) < 0.2)
    truth = np.stack([a, b, c, d], axis=1)
    truth[:, 2] &= ~np.roll(truth[:, 2], 1)
    count = truth.sum(axis=0)
    before, order = precedence("dependence", data(count=count, truth=truth))
    pairs = {frozenset(pair) for pair in np.argwhere(before).tolist()}
    assert frozenset((0, 1)) in pairs and frozenset((0, 3)) in pairs and not any(2 in pair for pair in pairs)
    place = np.argsort(order)
    assert all(place[k] < place[j] for j, k in np.argwhere(before))


def test_dependence_of_independent_labels_is_rarely_found():
    truth = np.random.default_rng(0).random((5000, 40)) < np.linspace(0.0002, 0.3, 40)
    assert dependence(truth, truth.sum(axis=0)).sum() <= 1  # expected: 0.05 of 780 pairs
