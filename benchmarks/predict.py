"""How fast `labelpolicy predict` labels short documents, beside scikit-learn's pipeline; its start; its memory.

Both classifiers are linear over tf-idf, of the same generated documents (long-tailed words and labels), on one core.
`predict` reads JSON lines and writes JSON lines; the pipeline (TfidfVectorizer, one LinearSVC per label) has its texts
in memory and leaves its labels there. The start, with one document, is not in the rate. Memory is the peak of the
process, for all documents and for a tenth of them.

    python benchmarks/predict.py [--documents 100000] [--labels 90]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

WORDS, TRAINING, VOCABULARY = 20, 4000, 20_000
#: Runs a command, then tells its CPU seconds and its peak of memory in MiB.
MEASURED = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
"""


def generated(documents: int, labels: int, seed: int) -> tuple[list[str], list[list[str]]]:
    """Texts of WORDS words, and the labels of each: a label's own word tells most of them."""
    random = np.random.default_rng(seed)
    rank = np.minimum(random.zipf(1.3, (documents, WORDS)), VOCABULARY)
    label = np.minimum(random.zipf(1.5, (documents, 2)), labels) - 1
    rank[:, 0], rank[:, 1] = VOCABULARY + label.T
    texts = [" ".join(f"word{number}" for number in row) for row in rank.tolist()]
    return texts, [sorted({f"label{each:03}" for each in row}) for row in label.tolist()]


def write(path: Path, texts: list[str], labels: list[list[str]]) -> None:
    lines = (json.dumps({"text": text, "labels": own}) for text, own in zip(texts, labels, strict=True))
    path.write_text("".join(f"{line}\n" for line in lines))


def run(*words: object) -> tuple[float, float]:
    """CPU seconds and peak memory in MiB of a labelpolicy command."""
    command = [sys.executable, "-m", "labelpolicy.cli", *map(str, words)]
    found = subprocess.run(
        [sys.executable, "-c", MEASURED, *command], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    cpu, memory = map(float, found.stdout.split()[-2:])
    return cpu, memory


def pipeline(train: tuple[list[str], list[list[str]]], texts: list[str]) -> float:
    """CPU seconds that scikit-learn's pipeline takes for the texts."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MultiLabelBinarizer
    from sklearn.svm import LinearSVC

    binarizer = MultiLabelBinarizer()
    model = make_pipeline(TfidfVectorizer(sublinear_tf=True), OneVsRestClassifier(LinearSVC(random_state=0)))
    model.fit(train[0], binarizer.fit_transform(train[1]))
    start = time.process_time()
    binarizer.inverse_transform(model.predict(texts))
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--labels", type=int, default=90)
    arguments = parser.parse_args()
    count = arguments.documents
    train, (texts, labels) = (generated(n, arguments.labels, n) for n in (TRAINING, count))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "raw").mkdir()
        write(folder / "raw/train.jsonl", *train)
        write(folder / "raw/test.jsonl", *(part[:200] for part in train))
        vectors = ("--set", "data.vectors.source=random", "--set", "data.vectors.width=2")
        run("prepare", "mine", "--raw", folder / "raw", "--output", folder / "data", *vectors)
        for part in (1, count // 10, count):
            write(folder / f"{part}.jsonl", texts[:part], labels[:part])
        reference = pipeline(train, texts)
        print(f"{count} documents of {WORDS} words, {arguments.labels} labels, one core\n")
        head = f"{'start, CPU s':>12} {'CPU s':>6} {'documents/CPU s':>16} {'ratio':>6} {'MiB':>5} {'a tenth':>8}"
        print(f"{'':28} {head}")
        print(f"{'scikit-learn pipeline':28} {'':>12} {reference:6.2f} {count / reference:16,.0f} {1:6.2f}")
        for classifier in ("linear", "linear_svc"):
            model = folder / classifier
            run("train", folder / "data", classifier, "--model", model)
            found = [
                run("predict", model, folder / f"{part}.jsonl", "--output", folder / "out.jsonl")
                for part in (1, count // 10, count)
            ]
            (idle, _), (_, few), (cpu, many) = found
            rate, ratio = count / (cpu - idle), reference / (cpu - idle)
            row = f"{idle:12.2f} {cpu - idle:6.2f} {rate:16,.0f} {ratio:6.2f} {many:5.0f} {few:8.0f}"
            print(f"{'predict, ' + classifier:28} {row}")


if __name__ == "__main__":
    main()
