"""RCV1-V2 (Lewis et al. 2004) in any of the forms that a user can obtain, with the split swapped as in the paper.

``lyrl2004_tokens_train.dat`` and ``lyrl2004_tokens_test_pt0.dat`` ... ``pt3.dat``
    stemmed tokens without stop words: blocks of ``.I 2286``, ``.W`` and lines of tokens, which are taken as they are.
``newsitems/``
    the newsitems of the licensed corpus, ``2286newsML.xml`` and so on, in any folders or .zip files below it. A
    document's text is its headline and its paragraphs, a line each; it has the order of the words.
``*.json``, ``*.jsonl``
    one object a line with ``doc_label`` and ``doc_token``, lists of strings. It has no document numbers and so not
    the published split: documents are re-split (seed 0). The tokens are joined and cut again, as other text is.

Each file may be packed as ``.gz``. Topics come from ``rcv1-v2.topics.qrels`` (but those of JSON lines), the hierarchy
from ``rcv1.taxonomy`` or ``rcv1.topics.hier.orig`` if one of them is there, else from the copy beside this module.

LYRL2004 has 23,149 training documents, the numbers up to 26150, and 781,265 test documents, those above. The paper
switches them "to better training and evaluation" (Section 6), and so does this reader.
"""

import os
import re
import zipfile
import zlib
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import compress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from labelpolicy.data.corpus import Corpus, Dataset, Document, Rereadable, Spaced
from labelpolicy.data.prepared import Ragged
from labelpolicy.data.readers.archive import beside, numbered_lines
from labelpolicy.data.splits import hold_out
from labelpolicy.data.tokens import tokenise
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_json
from labelpolicy.parsing import parse_json
from labelpolicy.randomness import generator

# Table 4 of the paper.
PUBLISHED = {"labels": 103, "labels_per_document": 3.24, "training": 781265, "testing": 23149}

LAST_OF_LYRL_TRAIN = 26150  # the largest number of a training document of LYRL2004, a test document here
PARTS = {"test": ("train",), "train": ("test_pt0", "test_pt1", "test_pt2", "test_pt3")}
SPLITS = ("train", "test")  # in this order
TEST_FRACTION = 0.2  # of a re-split
SEED = 0
JOINED = "tokens joined by blanks"

LARGEST = 9_999_999  # a document number above it is a mistake
QRELS, TAXONOMY, HIERARCHY = "rcv1-v2.topics.qrels", "rcv1.taxonomy", "rcv1.topics.hier.orig"
NEWSITEMS = "newsitems"
_EDGE = re.compile(r"parent:\s*(\S+)\s+child:\s*(\S+)")
_JSON_LINES = re.compile(r"(?!source\.json$).+\.jsonl?(\.gz)?")
_BEGIN = re.compile(rb"\.I\s+(\d+)\s*")
_NEWSITEM = re.compile(r"(?:.*/)?(\d+)newsML\.xml")


def read(raw: Path) -> Corpus:
    """Read the folder, whichever form is in it.

    Raises LabelPolicyError for a folder with none of the forms or several, and, here or while documents are read, with
    file and line for whatever is not as described above.
    """
    raw = Path(raw)
    parents = read_hierarchy(raw)
    dats = sorted(path.name for path in raw.glob("lyrl2004_tokens_*.dat*"))
    lines = sorted(path for path in raw.glob("*.json*") if _JSON_LINES.fullmatch(path.name))
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
    counted: dict[str, Any] = {"topics_without_documents": topics.unused()}
    passes = {split: partial(_newsitems, raw / NEWSITEMS, split) for split in SPLITS}
    if dats:
        paths = {split: [_one(raw, f"lyrl2004_tokens_{part}.dat") for part in PARTS[split]] for split in SPLITS}
        passes = {split: partial(_token_documents, paths[split], split) for split in SPLITS}
    source = read_json(raw / "source.json") if (raw / "source.json").is_file() else {}
    synthetic = source.get("kind") == "synthetic"
    return Corpus(
        labels,
        {split: Rereadable(partial(_with_topics, passes[split], topics, split, counted)) for split in passes},
        above,
        published=None if synthetic else PUBLISHED,
        variant="generated text under real numbers and topics, for measuring speed only" if synthetic else None,
        text=JOINED if dats else "headline and paragraphs, a line each",
        counted=counted,
    )


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


@dataclass(frozen=True)
class NewsItem(Document):
    """A document still in XML: it is parsed where its tokens are cut."""

    content: bytes = b""
    place: str = ""

    def parsed(self) -> Document:
        try:
            root = ElementTree.fromstring(self.content)
        except (ElementTree.ParseError, ValueError, LookupError) as error:
            raise LabelPolicyError(f"{self.place}: not XML ({error}): take the file from the corpus again") from None
        body = root.find("text")
        parts = [root.findtext("headline") or "", *(body.itertext() if body is not None else ())]
        text = "\n".join(part.strip() for part in parts if part.strip())
        words = tokenise(text)
        if not words:
            fault = "no tokens left of <headline> and <text>, expected some: take the file from the corpus again"
            raise LabelPolicyError(f"{self.place}: {fault}, or take document {self.id} out of {QRELS}")
        return Document(self.id, self.labels, text, tuple(words))


