"""predict: a trained model and new documents -> the labels of each."""

import os
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from labelpolicy import model as models
from labelpolicy.data.documents import STANDARD, WRITTEN, form_of_file, read
from labelpolicy.data.predictions import predictions
from labelpolicy.data.prepared import UNKNOWN
from labelpolicy.options import Output
from labelpolicy.progress import Progress, say


def predict(
    model: Annotated[Path, typer.Argument(help="Folder of `labelpolicy train --model`.")],
    documents: Annotated[
        Path, typer.Argument(help="New documents, in any form of docs/your-data.md; - is standard input.")
    ],
    output: Annotated[Path, Output("File to write, in the form that its name says; - is standard output.")] = STANDARD,
    thresholds: Annotated[
        str | None, typer.Option(help="Name of thresholds of the model, or a thresholds.json of its labels.")
    ] = None,
    scores: Annotated[bool, typer.Option("--scores", help="Write the score of every label too.")] = False,
    text: Annotated[
        list[str] | None, typer.Option(help="Column, or key, of the text. Repeatable: joined by newlines.")
    ] = None,
    ident: Annotated[str, typer.Option("--id", help="Column, or key, of the id; without it documents count.")] = "id",
    separator: Annotated[str, typer.Option(help="What stands between labels in .csv, .tsv and .txt.")] = ";",
    read_as: Annotated[
        str | None, typer.Option("--from", help="jsonl, csv, tsv, parquet, text (a document a line) or another form.")
    ] = None,
    write_as: Annotated[
        str | None, typer.Option("--to", help="jsonl, csv, tsv, parquet or text, whatever the name says.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto: a GPU where there is one.")] = "cpu",
    threads: Annotated[int, typer.Option(min=1, help="Threads of PyTorch.")] = 1,
) -> None:
    """Label new documents by a trained model, a row each, while they are read.

    Raises LabelPolicyError, with file and line, for a document that is not in the form of the training documents; and
    for a model that is incomplete, changed or of a newer version. Standard input is plain text, a document a line,
    unless ``--from`` says otherwise; standard output is in the form of the input.
    """
    form = form_of_file(documents, read_as)
    standard = form if form in WRITTEN and form != "parquet" else "jsonl"
    target = form_of_file(output, write_as, standard, write=True)
    loaded = models.load(model, device=device, threads=threads)
    if thresholds is not None and thresholds not in loaded.thresholds and Path(thresholds).is_file():
        loaded.thresholds = models.read_thresholds(Path(thresholds), loaded.labels)
        thresholds = None
    loaded.named(thresholds)
    found = (loaded.document(*entry) for entry in read(documents, form, text=text or (), ident=ident))
    counts = np.zeros(5, dtype=np.int64)  # documents, labels, documents of no known word, words, unknown words
    try:
        with (
            Progress("predict", None) as progress,
            predictions(output, target, loaded.labels, scores=scores, separator=separator) as write,
        ):
            for chunk in models.chunked(found):
                split = loaded.encode(chunk)
                y_score = loaded.classifier.predict_proba(split)
                y_pred = loaded.decide(y_score, thresholds, models.texts_of(chunk))
                write(split.ids, y_pred, y_score)
                unknown = split.tokens.values == UNKNOWN
                known = np.append(0, (~unknown).cumsum())[split.tokens.offsets]
                bare = int(np.count_nonzero(np.diff(known) == 0))
                counts += np.array([len(chunk), y_pred.sum(), bare, len(unknown), unknown.sum()])
                progress.step(count=len(chunk))
            sys.stdout.flush()
    except BrokenPipeError:  # whoever read standard output has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    _report(model, counts.tolist())


def _report(model: Path, counts: list[int]) -> None:
    documents, labels, bare, words, unknown = counts
    each = f", {labels / documents:.2f} labels each" if documents else ""
    strange = f"; {unknown / words:.1%} of the words are not in the vocabulary" if words else ""
    say(f"predict: {documents} documents by {model}{each}{strange}")
    if bare:
        say(f"warning: {bare} documents have no word that the model knows")
