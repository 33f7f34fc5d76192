"""The paired bootstrap against enumeration and closed forms, and Holm's correction by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from labelpolicy import metrics
from labelpolicy.errors import LabelPolicyError
from labelpolicy.significance import (
    TYPING_MEASURES,
    Drawn,
    Outcomes,
    Significance,
    bootstrap_interval,
    differences,
    draws_needed,
    holm,
    judge,
    paired_bootstrap,
    replicates,
)
from labelpolicy.thresholds.objectives import MEASURES


def evaluate(truth, predicted, measures=MEASURES):
    found = metrics.evaluate(truth, predicted)
    return np.array([found[measure] for measure in measures])


def outcomes(truth, *rows):
    """Outcomes of rows given as predictions of a single seed."""
    return [[Outcomes.of(truth, predicted)] for predicted in rows]


def comparison(truth, first, second, *, measure="accuracy", draws=4000):
    return paired_bootstrap(truth, first, second, draws=draws)[measure]


def with_errors(documents, wrong):
    """One label, true everywhere; the documents of ``wrong`` are missed."""
    predicted = np.ones((documents, 1), dtype=bool)
    predicted[list(wrong)] = False
    return predicted


# The distribution.


def test_every_draw_is_what_evaluate_says_of_the_documents_drawn():
    random = np.random.default_rng(0)
    truth, predicted = random.random((2, 40, 7)) < 0.2
    chosen = random.integers(40, size=(5, 40))
    drawn = np.stack([np.bincount(row, minlength=40) for row in chosen], axis=1).astype(np.float32)
    found = Outcomes.of(truth, predicted).measured(Drawn.of(drawn, csr_matrix(truth.T, dtype=np.float32)))
    assert found == pytest.approx(np.array([evaluate(truth[row], predicted[row]) for row in chosen]), abs=1e-12)


def test_the_loose_macro_f1_of_a_draw_is_that_of_the_mentions_drawn():
    random = np.random.default_rng(0)
    truth, predicted = random.random((2, 40, 3)) < 0.3  # some have no true label, some no predicted one
    chosen = random.integers(40, size=(5, 40))
    drawn = np.stack([np.bincount(row, minlength=40) for row in chosen], axis=1).astype(np.float32)
    found = Outcomes.of(truth, predicted, TYPING_MEASURES).measured(
        Drawn.of(drawn, csr_matrix(truth.T, dtype=np.float32))
    )
    expected = [evaluate(truth[row], predicted[row], TYPING_MEASURES) for row in chosen]
    assert found == pytest.approx(np.array(expected), abs=1e-12)


def test_mentions_of_one_document_are_drawn_together():
    """Two documents of 3 mentions and 1: a draw holds 6, 4 or 2 mentions, all of a document or none."""
    truth = np.ones((4, 1), dtype=bool)
    groups = np.array([0, 0, 0, 1])
    row = [Outcomes.of(truth, with_errors(4, [3]))]  # the mention of the second document is missed
    found = replicates(truth, [row], draws=4000, seed=0, groups=groups)[:, 0, 0]
    values, counts = np.unique(found, return_counts=True)
    assert values.tolist() == [0, 0.75, 1]
    assert counts / 4000 == pytest.approx(np.array([0.25, 0.5, 0.25]), abs=0.04)


def test_replicates_against_all_that_can_be_drawn():
    """3 documents and 2 seeds: 27 x 4 equally likely draws, each measured by metrics.evaluate."""
    truth = np.array([[1, 0], [0, 1], [1, 1]], dtype=bool)
    first = np.array([[[1, 0], [0, 1], [1, 0]], [[1, 1], [0, 1], [1, 1]]], dtype=bool)  # by seed
    second = np.array([[[0, 0], [0, 1], [1, 1]], [[1, 0], [1, 0], [0, 1]]], dtype=bool)
    possible = []
    for documents in itertools.product(range(3), repeat=3):
        rows = list(documents)
        by_seed = [evaluate(truth[rows], first[s][rows]) - evaluate(truth[rows], second[s][rows]) for s in range(2)]
        possible += [(by_seed[s] + by_seed[t]) / 2 for s, t in itertools.product(range(2), repeat=2)]
    possible = np.array(possible)

    draws = 60_000
    rows = [[Outcomes.of(truth, predicted) for predicted in row] for row in (first, second)]
    found = replicates(truth, rows, draws=draws, seed=0)
    assert found.shape == (draws, 2, 3)
    differences = found[:, 0] - found[:, 1]
    for m in range(len(MEASURES)):
        values, expected = np.unique(possible[:, m].round(9), return_counts=True)
        seen, counts = np.unique(differences[:, m].round(9), return_counts=True)
        assert np.isin(seen, values).all()
        share, expected = dict(zip(seen, counts / draws, strict=True)), expected / len(possible)
        for value, chance in zip(values, expected, strict=True):
            assert share.get(value, 0) == pytest.approx(chance, abs=5 * np.sqrt(chance / draws))
    exact = 2 * np.minimum((possible <= 1e-12).mean(axis=0), (possible >= -1e-12).mean(axis=0))
    assert judge(differences, 0.05)[2] == pytest.approx(np.minimum(exact, 1), abs=0.02)


@pytest.mark.parametrize("better", [1, 2, 3, 5])
def test_p_in_closed_form(better):
    """Right where the other is wrong on ``better`` of 50 documents: no gain is drawn with chance (1 - better/50)^50."""
    found = comparison(np.ones((50, 1), dtype=bool), with_errors(50, []), with_errors(50, range(better)), draws=40_000)
    assert found.difference == pytest.approx(better / 50)
    assert found.p == pytest.approx(min(1, 2 * (1 - better / 50) ** 50), abs=0.01)


def test_interval_in_closed_form():
    """The difference of a paired draw is a binomial count: 30 of 100 documents; far from 0, almost normal."""
    found = comparison(np.ones((100, 1), dtype=bool), with_errors(100, []), with_errors(100, range(30)), draws=20_000)
    half = 1.96 * np.sqrt(0.3 * 0.7 / 100)
    assert (found.low, found.high) == pytest.approx((0.3 - half, 0.3 + half), abs=0.012)


# What the test says.


def test_rows_that_are_alike():
    truth = np.random.default_rng(0).random((60, 4)) < 0.3
    predicted = truth ^ (np.random.default_rng(1).random((60, 4)) < 0.2)
    for measure in MEASURES:
        assert comparison(truth, predicted, predicted.copy(), measure=measure) == (0, 0, 0, 1, 1)


def test_a_sum_in_another_order_is_no_difference():
    """Two labels swap roles: the same shares, so macro-F1 is equal but for rounding in every draw."""
    differences = np.array([[1e-17], [-1e-17], [0.0]])
    low, high, p = judge(differences, 0.05)
    assert (low[0], high[0], p[0]) == (0, 0, 1)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_clearly_better_row(measure):
    random = np.random.default_rng(0)
    truth = random.random((400, 5)) < 0.4
    good, bad = truth ^ (random.random((400, 5)) < 0.05), truth ^ (random.random((400, 5)) < 0.25)
    better, worse = comparison(truth, good, bad, measure=measure), comparison(truth, bad, good, measure=measure)
    assert better.p == worse.p == 2 / 4001  # the smallest there is
    assert 0 < better.low < better.difference < better.high
    assert worse == better.reversed()


def test_noise_is_not_a_difference():
    random = np.random.default_rng(0)
    truth = random.random((300, 5)) < 0.4
    first, second = truth ^ (random.random((2, 300, 5)) < 0.1)
    assert comparison(truth, first, second, measure="micro_f1").p > 0.05


def test_false_alarms():
    """200 pairs of rows that differ by chance alone, labels frequent and rare: about one in twenty has p < 0.05."""
    random = np.random.default_rng(0)
    frequency = np.minimum(0.4 / np.arange(1, 21), 0.9)
    alarms = []
    for sample in range(200):
        truth = random.random((300, 20)) < frequency
        rows = truth ^ (random.random((2, 300, 20)) < 0.15 * frequency)
        drawn = replicates(truth, outcomes(truth, *rows), draws=300, seed=sample)
        alarms.append(judge(drawn[:, 0] - drawn[:, 1], 0.05)[2] < 0.05)
    assert (np.mean(alarms, axis=0) < 0.10).all() and np.mean(alarms) > 0.01


def test_documents_are_paired():
    """5 gains and no loss on 200 documents with 100 errors in common: more than chance only when paired."""
    truth = np.ones((200, 1), dtype=bool)
    first, second = with_errors(200, range(100)), with_errors(200, range(105))
    assert comparison(truth, first, second).p < 0.02
    # The same two rows as independent samples of documents: the spread of the difference hides it.
    independent = [
        replicates(truth, outcomes(truth, row), draws=4000, seed=seed)[:, 0, 0]
        for seed, row in enumerate((first, second))
    ]
    assert judge((independent[0] - independent[1])[:, None], 0.05)[2][0] > 0.5


def test_seeds_are_paired_and_resampled():
    truth = np.ones((200, 1), dtype=bool)

    def p(first, second):
        rows = [np.stack([with_errors(200, range(wrong)) for wrong in row]) for row in (first, second)]
        found = paired_bootstrap(truth, *rows, draws=4000)["accuracy"]
        return found.p, found.difference

    # Seeds differ by far more than the rows do, but within each seed the first row gains on 10 documents.
    steady, difference = p([20, 60, 100, 140], [30, 70, 110, 150])
    assert steady < 0.01 and difference == pytest.approx(0.05)
    # The same mean gain, but of one seed: drawing seeds shows that it hangs on it.
    lucky, difference = p([20, 60, 100, 110], [20, 60, 100, 150])
    assert lucky > 0.1 and difference == pytest.approx(0.05)


def test_a_seed_twice_is_no_other_result():
    truth = np.random.default_rng(0).random((30, 3)) < 0.4
    row = Outcomes.of(truth, ~truth | (np.random.default_rng(1).random((30, 3)) < 0.5))
    once, twice = (replicates(truth, [[row] * seeds], draws=50, seed=0) for seeds in (1, 2))
    assert twice == pytest.approx(once, abs=1e-12)


# The correction.


def test_holm_by_hand():
    # Sorted .005 .01 .03 .04, times 4 3 2 1: .02 .03 .06 .04, and never below the one before: .02 .03 .06 .06
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.9, 0.6])).tolist() == [1, 1]
    assert holm(np.array([0.2])).tolist() == [0.2]


def test_the_comparisons_of_a_measure_are_one_family():
    random = np.random.default_rng(0)
    truth = random.random((80, 3)) < 0.4
    rows = outcomes(truth, *(truth ^ (random.random((80, 3)) < rate) for rate in (0.3, 0.1, 0.25)))
    found = differences(truth, rows, [(1, 0), (1, 2)], Significance(draws=1000))
    assert list(found) == [(*pair, measure) for measure in MEASURES for pair in ((1, 0), (1, 2))]
    for measure in MEASURES:
        family = [found[1, 0, measure], found[1, 2, measure]]
        assert [each.p_holm for each in family] == holm(np.array([each.p for each in family])).tolist()


def test_draws_needed():
    assert draws_needed(243, 0.05) == 9720
    assert 243 * 2 / (9720 + 1) < 0.05 <= 243 * 2 / (9719 + 1)


# Same seed, same numbers.


def test_seeded_and_independent_of_other_rows():
    random = np.random.default_rng(0)
    truth = random.random((70, 4)) < 0.3
    rows = outcomes(truth, *(truth ^ (random.random((3, 70, 4)) < 0.2)))
    first = replicates(truth, rows, draws=200, seed=0)
    assert (replicates(truth, rows, draws=200, seed=0) == first).all()
    assert (replicates(truth, rows[1:], draws=200, seed=0) == first[:, 1:]).all()
    assert (replicates(truth, rows, draws=200, seed=1) != first).any()


# Anybody's predictions.


def test_groups_are_drawn_whole_whatever_their_names():
    truth = np.ones((4, 1), dtype=bool)
    predicted = with_errors(4, [3])
    found = paired_bootstrap(truth, truth, predicted, groups=["b", "b", "b", "a"], draws=4000)["accuracy"]
    # One of four draws, "b" twice, is without the missed mention: p is 2 / 4.
    assert found.p == pytest.approx(0.5, abs=0.05) and found.difference == 0.25
    loose = paired_bootstrap(truth, truth, predicted, measures=TYPING_MEASURES, draws=10)
    assert list(loose) == list(TYPING_MEASURES)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (np.ones((5, 2), bool), np.ones((4, 2), bool), r"y_pred \(4, 2\)"),
        (np.ones((5, 2), bool), np.ones((5, 2)), "float64.*expected bool"),
        (np.ones((2, 5, 2), bool), np.ones((3, 5, 2), bool), "2 seeds and 3"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(first, second, words):
    with pytest.raises(LabelPolicyError, match=words):
        paired_bootstrap(np.ones((5, 2), bool), first, second, draws=10)


# Intervals of one row


def test_an_interval_is_that_of_the_binomial_and_groups_widen_it():
    truth, predicted = with_errors(400, ()), with_errors(400, range(0, 400, 4))
    found = bootstrap_interval(truth, predicted)["accuracy"]
    assert found.value == 0.75
    assert found.low == pytest.approx(0.75 - 1.96 * np.sqrt(0.75 * 0.25 / 400), abs=0.01)
    assert found.high == pytest.approx(0.75 + 1.96 * np.sqrt(0.75 * 0.25 / 400), abs=0.01)
    clustered = with_errors(400, range(100))
    wide = bootstrap_interval(truth, clustered, groups=np.repeat(np.arange(20), 20))["accuracy"]
    assert wide.low < found.low - 0.05 and wide.high > found.high + 0.05
    seeds = bootstrap_interval(truth, np.stack([predicted, clustered]), measures=TYPING_MEASURES)
    assert set(seeds) == set(TYPING_MEASURES) and seeds["accuracy"].value == 0.75


def test_an_interval_refuses_what_is_no_decision():
    with pytest.raises(LabelPolicyError, match="expected bool"):
        bootstrap_interval(np.ones((3, 1), dtype=bool), np.ones((3, 1)))
