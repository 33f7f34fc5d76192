"""The prepared form of a data set: what ``prepare`` writes and every later step reads.

A folder with

``train.parquet``, ``valid.parquet``, ``test.parquet``
    a row a document or entity mention: ``id`` string, ``tokens`` list<int32> (rows of the vocabulary), ``labels``
    list<int32> (sorted rows of labels.parquet), ``text`` string (before it was cut into tokens). Mentions have
    ``start`` and ``end`` int32 (tokens[start:end]), ``text_start`` and ``text_end`` int32 (characters of the text) and
    ``group`` string (the document they come from) besides.
``labels.parquet``
    ``label`` string, ``parent`` string or null (the nearest ancestor that is a label), ``depth`` int32 (1 for a root),
    ``train_count`` int64 (documents of train.parquet that carry the label). Where the hierarchy has nodes that are no
    labels, which ``depth`` counts, ``ancestors`` list<string> besides: all nodes above, from the root down. Where
    labels are described, ``description`` string or null.
``vocabulary.parquet``
    ``token`` string, ``count`` int64 (in train.parquet); row 0 is ``<pad>``, row 1 ``<unk>``.
``embeddings.safetensors``
    ``vectors`` float32 (vocabulary, width); row 0 is zero.
``dataset.json``
    facts: name, counts beside the paper's Table 1 or 4, coverage of the vectors, what was left out, what the text is.

A split is never in memory as a whole: its columns are streamed from Parquet into unlinked temporary files (in TMPDIR)
that are mapped as plain arrays, whose pages the system may drop again. The text is read from Parquet, a piece at a
time, by whoever iterates over it (:class:`Texts`).
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from labelpolicy.data.tokens import RULE
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import (
    AGAIN,
    check_columns,
    check_nulls,
    read_json,
    read_parquet,
    read_tensors,
    readable,
    room_in,
)
from labelpolicy.hierarchy import ancestors_of, find_cycle
from labelpolicy.parsing import require

SPLITS = ("train", "valid", "test")
PAD, UNKNOWN = 0, 1
ROWS_READ = 1 << 14  # documents at a time while a split is read


@dataclass(frozen=True)
class Ragged:
    """Variable-length rows of int32 in one array: row i is ``values[offsets[i]:offsets[i + 1]]``."""

    values: np.ndarray
    offsets: np.ndarray

    @classmethod
    def from_rows(cls, rows: list[list[int]]) -> "Ragged":
        values = np.fromiter(chain.from_iterable(rows), np.int32)
        return cls(values, np.cumsum([0, *map(len, rows)]))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.offsets)

    def take(self, rows: np.ndarray) -> "Ragged":
        """Some of the rows, in the given order."""
        lengths = self.offsets[rows + 1] - self.offsets[rows]
        offsets = np.concatenate([[0], lengths]).cumsum()
        source = np.repeat(self.offsets[rows] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Ragged(self.values[source], offsets)

    def padded(self, rows: np.ndarray, longest: int) -> np.ndarray:
        """Rows cut to ``longest`` values and padded with PAD: int32 (rows, width), width >= 1."""
        starts, ends = self.offsets[rows, None], self.offsets[rows + 1, None]
        width = max(int((ends - starts).clip(max=longest).max(initial=0)), 1)
        source = starts + np.arange(width)
        inside = source < ends
        return np.where(inside, self.values.take(np.where(inside, source, 0), mode="clip"), PAD).astype(np.int32)


class Strings(Sequence[str]):
    """A column of strings as Arrow keeps it, in a sixth of a list's memory."""

    def __init__(self, column: pa.ChunkedArray):
        self.column = column

    def __len__(self) -> int:
        return len(self.column)

    def __getitem__(self, row: Any) -> Any:
        return self.column[row].as_py() if isinstance(row, int) else self.column[row].to_pylist()

    def __iter__(self) -> Iterator[str]:
        for chunk in self.column.chunks:
            yield from chunk.to_pylist()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)


