"""The policy over label sets: its candidates and features, what it learns, and what bad input gets."""

from __future__ import annotations

import json
import tracemalloc
import warnings
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from platt import platt
from scipy.optimize import check_grad

from labelpolicy.errors import LabelPolicyError
from labelpolicy.thresholds import fit, from_json
from labelpolicy.thresholds.label_sets import candidates, learn
from labelpolicy.thresholds.label_sets.candidates import FEATURES, Candidates, LabelFacts, TrainingSets, candidates_of
from labelpolicy.thresholds.label_sets.names import MOST, TITLE, Names
from labelpolicy.thresholds.label_sets.policy import LabelSets
from labelpolicy.thresholds.objectives import Utility, measures

LABELS = ["earn", "grain", "wheat", "money-fx"]


def corpus(documents=400, seed=0):
    """Scores, truth and texts, which name wheat; its documents have grain too, which scores do not say."""
    random = np.random.default_rng(seed)
    y_true = np.zeros((documents, 4), dtype=bool)
    kind = random.choice(4, documents, p=[0.5, 0.2, 0.1, 0.2])
    y_true[np.arange(documents), kind] = True
    y_true[kind == 2, 1] = True
    noisy = y_true.astype(float) * [1, 1, 1, 1] - 0.5 + random.normal(0, 0.35, y_true.shape)
    noisy[kind == 2, 1] = -0.4 + random.normal(0, 0.1, (kind == 2).sum())
    noisy[:, 2] = 0.5 * y_true[:, 2] - 0.6 + random.normal(0, 0.3, documents)
    texts = ["Wheat up\nwheat falls" if two else "-\nnothing" for two in kind == 2]
    return (1 / (1 + np.exp(-4 * noisy))).astype(np.float32), y_true, texts


@pytest.fixture(scope="module")
def learned():
    y_score, y_true, texts = corpus()
    return fit("sets", y_score, y_true, labels=LABELS, texts=texts)


# What it looks at


@st.composite
def small_states(draw):
    """Logits, truth and facts of some labels, the truth being that of the documents or of others."""
    n, labels = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    random = np.random.default_rng(draw(st.integers(0, 999)))
    y_true = random.random((n, labels)) < 0.5
    facts = LabelFacts(*random.normal(size=(4, labels)))
    names = (random.integers(0, MOST + 1, y_true.shape) + TITLE * (random.random(y_true.shape) < 0.3)).astype(np.uint8)
    return random.normal(size=y_true.shape), y_true, facts, draw(st.sampled_from([None, names])), draw(st.booleans())


def counted(y_true, members):
    return int((y_true[:, members].all(axis=1)).sum()) if len(members) else len(y_true)


def feature_values(members, z, y_true, facts, names):
    """phi of one set by its definition; y_true are the training documents."""
    members, n = list(members), len(y_true)
    calibrated, frequency = facts.slope * z + facts.offset, facts.frequency
    found = np.zeros(len(z), dtype=np.uint8) if names is None else names
    title, text = found >= TITLE, np.log1p(found % TITLE) / np.log1p(MOST)
    absent = (found == 0) * (names is not None)
    exactly = [set(np.flatnonzero(row)) for row in y_true].count(set(members))

    def lift(pair):
        expected = counted(y_true, [pair[0]]) * counted(y_true, [pair[1]]) / max(n, 1)
        return np.log((counted(y_true, list(pair)) + 0.5) / (expected + 0.5))

    lifts = [lift(pair) for pair in combinations(members, 2)]
    of_labels = np.stack([np.ones_like(z), z, z**2, frequency, z * frequency, calibrated], axis=1)
    of_names = np.stack([title, title * frequency, text, text * frequency, absent * frequency], axis=1)
    of_sets = [np.log(exactly + 0.5), exactly == 0, sum(lifts), sum(max(each, 0) for each in lifts)]
    of_sets += [len(lifts), max(len(members) - 2, 0), not members]
    return np.concatenate([of_labels[members].sum(axis=0), of_names[members].sum(axis=0), of_sets])


