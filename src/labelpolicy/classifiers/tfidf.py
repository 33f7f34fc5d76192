"""tf-idf features over the prepared tokens and the characters of their texts, for the linear classifiers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse

from labelpolicy.classifiers.registry import State
from labelpolicy.classifiers.tuning import SHORTEST, Features
from labelpolicy.data.corpus import tokenise
from labelpolicy.data.prepared import UNKNOWN, Prepared, Ragged, Split
from labelpolicy.errors import LabelPolicyError

#: Tokens read on each side of a mention.
WINDOW = 2

#: What a token is to a mention; each role has columns of its own. A token may have two.
ROLES = ("mention", "left context", "right context", "last of the mention", "just before", "just after")

#: Length of the block of a mention's sentence beside those of its roles and of its letters.
SENTENCE = np.float32(0.5)

#: Character n-grams are told apart by a hash of so many values.
BUCKETS = 1 << 20


class TfIdf:
    """Sublinear tf times idf, rows of unit length; idf from the training split alone.

    Of a document every token counts alike, and what ``features`` asks for besides: words in a row are one block with
    the words; characters in a row, and a title's words, are blocks of their own, each of unit length before all are
    joined. Of an entity mention the tokens count by their role (ROLES), those farther than WINDOW from it not at all;
    its letters (:func:`traits`) and all words of its sentence are blocks of their own, where there is a text. Words
    that training has only once do not count: the vocabulary of mentions has words for their vectors alone.
    """

    def __init__(self, data: Prepared, train: Split, features: Features | None = None):
        self.features = features or Features()
        if train.mentions is not None and not self.features.is_plain:
            raise LabelPolicyError("features: mentions have their roles: leave out n-grams and title")
        self.known = np.bincount(train.tokens.values, minlength=len(data.vocabulary)) > 1
        self.known[: UNKNOWN + 1] = False
        self.vocabulary = len(self.known)
        self.ngrams: list[np.ndarray] = []  # by length from 2 on, the sorted codes of those that have a column
        for _ in range(2, self.features.word_ngrams + 1):
            codes, count = np.unique([*self._codes(train.tokens)][-1][1], return_counts=True)
            self.ngrams.append(codes[count > 1])
        has_characters = train.text is not None if train.mentions is not None else self.features.character_ngrams
        self.characters: Any = None if has_characters else np.zeros(0, dtype=np.int64)  # None: not yet known
        blocks = self._blocks(train)
        found = [np.bincount(block.indices, minlength=block.shape[1]).astype(np.float32) for block in blocks]
        self.idf = np.log(np.float32(len(train) + 1) / (np.concatenate(found) + 1)) + 1
        self.width = len(self.idf)
        self.counted: tuple[Split, list[sparse.csr_matrix]] | None = (train, blocks)  # nearly always asked for next

    def state(self) -> State:
        found = {"known": self.known, "idf": self.idf}
        if not self.features.is_plain or len(self.characters):
            found["features"] = np.array([*self.features.model_dump().values()], dtype=np.float64)
            found["characters"] = self.characters
            found |= {f"ngrams.{n}": codes for n, codes in enumerate(self.ngrams, start=2)}
        return found

    @classmethod
    def restored(cls, state: State) -> TfIdf:
        found = cls.__new__(cls)
        found.known, found.idf = state["known"], state["idf"]
        found.vocabulary, found.width, found.counted = len(found.known), len(found.idf), None
        values = zip(Features.model_fields, state.get("features", np.zeros(0)).tolist(), strict=False)
        found.features = Features(**dict(values))
        found.characters = state.get("characters", np.zeros(0, dtype=np.int64))
        found.ngrams = [state[f"ngrams.{n}"] for n in range(2, found.features.word_ngrams + 1)]
        return found

    def __call__(self, split: Split) -> sparse.csr_matrix:
        """Features float32 (documents, width); of words alone in each bit as scikit-learn's TfidfTransformer's."""
        blocks = self.counted[1] if self.counted and self.counted[0] is split else self._blocks(split)
        self.counted = None
        ends = np.cumsum([0, *(block.shape[1] for block in blocks)])
        for block, (start, end) in zip(blocks, pairwise(ends), strict=True):
            block.data = (np.log(block.data) + 1) * self.idf[start:end][block.indices]
            _to_unit_length(block)
        if len(blocks) == 1:
            return blocks[0]
        if split.mentions is not None:
            blocks[-1].data *= SENTENCE
        if self.features.title:
            blocks[-1].data *= np.float32(self.features.title)
        return _to_unit_length(sparse.hstack(blocks, format="csr", dtype=np.float32))

    def _blocks(self, split: Split) -> list[sparse.csr_matrix]:
        """The counts of a text's words in a row, its characters in a row and its title's words, as far as asked for.

        Of a mention those of its roles, its traits and its sentence; of one fitted without texts those of its roles.
        """
        tokens = split.tokens
        if split.mentions is not None:
            roles = self._counts_by_role(split, split.mentions)
            if self.characters is not None and not len(self.characters):
                return [roles]
            traits = self._seen_twice(self._traits(split))
            sentence = self._counts(tokens, self.known[tokens.values])
            return [roles, traits, sentence] if len(self.characters) else [roles]
        words = [self._counts(tokens, tokens.values > UNKNOWN)]  # <pad> and <unk> say nothing about a label
        for known, (row, codes) in zip(self.ngrams, self._codes(tokens), strict=False):
            place, found = _found(codes, known)
            words.append(_csr(row[found], place[found], (len(tokens), len(known))))
        blocks = [sparse.hstack(words, format="csr")] if len(words) > 1 else words
        if self.features.character_ngrams:
            blocks.append(self._seen_twice(self._characters(split)))
        if self.features.title:
            first = np.fromiter((_words_of_title(text) for text in _texts(split)), np.int64, len(tokens))
            position = np.arange(len(tokens.values)) - np.repeat(tokens.offsets[:-1], tokens.lengths)
            in_title = position < np.repeat(first, tokens.lengths)
            blocks.append(self._counts(tokens, in_title & (tokens.values > UNKNOWN)))
        return blocks

    def _seen_twice(self, counts: sparse.csr_matrix) -> sparse.csr_matrix:
        """The columns that training, whose counts come first, has twice."""
        if self.characters is None:
            self.characters = np.flatnonzero(_column_sums(counts) > 1)
        return counts[:, self.characters]

    def _counts(self, tokens: Ragged, counted: np.ndarray) -> sparse.csr_matrix:
        offsets = np.concatenate([[0], np.cumsum(counted)])[tokens.offsets]
        values = np.ones(int(counted.sum()), dtype=np.float32)
        counts = sparse.csr_matrix((values, tokens.values[counted], offsets), shape=(len(tokens), self.vocabulary))
        counts.sum_duplicates()
        return counts

    def _codes(self, tokens: Ragged) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Of two, three, ... words in a row, none of them unknown: the document and the code of each.

        A code is the place of the words but the last among those that have a column, times the vocabulary, plus the
        last word: what begins with words that have no column has none either.
        """
        row = np.repeat(np.arange(len(tokens)), tokens.lengths)
        values = tokens.values.astype(np.int64)
        begin, place = np.flatnonzero(values > UNKNOWN), values[values > UNKNOWN]
        for n, known in enumerate([*self.ngrams, None], start=2):
            inside = begin + n - 1 < len(values)
            begin, place = begin[inside], place[inside]
            inside = (row[begin] == row[begin + n - 1]) & (values[begin + n - 1] > UNKNOWN)
            begin, place = begin[inside], place[inside]
            codes = place * self.vocabulary + values[begin + n - 1]
            yield row[begin], codes
            if known is not None:
                place, found = _found(codes, known)
                begin, place = begin[found], place[found]

    def _characters(self, split: Split) -> sparse.csr_matrix:
        """Counts of characters in a row by their hash; each word, with a blank on either side, is taken apart once."""
        longest = self.features.character_ngrams
        how = {"analyzer": "char_wb", "ngram_range": (min(SHORTEST, longest), longest), "lowercase": False}
        return _hashed((tokenise(text) for text in _texts(split)), **how)

    def _traits(self, split: Split) -> sparse.csr_matrix:
        """Counts of what the letters of each mention are like, by their hash."""
        places = zip(_texts(split), split.text.mentions, strict=True)  # type: ignore[union-attr]
        return _hashed(([text[start:end]] for text, (start, end) in places), analyzer=traits)

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
        return _csr(row[place], columns, (len(tokens), self.vocabulary * len(ROLES)))


