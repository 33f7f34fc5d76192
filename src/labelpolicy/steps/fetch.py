"""Step ``fetch``: from the first source that has it, a data set's raw files, verified."""

from __future__ import annotations

from pathlib import Path

from labelpolicy.data.fetch import fetch, read_sources
from labelpolicy.files import whole_folder, write_json


def run(*, dataset: str, sources: Path, output: Path, mirror: str | None = None) -> None:
    """Write the raw files of ``dataset`` and ``source.json`` (where they came from) into the folder ``output``.

    ``sources`` is the table of sources, ``mirror`` the folder tried for rows of that kind. Raises LabelPolicyError
    if no source gives the files or a checksum is wrong; ``output`` is then as it was.
    """
    found = read_sources(Path(sources), dataset)
    with whole_folder(output) as folder:
        record = fetch(found, mirror, folder, Path(output))
        write_json(folder / "source.json", record)
    taken = {entry["file"] for entry in record.get("files", [record])}
    if record["kind"].startswith("own"):
        return  # the user's other files are no business of ours
    # What another source left here earlier must not be taken for this one's.
    for file in {source.file for source in found if source.kind != "own"} - taken:
        (Path(output) / file).unlink(missing_ok=True)