@settings(max_examples=60, deadline=None)
@given(small_states(), st.booleans())
def test_all_subsets_with_their_features_are_candidates(state, own):
    z, y_true, facts, names, may_be_empty = state
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "FARTHEST", 1e9)
        training = TrainingSets.of(y_true)
        found = candidates_of(z, names, training, facts, may_be_empty=may_be_empty, own=y_true if own else None)
    labels = range(z.shape[1])
    subsets = [members for size in range(len(labels) + 1) for members in combinations(labels, size)]
    for i in range(len(z)):
        rows = slice(*found.starts[i : i + 2])
        sets = [tuple(sorted(found.best[i][members])) for members in found.members[rows]]
        assert sorted(sets) == sorted(subset for subset in subsets if subset or may_be_empty)
        others = np.delete(y_true, i, axis=0) if own else y_true
        others_documents = np.concatenate([others, np.zeros((0, z.shape[1]), bool)])
        for members, phi in zip(sets, found.phi[rows], strict=True):
            expected = feature_values(members, z[i], others_documents, facts, None if names is None else names[i])
            if own:  # the number of documents itself, by which a lift is scaled, counts the document
                scaled = [FEATURES.index("pair_lift"), FEATURES.index("positive_pair_lift")]
                phi, expected = np.delete(phi, scaled), np.delete(expected, scaled)
            np.testing.assert_allclose(phi, expected, rtol=1e-4, atol=1e-4)


def test_names_stand_where_each_of_their_words_begins_a_word():
    texts = ["Wheat up\nwheat exports rise, money-market, FX", "buckwheat\nwheaten", "", "moneyed\nfxs " + "wheat " * 9]
    found = Names(["wheat", "money-fx", "/food/wheat", "C15", "-"]).counts(texts)
    np.testing.assert_array_equal(found % TITLE, [[2, 1, 2, 0, 0], [1, 0, 1, 0, 0], [0] * 5, [MOST, 1, MOST, 0, 0]])
    np.testing.assert_array_equal(found >= TITLE, [[True, False, True, False, False]] + [[False] * 5] * 3)


def test_a_description_is_phrases_that_do_for_the_name_and_a_name_with_a_digit_is_then_a_code():
    texts = ["Winter wheat\nC15, and wheat; grain, wheat", "grain exports", "the grain\nwinters", "C15", ""]
    found = Names(["C15", "C16", "grain"], ["winter wheat; grain / -", None, "exports"]).counts(texts)
    assert (found >= TITLE).astype(int).tolist() == [[1, 0, 0], [1, 0, 1], [1, 0, 1], [0, 0, 0], [0, 0, 0]]
    assert (found % TITLE).tolist() == [[1, 0, 1], [1, 0, 1], [1, 0, 1], [0, 0, 0], [0, 0, 0]]
    for empty in (None, ["", " ;/", None]):  # says nothing: names as they are
        assert Names(["C15", "C16", "grain"], empty).counts(["C15\ngrain"]).tolist() == [[TITLE + 1, 0, 1]]


def test_a_label_whose_name_is_a_code_wins_by_its_description_which_is_saved(learned):
    codes, (y_score, y_true, texts), (new, truth, new_texts) = ["C1", "C2", "C3", "C4"], corpus(), corpus(100, seed=3)
    descriptions = [f"{label}; no such word" for label in LABELS]
    how = {"labels": codes, "texts": texts}
    with pytest.warns(UserWarning, match="no label's name or description stands in any text"):
        by_codes = fit("sets", y_score, y_true, **how).decide(new, new_texts)
    decision = fit("sets", y_score, y_true, descriptions=descriptions, **how)
    y_pred = decision.decide(new, new_texts)
    np.testing.assert_array_equal(y_pred, learned.decide(new, new_texts))  # as if the labels were called so
    assert (y_pred == truth).all(axis=1).mean() > (by_codes == truth).all(axis=1).mean() + 0.05
    back = from_json(json.loads(json.dumps(decision.to_json(codes))), codes, "thresholds.json")
    np.testing.assert_array_equal(back.decide(new, new_texts), y_pred)
    assert "descriptions" not in learned.to_json(LABELS)


