"""inspect: what a file or folder of documents seems to be, as an entry of data_sets to keep."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from labelpolicy.data.columns import Columns
from labelpolicy.data.document_files import FORMS, DocumentFiles, ending
from labelpolicy.data.forms import form_of
from labelpolicy.data.readers import own
from labelpolicy.data.tables import Feed

SHOWN = 3  # documents


def inspect(
    documents: Annotated[Path, typer.Argument(help="A file of documents, or a folder with train, valid and test.")],
    name: Annotated[str, typer.Option(help="Name of the data set.")] = "mine",
) -> None:
    """Guess what documents are written in, print it as an entry of data_sets for params.yaml, and what was seen.

    Raises LabelPolicyError where text or labels cannot be told, or the documents cannot be read.
    """
    entry = DocumentFiles(files=str(documents))
    store = own.stored(entry, name=name)
    assert store.columns is not None  # of its first file
    for line in seen(store):
        print(f"# {line}")
    print(f"data_sets:\n  {name}:")
    for key, value in written(entry, store, store.columns).items():
        flow = yaml.safe_dump({key: value}, allow_unicode=True, default_flow_style=None, width=1 << 20)
        print(f"    {flow.strip().removeprefix('{').removesuffix('}')}")


def written(entry: DocumentFiles, store: own.Store, columns: Columns) -> dict[str, Any]:
    """The keys of the entry, with what was guessed."""
    path = store.files["train"][0]
    form = form_of(path, entry)
    found: dict[str, Any] = {"files": entry.files}
    if FORMS.get(ending(path)) != form:
        found["form"] = form
    if form in ("csv", "tsv"):
        feed = Feed(path, "\t" if form == "tsv" else None)
        found |= {"delimiter": feed.delimiter} if feed.delimiter != ("\t" if form == "tsv" else ",") else {}
    if columns.text:
        found["text"] = columns.text[0] if len(columns.text) == 1 else list(columns.text)
    found |= {key: value for key in ("id", "group", "split") if (value := getattr(columns, key)) is not None}
    found["labels"] = list(columns.indicators) or columns.labels
    if columns.separator:
        found["separator"] = columns.separator
    return found | ({"parents": str(store.hierarchy)} if store.hierarchy else {})


def seen(store: own.Store) -> Iterator[str]:
    """What there is, in lines."""
    corpus = store.corpus(test=True)
    count: Counter[str] = Counter()
    sizes = {}
    for split, spool in store.spools.items():
        sizes[split] = spool.documents
        count.update(label for document in spool.read() for label in document.labels)
    yield "documents: " + ", ".join(f"{size} {split}" for split, size in sizes.items())
    most = ", ".join(f"{label} {times}" for label, times in count.most_common(8))
    total = sum(sizes.values())
    yield f"labels: {len(corpus.labels)}, {count.total() / total:.2f} a document: {most}{' ...' * (len(count) > 8)}"
    for document in islice(corpus.splits["train"], SHOWN):
        text = " ".join((document.text or " ".join(document.tokens or ())).split())
        yield f"{document.id}: {text:.60}{'...' * (len(text) > 60)} -> {', '.join(document.labels) or '(no label)'}"
    for faults in store.faults:
        if faults.kinds:
            bad = f"{faults.kinds.total()} of {faults.read} cannot be used"
            yield f"{faults.path}: {bad}: {'; '.join(faults.places())}"
    if "unlabelled_test_documents" in corpus.counted:
        yield "the test documents have no labels: a share of the others is held out for testing"
    assert store.columns is not None
    yield from (f"doubt: {doubt}" for doubt in store.columns.doubts)
    if len(corpus.labels) > total / 2 > 10:
        yield "doubt: nearly as many labels as documents: are they in another column, or is there a separator?"
