"""Documents of a user's own, in the forms that people have: an entry of data_sets, or a folder data/raw/NAME.

Each file is read once, into unnamed files of documents on disk, a split each; what cannot be used is counted by kind.
``labels.tsv`` beside the documents, or the entry's ``parents``, sets the order of the labels and their hierarchy.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelpolicy.data import forms
from labelpolicy.data.columns import Columns, columns_of
from labelpolicy.data.corpus import Corpus, Dataset, Document, Rereadable
from labelpolicy.data.document_files import SPLIT_OF, DocumentFiles
from labelpolicy.data.objects import read_labels
from labelpolicy.data.prepared import SPLITS
from labelpolicy.data.tables import Faults
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import room_in

FILE = 1 << 40  # more than the documents of a file


def read(raw: Path | None, name: str = "", entry: DocumentFiles | None = None, test: bool = True) -> Corpus:
    """The documents of an entry; those of the file or folder ``raw``, if it is given; test documents if ``test``.

    Raises LabelPolicyError for files that are not there or in no form that is read, for columns that cannot be found,
    and where there is no training document. Test documents without any label are left out.
    """
    return stored(entry or DocumentFiles(), raw, name, test).corpus(test)


def stored(entry: DocumentFiles, raw: Path | None = None, name: str = "", test: bool = True) -> "Store":
    """All documents of the files that an entry names, read."""
    store = Store(entry, entry.found(raw, name))
    for split, paths in store.files.items():
        for path in paths if test or split != "test" else ():
            store.add(path, split, f"data_sets.{name or 'NAME'}")
    return store


@dataclass
class Spool:
    """The documents of a split in an unnamed file, an Arrow stream; ``labelled`` if any has a label."""

    file: BinaryIO = field(default_factory=tempfile.TemporaryFile)
    documents: int = 0
    labelled: bool = False

    def __post_init__(self) -> None:
        self.stream = pa.ipc.new_stream(self.file, forms.SCHEMA)

    def write(self, batch: pa.RecordBatch) -> None:
        with room_in(Path(tempfile.gettempdir())):
            self.stream.write_batch(batch)
        self.documents += len(batch)
        self.labelled |= len(batch["labels"].flatten()) > 0

    def read(self) -> Iterator[Document]:
        with room_in(Path(tempfile.gettempdir())):
            self.stream.close()
        self.file.seek(0)
        for batch in pa.ipc.open_stream(self.file):
            for name, labels, text, tokens, mention, group, _ in zip(*(c.to_pylist() for c in batch), strict=True):
                own = None if tokens is None else tuple(tokens)
                place = None if mention is None else (mention[0], mention[1])
                yield Document(name, tuple(sorted(set(labels))), text or "", own, place, group=group)


class Store:
    """All documents of an entry, by split, the labels that were met, and what could not be used of each file."""

    def __init__(self, entry: DocumentFiles, files: dict[str, list[Path]]):
        self.entry, self.files, self.hierarchy = entry, files, entry.hierarchy(files)
        parents, self.descriptions = read_labels(self.hierarchy) if self.hierarchy else (None, {})
        self.parents: dict[str, str] | None = parents
        self.known = None if self.parents is None else pa.array(list(self.parents), pa.string())
        self.columns: Columns | None = None
        self.spools: dict[str, Spool] = {}
        self.labels: set[str] = set()
        self.faults: list[Faults] = []
        self.ids: dict[str, int] = {}  # of each where it was first: FILE times the file, and the number there

    def add(self, path: Path, split: str, key: str) -> None:
        """Read a file of a split, or of several where a column says which. The first file says what the columns are."""
        entry = self.entry
        form = forms.form_of(path, entry)
        sample = forms.sample(path, form, entry)
        columns = columns_of(entry, sample, str(path), key, self.columns, optional=split == "test")
        self.columns = self.columns or columns
        faults = Faults(path)
        self.faults.append(faults)
        for numbers, batch in forms.batches(path, form, entry, columns, faults):
            batch = self._usable(*_named(numbers, batch, split, columns, faults), faults)
            self.labels.update(pc.unique(batch["labels"].flatten()).to_pylist())
            for each in pc.unique(batch["split"]).to_pylist():
                self.spools.setdefault(each, Spool()).write(batch.filter(pc.equal(batch["split"], each)))

    def corpus(self, test: bool) -> Corpus:
        """All that was added; without the test documents that have no label, and if not ``test`` without any."""
        found = {split: spool for split, spool in self.spools.items() if spool.documents and (test or split != "test")}
        if "train" not in found:
            why = "; ".join(place for faults in self.faults for place in faults.places())
            raise LabelPolicyError(
                f"{self.files['train'][0]}: no training document can be used: {why or 'none is there'}"
            )
        counted: dict[str, Any] = {str(faults.path): faults.facts() for faults in self.faults if faults.kinds}
        if "test" in found and not found["test"].labelled:
            counted["unlabelled_test_documents"] = found.pop("test").documents
        labels = list(self.parents) if self.parents is not None else sorted(self.labels)
        above = {label: parent for label, parent in (self.parents or {}).items() if parent}
        splits = {split: Rereadable(found[split].read) for split in SPLITS if split in found}
        text = "as given; where tokens are given, those joined by blanks"
        how: dict[str, Any] = {"test_fraction": self.entry.test_fraction, "descriptions": self.descriptions}
        return Corpus(labels, splits, above, text=text, counted=counted, **how)

    def _usable(self, numbers: np.ndarray, batch: pa.RecordBatch, faults: Faults) -> pa.RecordBatch:
        """The documents with text, labels that are known and an id of their own."""
        if self.known is not None:
            places = pc.index_in(_normal(batch["labels"].flatten()), value_set=_normal(self.known))
            unknown = np.flatnonzero(pc.is_null(places).to_numpy(zero_copy_only=False))
            rows = pc.list_parent_indices(batch["labels"]).to_numpy()[unknown]
            named = dict(zip(rows.tolist(), batch["labels"].flatten().take(unknown).to_pylist(), strict=True))
            bad = np.isin(np.arange(len(batch)), rows)
            ends = pc.list_value_length(batch["labels"]).to_numpy().cumsum()
            labels = pa.ListArray.from_arrays(pa.array(np.append(0, ends), pa.int32()), self.known.take(places))
            batch = forms.replaced(batch, "labels", labels)
            numbers, batch = faults.drop(numbers, batch, bad, "expected a label of labels.tsv", named.__getitem__)
        again = np.zeros(len(batch), dtype=bool)
        names, places = batch["id"].to_pylist(), (numbers + FILE * (len(self.faults) - 1)).tolist()
        for row, (name, place) in enumerate(zip(names, places, strict=True)):
            again[row] = self.ids.setdefault(name, place) != place

        def used(row: int) -> str:
            file, number = divmod(self.ids[names[row]], FILE)
            return f"{names[row]}, as in {self.faults[file].path.name}, {self.faults[file].lines([number])[0]}"

        return faults.drop(numbers, batch, again, "expected an id of its own for every document", used)[1]


def _normal(labels: pa.Array) -> pa.Array:
    """Names as :func:`labelpolicy.data.labels.normal_name` has them."""
    return pc.utf8_trim_whitespace(pc.utf8_normalize(labels, form="NFC"))


def _named(
    numbers: np.ndarray, batch: pa.RecordBatch, split: str, columns: Columns, faults: Faults
) -> tuple[np.ndarray, pa.RecordBatch]:
    """With the split of each document, and an id for those that have none: split and number."""
    if columns.split is None:
        splits = pa.array([split] * len(batch))
    else:
        found = batch["split"].to_pylist()
        splits = pa.array([SPLIT_OF.get((each or "").strip().lower()) for each in found], pa.string())
    batch = forms.replaced(batch, "split", splits)
    bad = pc.is_null(splits).to_numpy(zero_copy_only=False)
    numbers, batch = faults.drop(
        numbers, batch, bad, "expected train, valid or test as the split", lambda row: str(found[row])
    )
    own = pc.binary_join_element_wise(batch["split"], pa.array(numbers).cast(pa.string()), "-")
    given = pc.if_else(pc.equal(batch["id"], ""), None, batch["id"])
    return numbers, forms.replaced(batch, "id", pc.coalesce(given, own))


DATASETS = (Dataset("synthetic", read),)
