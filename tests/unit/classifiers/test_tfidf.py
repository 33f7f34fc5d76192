"""tf-idf: plain text as scikit-learn has it, mentions by the role of a token."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from labelpolicy.classifiers.tfidf import ROLES, WINDOW, TfIdf
from labelpolicy.data.prepared import Ragged, Split

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
