"""tf-idf features over the prepared tokens, for the linear classifiers."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from labelpolicy.classifiers.registry import State
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
        by_role = train.mentions is not None
        self.known = np.bincount(train.tokens.values, minlength=len(data.vocabulary)) > 1
        self.known[: UNKNOWN + 1] = False
        self.vocabulary, self.width = len(self.known), len(self.known) * (len(ROLES) if by_role else 1)
        counts = self._counts(train)
        documents = np.bincount(counts.indices, minlength=self.width).astype(np.float32)
        self.idf = np.log(np.float32(len(train) + 1) / (documents + 1)) + 1

    def state(self) -> State:
        return {"known": self.known, "idf": self.idf}

    @classmethod
    def restored(cls, state: State) -> TfIdf:
        found = cls.__new__(cls)
        found.known, found.idf = state["known"], state["idf"]
        found.vocabulary, found.width = len(found.known), len(found.idf)
        return found

    def __call__(self, split: Split) -> sparse.csr_matrix:
        """Features float32 (documents, width), in each bit as scikit-learn's TfidfTransformer makes them."""
        features = self._counts(split)
        features.data = (np.log(features.data) + 1) * self.idf[features.indices]
        squares = sparse.csr_matrix((features.data**2, features.indices, features.indptr), shape=features.shape)
        norms = np.sqrt(squares @ np.ones(self.width))
        features.data = (features.data / np.repeat(norms, np.diff(features.indptr))).astype(np.float32)
        return features

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
