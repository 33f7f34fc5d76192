"""A user's own corpus: a folder of JSON lines.

``train.jsonl``, ``test.jsonl`` and, if there is one, ``valid.jsonl``
    one document a line: ``{"id": "a1", "text": "Cocoa prices rose ...", "labels": ["cocoa"]}``. ``tokens``, a list
    of strings, may stand in the place of ``text`` and is taken as it is. Without ``id`` a document is called after
    its split and line (``train-17``). A label named twice counts once; an empty list of labels is allowed.
    ``mention``, ``[start, end]``, says which of the ``tokens`` the labels are of, for entity typing, where every
    document needs one; ``group``, a string, names what validation must not divide (the text that sentences are from).
    Other keys are not read. Empty lines are skipped.
``labels.tsv``
    optional: columns ``label`` and ``parent``, separated by a tab, ``parent`` empty for a root. It sets the order of
    the labels and their hierarchy, and a label that is not in it is an error. Without it the labels are those found
    in any split, in alphabetical order.
"""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from labelpolicy.data.corpus import Corpus, Dataset, Document, Rereadable, distinct
from labelpolicy.data.prepared import SPLITS
from labelpolicy.data.readers.archive import numbered_lines
from labelpolicy.errors import LabelPolicyError
from labelpolicy.hierarchy import find_cycle
from labelpolicy.parsing import parse_json, read_text, require


def read(raw: Path) -> Corpus:
    """Read the folder, where documents are read again at every pass.

    Raises LabelPolicyError naming file and line for whatever is not as described above: for a document, when it is
    read, which is at once where labels.tsv does not say what the labels are.
    """
    raw = Path(raw)
    table = raw / "labels.tsv"
    parents = _read_labels(table) if os.path.lexists(table) else None
    seen: dict[str, dict[str, int]] = {}

    def read_split(name: str, path: Path) -> Iterator[Document]:
        return distinct(path, _documents(path, name, parents), seen)

    paths = {name: raw / f"{name}.jsonl" for name in SPLITS}
    if not os.path.lexists(paths["valid"]):
        del paths["valid"]
    splits = {name: Rereadable(partial(read_split, name, require(path))) for name, path in paths.items()}
    text = "as given; where tokens are given, those joined by blanks"
    if parents is None:
        labels = sorted({label for documents in splits.values() for document in documents for label in document.labels})
        return Corpus(labels, splits, text=text)
    return Corpus(list(parents), splits, {label: parent for label, parent in parents.items() if parent}, text=text)


def _documents(path: Path, split: str, known: Collection[str] | None) -> Iterator[tuple[int, Document]]:
    for number, line in numbered_lines(path):
        if line.strip():
            where = f"{path}, line {number}"
            document = _document(where, line, f"{split}-{number}")
            unknown = [label for label in document.labels if known is not None and label not in known]
            if unknown:
                fault = f"label {unknown[0]!r} is not in labels.tsv: add it there or correct it"
                raise LabelPolicyError(f"{where}: {fault}")
            yield number, document


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _are_names(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_name, value))


NAME, NAMES = "a string that is not empty", "a list of strings that are not empty"
#: What each key must hold where it is there.
KEYS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "id": (_is_name, NAME),
    "labels": (_are_names, NAMES),
    "text": (lambda value: isinstance(value, str), "a string"),
    "tokens": (_are_names, NAMES),
    "mention": (lambda value: isinstance(value, list) and [*map(type, value)] == [int, int], "[start, end]"),
    "group": (lambda value: value is None or _is_name(value), NAME),
}


def _document(where: str, line: bytes, name: str) -> Document:
    try:
        entry = parse_json(line)
    except ValueError as error:
        raise LabelPolicyError(f"{where}: not JSON in UTF-8 ({error}): expected one object a line") from None
    return document_of(where, entry, name)


def document_of(where: str, entry: Any, name: str, *, labelled: bool = True) -> Document:
    """The document that an object describes; a new one, not yet ``labelled``, may be without text."""
    if not isinstance(entry, Mapping):
        raise LabelPolicyError(f"{where}: found {type(entry).__name__}, expected an object with a text")
    if not labelled:
        entry = {key: entry[key] for key in ("id", "text", "tokens", "mention") if key in entry} | {"labels": []}
    for key, (fits, expected) in KEYS.items():
        if key in entry and not fits(entry[key]):
            raise LabelPolicyError(f"{where}: found {key} {entry[key]!r:.60}, expected {expected}")
    text, mention = entry.get("text", ""), entry.get("mention")
    tokens = tuple(entry["tokens"]) if "tokens" in entry else None
    fault = None
    if "labels" not in entry:
        fault = "no key 'labels': give the document's labels, [] if it has none"
    elif ("text" in entry) == ("tokens" in entry):
        found = "both 'text' and 'tokens'" if "text" in entry else "neither 'text' nor 'tokens'"
        fault = f"found {found}, expected one of them"
    elif labelled and not tokens and not text.strip():
        fault = "a document without text: give it one or take the line out"
    elif mention and tokens is None:
        fault = "found 'mention' beside 'text', expected 'tokens': a mention counts tokens"
    elif mention and not 0 <= mention[0] < mention[1] <= len(tokens or ()):
        fault = f"mention {mention} is not within the {len(tokens or ())} tokens: correct it"
    if fault:
        raise LabelPolicyError(f"{where}: {fault}")
    labels, place = tuple(sorted(set(entry["labels"]))), (mention[0], mention[1]) if mention else None
    return Document(entry.get("id", name), labels, text, tokens, place, group=entry.get("group"))


def _read_labels(path: Path) -> dict[str, str]:
    """Parent by label, in the file's order; "" for a root."""
    lines = read_text(path).splitlines()
    if not lines or lines[0].split("\t") != ["label", "parent"]:
        found = lines[0] if lines else ""
        raise LabelPolicyError(f"{path}, line 1: found {found!r:.60}, expected the columns label and parent")
    parents: dict[str, str] = {}
    places: dict[str, str] = {}
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        label, _, parent = line.partition("\t")
        where = f"{path}, line {number}"
        if not label or "\t" in parent:
            raise LabelPolicyError(f"{where}: found {line!r:.60}, expected a label, a tab and its parent (or nothing)")
        if label in parents:
            raise LabelPolicyError(f"{where}: label {label!r} was already given in {places[label]}: take one out")
        parents[label], places[label] = parent, where
    for label, parent in parents.items():
        if parent and parent not in parents:
            raise LabelPolicyError(f"{places[label]}: parent {parent!r} is not a label of this file: add it")
    if (cycle := find_cycle({label: parent or None for label, parent in parents.items()})) is not None:
        raise LabelPolicyError(f"{places[cycle]}: label {cycle!r} is its own ancestor: correct the parents")
    if not parents:
        raise LabelPolicyError(f"{path}: no labels: fill the file or delete it")
    return parents


DATASETS = (Dataset("synthetic", read),)
