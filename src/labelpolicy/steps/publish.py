"""publish: a run's small results into a folder of docs/results/, and its tables into a page that asks for them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import require, whole_folder, write_text

BEGIN, END = "<!-- table: {} -->", "<!-- end of table -->"


def publish(
    files: Annotated[list[Path], typer.Argument(help="Small results to keep with the documentation.")],
    folder: Annotated[Path, typer.Option(help="Folder to copy them to.")] = Path("docs/results"),
    readme: Annotated[Path | None, typer.Option(help="Page whose marked tables are replaced, if any.")] = None,
) -> None:
    """Copy a run's small results next to the documentation, and its tables into a page that asks for them.

    Raises LabelPolicyError, before anything is written, for a missing file, and for a page without a mark for any of
    them, or with a mark that has no end.
    """
    for file in files:
        require(file)
    text = None if readme is None else require(readme).read_text(encoding="utf-8")
    if text is not None:
        wanted = [file for file in files if BEGIN.format(file.name) in text]
        if not wanted:
            raise LabelPolicyError(
                f"{readme}: asks for none of the files: expected a line {BEGIN.format(files[0].name)!r} and, below it, "
                f"{END!r}: put them where the table goes, or leave out --readme"
            )
        for file in wanted:
            text = put(text, file.name, file.read_text(encoding="utf-8"), readme)
    with whole_folder(folder) as temporary:
        for file in files:
            shutil.copyfile(file, temporary / file.name)
    if text is not None:
        write_text(readme, text)


def put(text: str, name: str, table: str, where: Path) -> str:
    """The text with what stands between the marks of ``name`` replaced by the table."""
    before, mark, rest = text.partition(BEGIN.format(name))
    _, end, after = rest.partition(END)
    if not end:
        raise LabelPolicyError(f"{where}: {mark} without {END!r} below it: put that where the table ends")
    return f"{before}{mark}\n\n{table.strip()}\n\n{end}{after}"