Found = tuple[int, str, Callable[..., Document]]
"""A document's number and place, and what makes it of id and labels."""


def _with_topics(
    passed: Callable[[], Iterator[Found]], topics: Topics, split: str, counted: dict[str, Any]
) -> Iterator[Document]:
    """The documents of one pass that have topics; what is in one file and not in the other is counted at its end."""
    seen = np.zeros(LARGEST + 1, dtype=bool)
    without_topics = 0
    for number, place, make in passed():
        if seen[number]:
            raise LabelPolicyError(f"{place}: a second document {number}, expected one: take one of them out")
        seen[number] = True
        if labels := topics.of(number):
            yield make(id=str(number), labels=labels)
        else:
            without_topics += 1
    expected = topics.documents[(topics.documents <= LAST_OF_LYRL_TRAIN) == (split == "test")]
    counted.setdefault("documents_without_topics", {})[split] = without_topics
    counted.setdefault("documents_with_topics_but_no_text", {})[split] = int((~seen[expected]).sum())


def _token_documents(paths: list[Path], split: str) -> Iterator[Found]:
    for path in paths:
        for number, line, text in blocks(path):
            place = f"{path}, line {line}"
            if (number <= LAST_OF_LYRL_TRAIN) != (split == "test"):
                side = "up to" if split == "test" else "above"
                expected = f"expected numbers {side} {LAST_OF_LYRL_TRAIN} in this file"
                raise LabelPolicyError(f"{place}: document {number}, {expected}: fetch the file again")
            yield number, place, partial(Spaced, text=text)


def blocks(path: Path) -> Iterator[tuple[int, int, str]]:
    """Document number, line of its .I and tokens of every block of a token file.

    Raises LabelPolicyError with file and line for a block without a number or tokens, and lines outside blocks.
    """
    number: int | None = None
    tokens: list[bytes] | None = None
    start = 0

    def block() -> tuple[int, int, str]:
        text = b"".join(tokens or ()).decode("latin-1").strip()
        if number is None:
            raise LabelPolicyError(f"{path}: no documents, expected blocks of .I and .W: fetch the file again")
        if not text:
            fault = f"document {number} has no tokens, expected some after '.W'"
            raise LabelPolicyError(f"{path}, line {start}: {fault}: correct the block or take it out")
        return number, start, text

    for line, content in numbered_lines(path):
        if tokens is not None and not content.startswith(b"."):
            tokens.append(content)
        elif (begun := _BEGIN.fullmatch(content)) and int(begun[1]) <= LARGEST:
            if number is not None:
                yield block()
            number, start, tokens = int(begun[1]), line, None
        elif content.rstrip() == b".W" and number is not None and tokens is None:
            tokens = []
        elif content.strip():
            expected = "blocks of '.I' and a document number, as in '.I 2286', then '.W', then tokens"
            found = f"found {shown(content)}, expected {expected}"
            raise LabelPolicyError(f"{path}, line {line}: {found}: correct the block or take it out")
    yield block()


def _newsitems(folder: Path, split: str) -> Iterator[Found]:
    """The newsitems below a folder, files and members of .zip files, in the order of their names."""

    def wanted(name: str) -> int | None:
        match = _NEWSITEM.fullmatch(name)
        number = int(match[1]) if match else LARGEST + 1
        return number if number <= LARGEST and (number <= LAST_OF_LYRL_TRAIN) == (split == "test") else None

    for where, folders, names in os.walk(folder):
        folders.sort()
        for path in (Path(where) / name for name in sorted(names)):
            if path.suffix != ".zip":
                if (number := wanted(path.name)) is not None:
                    yield number, str(path), partial(NewsItem, content=path.read_bytes(), place=str(path))
                continue
            try:
                with zipfile.ZipFile(path) as archive:
                    for name in sorted(archive.namelist()):
                        if (number := wanted(name)) is not None:
                            place = f"{path}: member {name}"
                            yield number, place, partial(NewsItem, content=archive.read(name), place=place)
            except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
                fault = f"not a readable .zip file ({error}): copy it from the corpus again"
                raise LabelPolicyError(f"{path}: {fault}") from None


def _resplit(paths: list[Path], labels: list[str], parents: Mapping[str, str]) -> Corpus:
    """JSON lines, whose documents have no numbers, divided at random; equal texts stay on one side."""
    documents = [document for path in paths for document in sample(path, frozenset(labels))]
    row = {label: index for index, label in enumerate(labels)}
    carried = Ragged.from_rows([[row[label] for label in document.labels] for document in documents])
    texts = [document.text for document in documents]
    held = hold_out(carried, TEST_FRACTION, generator(SEED, "rcv1 re-split"), texts)
    splits = {"train": list(compress(documents, ~held)), "test": list(compress(documents, held))}
    train, test = map(len, splits.values())
    return Corpus(
        labels,
        splits,
        dict(parents),
        variant=f"a sample: {len(documents):,} documents of RCV1-V2's 804,414, re-split at random into {train:,} for "
        f"training and {test:,} for testing, because it does not say which are in the published split",
        text=JOINED,
        counted={"topics_without_documents": [label for label in labels if row[label] not in carried.values]},
    )


