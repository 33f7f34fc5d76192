"""Cross-fitting: which documents go together into a fold, and a data set seen with other training documents."""

import itertools
from collections.abc import Hashable, Sequence

import numpy as np
from scipy import sparse

from labelpolicy.data.prepared import Prepared, Ragged, Split, Texts
from labelpolicy.errors import LabelPolicyError


class TrainedOn(Prepared):
    """A prepared data set whose training split is ``train``, documents of it; all else as on disk.

    Vocabulary and word vectors are those of the data set, made from its own training split.
    """

    def __init__(self, data: Prepared, train: Split):
        super().__init__(data.folder)
        self._splits["train"] = train
        self.train_count = train.y_true.sum(axis=0, dtype=np.int64)


def joined(first: Split, second: Split) -> Split:
    """The documents of two whole splits of one data set as one."""
    tokens = Ragged(
        np.concatenate([first.tokens.values, second.tokens.values]),
        np.concatenate([first.tokens.offsets, second.tokens.offsets[1:] + first.tokens.offsets[-1]]),
    )
    mentions = None if first.mentions is None else np.concatenate([first.mentions, second.mentions])
    groups = None if first.groups is None or second.groups is None else [*first.groups, *second.groups]
    y_true = np.concatenate([first.y_true, second.y_true])
    text = None if first.text is None or second.text is None else Texts((*first.text.paths, *second.text.paths))
    return Split([*first.ids, *second.ids], tokens, y_true, mentions, groups, text)


def taken(split: Split, rows: np.ndarray) -> Split:
    """Some documents of two splits as `joined` gives them; ``rows`` int64, ascending."""
    return Split(
        [split.ids[row] for row in rows],
        split.tokens.take(rows),
        split.y_true[rows],
        None if split.mentions is None else split.mentions[rows],
        None if split.groups is None else [split.groups[row] for row in rows],
        None if split.text is None else Texts(split.text.paths, rows),
    )


def fold_of(
    y_true: np.ndarray, folds: int, random: np.random.Generator, groups: Sequence[Hashable] | None = None
) -> np.ndarray:
    """The fold, 0 to ``folds`` - 1, of each document of y_true, bool (documents, labels): int64 (documents,).

    Labels are spread evenly, the rare ones first, in the manner of Sechidis et al. (2011), Section 3: documents come in
    the order of their rarest label, at random among equals, and each goes where that label is rarest so far, of equals
    where its next rarest label is, and in the end where the fewest documents are. Documents of the same group go
    together, as one document with the labels of all.

    Raises LabelPolicyError for fewer documents, or groups, than folds.
    """
    unit = np.arange(len(y_true)) if groups is None else np.unique(list(groups), return_inverse=True)[1]
    size = np.bincount(unit)
    if len(size) < folds:
        what = "documents" if groups is None else "groups of documents"
        raise LabelPolicyError(
            f"crossfit.folds: {folds} folds of {len(size)} {what} for training and validation: ask for fewer folds"
        )
    place = np.argsort(np.argsort(y_true.sum(axis=0), kind="stable"))  # of a label among all, the rarest first
    document, label = np.nonzero(y_true)
    ones = np.ones(len(label), dtype=np.int64)
    count = sparse.csr_matrix((ones, (unit[document], place[label])), shape=(len(size), y_true.shape[1]))
    count.sort_indices()
    parts = [slice(*ends) for ends in itertools.pairwise(count.indptr.tolist())]
    rarest = np.full(len(size), y_true.shape[1])  # one without a label comes last
    has_label = np.diff(count.indptr) > 0
    rarest[has_label] = count.indices[count.indptr[:-1][has_label]]

    carried, documents = np.zeros((folds, y_true.shape[1]), dtype=np.int64), np.zeros(folds, dtype=np.int64)
    found = np.empty(len(size), dtype=np.int64)
    shuffled = random.permutation(len(size))
    for one in shuffled[np.argsort(rarest[shuffled], kind="stable")]:
        labels = count.indices[parts[one]]
        burdens = np.column_stack([carried[:, labels], documents]).tolist()
        fold = burdens.index(min(burdens))
        carried[fold, labels] += count.data[parts[one]]
        documents[fold] += size[one]
        found[one] = fold
    return found[unit]
