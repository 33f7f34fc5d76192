"""What labels are called, and which of them a document carries: spellings that become one, truth closed upwards."""

import unicodedata
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from labelpolicy.data.corpus import Corpus
from labelpolicy.data.prepared import Ragged
from labelpolicy.errors import LabelPolicyError
from labelpolicy.hierarchy import ancestors_of, find_cycle


def normal_name(label: str) -> str:
    """The name in normal form C, without blanks around it.

    >>> normal_name(" Cafe\u0301 ")
    'Café'
    """
    return unicodedata.normalize("NFC", label).strip()


def loose_name(label: str) -> str:
    """What names have in common that differ in case, in blanks or in forms of the same letters only."""
    return "".join(unicodedata.normalize("NFKC", label).casefold().split())


class Spelled(NamedTuple):
    """The labels of a corpus by their names, one for all spellings."""

    corpus: Corpus
    row: np.ndarray  # the label of each spelling
    merged: dict[str, list[str]]  # the other spellings of a name
    alike: list[list[str]]  # labels whose loose names are the same


def spelled(corpus: Corpus, *, loosely: bool) -> Spelled:
    """Labels whose normal names, or ``loosely`` whose loose names, are the same become one, called as the first is.

    Raises LabelPolicyError for a name of blanks.
    """
    blank = next((label for label in corpus.labels if not normal_name(label)), None)
    if blank is not None:
        raise LabelPolicyError(f"label {blank!r} has a name of blanks: correct the labels of its documents")
    key = loose_name if loosely else normal_name
    names: dict[str, str] = {}
    merged: dict[str, list[str]] = {}
    for label in corpus.labels:
        if (name := names.setdefault(key(label), normal_name(label))) != label:
            merged.setdefault(name, []).append(label)
    place = {name: number for number, name in enumerate(names.values())}
    row = np.array([place[names[key(label)]] for label in corpus.labels], dtype=np.int32)
    above = [(names.get(key(each), each) for each in pair) for pair in corpus.parents.items()]
    parents = {child: parent for child, parent in above if child != parent}
    descriptions = {names.get(key(label), label): said for label, said in reversed(corpus.descriptions.items())}
    groups: dict[str, list[str]] = {}
    for name in place:
        groups.setdefault(loose_name(name), []).append(name)
    alike = [group for group in groups.values() if len(group) > 1]
    return Spelled(replace(corpus, labels=list(place), parents=parents, descriptions=descriptions), row, merged, alike)


def parents_of(corpus: Corpus) -> np.ndarray:
    """Of each label the nearest ancestor that is a label: int32 (labels,), -1 where there is none.

    Raises LabelPolicyError for a node of the hierarchy that is its own ancestor.
    """
    if (cycle := find_cycle(corpus.parents)) is not None:
        raise LabelPolicyError(f"hierarchy of labels: {cycle!r} is its own ancestor: correct the parents")
    place = {label: number for number, label in enumerate(corpus.labels)}
    chains = (reversed(ancestors_of(label, corpus.parents)) for label in corpus.labels)
    return np.array([next((place[node] for node in chain if node in place), -1) for chain in chains], dtype=np.int32)


def renamed(labels: Ragged, row: np.ndarray) -> Ragged:
    """The label sets with each label replaced by ``row`` of it, sorted, each label once."""
    if np.array_equal(row, np.arange(len(row))):
        return labels
    return _sets(_documents(labels), row[labels.values], len(labels))


def closed(labels: Ragged, parents: np.ndarray) -> Ragged:
    """The label sets with all ancestors of their labels; ``parents`` as of :func:`parents_of`."""
    if not (parents >= 0).any():
        return labels
    document, label = _documents(labels), labels.values
    documents, found = [document], [label]
    while len(label):
        up = parents[label]
        document, label = document[up >= 0], up[up >= 0]
        documents.append(document)
        found.append(label)
    return _sets(np.concatenate(documents), np.concatenate(found), len(labels))


def _documents(labels: Ragged) -> np.ndarray:
    return np.repeat(np.arange(len(labels)), labels.lengths)


def _sets(document: np.ndarray, label: np.ndarray, documents: int) -> Ragged:
    """Pairs of a document and a label, in any order and more than once, as the label sets of all documents."""
    width = int(label.max(initial=0)) + 1
    pairs = np.unique(document * np.int64(width) + label)
    return Ragged(
        (pairs % width).astype(np.int32), np.append(0, np.bincount(pairs // width, minlength=documents).cumsum())
    )
