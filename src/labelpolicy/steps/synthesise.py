"""synthesise: the synthetic corpus, as JSON lines."""

import json
from pathlib import Path
from typing import Annotated

from labelpolicy.data.parameters import Synthetic
from labelpolicy.data.synthetic import generate
from labelpolicy.files import whole_folder, write_json, write_text
from labelpolicy.options import FromStudy, Output


def synthesise(
    output: Annotated[Path, Output("Folder for the generated raw files.", folder=True)],
    parameters: Annotated[Synthetic, FromStudy(lambda study, arguments: study.synthetic)],
) -> None:
    """Generate the synthetic corpus (parameters: synthetic) as JSON lines.

    train.jsonl, test.jsonl, labels.tsv and source.json go into the folder ``output``.
    """
    labels, parents, splits = generate(parameters)
    with whole_folder(output) as folder:
        for name, documents in splits.items():
            lines = (
                json.dumps({"id": document.id, "tokens": document.tokens, "labels": document.labels})
                for document in documents
            )
            write_text(folder / f"{name}.jsonl", "".join(f"{line}\n" for line in lines))
        table = "".join(f"{label}\t{parents.get(label, '')}\n" for label in labels)
        write_text(folder / "labels.tsv", "label\tparent\n" + table)
        write_json(folder / "source.json", {"kind": "synthetic", "parameters": parameters.model_dump()})