@dataclass(frozen=True)
class Texts:
    """The raw text of the documents of some splits; iterating reads it from Parquet again, a piece at a time.

    ``rows`` are the documents wanted, ascending numbers over all the files; None is all of them.
    """

    paths: tuple[Path, ...]
    rows: np.ndarray | None = None

    def __iter__(self) -> Iterator[str]:
        """Raises LabelPolicyError for files that a version before the text was kept has written."""
        for (texts,) in self._columns("text"):
            yield from texts.to_pylist()

    def taken(self, rows: np.ndarray) -> "Texts":
        return Texts(self.paths, rows if self.rows is None else self.rows[rows])

    def titled(self) -> Iterator[str]:
        """The texts, an entity mention on a line above its own: what decisions that need texts take."""
        for texts, *places in self._columns("text", extra=("text_start", "text_end")):
            if places:
                cut = zip(texts.to_pylist(), *(place.to_pylist() for place in places), strict=True)
                yield from (f"{text[start:end]}\n{text}" for text, start, end in cut)
            else:
                yield from texts.to_pylist()

    @property
    def mentions(self) -> np.ndarray:
        """Where each mention stands in its text, in characters: int32 (documents, 2), start and end."""
        return np.concatenate([np.stack(places, axis=1) for places in self._columns("text_start", "text_end")])

    def _columns(self, *names: str, extra: tuple[str, ...] = ()) -> Iterator[list[pa.Array]]:
        start = 0
        for path in self.paths:
            for batch in _batches(path, list(names), list(extra)):
                end = start + len(batch)
                if self.rows is not None:
                    first, last = np.searchsorted(self.rows, [start, end])
                    batch = batch.take(pa.array(self.rows[first:last] - start))
                yield batch.columns
                start = end


class Given(list[str]):
    """Texts of new documents, in memory; ``mentions`` as those of :class:`Texts`, start and end of each."""

    def __init__(self, texts: Iterable[str], mentions: Iterable[tuple[int, int] | None]):
        super().__init__(texts)
        self.mentions = list(mentions)


@dataclass(frozen=True)
class Split:
    """One split: ids, tokens, and the true labels as a boolean array (documents, labels).

    ``mentions`` int32 (documents, 2), start and end in the tokens, are there for entity mentions only, ``groups`` where
    the documents have them. ``text`` is not read before it is asked for, or in memory for new documents;
    only a split made by hand has none.
    """

    ids: Sequence[str]
    tokens: Ragged
    y_true: np.ndarray
    mentions: np.ndarray | None = None
    groups: Sequence[str] | None = None
    text: Iterable[str] | None = None

    def __len__(self) -> int:
        return len(self.ids)


