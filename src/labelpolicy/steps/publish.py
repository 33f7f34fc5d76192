"""publish: a run's small results into a folder of docs/results/."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from labelpolicy.files import whole_folder
from labelpolicy.options import Output
from labelpolicy.parsing import require


def publish(
    files: Annotated[list[Path], typer.Argument(help="Small results to keep with the documentation.")],
    folder: Annotated[Path, Output("Folder to copy them to.", folder=True)] = Path("docs/results"),
    nested: Annotated[
        list[Path] | None, typer.Option(help="A file to keep in its folders, but for the first of them. Repeatable.")
    ] = None,
) -> None:
    """Copy a run's small results next to the documentation.

    Raises LabelPolicyError, before anything is written, for a missing file.
    """
    places = {Path(file.name): file for file in files} | {Path(*file.parts[1:]): file for file in nested or []}
    for file in places.values():
        require(file)
    with whole_folder(folder) as temporary:
        for place, file in places.items():
            (temporary / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, temporary / place)
