"""tf-idf features over the prepared tokens, for the linear classifiers."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer

from labelpolicy.data.prepared import UNKNOWN, Prepared, Split

#: Tokens read on each side of a mention.
WINDOW = 2

#: What a token is to a mention; each role has columns of its own. A token may have two.
ROLES = ("mention", "left context", "right context", "last of the mention", "just before", "just after")


class TfIdf:
    """Sublinear tf times idf, rows of unit length; idf from the training split alone.

    Of a document every token counts alike. Of an entity mention the tokens count by their role (ROLES). Tokens farther
    than WINDOW from the mention do not count, nor do words that training has only once: the vocabulary of mentions has
    words for their vectors alone.
    """

    def __init__(self, data: Prepared, train: Split):
        self.vocabulary = len(data.vocabulary)
        self.width = self.vocabulary * (1 if train.mentions is None else len(ROLES))
        self.known = np.bincount(train.tokens.values, minlength=self.vocabulary) > 1
        self.known[: UNKNOWN + 1] = False
        self.transformer = TfidfTransformer(sublinear_tf=True).fit(self._counts(train))

    def __call__(self, split: Split) -> sparse.csr_matrix:
        """Features float32 (documents, width)."""
        return self.transformer.transform(self._counts(split)).astype(np.float32).tocsr()

    def _counts(self, split: Split) -> sparse.csr_matrix:
        if split.mentions is not None:
            return self._counts_by_role(split, split.mentions)
        tokens = split.tokens
        known = tokens.values > UNKNOWN  # <pad> and <unk> say nothing about a label
        offsets = np.concatenate([[0], np.cumsum(known)])[tokens.offsets]
        values = np.ones(int(known.sum()), dtype=np.float32)
        counts = sparse.csr_matrix((values, tokens.values[known], offsets), shape=(len(tokens), self.width))
        counts.sum_duplicates()
        return counts

    def _counts_by_role(self, split: Split, mentions: np.ndarray) -> sparse.csr_matrix:
        tokens = split.tokens
        row = np.repeat(np.arange(len(tokens)), tokens.lengths)
        position = np.arange(len(tokens.values)) - tokens.offsets[row]
        start, end = mentions.T.astype(np.int64)[:, row]
        has_role = (
            (start <= position) & (position < end),
            (start - WINDOW <= position) & (position < start),
            (end <= position) & (position < end + WINDOW),
            position == end - 1,
            position == start - 1,
            position == end,
        )
        role, place = np.nonzero(np.stack(has_role) & self.known[tokens.values])
        columns = tokens.values[place] + role * self.vocabulary
        ones = np.ones(len(place), dtype=np.float32)
        return sparse.csr_matrix((ones, (row[place], columns)), shape=(len(tokens), self.width))
