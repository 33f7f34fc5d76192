"""The policy on anybody's scores: what it takes, what it refuses, what it says."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from scipy.special import logit
from sklearn.base import clone

from labelpolicy import LabelPolicyError, ThresholdPolicy, evaluate
from labelpolicy.thresholds.label_objectives import FBeta

LABELS = ["wheat", "corn", "oil"]


def problem(documents=300, seed=0, rate=(0.5, 0.3, 0.1)):
    random = np.random.default_rng(seed)
    y_true = random.random((documents, 3)) < rate
    y_score = np.clip(random.beta(1, 6, y_true.shape) + y_true * random.beta(4, 4, y_true.shape), 0, 0.999)
    return y_score, y_true


def test_the_same_scores_in_every_form_are_decided_alike():
    y_score, y_true = problem()
    names = [{LABELS[j] for j in np.flatnonzero(row)} for row in y_true]
    frame = pd.DataFrame(y_score, columns=LABELS)
    expected = ThresholdPolicy("shared").fit(y_score, y_true).predict(y_score)
    for scores in (
        frame[["oil", "wheat", "corn"]],
        sparse.csr_matrix(y_score),
        torch.tensor(y_score, requires_grad=True),
        [np.column_stack([1 - column, column]) for column in y_score.T],
        y_score.tolist(),
    ):
        for truth in (
            y_true.astype(int),
            sparse.csr_matrix(y_true.astype(np.int8)),
            torch.tensor(y_true),
            pd.DataFrame(y_true, columns=LABELS),
            names,
            pd.Series([sorted(each) for each in names]),
        ):
            policy = ThresholdPolicy("shared", labels=LABELS).fit(scores, truth)
            np.testing.assert_array_equal(policy.predict(scores), expected)


def test_columns_of_another_data_frame_are_put_in_order():
    y_score, y_true = problem()
    policy = ThresholdPolicy("scut").fit(pd.DataFrame(y_score, columns=LABELS), pd.DataFrame(y_true, columns=LABELS))
    assert policy.labels_ == LABELS
    other = pd.DataFrame(y_score, columns=LABELS)[["oil", "corn", "wheat"]]
    np.testing.assert_array_equal(policy.predict(other), policy.predict(y_score))
    with pytest.raises(LabelPolicyError, match="'corn'"):
        policy.predict(other.rename(columns={"corn": "gold"}))


def test_margins_are_decided_as_the_logits_they_are():
    y_score, y_true = problem()
    probabilities = ThresholdPolicy("shared").fit(y_score, y_true)
    margins = ThresholdPolicy("shared", score_type="decision_function").fit(logit(y_score), y_true)
    np.testing.assert_array_equal(probabilities.predict(y_score), margins.predict(logit(y_score)))
    np.testing.assert_allclose(margins.thresholds_, logit(probabilities.thresholds_))


@pytest.mark.parametrize(("missing", "value"), [(np.nan, np.nan), (-1, -1)])
def test_cells_nobody_annotated_are_left_out_if_one_says_so(missing, value):
    y_score, y_true = problem()
    masked = np.random.default_rng(1).random(y_true.shape) < 0.3
    given = np.where(masked, value, y_true.astype(float))
    with pytest.raises(LabelPolicyError, match="expected 0 and 1"):
        ThresholdPolicy().fit(y_score, given)
    policy = ThresholdPolicy("scut", missing=missing).fit(y_score, given)
    alone = [ThresholdPolicy("scut").fit(y_score[~m][:, [j]], y_true[~m][:, [j]]) for j, m in enumerate(masked.T)]
    np.testing.assert_array_equal(policy.thresholds_, [each.thresholds_[0] for each in alone])
    assert policy.report_["annotated"] == (~masked).sum()


@pytest.mark.parametrize("rate", [(0.9, 0.5, 0.3), (0.02, 0.03, 0.05)])
def test_auto_gives_every_document_a_label_only_where_that_pays(rate):
    y_score, y_true = problem(2000, rate=rate)
    if rate[0] == 0.9:
        y_true[~y_true.any(axis=1), 0] = True
    half = slice(0, 1000), slice(1000, 2000)
    policy = ThresholdPolicy().fit(y_score[half[0]], y_true[half[0]])
    assert policy.decision_.at_least_one == (rate[0] == 0.9)
    measured = evaluate(y_true[half[1]], policy.predict(y_score[half[1]]))
    for rule in ("fixed", "odr", "shared", "scut"):
        for one in (False, True):
            other = ThresholdPolicy(rule, at_least_one=one).fit(y_score[half[0]], y_true[half[0]])
            rival = evaluate(y_true[half[1]], other.predict(y_score[half[1]]))
            names = ("accuracy", "macro_f1", "micro_f1")
            assert sum(measured[name] for name in names) > sum(rival[name] for name in names) - 0.15
    for name, (value, low, high) in policy.report_["auto"]["expected"].items():
        assert low <= value <= high
        assert abs(value - measured[name]) < 0.1


def test_a_label_for_many_bare_documents_is_warned_of_with_their_number():
    y_score, y_true = problem(rate=(0.1, 0.1, 0.1))
    with pytest.warns(
        UserWarning, match=f"{np.count_nonzero(~y_true.any(axis=1))} of 300 documents have no true label"
    ):
        ThresholdPolicy("shared", at_least_one=True).fit(y_score, y_true)


def test_fitting_and_deciding_need_numpy_alone():
    code = """if True:
        import sys
        import numpy as np
        from labelpolicy import ThresholdPolicy
        y_score = np.random.default_rng(0).random((50, 3))
        ThresholdPolicy().fit(y_score, y_score > 0.4).predict(y_score)
        heavy = {"torch", "pyarrow", "pandas", "scipy", "sklearn", "matplotlib"} & set(sys.modules)
        assert not heavy, heavy"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_auto_does_not_fit_a_number_a_label_where_two_do_as_well():
    random = np.random.default_rng(0)
    y_true = random.random((400, 40)) < 0.03
    y_score = 1 / (1 + np.exp(3 - 3 * y_true - random.standard_normal(y_true.shape)))
    assert ThresholdPolicy().fit(y_score, y_true).report_["auto"]["rule"].removesuffix("+one") in ("odr", "shared")


