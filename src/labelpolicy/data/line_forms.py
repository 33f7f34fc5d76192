"""The forms of other tools with a document a line: svmlight, LibMultiLabel, fastText, ARFF; and spaCy's DocBin.

Each gives objects with ``text`` or ``tokens``, ``labels`` and perhaps ``id``. Features without text become tokens: the
number, or name, of a feature as often as its value says. A value that is no whole number counts once: it is lost.
"""

import csv
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import chain, repeat
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from labelpolicy.data.tables import Faults, numbered
from labelpolicy.errors import LabelPolicyError

MOST = 100  # times that one feature of a document is repeated


def of_lines(path: Path, form: str, faults: Faults) -> Iterator[tuple[int, Any]]:
    """The objects of a file with their lines; a line that is not in the form is a fault."""
    parse, lines = PARSERS.get(form), _lines(path, faults)
    if parse is None:
        parse, lines = _arff(path, lines)
    for number, line in lines:
        try:
            found = parse(line)
        except ValueError as error:
            faults.add(number, re.sub(r"found .*?, ", "", str(error)), str(error))
            continue
        if found is not None:
            yield number, found


def _lines(path: Path, faults: Faults) -> Iterator[tuple[int, str]]:
    for number, raw in numbered(path):
        if raw.strip():
            faults.read += 1
            try:
                yield number, raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError:
                faults.add(number, "not UTF-8: save the file as UTF-8")


def repeated(name: str, value: str) -> list[str]:
    """A feature as tokens.

    >>> repeated("7", "3"), repeated("7", "0.25"), repeated("7", "0")
    (['7', '7', '7'], ['7'], [])
    """
    number = float(value)
    times = min(int(number), MOST) if number.is_integer() else 1
    return [*repeat(name, times)]


def _svmlight(line: str) -> dict[str, Any] | None:
    line = line.partition("#")[0]
    if re.fullmatch(r"\s*\d+ \d+ \d+\s*", line):  # documents, features and labels, as some files begin
        return None
    first, *rest = line.split() or [""]
    cells = rest if ":" not in first else [first, *rest]
    try:
        pairs = [cell.split(":") for cell in cells if not cell.startswith("qid:")]
        tokens = [*chain.from_iterable(repeated(name, value) for name, value in pairs)]
    except ValueError:
        raise ValueError(f"found {line!r:.60}, expected labels with commas and features as number:value") from None
    return {"labels": [] if ":" in first else [name for name in first.split(",") if name], "tokens": tokens}


def _libmultilabel(line: str) -> dict[str, Any]:
    fields = line.split("\t")
    if len(fields) not in (2, 3):
        raise ValueError(f"found {len(fields)} fields, expected labels and text, or id, labels and text, with tabs")
    *name, labels, text = fields
    return {**({"id": name[0]} if name else {}), "labels": labels.split(), "text": text}


def _fasttext(line: str) -> dict[str, Any]:
    words = line.split(" ")
    named = [word for word in words if word.startswith("__label__")]
    text = " ".join(word for word in words if not word.startswith("__label__"))
    return {"labels": [word.removeprefix("__label__") for word in named], "text": text}


PARSERS: dict[str, Callable[[str], dict[str, Any] | None]] = {
    "svmlight": _svmlight,
    "libmultilabel": _libmultilabel,
    "fasttext": _fasttext,
}


def form_of_text(path: Path) -> str | None:
    """Which of these a .txt file is in, by its first line."""
    _, line = next(_lines(path, Faults(path)), (0, ""))
    if line.startswith("__label__"):
        return "fasttext"
    if "\t" in line:
        return "libmultilabel"
    return "svmlight" if re.match(r"[\w,]*(\s+\d+:\S+)+|\d+ \d+ \d+$", line) else None


ATTRIBUTE = re.compile(r"@attribute\s+(?:'((?:[^'\\]|\\.)*)'|\"([^\"]*)\"|(\S+))\s+(.*)", re.IGNORECASE)


