"""The recommended row of a user's own data against ten lines of scikit-learn, on documents that nothing was made for.

    python benchmarks/own_data.py --mirror FOLDER --output docs/results/own/own_data.csv [--corpus NAME]

Each corpus is a few thousand documents or mentions of a published one, split anew, as JSON lines; then the study
runs: prepare, tune, crossfit, recommend. The rival has the same training documents: tf-idf of one and two words and
LinearSVC, its C and one threshold for all labels by cross-validation for the same sum of measures. What is compared is
the sum of accuracy, macro-F1, micro-F1 and samples Jaccard on the test documents, with a paired bootstrap over them.
"""

from __future__ import annotations

import csv
import json
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from labelpolicy.classifiers import registry as classifiers
from labelpolicy.classifiers.tuning import with_tuned
from labelpolicy.data import registry
from labelpolicy.data.parameters import Data, Vectors
from labelpolicy.data.prepared import Prepared
from labelpolicy.data.scores import Scores
from labelpolicy.files import whole_file, write_text
from labelpolicy.metrics import evaluate
from labelpolicy.parameters import Study
from labelpolicy.report.markup import markdown, markdown_table
from labelpolicy.steps.crossfit import crossfit
from labelpolicy.steps.fetch import fetch
from labelpolicy.steps.prepare import prepare
from labelpolicy.steps.recommend import recommend
from labelpolicy.steps.train import train
from labelpolicy.steps.tune import tune
from labelpolicy.thresholds import fit

MEASURES = ("accuracy", "macro_f1", "micro_f1", "samples_jaccard")
RULES = ("shared", "shared+one", "sets")  # of the rows of own data in workflow/methods.tsv
ABOUT = """What the columns are: [benchmarks](../../benchmarks.md#your-own-data). *bare* is the share of training
documents without a label, *seconds* are of one processor, *difference* is ours less the rival's sum, beyond chance
where its interval leaves out 0.
"""
DRAWS, SEED, TEST = 1000, 0, 0.25
SOURCES = Path(__file__).resolve().parent.parent / "workflow/sources.tsv"


def spaceless(entry: dict[str, Any]) -> dict[str, Any]:
    """Every word as one to three Chinese characters, without a space: no language, but written as one."""
    drawn = (np.random.default_rng([*word.encode()]) for word in entry["text"].lower().split())
    text = "".join(chr(c) for random in drawn for c in random.integers(0x4E00, 0x4E00 + 900, random.integers(1, 4)))
    return entry | {"text": text}


