"""The paired bootstrap against enumeration and closed forms, Holm's correction by hand, and what a table marks."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest

from labelpolicy import metrics
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_parquet
from labelpolicy.methods import Method
from labelpolicy.significance import (
    MEASURES,
    SCHEMA,
    TYPING_MEASURES,
    Outcomes,
    compare,
    draws_needed,
    holm,
    judge,
    marks,
    pairs,
    replicates,
)

BASE = Method("Base", "linear", "uniform", "fixed", "-", "base")
FITTED = Method("Fitted", "linear", "uniform", "scut", "-", "base")
LEARNED = Method("Learned", "linear", "meta", "meta", "-", "base")
LEARNED_TOO = Method("Learned too", "kim_cnn", "uniform", "meta", "-", "base")


def evaluate(truth, predicted, measures=MEASURES):
    found = metrics.evaluate(truth, predicted)
    return np.array([found[measure] for measure in measures])


def outcomes(truth, *rows):
    """Outcomes of rows given as predictions of a single seed."""
    return [[Outcomes.of(truth, predicted)] for predicted in rows]


def comparison(truth, *rows, methods=(LEARNED, BASE), measure="accuracy", draws=4000, level=0.05, seed=0):
    """The first comparison of the first row."""
    found = compare("toy", methods, truth, outcomes(truth, *rows), draws=draws, level=level, seed=seed)
    return next(row for row in found if row["measure"] == measure)


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
    found = Outcomes.of(truth, predicted).measured(drawn, truth.T @ drawn)
    assert found == pytest.approx(np.array([evaluate(truth[row], predicted[row]) for row in chosen]), abs=1e-12)


def test_the_loose_macro_f1_of_a_draw_is_that_of_the_mentions_drawn():
    random = np.random.default_rng(0)
    truth, predicted = random.random((2, 40, 3)) < 0.3  # some have no true label, some no predicted one
    chosen = random.integers(40, size=(5, 40))
    drawn = np.stack([np.bincount(row, minlength=40) for row in chosen], axis=1).astype(np.float32)
    found = Outcomes.of(truth, predicted, TYPING_MEASURES).measured(drawn, truth.T @ drawn)
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
    assert found["difference"] == pytest.approx(better / 50)
    assert found["p"] == pytest.approx(min(1, 2 * (1 - better / 50) ** 50), abs=0.01)


def test_interval_in_closed_form():
    """The difference of a paired draw is a binomial count: 30 of 100 documents; far from 0, almost normal."""
    found = comparison(np.ones((100, 1), dtype=bool), with_errors(100, []), with_errors(100, range(30)), draws=20_000)
    half = 1.96 * np.sqrt(0.3 * 0.7 / 100)
    assert (found["low"], found["high"]) == pytest.approx((0.3 - half, 0.3 + half), abs=0.012)


# What the test says.


def test_rows_that_are_alike():
    truth = np.random.default_rng(0).random((60, 4)) < 0.3
    predicted = truth ^ (np.random.default_rng(1).random((60, 4)) < 0.2)
    for measure in MEASURES:
        found = comparison(truth, predicted, predicted.copy(), measure=measure)
        assert {name: found[name] for name in ("difference", "low", "high", "p", "p_holm", "significant")} == {
            "difference": 0,
            "low": 0,
            "high": 0,
            "p": 1,
            "p_holm": 1,
            "significant": False,
        }


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
    assert better["p"] == worse["p"] == 2 / 4001  # the smallest there is
    assert better["significant"] and worse["significant"]
    assert 0 < better["low"] < better["difference"] < better["high"]
    assert worse["high"] < 0
    assert (better["seeds"], better["documents"]) == (1, 400)


def test_noise_is_not_a_difference():
    random = np.random.default_rng(0)
    truth = random.random((300, 5)) < 0.4
    first, second = truth ^ (random.random((2, 300, 5)) < 0.1)
    assert comparison(truth, first, second, measure="micro_f1")["p"] > 0.05


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
    assert comparison(truth, first, second)["p"] < 0.02
    # The same two rows as independent samples of documents: the spread of the difference hides it.
    independent = [
        replicates(truth, outcomes(truth, row), draws=4000, seed=seed)[:, 0, 0]
        for seed, row in enumerate((first, second))
    ]
    assert judge((independent[0] - independent[1])[:, None], 0.05)[2][0] > 0.5


def test_seeds_are_paired_and_resampled():
    truth = np.ones((200, 1), dtype=bool)

    def p(first, second):
        rows = [[Outcomes.of(truth, with_errors(200, range(wrong))) for wrong in row] for row in (first, second)]
        found = compare("toy", [LEARNED, BASE], truth, rows, draws=4000, level=0.05, seed=0)
        return found[0]["p"], found[0]["difference"], found[0]["seeds"]

    # Seeds differ by far more than the rows do, but within each seed the first row gains on 10 documents.
    steady, difference, seeds = p([20, 60, 100, 140], [30, 70, 110, 150])
    assert steady < 0.01 and difference == pytest.approx(0.05) and seeds == 4
    # The same mean gain, but of one seed: drawing seeds shows that it hangs on it.
    lucky, difference, _ = p([20, 60, 100, 110], [20, 60, 100, 150])
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


def test_two_learned_rows_are_one_hypothesis():
    methods = [BASE, LEARNED, FITTED, LEARNED_TOO]
    assert pairs(methods) == [(1, 0), (1, 2), (1, 3), (3, 0), (3, 2)]
    random = np.random.default_rng(0)
    truth = random.random((80, 3)) < 0.4
    rows = outcomes(truth, *(truth ^ (random.random((80, 3)) < rate) for rate in (0.3, 0.1, 0.25, 0.2)))
    found = compare("toy", methods, truth, rows, draws=1000, level=0.05, seed=0)
    by_pair = {(row["row"], row["other"]): row for row in found if row["measure"] == "micro_f1"}
    learned = [("Learned", other) for other in ("Base", "Fitted", "Learned too")]
    assert list(by_pair) == [*learned, *(("Learned too", other) for other in ("Base", "Learned", "Fitted"))]

    there, back = by_pair["Learned", "Learned too"], by_pair["Learned too", "Learned"]
    assert (there["p"], there["p_holm"]) == (back["p"], back["p_holm"])
    assert (there["difference"], there["low"], there["high"]) == (-back["difference"], -back["high"], -back["low"])
    once = [row for pair, row in by_pair.items() if pair != ("Learned too", "Learned")]
    assert [row["p_holm"] for row in once] == pytest.approx(holm(np.array([row["p"] for row in once])).tolist())
    assert [row["significant"] for row in once] == [row["p_holm"] < 0.05 for row in once]


def test_measures_are_families_of_their_own():
    truth = np.ones((50, 2), dtype=bool)
    half = truth.copy()
    half[:3, 0] = False
    found = compare("toy", [LEARNED, BASE], truth, outcomes(truth, truth, half), draws=2000, level=0.05, seed=0)
    assert [row["measure"] for row in found] == list(MEASURES)
    assert [row["p_holm"] for row in found] == [row["p"] for row in found]


def test_draws_needed():
    assert draws_needed(243, 0.05) == 9720
    assert 243 * 2 / (9720 + 1) < 0.05 <= 243 * 2 / (9719 + 1)


def test_nothing_learned_nothing_tested():
    truth = np.ones((5, 1), dtype=bool)
    assert compare("toy", [BASE, FITTED], truth, outcomes(truth, truth, truth), draws=10, level=0.05, seed=0) == []


# Same seed, same numbers.


def test_seeded_and_independent_of_other_rows():
    random = np.random.default_rng(0)
    truth = random.random((70, 4)) < 0.3
    rows = outcomes(truth, *(truth ^ (random.random((3, 70, 4)) < 0.2)))
    first = replicates(truth, rows, draws=200, seed=0)
    assert (replicates(truth, rows, draws=200, seed=0) == first).all()
    assert (replicates(truth, rows[1:], draws=200, seed=0) == first[:, 1:]).all()
    assert (replicates(truth, rows, draws=200, seed=1) != first).any()


# The mark in Table 5.


def table(path, **changed):
    row = {
        "dataset": "toy",
        "row": "Learned",
        "other": "Base",
        "measure": "",
        "difference": 0.1,
        "low": 0.0,
        "high": 0.2,
    }
    row |= {"p": 0.001, "p_holm": 0.01, "significant": True, "seeds": 1, "documents": 10}
    rows = [row | {"measure": measure} | changed.get(measure, {}) for measure in MEASURES]
    write_parquet(path, pa.Table.from_pylist([*rows, *changed.get("more", [])], schema=SCHEMA))
    return path


def test_marks(tmp_path):
    """A mark is for a gain over the own classifier's baseline; a loss or a gain over another row is none."""
    against_fitted = [
        {"dataset": "toy", "row": "Learned", "other": "Fitted", "measure": m, "difference": 1.0, "significant": True}
        for m in MEASURES
    ]
    path = table(
        tmp_path / "s.parquet", macro_f1={"difference": -0.1}, micro_f1={"significant": False}, more=against_fitted
    )
    # Without a baseline of its own classifier (kim_cnn here) a learned row has no mark, and needs no line.
    assert marks(path, dataset="toy", methods=[BASE, LEARNED, FITTED, LEARNED_TOO]) == {("Learned", "accuracy")}


def test_the_loose_micro_f1_is_marked_where_the_micro_f1_is(tmp_path):
    loose = {"dataset": "toy", "row": "Learned", "other": "Base", "measure": "loose_macro_f1", "difference": 0.1}
    path = table(tmp_path / "s.parquet", accuracy={"significant": False}, more=[loose | {"significant": True}])
    found = marks(
        path, dataset="toy", methods=[BASE, LEARNED], measures=("accuracy", "loose_macro_f1", "loose_micro_f1")
    )
    assert found == {("Learned", "loose_macro_f1"), ("Learned", "loose_micro_f1")}


def test_marks_of_other_methods(tmp_path):
    path = table(tmp_path / "s.parquet")
    with pytest.raises(LabelPolicyError, match=r"s\.parquet: no accuracy of other, row 'Learned' against 'Base': run"):
        marks(path, dataset="other", methods=[BASE, LEARNED])