@pytest.mark.parametrize("wrong", [["wheat"], "abcd", [1, 2, 3, 4], {"C1": "wheat"}])
def test_descriptions_are_a_text_or_none_for_each_label(wrong):
    y_score, y_true, texts = corpus(20)
    with pytest.raises(LabelPolicyError, match="descriptions"):
        fit("sets", y_score, y_true, labels=LABELS, texts=texts, descriptions=wrong)
    with pytest.raises(LabelPolicyError, match=r"descriptions.*give their names"):
        fit("sets", y_score, y_true, texts=texts, descriptions=LABELS)


def test_a_calibration_follows_its_label_where_it_has_documents(monkeypatch):
    random = np.random.default_rng(0)
    logits = random.normal(size=(4000, 3))
    chance = 1 / (1 + np.exp(-(logits * [1, 1, 2] + [0, 0, 1])))
    y_true, chances = random.random(logits.shape) < chance, 1 / (1 + np.exp(-logits))
    slope, offset = learn.calibrate(chances, y_true)
    np.testing.assert_allclose([slope, offset], [[1, 1, 2], [0, 0, 1]], atol=0.2)
    monkeypatch.setattr(learn, "CELLS", 4000)  # a label at a time, the common one by a third of the documents
    np.testing.assert_allclose(learn.calibrate(chances, y_true), [slope, offset], atol=0.02)
    few = learn.calibrate(chances[:8], y_true[:8])[0]
    assert np.ptp(few) < np.ptp(slope) / 4


@pytest.mark.parametrize("seed", range(5))
def test_a_calibration_is_the_best_where_few_documents_have_sure_scores(seed):
    """Undamped steps go to and fro there."""
    random = np.random.default_rng(seed)
    y_true = random.random((15, 4)) < [0.9, 0.4, 0.2, 0.1]
    scores = 1 / (1 + np.exp(-random.normal(4 * y_true - 2.5, 2)))
    scores[0, 0], scores[1, 1] = 0, 1
    z, (slope, offset) = learn.clipped_logit(scores), learn.calibrate(scores, y_true)
    common = platt(z.ravel(), y_true.ravel(), np.array([1.0, 0.0]), 1e-6)
    for j in range(4):
        best = platt(z[:, j], y_true[:, j], common, learn.DEVIATION**-2)
        np.testing.assert_allclose([slope[j], offset[j]], best, atol=1e-4)


# What it learns


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 999), st.sampled_from([(1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0.3, 2, 0.7)]))
def test_the_gradients_are_those_of_the_objectives(seed, by):
    random = np.random.default_rng(seed)
    y_true = random.random((12, 4)) < 0.4
    facts = LabelFacts(np.zeros(4), np.ones(4), np.zeros(4), random.normal(size=4))
    found = candidates_of(random.normal(size=(12, 4)), None, TrainingSets.of(y_true), facts, may_be_empty=True)
    problem = learn.Problem(found, y_true, Utility(accuracy=by[0], macro_f1=by[1], micro_f1=by[2]))
    problem.phi = problem.phi.astype(np.float64)
    weights, likely = random.normal(size=(2, len(FEATURES)))
    for objective in (problem.likelihood, lambda weights: problem.utility(weights, likely)):
        value, gradient = (lambda w, o=objective, part=part: o(w)[part] for part in (0, 1))
        assert check_grad(value, gradient, weights) < 1e-4