def _arff(path: Path, lines: Iterator[tuple[int, str]]) -> tuple[Callable[[str], Any], Iterator[tuple[int, str]]]:
    """What reads a line of data below the header of an ARFF file, and these lines.

    Labels are those of Mulan's XML beside the file, or as many as MEKA's ``-C`` in the relation's name says.
    """
    names: list[str] = []
    texts: set[int] = set()
    relation = ""
    for number, line in lines:
        word = line.strip().split(maxsplit=1)[0].lower()
        if word == "@relation":
            relation = line
        elif word == "@data":
            break
        elif word == "@attribute":
            if (found := ATTRIBUTE.match(line.strip())) is None:
                raise LabelPolicyError(f"{path}, line {number}: found {line!r:.60}, expected @attribute NAME TYPE")
            texts |= {len(names)} if found[4].lower().startswith("string") else set()
            names.append(re.sub(r"\\(.)", r"\1", found[1] or found[2] or found[3]))
        elif not line.lstrip().startswith("%"):
            raise LabelPolicyError(f"{path}, line {number}: found {line!r:.60}, expected @attribute or @data")
    labels = _labels_of_arff(path, relation, names)

    def parse(line: str) -> dict[str, Any] | None:
        line = line.strip()
        if line.startswith("%"):
            return None
        if line.startswith("{") and line.endswith("}"):
            parts = next(csv.reader([line[1:-1]], quotechar="'", escapechar="\\", skipinitialspace=True), [])
            pairs = [part.strip().partition(" ")[::2] for part in parts if part.strip()]
            cells = {int(place): value.strip().strip("'\"") for place, value in pairs}
        else:
            row = next(csv.reader([line], quotechar="'", escapechar="\\", skipinitialspace=True))
            if len(row) != len(names):
                raise ValueError(f"found {len(row)} values, expected {len(names)}")
            cells = dict(enumerate(cell.strip() for cell in row))
        if not all(place < len(names) for place in cells):
            raise ValueError(f"found attribute {max(cells)}, expected 0 to {len(names) - 1}")
        given = {name: cells.get(place, "0") for place, name in enumerate(names) if name in labels}
        if texts:
            return {"labels": given, "text": "\n".join(cells.get(place, "") for place in sorted(texts))}
        kept = ((names[place], value) for place, value in cells.items() if names[place] not in labels)
        return {"labels": given, "tokens": [*chain.from_iterable(_feature(*each) for each in kept)]}

    return parse, lines


def _feature(name: str, value: str) -> list[str]:
    try:
        return repeated(name, value)
    except ValueError:  # of a nominal attribute
        return [] if value == "?" else [f"{name}={value}"]


def _labels_of_arff(path: Path, relation: str, names: list[str]) -> set[str]:
    stem = path.name.removesuffix(".gz").removesuffix(".arff")
    beside = [path.with_name(f"{stem}.xml"), *sorted(path.parent.glob("*.xml"))]
    if file := next((each for each in beside if each.is_file()), None):
        try:
            found = {each.get("name", "") for each in ElementTree.parse(file).iter() if each.tag.endswith("label")}
        except ElementTree.ParseError as error:
            raise LabelPolicyError(f"{file}: not XML ({error}): expected Mulan's list of labels") from None
        if missing := sorted(found - set(names)) or ([] if found else ["any label"]):
            raise LabelPolicyError(f"{file}: {missing[0]!r} is no attribute of {path.name}: correct one of the two")
        return found
    if (count := re.search(r"-C\s+(-?\d+)", relation)) and int(count[1]):
        first = int(count[1])
        return set(names[:first] if first > 0 else names[first:])
    raise LabelPolicyError(
        f"{path}: nothing says which attributes are labels, expected Mulan's XML beside it: write one"
    )


def of_spacy(path: Path, faults: Faults) -> Iterator[tuple[int, Any]]:
    """The documents of a DocBin, which spaCy alone can read."""
    try:
        spacy, tokens = import_module("spacy"), import_module("spacy.tokens")
    except ImportError:
        fault = "a DocBin, which spaCy alone reads, and that is not installed"
        raise LabelPolicyError(f"{path}: {fault}: install spacy, or write JSON lines of text and cats") from None
    for number, document in enumerate(tokens.DocBin().from_disk(path).get_docs(spacy.blank("xx").vocab), start=1):
        faults.read += 1
        yield number, {"text": document.text, "cats": dict(document.cats)}