def test_auto_takes_whole_groups_and_the_same_seed_decides_alike():
    y_score, y_true = problem(100)
    groups = np.repeat(np.arange(20), 5)
    first, second = (ThresholdPolicy().fit(y_score, y_true, groups=groups).report_ for _ in range(2))
    assert first == second
    assert first != ThresholdPolicy().fit(y_score, y_true).report_


@pytest.mark.parametrize("documents", [1, 2, 3])
def test_auto_with_hardly_a_document(documents):
    y_score, y_true = problem(documents)
    assert ThresholdPolicy().fit(y_score, y_true).predict(y_score).shape == (documents, 3)


def test_at_most_so_many_labels_and_those_of_the_largest_margins():
    y_score, y_true = problem()
    free = ThresholdPolicy("scut").fit(y_score, y_true)
    at_most = ThresholdPolicy("scut", at_most=1).fit(y_score, y_true)
    before, after = free.predict(y_score), at_most.predict(y_score)
    assert before.sum(axis=1).max() > 1 == after.sum(axis=1).max()
    for row in np.flatnonzero(before.any(axis=1)):
        margins = np.where(before[row], logit(y_score[row]) - logit(free.thresholds_), -np.inf)
        assert np.flatnonzero(after[row]).tolist() == [margins.argmax()]


def test_the_spread_of_thresholds_holds_them():
    y_score, y_true = problem()
    policy = ThresholdPolicy("shared", n_resamples=20).fit(y_score, y_true)
    for row, threshold in zip(policy.report_["thresholds"], policy.thresholds_, strict=True):
        assert row["threshold"] == threshold
        assert row["low"] <= row["median"] <= row["high"]
    wide, narrow = (ThresholdPolicy("scut", n_resamples=20).fit(*problem(n)).report_["thresholds"] for n in (60, 3000))
    assert sum(row["high"] - row["low"] for row in wide) > sum(row["high"] - row["low"] for row in narrow)


