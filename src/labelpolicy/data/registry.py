"""The data sets that have a reader, found in the reader modules that declare them, and what a name says.

A name without a reader is a user's own data set of JSON lines. ``{name}_dev`` is made from the raw files of ``name``
without its test documents (:func:`labelpolicy.data.prepare.parts`). Nothing else takes a name apart.
"""

import pkgutil
from functools import cache
from importlib import import_module
from pathlib import Path

from labelpolicy.data import readers
from labelpolicy.data.corpus import Corpus, Dataset
from labelpolicy.errors import LabelPolicyError

TASKS = ("text", "typing")  # what is labelled: documents, or entity mentions in their sentences
OWN = f"{readers.__name__}.jsonlines"
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


def task(name: str) -> str:
    """One of TASKS; a user's own data set is text."""
    return found.task if (found := find(name)) else "text"


def title(name: str) -> str:
    """The data set's name in tables: that of a user's own is as it is."""
    found = find(name)
    shown = (found and found.title) or base(name)
    resplit = ", re-split" if found and found.resplit else ""
    return shown + resplit + (" (development split)" if is_development(name) else "")


def read(name: str, raw: Path) -> Corpus:
    """Read the raw folder of the data set with its reader.

    Raises LabelPolicyError for a name that has no reader and no train.jsonl, and for a corpus without labels.
    """
    raw, found = Path(raw), find(name)
    if found is None and not (raw / "train.jsonl").is_file():
        raise LabelPolicyError(
            f"unknown data set {base(name)!r}: expected one of {', '.join(names())}, or a folder {raw} with "
            "train.jsonl and test.jsonl: correct the name, or put your documents there (docs/data.md)"
        )
    corpus = found.read(raw) if found else import_module(OWN).read(raw)
    if not corpus.labels:
        raise LabelPolicyError(f"{raw}: no document has a label: there is nothing to learn, correct the corpus")
    return corpus
