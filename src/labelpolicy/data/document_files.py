"""An entry of data_sets: where a user's documents lie, and what of them is text, labels, id, group and split."""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from labelpolicy.config import OpenUnit, Parameters
from labelpolicy.data.prepared import SPLITS
from labelpolicy.errors import LabelPolicyError

#: What people call the splits, as files and in a column.
CALLED = {"train": ("train", "training"), "valid": ("valid", "validation", "dev", "val"), "test": ("test", "testing")}
SPLIT_OF = {name: split for split, names in CALLED.items() for name in names}
#: Forms by the endings of files; a .txt file tells by its content.
ENDINGS = {
    "csv": "csv",
    "tsv": "tsv tab",
    "parquet": "parquet",
    "jsonl": "jsonl ndjson",
    "json": "json",
    "svmlight": "svm svmlight libsvm",
    "arff": "arff",
    "fasttext": "ft fasttext",
    "spacy": "spacy",
    "text": "txt",
}
FORMS = {f".{each}": form for form, endings in ENDINGS.items() for each in endings.split()}
NOT_DATA = {"labels.tsv", "source.json"}


def ending(path: Path) -> str:
    return Path(path.name.removesuffix(".gz")).suffix.lower()


def is_data(path: Path) -> bool:
    return ending(path) in FORMS and path.name not in NOT_DATA and path.is_file()


class DocumentFiles(Parameters):
    """Documents of your own; whatever is null is guessed (`labelpolicy inspect FILE` prints it). docs/your-data.md."""

    files: str | dict[str, str] | None = Field(
        None, description="a file, a folder, or {train: FILE, valid: FILE, test: FILE}; data/raw/NAME if not given"
    )
    form: (
        Literal["csv", "tsv", "parquet", "jsonl", "json", "svmlight", "libmultilabel", "fasttext", "arff", "spacy"]
        | None
    ) = Field(None, description="what the files are written in, whatever their names")
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = Field(
        None, description="what stands between the columns of a CSV file"
    )
    encoding: str | None = Field(None, description="of CSV files, as cp1252; UTF-8 and UTF-16 are seen")
    text: str | list[str] | None = Field(
        None, description="column, or key, of the text; several are joined by newlines"
    )
    id: str | None = Field(None, description='column of the ids, "" for none: documents are numbered')
    group: str | None = Field(None, description="column that says which documents no split may divide")
    labels: str | list[str] | None = Field(
        None, description="column of the labels; or a list of the columns of 0 and 1, one a label, * for any characters"
    )
    separator: str | None = Field(None, description='between the labels of one cell; "" where a cell is one label')
    split: str | None = Field(None, description="column that says train, valid or test")
    parents: str | None = Field(None, description="file of the hierarchy, as labels.tsv: columns label and parent")
    test_fraction: OpenUnit = Field(
        0.2, description="share of the documents held out for testing where no labelled test documents are given"
    )

    @field_validator("files", mode="before")
    @classmethod
    def _known_splits(cls, value: Any) -> Any:
        named = isinstance(value, dict) and "train" in value and set(value) <= set(SPLITS)
        paths = value.values() if named else [] if value is None else [value]
        if not all(isinstance(path, str) for path in paths):
            raise ValueError("expected a file, a folder, or {train: FILE, valid: FILE, test: FILE}")
        return value

    def found(self, raw: Path | None = None, name: str = "") -> dict[str, list[Path]]:
        """The files of each split; ``raw``, a file or a folder, in the place of ``files``.

        Raises LabelPolicyError where there are none, or it cannot be told which is which.
        """
        key = f"data_sets.{name}.files: " if name and raw is None else ""
        if raw is None and isinstance(self.files, dict):
            found = {split: [Path(file)] for split, file in self.files.items()}
        else:
            place = Path(raw or str(self.files or f"data/raw/{name}"))
            if raw is None and self.files is None and not place.is_dir():
                told = f"put its documents there, as {place}/train.csv, give data_sets.{name}, or correct the name"
                raise LabelPolicyError(f"data set {name!r}: {place}: no such folder: {told}")
            found = in_folder(place, key) if place.is_dir() else {"train": [place]}
        for path in (path for paths in found.values() for path in paths):
            if not path.is_file():
                fault = "a folder, expected a file" if path.is_dir() else "no such file"
                raise LabelPolicyError(f"{key}{path}: {fault}: correct the path")
        return {split: found[split] for split in SPLITS if split in found}

    def all_files(self, name: str) -> list[Path]:
        """Every file that the documents of this name are read from."""
        found = self.found(name=name)
        hierarchy = self.hierarchy(found)
        return [*(path for paths in found.values() for path in paths), *([hierarchy] if hierarchy else [])]

    def hierarchy(self, files: dict[str, list[Path]]) -> Path | None:
        """The file of the hierarchy: the one that is named, or labels.tsv beside the documents."""
        beside = files["train"][0].parent / "labels.tsv"
        return Path(self.parents) if self.parents else beside if os.path.lexists(beside) else None


def in_folder(folder: Path, key: str = "") -> dict[str, list[Path]]:
    """The files of a folder by their split: train, valid (dev) and test, each whole or in numbered parts; or one."""
    files = sorted(filter(is_data, folder.iterdir()))
    found: dict[str, list[Path]] = {}
    for path in files:
        stem = re.sub(r"-\d+-of-\d+$", "", path.name.removesuffix(".gz").rpartition(".")[0].lower())
        last = re.split(r"[-_.]", stem)[-1]  # of emotions-train.arff
        if last in SPLIT_OF:
            found.setdefault(SPLIT_OF[last], []).append(path)
    if not found and len(files) == 1:
        found = {"train": files}
    listed = ", ".join(path.name for path in files) or "no file of documents"
    if "train" not in found:
        expected = f"expected train.csv (or {', '.join(FORMS)}), or one file alone"
        raise LabelPolicyError(f"{key}{folder}: found {listed:.200}: {expected}: rename it, or name files one by one")
    for split, paths in found.items():
        if len(paths) > 1 and not all("-of-" in path.name for path in paths):
            raise LabelPolicyError(
                f"{key}{folder}: {paths[0].name} and {paths[1].name} are both of {split}: name files: {{train: FILE}}"
            )
    return found


def _of_path(value: Any) -> Any:
    return {"files": value} if isinstance(value, str) else value


#: As params.yaml has it: a path alone will do.
Entry = Annotated[DocumentFiles, BeforeValidator(_of_path, json_schema_input_type=str | DocumentFiles)]
