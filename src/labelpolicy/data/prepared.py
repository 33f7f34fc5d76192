"""The prepared form of a data set: what ``prepare`` writes and every later step reads.

A folder with

``train.parquet``, ``valid.parquet``, ``test.parquet``
    ``id`` string, ``tokens`` list<int32> (indices into the vocabulary), ``labels`` list<int32> (sorted
    indices into labels.parquet), one row a document.
``labels.parquet``
    ``label`` string, ``parent`` string or null, ``depth`` int32 (1 for a root), ``train_count`` int64
    (documents of train.parquet that carry the label).
``vocabulary.parquet``
    ``token`` string, ``count`` int64 (in train.parquet); row 0 is ``<pad>``, row 1 ``<unk>``.
``embeddings.safetensors``
    ``vectors`` float32 (vocabulary, width); row 0 is zero.
``dataset.json``
    facts: name, counts beside the paper's Table 1 or 4, coverage of the vectors, what was left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_json, read_parquet, require

SPLITS = ("train", "valid", "test")
PAD, UNKNOWN = 0, 1


@dataclass(frozen=True)
class Ragged:
    """Variable-length rows of int32 in one array: row i is ``values[offsets[i]:offsets[i + 1]]``."""

    values: np.ndarray
    offsets: np.ndarray

    @classmethod
    def from_column(cls, column: pa.ChunkedArray) -> Ragged:
        array = column.combine_chunks()
        if isinstance(array, pa.ChunkedArray):  # an empty column has no chunk to combine
            array = pa.array([], type=column.type)
        offsets = array.offsets.to_numpy().astype(np.int64)
        return cls(array.values.to_numpy(zero_copy_only=False).astype(np.int32), offsets)

    @classmethod
    def from_rows(cls, rows: list[list[int]]) -> Ragged:
        lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
        values = np.array([value for row in rows for value in row], dtype=np.int32)
        return cls(values, np.concatenate([[0], np.cumsum(lengths)]))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.offsets)

    def padded(self, rows: np.ndarray, longest: int) -> np.ndarray:
        """Rows cut to ``longest`` values and padded with PAD: int32 (rows, width), width >= 1."""
        lengths = np.minimum(self.lengths[rows], longest)
        width = max(int(lengths.max(initial=0)), 1)
        position = np.arange(width)
        source = self.offsets[rows][:, None] + position
        inside = position < lengths[:, None]
        return np.where(inside, self.values.take(np.where(inside, source, 0), mode="clip"), PAD).astype(np.int32)


@dataclass(frozen=True)
class Split:
    """One split: ids, tokens, and the true labels as a boolean array (documents, labels)."""

    ids: list[str]
    tokens: Ragged
    truth: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


class Prepared:
    """A prepared data set on disk; parts are read when first asked for."""

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise LabelPolicyError(f"{folder}: no prepared data set here: run `labelpolicy prepare` first")
        table = read_parquet(self.folder / "labels.parquet", ["label", "parent", "depth", "train_count"])
        self.labels: list[str] = table["label"].to_pylist()
        self.parents: list[str | None] = table["parent"].to_pylist()
        self.depth = table["depth"].to_numpy().astype(np.int64)
        self.train_count = table["train_count"].to_numpy().astype(np.int64)
        self._splits: dict[str, Split] = {}

    @property
    def name(self) -> str:
        return self.facts["name"]

    @cached_property
    def facts(self) -> dict:
        return read_json(self.folder / "dataset.json")

    @cached_property
    def vocabulary(self) -> list[str]:
        return read_parquet(self.folder / "vocabulary.parquet", ["token"])["token"].to_pylist()

    @cached_property
    def vectors(self) -> np.ndarray:
        from safetensors.numpy import load_file

        return load_file(require(self.folder / "embeddings.safetensors"))["vectors"]

    def split(self, name: str) -> Split:
        """One split, read when first asked for: a classifier's features and its training both want the same one.

        Raises LabelPolicyError for an empty split or a label index outside labels.parquet.
        """
        if name not in self._splits:
            path, table = self._documents(name, ["id", "tokens", "labels"])
            tokens = Ragged.from_column(table["tokens"])
            self._splits[name] = Split(table["id"].to_pylist(), tokens, self._truth(path, table))
        return self._splits[name]

    def truth(self, name: str) -> tuple[list[str], np.ndarray]:
        """Ids and true labels of one split, without its tokens."""
        path, table = self._documents(name, ["id", "labels"])
        return table["id"].to_pylist(), self._truth(path, table)

    def _documents(self, name: str, columns: list[str]) -> tuple[Path, pa.Table]:
        path = self.folder / f"{name}.parquet"
        table = read_parquet(path, columns)
        if len(table) == 0:
            raise LabelPolicyError(f"{path}: no documents: the {name} split must have at least one")
        return path, table

    def _truth(self, path: Path, table: pa.Table) -> np.ndarray:
        labels = Ragged.from_column(table["labels"])
        if len(labels.values) and not 0 <= labels.values.min() <= labels.values.max() < len(self.labels):
            raise LabelPolicyError(
                f"{path}: a label index outside 0..{len(self.labels) - 1}: prepare the data set again"
            )
        truth = np.zeros((len(labels), len(self.labels)), dtype=bool)
        truth[np.repeat(np.arange(len(labels)), labels.lengths), labels.values] = True
        return truth
