"""publish: a run's small results into a folder of docs/results/, and its tables into a page that asks for them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import require, whole_folder, write_text

BEGIN, END = "<!-- table: {} -->", "<!-- end of table -->"


def run(*, files: Sequence[Path], folder: Path, readme: Path | None = None) -> None:
    """Copy the files, and put each Markdown table that ``readme`` asks for by name between its marks."""
    for file in files:
        require(file)
    text = None if readme is None else require(readme).read_text(encoding="utf-8")
    for file in files:
        if text is not None and BEGIN.format(file.name) in text:
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
    if not mark or not end:
        raise LabelPolicyError(
            f"{where}: no {BEGIN.format(name)!r} followed by {END!r}: put the marks where the table goes"
        )
    return f"{before}{mark}\n\n{table.strip()}\n\n{end}{after}"
