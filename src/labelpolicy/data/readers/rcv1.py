"""RCV1-V2 (Lewis et al. 2004) in any of the forms that a user can obtain, with the split swapped as in the paper.

``lyrl2004_tokens_train.dat`` and ``lyrl2004_tokens_test_pt0.dat`` ... ``pt3.dat``
    stemmed tokens without stop words: blocks of ``.I 2286``, ``.W`` and lines of tokens, which are taken as they are.
``newsitems/``
    the newsitems of the licensed corpus, ``2286newsML.xml`` and so on, in any folders or .zip files below it. A
    document's text is its headline, a newline and its text; it has the order of the words.
``*.json``, ``*.jsonl``
    one object a line with ``doc_label`` and ``doc_token``, lists of strings. It has no document numbers and so not
    the published split: documents are re-split (seed 0). The tokens are joined and cut again, as other text is.

Each file may be packed as ``.gz``. Topics come from ``rcv1-v2.topics.qrels`` (but those of JSON lines), the hierarchy
from ``rcv1.taxonomy`` or ``rcv1.topics.hier.orig`` if one of them is there, else from the copy beside this module.

LYRL2004 has 23,149 training documents, the numbers up to 26150, and 781,265 test documents, those above. The paper
switches them "to better training and evaluation" (Section 6), and so does this reader.
"""

from __future__ import annotations

import json
import os
import re
import zipfile
import zlib
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from labelpolicy.data.corpus import Corpus, Document, Rereadable, Spaced, tokenise
from labelpolicy.data.prepared import Ragged
from labelpolicy.data.readers.lines import numbered_lines
from labelpolicy.data.splits import divide
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_json, require
from labelpolicy.randomness import generator

# Table 4 of the paper.
PUBLISHED = {"labels": 103, "labels_per_document": 3.24, "training": 781265, "testing": 23149}

LAST_OF_LYRL_TRAIN = 26150  # the largest number of a training document of LYRL2004, a test document here
LARGEST = 9_999_999  # a document number above it is a mistake
PARTS = {"test": ("train",), "train": ("test_pt0", "test_pt1", "test_pt2", "test_pt3")}
TEST_FRACTION = 0.2  # of a re-split
SEED = 0

QRELS, TAXONOMY, HIERARCHY = "rcv1-v2.topics.qrels", "rcv1.taxonomy", "rcv1.topics.hier.orig"
NEWSITEMS = "newsitems"
_EDGE = re.compile(r"parent:\s*(\S+)\s+child:\s*(\S+)")
_NEWSITEM = re.compile(r"(?:.*/)?(\d+)newsML\.xml")


def read(raw: Path) -> Corpus:
    """Read the folder, whichever form is in it.

    Raises LabelPolicyError for a folder with none of the forms or several, and, here or while documents are read, with
    file and line for whatever is not as described above.
    """
    raw = Path(raw)
    parents = read_hierarchy(raw)
    dats = sorted(path.name for path in raw.glob("lyrl2004_tokens_*.dat*"))
    lines = sorted(
        path
        for pattern in ("*.json", "*.jsonl", "*.json.gz", "*.jsonl.gz")
        for path in raw.glob(pattern)
        if path.name != "source.json"
    )
    forms = [("token files (.dat)", dats), ("newsitems/", (raw / NEWSITEMS).is_dir()), ("JSON lines", lines)]
    found = [name for name, there in forms if there]
    if len(found) != 1:
        raise LabelPolicyError(
            f"{raw}: found {' and '.join(found) or 'no documents'}, expected one of {', '.join(n for n, _ in forms)}: "
            "put one form of RCV1-V2 there (docs/data.md)"
        )
    labels = sorted(parents)
    above = {topic: parent for topic, parent in parents.items() if parent}
    if lines:
        return _resplit(lines, labels, above)
    topics = read_qrels(_one(raw, QRELS), labels)
    counted: dict = {"topics_without_documents": topics.unused()}
    if dats:
        blocks = {split: [_one(raw, f"lyrl2004_tokens_{part}.dat") for part in PARTS[split]] for split in PARTS}
        passes = {split: partial(_token_documents, paths, split) for split, paths in blocks.items()}
    else:
        passes = {split: partial(_newsitems, raw / NEWSITEMS, split) for split in PARTS}
    source = read_json(raw / "source.json") if (raw / "source.json").is_file() else {}
    synthetic = source.get("kind") == "synthetic"
    return Corpus(
        labels,
        {
            split: Rereadable(partial(_with_topics, passes[split], topics, split, counted))
            for split in ("train", "test")
        },
        above,
        published=None if synthetic else PUBLISHED,
        variant="generated text under real numbers and topics, for measuring speed only" if synthetic else None,
        counted=counted,
    )


