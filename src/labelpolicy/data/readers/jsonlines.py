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
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path

from labelpolicy.data.corpus import Corpus, Dataset, Document, Rereadable
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
    paths = {name: raw / f"{name}.jsonl" for name in SPLITS}
    if not os.path.lexists(paths["valid"]):
        del paths["valid"]
    known = None if parents is None else parents.keys()
    seen: dict[str, dict[str, int]] = {}
    splits = {name: Rereadable(partial(_read_split, require(path), name, seen, known)) for name, path in paths.items()}
    text = "as given; where tokens are given, those joined by blanks"
    if parents is None:
        labels = sorted({label for documents in splits.values() for document in documents for label in document.labels})
        return Corpus(labels, splits, text=text)
    return Corpus(list(parents), splits, {label: parent for label, parent in parents.items() if parent}, text=text)


def _read_split(
    path: Path, split: str, seen: dict[str, dict[str, int]], labels: Collection[str] | None
) -> Iterator[Document]:
    """One pass over a file; ``seen`` has the line of each id of each file."""
    own = seen[path.name] = {}
    for number, line in numbered_lines(path):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        document = _document(where, line, f"{split}-{number}")
        for file, lines in seen.items():
            if document.id in lines:
                raise LabelPolicyError(
                    f"{where}: id {document.id!r} was already used in {path.parent / file}, line {lines[document.id]}: "
                    "every document needs its own id"
                )
        own[document.id] = number
        unknown = [label for label in document.labels if labels is not None and label not in labels]
        if unknown:
            raise LabelPolicyError(f"{where}: label {unknown[0]!r} is not in labels.tsv: add it there or correct it")
        yield document
    if not own:
        raise LabelPolicyError(f"{path}: no documents, expected one JSON object a line: fill the file")


def _document(where: str, line: bytes, name: str) -> Document:
    try:
        entry = parse_json(line)
    except ValueError as error:
        raise LabelPolicyError(f"{where}: not JSON in UTF-8 ({error}): expected one object a line") from None
    if not isinstance(entry, dict):
        raise LabelPolicyError(f"{where}: found {type(entry).__name__}, expected an object with text and labels")
    name = entry.get("id", name)
    if not isinstance(name, str) or not name:
        raise LabelPolicyError(f"{where}: found id {name!r}, expected a string that is not empty")
    if "labels" not in entry:
        raise LabelPolicyError(f"{where}: no key 'labels': give the document's labels, [] if it has none")
    labels = _strings(where, "labels", entry["labels"])
    if ("text" in entry) == ("tokens" in entry):
        fault = "both 'text' and 'tokens'" if "text" in entry else "neither 'text' nor 'tokens'"
        raise LabelPolicyError(f"{where}: found {fault}, expected one of them")
    text, tokens = entry.get("text", ""), None
    if "tokens" in entry:
        tokens = _strings(where, "tokens", entry["tokens"])
    elif not isinstance(text, str):
        raise LabelPolicyError(f"{where}: found text {text!r:.60}, expected a string")
    if not tokens and not text.strip():
        raise LabelPolicyError(f"{where}: a document without text: give it one or take the line out")
    group = entry.get("group")
    if group is not None and (not isinstance(group, str) or not group):
        raise LabelPolicyError(f"{where}: found group {group!r:.60}, expected a string that is not empty")
    mention = _mention(where, entry["mention"], tokens) if "mention" in entry else None
    return Document(name, tuple(sorted(set(labels))), text, tokens, mention, group=group)


def _mention(where: str, value: object, tokens: tuple[str, ...] | None) -> tuple[int, int]:
    if tokens is None:
        raise LabelPolicyError(f"{where}: found 'mention' beside 'text', expected 'tokens': a mention counts tokens")
    if not (isinstance(value, list) and len(value) == 2 and all(type(place) is int for place in value)):
        raise LabelPolicyError(f"{where}: found mention {value!r:.60}, expected [start, end]")
    start, end = value
    if not 0 <= start < end <= len(tokens):
        raise LabelPolicyError(f"{where}: mention {value!r:.60} is not within the {len(tokens)} tokens: correct it")
    return start, end


def _strings(where: str, key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise LabelPolicyError(f"{where}: found {key} {value!r:.60}, expected a list of strings that are not empty")
    return tuple(value)


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
    cycle = find_cycle({label: parent or None for label, parent in parents.items()})
    if cycle is not None:
        raise LabelPolicyError(f"{places[cycle]}: label {cycle!r} is its own ancestor: correct the parents")
    if not parents:
        raise LabelPolicyError(f"{path}: no labels: fill the file or delete it")
    return parents


DATASETS = (Dataset("synthetic", read),)
