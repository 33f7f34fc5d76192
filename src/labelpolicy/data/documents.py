"""New documents from the files that people have, one after the other: no file is ever in memory as a whole."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from labelpolicy.data import forms, tables
from labelpolicy.data.columns import TEXT
from labelpolicy.data.document_files import ENDINGS, FORMS, DocumentFiles, ending
from labelpolicy.data.tables import STANDARD, Faults, name_of
from labelpolicy.errors import LabelPolicyError

WRITTEN = ("jsonl", "csv", "tsv", "parquet", "text")  # the forms that predictions may have

Entry = tuple[Any, Any, str]
"""A document: file and place; an object as JSON has it; its number, the id of one that has none."""


def form_of_file(path: Path, given: str | None, standard: str = "text", *, write: bool = False) -> str:
    """The form of a file by its name, unless it is ``given``; ``standard`` is that of ``-``."""
    form = given or (standard if path == STANDARD else FORMS.get(ending(path)))
    known = WRITTEN if write else (*ENDINGS, "libmultilabel")
    if form not in known:
        what = f"found {given!r}" if given else "its name does not tell its form"
        raise LabelPolicyError(f"{path}: {what}: expected one of {', '.join(known)}, or --from and --to with a form")
    if form == "parquet" and path == STANDARD:
        raise LabelPolicyError("-: Parquet is no stream: give a file")
    return form


class Place(NamedTuple):
    """Where a row stands: looked up in the file, where somebody asks."""

    faults: Faults
    number: int

    def __str__(self) -> str:
        return f"{name_of(self.faults.path)}, {self.faults.lines([self.number])[0]}"


def read(path: Path, form: str, *, text: Sequence[str] = (), ident: str = "id") -> Iterator[Entry]:
    """The documents of a file in one of ENDINGS or libmultilabel; of ``text`` each line is one.

    ``text`` and ``ident`` name the columns, or keys, of text and id; several of text are joined by newlines, and none
    is the one that is called so. Raises LabelPolicyError, with file and line, for what is not in that form, and for a
    table without such a column, or ``tokens`` in its place.
    """
    faults = Faults(path, strict=True)
    if form == "text":
        for number, line in tables.decoded(path):
            yield f"{name_of(path)}, line {number}", {"text": line.rstrip("\r\n")}, str(number)
    elif form in forms.TABLES:
        if path != STANDARD:
            _check_text(path, tables.columns_in(path, form), text)
        for numbers, batch in forms.table(path, form, DocumentFiles(), (), faults):
            for number, row in zip(numbers.tolist(), forms.plain(numbers, batch, faults), strict=True):
                yield Place(faults, number), _standard(row, text, ident), str(number)
    else:
        for number, entry in forms.entries(path, form, faults):
            found = _standard(entry, text, ident) if isinstance(entry, dict) else entry
            yield Place(faults, number), found, str(number)


def _standard(entry: dict[str, Any], text: Sequence[str], ident: str) -> dict[str, Any]:
    """An object with the keys id, and text or tokens and mention."""
    found: dict[str, Any] = {key: entry[key] for key in ("text", "tokens", "mention") if key in entry}
    if texts := [entry[name] for name in _text_names(entry, text) if name in entry]:
        several = len(texts) > 1 and all(isinstance(each, str) for each in texts)
        found["text"] = "\n".join(filter(None, texts)) if several else texts[0]
    if ident in entry:
        found["id"] = str(entry[ident]) if type(entry[ident]) is int else entry[ident]
    return found


def _text_names(names: Collection[str], text: Sequence[str]) -> Sequence[str]:
    if text or "tokens" in names:
        return text
    return [name for each in TEXT.split() for name in names if name.lower() == each][:1]


def _check_text(path: Path, names: Sequence[str], text: Sequence[str]) -> None:
    wanted = _text_names(names, text) or ["text"]
    if not {*wanted} <= {*names} and "tokens" not in names:
        found = ", ".join(names) or "nothing"
        raise LabelPolicyError(f"{path}: no column {wanted[0]!r}; found {found:.200}: name the text's with --text")
