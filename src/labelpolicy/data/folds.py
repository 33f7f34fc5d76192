"""Cross-fitting: documents of two splits together, and a data set seen with other training documents."""

import numpy as np

from labelpolicy.data.prepared import Prepared, Ragged, Split, Texts


class TrainedOn(Prepared):
    """A prepared data set whose training split is ``train``, documents of it; all else as on disk.

    Vocabulary and word vectors are those of the data set, made from its own training split.
    """

    def __init__(self, data: Prepared, train: Split):
        super().__init__(data.folder, data.features)
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
    both = isinstance(first.text, Texts) and isinstance(second.text, Texts)
    text = Texts((*first.text.paths, *second.text.paths)) if both else None  # type: ignore[union-attr]
    return Split([*first.ids, *second.ids], tokens, y_true, mentions, groups, text)


def taken(split: Split, rows: np.ndarray) -> Split:
    """Some documents of a split, or of two as `joined` gives them; ``rows`` int64, ascending."""
    return Split(
        [split.ids[row] for row in rows.tolist()],
        split.tokens.take(rows),
        split.y_true[rows],
        None if split.mentions is None else split.mentions[rows],
        None if split.groups is None else [split.groups[row] for row in rows.tolist()],
        split.text.taken(rows) if isinstance(split.text, Texts) else None,
    )
