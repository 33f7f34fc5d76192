"""The quick searches of policy/cuts.py against the plain ones, with their constants lowered to sizes of a test."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labelpolicy.thresholds import cuts
from labelpolicy.thresholds import rules as thresholds
from labelpolicy.thresholds.cuts import (
    Always,
    Sweep,
    best_f1_cut,
    best_f1_cuts_without,
    has_truth,
    label_keys,
    sortable,
)
from labelpolicy.thresholds.objectives import ThresholdParameters, Utility
from labelpolicy.thresholds.rules import FITS, fit

WEIGHTS = st.sampled_from([(1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0.3, 2, 0.7)])


def scored(documents, labels, signal, rounded=None, ends=0.0, seed=0):
    """Scores, truth and training counts as of a classifier: good if ``signal`` is high, ``ends`` at 0 or 1."""
    random = np.random.default_rng(seed)
    share = 0.8 / np.arange(1, labels + 1)
    truth = random.random((documents, labels)) < share
    logits = random.normal(0, 2, truth.shape) + signal * truth + np.log(share) - 1
    scores = 1 / (1 + np.exp(-logits))
    scores[random.random(truth.shape) < ends] = random.integers(2)
    if rounded is not None:
        scores = np.round(scores, rounded)
    train_count = truth.sum(axis=0) * 9 + random.integers(0, 3, labels)
    train_count[0] += 1  # some label has a training document
    return scores.astype(np.float32), truth, train_count


def decision(name, problem, weights=(1, 1, 1)):
    scores, truth, train_count = problem
    utility = Utility(accuracy=weights[0], macro_f1=weights[1], micro_f1=weights[2])
    return fit(name, scores, truth, train_count=train_count, parameters=ThresholdParameters(utility=utility))


def set_constants(monkeypatch, **values):
    for name, value in values.items():
        for module in (cuts, thresholds):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, value)


@settings(max_examples=140, deadline=None)
@given(
    st.sampled_from(["shared", "shared+one", "pcut"]),
    st.builds(
        scored,
        documents=st.integers(1, 150),
        labels=st.integers(1, 8),
        signal=st.sampled_from([0, 1, 4, 12]),
        rounded=st.sampled_from([None, None, 1, 3]),
        ends=st.sampled_from([0, 0.05, 0.6]),
        seed=st.integers(0, 2**32 - 1),
    ),
    WEIGHTS,
    st.sampled_from([2, 3, 7, 40]),
    st.sampled_from([1, 10, 1000]),
    st.sampled_from([0, 300]),
)
def test_a_narrowed_search_finds_what_trying_every_cut_finds(name, problem, weights, steps, sample, small):
    found = []
    for constants in ({"SMALL": 2**62}, {"SMALL": small, "STEPS": steps, "SAMPLE": sample}):
        with pytest.MonkeyPatch.context() as monkeypatch:
            set_constants(monkeypatch, **constants)
            found.append(decision(name, problem, weights).json([str(j) for j in range(problem[0].shape[1])]))
    plain, narrowed = found
    assert narrowed["chosen"].pop("utility") == pytest.approx(plain["chosen"].pop("utility"), abs=1e-12)
    assert narrowed == plain


@pytest.mark.parametrize("name", ["shared", "shared+one", "pcut"])
@pytest.mark.parametrize("signal", [0, 4])
@pytest.mark.parametrize("weights", [(1, 1, 1), (0, 1, 0)])  # a macro-F1 of noise hardly changes from cut to cut
def test_a_large_search_tries_few_cells(monkeypatch, name, signal, weights):
    problem = scored(3000, 20, signal)
    set_constants(monkeypatch, SMALL=2**12)
    tried = []
    best_within = Sweep._best_within

    def counted(self, k, low, high):
        spans = [self._undecided(j, k, low, high) for j in range(len(self.rows))]
        tried.append(sum(stop - start for start, stop in spans))
        return best_within(self, k, low, high)

    monkeypatch.setattr(Sweep, "_best_within", counted)
    decision(name, problem, weights)
    assert 0 < sum(tried) < problem[0].size * (1 if name == "pcut" else 25) / 10


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(2, 60), st.sampled_from([0, 1, 4]), st.sampled_from([None, 1]), st.booleans()
)
def test_bounds_hold_at_every_cut(seed, documents, steps, rounded, one):
    """Between two edges no cut is worth more than the ceiling: nothing that is best is ever ruled out."""
    scores, truth, _ = scored(documents, 3, 2, rounded, 0.05, seed)
    shifts = np.random.default_rng(seed).normal(0, 2, (4, 3))
    rows = label_keys(scores, truth)
    rows.sort(axis=1)
    bounds, always = thresholds._logit_bounds(scores, truth, shifts), None
    if one:
        label = thresholds._best_labels(scores, shifts, np.ones(3, dtype=bool))
        bounds, always = thresholds._bounds_with(bounds, truth, label), Always.of(label, scores, truth)
    sweep = Sweep(rows, thresholds._Logits(), shifts, bounds, Utility(), always)
    left, cells = sweep._narrowed(dict.fromkeys(range(4), (-np.inf, np.inf)), steps + 1)
    plain = [sweep._best_within(k, -np.inf, np.inf) for k in range(4)]
    top = max(cut.utility for cut in plain)
    for k, cut in enumerate(plain):
        if cut.utility >= top - cuts.ROUNDING:
            low, high = left[k]
            assert low <= cut.edge <= high
    assert 0 <= cells <= 4 * scores.size


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.sampled_from([0, 0.3]))
def test_document_bounds_are_within_their_margin(seed, documents, ends):
    scores, truth, _ = scored(documents, 4, 2, None, ends, seed)
    scores[0] = np.array([1e-45, 1e-38, 1 - 2.0**-24, 1 - 2.0**-23], dtype=np.float32)
    shifts = np.random.default_rng(seed).normal(0, 10, (3, 4))
    bounds = thresholds._logit_bounds(scores, truth, shifts)
    with np.errstate(divide="ignore"):
        logits = np.log(scores, dtype=float) - np.log1p(-scores, dtype=float)
    for k in range(3):
        true, false = bounds.exact(k, np.arange(documents))
        np.testing.assert_array_equal(true, np.where(truth, logits - shifts[k], np.inf).min(axis=1))
        np.testing.assert_array_equal(false, np.where(truth, -np.inf, logits - shifts[k]).max(axis=1))
        np.testing.assert_allclose(bounds.lowest_true[k], true, rtol=0, atol=bounds.margin / 2)
        np.testing.assert_allclose(bounds.highest_false[k], false, rtol=0, atol=bounds.margin / 2)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.sampled_from([0, 0.3, 1]), st.sampled_from([None, 1, 4]))
def test_best_labels_are_those_of_float64(seed, documents, ends, rounded):
    """Near float32's margin too: shifts make scores of two labels all but equal, on either side."""
    scores, _, _ = scored(documents, 5, 2, rounded, ends, seed)
    random = np.random.default_rng(seed)
    allowed = random.permutation([True, True, True, True, bool(seed % 2)])
    scores[:, ~allowed] = 0
    with np.errstate(divide="ignore"):
        logits = np.log(scores, dtype=float) - np.log1p(-scores, dtype=float)
    shifts = random.normal(0, 2, (4, 5))
    document, other = random.integers(documents), np.argmin(allowed[:4])
    if np.isfinite(logits[document]).all():
        shifts[1] = logits[document] + random.normal(0, 1e-7, 5)
        shifts[2] = logits[document]
        shifts[3] = logits[document] + np.where(np.arange(5) == other, -1e-9, 0)
    found = thresholds._best_labels(scores, shifts, allowed)
    for k, shift in enumerate(shifts):
        expected = np.flatnonzero(allowed)[(logits - shift)[:, allowed].argmax(axis=1)]
        np.testing.assert_array_equal(found[k], expected)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.sampled_from([None, 1]), st.sampled_from([0, 0.3]))
