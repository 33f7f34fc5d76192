"""Documents become numbers, chunk by chunk, in as many processes as allowed and in bounded memory.

Each chunk of CHUNK documents goes to a process, which cuts its tokens and numbers them by a vocabulary of its own; the
parent renumbers them by one provisional vocabulary of the corpus (one look-up for each distinct token of the chunk) and
appends them to a flat file; the text goes into a file of its own. Counting and the final numbers are NumPy passes over
the tokens. Chunks are of a fixed size and taken in order, so the result does not depend on the number of processes.
"""

import multiprocessing
import os
import tempfile
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelpolicy.data.corpus import Document, Spaced
from labelpolicy.data.prepared import Ragged
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import room_in
from labelpolicy.randomness import generator

CHUNK = 4096  # documents
AHEAD = 2  # chunks that wait for each process
SMALL = 12  # chunks that are not worth starting processes for
TEXT = pa.schema([("text", pa.string())])
MENTION = ("start", "end", "text_start", "text_end")
COLUMNS = pa.schema(
    [
        ("id", pa.string()),
        ("labels", pa.list_(pa.int32())),
        *((name, pa.int32()) for name in MENTION),  # in the tokens, and in the characters of the text
        ("group", pa.string()),
    ]
)


class Coded(NamedTuple):
    """One chunk, as a process gives it back: arrays and lists that are cheap to send."""

    columns: pa.RecordBatch  # COLUMNS, with null where a document has no mention or no group
    tokens: Ragged  # numbers of ``vocabulary``
    vocabulary: list[str]
    text: pa.Array


def code(documents: list[Document], row: Mapping[str, int]) -> Coded:
    """Cut and number the tokens of some documents; ``row`` is the number of each label.

    Raises LabelPolicyError for a label that is not the corpus', a mention outside its document's tokens, and text that
    is not Unicode.
    """
    documents = [document.parsed() for document in documents]
    try:
        labels = [sorted([row[label] for label in document.labels]) for document in documents]
    except KeyError as error:
        name = next(document.id for document in documents if error.args[0] in document.labels)
        fault = f"label {error.args[0]!r} is not one of the corpus'"
        raise LabelPolicyError(f"document {name!r}: {fault}: correct its labels") from None
    tokens, vocabulary, text = _numbered(documents)
    for document, length in zip(documents, tokens.lengths.tolist(), strict=True):
        if document.mention and not 0 <= document.mention[0] < document.mention[1] <= length:
            found = f"mention {[*document.mention]} is not within its {length} tokens"
            raise LabelPolicyError(f"document {document.id!r}: {found}: expected 0 <= start < end <= tokens")
    places = [(*(each.mention or (None, None)), *(each.text_mention or (None, None))) for each in documents]
    columns = [[each.id for each in documents], labels, *zip(*places, strict=True), [each.group for each in documents]]
    batch = pa.RecordBatch.from_pydict(dict(zip(COLUMNS.names, columns, strict=True)), COLUMNS)
    return Coded(batch, tokens, vocabulary, text)


def _numbered(documents: list[Document]) -> tuple[Ragged, list[str], pa.Array]:
    """Tokens as numbers of the vocabulary beside them, which is in the order of first appearance; the texts."""
    try:
        text = pa.array([document.text for document in documents], pa.string())
    except UnicodeEncodeError as error:  # JSON can spell half a surrogate pair, Parquet cannot
        name = next(document.id for document in documents if document.text == error.object)
        raise LabelPolicyError(f"document {name!r}: its text is not Unicode ({error.reason}): correct it") from None
    if all(isinstance(document, Spaced) for document in documents):  # Arrow does these three times as fast
        words = pc.ascii_split_whitespace(text)
        coded = words.flatten().dictionary_encode()
        tokens = Ragged(coded.indices.to_numpy(), words.offsets.to_numpy())
        return tokens, coded.dictionary.to_pylist(), pc.binary_join(words, " ")
    number = _numbering()
    rows = [[*map(number.__getitem__, document.words())] for document in documents]
    return Ragged.from_rows(rows), list(number), text


def _numbering() -> defaultdict[str, int]:
    """A dictionary that gives each new word the next number."""
    number: defaultdict[str, int] = defaultdict()
    number.default_factory = number.__len__
    return number


