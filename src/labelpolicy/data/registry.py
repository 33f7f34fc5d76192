"""The data sets that have a reader, found in the reader modules that declare them, and what a name says.

A name without a reader is a user's own data set: an entry of data_sets, or a folder (readers/own.py). ``{name}_dev`` is
made from the raw files of ``name`` without its test documents (:func:`labelpolicy.data.prepare.parts`). Nothing else
takes a name apart.
"""

import pkgutil
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pathlib import Path

from labelpolicy.data import readers
from labelpolicy.data.corpus import Corpus, Dataset
from labelpolicy.data.document_files import DocumentFiles, is_data
from labelpolicy.errors import LabelPolicyError

TASKS = ("text", "typing")  # what is labelled: documents, or entity mentions in their sentences
OWN = f"{readers.__name__}.own"
DEV = "_dev"


@cache
def _declared() -> dict[str, tuple[Dataset, str]]:
    """Data set and module of its reader by name."""
    modules = [f"{readers.__name__}.{name}" for _, name, _ in pkgutil.iter_modules(readers.__path__)]
    declared = ((dataset, each) for each in modules for dataset in getattr(import_module(each), "DATASETS", ()))
    return {dataset.name: (dataset, module) for dataset, module in declared}


def names() -> list[str]:
    """The data sets that have a reader."""
    return list(_declared())


def base(name: str) -> str:
    """The data set whose raw files ``name`` is made from: the name without the suffix ``_dev``."""
    return name.removesuffix(DEV)


def is_development(name: str) -> bool:
    return name.endswith(DEV)


def find(name: str) -> Dataset | None:
    """The data set's declaration; None for a user's own."""
    return _declared().get(base(name), (None, OWN))[0]


def reader_module(name: str) -> str:
    """The module that reads the data set."""
    return _declared().get(base(name), (None, OWN))[1]


def is_own(name: str) -> bool:
    """Whether the documents are read as a user's own are; their files are counted by their whole paths."""
    return reader_module(name) == OWN


def task(name: str) -> str:
    """One of TASKS; a user's own data set is text."""
    return found.task if (found := find(name)) else "text"


def title(name: str) -> str:
    """The data set's name in tables: that of a user's own is as it is."""
    found = find(name)
    shown = (found and found.title) or base(name)
    resplit = ", re-split" if found and found.resplit else ""
    return shown + resplit + (" (development split)" if is_development(name) else "")


def check_own(names_given: Iterable[str]) -> None:
    """Raise LabelPolicyError for names of data_sets that mean something else."""
    for name in names_given:
        if name in names() or is_development(name):
            fault = (
                "is a corpus with a reader" if name in names() else f"ends in {DEV}, which names a development split"
            )
            raise LabelPolicyError(f"data_sets.{name}: {name!r} {fault}: give your documents another name")


def read(name: str, raw: Path | None = None, entry: DocumentFiles | None = None) -> Corpus:
    """Read the raw folder of the data set, data/raw/{name} if None, with its reader; a user's own by its ``entry``.

    Raises LabelPolicyError for a name that has no reader and no documents, and for a corpus without labels.
    """
    found, place = find(name), Path(raw or f"data/raw/{base(name)}")
    if found is None and entry is None and not any(map(is_data, [place, *place.glob("*")])):
        raise LabelPolicyError(
            f"unknown data set {base(name)!r}: expected one of {', '.join(names())}, an entry of data_sets, or "
            f"documents in {place}: correct the name, or put your documents there (docs/your-data.md)"
        )
    if found and not is_own(name):
        corpus = found.read(place)
    else:
        corpus = import_module(OWN).read(place if found else raw, base(name), entry, test=not is_development(name))
    if found and "test" not in corpus.splits and not is_development(name):
        raise LabelPolicyError(f"{place}: no test documents, expected those of {name}: fetch it again")
    if not corpus.labels:
        where = place if entry is None or raw else f"data_sets.{base(name)}"
        raise LabelPolicyError(f"{where}: no document has a label: there is nothing to learn, correct the corpus")
    return corpus
