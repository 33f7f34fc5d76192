"""Which columns of a table, or keys of objects, are text, labels, id, group and split: as an entry says, or guessed."""

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from labelpolicy.data.document_files import SPLIT_OF, DocumentFiles
from labelpolicy.errors import LabelPolicyError
from labelpolicy.parsing import parse_json

#: Names that columns of these kinds go by, the surest first.
TEXT = (
    "text comment_text body content comment sentence document abstract description review message tweet post data "
    "title headline subject"
)
LABELS = "labels label cats tags topics categories category classes class targets target emotions genres"
ID = ("id", "doc_id", "document_id", "uid", "index", "")
LISTS = "[]"  # the separator of cells that hold JSON, or Python, lists
SEPARATORS = ";|,#\t"
TRUTH = {word: number for number, words in enumerate(("0 0.0 false", "1 1.0 true")) for word in words.split()}
SAMPLE = 1000  # documents that a guess looks at


@dataclass(frozen=True)
class Columns:
    """``labels`` is one column, whose cells ``separator`` cuts, or else ``indicators`` are columns of 0 and 1.

    ``doubts`` are sentences about what was guessed and might be meant otherwise.
    """

    text: tuple[str, ...]
    labels: str | None
    indicators: tuple[str, ...] = ()
    separator: str = ""
    id: str | None = None
    group: str | None = None
    split: str | None = None
    doubts: list[str] = field(default_factory=list)

    def names(self) -> list[str]:
        """The columns to read."""
        one = (self.id, self.group, self.split, self.labels)
        text = self.text or ("tokens", "mention")
        return [*(name for name in one if name is not None), *text, *self.indicators]


def columns_of(
    entry: DocumentFiles,
    sample: Sequence[Mapping[str, Any]],
    where: str,
    key: str,
    like: Columns | None = None,
    optional: bool = False,
) -> Columns:
    """What the columns of some documents are; ``where`` names their file, ``key`` the entry, as data_sets.mine.

    Labels are those of ``like``, the first file's, where it is given; ``optional`` says that all may be missing. Raises
    LabelPolicyError for a column that is not there, and for text or labels that cannot be guessed.
    """
    names = list(dict.fromkeys(name for document in sample for name in document))
    listed = f"{where}: found the columns {', '.join(map(repr, names)):.200}"
    single = {"id": entry.id or None, "group": entry.group, "split": entry.split}
    text = [entry.text] if isinstance(entry.text, str) else list(entry.text or ())
    for part, wanted in {**single, "text": text, "labels": None if like else entry.labels}.items():
        for name in [wanted] if isinstance(wanted, str) else wanted or ():
            if name not in names and not (part == "labels" and any(fnmatchcase(each, name) for each in names)):
                hint = "; is it cut by another delimiter?" if len(names) == 1 else ""
                raise LabelPolicyError(f"{key}.{part}: {name!r} is no column of {listed}: correct the name{hint}")
    lower = {name.lower(): name for name in reversed(names)}
    values = {name: [row[name] for row in sample if row.get(name) not in (None, "")] for name in names}
    if entry.id is None:
        single["id"] = next(
            (lower[each] for each in ID if each in lower and (each == "id" or _are_ids(values[lower[each]]))), None
        )
    single["group"] = entry.group or lower.get("group")
    if entry.split is None and "split" in lower:
        known = {str(value).lower() for value in values[lower["split"]]} <= set(SPLIT_OF)
        single["split"] = lower["split"] if known else None
    left = [name for name in names if name not in {*single.values(), *text}]
    labels, indicators = (like.labels, like.indicators) if like else _labels(entry.labels, left, values)
    if labels is None and not indicators and not like:
        raise LabelPolicyError(f"{key}.labels: none was given and {listed}: name the column of the labels")
    if like and not text and set(like.text) <= set(names):
        text = list(like.text)
    doubts: list[str] = []
    if not text and ("text" in names or "tokens" not in names):
        text, doubts = _text([name for name in left if name != labels and name not in indicators], values)
        if not text:
            raise LabelPolicyError(f"{key}.text: none was given and {listed}: name the column of the text")
    separator = like.separator if like else entry.separator
    if separator is None and labels is not None:
        separator = _separator([value for value in values[labels] if isinstance(value, str)])
    found = Columns(tuple(text), labels, tuple(indicators), separator or "", doubts=doubts, **single)
    missing = [name for name in (labels, *indicators) if name is not None and name not in names]
    if like and missing:
        if len(missing) < len(indicators) or not optional:
            raise LabelPolicyError(f"{listed}, expected {missing[0]!r} as in the first file of {key}: rename it")
        found = replace(found, labels=None, indicators=())
    return found