def test_the_utility_of_a_sure_policy_is_that_of_its_decisions():
    y_score, y_true, _ = corpus(60)
    decision = fit("sets_unnamed", y_score, y_true)
    found = Candidates.joined(list(decision.candidates(y_score)))
    problem, by = learn.Problem(found, y_true, Utility()), decision.weights * 1e6
    value, _ = problem.utility(by * problem.scale, by * problem.scale)
    assert -value == pytest.approx(sum(measures(y_true, decision.decide(y_score)).values()), abs=1e-6)


def test_dependence_and_names_beat_two_numbers(learned):
    y_score, y_true, texts = corpus(seed=1)
    shared = fit("shared", *corpus()[:2], at_least_one=True)
    scores_alone = fit("sets_unnamed", *corpus()[:2])
    accuracy = [
        measures(y_true, y_pred)["accuracy"]
        for y_pred in (shared.decide(y_score), scores_alone.decide(y_score), learned.decide(y_score, texts))
    ]
    assert accuracy[0] + 0.03 < accuracy[1] and accuracy[1] + 0.03 < accuracy[2]
    # Wheat is in no training document without grain, and never alone.
    y_pred = learned.decide(y_score, texts)
    assert y_pred[y_pred[:, 2], 1].all()


def test_each_document_is_decided_by_itself(learned, monkeypatch):
    y_score, _, texts = corpus(50, seed=2)
    together = learned.decide(y_score, iter(texts))
    alone = np.concatenate([learned.decide(y_score[i : i + 1], texts[i : i + 1]) for i in range(50)])
    np.testing.assert_array_equal(together, alone)
    monkeypatch.setattr("labelpolicy.thresholds.label_sets.policy.BLOCK", 4 * 7)
    np.testing.assert_array_equal(learned.decide(y_score, np.array(texts)), together)


def test_learned_in_blocks_it_is_the_same(learned, monkeypatch):
    monkeypatch.setattr("labelpolicy.thresholds.label_sets.policy.BLOCK", 4 * 7)
    y_score, y_true, texts = corpus()
    again = fit("sets", y_score, y_true, labels=LABELS, texts=texts)
    assert again.to_json(LABELS) == learned.to_json(LABELS)


# JSON


def test_it_survives_json_for_labels_in_any_order(learned):
    y_score, _, texts = corpus(100, seed=3)
    written = json.loads(json.dumps(learned.to_json(LABELS), allow_nan=False))
    back = from_json(written, LABELS, "thresholds.json")
    assert back.needs_texts and back.to_json(LABELS) == written
    np.testing.assert_array_equal(back.decide(y_score, texts), learned.decide(y_score, texts))
    order = [2, 0, 3, 1]
    turned = from_json(written, [LABELS[j] for j in order], "thresholds.json")
    np.testing.assert_array_equal(turned.decide(y_score[:, order], texts), learned.decide(y_score, texts)[:, order])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda content: content["weights"].pop("logit"), "logit"),
        (lambda content: content["weights"].update(logit=float("nan")), "nan"),
        (lambda content: content["weights"].update(logit=None), "None"),
        (lambda content: content["labels"].pop("earn"), "other labels"),
        (lambda content: content["labels"]["earn"].update(slope="1"), "'1'"),
        (lambda content: content["sets"].append([1, "gold"]), "gold"),
        (lambda content: content.update(sets=3), "int"),
        (lambda content: content.update(names="yes"), "names"),
        (lambda content: content.update(descriptions={"rye": "a grain"}), "descriptions"),
        (lambda content: content.update(descriptions={"wheat": 1}), "descriptions"),
        (lambda content: content.update(descriptions=["wheat"]), "sets of the"),
        (lambda content: content.pop("labels"), "labels"),
    ],
)
def test_a_broken_file_is_a_one_line_error(learned, change, words):
    content = json.loads(json.dumps(learned.to_json(LABELS)))
    change(content)
    with pytest.raises(LabelPolicyError, match=words) as caught:
        from_json(content, LABELS, "thresholds.json")
    assert str(caught.value).startswith("thresholds.json: ") and "\n" not in str(caught.value)