def test_a_document_is_right_where_all_but_its_best_label_are(seed, documents, rounded, ends):
    scores, truth, _ = scored(documents, 4, 2, rounded, ends, seed)
    shifts = np.random.default_rng(seed).normal(0, 2, (3, 4))
    label = thresholds._best_labels(scores, shifts, np.ones(4, dtype=bool))
    bounds = thresholds._bounds_with(thresholds._logit_bounds(scores, truth, shifts), truth, label)
    with np.errstate(divide="ignore"):
        logits = np.log(scores, dtype=float) - np.log1p(-scores, dtype=float)
    for k, shift in enumerate(shifts):
        true, false = bounds.exact(k, np.arange(documents))
        values = logits - shift
        values[np.arange(documents), label[k]] = np.inf
        for edge in [*np.unique(values[values > -np.inf]), np.inf]:
            right = ((values >= edge) == truth).all(axis=1)
            np.testing.assert_array_equal((true >= edge) & (false < edge), right)
            assert not (right & ~bounds.maybe(k, edge, edge)).any()
            assert not (~right & bounds.surely(k, edge, edge)).any()


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.sampled_from([None, 1]))
def test_cells_that_are_always_predicted_by_shift_and_label(seed, documents, rounded):
    scores, truth, _ = scored(documents, 4, 1, rounded, 0, seed)
    label = np.random.default_rng(seed).integers(0, 4, (3, documents)).astype(np.uint8)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(cuts, "CACHED_DOCUMENTS", 7)
        always = Always.of(label, scores, truth)
    for k in range(3):
        for j in range(4):
            mine = label[k] == j
            found, row = always.of_label(k, j), np.sort(sortable(scores[:, j], truth[:, j]))
            np.testing.assert_array_equal(found, np.sort(sortable(scores[mine, j], truth[mine, j])))
            rest = np.sort(sortable(scores[~mine, j], truth[~mine, j]))
            np.testing.assert_array_equal(cuts._without(row, found), rest)
    assert all(not len(Always.none(3, 4).of_label(k, j)) for k in range(3) for j in range(4))


