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
) -> None:
    """Copy a run's small results next to the documentation.

    Raises LabelPolicyError, before anything is written, for a missing file.
    """
    for file in files:
        require(file)
    with whole_folder(folder) as temporary:
        for file in files:
            shutil.copyfile(file, temporary / file.name)