# Bad input


@pytest.mark.parametrize("texts", [None, [], ["-"] * 9, ["-"] * 11, [None] * 10, "-"])
def test_texts_are_asked_for_and_as_many_as_documents(learned, texts):
    with pytest.raises(LabelPolicyError, match="text"):
        learned.decide(np.full((10, 4), 0.5), texts)


@pytest.mark.parametrize("labels", [["C15", "C151", "E12", "MCAT"], ["", "-", "/", "_"]], ids=["codes", "empty"])
def test_names_that_stand_in_no_text_stay_out_and_a_line_says_so(labels):
    y_score, y_true, texts = corpus()
    with pytest.warns(UserWarning, match="no label's name or description stands"):
        decision = fit("sets", y_score, y_true, labels=labels, texts=texts)
    assert not decision.needs_texts
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        unnamed = fit("sets_unnamed", y_score, y_true, labels=labels, texts=texts)
    np.testing.assert_array_equal(decision.decide(y_score), unnamed.decide(y_score))


@pytest.mark.filterwarnings("ignore:.*no label.s name")
def test_a_label_without_a_training_document_is_never_predicted():
    y_score, y_true, texts = corpus()
    count = np.array([200, 90, 0, 80])
    decision = fit("sets", y_score, y_true, train_count=count, labels=LABELS, texts=texts, at_least_one=True)
    y_pred = decision.decide(np.ones((3, 4)), ["Wheat"] * 3)
    assert not y_pred[:, 2].any() and y_pred.any(axis=1).all()


def test_a_label_that_a_fold_lacks_is_learned_from_the_others():
    y_score, y_true, texts = corpus()
    y_score[y_true[:, 2]] = 0  # as crossfit has it where no other fold has the label
    y_pred = fit("sets", y_score, y_true, labels=LABELS, texts=texts).decide(y_score, texts)
    assert measures(y_true[:, 2:3], y_pred[:, 2:3])["macro_f1"] > 0.9  # by its name


@pytest.mark.parametrize("rule", ["sets", "sets_unnamed"])
@pytest.mark.parametrize("one", [False, True])
def test_documents_without_labels_are_left_without_but_for_one(rule, one):
    y_score, y_true, texts = corpus()
    y_true[y_true[:, 0], 0] = False
    y_score[:, 0] = 0.01
    y_pred = fit(rule, y_score, y_true, labels=LABELS, texts=texts, at_least_one=one).decide(y_score, texts)
    assert y_pred.any(axis=1).all() == one
    nobody = fit(rule, y_score, np.zeros_like(y_true), labels=LABELS, texts=texts, train_count=[1, 1, 1, 1])
    assert not nobody.decide(y_score, texts).any()


def test_where_every_document_has_a_label_none_goes_without(learned):
    assert learned.decide(np.zeros((5, 4)), ["-"] * 5).any(axis=1).all()


def test_a_set_never_seen_may_be_chosen():
    y_score, y_true, _ = corpus()
    sure = np.float32([[0.999, 0.001, 0.001, 0.999]])
    decision = fit("sets_unnamed", y_score, y_true)
    assert (0, 3) not in decision.training.counts
    assert decision.decide(sure).tolist() == [[True, False, False, True]]


def test_scores_of_one_label():
    y_score, y_true, _ = corpus()
    decision = fit("sets", y_score[:, :1], y_true[:, :1])
    agreed = (decision.decide(y_score[:, :1]) == y_true[:, :1]).mean()
    assert agreed > 0.8
    assert decision.decide(np.zeros((0, 1))).shape == (0, 1)


def test_of_equal_labels_the_lower_index():
    y_true = np.tile(np.eye(3, dtype=bool), (20, 1))
    decision = fit("sets_unnamed", np.full(y_true.shape, 0.3), y_true)
    assert decision.decide(np.full((2, 3), 0.3)).tolist() == [[True, False, False]] * 2