@dataclass(frozen=True)
class Encoded:
    """One split of a corpus; tokens (int32, of the provisional vocabulary) and text (an Arrow stream) are in files."""

    columns: pa.Table  # COLUMNS; no mention or no group where no document has one
    lengths: np.ndarray  # tokens of each document
    tokens: BinaryIO
    text: BinaryIO
    open: np.ndarray | None = None  # whether a document came with a label without its parent

    def __len__(self) -> int:
        return len(self.lengths)

    @cached_property
    def labels(self) -> Ragged:
        lists = self.columns["labels"].combine_chunks()
        return Ragged(lists.flatten().to_numpy(), lists.offsets.to_numpy())

    def with_labels(self, labels: Ragged, open_: np.ndarray) -> "Encoded":
        """The same documents with these labels, and whether they came with a label without its parent."""
        lists = pa.ListArray.from_arrays(pa.array(labels.offsets, pa.int32()), pa.array(labels.values, pa.int32()))
        return replace(self, columns=self.columns.set_column(1, COLUMNS.field("labels"), lists), open=open_)

    def looked_at(self, unknown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of each document a number of its text, uint64, and how many of its tokens are ``unknown``, bool (words,).

        Texts of the same tokens have the same number, other texts the same one by chance only; without any it is 0.
        """
        random, longest = generator(0, "texts"), int(self.lengths.max(initial=0))
        word, place = (random.integers(1 << 63, size=size, dtype=np.uint64) for size in (len(unknown), longest))
        found: list[list[np.ndarray]] = [[np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]]
        for rows, tokens in self.blocks():
            lengths = self.lengths[rows].astype(np.int64)
            ends = lengths.cumsum()
            position = np.arange(len(tokens)) - np.repeat(ends - lengths, lengths)
            for values, parts in zip(
                (word[tokens] * place[position], unknown[tokens].astype(np.int64)), found, strict=True
            ):
                sums = np.concatenate([np.zeros(1, values.dtype), values.cumsum()])  # modulo 2 ** 64
                parts.append(sums[ends] - sums[ends - lengths])
        return np.concatenate(found[0]), np.concatenate(found[1])

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Rows of some documents and their tokens one after the other, from the first document to the last."""
        self.tokens.seek(0)
        for start in range(0, len(self), CHUNK):
            rows = slice(start, min(start + CHUNK, len(self)))
            read = self.tokens.read(int(self.lengths[rows].sum()) * np.dtype(np.int32).itemsize)
            yield rows, np.frombuffer(read, dtype=np.int32)

    def texts(self) -> Iterator[pa.Array]:
        """The texts of the documents of each of the :meth:`blocks`."""
        self.text.seek(0)
        if len(self):
            yield from (batch.column(0) for batch in pa.ipc.open_stream(self.text))


class Encoder:
    """Encodes the splits of one corpus with one provisional vocabulary.

    ``folder`` is where the temporary files go; they have no name and vanish with the process. With ``processes`` of 1
    all is done here, and so are the first SMALL chunks of every split.
    """

    def __init__(self, labels: list[str], folder: Path, processes: int):
        self.row = {label: index for index, label in enumerate(labels)}
        self.folder, self.processes = folder, processes
        self.number = _numbering()

    @property
    def words(self) -> list[str]:
        """The provisional vocabulary, in the order of first appearance."""
        return list(self.number)

    def encode(self, documents: Iterable[Document]) -> Encoded:
        """One pass over the documents."""
        tokens = tempfile.TemporaryFile(dir=self.folder)  # noqa: SIM115 - read again and again, gone with its last user
        text = tempfile.TemporaryFile(dir=self.folder)  # noqa: SIM115
        batches, lengths = [], [np.zeros(0, np.int32)]
        with room_in(self.folder), pa.ipc.new_stream(text, TEXT) as texts:
            for part in self._coded(documents):
                number = np.fromiter(map(self.number.__getitem__, part.vocabulary), np.int32, len(part.vocabulary))
                tokens.write(number[part.tokens.values].data)
                texts.write_batch(pa.record_batch([part.text], schema=TEXT))
                batches.append(part.columns)
                lengths.append(part.tokens.lengths.astype(np.int32))
            tokens.flush()
        return Encoded(_complete(pa.Table.from_batches(batches, COLUMNS)), np.concatenate(lengths), tokens, text)

    def _coded(self, documents: Iterable[Document]) -> Iterator[Coded]:
        stream = iter(documents)
        chunks = iter(lambda: list(islice(stream, CHUNK)), [])
        for chunk in chunks if self.processes == 1 else islice(chunks, SMALL):
            yield code(chunk, self.row)
        ahead = next(chunks, None)
        if ahead is None:
            return
        # Not by fork: the parent has threads (Arrow's), and what they hold locked would stay locked in a child.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self.processes, context) as pool:
            waiting: deque[Future[Coded]] = deque()
            try:
                for chunk in chain([ahead], chunks):
                    waiting.append(pool.submit(code, chunk, self.row))
                    if len(waiting) > self.processes * (1 + AHEAD):
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            except BrokenProcessPool:
                raise LabelPolicyError(
                    "a process that cut tokens was killed, perhaps for lack of memory: give fewer --processes"
                ) from None
            finally:
                pool.shutdown(cancel_futures=True)


def cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _complete(columns: pa.Table) -> pa.Table:
    """Mentions for all documents or for none; a document without a group is its own, where others have one."""
    without = columns.filter(pc.is_null(columns["text_start"]))
    if len(without) == len(columns):
        columns = columns.drop_columns(MENTION)
    elif len(without):
        name = without["id"][0].as_py()
        raise LabelPolicyError(f"document {name!r} has no mention, but others have: give one to all or to none")
    group = columns["group"]
    if group.null_count == len(group):
        return columns.drop_columns("group")
    return columns.set_column(columns.num_columns - 1, "group", pc.coalesce(group, columns["id"]))
