"""Step ``stand-in``: the full RCV1-V2 with generated text, for measuring time and memory."""

from __future__ import annotations

from pathlib import Path

from labelpolicy.data.standin import generate
from labelpolicy.files import whole_folder, write_json


def run(*, qrels: Path, sample: Path, output: Path, documents: int | None = None) -> None:
    """Write token files, qrels and source.json, which says that they are synthetic, into the folder ``output``."""
    with whole_folder(output) as folder:
        generate(Path(qrels), Path(sample), folder, documents)
        write_json(folder / "source.json", {"kind": "synthetic", "documents": documents or "all"})
