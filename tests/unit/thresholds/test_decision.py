"""Decisions: what is predicted, and that JSON says all of it."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threshold_problems import BOTH, LARGEST, SMALLEST, fitted, problems

from labelpolicy.errors import LabelPolicyError
from labelpolicy.thresholds import NEVER, PerLabel, Proportion, Rank, from_json, logit


def test_logits_are_strictly_monotone_in_float32_scores():
    ends = [0, 2**22, 2**24, 0x3EFFFF00, 0x3F000000, 0x3F7FFF00]  # denormals, small ones, around 0.5 and below 1
    for start in ends:
        bits = np.arange(start, min(start + 2**18, 0x3F800000) + 1, dtype=np.uint32)
        assert (np.diff(logit(bits.view(np.float32))) >= 2**-25).all()
    assert logit([0.0, 0.5, 1.0]).tolist() == [-np.inf, 0, np.inf]


def test_the_best_label_has_the_largest_margin():
    thresholds = np.array([0.9, 0.5, NEVER, 0.2])
    y_score = np.array(
        [[0.85, 0.4, 0.99, 0.1], [0.6, 0.1, 0.9, 0.02], [0.95, 0.6, 0.9, 0.1], [0, 0, 1, 0], [0, 0, 1, 1]]
    )
    # Logits less those of the thresholds: -0.5, -0.4 and -0.8 in document 0; -1.8, -2.2 and -2.5 in document 1.
    assert PerLabel.at(thresholds, at_least_one=True).decide(y_score).tolist() == [
        [False, True, False, False],
        [True, False, False, False],
        [True, True, False, False],  # labels pass: the rule adds none
        [True, False, False, False],  # nothing but zeros where a label may be given: the lowest index
        [False, False, False, True],
    ]
    assert not PerLabel.at(thresholds).decide(y_score[[0, 1, 3]]).any()


def test_of_equal_margins_the_lower_index():
    y_score = np.array([[0.1, 0.3, 0.3], [0.3, 0.1, 0.3]], dtype=np.float32)
    assert PerLabel.at([0.5] * 3, at_least_one=True).decide(y_score).tolist() == [
        [False, True, False],
        [True, False, False],
    ]
    assert PerLabel.at([0.5, 0.5, 0.4], at_least_one=True).decide(y_score).tolist() == [[False, False, True]] * 2


@settings(max_examples=60, deadline=None)
@given(problems(labels=5), st.integers(1, 5), st.integers(1, 5) | st.none(), st.floats(0.1, 0.9))
def test_at_least_so_many_labels_and_those_of_the_largest_margins(problem, at_least, at_most, middle):
    y_score, _, train_count = problem
    thresholds = np.where(train_count > 0, np.linspace(middle / 2, middle, len(train_count)), NEVER)
    free, decision = PerLabel.at(thresholds), replace(PerLabel.at(thresholds), at_least=at_least, at_most=at_most)
    margins = np.where(thresholds < NEVER, logit(y_score) - np.where(thresholds < NEVER, free.levels, 0), -np.inf)
    for row, before, after in zip(margins, free.decide(y_score), decision.decide(y_score), strict=True):
        count = min(max(before.sum(), at_least), at_most or len(row), np.count_nonzero(train_count))
        best = sorted(np.flatnonzero(thresholds < NEVER), key=lambda j, row=row: (-row[j], j))[:count]
        assert np.flatnonzero(after).tolist() == sorted(best)


def test_where_every_label_is_never_predicted_no_document_gets_one():
    assert not PerLabel.at([NEVER] * 2, at_least_one=True).decide(np.ones((3, 2))).any()
    assert not Proportion(np.zeros(2), at_least_one=True).decide(np.ones((3, 2))).any()


def test_one_by_one_as_together_where_many_are_without_a_label():
    random = np.random.default_rng(6)
    y_score = random.random((500, 33), dtype=np.float32) * np.float32(0.3)
    decision = PerLabel.at(random.uniform(0.4, 0.9, 33), at_least_one=True)
    together = decision.decide(y_score)
    assert (together.sum(axis=1) == 1).all()
    np.testing.assert_array_equal([decision.decide(row[None])[0] for row in y_score], together)


@settings(max_examples=60, deadline=None)
@given(problems(labels=5), st.integers(1, 5))
def test_rank_takes_the_best_labels_and_the_lower_index_of_equals(problem, top):
    y_score, _, train_count = problem
    for never in (np.zeros(len(train_count), dtype=bool), train_count == 0):
        allowed = np.flatnonzero(~never).tolist()
        top = min(top, len(allowed))
        for row, y_pred in zip(y_score, Rank(top, never).decide(y_score), strict=True):
            best = sorted(allowed, key=lambda j, row=row: (-row[j], j))[:top]
            assert np.flatnonzero(y_pred).tolist() == sorted(best)


@settings(max_examples=60, deadline=None)
@given(problems(documents=12), st.data())
def test_proportion_takes_the_best_documents_and_never_parts_equals(problem, data):
    y_score, _, _ = problem
    documents, labels = y_score.shape
    shares = np.array(data.draw(st.lists(st.floats(0, 1.2), min_size=labels, max_size=labels)))
    y_pred = Proportion(shares).decide(y_score)
    for j in range(labels):
        count = min(math.floor(shares[j] * documents + 0.5), documents)
        # The most documents, best first and equals together, that fit in the count.
        fits = [score for score in set(y_score[:, j]) if (y_score[:, j] >= score).sum() <= count]
        assert y_pred[:, j].tolist() == (y_score[:, j] >= min(fits, default=np.inf)).tolist()


def test_proportion_scales_with_the_batch_it_decides():
    y_score = np.linspace(0.1, 0.9, 8, dtype=np.float32)[:, None]
    decision = Proportion(np.array([0.25]))
    assert decision.decide(y_score).sum() == 2
    assert decision.decide(y_score[::2]).sum() == 1
    assert decision.decide(y_score[:2]).sum() == 1  # half a document rounds up
    assert decision.decide(y_score[:0]).shape == (0, 1)


def test_the_best_label_of_a_proportion_is_measured_from_the_borders():
    # Each label goes to one document of four. The borders are 0.8 and 0.3, and label 2 has a share of 0.
    y_score = np.array([[0.9, 0.1, 0.99], [0.1, 0.6, 0.99], [0.8, 0.2, 0.99], [0.5, 0.3, 0.99]], dtype=np.float32)
    shares = np.array([0.25, 0.25, 0])
    plain = [[True, False, False], [False, True, False], [False, False, False], [False, False, False]]
    assert Proportion(shares).decide(y_score).tolist() == plain
    assert Proportion(shares, at_least_one=True).decide(y_score).tolist() == [*plain[:2], plain[0], plain[1]]
    # Borders of exactly 0 and 1: a score of 1 is ahead of all others, one of 0 behind.
    ends = np.array([[1, 0], [1, 0], [0.5, 0], [0, 0]], dtype=np.float32)
    assert Proportion(np.full(2, 0.25), at_least_one=True).decide(ends).tolist() == [[True, False]] * 4


def test_a_decision_refuses_scores_of_other_labels():
    with pytest.raises(LabelPolicyError, match=r"\(2, 3\), expected \(documents, 2\)"):
        PerLabel.at([0.5, 0.5]).decide(np.ones((2, 3)))


@pytest.mark.parametrize(
    "decision",
    [PerLabel.at([0.5, 0.2]), Rank(1, np.zeros(2, dtype=bool)), Proportion(np.array([0.5, 0.5]))],
    ids=lambda decision: type(decision).__name__,
)
def test_a_decision_that_needs_no_texts_leaves_them_alone(decision):
    y_score = np.float32([[0.8, 0.3], [0.1, 0.4]])
    assert not decision.needs_texts
    np.testing.assert_array_equal(decision.decide(y_score, texts=["wheat", "corn"]), decision.decide(y_score))


# JSON

UNSEEN = np.float32([0, SMALLEST, 2 * SMALLEST, 1e-6, 0.1, 0.3, 0.5, np.nextafter(np.float32(0.5), 1), 0.8, LARGEST, 1])


@pytest.mark.filterwarnings("ignore:odr_label", "ignore:scutfbr")
@settings(max_examples=150, deadline=None)
@given(problems(), st.sampled_from(BOTH))
def test_decisions_survive_json(problem, each):
    y_score, _, train_count = problem
    labels = [f"label {j}" for j in range(len(train_count))]
    decision = fitted(each[0], problem, one=each[1], folds=2)
    written = json.loads(json.dumps(decision.to_json(labels), allow_nan=False))
    back = from_json(written, labels, "thresholds.json")
    assert type(back) is type(decision)
    assert back.chosen == decision.chosen
    assert getattr(back, "at_least_one", None) == getattr(decision, "at_least_one", None)
    for scores in (y_score, np.random.default_rng(0).permuted(np.tile(UNSEEN, (len(labels), 1)), axis=1).T):
        np.testing.assert_array_equal(back.decide(scores), decision.decide(scores))
    assert back.to_json(labels) == decision.to_json(labels)
    if isinstance(decision, PerLabel):
        assert written["thresholds"] == dict(zip(labels, decision.thresholds, strict=True))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"rule": "median"}, "rule is 'median'"),
        ({"rule": []}, r"rule is \[\]"),
        ([], "rule is None"),
        ({"rule": "rank", "top": 0, "never": {"a": False, "b": False}}, "top is 0"),
        ({"rule": "rank", "top": True, "never": {"a": False, "b": False}}, "top is True"),
        ({"rule": "rank", "top": 3, "never": {"a": False, "b": False}}, "top is 3, more than"),
        ({"rule": "rank", "top": 2, "never": {"a": False, "b": True}}, "top is 2, more than"),
        ({"rule": "rank", "top": 1, "never": {"a": False, "b": 1}}, "'b': never is 1"),
        ({"rule": "rank", "top": 1}, "never must name exactly the 2 labels"),
        ({"rule": "per_label", "levels": {"a": 0, "b": 0}, "at_least_one": "yes"}, "at_least_one is 'yes'"),
        ({"rule": "per_label", "levels": {"a": 0, "b": float("nan")}}, "'b': levels is nan"),
        ({"rule": "per_label", "levels": {"a": 0, "b": 0}, "at_least": 0}, "at_least is 0"),
        ({"rule": "per_label", "levels": {"a": 0}}, "must name exactly the 2 labels"),
        ({"rule": "per_label", "levels": {"a": 0, "c": 0}}, "must name exactly the 2 labels"),
        ({"rule": "proportion", "shares": {"a": 0.5, "b": "x"}}, "'b': shares is 'x'"),
        ({"rule": "proportion", "shares": {"a": 0.5, "b": None}}, "'b': shares is None"),
        ({"rule": "proportion", "shares": {"a": 0.5, "b": -1}}, "'b': shares is -1"),
    ],
)
def test_broken_json_is_a_one_line_error(content, words):
    with pytest.raises(LabelPolicyError, match=words) as error:
        from_json(content, ["a", "b"], "thresholds.json")
    assert str(error.value).startswith("thresholds.json: ") and "\n" not in str(error.value)