def test_sure_scores_and_many_labels_are_no_trouble():
    random = np.random.default_rng(0)
    y_true = random.random((300, 1500)) < 0.002
    y_score = np.where(random.random(y_true.shape) < 0.999, y_true, ~y_true).astype(np.float32)
    decision = fit("sets_unnamed", y_score, y_true)
    assert isinstance(decision, LabelSets) and np.isfinite(decision.weights).all()
    assert decision.decide(y_score).sum(axis=1).max() <= candidates.BEST


# Among the candidates of auto


def test_auto_takes_sets_where_texts_are_given_and_they_gain():
    y_score, y_true, texts = corpus(800)
    decision = fit("auto", y_score, y_true, labels=LABELS, texts=iter(texts))
    evidence = decision.chosen["auto"]
    assert evidence["rule"] == "sets" and decision.needs_texts
    assert evidence["compared"]["sets"]["utility"] == max(each["utility"] for each in evidence["compared"].values())
    alone = fit("auto", y_score, y_true, labels=LABELS)
    assert "sets" not in alone.chosen["auto"]["compared"] and not alone.needs_texts
    again = fit("sets", y_score, y_true, labels=LABELS, texts=texts)
    np.testing.assert_array_equal(decision.decide(y_score, texts), again.decide(y_score, texts))


@pytest.mark.parametrize("at_least_one", [True, False])
def test_auto_asks_sets_for_a_label_each_where_that_is_asked(at_least_one):
    y_score, y_true, texts = corpus(800)
    y_true[:80] = False
    y_score[:80] = 0.02
    decision = fit("auto", y_score, y_true, labels=LABELS, texts=texts, at_least_one=at_least_one)
    name = "sets+one" if at_least_one else "sets"
    assert name in decision.chosen["auto"]["compared"]
    assert decision.decide(y_score, texts).any(axis=1).all() == at_least_one


@pytest.mark.parametrize("texts", [3, 5])
def test_auto_refuses_texts_that_are_not_as_many_as_documents(texts):
    y_score, y_true, _ = corpus(4)
    with pytest.raises(LabelPolicyError, match=f"{texts} texts for the scores of 4 documents"):
        fit("auto", y_score, y_true, labels=LABELS, texts=["wheat"] * texts)


@pytest.mark.parametrize("documents", [1, 2, 5])
def test_auto_with_texts_of_hardly_a_document(documents):
    y_score, y_true, texts = corpus(documents)
    decision = fit("auto", y_score, y_true, labels=LABELS, texts=texts)
    assert decision.decide(y_score, texts).shape == y_true.shape


def test_of_many_documents_weights_are_learned_on_some_and_sets_counted_on_all(monkeypatch):
    y_score, y_true, texts = corpus(300)
    whole = fit("sets", y_score, y_true, labels=LABELS, texts=iter(texts))
    monkeypatch.setattr(learn, "DOCUMENTS", 150)
    some = fit("sets", y_score, y_true, labels=LABELS, texts=iter(texts))
    assert some.training.counts == whole.training.counts and some.training.documents == 300
    assert not np.array_equal(some.weights, whole.weights)
    new_score, new_true, new_texts = corpus(400, seed=1)
    reached = [sum(measures(new_true, each.decide(new_score, new_texts)).values()) for each in (some, whole)]
    assert reached[0] > reached[1] - 0.1
    for count in (299, 301):
        with pytest.raises(LabelPolicyError, match="texts for the scores of"):
            fit("sets", y_score, y_true, labels=LABELS, texts=(texts + texts)[:count])


def test_what_is_learned_from_takes_a_few_kilobytes_a_document():
    random = np.random.default_rng(0)
    y_true = random.random((2000, 300)) < 0.01
    y_score = (1 / (1 + np.exp(4 - 5 * y_true - random.normal(size=y_true.shape)))).astype(np.float32)
    tracemalloc.start()
    fit("sets_unnamed", y_score, y_true)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6 + 20_000 * len(y_true)