class Prepared:
    """A prepared data set on disk; parts are read when first asked for. ``features``: what `embed` made of it."""

    def __init__(self, folder: str | Path, features: Path | None = None):
        self.folder, self.features = Path(folder), features
        if not self.folder.is_dir():
            raise LabelPolicyError(f"{folder}: no prepared data set here: run `labelpolicy prepare` first")
        table = _label_table(self.folder / "labels.parquet")
        self.labels: list[str] = table["label"].to_pylist()
        self.parents: list[str | None] = table["parent"].to_pylist()
        self.depth = table["depth"].to_numpy().astype(np.int64)
        self.train_count = table["train_count"].to_numpy().astype(np.int64)
        self._splits: dict[str, Split] = {}

    @property
    def name(self) -> str:
        return self.facts["name"]

    @cached_property
    def facts(self) -> dict[str, Any]:
        path = self.folder / "dataset.json"
        found = read_json(path)
        if not isinstance(found, dict) or not isinstance(found.get("name"), str):
            raise LabelPolicyError(f"{path}: does not name its data set: expected an object with a name: {AGAIN}")
        return found

    @property
    def tokenizer(self) -> int:
        """The number of the rule that cut texts into tokens; data prepared before there was a second do not say it."""
        found = self.facts.get("tokenizer", 1)
        if type(found) is not int or not 1 <= found <= RULE:
            raise LabelPolicyError(
                f"{self.folder / 'dataset.json'}: tokenizer {found!r:.20}, expected 1 to {RULE}: {AGAIN}"
            )
        return found

    @cached_property
    def vocabulary(self) -> list[str]:
        return read_parquet(self.folder / "vocabulary.parquet", ["token"])["token"].to_pylist()

    @cached_property
    def vectors(self) -> np.ndarray:
        path = self.folder / "embeddings.safetensors"
        found = read_tensors(path).get("vectors", np.zeros(0))
        if found.dtype != np.float32 or found.ndim != 2 or len(found) != self._words or not found.shape[1]:
            shape = f"vectors {found.dtype} {found.shape}"
            raise LabelPolicyError(f"{path}: {shape}, expected float32 ({self._words}, width): {AGAIN}")
        return found

    @cached_property
    def _words(self) -> int:
        """The tokens that there may be; who has no vocabulary file reads no tokens."""
        path = self.folder / "vocabulary.parquet"
        with readable(path):
            return pq.read_metadata(path).num_rows if path.is_file() else 1 << 31

    @cached_property
    def ancestors(self) -> list[list[str]]:
        """Of each label, all nodes above it from the root down; some may be groups that are no labels themselves."""
        table = read_parquet(self.folder / "labels.parquet")
        if "ancestors" in table.column_names:
            return table["ancestors"].to_pylist()
        above = dict(zip(self.labels, self.parents, strict=True))
        return [ancestors_of(label, above) for label in self.labels]

    @cached_property
    def descriptions(self) -> list[str | None] | None:
        """Of each label its description, or None; None where no label has one."""
        path = self.folder / "labels.parquet"
        given = "description" in read_parquet(path).column_names
        return read_parquet(path, ["description"])["description"].to_pylist() if given else None

    def split(self, name: str) -> Split:
        """One split, read when first asked for: a classifier's features and its training both want the same one.

        Raises LabelPolicyError for an empty split or a label index outside labels.parquet.
        """
        if name not in self._splits:
            self._splits[name] = self._read(name, tokens=True)
        return self._splits[name]

    def truth(self, name: str) -> tuple[list[str], np.ndarray]:
        """Ids and true labels of one split, without its tokens."""
        split = self._splits.get(name) or self._read(name, tokens=False)
        return list(split.ids), split.y_true

    def groups(self, *names: str) -> list[str] | None:
        """The group of each document of these splits, one after the other; None where one has none."""
        batches = (found for name in names for found in _batches(self.folder / f"{name}.parquet", ["id"], ["group"]))
        columns = [found["group"].to_pylist() if "group" in found.schema.names else None for found in batches]
        return None if None in columns else [group for column in columns for group in column or ()]

    def texts(self, name: str) -> Texts:
        """The raw text of one split, without its tokens: ``for text in data.texts("train")``."""
        split = self._splits.get(name)
        return split.text if split and isinstance(split.text, Texts) else Texts((self.folder / f"{name}.parquet",))

    def _read(self, name: str, *, tokens: bool) -> Split:
        path = self.folder / f"{name}.parquet"
        wanted = ["id", "tokens", "labels"] if tokens else ["id", "labels"]
        extra = ["start", "end", "group"] if tokens else ["group"]
        ids, groups, lengths = [], [], []
        values, y_true, mentions = (Mapped(kind) for kind in (np.int32, bool, np.int32))
        for found in _batches(path, wanted, extra):
            ids.append(found["id"])
            y_true.add(self._dense(path, found["labels"]))
            if tokens:
                values.add(self._indices(path, found["tokens"], "token", self._words))
                lengths.append(np.diff(found["tokens"].offsets.to_numpy()))
            if "start" in found.schema.names:
                place = np.stack([found["start"].to_numpy(), found["end"].to_numpy()], axis=1)
                if (place[:, 0] < 0).any() or (place[:, 0] >= place[:, 1]).any() or (place[:, 1] > lengths[-1]).any():
                    raise LabelPolicyError(f"{path}: a mention that is not within its tokens: {AGAIN}")
                mentions.add(place)
            if "group" in found.schema.names:
                groups.append(found["group"])
        count = sum(map(len, ids))
        if count == 0:
            raise LabelPolicyError(f"{path}: no documents: the {name} split must have at least one")
        all_ids = pa.chunked_array(ids)
        if pc.count_distinct(all_ids).as_py() < count:
            raise LabelPolicyError(f"{path}: two documents of one id, expected ids of their own: {AGAIN}")
        offsets = np.concatenate([[0], *lengths]).cumsum()
        return Split(
            Strings(all_ids),
            Ragged(values.array(), offsets),
            y_true.array(len(self.labels)),
            mentions.array(2) if mentions.size else None,
            Strings(pa.chunked_array(groups)) if groups else None,
            Texts((path,)),
        )

    def _dense(self, path: Path, labels: pa.ListArray) -> np.ndarray:
        rows = np.repeat(np.arange(len(labels)), np.diff(labels.offsets.to_numpy()))
        columns = self._indices(path, labels, "label", len(self.labels))
        y_true = np.zeros((len(labels), len(self.labels)), dtype=bool)
        y_true[rows, columns] = True
        return y_true

    def _indices(self, path: Path, lists: pa.ListArray, what: str, count: int) -> np.ndarray:
        found = lists.flatten().to_numpy(zero_copy_only=False)
        if len(found) and not 0 <= found.min() <= found.max() < count:
            raise LabelPolicyError(f"{path}: a {what} index outside 0..{count - 1}: prepare the data set again")
        return found


