"""Eq. 6 on a hand-worked example, and the credit of a label against brute force."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labelpolicy.learner import reward
from labelpolicy.learner.reward import RewardBatch
from labelpolicy.thresholds.objectives import Utility


def test_figure_3_by_hand():
    """One document, N = 4, two true labels (Figure 3).

    y* = 1: -(p - y) / p; y* = 0: (p - y) / p.
    -(0.5 - 0.8)/0.5 = 0.6; (0.5 - 0.3)/0.5 = 0.4; (0.5 - 0.6)/0.5 = -0.2; -(0.4 - 0.1)/0.4 = -0.75
    """
    scores = np.array([[0.8, 0.3, 0.6, 0.1]])
    truth = np.array([[True, False, False, True]])
    shares = reward.paper(np.array([[0.5, 0.5, 0.5, 0.4]]), scores, truth)
    np.testing.assert_allclose(shares, [[0.6, 0.4, -0.2, -0.75]])
    assert shares.sum() == pytest.approx(0.05)


def test_eq_6_adds_up_over_documents_and_draws_are_independent():
    random = np.random.default_rng(0)
    scores, truth = random.random((9, 3)), random.random((9, 3)) < 0.4
    thresholds = random.uniform(0.1, 0.9, (5, 3))
    whole = reward.paper(thresholds, scores, truth)
    parts = sum(reward.paper(thresholds, scores[i : i + 1], truth[i : i + 1]) for i in range(9))
    np.testing.assert_allclose(whole, parts)
    np.testing.assert_allclose(whole[3], reward.paper(thresholds[3:4], scores, truth)[0])


def test_eq_6_has_no_interior_optimum():
    random = np.random.default_rng(1)
    scores, truth = random.random((50, 1)), random.random((50, 1)) < 0.5
    values = reward.paper(np.linspace(0.01, 0.99, 99)[:, None], scores, truth)[:, 0]
    assert (np.diff(values) > 0).all() or (np.diff(values) < 0).all()


def test_the_utility_has_an_interior_optimum_where_eq_6_has_none():
    """Positives at 0.3, negatives at 0.1 and 0.2: a threshold of 0.25 is best, 0 and 1 are both bad."""
    truth = np.array([[True]] * 5 + [[False]] * 20)
    scores = np.array([[0.3]] * 5 + [[0.1], [0.2]] * 10)
    grid = np.linspace(0.01, 0.99, 99)[:, None]
    values = reward.credit(grid, scores, truth, reference=np.array([0.5]), utility=Utility())[:, 0]
    best = grid[values == values.max(), 0]
    assert best.min() > 0.19 and best.max() < 0.3


ONLY = {
    "accuracy": Utility(accuracy=1, macro_f1=0, micro_f1=0),
    "macro_f1": Utility(accuracy=0, macro_f1=1, micro_f1=0),
}


@given(st.integers(0, 10_000), st.sampled_from(sorted(ONLY)))
@settings(max_examples=60, deadline=None)
def test_credit_is_the_change_of_the_utility_when_one_label_moves(seed, measure):
    """Exact for strict accuracy and macro-F1: credit(new) - credit(old) = utility(new) - utility(old)."""
    random = np.random.default_rng(seed)
    scores, truth = random.random((12, 4)), random.random((12, 4)) < 0.4
    truth[0] = True  # so that every label has an F1
    reference = random.uniform(0.1, 0.9, 4)
    moved = reference.copy()
    moved[2] = random.uniform(0.1, 0.9)
    shares = reward.credit(np.stack([reference, moved]), scores, truth, reference=reference, utility=ONLY[measure])
    change = reward.utility(truth, scores > moved, ONLY[measure]) - reward.utility(
        truth, scores > reference, ONLY[measure]
    )
    assert (shares[1] - shares[0]).sum() == pytest.approx(change, abs=1e-12)


def test_the_credit_of_micro_f1_is_its_first_order_change():
    random = np.random.default_rng(3)
    scores, truth = random.random((4000, 5)), random.random((4000, 5)) < 0.4
    reference = np.full(5, 0.4)
    only = Utility(accuracy=0, macro_f1=0, micro_f1=1)
    moved = reference + np.array([0, 0.01, 0, 0, 0])  # moves about 1 % of one label's decisions
    shares = reward.credit(np.stack([reference, moved]), scores, truth, reference=reference, utility=only)
    change = reward.utility(truth, scores > moved, only) - reward.utility(truth, scores > reference, only)
    assert change != 0
    assert (shares[1] - shares[0]).sum() == pytest.approx(change, rel=0.05)


def test_a_label_without_positives_gains_nothing_and_pays_for_false_positives():
    scores = np.array([[0.9, 0.6], [0.2, 0.6], [0.1, 0.1]])
    truth = np.array([[True, False], [False, False], [False, False]])
    low, high = reward.credit(
        np.array([[0.5, 0.5], [0.5, 0.7]]), scores, truth, reference=np.array([0.5, 0.7]), utility=Utility()
    )
    assert high[1] > low[1]
    assert high[0] == low[0]


def smooth(level, sigma, logits, truth, allowed=None):
    level = torch.as_tensor(level, dtype=torch.float64)
    batch = RewardBatch(None, truth, allowed)
    return reward.expected(level, torch.full_like(level, sigma), torch.from_numpy(logits), batch, Utility())


@pytest.mark.parametrize("at_least_one", [False, True])
def test_with_little_noise_the_smooth_utility_is_the_utility(at_least_one):
    random = np.random.default_rng(0)
    logits, truth = random.normal(size=(60, 5)), random.random((60, 5)) < 0.4
    level = random.normal(size=5)
    allowed = np.array([True, True, False, True, True])
    predicted = logits > level
    if at_least_one:
        predicted &= allowed
        empty = ~predicted.any(axis=1)
        best = np.where(allowed, logits - level, -np.inf).argmax(axis=1)
        predicted[empty, best[empty]] = True
    found = smooth(level, 1e-6, logits, truth, torch.from_numpy(allowed) if at_least_one else None)
    assert float(found) == pytest.approx(reward.utility(truth, predicted, Utility()), abs=1e-3)


@pytest.mark.parametrize("at_least_one", [False, True])
def test_the_smooth_utility_has_the_gradient_it_should(at_least_one):
    random = np.random.default_rng(1)
    logits, truth = random.normal(size=(12, 3)), random.random((12, 3)) < 0.5
    allowed = torch.tensor([True, True, True]) if at_least_one else None
    level = torch.tensor([0.1, -0.3, 0.2], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda at: smooth(at, 0.7, logits, truth, allowed), (level,))


def test_a_label_nobody_has_pays_for_being_predicted_and_gains_nothing():
    logits, truth = np.zeros((10, 2)), np.zeros((10, 2), dtype=bool)
    truth[:, 0] = True
    high, low = (float(smooth([-3.0, level], 0.5, logits, truth)) for level in (3.0, -3.0))
    assert high > low


def test_spread_is_that_of_the_highest_logits():
    logits = np.concatenate([np.full((500, 1), -9.0), np.arange(23.0)[:, None]])
    truth = np.zeros((523, 1), dtype=bool)
    truth[-1] = True
    assert reward.spread(logits, truth)[0] == pytest.approx(np.arange(23.0).std())
    assert reward.spread(np.zeros((5, 1)), np.zeros((5, 1), dtype=bool))[0] == 0.02
