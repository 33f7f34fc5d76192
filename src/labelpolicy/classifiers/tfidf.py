"""tf-idf features over the prepared tokens, for the linear classifiers."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer

from labelpolicy.data.prepared import UNKNOWN, Prepared, Ragged


class TfIdf:
    """Sublinear tf times idf, rows of unit length; idf from the training split alone."""

    def __init__(self, data: Prepared, train: Ragged):
        self.width = len(data.vocabulary)
        self.transformer = TfidfTransformer(sublinear_tf=True).fit(self._counts(train))

    def __call__(self, tokens: Ragged) -> sparse.csr_matrix:
        """Features float32 (documents, vocabulary)."""
        return self.transformer.transform(self._counts(tokens)).astype(np.float32).tocsr()

    def _counts(self, tokens: Ragged) -> sparse.csr_matrix:
        known = tokens.values > UNKNOWN  # <pad> and <unk> say nothing about a label
        offsets = np.concatenate([[0], np.cumsum(known)])[tokens.offsets]
        values = np.ones(int(known.sum()), dtype=np.float32)
        counts = sparse.csr_matrix((values, tokens.values[known], offsets), shape=(len(tokens), self.width))
        counts.sum_duplicates()
        return counts