@pytest.mark.filterwarnings("ignore:at_least")
@pytest.mark.parametrize("how", [{}, {"at_most": 1}, {"at_least": 2}, {"score_type": "decision_function"}])
def test_a_policy_survives_json(how):
    y_score, y_true = problem()
    scores = logit(y_score) if how.get("score_type") else y_score
    policy = ThresholdPolicy("shared", labels=LABELS, **how).fit(scores, y_true)
    back = ThresholdPolicy.of_json(json.loads(json.dumps(policy.to_json(), allow_nan=False)), LABELS)
    np.testing.assert_array_equal(back.predict(scores), policy.predict(scores))
    np.testing.assert_array_equal(back.thresholds_, policy.thresholds_)


def test_thresholds_by_label_as_hubs_have_them():
    policy = ThresholdPolicy.of_json({"corn": 0.2, "wheat": 0.37, "oil": 1.0}, LABELS)
    assert policy.predict([[0.4, 0.1, 0.99], [0.3, 0.3, 0.2]]).tolist() == [[True, False, False], [False, True, False]]
    for content in ({"corn": 0.2}, {"corn": 0.2, "wheat": 2, "oil": 0.5}, {"corn": 0.2, "wheat": "x", "oil": 0.5}):
        with pytest.raises(LabelPolicyError, match=r"t\.json: expected a threshold in \(0, 1\]"):
            ThresholdPolicy.of_json(content, LABELS, "t.json")


@pytest.mark.filterwarnings("ignore:at_least")
@pytest.mark.parametrize("rule", ["auto", "fixed", "rcut", "shared", "scut"])
def test_at_least_and_at_most_hold_whatever_the_rule(rule):
    y_score, y_true = problem(rate=(0.9, 0.8, 0.7) if rule == "rcut" else (0.5, 0.3, 0.1))
    given = [
        ThresholdPolicy(rule, **how).fit(y_score, y_true).predict(y_score).sum(axis=1)
        for how in ({"at_least": 2}, {"at_most": 1}, {"at_least": 2, "at_most": 2}, {"at_least_one": True})
    ]
    assert given[0].min() >= 2 and given[1].max() <= 1 and set(given[2]) == {2} and given[3].min() >= 1
    one = ThresholdPolicy(rule, at_least=1).fit(y_score, y_true).predict(y_score)
    np.testing.assert_array_equal(one, ThresholdPolicy(rule, at_least_one=True).fit(y_score, y_true).predict(y_score))


def test_more_labels_than_documents_have_are_warned_of():
    y_score, y_true = problem()
    with pytest.warns(
        UserWarning, match=f"at_least: {np.count_nonzero(y_true.sum(axis=1) < 2)} of 300 documents have f"
    ):
        ThresholdPolicy("scut", at_least=2).fit(y_score, y_true)


def test_a_file_of_before_at_least_is_read():
    y_score, y_true = problem()
    policy = ThresholdPolicy("shared", at_most=2, labels=LABELS).fit(y_score, y_true)
    content = policy.to_json()
    del content["at_least"]
    np.testing.assert_array_equal(ThresholdPolicy.of_json(content, LABELS).predict(y_score), policy.predict(y_score))


@pytest.mark.parametrize("labels", [LABELS, ["rule", "sets", "kind"], ["score_type", "a", "b"]])
def test_thresholds_are_written_as_hubs_have_them(labels):
    y_score, y_true = problem()
    policy = ThresholdPolicy("scut", labels=labels).fit(y_score, y_true)
    content = json.loads(json.dumps(policy.to_json(plain=True)))
    assert content == dict(zip(labels, policy.thresholds_.tolist(), strict=True))
    np.testing.assert_array_equal(ThresholdPolicy.of_json(content, labels).predict(y_score), policy.predict(y_score))
    never = ThresholdPolicy("scut", labels=LABELS).fit(y_score, y_true & [True, True, False])
    assert never.to_json(plain=True)["oil"] == 1
    margins = ThresholdPolicy("scut", labels=labels, score_type="decision_function").fit(logit(y_score), y_true)
    np.testing.assert_allclose(list(margins.to_json(plain=True).values()), policy.thresholds_)


