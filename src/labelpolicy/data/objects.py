"""A document as an object of JSON, and the table of the labels.

``{"id": "a1", "text": "Cocoa prices rose ...", "labels": ["cocoa"]}``: ``tokens``, a list of strings, may stand in the
place of ``text`` and is taken as it is. A label named twice counts once; an empty list of labels is allowed.
``mention``, ``[start, end]``, says which of the ``tokens`` the labels are of, for entity typing, where every document
needs one; ``group``, a string, names what validation must not divide (the text that sentences are from). Other keys are
not read.

``labels.tsv`` has the columns ``label`` and ``parent``, separated by a tab, ``parent`` empty for a root, and may have
a third, ``description``. It sets the order of the labels and their hierarchy.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from labelpolicy.data.corpus import Document
from labelpolicy.errors import LabelPolicyError
from labelpolicy.hierarchy import find_cycle
from labelpolicy.parsing import read_text


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


def document_of(where: str, entry: Any, name: str, *, labelled: bool = True) -> Document:
    """The document that an object describes, called ``name`` without an id; one not ``labelled`` may be without text.

    Raises LabelPolicyError, which says ``where``, for what is not as described above.
    """
    try:
        return described(entry, name, labelled=labelled)
    except ValueError as fault:
        raise LabelPolicyError(f"{where}: {fault}") from None


def described(entry: Any, name: str, *, labelled: bool = True) -> Document:
    """The same, but what is wrong alone is said, by a ValueError."""
    if not isinstance(entry, Mapping):
        raise ValueError(f"found {type(entry).__name__}, expected an object with a text")
    if not labelled:
        entry = {key: entry[key] for key in ("id", "text", "tokens", "mention") if key in entry} | {"labels": []}
    for key, (fits, expected) in KEYS.items():
        if key in entry and not fits(entry[key]):
            raise ValueError(f"found {key} {entry[key]!r:.60}, expected {expected}")
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
        raise ValueError(fault)
    labels, place = tuple(sorted(set(entry["labels"]))), (mention[0], mention[1]) if mention else None
    return Document(entry.get("id", name), labels, text, tokens, place, group=entry.get("group"))


def read_labels(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Parent by label, in the file's order, "" for a root; and the description of each label that has one."""
    lines = read_text(path).splitlines()
    header = lines[0].split("\t") if lines else []
    if header not in (["label", "parent"], ["label", "parent", "description"]):
        found = lines[0] if lines else ""
        raise LabelPolicyError(
            f"{path}, line 1: found {found!r:.60}, expected the columns label and parent, and perhaps description"
        )
    parents: dict[str, str] = {}
    descriptions: dict[str, str] = {}
    places: dict[str, str] = {}
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        label, parent, description = [*line.split("\t"), "", ""][:3]
        where = f"{path}, line {number}"
        if not label or line.count("\t") >= len(header):
            expected = f"a label, a tab and its parent (or nothing){', a tab and its description' * (len(header) > 2)}"
            raise LabelPolicyError(f"{where}: found {line!r:.60}, expected {expected}")
        if label in parents:
            raise LabelPolicyError(f"{where}: label {label!r} was already given in {places[label]}: take one out")
        parents[label], places[label] = parent, where
        if description.strip():
            descriptions[label] = description.strip()
    for label, parent in parents.items():
        if parent and parent not in parents:
            raise LabelPolicyError(f"{places[label]}: parent {parent!r} is not a label of this file: add it")
    if (cycle := find_cycle({label: parent or None for label, parent in parents.items()})) is not None:
        raise LabelPolicyError(f"{places[cycle]}: label {cycle!r} is its own ancestor: correct the parents")
    if not parents:
        raise LabelPolicyError(f"{path}: no labels: fill the file or delete it")
    return parents, descriptions
