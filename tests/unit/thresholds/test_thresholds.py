"""Threshold policies: every fit against a search that tries all cuts one by one."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from labelpolicy.errors import LabelPolicyError
from labelpolicy.metrics import evaluate
from labelpolicy.randomness import generator
from labelpolicy.thresholds import rules as policies
from labelpolicy.thresholds.objectives import ThresholdParameters, Utility
from labelpolicy.thresholds.rules import FALLBACK, FITS, NEVER, PerLabel, Proportion, Rank, fit, from_json

SMALLEST = float(np.float32(1e-45))
LARGEST = float(np.float32(1) - np.float32(2**-24))
#: Few values, so that ties are common; both ends, their nearest neighbours, and two neighbours in the middle.
SCORES = st.sampled_from(
    [0.0, SMALLEST, 1e-6, 0.1, 0.3, 0.5, float(np.nextafter(np.float32(0.5), 1)), 0.8, LARGEST, 1.0]
)
WEIGHTS = st.sampled_from([(1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0.3, 2, 0.7)])


@st.composite
def problems(draw, documents=6, labels=3):
    """Scores, truth and training counts of a small problem.

    Whole columns of either truth occur, and labels without a training document, but for one.
    """
    shape = draw(st.integers(1, documents)), draw(st.integers(1, labels))
    scores = draw(arrays(np.float32, shape, elements=SCORES.map(np.float32)))
    truth = draw(arrays(bool, shape))
    for column in range(shape[1]):
        whole = draw(st.sampled_from([None, None, True, False]))
        if whole is not None:
            truth[:, column] = whole
    counts = st.lists(st.integers(0, 9), min_size=shape[1], max_size=shape[1]).filter(any)
    return scores, truth, np.array(draw(counts))


def reachable(problem):
    """The problem as a rule may see it: labels without a training document score 0, which nothing lets pass."""
    scores, truth, train_count = problem
    return np.where(train_count > 0, scores, np.float32(0)), truth, train_count


def fitted(name, problem, weights=(1, 1, 1), seed=0, **parameters):
    scores, truth, train_count = problem
    utility = Utility(accuracy=weights[0], macro_f1=weights[1], micro_f1=weights[2])
    return fit(
        name,
        scores,
        truth,
        train_count=train_count,
        parameters=ThresholdParameters(utility=utility, **parameters),
        seed=seed,
    )


def worth(truth, predicted, weights):
    measured = evaluate(truth, predicted)
    return weights[0] * measured["accuracy"] + weights[1] * measured["macro_f1"] + weights[2] * measured["micro_f1"]


def cuts(column):
    """A threshold within (0, 1) for every way to cut these scores: one below each score above 0, and one above all."""
    borders = [0.0, *sorted({float(score) for score in column if 0 < score < 1}), 1.0]
    return [(low + high) / 2 for low, high in itertools.pairwise(borders)]


def best_f1(scores, truth):
    """The best F1 of one label (or pool) by trying all cuts, and the highest cut that reaches it."""
    found = [
        (evaluate(truth.reshape(-1, 1), scores.reshape(-1, 1) > np.array([cut]))["micro_f1"], cut)
        for cut in cuts(scores)
    ]
    return max(found, default=(0.0, 0.5))


def assert_valid(decision, train_count):
    assert decision.thresholds.dtype == np.float64
    assert decision.thresholds.shape == train_count.shape
    assert (decision.thresholds > 0).all()
    np.testing.assert_array_equal(decision.thresholds < 1, train_count > 0)


def test_fixed():
    decision = fitted("fixed", (np.array([[0.5, 0.6]], dtype=np.float32), np.ones((1, 2), dtype=bool), np.ones(2)))
    assert decision.thresholds.tolist() == [0.5, 0.5]
    assert decision.decide(np.array([[0.5, 0.6]])).tolist() == [[False, True]]  # strictly above


# SCut, ODR


@settings(max_examples=150, deadline=None)
@given(problems())
def test_scut_finds_the_best_cut_of_every_label(problem):
    scores, truth, train_count = reachable(problem)
    decision = fitted("scut", problem)
    assert_valid(decision, train_count)
    for j, threshold in enumerate(decision.thresholds):
        value, cut = best_f1(scores[:, j], truth[:, j])
        assert threshold == (NEVER if not train_count[j] else cut if value > 0 else FALLBACK)
        assert evaluate(truth[:, [j]], decision.decide(scores)[:, [j]])["micro_f1"] == value or value == 0


@settings(max_examples=150, deadline=None)
@given(problems())
def test_odr_finds_the_best_cut_of_all_cells(problem):
    scores, truth, train_count = reachable(problem)
    decision = fitted("odr", problem)
    assert_valid(decision, train_count)
    value, cut = best_f1(scores.reshape(-1), truth.reshape(-1))
    assert set(decision.thresholds[train_count > 0]) == {cut if value > 0 else FALLBACK}
    assert evaluate(truth, decision.decide(scores))["micro_f1"] == pytest.approx(value)


@settings(max_examples=80, deadline=None)
@given(problems())
def test_odr_label_halves_the_best_f1(problem):
    scores, truth, train_count = reachable(problem)
    decision = fitted("odr_label", problem)
    assert_valid(decision, train_count)
    for j in np.flatnonzero(train_count):
        value = best_f1(scores[:, j], truth[:, j])[0]
        assert decision.thresholds[j] == (value / 2 if value else FALLBACK)


def test_scut_worked_by_hand():
    scores = np.array([[0.9, 0.2], [0.7, 0.2], [0.4, 0.1], [0.1, 0.0]], dtype=np.float32)
    truth = np.array([[1, 0], [0, 0], [1, 0], [0, 0]], dtype=bool)
    # Label 0: F1 is 2/3, 1/2, 4/5, 2/3 from one to four predictions. Label 1 has no positive.
    low, high = scores[3, 0].astype(float), scores[2, 0].astype(float)
    assert fitted("scut", (scores, truth, np.ones(2))).thresholds.tolist() == [(low + high) / 2, FALLBACK]


def test_more_labels_than_a_block():
    random = np.random.default_rng(0)
    scores, truth = random.random((40, 37), dtype=np.float32), random.random((40, 37)) < 0.3
    expected = [best_f1(scores[:, j], truth[:, j])[1] for j in range(37)]
    assert fitted("scut", (scores, truth, np.ones(37))).thresholds.tolist() == expected


def test_a_threshold_between_neighbouring_floats_parts_them():
    low, high = np.float32(0.5), np.nextafter(np.float32(0.5), np.float32(1))
    scores, truth = np.array([[low], [high]]), np.array([[False], [True]])
    for name in ("scut", "odr", "shared"):
        assert fitted(name, (scores, truth, np.ones(1))).decide(scores).tolist() == truth.tolist()


# RCut, PCut


@settings(max_examples=100, deadline=None)
@given(problems(labels=4), WEIGHTS)
def test_rcut_finds_the_best_rank(problem, weights):
    scores, truth, _ = problem
    decision = fitted("rcut", problem, weights)
    never = problem[2] == 0
    tops = range(1, np.count_nonzero(~never) + 1)
    values = [worth(truth, Rank(top, never=never).decide(scores), weights) for top in tops]
    assert worth(truth, decision.decide(scores), weights) == pytest.approx(max(values))
    assert values[decision.top - 1] == pytest.approx(max(values))
    assert decision.chosen["utility"] == pytest.approx(max(values))


@settings(max_examples=60, deadline=None)
@given(problems(labels=5), st.integers(1, 5))
def test_rank_takes_the_best_labels_and_the_lower_index_of_equals(problem, top):
    scores, _, train_count = problem
    for never in (None, train_count == 0):
        allowed = range(scores.shape[1]) if never is None else np.flatnonzero(~never).tolist()
        top = min(top, len(allowed))
        for row, predicted in zip(scores, Rank(top, never=never).decide(scores), strict=True):
            best = sorted(allowed, key=lambda j, row=row: (-row[j], j))[:top]
            assert np.flatnonzero(predicted).tolist() == sorted(best)


@settings(max_examples=60, deadline=None)
@given(problems(documents=12), st.data())
def test_proportion_takes_the_best_documents_and_never_parts_equals(problem, data):
    scores, _, _ = problem
    documents, labels = scores.shape
    shares = np.array(data.draw(st.lists(st.floats(0, 1.2), min_size=labels, max_size=labels)))
    predicted = Proportion(shares).decide(scores)
    for j in range(labels):
        count = min(math.floor(shares[j] * documents + 0.5), documents)
        # The most documents, best first and equals together, that fit in the count.
        fits = [score for score in set(scores[:, j]) if (scores[:, j] >= score).sum() <= count]
        assert predicted[:, j].tolist() == (scores[:, j] >= min(fits, default=np.inf)).tolist()


@settings(max_examples=150, deadline=None)
@given(problems(), WEIGHTS)
def test_pcut_finds_the_best_x(problem, weights):
    scores, truth, train_count = problem
    documents = len(scores)
    decision = fitted("pcut", problem, weights)
    prior = train_count / max(train_count.sum(), 1)
    # Between two neighbouring x at which some k_j rises, nothing changes.
    rises = sorted({(k - 0.5) / (p * documents) for p in prior if p for k in range(1, documents + 1)})
    steps = [0.0, *[(low + high) / 2 for low, high in itertools.pairwise(rises)], rises[-1] + 1] if rises else [0.0]
    values = [worth(truth, Proportion(x * prior).decide(scores), weights) for x in steps]
    assert worth(truth, decision.decide(scores), weights) == pytest.approx(max(values))
    np.testing.assert_allclose(decision.shares, decision.chosen["x"] * prior)


def test_pcut_scales_with_the_batch_it_decides():
    scores = np.linspace(0.1, 0.9, 8, dtype=np.float32)[:, None]
    decision = Proportion(np.array([0.25]))
    assert decision.decide(scores).sum() == 2
    assert decision.decide(scores[::2]).sum() == 1
    assert decision.decide(scores[:2]).sum() == 1  # half a document rounds up
    assert decision.decide(scores[:0]).shape == (0, 1)


# SCutFBR


@settings(max_examples=60, deadline=None)
@given(problems(documents=9), WEIGHTS, st.integers(0, 3), st.sampled_from(["scutfbr0", "scutfbr1"]))
def test_scutfbr_chooses_fbr_by_folds(problem, weights, seed, name):
    scores, truth, train_count = reachable(problem)
    folds, candidates = 3, [0.7, 0.4, 0.9, 0.0]
    assume(len(scores) >= folds)

    def by_hand(scores, truth, fbr):
        chosen = np.empty(scores.shape[1])
        for j in range(scores.shape[1]):
            value, cut = best_f1(scores[:, j], truth[:, j])
            cautious = NEVER if name == "scutfbr0" else max(float(scores[:, j].max()), 2.0**-150)
            chosen[j] = cautious if value < fbr else cut if value > 0 else FALLBACK
        return chosen

    fold = generator(seed, "scutfbr folds").permutation(len(scores)) % folds
    values = {}
    for fbr in candidates:
        predicted = np.zeros(truth.shape, dtype=bool)
        for f in range(folds):
            predicted[fold == f] = scores[fold == f] > by_hand(scores[fold != f], truth[fold != f], fbr)
        values[fbr] = worth(truth, predicted, weights)
    decision = fitted(name, problem, weights, seed, folds=folds, fbr=candidates)
    fbr = decision.chosen["fbr"]
    assert values[fbr] == pytest.approx(max(values.values()))
    assert all(values[lower] < values[fbr] - 1e-9 for lower in candidates if lower < fbr)
    assert decision.chosen["utility"] == pytest.approx(values[fbr])
    assert decision.thresholds.tolist() == np.where(train_count > 0, by_hand(scores, truth, fbr), NEVER).tolist()


def test_scutfbr_of_a_hopeless_label():
    # Label 1's only positive scores worst of 40: its best F1 is 2/41, whatever the fold.
    random = np.random.default_rng(1)
    scores = random.uniform(0.1, 0.9, (40, 2)).astype(np.float32)
    truth = np.column_stack([scores[:, 0] > 0.5, scores[:, 1] == scores[:, 1].min()])
    problem = scores, truth, np.array([9, 1])
    assert fitted("scut", problem).decide(scores)[:, 1].all()  # what SCut does there
    never, top = fitted("scutfbr0", problem), fitted("scutfbr1", problem)
    assert never.thresholds[1] == NEVER
    assert not never.decide(np.ones((1, 2)))[0, 1]
    assert top.thresholds[1] == scores[:, 1].max()
    assert top.decide(np.array([[0, 0.95]])).tolist() == [[False, True]]
    assert never.thresholds[0] == top.thresholds[0] == fitted("scut", problem).thresholds[0]


def test_scutfbr_needs_a_document_for_every_fold():
    problem = np.full((4, 1), 0.5), np.ones((4, 1), dtype=bool), np.ones(1)
    with pytest.raises(LabelPolicyError, match="4 validation documents, expected at least folds = 5"):
        fitted("scutfbr1", problem)


# The shared policy


def lines(problem, slope):
    """What each cell of p_j = sigmoid(a + slope * z_j) is worth; a label without a training document is worth -inf."""
    scores, _, train_count = reachable(problem)
    z, trained = np.zeros(len(train_count)), train_count > 0
    counts = np.log1p(train_count[trained])
    z[trained] = (counts - counts.mean()) / (counts.std() or 1)
    with np.errstate(divide="ignore"):
        return np.log(scores, dtype=float) - np.log1p(-scores, dtype=float) - slope * z


def best_cells(margins, allowed):
    """In each document the allowed label of the largest margin, of equal ones the first, as a boolean array."""
    found = np.zeros(margins.shape, dtype=bool)
    for row, values in zip(found, margins, strict=True):
        row[max(np.flatnonzero(allowed), key=lambda j, values=values: (values[j], -j))] = True
    return found


def shared_by_hand(problem, weights, slope, one):
    """The best utility of p_j = sigmoid(a + slope * z_j) over every a."""
    values, truth = lines(problem, slope), problem[1]
    given = best_cells(values, problem[2] > 0) if one else np.zeros(values.shape, dtype=bool)
    edges = [*np.unique(values[np.isfinite(values)]), np.inf]
    return max(worth(truth, (values >= edge) | given, weights) for edge in edges)


@settings(max_examples=100, deadline=None)
@given(problems(), WEIGHTS, st.booleans())
@example((np.array([[0, 1]], dtype=np.float32), np.array([[True, False]]), np.array([1, 5])), (1, 1, 1), False)
@example((np.ones((2, 2), dtype=np.float32), np.ones((2, 2), dtype=bool), np.array([1, 1])), (1, 1, 1), False)
@example((np.zeros((2, 2), dtype=np.float32), np.ones((2, 2), dtype=bool), np.array([3, 1])), (1, 1, 1), True)
@example((np.zeros((2, 2), dtype=np.float32), np.ones((2, 2), dtype=bool), np.array([0, 1])), (1, 1, 1), True)
def test_shared_finds_the_best_line(problem, weights, one):
    scores, truth, train_count = problem
    decision = fitted("shared+one" if one else "shared", problem, weights)
    assert_valid(decision, train_count)
    trained = train_count > 0
    slopes = policies.slopes(scores, truth & trained) if len(set(train_count[trained])) > 1 else [0.0]
    best = max(shared_by_hand(problem, weights, slope, one) for slope in slopes)
    assert worth(truth, decision.decide(scores), weights) == pytest.approx(best)
    assert decision.chosen["utility"] == pytest.approx(best)


def test_shared_puts_its_thresholds_on_the_line():
    random = np.random.default_rng(2)
    train_count = np.array([1000, 100, 10, 1])
    scores = random.random((300, 4), dtype=np.float32)
    # Rare labels are true from lower scores on, so the best line rises with frequency.
    truth = scores > np.array([0.8, 0.6, 0.4, 0.2])
    decision = fitted("shared", (scores, truth, train_count))
    z = np.log1p(train_count)
    z = (z - z.mean()) / z.std()
    a, b = decision.chosen["a"], decision.chosen["b"]
    assert 0.5 <= b <= 1.5
    np.testing.assert_allclose(decision.thresholds, 1 / (1 + np.exp(-(a + b * z))))
    assert worth(truth, decision.decide(scores), (1, 1, 1)) > 2.5


def test_the_slopes_that_shared_tries_follow_the_scale_of_the_logits():
    random = np.random.default_rng(0)
    logits, truth = random.normal(size=(50, 3)), random.random((50, 3)) < 0.4
    wide, narrow = (policies.slopes((1 / (1 + np.exp(-f * logits))).astype(np.float32), truth) for f in (2, 0.5))
    np.testing.assert_allclose(wide, 4 * narrow, rtol=1e-5)
    np.testing.assert_allclose(narrow.max(), 0.6 * 0.5 * logits[truth].std(), rtol=1e-5)
    sure = np.array([[1.0], [0.5], [0.5]], dtype=np.float32)  # a logit of infinity counts as LOGIT_BOUND
    assert policies.slopes(sure, np.ones((3, 1), dtype=bool)).max() == pytest.approx(0.6 * 12 * np.sqrt(2) / 3)
    assert policies.slopes(sure, np.zeros((3, 1), dtype=bool)).max() == pytest.approx(0.6)


def test_shared_prefers_no_slope_where_slopes_change_nothing():
    problem = (
        np.array([[0.9, 0.9], [0.1, 0.1]], dtype=np.float32),
        np.array([[1, 1], [0, 0]], dtype=bool),
        np.array([1, 5]),
    )
    decision = fitted("shared", problem)
    assert decision.chosen["b"] == 0
    assert decision.thresholds == pytest.approx([0.5, 0.5])


def test_of_equal_utility_the_highest_cut():
    # Accuracy is 2/3 with one prediction and with three.
    problem = np.array([[0.8], [0.6], [0.4]], dtype=np.float32), np.array([[True], [False], [True]]), np.array([3])
    assert 0.6 < fitted("shared", problem, (1, 0, 0)).thresholds[0] < 0.8
    assert fitted("pcut", problem, (1, 0, 0)).decide(problem[0]).sum() == 1


def test_shared_where_the_sigmoid_rounds_to_one(monkeypatch):
    # The frequent label lies 27 above the line of the others, whose positives and negatives part at a logit of 16.
    monkeypatch.setattr(policies, "slopes", lambda scores, truth: [3.0])
    scores = np.full((2, 80), LARGEST, dtype=np.float32)
    scores[1, :-1] = np.nextafter(np.float32(LARGEST), np.float32(0))
    truth = np.zeros((2, 80), dtype=bool)
    truth[0, :-1] = True
    decision = fitted("shared", (scores, truth, np.array([1] * 79 + [10**6])))
    a, b = decision.chosen["a"], decision.chosen["b"]
    assert 1 / (1 + np.exp(-(a + b * np.sqrt(79)))) == 1
    assert_valid(decision, np.ones(80))
    assert decision.decide(scores).tolist() == truth.tolist()


@pytest.mark.parametrize("gap", [1e-10, 3e-11, 1e-11, 1e-12, 1e-13])
@pytest.mark.parametrize("high", [LARGEST, 1 - 2**-23, 1 - 83 * 2**-24])
def test_shared_where_the_sigmoid_is_coarser_than_the_cut(monkeypatch, gap, high):
    # z is -1 and 1. The slope puts one label's score of 0.5 a mere gap above the other's high score, or below it.
    logit = math.log(high) - math.log1p(-high)
    for side in (1, -1):
        monkeypatch.setattr(policies, "slopes", lambda *_, b=-(logit + side * gap) / 2: [b])
        scores = np.array([[high, 0.5]], dtype=np.float32)
        truth = np.array([[side < 0, side > 0]])
        assert fitted("shared", (scores, truth, np.array([1, 9]))).decide(scores).tolist() == truth.tolist()


# At least one label


@pytest.mark.parametrize(
    ("name", "expected"),
    [("shared", ("shared", False)), ("shared+one", ("shared", True)), ("learned+one", ("learned", True))],
)
def test_the_rule_in_a_name(name, expected):
    assert policies.rule_of(name) == expected


@pytest.mark.parametrize("name", ["shared+two", "shared+one+one", "shared+", "shared+one+two", "shared+one+oof"])
def test_an_unknown_suffix_is_a_one_line_error(name):
    for call in (policies.rule_of, lambda name: fitted(name, GOOD)):
        with pytest.raises(LabelPolicyError, match=r"after the rule, expected \+one$") as error:
            call(name)
        assert "\n" not in str(error.value)


def test_the_best_label_has_the_largest_margin():
    thresholds = np.array([0.9, 0.5, NEVER, 0.2])
    scores = np.array(
        [[0.85, 0.4, 0.99, 0.1], [0.6, 0.1, 0.9, 0.02], [0.95, 0.6, 0.9, 0.1], [0, 0, 1, 0], [0, 0, 1, 1]]
    )
    # Logits less those of the thresholds: -0.5, -0.4 and -0.8 in document 0; -1.8, -2.2 and -2.5 in document 1.
    assert PerLabel(thresholds, at_least_one=True).decide(scores).tolist() == [
        [False, True, False, False],
        [True, False, False, False],
        [True, True, False, False],  # labels pass: the rule adds none
        [True, False, False, False],  # nothing but zeros where a label may be given: the lowest index
        [False, False, False, True],
    ]
    assert not PerLabel(thresholds).decide(scores[[0, 1, 3]]).any()


def test_of_equal_margins_the_lower_index():
    scores = np.array([[0.1, 0.3, 0.3], [0.3, 0.1, 0.3]], dtype=np.float32)
    given = [[False, True, False], [True, False, False]]
    assert PerLabel(np.full(3, 0.5), at_least_one=True).decide(scores).tolist() == given
    assert PerLabel(np.array([0.5, 0.5, 0.4]), at_least_one=True).decide(scores).tolist() == [[False, False, True]] * 2
    levels = np.array([0.0, 0.0, 9.0])  # in place of the logits of thresholds
    assert PerLabel(np.array([0.5, 0.5, 0.4]), {}, True, levels).decide(scores).tolist() == given


def test_where_every_label_is_never_predicted_no_document_gets_one():
    assert not PerLabel(np.full(2, NEVER), at_least_one=True).decide(np.ones((3, 2))).any()
    assert not Proportion(np.zeros(2), at_least_one=True).decide(np.ones((3, 2))).any()


def test_the_best_label_of_a_proportion_is_measured_from_the_borders():
    # Each label goes to one document of four. The borders are 0.8 and 0.3, and label 2 has a share of 0.
    scores = np.array([[0.9, 0.1, 0.99], [0.1, 0.6, 0.99], [0.8, 0.2, 0.99], [0.5, 0.3, 0.99]], dtype=np.float32)
    shares = np.array([0.25, 0.25, 0])
    plain = [[True, False, False], [False, True, False], [False, False, False], [False, False, False]]
    assert Proportion(shares).decide(scores).tolist() == plain
    assert Proportion(shares, at_least_one=True).decide(scores).tolist() == [*plain[:2], plain[0], plain[1]]
    # Borders of exactly 0 and 1: a score of 1 is ahead of all others, one of 0 behind.
    ends = np.array([[1, 0], [1, 0], [0.5, 0], [0, 0]], dtype=np.float32)
    assert Proportion(np.full(2, 0.25), at_least_one=True).decide(ends).tolist() == [[True, False]] * 4


@settings(max_examples=150, deadline=None)
@given(problems(), st.sampled_from([rule for rule in FITS if rule not in ("rcut", "odr", "shared")]))
def test_the_rule_adds_the_best_label_to_documents_without_one(problem, rule):
    scores, _, train_count = problem
    assume(len(scores) >= 2)
    without, decision = fitted(rule, problem, folds=2), fitted(f"{rule}+one", problem, folds=2)
    assert decision.chosen.get("utility") == without.chosen.get("utility")
    before, after = without.decide(scores), decision.decide(scores)
    bare = ~before.any(axis=1)
    np.testing.assert_array_equal(after[~bare], before[~bare])
    allowed = train_count > 0
    if isinstance(decision, PerLabel):
        np.testing.assert_array_equal(decision.thresholds, without.thresholds)
        allowed = without.thresholds < NEVER
        with np.errstate(divide="ignore", invalid="ignore"):
            logits = np.log(scores, dtype=float) - np.log1p(-scores, dtype=float)
            levels = np.log(without.thresholds) - np.log1p(-without.thresholds)
            margins = logits - levels
        expected = best_cells(margins, allowed) if allowed.any() else np.zeros(before.shape, dtype=bool)
        np.testing.assert_array_equal(after[bare], expected[bare])
    assert (after[bare].sum(axis=1) == allowed.any()).all()
    assert not after[:, ~allowed].any()


@settings(max_examples=150, deadline=None)
@given(problems())
def test_odr_with_one_label_finds_the_best_cut_of_all_cells(problem):
    scores, truth, train_count = problem
    decision = fitted("odr+one", problem)
    assert_valid(decision, train_count)
    trained, found = train_count > 0, []
    for cut in cuts(reachable(problem)[0].reshape(-1)):
        rule = PerLabel(np.where(trained, cut, NEVER), at_least_one=True)
        found.append(evaluate(truth, rule.decide(scores))["micro_f1"])
    assert evaluate(truth, decision.decide(scores))["micro_f1"] == pytest.approx(max(found))


@settings(max_examples=60, deadline=None)
@given(problems(), WEIGHTS)
def test_rcut_always_gives_a_label(problem, weights):
    labels = [str(j) for j in range(problem[0].shape[1])]
    assert fitted("rcut+one", problem, weights).json(labels) == fitted("rcut", problem, weights).json(labels)
    assert fitted("rcut", problem, weights).decide(problem[0]).any(axis=1).all()


@pytest.mark.parametrize("name", [f"{rule}+one" for rule in FITS])
def test_with_the_rule_every_document_gets_a_label(name):
    random = np.random.default_rng(5)
    scores, truth = random.random((60, 5), dtype=np.float32), random.random((60, 5)) < 0.2
    unseen = random.random((40, 5), dtype=np.float32) * np.float32(0.01)
    decision = fitted(name, (scores, truth, np.array([30, 20, 9, 4, 1])))
    for of in (scores, unseen, np.zeros((2, 5))):
        assert decision.decide(of).any(axis=1).all()


@settings(max_examples=60, deadline=None)
@given(problems(documents=9), st.sampled_from([rule for rule in FITS if rule != "pcut"]), st.booleans())
def test_documents_decided_one_by_one_are_decided_as_together(problem, rule, one):
    scores = problem[0]
    assume(len(scores) >= 2)
    decision = fitted(f"{rule}+one" if one else rule, problem, folds=2)
    alone = [decision.decide(scores[[row]])[0] for row in range(len(scores))]
    np.testing.assert_array_equal(alone, decision.decide(scores))


def test_one_by_one_as_together_where_many_are_without_a_label():
    random = np.random.default_rng(6)
    scores = random.random((500, 33), dtype=np.float32) * np.float32(0.3)
    decision = PerLabel(random.uniform(0.4, 0.9, 33), at_least_one=True)
    together = decision.decide(scores)
    assert (together.sum(axis=1) == 1).all()
    np.testing.assert_array_equal([decision.decide(row[None])[0] for row in scores], together)


def test_shared_with_one_label_beats_the_rule_added_afterwards():
    random = np.random.default_rng(7)
    truth = np.eye(4, dtype=bool)[random.integers(0, 4, 300)]
    truth[:60, 0] = True
    scores = (1 / (1 + np.exp(-(random.normal(0, 2, truth.shape) + 2 * truth)))).astype(np.float32)
    problem = scores, truth, np.array([500, 300, 100, 20])
    inside, outside = fitted("shared+one", problem), fitted("shared", problem)
    afterwards = PerLabel(outside.thresholds, at_least_one=True)
    assert worth(truth, inside.decide(scores), (1, 1, 1)) > worth(truth, afterwards.decide(scores), (1, 1, 1)) + 0.01


@pytest.mark.parametrize("gap", [1e-3, -1e-3])
def test_shared_knows_the_best_label_where_its_sigmoid_rounds_to_one(monkeypatch, gap):
    # z is -1 and 1, so label 1 lies 80 above label 0: its sigmoid is 1, and no float64 below 1 says how far above.
    monkeypatch.setattr(policies, "slopes", lambda *_: [40.0])
    scores = np.array([[1e-30, 0.9999], [0.9, 0.3]])
    scores[0, 0] = math.exp(math.log(0.9999 / 0.0001) - 80 + gap)
    truth = np.array([[gap > 0, gap < 0], [True, False]])
    decision = fitted("shared+one", (scores.astype(np.float32), truth, np.array([1, 9])))
    assert decision.chosen["utility"] == pytest.approx(worth(truth, truth, (1, 1, 1)))
    assert decision.decide(scores).tolist() == truth.tolist()


# Labels without a training document


@pytest.mark.parametrize("name", [name for rule in FITS for name in (rule, f"{rule}+one")])
def test_a_label_without_a_training_document_is_never_predicted(name):
    random = np.random.default_rng(8)
    truth = random.random((80, 4)) < 0.4
    scores = np.clip(truth * 0.5 + random.random((80, 4)) * 0.5, 0, 1).astype(np.float32)
    scores[:, 1] = 1
    decision = fitted(name, (scores, truth, np.array([30, 0, 12, 9])))
    labels = ["a", "b", "c", "d"]
    for rule in (decision, from_json(json.loads(json.dumps(decision.json(labels))), labels, "thresholds.json")):
        predicted = rule.decide(scores)
        assert not predicted[:, 1].any()
        assert predicted[:, [0, 2, 3]].any(axis=0).all()
        assert not rule.decide(np.array([[0, 1, 0, 0]]))[0, 1]


def test_shared_leaves_a_label_without_a_training_document_out_of_its_line():
    # Rarer labels want lower thresholds. The line, drawn on, would let label 3 pass in every document.
    random = np.random.default_rng(9)
    scores = random.random((300, 4), dtype=np.float32)
    truth = scores > np.array([0.9, 0.6, 0.3, 2])
    decision = fitted("shared", (scores, truth, np.array([1000, 100, 10, 0])))
    alone = fitted("shared", (scores[:, :3], truth[:, :3], np.array([1000, 100, 10])))
    assert decision.thresholds[:3].tolist() == alone.thresholds.tolist()
    assert worth(truth, decision.decide(scores), (1, 0, 0)) > 0.8
    truth[:, 3] = scores[:, 3] < 0.2  # true cells that nothing can reach have no say in the scale of the slopes
    b = fitted("shared", (scores, truth, np.array([1000, 100, 10, 0]))).chosen["b"]
    assert b != 0
    assert b in policies.slopes(scores[:, :3], truth[:, :3])


@pytest.mark.parametrize("name", [name for rule in FITS for name in (rule, f"{rule}+one")])
def test_without_any_training_document_nothing_is_predicted(name):
    decision = fitted(name, (*GOOD[:2], np.zeros(3)))
    assert not decision.decide(np.ones((4, 3))).any()


# All of them


@settings(max_examples=100, deadline=None)
@given(problems(), st.sampled_from([name for rule in FITS for name in (rule, f"{rule}+one")]))
def test_decisions_survive_json(problem, name):
    scores, _, _ = problem
    assume(len(scores) >= 2)
    labels = [f"label {j}" for j in range(scores.shape[1])]
    decision = fitted(name, problem, folds=2)
    written = json.loads(json.dumps(decision.json(labels), allow_nan=False))
    back = from_json(written, labels, "thresholds.json")
    assert type(back) is type(decision)
    assert ("at_least_one" in written) == (name.endswith("+one") and not name.startswith("rcut"))
    assert back.chosen == decision.chosen
    np.testing.assert_array_equal(back.decide(scores), decision.decide(scores))
    assert back.json(labels) == decision.json(labels)


@pytest.mark.parametrize("name", list(FITS))
def test_equal_scores_are_decided_alike(name):
    scores = np.full((6, 2), 0.4, dtype=np.float32)
    truth = np.array([[1, 0], [1, 1], [0, 0], [1, 0], [1, 1], [0, 0]], dtype=bool)
    predicted = fitted(name, (scores, truth, np.array([4, 2]))).decide(scores)
    assert (predicted == predicted[0]).all()


@pytest.mark.parametrize("name", [name for rule in FITS for name in (rule, f"{rule}+one")])
def test_same_input_same_outcome_and_input_untouched(name):
    random = np.random.default_rng(3)
    scores, truth = random.random((50, 4), dtype=np.float32), random.random((50, 4)) < 0.3
    before = scores.copy(), truth.copy()
    labels = ["a", "b", "c", "d"]
    first, second = (fitted(name, (scores, truth, np.array([5, 4, 3, 2]))).json(labels) for _ in range(2))
    assert first == second
    np.testing.assert_array_equal(scores, before[0])
    np.testing.assert_array_equal(truth, before[1])


GOOD = np.full((2, 3), 0.5), np.ones((2, 3), dtype=bool), np.ones(3)


def with_score(value):
    scores = GOOD[0].copy()
    scores[1, 2] = value
    return scores, *GOOD[1:]


@pytest.mark.parametrize(
    ("name", "problem", "words"),
    [
        ("scut", with_score(np.nan), "document 1, label 2: nan, expected a probability"),
        ("odr", with_score(1.5), "document 1, label 2: 1.5, expected a probability"),
        ("shared", with_score(-0.1), "document 1, label 2: -0.1"),
        (
            "scut",
            (GOOD[0][:0], GOOD[1][:0], GOOD[2]),
            r"validation scores are \(0, 3\), expected at least one document",
        ),
        ("scut", (GOOD[0], GOOD[1][:, :2], GOOD[2]), r"scores are \(2, 3\), truth \(2, 2\)"),
        ("scut", (*GOOD[:2], np.ones(2)), r"train_count \(2,\)"),
        ("scut", (GOOD[0][0], *GOOD[1:]), r"found an array \(3,\)"),
        ("scutt", GOOD, r"'scutt' are unknown: expected fixed, scut,.* alone or followed by \+one"),
        ("scutt+one", GOOD, r"'scutt\+one' are unknown: expected fixed, scut,"),
    ],
)
def test_bad_input_is_a_one_line_error(name, problem, words):
    with pytest.raises(LabelPolicyError, match=words) as error:
        fitted(name, problem)
    assert "\n" not in str(error.value)


def test_a_decision_refuses_scores_of_other_labels():
    with pytest.raises(LabelPolicyError, match=r"\(2, 3\), expected \(documents, 2\)"):
        PerLabel(np.array([0.5, 0.5])).decide(GOOD[0])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"rule": "median"}, "rule is 'median'"),
        ([], "rule is None"),
        ({"rule": "rank", "top": 4}, "top is 4, expected a whole number from 1 to 2"),
        ({"rule": "rank", "top": 2, "never": ["b"]}, "top is 2, expected a whole number from 1 to 1"),
        ({"rule": "rank", "top": 1, "never": ["c"]}, r"never is \['c'\], expected a list of labels"),
        ({"rule": "rank", "top": 1, "never": "a"}, "never is 'a', expected a list of labels"),
        ({"rule": "rank", "top": 1, "at_least_one": 1}, "at_least_one is 1, expected true or false"),
        (
            {"rule": "per_label", "thresholds": {"a": 0.5, "b": 0.5}, "at_least_one": "yes"},
            "at_least_one is 'yes', expected true or false",
        ),
        (
            {"rule": "per_label", "thresholds": {"a": 0.5, "b": 0.5}, "levels": {"a": 0, "b": float("nan")}},
            "label 'b': levels nan, expected a finite number",
        ),
        ({"rule": "per_label", "thresholds": {"a": 0.5}}, "must name exactly the 2 labels"),
        ({"rule": "per_label", "thresholds": {"a": 0.5, "b": 0}}, "label 'b': thresholds 0, expected a number in"),
        (
            {"rule": "proportion", "shares": {"a": 0.5, "b": "x"}},
            "label 'b': shares 'x', expected a number of at least 0",
        ),
    ],
)
def test_broken_json_is_a_one_line_error(content, words):
    with pytest.raises(LabelPolicyError, match=words) as error:
        from_json(content, ["a", "b"], "thresholds.json")
    assert str(error.value).startswith("thresholds.json: ")