@pytest.mark.filterwarnings("ignore:at_least")
@pytest.mark.parametrize(
    ("rule", "how", "words"),
    [
        ("rcut", {}, "found rank"),
        ("pcut", {}, "found proportion"),
        ("sets", {}, "found "),
        ("scut", {"at_least_one": True}, "and at_least_one,"),
        ("scut", {"at_least": 2, "at_most": 2}, "at_least and at_most,"),
    ],
)
def test_the_plain_form_is_refused_where_it_would_not_say_all(rule, how, words):
    policy = ThresholdPolicy(rule, **how).fit(*problem())
    with pytest.raises(LabelPolicyError, match=words) as error:
        policy.to_json(plain=True)
    assert "\n" not in str(error.value)


def test_it_is_cloned_as_scikit_learn_does():
    policy = ThresholdPolicy("shared", at_least_one=True, missing=-1)
    assert clone(policy).get_params() == policy.get_params()
    assert policy.set_params(rule="odr").rule == "odr"
    with pytest.raises(ValueError, match="no parameter 'rules'"):
        policy.set_params(rules="odr")


GOOD, TRUE = problem(20)


@pytest.mark.parametrize(
    ("scores", "truth", "how", "words"),
    [
        (GOOD, TRUE[:-1], {}, r"found \(19, 3\), expected the shape of the scores, \(20, 3\)"),
        (GOOD, TRUE[:, :2], {"labels": LABELS}, r"y_true: found an array \(20, 2\)"),
        (GOOD[:, :2], TRUE, {"labels": LABELS}, r"y_score: found an array \(20, 2\)"),
        (GOOD * 3, TRUE, {}, "expected a probability"),
        (GOOD.astype(str), TRUE, {}, "expected numbers"),
        (np.where(GOOD > 0.9, np.nan, np.inf), TRUE, {"score_type": "decision_function"}, "expected finite numbers"),
        (GOOD, TRUE, {"score_type": "margins"}, "score_type is 'margins'"),
        (GOOD, [{"wheat"}] * 20, {}, "found names of labels"),
        (GOOD, [{"wheat"}, {"gold"}] * 10, {"labels": LABELS}, "document 1: found 'gold'"),
        ([GOOD[:, :1], GOOD[:, :2]], TRUE[:, :2], {}, "label 0 has one class only"),
        (pd.DataFrame(GOOD, columns=["a", "a", "b"]), TRUE, {}, "each once"),
        (GOOD, TRUE, {"rule": "best"}, "unknown rule 'best'"),
        (GOOD, TRUE, {"rule": "pcut", "at_least": 2, "at_most": 2}, "at_least and at_most: pcut has no thresholds"),
        (GOOD, TRUE, {"at_most": 0}, "at_most is 0, expected a number from 1 on"),
        (GOOD, TRUE, {"at_least": 1.5}, r"at_least is 1\.5"),
        (GOOD, TRUE, {"at_least": 4}, "at_least is 4, but the number of labels is 3"),
        (GOOD, TRUE, {"at_least": 2, "at_most": 1}, "at_least is 2, but at_most is 1"),
        (GOOD, TRUE, {"at_least": 2, "at_least_one": False}, "at_least_one is False"),
        (GOOD, TRUE, {"objective": {"accuracy": 0, "macro_f1": 0, "micro_f1": 0}}, "objective: .*all weights are 0"),
        ([[0.1, 0.2], [0.3]], TRUE[:2], {}, "y_score: found rows of different lengths"),
        (GOOD[:2], [[1, 0, 1], [0]], {}, "y_true: found rows of different lengths"),
        (GOOD, TRUE, {"labels": ["a", "a", "b"]}, "labels: found one twice"),
        (GOOD, TRUE, {"n_resamples": -1}, "n_resamples is -1"),
        (GOOD, TRUE, {"objective": 3}, "objective is 3"),
        (GOOD, TRUE, {"objective": "fbeta=-1"}, "objective: found 'fbeta=-1', expected numbers from 0 on"),
        (GOOD, TRUE, {"objective": "recall_at_precision=90"}, "a share at most 1"),
        (GOOD, TRUE, {"objective": FBeta([1, 2])}, "objective: found 2 numbers, expected one, or 3"),
        (GOOD, TRUE, {"objective": {"f2": 1}}, "objective: f2: unknown"),
    ],
)
def test_what_is_not_understood_is_refused_in_one_line(scores, truth, how, words):
    with pytest.raises(LabelPolicyError, match=words) as error:
        ThresholdPolicy(**how).fit(scores, truth)
    assert "\n" not in str(error.value)