def read_hierarchy(raw: Path) -> dict[str, str]:
    """Parent by topic, "" for the four at the top: 103 topics, from the raw folder or the copy beside this module.

    Raises LabelPolicyError naming file and line.
    """
    parents: dict[str, str] = {}

    def add(where: str, parent: str, child: str) -> None:
        if child in parents:
            raise LabelPolicyError(f"{where}: topic {child!r} has a parent already, expected one: take one out")
        parents[child] = "" if parent == "Root" else parent

    if (raw / TAXONOMY).is_file():
        path = raw / TAXONOMY
        for number, line in numbered_lines(path):
            parent, *children = line.decode("latin-1").split()
            for child in children:
                add(f"{path}, line {number}", parent, child)
    elif (raw / HIERARCHY).is_file():
        path = raw / HIERARCHY
        for number, line in numbered_lines(path):
            edge = _EDGE.search(line.decode("latin-1"))
            if edge is None and line.strip():
                raise LabelPolicyError(
                    f"{path}, line {number}: found {_shown(line)}, expected 'parent: A child: B': fetch the file again"
                )
            if edge and edge[2] != "Root":
                add(f"{path}, line {number}", *edge.groups())
    else:
        return json.loads(files("labelpolicy.data.readers").joinpath("rcv1_topics.json").read_text(encoding="utf-8"))
    for topic, parent in parents.items():
        if parent and parent not in parents:
            raise LabelPolicyError(f"{path}: topic {parent!r}, the parent of {topic!r}, hangs nowhere: add its line")
    return parents


@dataclass(frozen=True)
class Topics:
    """The topics of every document, by document number."""

    labels: list[str]
    documents: np.ndarray  # int64, ascending: the numbers that have topics
    topics: Ragged  # row n: topics of the document with number n, indices into labels

    def of(self, number: int) -> tuple[str, ...]:
        """The topics of a document, none if it has none."""
        if number >= len(self.topics):
            return ()
        return tuple([self.labels[topic] for topic in self.topics[number].tolist()])

    def unused(self) -> list[str]:
        """Topics that no document has."""
        counts = np.bincount(self.topics.values, minlength=len(self.labels))
        return [label for label, count in zip(self.labels, counts.tolist(), strict=True) if count == 0]


def read_qrels(path: Path, labels: list[str]) -> Topics:
    """The topic assignments, lines of ``E11 2286 1``; a line twice counts once.

    Raises LabelPolicyError with file and line for a line of another form and a topic that is not in ``labels``.
    """
    try:
        numbers, found = _usual_qrels(path, labels)
    except (pa.ArrowException, ValueError, EOFError, OSError):  # to say where and why, or to read it all the same
        numbers, found = _any_qrels(path, labels)
    if not len(numbers):
        raise LabelPolicyError(f"{path}: empty, expected lines as 'E11 2286 1': fetch the file again")
    if not 0 <= numbers.min() <= numbers.max() <= LARGEST:
        line = int(np.flatnonzero((numbers < 0) | (numbers > LARGEST))[0]) + 1
        raise LabelPolicyError(f"{path}, line {line}: expected a document number up to {LARGEST}: correct the line")
    pairs = np.sort(numbers * len(labels) + found)
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    numbers, found = pairs // len(labels), (pairs % len(labels)).astype(np.int32)
    carried = np.bincount(numbers)
    return Topics(labels, np.flatnonzero(carried), Ragged(found, np.concatenate([[0], carried.cumsum()])))