def traits(mention: str) -> Iterator[str]:
    """What tells of a mention that training does not have: characters in a row of it and of its shape.

    >>> [*traits("Al")]
    ['^a', 'al', 'l$', '^al', 'al$', '^al$', 'shape X', 'shape x', 'shape Xx']
    """
    mention = " ".join(mention.split())
    shape = re.sub(r"(.)\1+", r"\1", "".join(_kind(each) for each in mention))
    for before, text, lengths in ("", f"^{mention.lower()}$", range(2, 6)), ("shape ", shape, range(1, 5)):
        yield from (before + text[i : i + n] for n in lengths for i in range(len(text) - n + 1))


def _kind(character: str) -> str:
    """X for a capital, x for another letter, 0 for a digit; else itself."""
    if character.isalpha():
        return "X" if character.isupper() else "x"
    return "0" if character.isdigit() else character


def _hashed(parts: Iterable[list[str]], **how: Any) -> sparse.csr_matrix:
    """Counts of the columns of HashingVectorizer in each list of parts; each part is taken apart once."""
    from sklearn.feature_extraction.text import HashingVectorizer

    place: dict[str, int] = {}
    rows = Ragged.from_rows([[place.setdefault(part, len(place)) for part in each] for each in parts])
    counts = _csr(np.repeat(np.arange(len(rows)), rows.lengths), rows.values, (len(rows), len(place)))
    if not place:
        return sparse.csr_matrix((len(rows), BUCKETS), dtype=np.float32)
    vectorizer = HashingVectorizer(n_features=BUCKETS, alternate_sign=False, norm=None, dtype=np.float32, **how)
    found = counts @ vectorizer.transform(place)
    found.sort_indices()
    return found


