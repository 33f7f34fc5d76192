"""Score files, ``scores.parquet`` and ``out_of_fold.parquet``: the one reader and writer.

A row a document: ``split`` string, ``id`` string, ``scores`` list<float>[labels], probabilities in [0, 1]. The schema's
metadata has, as JSON under ``labelpolicy``, the names of the labels in the order of the scores, the trained classifier
they come from (:class:`labelpolicy.cell.Trained`), and whether they are out of fold: then each training and validation
document is scored by a model that has not seen it, and rows of the split ``train`` are there.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelpolicy.cell import Trained
from labelpolicy.data.prepared import Prepared
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_parquet, write_parquet
from labelpolicy.parsing import parse_json
from labelpolicy.thresholds.arrays import first_bad

KEY = b"labelpolicy"
AGAIN = "train again on this data set"


@dataclass(frozen=True)
class Fitting:
    """What thresholds are fitted on: y_score float32 and y_true bool, (n, N); the last ``valid`` rows are validation's.

    ``train_count`` int64 (N,) counts the documents that the classifier of the test scores was trained on. Documents of
    the same of ``groups`` (n,), where there are any, belong together.
    """

    y_score: np.ndarray
    y_true: np.ndarray
    train_count: np.ndarray
    valid: int
    groups: Sequence[str] | None = None


def write_scores(
    path: str | Path,
    scored: Mapping[str, tuple[Sequence[str], np.ndarray]],
    *,
    labels: Sequence[str],
    trained: Trained,
    out_of_fold: bool,
) -> None:
    """Write ids and scores (documents, labels) by the name of the split."""
    flat = pa.array(np.concatenate([scores.ravel() for _, scores in scored.values()]), type=pa.float32())
    table = pa.table(
        {
            "split": pa.array([split for split, (ids, _) in scored.items() for _ in ids], type=pa.string()),
            "id": pa.array([i for ids, _ in scored.values() for i in ids], type=pa.string()),
            "scores": pa.FixedSizeListArray.from_arrays(flat, len(labels)),
        }
    )
    write_parquet(path, table.replace_schema_metadata(metadata(labels, trained, out_of_fold=out_of_fold)))


def metadata(labels: Sequence[str], trained: Trained, *, out_of_fold: bool) -> dict[bytes, str]:
    """What the schema of a score file has to say."""
    about = {"labels": list(labels), "trained": trained.about, "out_of_fold": out_of_fold}
    return {KEY: json.dumps(about, ensure_ascii=False)}


class Scores:
    """A score file, read for a prepared data set: documents and labels in that data set's order.

    ``trained`` is the classifier that it comes from, ``out_of_fold`` what kind of scores these are.

    Raises LabelPolicyError, from the constructor, for a file of another data set or of other labels. Labels in another
    order are mapped by name.
    """

    def __init__(self, path: str | Path, data: Prepared):
        self.path, self.data = Path(path), data
        self.table = read_parquet(path, ["split", "id", "scores"])
        about = self._about()
        self.trained: Trained = Trained.of_about(about["trained"], self.path)
        self.out_of_fold: bool = about["out_of_fold"]
        if self.trained.dataset != data.name:
            found = f"scores of the data set {self.trained.dataset!r}"
            raise LabelPolicyError(f"{path}: {found}, expected {data.name!r} ({data.folder})")
        labels = about["labels"]
        for label in sorted(set(labels) ^ set(data.labels)):
            there = f"is not in {data.folder}/labels.parquet" if label in set(labels) else "has no scores"
            raise LabelPolicyError(f"{path}: made for other labels: label {label!r} {there}: {AGAIN}")
        place = {label: column for column, label in enumerate(labels)}
        self.columns = np.array([place[label] for label in data.labels], dtype=np.int64)

    def _about(self) -> dict:
        try:
            about = parse_json((self.table.schema.metadata or {})[KEY])
            kinds = type(about["labels"]), type(about["out_of_fold"]), "trained" in about
            complete = kinds == (list, bool, True) and all(isinstance(label, str) for label in about["labels"])
        except (KeyError, TypeError, ValueError):
            complete = False
        if not complete:
            raise LabelPolicyError(
                f"{self.path}: does not name its labels: expected a file of `labelpolicy train` or `crossfit`: {AGAIN}"
            )
        return about

    def split(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Of one split's documents y_score float32 and y_true bool, both (n, N), in the order of the prepared ones.

        Raises LabelPolicyError for other documents than the data set's, and for a score that is no probability.
        """
        ids, y_true = self.data.truth(name)
        mask = pc.fill_null(pc.equal(self.table["split"], name), False)
        found = pa.array(self.table["id"].filter(mask).to_pylist(), type=pa.string())
        where = f"{self.path}: split {name!r}"
        order = _positions(ids, found, where, f"{self.data.folder}/{name}.parquet")
        y_score = self._matrix(np.asarray(mask))
        if not np.array_equal(order, np.arange(len(order))):
            y_score = y_score[order]
        if not np.array_equal(self.columns, np.arange(len(self.columns))):
            y_score = y_score[:, self.columns]
        if (bad := first_bad(y_score)) is not None:
            raise LabelPolicyError(
                f"{where}, document {ids[bad[0]]!r}, label {self.data.labels[bad[1]]!r}: score {y_score[bad]}, "
                "expected a probability in [0, 1]: train again"
            )
        return y_score, y_true

    def fitting(self) -> Fitting:
        """The documents that thresholds may be fitted on: validation ones, and out of fold the training ones before."""
        y_score, y_true = self.split("valid")
        valid = len(y_true)
        if not self.out_of_fold:
            return Fitting(y_score, y_true, self.data.train_count, valid, self.data.groups("valid"))
        train_score, train_true = self.split("train")
        y_score, y_true = np.concatenate([train_score, y_score]), np.concatenate([train_true, y_true])
        return Fitting(y_score, y_true, y_true.sum(axis=0), valid, self.data.groups("train", "valid"))

    def _matrix(self, mask: np.ndarray) -> np.ndarray:
        """The rows under ``mask`` as float32 (rows, labels), chunk by chunk and without a loop over rows."""
        column, labels = self.table["scores"], len(self.columns)
        # Lists of a fixed size or not. Of the type's members only the values' type is needed.
        if not (hasattr(column.type, "value_type") and pa.types.is_floating(column.type.value_type)):
            raise LabelPolicyError(f"{self.path}: column scores is {column.type}, expected lists of float: train again")
        matrix = np.empty((np.count_nonzero(mask), labels), dtype=np.float32)
        row, start = 0, 0
        for chunk in column.chunks:  # never put together: many scores would overflow the 32-bit offsets of a list
            lengths = np.asarray(pc.fill_null(pc.list_value_length(chunk), 0))
            wrong = np.flatnonzero(lengths != labels)
            if len(wrong):
                what = f"document {self.table['id'][start + wrong[0]].as_py()!r} has {lengths[wrong[0]]} scores"
                raise LabelPolicyError(f"{self.path}: {what}, expected {labels}, one for each label")
            # A null among the scores becomes NaN, and is refused with its document and label later.
            values = chunk.flatten().to_numpy(zero_copy_only=False).reshape(len(chunk), labels)
            kept = values[mask[start : start + len(chunk)]]
            matrix[row : row + len(kept)] = kept
            row, start = row + len(kept), start + len(chunk)
        return matrix


def _positions(ids: list[str], found: pa.Array, where: str, prepared: str) -> np.ndarray:
    """Where each prepared document stands among the found ones; both must be the same documents, each once."""
    wanted = pa.array(ids, type=pa.string())
    if len(strange := found.filter(pc.invert(pc.is_in(found, value_set=wanted)))):
        raise LabelPolicyError(f"{where}: document {strange[0].as_py()!r} is not in {prepared}: {AGAIN}")
    positions = pc.index_in(wanted, value_set=found)
    if positions.null_count:
        missing = wanted.filter(pc.is_null(positions))[0].as_py()
        raise LabelPolicyError(f"{where}: no scores of document {missing!r} of {prepared}: {AGAIN}")
    if len(found) != len(wanted):
        twice = Counter(found.to_pylist()).most_common(1)[0][0]
        raise LabelPolicyError(f"{where}: document {twice!r} has scores twice, expected once: train again")
    return positions.to_numpy()
