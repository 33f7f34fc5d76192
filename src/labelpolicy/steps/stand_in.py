"""stand-in: the full RCV1-V2 with generated text, for measuring time and memory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labelpolicy.data.standin import generate
from labelpolicy.files import whole_folder, write_json


def stand_in(
    qrels: Annotated[Path, typer.Option(help="rcv1-v2.topics.qrels or .gz: the real topics.")],
    sample: Annotated[Path, typer.Option(help="rcv1_dev.json.gz: lengths and words are drawn from it.")],
    output: Annotated[Path, typer.Option(help="Folder for the generated raw files, as data/raw/rcv1_standin.")],
    documents: Annotated[int | None, typer.Option(min=1, help="So many documents; all if not given.")] = None,
) -> None:
    """Generate text for the real topics of RCV1-V2, to measure time and memory at full size; never for results."""
    with whole_folder(output) as folder:
        generate(Path(qrels), Path(sample), folder, documents)
        write_json(folder / "source.json", {"kind": "synthetic", "documents": documents or "all"})