def _found(codes: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each code stands among the sorted known ones, and whether it is one of them."""
    place = np.searchsorted(known, codes)
    return place, np.append(known, -1)[place] == codes


def _csr(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> sparse.csr_matrix:
    """How often each column stands in each row."""
    return sparse.csr_matrix((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=shape)


def _column_sums(counts: sparse.csr_matrix) -> np.ndarray:
    return np.bincount(counts.indices, weights=counts.data, minlength=counts.shape[1])


def _to_unit_length(rows: sparse.csr_matrix) -> sparse.csr_matrix:
    """The same matrix, whose rows that are not empty then have length 1."""
    squares = sparse.csr_matrix((rows.data**2, rows.indices, rows.indptr), shape=rows.shape)
    norms = np.sqrt(squares @ np.ones(rows.shape[1]))
    rows.data = (rows.data / np.repeat(norms, np.diff(rows.indptr))).astype(np.float32)
    return rows


def _texts(split: Split) -> Iterator[str]:
    if split.text is None:
        raise LabelPolicyError("features: these documents have no text: leave out character n-grams and titles")
    yield from split.text


def _words_of_title(text: str) -> int:
    """The words of its first line; none where there is only one line."""
    title, _, rest = text.strip().partition("\n")
    return len(tokenise(title)) if rest else 0
