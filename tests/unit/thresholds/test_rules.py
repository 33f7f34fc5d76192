"""Threshold rules: every fit against a search that tries all cuts one by one."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from threshold_problems import BOTH, LARGEST, SMALLEST, WEIGHTS, fitted, problems

from labelpolicy.errors import LabelPolicyError
from labelpolicy.metrics import evaluate
from labelpolicy.randomness import generator
from labelpolicy.thresholds import NEVER, RULES, PerLabel, Proportion, Rank, fit, logit
from labelpolicy.thresholds import search as searching
from labelpolicy.thresholds.rules import SLOPES, SURE


def reachable(problem):
    """The problem as a rule may see it: labels without a training document score 0, which nothing lets pass."""
    y_score, y_true, train_count = problem
    return np.where(train_count > 0, y_score, np.float32(0)), y_true, train_count


def worth(y_true, y_pred, weights):
    measured = evaluate(y_true, y_pred)
    return weights[0] * measured["accuracy"] + weights[1] * measured["macro_f1"] + weights[2] * measured["micro_f1"]


def cuts(column):
    """A threshold within (0, 1) for every way to cut these scores: one below each score above 0, and one above all."""
    borders = [0.0, *sorted({float(score) for score in column if 0 < score < 1}), 1.0]
    return [(low + high) / 2 for low, high in itertools.pairwise(borders)]


def best_f1(y_score, y_true):
    """The best F1 of one label (or pool) by trying all cuts, and the highest cut that reaches it."""
    return max(
        (evaluate(y_true.reshape(-1, 1), y_score.reshape(-1, 1) > np.array([cut]))["micro_f1"], cut)
        for cut in cuts(y_score)
    )


def assert_valid(decision, train_count):
    assert decision.levels.dtype == np.float64
    assert decision.levels.shape == train_count.shape
    np.testing.assert_array_equal(np.isfinite(decision.levels), train_count > 0)
    assert (decision.thresholds > 0).all()
    np.testing.assert_array_equal(decision.thresholds < 1, train_count > 0)


def test_nothing_heavy_is_imported():
    heavy = "{'torch', 'pyarrow', 'pandas', 'scipy', 'sklearn', 'matplotlib'}"
    code = f"import sys, labelpolicy.thresholds; assert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_fixed():
    decision = fitted("fixed", (np.array([[0.5, 0.6]]), np.ones((1, 2), dtype=bool), np.ones(2)))
    assert decision.thresholds.tolist() == [0.5, 0.5]
    assert decision.decide(np.array([[0.5, 0.6]])).tolist() == [[False, True]]  # strictly above


@settings(max_examples=150, deadline=None)
@given(problems())
def test_scut_finds_the_best_cut_of_every_label(problem):
    y_score, y_true, train_count = reachable(problem)
    decision = fitted("scut", problem)
    assert_valid(decision, train_count)
    for j, level in enumerate(decision.levels):
        value, cut = best_f1(y_score[:, j], y_true[:, j])
        assert level == (np.inf if not train_count[j] else logit(cut if value > 0 else 0.5))
        assert evaluate(y_true[:, [j]], decision.decide(y_score)[:, [j]])["micro_f1"] == value or value == 0


@settings(max_examples=150, deadline=None)
@given(problems())
def test_odr_finds_the_best_cut_of_all_cells(problem):
    y_score, y_true, train_count = reachable(problem)
    decision = fitted("odr", problem)
    assert_valid(decision, train_count)
    value, cut = best_f1(y_score.reshape(-1), y_true.reshape(-1))
    assert len(set(decision.levels[train_count > 0])) == 1
    expected = y_score.astype(float) > (cut if value > 0 else 0.5)  # a cut between neighbours is no float32
    np.testing.assert_array_equal(decision.decide(y_score), expected)
    assert evaluate(y_true, decision.decide(y_score))["micro_f1"] == pytest.approx(value)


@settings(max_examples=150, deadline=None)
@given(problems())
def test_odr_with_one_label_finds_the_best_cut_of_all_cells(problem):
    y_score, y_true, train_count = problem
    decision = fitted("odr", problem, one=True)
    assert_valid(decision, train_count)
    found = []
    for cut in cuts(reachable(problem)[0].reshape(-1)):
        rule = PerLabel.at(np.where(train_count > 0, cut, NEVER), at_least_one=True)
        found.append(evaluate(y_true, rule.decide(y_score))["micro_f1"])
    assert evaluate(y_true, decision.decide(y_score))["micro_f1"] == pytest.approx(max(found))


@pytest.mark.filterwarnings("ignore:odr_label")
@settings(max_examples=80, deadline=None)
@given(problems())
def test_odr_label_halves_the_best_f1(problem):
    y_score, y_true, train_count = reachable(problem)
    decision = fitted("odr_label", problem)
    assert_valid(decision, train_count)
    for j in np.flatnonzero(train_count):
        value = best_f1(y_score[:, j], y_true[:, j])[0]
        assert decision.levels[j] == logit(value / 2 if value else 0.5)


def test_odr_label_says_when_scores_are_not_calibrated(recwarn):
    random = np.random.default_rng(0)
    y_score = random.random((500, 4), dtype=np.float32) ** 4
    y_true = random.random((500, 4)) < y_score
    problem = y_score, y_true, np.ones(4)
    fitted("odr_label", problem)
    assert not recwarn.list
    with pytest.warns(UserWarning, match=r"calibrated .* sum to .* where \d+ labels are true"):
        fitted("odr_label", (np.sqrt(np.sqrt(y_score)), *problem[1:]))
    with pytest.warns(UserWarning, match="where 0 labels are true"):
        fitted("odr_label", (y_score, np.zeros_like(y_true), np.ones(4)))


def test_a_threshold_between_neighbouring_floats_parts_them():
    low, high = np.float32(0.5), np.nextafter(np.float32(0.5), np.float32(1))
    y_score, y_true = np.array([[low], [high]]), np.array([[False], [True]])
    for rule in ("scut", "odr", "shared"):
        assert fitted(rule, (y_score, y_true, np.ones(1))).decide(y_score).tolist() == y_true.tolist()


@pytest.mark.parametrize("rule", ["scut", "odr", "shared", "scutfbr1"])
def test_scores_in_float64_are_not_rounded(rule):
    low, high = 0.5 + 1e-10, 0.5 + 2e-10  # one number in float32
    y_score, y_true = np.array([[low], [high]] * 5), np.array([[False], [True]] * 5)
    assert fitted(rule, (y_score, y_true, np.ones(1))).decide(y_score).tolist() == y_true.tolist()
    assert PerLabel.at([low]).decide(y_score).tolist() == y_true.tolist()


@pytest.mark.parametrize(
    "y_true",
    [
        np.array([[-1, 1], [1, -1]]),
        np.array([[0.1, 0.9], [0.9, 0.1]]),
        np.array([[np.nan, 1], [1, 0]]),
        np.array([["0", "1"], ["1", "0"]]),
        np.array([[None, True], [True, False]]),
        np.array([[2, 1], [1, 0]]),
    ],
)
def test_truth_that_is_not_0_and_1_is_refused(y_true):
    with pytest.raises(LabelPolicyError, match=r"y_true: found .* at \(0, 0\), expected 0 and 1") as error:
        fit("shared", np.full((2, 2), 0.5), y_true)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", [bool, int, float, np.uint8, np.float32])
def test_truth_of_0_and_1_is_taken_in_any_type_of_numbers(kind):
    y_score, y_true, _ = realistic(50, 3)
    assert fit("scut", y_score, y_true.astype(kind)).levels.tolist() == fit("scut", y_score, y_true).levels.tolist()


# RCut, PCut


@settings(max_examples=100, deadline=None)
@given(problems(labels=4), WEIGHTS, st.booleans())
def test_rcut_finds_the_best_rank(problem, weights, one):
    y_score, y_true, train_count = problem
    decision = fitted("rcut", problem, weights, one=one)
    never = train_count == 0
    tops = range(1, np.count_nonzero(~never) + 1)
    values = [worth(y_true, Rank(top, never).decide(y_score), weights) for top in tops]
    assert worth(y_true, decision.decide(y_score), weights) == pytest.approx(max(values))
    assert decision.top == 1 + next(t for t, value in enumerate(values) if value >= max(values) - 1e-12)
    assert decision.chosen["utility"] == pytest.approx(max(values))
    assert (decision.decide(y_score).sum(axis=1) == decision.top).all()


def test_rcut_is_linear_in_labels():
    import tracemalloc

    labels = 3000
    y_score = np.random.default_rng(0).random((20, labels), dtype=np.float32)
    tracemalloc.start()
    fitted("rcut", (y_score, y_score > 0.9, np.ones(labels)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * y_score.nbytes  # a table of labels by ranks would be three hundred times


@settings(max_examples=150, deadline=None)
@given(problems(), WEIGHTS)
def test_pcut_finds_the_best_x(problem, weights):
    y_score, y_true, train_count = problem
    documents, prior = len(y_score), train_count / train_count.sum()
    decision = fitted("pcut", problem, weights)
    # Between two neighbouring x at which some k_j rises, nothing changes.
    rises = sorted({(k - 0.5) / (p * documents) for p in prior if p for k in range(1, documents + 1)})
    steps = [0.0, *[(low + high) / 2 for low, high in itertools.pairwise(rises)], rises[-1] + 1]
    values = [worth(y_true, Proportion(x * prior).decide(y_score), weights) for x in steps]
    assert worth(y_true, decision.decide(y_score), weights) == pytest.approx(max(values))
    assert decision.chosen["utility"] == pytest.approx(max(values))
    np.testing.assert_allclose(decision.shares, decision.chosen["x"] * prior)
    np.testing.assert_array_equal(decision.shares > 0, train_count > 0)


# SCutFBR


@settings(max_examples=100, deadline=None)
@given(problems(documents=9), WEIGHTS, st.integers(0, 3), st.sampled_from(["scutfbr0", "scutfbr1"]))
def test_scutfbr_chooses_fbr_by_folds(problem, weights, seed, rule):
    y_score, y_true, train_count = reachable(problem)
    folds, candidates = 3, [0.7, 0.4, 0.9, 0.0]
    assume(len(y_score) >= folds)

    def by_hand(y_score, y_true, fbr):
        """As a score that has to be exceeded; below every score above 0 where the best score is 0."""
        chosen = np.empty(y_score.shape[1])
        for j in range(y_score.shape[1]):
            value, cut = best_f1(y_score[:, j], y_true[:, j])
            careful = NEVER if rule == "scutfbr0" else float(y_score[:, j].max())
            chosen[j] = careful if value < fbr else cut if value > 0 else 0.5
        return chosen

    fold = generator(seed, "scutfbr folds").permutation(len(y_score)) % folds
    values = {}
    for fbr in candidates:
        y_pred = np.zeros(y_true.shape, dtype=bool)
        for f in range(folds):
            y_pred[fold == f] = y_score[fold == f] > by_hand(y_score[fold != f], y_true[fold != f], fbr)
        values[fbr] = worth(y_true, y_pred, weights)
    decision = fitted(rule, problem, weights, seed, folds=folds, fbr=candidates)
    fbr = decision.chosen["fbr"]
    assert values[fbr] == pytest.approx(max(values.values()))
    assert all(values[lower] < values[fbr] - 1e-9 for lower in candidates if lower < fbr)
    assert decision.chosen["utility"] == pytest.approx(values[fbr])
    # Decided alike are all scores there are.
    unseen = np.repeat(np.float32([[0], [SMALLEST], [2 * SMALLEST], [1e-6], [0.3], [0.5], [0.8], [LARGEST], [1]]), 3, 1)
    expected = by_hand(y_score, y_true, fbr)
    for scores in (y_score, unseen[:, : len(expected)]):
        np.testing.assert_array_equal(decision.decide(scores), (scores > expected) & (train_count > 0))
    assert (decision.thresholds > 0).all()


def test_scutfbr_of_a_hopeless_label():
    # Label 1's only positive scores worst of 40: its best F1 is 2/41, whatever the fold.
    random = np.random.default_rng(1)
    y_score = random.uniform(0.1, 0.9, (40, 2)).astype(np.float32)
    y_true = np.column_stack([y_score[:, 0] > 0.5, y_score[:, 1] == y_score[:, 1].min()])
    problem = y_score, y_true, np.array([9, 1])
    assert fitted("scut", problem).decide(y_score)[:, 1].all()  # what SCut does there
    never, top = fitted("scutfbr0", problem), fitted("scutfbr1", problem)
    assert never.thresholds[1] == NEVER
    assert top.levels[1] == logit(y_score[:, 1].max())
    assert top.decide(np.array([[0, 0.95]])).tolist() == [[False, True]]
    assert never.levels[0] == top.levels[0] == fitted("scut", problem).levels[0]


@pytest.mark.parametrize("documents", [1, 2, 4])
def test_scutfbr_with_fewer_documents_than_folds(documents):
    problem = np.full((documents, 1), 0.6), np.ones((documents, 1), dtype=bool), np.ones(1)
    with pytest.warns(UserWarning, match=f"{documents} folds instead of 5"):
        assert fitted("scutfbr1", problem).decide(problem[0]).all()


# The shared rule


def slopes_of(problem):
    """The slopes that are tried, and z."""
    y_score, y_true, train_count = reachable(problem)
    trained, z = train_count > 0, np.zeros(len(train_count))
    counts = np.log1p(train_count[trained])
    if len(set(counts)) == 1:
        return np.zeros(1), z
    z[trained] = (counts - counts.mean()) / counts.std()
    true = y_true & trained
    with np.errstate(divide="ignore"):
        logits = (np.log(y_score[true], dtype=float) - np.log1p(-y_score[true], dtype=float)).clip(-SURE, SURE)
    return SLOPES * ((logits.std() if true.any() else 0) or 1), z


def best_cells(margins, allowed):
    """In each document the allowed label of the largest margin, of equal ones the first, as a boolean array."""
    found = np.zeros(margins.shape, dtype=bool)
    for row, values in zip(found, margins, strict=True):
        row[max(np.flatnonzero(allowed), key=lambda j, values=values: (values[j], -j))] = True
    return found


def shared_by_hand(problem, weights, slope, z, one):
    """The best utility of p_j = sigmoid(a + slope * z_j) over every a."""
    values = logit(reachable(problem)[0]) - np.rint(slope * z * 2**42) / 2**42
    given = best_cells(values, problem[2] > 0) if one else np.zeros(values.shape, dtype=bool)
    edges = [*np.unique(values[np.isfinite(values)]), np.inf]
    return max(worth(problem[1], (values >= edge) | given, weights) for edge in edges)


@settings(max_examples=100, deadline=None)
@given(problems(), WEIGHTS, st.booleans())
@example((np.array([[0, 1]], dtype=np.float32), np.array([[True, False]]), np.array([1, 5])), (1, 1, 1), False)
@example((np.ones((2, 2), dtype=np.float32), np.ones((2, 2), dtype=bool), np.array([1, 1])), (1, 1, 1), False)
@example((np.zeros((2, 2), dtype=np.float32), np.ones((2, 2), dtype=bool), np.array([3, 1])), (1, 1, 1), True)
@example((np.zeros((2, 2), dtype=np.float32), np.ones((2, 2), dtype=bool), np.array([0, 1])), (1, 1, 1), True)
def test_shared_finds_the_best_line(problem, weights, one):
    y_score, y_true, train_count = problem
    decision = fitted("shared", problem, weights, one=one)
    assert_valid(decision, train_count)
    slopes, z = slopes_of(problem)
    best = max(shared_by_hand(problem, weights, slope, z, one) for slope in slopes)
    assert worth(y_true, decision.decide(y_score), weights) == pytest.approx(best)
    assert decision.chosen["utility"] == pytest.approx(best)


def realistic(documents, labels, seed=0):
    """Scores that know something of the truth, of labels from frequent to rare."""
    random = np.random.default_rng(seed)
    share = np.minimum(2 / np.arange(2, labels + 2), 0.9)
    y_true = random.random((documents, labels)) < share
    margins = random.standard_normal(y_true.shape) + np.log(share) + 3 * y_true
    return (1 / (1 + np.exp(-margins))).astype(np.float32), y_true, y_true.sum(axis=0) + 1


@pytest.mark.parametrize("one", [False, True])
@pytest.mark.parametrize("rule", ["shared", "pcut"])
def test_a_search_in_steps_comes_close_to_that_of_every_cut(monkeypatch, rule, one):
    problem = realistic(600, 7)
    monkeypatch.setattr(searching, "CUTS", 10_000)
    every = fitted(rule, problem, one=one)
    monkeypatch.setattr(searching, "CUTS", 64)
    steps = fitted(rule, problem, one=one)
    assert every.chosen["utility"] - 0.02 <= steps.chosen["utility"] <= every.chosen["utility"] + 1e-12
    y_pred = steps.decide(problem[0])
    if rule == "shared" or not one:
        assert worth(problem[1], y_pred, (1, 1, 1)) == pytest.approx(steps.chosen["utility"])


@pytest.mark.parametrize("one", [False, True])
def test_a_search_in_steps_ends_where_no_neighbouring_cut_is_better(monkeypatch, one):
    y_score, y_true, _ = realistic(400, 3)
    problem = y_score, y_true, np.ones(3)  # one line alone, without a slope
    monkeypatch.setattr(searching, "CUTS", 50)
    decision = fitted("shared", problem, one=one)
    values, at = np.unique(logit(y_score)), decision.levels[0]
    given = best_cells(logit(y_score), np.ones(3, dtype=bool)) if one else False
    near = values[(values > at - 0.02) & (values < at + 0.02)]
    assert len(near) > 3
    for edge in near:
        assert worth(y_true, (logit(y_score) >= edge) | given, (1, 1, 1)) <= decision.chosen["utility"] + 1e-12


@pytest.mark.parametrize("one", [False, True])
def test_shared_ends_where_many_cuts_are_nearly_equal(one):
    random = np.random.default_rng(1)
    share = np.minimum(2 / np.arange(2, 92), 0.9) / 2
    y_true = random.random((777, 90)) < share
    margins = random.standard_normal(y_true.shape) + np.log(share) + 3 * y_true
    y_score = (1 / (1 + np.exp(-margins))).astype(np.float32)
    decision = fit("shared", y_score, y_true, at_least_one=one)
    assert worth(y_true, decision.decide(y_score), (1, 1, 1)) == pytest.approx(decision.chosen["utility"])


def test_shared_puts_its_thresholds_on_the_line():
    random = np.random.default_rng(2)
    train_count = np.array([1000, 100, 10, 1])
    y_score = random.random((300, 4), dtype=np.float32)
    # Rare labels are true from lower scores on, so the best line rises with frequency.
    y_true = y_score > np.array([0.8, 0.6, 0.4, 0.2])
    decision = fitted("shared", (y_score, y_true, train_count))
    z = np.log1p(train_count)
    z = (z - z.mean()) / z.std()
    a, b = decision.chosen["a"], decision.chosen["b"]
    assert 0.5 <= b <= 1.5
    np.testing.assert_allclose(decision.levels, a + b * z, atol=1e-9)
    assert worth(y_true, decision.decide(y_score), (1, 1, 1)) > 2.5


def test_shared_prefers_no_slope_where_slopes_change_nothing():
    y_score = np.array([[0.9, 0.9], [0.1, 0.1]], dtype=np.float32)
    decision = fitted("shared", (y_score, np.array([[1, 1], [0, 0]], dtype=bool), np.array([1, 5])))
    assert decision.chosen["b"] == 0
    assert decision.thresholds == pytest.approx([0.5, 0.5])


def test_of_equal_utility_the_highest_cut():
    # Accuracy is 2/3 with one prediction and with three.
    problem = np.array([[0.8], [0.6], [0.4]], dtype=np.float32), np.array([[True], [False], [True]]), np.array([3])
    assert 0.6 < fitted("shared", problem, (1, 0, 0)).thresholds[0] < 0.8
    assert fitted("pcut", problem, (1, 0, 0)).decide(problem[0]).sum() == 1


@pytest.mark.parametrize("one", [False, True])
@pytest.mark.parametrize("gap", [1e-3, -1e-3, 1e-9, -1e-9])
def test_shared_where_a_sigmoid_would_round_to_one(monkeypatch, gap, one):
    # z is -1 and 1, so label 1 lies 80 above label 0: no float64 below 1 says how far above.
    monkeypatch.setattr("labelpolicy.thresholds.rules.SLOPES", [40.0])
    monkeypatch.setattr("labelpolicy.thresholds.rules.SURE", 0.0)
    y_score = np.array([[math.exp(float(logit(np.float32(0.9999))) - 80), 0.9999], [0.9, 0.3]], dtype=np.float32)
    wide = float(logit(y_score[0, 1]) - logit(y_score[0, 0])) + gap
    monkeypatch.setattr("labelpolicy.thresholds.rules.SLOPES", [wide / 2])
    y_true = np.array([[gap > 0, gap < 0], [True, False]])
    decision = fitted("shared", (y_score, y_true, np.array([1, 9])), one=one)
    assert decision.decide(y_score).tolist() == y_true.tolist()
    assert decision.chosen["utility"] == pytest.approx(worth(y_true, y_true, (1, 1, 1)))


def test_shared_with_one_label_beats_the_rule_added_afterwards():
    random = np.random.default_rng(7)
    y_true = np.eye(4, dtype=bool)[random.integers(0, 4, 300)]
    y_true[:60, 0] = True
    y_score = (1 / (1 + np.exp(-(random.normal(0, 2, y_true.shape) + 2 * y_true)))).astype(np.float32)
    problem = y_score, y_true, np.array([500, 300, 100, 20])
    inside, outside = fitted("shared", problem, one=True), fitted("shared", problem)
    afterwards = PerLabel(outside.levels, at_least_one=True)
    assert (
        worth(y_true, inside.decide(y_score), (1, 1, 1)) > worth(y_true, afterwards.decide(y_score), (1, 1, 1)) + 0.01
    )


def test_shared_leaves_a_label_without_a_training_document_out_of_its_line():
    # Rarer labels want lower thresholds. The line, drawn on, would let label 3 pass in every document.
    random = np.random.default_rng(9)
    y_score = random.random((300, 4), dtype=np.float32)
    y_true = y_score > np.array([0.9, 0.6, 0.3, 2])
    decision = fitted("shared", (y_score, y_true, np.array([1000, 100, 10, 0])))
    alone = fitted("shared", (y_score[:, :3], y_true[:, :3], np.array([1000, 100, 10])))
    assert decision.levels[:3].tolist() == alone.levels.tolist()
    y_true[:, 3] = y_score[:, 3] < 0.2  # true cells that nothing can reach have no say in the scale of the slopes
    again = fitted("shared", (y_score, y_true, np.array([1000, 100, 10, 0])))
    assert again.chosen["b"] == decision.chosen["b"] != 0


# At least one label


@pytest.mark.filterwarnings("ignore:odr_label")
@settings(max_examples=150, deadline=None)
@given(
    problems(),
    st.sampled_from([rule for rule in RULES if rule not in ("rcut", "odr", "shared", "sets", "sets_unnamed")]),
)
def test_one_label_is_added_to_documents_without_one(problem, rule):
    y_score, _, train_count = problem
    assume(len(y_score) >= 2)
    without, decision = (fitted(rule, problem, folds=2, one=one) for one in (False, True))
    assert decision.chosen == without.chosen
    before, after = without.decide(y_score), decision.decide(y_score)
    bare = ~before.any(axis=1)
    np.testing.assert_array_equal(after[~bare], before[~bare])
    allowed = train_count > 0
    if isinstance(decision, PerLabel):
        np.testing.assert_array_equal(decision.levels, without.levels)
        allowed = without.levels < np.inf
        if allowed.any():
            expected = best_cells(logit(y_score) - np.where(allowed, without.levels, 0), allowed)
            np.testing.assert_array_equal(after[bare], expected[bare])
    assert (after[bare].sum(axis=1) == allowed.any()).all()
    assert not after[:, ~allowed].any()


@pytest.mark.filterwarnings("ignore:odr_label")
@pytest.mark.parametrize("rule", list(RULES))
def test_with_at_least_one_every_document_gets_a_label(rule):
    random = np.random.default_rng(5)
    y_score, y_true = random.random((60, 5), dtype=np.float32), random.random((60, 5)) < 0.2
    unseen = random.random((40, 5), dtype=np.float32) * np.float32(0.01)
    decision = fitted(rule, (y_score, y_true, np.array([30, 20, 9, 4, 1])), one=True)
    for of in (y_score, unseen, np.zeros((2, 5))):
        assert decision.decide(of).any(axis=1).all()


# All of them


@pytest.mark.filterwarnings("ignore:odr_label")
@pytest.mark.parametrize(("rule", "one"), BOTH)
def test_a_label_without_a_training_document_is_never_predicted(rule, one):
    random = np.random.default_rng(8)
    y_true = random.random((80, 4)) < 0.4
    y_score = np.clip(y_true * 0.5 + random.random((80, 4)) * 0.5, 0, 1).astype(np.float32)
    y_score[:, 1] = 1
    decision = fitted(rule, (y_score, y_true, np.array([30, 0, 12, 9])), one=one)
    y_pred = decision.decide(y_score)
    assert not y_pred[:, 1].any()
    assert y_pred[:, [0, 2, 3]].any(axis=0).all()
    assert not decision.decide(np.array([[0, 1, 0, 0]]))[0, 1]
    nothing = fitted(rule, (y_score, y_true, np.zeros(4)), one=one)
    assert not nothing.decide(np.ones((4, 4))).any()


@pytest.mark.filterwarnings("ignore:odr_label", "ignore:scutfbr")
@settings(max_examples=60, deadline=None)
@given(problems(documents=9), st.sampled_from([each for each in BOTH if each[0] != "pcut"]))
def test_documents_decided_one_by_one_are_decided_as_together(problem, each):
    y_score = problem[0]
    decision = fitted(each[0], problem, one=each[1], folds=2)
    alone = [decision.decide(y_score[[row]])[0] for row in range(len(y_score))]
    np.testing.assert_array_equal(alone, decision.decide(y_score))


@pytest.mark.filterwarnings("ignore:odr_label")
@pytest.mark.parametrize("rule", list(RULES))
def test_equal_scores_are_decided_alike(rule):
    y_score = np.full((6, 2), 0.4, dtype=np.float32)
    y_true = np.array([[1, 0], [1, 1], [0, 0], [1, 0], [1, 1], [0, 0]], dtype=bool)
    y_pred = fitted(rule, (y_score, y_true, np.array([4, 2]))).decide(y_score)
    assert (y_pred == y_pred[0]).all()


@pytest.mark.filterwarnings("ignore:odr_label")
@pytest.mark.parametrize(("rule", "one"), BOTH)
def test_same_input_same_outcome_and_input_untouched(rule, one):
    y_score, y_true, counts = realistic(50, 4)
    before = y_true.copy()
    first, second = (fitted(rule, (y_score, y_true, counts), one=one).to_json("abcd") for _ in range(2))
    assert first == second
    np.testing.assert_array_equal(y_true, before)


def test_without_training_counts_those_of_the_documents():
    problem = realistic(100, 4)
    assert (
        fit("shared", *problem[:2]).levels.tolist()
        == fitted("shared", (*problem[:2], problem[1].sum(0))).levels.tolist()
    )


GOOD = np.full((2, 3), 0.5), np.ones((2, 3), dtype=bool), np.ones(3)


def with_score(value):
    y_score = GOOD[0].copy()
    y_score[1, 2] = value
    return y_score, *GOOD[1:]


@pytest.mark.parametrize(
    ("rule", "problem", "words"),
    [
        ("scut", with_score(np.nan), "document 1, label 2: nan, expected a probability"),
        ("odr", with_score(1.5), "document 1, label 2: 1.5, expected a probability"),
        ("shared", with_score(-0.1), "document 1, label 2: -0.1"),
        ("scut", (GOOD[0][:0], GOOD[1][:0], GOOD[2]), r"scores are \(0, 3\), .* at least one"),
        ("scut", (GOOD[0], GOOD[1][:, :2], GOOD[2]), r"scores are \(2, 3\), truth \(2, 2\)"),
        ("scut", (*GOOD[:2], np.ones(2)), r"train_count \(2,\)"),
        ("scut", (GOOD[0][0], *GOOD[1:]), r"found an array \(3,\)"),
        ("scutt", GOOD, "unknown rule 'scutt', expected one of fixed, scut,"),
        ("scut+one", GOOD, r"unknown rule 'scut\+one'"),
    ],
)
def test_bad_input_is_a_one_line_error(rule, problem, words):
    with pytest.raises(LabelPolicyError, match=words) as error:
        fitted(rule, problem)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("rule", "most"), [("scut", 1.5), ("rcut", 4), ("pcut", 6)])
def test_memory_is_a_few_times_that_of_the_scores_with_many_labels(rule, most):
    random = np.random.default_rng(0)
    y_score, y_true = random.random((1000, 4000), dtype=np.float32), random.random((1000, 4000)) < 0.001
    tracemalloc.start()
    fit(rule, y_score, y_true)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < most * y_score.nbytes
