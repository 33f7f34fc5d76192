"""tf-idf: plain text as scikit-learn has it, mentions by the role of a token."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.preprocessing import normalize

from labelpolicy.classifiers.tfidf import ROLES, WINDOW, TfIdf, traits
from labelpolicy.classifiers.tuning import Features
from labelpolicy.data.corpus import tokenise
from labelpolicy.data.prepared import Given, Ragged, Split
from labelpolicy.errors import LabelPolicyError

WORDS = ["<pad>", "<unk>", *(f"w{number}" for number in range(2, 20))]
DATA = SimpleNamespace(vocabulary=WORDS)


def split(rows: list[list[int]], mentions: list[tuple[int, int]] | None = None) -> Split:
    spans = None if mentions is None else np.array(mentions, dtype=np.int32)
    return Split([str(row) for row in range(len(rows))], Ragged.from_rows(rows), np.zeros((len(rows), 1), bool), spans)


def test_plain_text_is_as_scikit_learn_has_it():
    rows = [[2, 3, 3, 1], [4, 2], [5, 5, 5]]
    found = TfIdf(DATA, split(rows))(split(rows)).toarray()
    texts = [" ".join(WORDS[token] for token in row if token > 1) for row in rows]
    expected = TfidfVectorizer(sublinear_tf=True, vocabulary=WORDS, token_pattern=r"\S+").fit_transform(texts)
    np.testing.assert_allclose(found, expected.toarray(), rtol=1e-6)


def test_a_token_counts_by_its_role():
    far = WINDOW + 3
    row = [2] * 3 + [3] * (WINDOW - 1) + [4, 5, 6, 7] + [8] * (WINDOW - 1) + [9] * 3
    documents = split([row], [(far, far + 2)])  # the mention is 5, 6
    features = TfIdf(DATA, split([row, row], [(far, far + 2)] * 2))
    row = features(documents).toarray()[0]
    assert len(row) == features.width == len(ROLES) * len(WORDS)
    found = {role: np.flatnonzero(block).tolist() for role, block in zip(ROLES, np.split(row, len(ROLES)), strict=True)}
    assert found == {
        "mention": [5, 6],
        "left context": [3, 4],
        "right context": [7, 8],
        "last of the mention": [6],
        "just before": [4],
        "just after": [7],
    }


def test_unknown_tokens_and_missing_contexts_count_for_nothing():
    documents = split([[1, 5], [5], [1, 5, 7]], [(0, 2), (0, 1), (0, 2)])  # 7 is there once
    first, second, third = TfIdf(DATA, documents)(documents).toarray()
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, third)


TEXTS = ["good morning sir\nold morning sir", "good morning\nmadam", "sir, good", "unheard words"]


def texts_split(texts: list[str]) -> Split:
    cut = [[NUMBER.get(word, 1) for word in tokenise(text)] for text in texts]
    return Split([*map(str, range(len(texts)))], Ragged.from_rows(cut), np.zeros((len(texts), 1), bool), text=texts)


KNOWN = ["<pad>", "<unk>", "good", "morning", "old", "sir"]
NUMBER = {word: number for number, word in enumerate(KNOWN)}


def fitted(texts: list[str], **features: float) -> TfIdf:
    return TfIdf(SimpleNamespace(vocabulary=KNOWN), texts_split(texts), Features(**features))


@pytest.mark.parametrize("longest", [2, 3, 4])
def test_words_in_a_row_are_counted_as_scikit_learn_counts_them(longest):
    random = np.random.default_rng(longest)
    texts = [" ".join(random.choice([*KNOWN[2:], "unheard"], random.integers(1, 9))) for _ in range(60)]
    ours = fitted(texts, word_ngrams=longest)
    # An unknown word breaks a row of words: for scikit-learn each piece stands in a document of its own.
    pieces = [[" ".join(piece.split()) for piece in text.split("unheard")] for text in texts]
    counter = CountVectorizer(ngram_range=(1, longest), token_pattern=r"\S+")
    counted = counter.fit_transform([piece for text in pieces for piece in text])
    owner = np.repeat(np.arange(len(texts)), [*map(len, pieces)])
    merged = sparse.csr_matrix((np.ones(len(owner)), (owner, np.arange(len(owner))))) @ counted
    merged = merged[:, np.flatnonzero(np.asarray(merged.sum(axis=0)).ravel() > 1)]
    expected = TfidfTransformer(sublinear_tf=True).fit_transform(merged)
    found = ours(texts_split(texts))
    assert found.shape[1] == ours.width == merged.shape[1] + 2  # <pad> and <unk> have columns, which stay empty
    np.testing.assert_allclose((found @ found.T).toarray(), (expected @ expected.T).toarray(), rtol=1e-5, atol=1e-6)


def test_characters_are_counted_as_scikit_learn_counts_them_within_words():
    ours = fitted(TEXTS, character_ngrams=4)
    counted = CountVectorizer(analyzer="char_wb", ngram_range=(3, 4)).fit_transform(
        " ".join(tokenise(t)) for t in TEXTS
    )
    counted = counted[:, np.flatnonzero(np.asarray(counted.sum(axis=0)).ravel() > 1)]
    assert ours.width == len(KNOWN) + counted.shape[1]
    characters = ours(texts_split(TEXTS))[:, len(KNOWN) :]
    unit = TfidfTransformer(sublinear_tf=True).fit_transform(counted)
    np.testing.assert_allclose(np.sort(normalize(characters).data), np.sort(unit.data.astype(np.float32)), rtol=1e-5)


def test_a_title_has_columns_of_its_own_where_there_is_more_than_a_title():
    ours = fitted(TEXTS, title=0.5)
    title = ours(texts_split(TEXTS))[:, len(KNOWN) :].toarray()
    assert [np.flatnonzero(row).tolist() for row in title] == [[2, 3, 5], [2, 3], [], []]
    whole = ours(texts_split(TEXTS)).toarray()
    np.testing.assert_allclose((whole**2).sum(axis=1), [1, 1, 1, 0], rtol=1e-6)
    np.testing.assert_allclose((title[:2] ** 2).sum(axis=1), 0.25 / 1.25, rtol=1e-6)


def test_restored_features_are_the_same_bits_alone_and_together():
    made = fitted(TEXTS, word_ngrams=3, character_ngrams=5, title=0.7)
    again = TfIdf.restored({name: value.copy() for name, value in made.state().items()})
    expected = made(texts_split(TEXTS)).toarray()
    np.testing.assert_array_equal(again(texts_split(TEXTS)).toarray(), expected)
    alone = [again(texts_split([text])).toarray() for text in TEXTS]
    np.testing.assert_array_equal(np.concatenate(alone), expected)


def test_mentions_have_neither_n_grams_nor_titles():
    documents = split([[3, 3]], [(0, 1)])
    with pytest.raises(LabelPolicyError, match="mentions"):
        TfIdf(DATA, documents, Features(word_ngrams=2))


def named(mentions: list[str]) -> Split:
    """A mention a text, all in the same words that training knows."""
    texts = [f"good {mention} old" for mention in mentions]
    of = Given(texts, [(5, 5 + len(mention)) for mention in mentions])
    rows = Ragged.from_rows([[2, 1, 4]] * len(texts))
    spans = np.array([(1, 2)] * len(texts), dtype=np.int32)
    return Split([*map(str, range(len(texts)))], rows, np.zeros((len(texts), 1), bool), spans, text=of)


def test_a_mention_that_training_lacks_is_known_by_its_letters():
    features = TfIdf(SimpleNamespace(vocabulary=KNOWN), named(["Hilton Hotel", "Ritz Hotel", "1997", "1998"]))
    hilton, ritz, year, new_hotel, new_year = features(
        named(["Hilton Hotel", "Ritz Hotel", "1997", "Plaza Hotel", "2003"])
    )
    assert new_hotel.multiply(hilton).sum() > new_hotel.multiply(year).sum()
    assert new_year.multiply(year).sum() > new_year.multiply(ritz).sum()
    np.testing.assert_allclose(new_hotel.multiply(new_hotel).sum(), 1, rtol=1e-6)


def test_traits_of_a_mention_are_its_characters_and_those_of_its_shape():
    found = [*traits("McDonald's  Inc. 12")]
    assert {"^m", "'s i", "12$", "shape XxXx", "shape x'x ", "shape  0"} <= set(found)
    assert not [each for each in found if "shape xx" in each or "  i" in each]
    assert [*traits("")] == ["^$"]


def test_words_far_from_the_mention_count_as_those_of_its_sentence():
    rows, mentions = [[2, 2, 2, 4, 5], [2, 2, 2, 4, 5], [2, 2, 2]], [(0, 1)] * 3
    documents = replace(split(rows, mentions), text=Given(["good"] * 3, [(0, 4)] * 3))
    with_far, _, without = TfIdf(SimpleNamespace(vocabulary=KNOWN), documents)(documents).toarray()
    assert with_far[-2:].all() and not without[-2:].any()


def test_mentions_restored_are_the_same_and_those_fitted_without_texts_have_roles_alone():
    train = named(["Hilton Hotel", "Ritz Hotel", "1997"])
    features = TfIdf(SimpleNamespace(vocabulary=KNOWN), train)
    again = TfIdf.restored(features.state())
    np.testing.assert_array_equal(again(train).toarray(), features(train).toarray())
    roles = TfIdf(SimpleNamespace(vocabulary=KNOWN), replace(train, text=None))
    assert TfIdf.restored(roles.state())(train).shape == (3, len(ROLES) * len(KNOWN))


@pytest.mark.parametrize("features", [{}, {"word_ngrams": 3}, {"character_ngrams": 5, "title": 0.7}])
def test_what_was_counted_of_the_training_documents_is_used_once_and_is_the_same_bits(features):
    train = texts_split(TEXTS)
    made = TfIdf(SimpleNamespace(vocabulary=KNOWN), train, Features(**features))
    first, second = made(train).toarray(), made(train).toarray()
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(fitted(TEXTS, **features)(texts_split(TEXTS[:2])).toarray(), first[:2])


@pytest.mark.parametrize("mentions", [["goodman", "goodwin", "oldman"], ["a", "b", "c"]])
def test_so_it_is_of_mentions(mentions):
    train = named(mentions)
    made = TfIdf(SimpleNamespace(vocabulary=KNOWN), train)
    first = made(train).toarray()
    np.testing.assert_array_equal(first, made(train).toarray())
    restored = TfIdf.restored({name: value.copy() for name, value in made.state().items()})
    np.testing.assert_array_equal(first, restored(named(mentions)).toarray())