@settings(max_examples=300, deadline=None)
@given(st.floats(0, 1, width=32), st.floats(-100, 100), st.integers(-3, 3))
@example(1.0, 0.0, 0)
@example(0.0, 3.0, 0)
@example(1 - 2.0**-24, 100.0, 1)
def test_keys_of_logits_are_next_to_their_values(score, shift, off):
    """What lies two keys away is on the sure side of an edge, rounding and all."""
    scale = thresholds._Logits()
    highest = np.float32(1).view(np.uint32)
    key = int(np.clip(int(np.float32(abs(score)).view(np.uint32)) + off, 0, highest))
    edge = (scale.values(0, np.array([key], dtype=np.uint32)) - shift)[0]
    (found,) = scale.keys(0, np.array([edge + shift]))
    below, above = np.array([max(found - 2, 0), min(found + 2, highest)], dtype=np.uint32)
    values = scale.values(0, np.array([below, above])) - shift
    assert values[0] < edge or below == 0
    assert values[1] >= edge


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.integers(5, 40), st.sampled_from([None, 1]))
def test_cuts_without_a_part_are_those_of_the_other_parts(seed, folds, documents, rounded):
    scores, truth, _ = scored(documents, 1, 1, rounded, 0.1, seed)
    keys = sortable(scores[:, 0], truth[:, 0] & (np.arange(documents) % 3 > seed % 3))
    parts = [np.sort(keys[f::folds]) for f in range(folds)]
    best, cut = best_f1_cuts_without(parts)
    for left_out in range(folds + 1):
        rest = np.sort(np.concatenate([part for f, part in enumerate(parts) if f != left_out]))
        assert (best[left_out], cut[left_out]) == best_f1_cut(rest)


def test_label_keys_over_several_blocks(monkeypatch):
    monkeypatch.setattr(cuts, "CACHED_DOCUMENTS", 7)
    scores, truth, _ = scored(30, 5, 1)
    keys = label_keys(scores, truth)
    assert keys.flags["C_CONTIGUOUS"]
    np.testing.assert_array_equal(keys, sortable(scores.T, truth.T))
    np.testing.assert_array_equal(has_truth(keys), truth.T)


@pytest.mark.parametrize("name", [name for rule in FITS for name in (rule, f"{rule}+one")])
def test_blocks_change_nothing(monkeypatch, name):
    problem, labels = scored(60, 5, 1, 2), list("abcde")
    whole = decision(name, problem)
    set_constants(monkeypatch, DOCUMENT_BLOCK=7, CACHED_DOCUMENTS=9)
    assert decision(name, problem).json(labels) == whole.json(labels)
    np.testing.assert_array_equal(whole.decide(problem[0]), decision(name, problem).decide(problem[0]))
