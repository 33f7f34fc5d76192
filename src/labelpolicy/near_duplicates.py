"""Documents that say nearly the same, found by min-wise hashing (Broder 1997) in time linear in the texts."""

from __future__ import annotations

import re
import zlib
from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

#: Words in a row that are compared, and the hashes of a text: bands of rows.
SHINGLE, BANDS, ROWS = 3, 21, 3
#: The share of the shingles of either text that two near-duplicates have in common.
SHARE = 0.5
WORD = re.compile(r"\w+")


def near_duplicates(texts: Iterable[str], groups: Sequence[Hashable] | None = None, share: float = SHARE) -> np.ndarray:
    """The group of each text, int64 (documents,): near-duplicates are together, and what ``groups`` has together.

    A text is compared with the first one that has the same hashes in a band; the share of all hashes that agree
    estimates that of their shingles, with a standard error of 0.06. Texts of the same words are always together, and
    one without a word is by itself.

    >>> near_duplicates(["Wheat is up again today.", "wheat is UP again, today", "Corn fell", ""]).tolist()
    [0, 0, 1, 2]
    """
    salt = np.random.default_rng(0).integers(1 << 63, size=(BANDS * ROWS, 1), dtype=np.uint64)
    found = [_hashes(WORD.findall(text.lower()), salt) for text in texts]
    rows = np.array([row for row, each in enumerate(found) if each is not None], dtype=np.int64)
    hashes = np.array([found[row] for row in rows], dtype=np.uint64).reshape(-1, BANDS, ROWS)
    links = [np.arange(len(found)).repeat(2).reshape(-1, 2)]
    if groups is not None:
        links.append(_with_first(np.unique(list(groups), return_inverse=True)[1]))
    for band in _mixed(hashes).sum(axis=2, dtype=np.uint64).T:
        pairs = _with_first(band)
        alike = (hashes[pairs[:, 0]] == hashes[pairs[:, 1]]).mean(axis=(1, 2)) >= share
        links.append(rows[pairs[alike]])
    one, other = np.concatenate(links).T
    graph = sparse.coo_matrix((np.ones(len(one), dtype=bool), (one, other)), shape=(len(found),) * 2)
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _with_first(keys: np.ndarray) -> np.ndarray:
    """Each place beside the first one of the same key: int64 (places, 2)."""
    _, first, place = np.unique(keys, return_index=True, return_inverse=True)
    return np.stack([np.arange(len(keys)), first[place]], axis=1)


def _hashes(words: list[str], salt: np.ndarray) -> np.ndarray | None:
    """The least of its shingles' hashes for each salt: uint64 (hashes,)."""
    if not words:
        return None
    codes, size = np.array([zlib.crc32(word.encode()) for word in words], dtype=np.uint64), min(SHINGLE, len(words))
    shingles = np.zeros(len(codes) - size + 1, dtype=np.uint64)
    for k in range(size):
        shingles = _mixed(shingles + codes[k : len(codes) - size + 1 + k])
    return _mixed(shingles ^ salt).min(axis=1)


def _mixed(x: np.ndarray) -> np.ndarray:
    """Of 64 bits others of which each depends on all (Steele et al. 2014, MurmurHash3's finalizer, variant 13)."""
    x = (x ^ x >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ x >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return x ^ x >> np.uint64(31)