def sample(path: Path, labels: frozenset[str]) -> Iterator[Document]:
    """The documents of a file of JSON lines, called after its name and their lines.

    Raises LabelPolicyError with file and line.
    """
    stem = path.name.partition(".")[0]
    for number, line in numbered_lines(path):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            entry = parse_json(line)
            topics, text = sorted(set(entry["doc_label"])), " ".join(entry["doc_token"])
            unknown = [topic for topic in topics if topic not in labels]
        except (ValueError, KeyError, TypeError) as error:
            expected = "expected an object with the lists of strings doc_label and doc_token"
            fault = f"{type(error).__name__}: {error}; {expected}"
            raise LabelPolicyError(f"{where}: {fault}: correct the line or fetch the file again") from None
        if unknown:
            raise LabelPolicyError(f"{where}: topic {unknown[0]!r} is not in the hierarchy: correct it")
        if not tokenise(text):
            raise LabelPolicyError(f"{where}: a document with no tokens left, expected some: take the line out")
        yield Document(f"{stem}-{number}", tuple(topics), text)


def _one(raw: Path, name: str) -> Path:
    """The file of that name in the folder, packed or not."""
    found = [path for path in (raw / name, raw / f"{name}.gz") if path.is_file()]
    if len(found) != 1:
        there = f"both {name} and {name}.gz" if found else f"neither {name} nor {name}.gz"
        raise LabelPolicyError(f"{raw}: found {there}, expected one of them: leave or put one there (docs/data.md)")
    return found[0]


def read_hierarchy(raw: Path) -> dict[str, str]:
    """Parent by topic, "" for the four at the top: 103 topics, from the raw folder or the copy beside this module.

    Raises LabelPolicyError naming file and line.
    """
    path = next((raw / name for name in (TAXONOMY, HIERARCHY) if (raw / name).is_file()), None)
    if path is None:
        return beside("rcv1_topics.json")
    parents: dict[str, str] = {}
    for number, line in numbered_lines(path):
        where, text = f"{path}, line {number}", line.decode("latin-1")
        edge = _EDGE.search(text)
        if path.name == HIERARCHY and not edge and text.strip():
            raise LabelPolicyError(f"{where}: found {shown(line)}, expected 'parent: A child: B': fetch the file again")
        fields = edge.groups() if edge else text.split()
        for child in (field for field in fields[1:] if field != "Root"):
            if child in parents:
                raise LabelPolicyError(f"{where}: topic {child!r} has a parent already, expected one: take one out")
            parents[child] = "" if fields[0] == "Root" else fields[0]
    for topic, parent in parents.items():
        if parent and parent not in parents:
            raise LabelPolicyError(f"{path}: topic {parent!r}, the parent of {topic!r}, hangs nowhere: add its line")
    return parents


def read_qrels(path: Path, labels: list[str]) -> Topics:
    """The topic assignments, lines of ``E11 2286 1``; a line twice counts once.

    Raises LabelPolicyError with file and line for a line of another form and a topic that is not in ``labels``.
    """
    row = {label.encode(): index for index, label in enumerate(labels)}
    pairs = array("q")
    number, line = 0, b""
    try:
        for number, line in numbered_lines(path):
            topic, document, _ = line.split()
            if not 0 <= int(document) <= LARGEST:
                fault = f"expected a document number up to {LARGEST}: correct the line"
                raise LabelPolicyError(f"{path}, line {number}: {fault}")
            pairs.append(int(document) * len(labels) + row[topic])
    except ValueError:
        raise LabelPolicyError(
            f"{path}, line {number}: found {shown(line)}, expected three fields, topic, document number and 1, as in "
            "'E11 2286 1': correct the line or fetch the file again"
        ) from None
    except KeyError:
        what = f"topic {shown(topic)} is not in the hierarchy: add it to {TAXONOMY}, or take the line out"
        raise LabelPolicyError(f"{path}, line {number}: {what}") from None
    if not pairs:
        raise LabelPolicyError(f"{path}: empty, expected lines as 'E11 2286 1': fetch the file again")
    numbers, found = np.divmod(np.unique(np.frombuffer(pairs, np.int64)), len(labels))
    carried = np.bincount(numbers)
    return Topics(labels, np.flatnonzero(carried), Ragged(found.astype(np.int32), np.append(0, carried).cumsum()))


def shown(content: bytes) -> str:
    """The beginning of a line for a message."""
    return repr(content.decode("latin-1").strip())[:60]


DATASETS = (
    Dataset("rcv1", read, "RCV1-V2"),
    Dataset("rcv1_sample", read, "RCV1-V2 sample", resplit=True),
    Dataset("rcv1_standin", read),  # generated text, by benchmarks/stand_in.py
)
