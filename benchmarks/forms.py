"""How fast documents are read from CSV, beside Arrow's reader alone; the stratified split; a million documents.

The CSV file has an id, a short text with quotes and a newline now and then, and labels with `;` between them. Cells are
the rows with their numbers, as bytes; documents are ids, texts and lists of labels, each looked at. Arrow's reader
alone takes the same columns as strings. All on one core, the best of five. `prepare` is a process of its own: its peak
of memory is that of the pages without a file behind them.

    python benchmarks/forms.py [--documents 1000000]
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow.csv
from predict import generated
from prepare import measured

from labelpolicy.data import forms
from labelpolicy.data.columns import columns_of
from labelpolicy.data.document_files import DocumentFiles
from labelpolicy.data.prepared import Ragged
from labelpolicy.data.splits import hold_out
from labelpolicy.data.tables import Faults
from labelpolicy.folds import fold_of
from labelpolicy.randomness import generator

LABELS, WIDTH, SPLIT = 90, 20_000, (100_000, 100)


def write(path: Path, documents: int) -> None:
    """Documents of 20 words, some at a time."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "text", "labels"])
        for start in range(0, documents, WIDTH):
            texts, labels = generated(min(WIDTH, documents - start), LABELS, start)
            for number, (text, own) in enumerate(zip(texts, labels, strict=True), start):
                quoted = text.replace(" ", ', "quoted"\n', 1) if number % 10 == 0 else text
                rows.writerow([number, quoted, ";".join(own)])


def arrow_alone(path: Path) -> float:
    """CPU seconds of Arrow's streaming reader."""
    start = time.process_time()
    kinds = dict.fromkeys(("id", "text", "labels"), "string")
    reader = pyarrow.csv.open_csv(
        path,
        read_options=pyarrow.csv.ReadOptions(use_threads=False),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(column_types=kinds),
    )
    for _ in reader:
        pass
    return time.process_time() - start


def ours(path: Path) -> tuple[float, float]:
    """CPU seconds to cells, and to documents."""
    entry = DocumentFiles()
    columns = columns_of(entry, forms.sample(path, "csv", entry), str(path), "data_sets.mine")
    seconds = []
    for batches in (
        forms.table(path, "csv", entry, columns.names(), Faults(path)),
        forms.batches(path, "csv", entry, columns, Faults(path)),
    ):
        start = time.process_time()
        for _ in batches:
            pass
        seconds.append(time.process_time() - start)
    return seconds[0], seconds[1]


def splits(documents: int, labels: int) -> None:
    y_true = np.random.default_rng(0).random((documents, labels)) < 0.5 / np.arange(1, labels + 1)
    numbers = np.nonzero(y_true)[1].astype(np.int32)
    carried = Ragged(numbers, np.append(0, y_true.sum(axis=1).cumsum()))
    for what, run in (
        ("hold_out, a tenth", lambda: hold_out(carried, 0.1, generator(0))),
        ("fold_of, 5 folds", lambda: fold_of(y_true, 5, generator(0))),
    ):
        start = time.process_time()
        run()
        print(f"{what}, {documents:,} documents, {labels} labels: {time.process_time() - start:.2f} s of CPU")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, default=1)
    arguments = parser.parse_args()
    splits(*SPLIT)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in (arguments.documents // 10, arguments.documents):
            path = folder / f"{part}.csv"
            write(path, part)
            found = [(arrow_alone(path), *ours(path)) for _ in range(5)]
            alone, cells, documents = map(min, zip(*found, strict=True))
            print(f"{part:,} documents, {path.stat().st_size / 1e6:.0f} MB; Arrow alone {alone:.2f} s of CPU")
            print(f"  cells {cells:.2f} s, {alone / cells:.2f} of its speed; ", end="")
            print(f"documents {documents:.2f} s, {alone / documents:.2f} of its speed")
            command = [sys.executable, "-m", "labelpolicy.cli", "prepare", "mine", "--raw", str(path)]
            command += ["--output", str(folder / "out"), "--processes", str(arguments.processes)]
            command += ["--set", "data.vectors.source=random", "--set", "data.vectors.width=2"]
            seconds, used, peak = measured(command)
            print(
                f"  prepare {part / used:,.0f} documents a second of CPU ({seconds:.0f} s, {used:.0f} s of CPU), "
                f"peak memory {peak['RssAnon'] / 2**20:.0f} MiB"
            )


if __name__ == "__main__":
    main()
