"""Folds of documents: who is in which, and what a model of a fold is trained on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelpolicy.data.folds import TrainedOn, joined, taken
from labelpolicy.data.parameters import Data, Synthetic, Vectors
from labelpolicy.data.prepared import Prepared, Ragged, Split
from labelpolicy.errors import LabelPolicyError
from labelpolicy.folds import blocks_of, fold_of
from labelpolicy.steps.prepare import prepare
from labelpolicy.steps.synthesise import synthesise


def corpus(seed, documents, labels=6):
    random = np.random.default_rng(seed)
    return random.random((documents, labels)) < 0.5 / np.arange(1, labels + 1) ** 2


def divided(truth, folds, seed=0, groups=None):
    return fold_of(truth, folds, np.random.default_rng(seed), groups)


@given(st.integers(0, 1000), st.integers(2, 5), st.integers(5, 60))
def test_every_fold_has_documents_and_the_same_seed_gives_the_same_folds(seed, folds, documents):
    truth = corpus(seed, documents)
    found = divided(truth, folds, seed)
    assert set(found.tolist()) == set(range(folds)) and found.shape == (documents,)
    np.testing.assert_array_equal(found, divided(truth, folds, seed))


@given(st.lists(st.integers(0, 4), min_size=5, max_size=80), st.integers(2, 5), st.integers(0, 100))
def test_documents_of_one_label_each_are_spread_as_evenly_as_can_be(of_document, folds, seed):
    truth = np.eye(5, dtype=bool)[of_document]
    found = divided(truth, folds, seed)
    carried = np.array([truth[found == k].sum(axis=0) for k in range(folds)])
    assert (np.ptp(carried, axis=0) <= 1).all()


@given(st.integers(0, 1000), st.integers(2, 5))
def test_the_documents_of_the_rarest_label_are_spread_first(seed, folds):
    truth = corpus(seed, 80)
    rarest = np.argmin(np.where(truth.any(axis=0), truth.sum(axis=0), 1000))
    carried = np.bincount(divided(truth, folds, seed)[truth[:, rarest]], minlength=folds)
    assert np.ptp(carried) <= 1


@given(st.integers(0, 1000), st.integers(2, 4), st.integers(8, 50))
def test_groups_stay_whole(seed, folds, documents):
    truth, groups = corpus(seed, documents), [f"g{row % 7}" for row in range(documents)]
    found = divided(truth, folds, seed, groups)
    assert set(found.tolist()) == set(range(folds))
    assert all(len({fold for fold, name in zip(found, groups, strict=True) if name == g}) == 1 for g in groups)


def test_another_seed_gives_other_folds():
    truth = corpus(0, 100)
    assert not np.array_equal(divided(truth, 3, 0), divided(truth, 3, 1))


@pytest.mark.parametrize(
    ("groups", "words"),
    [(None, "6 folds of 5 documents: "), (["a", "a", "b", "b", "b"], "6 folds of 2 groups of documents")],
)
def test_fewer_documents_or_groups_than_folds(groups, words):
    with pytest.raises(LabelPolicyError, match=words):
        divided(corpus(0, 5), 6, groups=groups)


def split(name, documents, mentions=True):
    tokens = Ragged.from_rows([list(range(row % 4 + 1)) for row in range(documents)])
    places = np.array([[0, row % 4 + 1] for row in range(documents)], dtype=np.int32) if mentions else None
    groups = [f"{name} {row // 2}" for row in range(documents)] if mentions else None
    return Split([f"{name}{row}" for row in range(documents)], tokens, corpus(documents, documents), places, groups)


@pytest.mark.parametrize("mentions", [True, False])
def test_two_splits_as_one_and_some_of_their_documents(mentions):
    first, second = split("a", 5, mentions), split("b", 4, mentions)
    both = joined(first, second)
    some = taken(both, np.array([1, 4, 6, 8]))
    assert list(both.ids) == [*first.ids, *second.ids] and some.ids == ["a1", "a4", "b1", "b3"]
    wanted = [first.tokens[1], first.tokens[4], second.tokens[1], second.tokens[3]]
    assert [row.tolist() for row in map(some.tokens.__getitem__, range(4))] == [row.tolist() for row in wanted]
    np.testing.assert_array_equal(some.y_true, np.concatenate([first.y_true[[1, 4]], second.y_true[[1, 3]]]))
    if mentions:
        np.testing.assert_array_equal(some.mentions, np.concatenate([first.mentions[[1, 4]], second.mentions[[1, 3]]]))
        assert some.groups == ["a 0", "a 2", "b 0", "b 1"]
    else:
        assert some.mentions is None and some.groups is None


def test_a_data_set_seen_with_other_training_documents(tmp_path):
    synthesise(parameters=Synthetic(documents=30, test_documents=5, labels=3), output=tmp_path / "raw")
    parameters = Data(vectors=Vectors(source="random", width=4))
    prepare(dataset="synthetic", raw=tmp_path / "raw", parameters=parameters, output=tmp_path / "prepared")
    data = Prepared(tmp_path / "prepared")
    few = taken(joined(data.split("train"), data.split("valid")), np.arange(20, 30))
    seen = TrainedOn(data, few)
    assert seen.split("train") is few and seen.split("test").ids == data.split("test").ids
    np.testing.assert_array_equal(seen.train_count, few.y_true.sum(axis=0))
    assert len(data.split("train")) != 10 and seen.vocabulary == data.vocabulary


@given(st.integers(2, 5), st.integers(5, 40), st.booleans())
def test_blocks_follow_the_ids_and_keep_groups_together(folds, documents, grouped):
    random = np.random.default_rng(documents)
    numbers = random.permutation(documents)
    groups = (numbers // 2).tolist() if grouped and documents >= 2 * folds else None
    found = blocks_of([f"d{number}" for number in numbers], folds, groups)
    in_order = found[np.argsort(numbers)]
    assert (np.diff(in_order) >= 0).all() and set(found.tolist()) == set(range(folds))
    assert np.ptp(np.bincount(found)) <= (1 if groups is None else 3)
    if groups is not None:
        assert all(len(set(found[np.array(groups) == group])) == 1 for group in groups)


def test_more_blocks_than_documents_are_refused():
    with pytest.raises(LabelPolicyError, match="3 folds of 2"):
        blocks_of(["a", "b"], 3)