class Mapped:
    """An array that is written piece by piece into an unlinked temporary file and then mapped into memory."""

    file: BinaryIO

    def __init__(self, dtype: type):
        self.dtype, self.size = np.dtype(dtype), 0

    def add(self, piece: np.ndarray) -> None:
        if piece.size:
            if not self.size:
                self.file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by array()
            with room_in(Path(tempfile.gettempdir())):
                self.file.write(np.ascontiguousarray(piece, dtype=self.dtype).data)
            self.size += piece.size

    def array(self, width: int | None = None) -> np.ndarray:
        """All that was added: (size,), or (size / width, width). Changes to it stay in memory."""
        shape = (self.size,) if width is None else (self.size // width, width)
        if not self.size:
            return np.zeros(shape, dtype=self.dtype)
        with room_in(Path(tempfile.gettempdir())), self.file:  # the mapping outlives the file's handle and its name
            self.file.flush()
            return np.asarray(np.memmap(self.file, self.dtype, mode="c", shape=shape))


def _label_table(path: Path) -> pa.Table:
    """labels.parquet, whose parents are labels of it and no label's ancestor is the label itself."""
    table = read_parquet(path, ["label", "parent", "depth", "train_count"])
    labels, parents = (table[name].to_pylist() for name in ("label", "parent"))
    again = "prepare the data set again"
    if not labels or len(set(labels)) < len(labels):
        raise LabelPolicyError(f"{path}: {'a label twice' if labels else 'no label'}, expected each once: {again}")
    if min(table["depth"].to_pylist()) < 1 or min(table["train_count"].to_pylist()) < 0:
        raise LabelPolicyError(f"{path}: a depth below 1 or a train_count below 0: {again}")
    above = dict(zip(labels, parents, strict=True))
    unknown = next((parent for parent in parents if parent is not None and parent not in above), None)
    if unknown is not None:
        raise LabelPolicyError(f"{path}: parent {unknown!r} is not a label of the file: {again}")
    if (cycle := find_cycle(above)) is not None:
        raise LabelPolicyError(f"{path}: label {cycle!r} is its own ancestor: {again}")
    return table


def _batches(path: Path, wanted: list[str], extra: list[str]) -> Iterator[pa.RecordBatch]:
    """The columns of a Parquet file, ROWS_READ rows at a time; those of ``extra`` where they are there."""
    with readable(path), pq.ParquetFile(require(path), pre_buffer=False) as file:
        columns = [*wanted, *(column for column in extra if column in file.schema_arrow.names)]
        check_columns(path, file.schema_arrow, columns)
        for batch in file.iter_batches(ROWS_READ, columns=columns):
            batch.validate(full=True)
            check_nulls(path, batch)
            yield batch
