"""Step ``synthesise``: the synthetic corpus, as JSON lines."""

from __future__ import annotations

import json
from pathlib import Path

from labelpolicy.data.parameters import Synthetic
from labelpolicy.data.synthetic import generate
from labelpolicy.files import whole_folder, write_json, write_text


def run(*, parameters: Synthetic, output: Path) -> None:
    """Write train.jsonl, test.jsonl, labels.tsv and source.json into the folder ``output`` (data/raw/synthetic)."""
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