def test_predict_before_fit_is_refused():
    with pytest.raises(LabelPolicyError, match="not fitted yet"):
        ThresholdPolicy().predict(GOOD)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"groups": [1, 2]}, r"groups: found \(2,\), expected \(20,\)"),
        ({"groups": list(range(30))}, r"groups: found \(30,\)"),
        ({"train_count": [3, -1, 2]}, "train_count: found"),
        ({"train_count": [3, np.nan, 2]}, "train_count: found"),
        ({"train_count": ["a", "b", "c"]}, "train_count: found"),
    ],
)
def test_groups_and_counts_that_do_not_fit_are_refused_in_one_line(how, words):
    with pytest.raises(LabelPolicyError, match=words) as error:
        ThresholdPolicy().fit(GOOD, TRUE, **how)
    assert "\n" not in str(error.value)


def test_groups_without_a_name_are_one():
    ThresholdPolicy().fit(GOOD, TRUE, groups=[None] * 10 + ["a"] * 10)


def texts_of(y_true):
    """Texts that have the names of their labels, and one of no label in each."""
    return [f"prices of {' and '.join(np.array(LABELS)[row]) or 'tin'} rose" for row in y_true]


def test_with_texts_sets_look_for_the_names_of_labels():
    """Scores that say nothing: the names do."""
    _, y_true = problem()
    y_true[~y_true.any(axis=1), 0] = True
    silent, texts = np.random.default_rng(1).random(y_true.shape), texts_of(y_true)
    for rule in ("sets", "auto"):
        policy = ThresholdPolicy(rule, labels=LABELS).fit(silent[:200], y_true[:200], texts=iter(texts[:200]))
        read = ThresholdPolicy.of_json(json.loads(json.dumps(policy.to_json())), LABELS)
        for each in (policy, read):
            decided = each.predict(silent[200:], texts=pd.Series(texts[200:]))
            assert evaluate(y_true[200:], decided)["micro_f1"] > 0.95
        with pytest.raises(LabelPolicyError, match="give the texts"):
            policy.predict(silent[200:])
    alone = ThresholdPolicy("sets", labels=LABELS).fit(silent[:200], y_true[:200])
    assert evaluate(y_true[200:], alone.predict(silent[200:]))["micro_f1"] < 0.9


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("one text", "texts is 'one text', expected 300, a text for each document"),
        (["a"] * 299, "texts: found 299, expected 300, a text for each document"),
        (["a"] * 299 + [None], "texts, document 300 is None, expected a text"),
    ],
)
def test_what_is_no_text_for_each_document_is_refused(texts, message):
    y_score, y_true = problem()
    with pytest.raises(LabelPolicyError) as raised:
        ThresholdPolicy("sets", labels=LABELS).fit(y_score, y_true, texts=texts)
    assert str(raised.value) == message
    with pytest.raises(LabelPolicyError, match="texts"):
        ThresholdPolicy("scut").fit(y_score, y_true).predict(y_score, texts)
    with pytest.raises(LabelPolicyError, match="give labels"):
        ThresholdPolicy("sets").fit(y_score, y_true, texts=["a"] * 300)