def frequent(count: int) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    """The documents that have one of so many most frequent labels, with these alone."""

    def chosen(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        labels, counts = np.unique([label for entry in entries for label in entry["labels"]], return_counts=True)
        kept = set(labels[np.argsort(-counts, kind="stable")[:count]].tolist())
        found = [entry | {"labels": [label for label in entry["labels"] if label in kept]} for entry in entries]
        return [entry for entry in found if entry["labels"]]

    return chosen


def without(label: str) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    return lambda entries: [
        entry | {"labels": [each for each in entry["labels"] if each != label]} for entry in entries
    ]


def seven_spaceless(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [spaceless(entry) for entry in frequent(7)(without("neutral")(entries))]


#: By name: the data set, documents, and what is made of them.
CORPORA: dict[str, tuple[str, int, Callable[[list[dict[str, Any]]], list[dict[str, Any]]]]] = {
    "goemotions": ("goemotions", 4000, lambda entries: entries),
    "goemotions_bare": ("goemotions", 4000, without("neutral")),
    "emotions_7_spaceless": ("goemotions", 4000, seven_spaceless),
    "reuters_30": ("reuters21578", 4000, frequent(30)),
    "rcv1": ("rcv1_sample", 4000, lambda entries: entries),
    "figer": ("figer_gold", 3000, lambda entries: entries),
}  # fmt: skip


def documents(name: str, folder: Path, mirror: str) -> list[dict[str, Any]]:
    """Documents of the corpus as JSON lines have them, drawn at random from all of its splits."""
    dataset, count, made = CORPORA[name]
    raw = folder / "fetched" / dataset
    if not raw.is_dir():
        fetch(dataset, raw, SOURCES, mirror)
    corpus = registry.read(dataset, raw)
    every = [document.parsed() for split in corpus.splits.values() for document in split]
    entries = []
    for number, each in enumerate(every):
        entry: dict[str, Any] = {"id": str(number), "labels": [*each.labels]}
        if each.mention is None:
            entry["text"] = each.text
        else:
            entry |= {"tokens": each.words(), "mention": [*each.mention], "group": each.group or str(number)}
        entries.append(entry)
    entries = made(entries)
    rows = np.sort(np.random.default_rng(SEED).permutation(len(entries))[:count])
    return [entries[row] for row in rows]


def splits(entries: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """A random split; documents of a group stay together, and a label that training lacks is taken away."""
    unit = np.unique([entry.get("group", entry["id"]) for entry in entries], return_inverse=True)[1]
    is_test = (np.random.default_rng(SEED + 1).random(unit.max() + 1) < TEST)[unit]
    found = {
        name: [e for e, t in zip(entries, is_test, strict=True) if t == (name == "test")] for name in ("train", "test")
    }
    known = {label for entry in found["train"] for label in entry["labels"]}
    found["test"] = [e | {"labels": [label for label in e["labels"] if label in known]} for e in found["test"]]
    return found


def ours(folder: Path, parts: dict[str, list[dict[str, Any]]]) -> tuple[str, np.ndarray, np.ndarray, list[str]]:
    """The recommended row, its decisions of the test documents, their truth, and their ids."""
    (folder / "raw").mkdir()
    for name, entries in parts.items():
        (folder / "raw" / f"{name}.jsonl").write_text("".join(json.dumps(each) + "\n" for each in entries))
    study, data = Study(), folder / "data"
    prepare("mine", data, Data(vectors=Vectors(source="random", width=2)), raw=folder / "raw")
    files, chosen = [], []
    for classifier in ("linear", "linear_svc"):
        given = classifiers.load(classifier).parameters(study)
        place = folder / classifier
        place.mkdir()
        how: dict[str, Any] = {"device": "cpu", "threads": 1}
        of = {"folds": study.crossfit.folds, "by": study.crossfit.by}
        tune(data, classifier, place / "tuned.json", given, study.thresholds, **of, **how)
        best = with_tuned(given, place / "tuned.json", classifier)
        history, files = place / "history.parquet", [*files, place / "out_of_fold.parquet"]
        train(data, classifier, best, **how, scores=place / "scores.parquet", history=history)
        crossfit(data, classifier, history, files[-1], best, **of, **how)
        chosen.append(place / "tuned.json")
    recommend(data, list(RULES), files, folder / "recommended.json", study, tuned=chosen)
    found = json.loads((folder / "recommended.json").read_text())
    prepared = Prepared(data)
    table = Scores(folder / found["classifier"] / "out_of_fold.parquet", prepared)
    rule, _, one = found["thresholds"].removesuffix("+oof").partition("+")
    fitting = table.fitting()
    texts = [text for split in ("train", "valid") for text in prepared.texts(split).titled()]
    decision = fit(
        rule, fitting.y_score, fitting.y_true, at_least_one=bool(one) or None, labels=prepared.labels, texts=texts
    )
    y_score, y_true = table.split("test")
    y_pred = decision.decide(y_score, list(prepared.texts("test").titled()))
    return f"{found['classifier']}, {found['thresholds']}", y_pred, y_true, list(prepared.truth("test")[0])


def rival(name: str, parts: dict[str, list[dict[str, Any]]], labels: list[str]) -> tuple[str, np.ndarray]:
    """Ten lines of scikit-learn."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.model_selection import cross_val_predict
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    x = {split: [_flat(entry) for entry in entries] for split, entries in parts.items()}
    y = np.array([[label in entry["labels"] for label in labels] for entry in parts["train"]])
    how = {"analyzer": "char", "ngram_range": (1, 3)} if name.endswith("spaceless") else {"ngram_range": (1, 2)}
    tried = []
    for C in (0.1, 0.3, 1, 3, 10):
        model = make_pipeline(TfidfVectorizer(sublinear_tf=True, min_df=2, **how), OneVsRestClassifier(LinearSVC(C=C)))
        margin = cross_val_predict(model, x["train"], y.astype(int), cv=3, method="decision_function")
        cuts = np.arange(-1, 0.5, 0.02)
        sums = [_sum(evaluate(y, margin > cut)) for cut in cuts]
        tried.append((max(sums), C, cuts[int(np.argmax(sums))], model))
    _, C, cut, model = max(tried, key=lambda each: each[0])
    return f"C {C}, threshold {cut:.2f}", model.fit(x["train"], y.astype(int)).decision_function(x["test"]) > cut


def _flat(entry: dict[str, Any]) -> str:
    if "text" in entry:
        return entry["text"]
    start, end = entry["mention"]
    marked = [f"mention_{word}" for word in entry["tokens"][start:end]]
    return " ".join([*entry["tokens"][:start], *marked, *entry["tokens"][end:]])


def _sum(measures: dict[str, float]) -> float:
    return sum(measures[name] for name in MEASURES)


def difference(y_true: np.ndarray, one: np.ndarray, other: np.ndarray, unit: np.ndarray) -> tuple[float, float, float]:
    """The difference of the sums, and its 95 % interval by a bootstrap over documents, or groups of them."""
    random, found = np.random.default_rng(SEED), []
    members = [np.flatnonzero(unit == u) for u in range(unit.max() + 1)]
    for _ in range(DRAWS):
        rows = np.concatenate([members[u] for u in random.integers(len(members), size=len(members))])
        found.append(_sum(evaluate(y_true[rows], one[rows])) - _sum(evaluate(y_true[rows], other[rows])))
    low, high = np.quantile(found, [0.025, 0.975])
    return _sum(evaluate(y_true, one)) - _sum(evaluate(y_true, other)), float(low), float(high)


def measured(name: str, folder: Path, mirror: str) -> Iterator[dict[str, Any]]:
    """A line for each of the two on one corpus."""
    parts = splits(documents(name, folder, mirror))
    place = folder / name
    place.mkdir()
    start = time.process_time()
    row, y_pred, y_true, ids = ours(place, parts)
    middle = time.process_time()
    by_id = {entry["id"]: entry for entry in parts["test"]}
    parts["test"] = [by_id[each] for each in ids]
    labels = Prepared(place / "data").labels
    theirs, other = rival(name, parts, labels)
    end = time.process_time()
    unit = np.unique([entry.get("group", entry["id"]) for entry in parts["test"]], return_inverse=True)[1]
    bare = np.mean([not entry["labels"] for entry in parts["train"]])
    about = {
        "corpus": name,
        "training": len(parts["train"]),
        "test": len(ids),
        "labels": len(labels),
        "bare": f"{bare:.2f}",
    }
    gain = [f"{each:.4f}" for each in difference(y_true, y_pred, other, unit)]
    for system, what, decided, seconds, more in (
        ("labelpolicy", row, y_pred, middle - start, gain),
        ("scikit-learn", theirs, other, end - middle, ["", "", ""]),
    ):
        found = evaluate(y_true, decided)
        line = about | {"system": system, "row": what} | {each: f"{found[each]:.4f}" for each in MEASURES}
        line |= {"sum": f"{_sum(found):.4f}"} | dict(zip(("difference", "low", "high"), more, strict=True))
        yield line | {"seconds": f"{seconds:.0f}"}


def main(
    mirror: Annotated[Path, typer.Option(envvar="LABELPOLICY_MIRROR", help="Folder of the raw files.")],
    output: Annotated[Path, typer.Option(help="CSV to write.")] = Path("docs/results/own/own_data.csv"),
    corpus: Annotated[list[str] | None, typer.Option(help=f"Of {', '.join(CORPORA)}; all if none is given.")] = None,
) -> None:
    """Measure the recommended row against ten lines of scikit-learn."""
    warnings.simplefilter("ignore")
    lines: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        for name in corpus or CORPORA:
            lines += measured(name, Path(temporary), str(mirror))
            for line in lines[-2:]:
                print(" ".join(f"{value}" for value in line.values()), flush=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(output) as made, Path(made).open("w", newline="") as file:
        writer = csv.DictWriter(file, lines[0])
        writer.writeheader()
        writer.writerows(lines)
    cells = [[markdown(str(value)) for value in line.values()] for line in lines]
    titles = [name.replace("_", " ").replace("low", "95 % from").replace("high", "to") for name in lines[0]]
    write_text(output.with_suffix(".md"), "# Data of one's own\n\n" + ABOUT + "\n" + markdown_table(titles, cells))


if __name__ == "__main__":
    typer.run(main)