def _are_ids(values: Sequence[Any]) -> bool:
    return len(values) == len({str(value) for value in values}) > 0


def _labels(
    given: str | list[str] | None, names: Sequence[str], values: Mapping[str, Sequence[Any]]
) -> tuple[str | None, list[str]]:
    if isinstance(given, str):
        return given, []
    if given is not None:
        return None, [name for name in names if any(name == each or fnmatchcase(name, each) for each in given)]
    indicators = [name for name in names if values[name] and all(map(is_indicator, values[name]))]
    named = [name for each in LABELS.split() for name in names if name.lower() == each]
    lists = [name for name in [*named, *names] if any(isinstance(value, (list, dict)) for value in values[name])]
    lists = [name for name in lists if name not in ("tokens", "mention")]
    plain = [name for name in named if name not in indicators]
    first = next(iter([*lists, *plain]), None)
    if first is None and len(indicators) < 2 and named:
        first = named[0]
    return (first, []) if first is not None else (None, indicators)


def is_indicator(value: Any) -> bool:
    return str(value).strip().lower() in TRUTH


def _text(names: Sequence[str], values: Mapping[str, Sequence[Any]]) -> tuple[list[str], list[str]]:
    """The column of the text, and the doubt whether another belongs to it."""
    strings = {name: [value for value in values[name] if isinstance(value, str)] for name in names}
    length = {
        name: sum(map(len, found)) / len(found)
        for name, found in strings.items()
        if found and 2 * len(found) >= len(values[name])
    }
    named = [name for each in TEXT.split() for name in length if name.lower() == each]
    if not length:
        return [], []
    chosen = named[0] if named else max(length, key=lambda name: length[name])
    long = [name for name in length if length[name] > 10 and _are_ids(values[name][:10])]
    others = [name for name in length if name != chosen and (name in named or name in long)]
    more = f"text too? {', '.join(others)}: to join them, text: [{', '.join([*others, chosen])}]"
    return [chosen], [more] if others else []


def _separator(cells: Sequence[str]) -> str:
    """What stands between labels: LISTS, one of SEPARATORS, a blank, or nothing."""
    if cells and all(as_list(cell) is not None for cell in cells):
        return LISTS
    for each in SEPARATORS:
        if any(each in cell for cell in cells):
            return each
    whole = {cell.strip() for cell in cells}
    words = {word for cell in cells for word in cell.split()}
    return " " if any(" " in cell for cell in whole) and 2 * len(words) <= len(whole) else ""


def as_list(cell: str) -> list[str] | None:
    """The names in the text of a JSON, or Python, list; None where it is none.

    >>> as_list('["a", "b"]'), as_list("['a', 2]"), as_list("a, b")
    (['a', 'b'], ['a', '2'], None)
    """
    cell = cell.strip()
    if not (cell.startswith("[") and cell.endswith("]")):
        return None
    for parse in (parse_json, ast.literal_eval):
        try:
            return names_in(parse(cell))
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    return None


def names_in(values: Any) -> list[str]:
    """The labels of a list, with integers as strings. Raises ValueError for anything else."""
    if not isinstance(values, list):
        raise ValueError("no list")
    return [name_in(value) for value in values]


def name_in(value: Any) -> str:
    if isinstance(value, str) and value.strip():
        return value
    if type(value) is not int:
        raise ValueError("no name")
    return str(value)


def labels_in(value: Any, separator: str) -> list[str]:
    """The labels that a cell, or the value of a key, names: a list, names that are cut, or numbers 0 and 1 by name.

    Raises ValueError for what is none of these.
    """
    if isinstance(value, Mapping):
        return [name for name, given in value.items() if truth(given)]
    if isinstance(value, str) and separator == LISTS:
        found = as_list(value) if value.strip() else []
        if found is None:
            raise ValueError("no list")
        return found
    if isinstance(value, str):
        parts: Iterable[str] = value.split(separator) if separator else [value]
        return [part.strip() for part in parts if part.strip()]
    return names_in([value] if type(value) is int else value)


def truth(value: Any) -> bool:
    """An indicator. Raises ValueError for what is neither 0 nor 1."""
    if not is_indicator(value):
        raise ValueError(f"an indicator that is {value!r:.20}")
    return bool(TRUTH[str(value).strip().lower()])