def _usual_qrels(path: Path, labels: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Document numbers and topics of a file without faults, in a tenth of the time."""
    table = csv.read_csv(
        require(path),
        read_options=csv.ReadOptions(column_names=["topic", "document", "one"]),
        parse_options=csv.ParseOptions(delimiter=" ", quote_char=False),
        convert_options=csv.ConvertOptions(
            column_types={"topic": pa.string(), "document": pa.int64(), "one": pa.string()}, null_values=[]
        ),
    )
    topics = pc.index_in(table["topic"], value_set=pa.array(labels))
    if topics.null_count:
        raise ValueError
    return table["document"].to_numpy(), topics.to_numpy()


def _any_qrels(path: Path, labels: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """The same line by line, so that a fault is told with its line."""
    row = {label.encode(): index for index, label in enumerate(labels)}
    documents, topics = array("q"), array("i")
    number, line = 0, b""
    try:
        for number, line in numbered_lines(path):  # noqa: B007 - wanted where a fault is told
            topic, document, _ = line.split()
            documents.append(int(document))
            topics.append(row[topic])
    except (ValueError, OverflowError):
        raise LabelPolicyError(
            f"{path}, line {number}: found {_shown(line)}, expected three fields, topic, document number and 1, as in "
            "'E11 2286 1': correct the line or fetch the file again"
        ) from None
    except KeyError:
        raise LabelPolicyError(
            f"{path}, line {number}: topic {_shown(topic)} is not in the hierarchy: add it to {TAXONOMY}, or take the "
            "line out"
        ) from None
    return np.frombuffer(documents, np.int64), np.frombuffer(topics, np.int32)


@dataclass(frozen=True)
class NewsItem(Document):
    """A document still in XML: it is parsed where its tokens are cut."""

    content: bytes = b""
    place: str = ""

    def words(self) -> list[str]:
        try:
            root = ElementTree.fromstring(self.content)
        except (ElementTree.ParseError, ValueError, LookupError) as error:
            raise LabelPolicyError(f"{self.place}: not XML ({error}): take the file from the corpus again") from None
        body = root.find("text")
        text = "\n".join([root.findtext("headline") or "", *(body.itertext() if body is not None else ())])
        words = tokenise(text)
        if not words:
            raise LabelPolicyError(
                f"{self.place}: no tokens left of <headline> and <text>, expected some: take the file from the corpus "
                f"again, or take document {self.id} out of {QRELS}"
            )
        return words


def _with_topics(passed, topics: Topics, split: str, counted: dict) -> Iterator[Document]:
    """The documents of one pass that have topics; what is in one file and not in the other is counted at its end."""
    seen = bytearray(LARGEST + 1)
    without_topics = 0
    for number, place, make in passed():
        if seen[number]:
            raise LabelPolicyError(f"{place}: a second document {number}, expected one: take one of them out")
        seen[number] = 1
        labels = topics.of(number)
        if labels:
            yield make(id=str(number), labels=labels)
        else:
            without_topics += 1
    test = topics.documents <= LAST_OF_LYRL_TRAIN
    expected = topics.documents[test if split == "test" else ~test]
    without_text = int((np.frombuffer(seen, np.uint8)[expected] == 0).sum())
    counted.setdefault("documents_without_topics", {})[split] = without_topics
    counted.setdefault("documents_with_topics_but_no_text", {})[split] = without_text


def _token_documents(paths: list[Path], split: str) -> Iterator[tuple]:
    for path in paths:
        for number, line, text in blocks(path):
            place = f"{path}, line {line}"
            if (number <= LAST_OF_LYRL_TRAIN) != (split == "test"):
                side = "up to" if split == "test" else "above"
                raise LabelPolicyError(
                    f"{place}: document {number}, expected numbers {side} {LAST_OF_LYRL_TRAIN} in this file: "
                    "fetch the file again"
                )
            yield number, place, partial(Spaced, text=text)


def blocks(path: Path) -> Iterator[tuple[int, int, str]]:
    """Document number, line of its .I and tokens of every block of a token file.

    Raises LabelPolicyError with file and line for a block without a number or tokens, and lines outside blocks.
    """
    number, start, tokens = None, 0, None
    for line, content in numbered_lines(path):
        if not content.startswith(b"."):
            if tokens is not None:
                tokens.append(content)
            elif content.strip():
                raise LabelPolicyError(
                    f"{path}, line {line}: found {_shown(content)} outside a block, expected '.I' and a document "
                    "number, then '.W', before tokens: fetch the file again"
                )
            continue
        mark, *fields = content.split()
        if mark == b".I" and len(fields) == 1 and fields[0].isdigit() and int(fields[0]) <= LARGEST:
            if number is not None:
                yield number, start, _tokens(path, number, start, tokens)
            number, start, tokens = int(fields[0]), line, None
        elif mark == b".W" and not fields and number is not None and tokens is None:
            tokens = []
        else:
            expected = "'.I' and a document number, as in '.I 2286'" if mark != b".W" else "'.I' and a number before .W"
            raise LabelPolicyError(
                f"{path}, line {line}: found {_shown(content)}, expected {expected}: correct the block or take it out"
            )
    if number is None:
        raise LabelPolicyError(f"{path}: no documents, expected blocks of .I and .W: fetch the file again")
    yield number, start, _tokens(path, number, start, tokens)


def _tokens(path: Path, number: int, start: int, lines: list[bytes] | None) -> str:
    text = b"".join(lines or ()).decode("latin-1").strip()
    if not text:
        raise LabelPolicyError(
            f"{path}, line {start}: document {number} has no tokens, expected some after '.W': correct the block or "
            "take it out"
        )
    return text


def _newsitems(folder: Path, split: str) -> Iterator[tuple]:
    """The newsitems below a folder, files and members of .zip files, in the order of their names."""

    def wanted(name: str) -> int | None:
        match = _NEWSITEM.fullmatch(name)
        number = int(match[1]) if match else LARGEST + 1
        return number if number <= LARGEST and (number <= LAST_OF_LYRL_TRAIN) == (split == "test") else None

    for where, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(where) / name
            if path.suffix == ".zip":
                yield from _zipped(path, wanted)
            elif (number := wanted(name)) is not None:
                yield number, str(path), partial(NewsItem, content=path.read_bytes(), place=str(path))


def _zipped(path: Path, wanted) -> Iterator[tuple]:
    try:
        with zipfile.ZipFile(path) as archive:
            for name in sorted(archive.namelist()):
                if (number := wanted(name)) is not None:
                    place = f"{path}: member {name}"
                    yield number, place, partial(NewsItem, content=archive.read(name), place=place)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise LabelPolicyError(f"{path}: not a readable .zip file ({error}): copy it from the corpus again") from None


def _resplit(paths: list[Path], labels: list[str], parents: Mapping[str, str]) -> Corpus:
    """JSON lines, whose documents have no numbers, divided at random; equal texts stay on one side."""
    documents = [document for path in paths for document in sample(path, frozenset(labels))]
    train, test = divide(documents, TEST_FRACTION, generator(SEED, "rcv1 re-split"))
    splits = {"train": train, "test": test}
    used = {label for document in documents for label in document.labels}
    return Corpus(
        labels,
        {name: [Document(d.id, d.labels, tokens=d.tokens) for d in part] for name, part in splits.items()},
        dict(parents),
        variant=f"a sample: {len(documents):,} documents of RCV1-V2's 804,414, re-split at random into {len(train):,} "
        f"for training and {len(test):,} for testing, because it does not say which are in the published split",
        counted={"topics_without_documents": [label for label in labels if label not in used]},
    )


def sample(path: Path, labels: frozenset[str]) -> Iterator[Document]:
    """The documents of a file of JSON lines, called after its name and their lines; the group of each is its text.

    Raises LabelPolicyError with file and line.
    """
    stem = path.name.partition(".")[0]
    for number, line in numbered_lines(path):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            entry = json.loads(line)
            topics, tokens = entry["doc_label"], entry["doc_token"]
            text = " ".join(tokens)
            unknown = sorted(set(topics) - labels)
        except (ValueError, KeyError, TypeError) as error:
            raise LabelPolicyError(
                f"{where}: {type(error).__name__}: {error}; expected an object with the lists of strings doc_label and "
                "doc_token: correct the line or fetch the file again"
            ) from None
        if unknown:
            raise LabelPolicyError(f"{where}: topic {unknown[0]!r} is not in the hierarchy: correct it")
        words = tuple(tokenise(text))
        if not words:
            raise LabelPolicyError(f"{where}: a document with no tokens left, expected some: take the line out")
        yield Document(f"{stem}-{number}", tuple(sorted(set(topics))), tokens=words, group=text)


def _one(raw: Path, name: str) -> Path:
    """The file of that name in the folder, packed or not."""
    found = [path for path in (raw / name, raw / f"{name}.gz") if path.is_file()]
    if len(found) != 1:
        there = f"both {name} and {name}.gz" if found else f"neither {name} nor {name}.gz"
        what = "take one out" if found else "put it there (docs/data.md)"
        raise LabelPolicyError(f"{raw}: found {there}, expected one of them: {what}")
    return found[0]


def _shown(content: bytes) -> str:
    return repr(content.decode("latin-1").strip())[:60]
