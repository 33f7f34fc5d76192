"""A user's own corpus: a folder of JSON lines.

``train.jsonl``, ``test.jsonl`` and, if there is one, ``valid.jsonl``
    one document a line: ``{"id": "a1", "text": "Cocoa prices rose ...", "labels": ["cocoa"]}``. ``tokens``, a list
    of strings, may stand in the place of ``text`` and is taken as it is. Without ``id`` a document is called after
    its split and line (``train-17``). A label named twice counts once; an empty list of labels is allowed.
    Other keys are not read. Empty lines are skipped.
``labels.tsv``
    optional: columns ``label`` and ``parent``, separated by a tab, ``parent`` empty for a root. It sets the order of
    the labels and their hierarchy, and a label that is not in it is an error. Without it the labels are those found
    in any split, in alphabetical order.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from labelpolicy.data.corpus import Corpus, Document
from labelpolicy.data.prepared import SPLITS
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import require


def read(raw: Path) -> Corpus:
    """Read the folder. Raises LabelPolicyError naming file and line for whatever is not as described above."""
    raw = Path(raw)
    table = raw / "labels.tsv"
    parents = _read_labels(table) if table.is_file() else None
    seen: dict[str, str] = {}  # id -> where it was first found
    splits = {
        name: _read_split(raw / f"{name}.jsonl", name, seen, None if parents is None else parents.keys())
        for name in SPLITS
        if name != "valid" or (raw / "valid.jsonl").is_file()
    }
    if parents is None:
        labels = sorted({label for documents in splits.values() for document in documents for label in document.labels})
        return Corpus(labels, splits)
    return Corpus(list(parents), splits, {label: parent for label, parent in parents.items() if parent})


def _read_split(path: Path, split: str, seen: dict[str, str], labels: Collection[str] | None) -> list[Document]:
    documents = []
    for number, line in enumerate(require(path).read_bytes().splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        document = _document(where, line, f"{split}-{number}")
        if document.id in seen:
            raise LabelPolicyError(
                f"{where}: id {document.id!r} was already used in {seen[document.id]}: every document needs its own id"
            )
        seen[document.id] = where
        unknown = [label for label in document.labels if labels is not None and label not in labels]
        if unknown:
            raise LabelPolicyError(f"{where}: label {unknown[0]!r} is not in labels.tsv: add it there or correct it")
        documents.append(document)
    if not documents:
        raise LabelPolicyError(f"{path}: no documents, expected one JSON object a line: fill the file")
    return documents


def _document(where: str, line: bytes, name: str) -> Document:
    try:
        entry = json.loads(line.decode("utf-8-sig"))
        json.dumps(entry, ensure_ascii=False).encode()  # JSON can spell half a surrogate pair, Parquet cannot
    except (ValueError, RecursionError) as error:
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
    return Document(name, tuple(sorted(set(labels))), text, tokens)


def _strings(where: str, key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise LabelPolicyError(f"{where}: found {key} {value!r:.60}, expected a list of strings that are not empty")
    return tuple(value)


def _read_labels(path: Path) -> dict[str, str]:
    """Parent by label, in the file's order; "" for a root."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise LabelPolicyError(f"{path}: not UTF-8 ({error}): save it as UTF-8") from None
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
        climbed, above = {label}, parent
        while above:
            if above in climbed:
                raise LabelPolicyError(f"{places[label]}: label {label!r} is its own ancestor: correct the parents")
            climbed.add(above)
            above = parents.get(above, "")
    if not parents:
        raise LabelPolicyError(f"{path}: no labels: fill the file or delete it")
    return parents
