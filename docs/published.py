"""What lies in docs/results, for machines and for readers.

python docs/published.py      writes docs/results/numbers.json, the table of its README.md and one into each folder
"""

from __future__ import annotations

import csv
import json
import statistics
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from finding import DATASETS, put

from labelpolicy.data.registry import find, task, title
from labelpolicy.methods import read_methods, rows_of

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs/results"
METHODS = ROOT / "workflow/methods.tsv"
ERROR = "_standard_error"
GENERATED = "Written by `python docs/published.py`; a change here is lost.\n"

#: Files of a study, and what they are; in this order.
FILES = {
    "summary.md": "the run on one page",
    "reproducing.md": "the paper's claims and ours, with verdicts",
    "table5.md": "Table 5: the methods on texts",
    "table2.md": "Table 2: the methods on entity typing",
    "table4.md": "Table 4: the corpora of texts",
    "table1.md": "Table 1: the corpora of entity typing",
    "table6.md": "Table 6: random initial policies, texts",
    "table3.md": "Table 3: random initial policies, entity typing",
    "ablation.md": "what each part of the learned policy is worth",
    "metrics.csv": "a line for each cell, seed, split and measure",
    "significance.csv": "a line for each pair of rows and measure: difference, interval, p",
    "ablation.csv": "the ablation, a line for each row, split and measure",
    "record.md": "what the run cost, and on what",
    "claims.csv": "a line for each claim and data set: verdict and reason",
    "record.json": "the same as record.md",
}


def kind(dataset: str) -> str:
    """What the split of a data set is: published, a sample, a re-split, synthetic, or a user's own."""
    if dataset == "synthetic" or dataset.endswith("_standin"):
        return "synthetic"
    if dataset.endswith("_sample"):
        return "sample"
    found = find(dataset)
    return "own" if found is None else "re-split" if found.resplit else "published"


def numbers(results: Path = RESULTS) -> list[dict]:
    """All rows of all studies: a record for each row and split, with its measures; then the ablation and the sets."""
    found = [record for file in sorted(results.glob("*/metrics.csv")) for record in _of_metrics(file, results)]
    for file in sorted(results.glob("*/ablation.csv")):
        found += _of_ablation(file, results)
    for file in sorted(results.glob("sets/test*.csv")):
        found += _of_sets(file, results)
    return found


def _lines(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _record(file: Path, results: Path, dataset: str, row: str | None, split: str, **more: object) -> dict:
    source = f"docs/results/{file.relative_to(results).as_posix()}"
    return {"dataset": dataset, "split_kind": kind(dataset), "row": row, "split": split, **more, "source": source}


def _number(value: float) -> float:
    return float(f"{value:.6g}")


def _of_metrics(file: Path, results: Path) -> Iterator[dict]:
    by_seed: dict[tuple[str, ...], dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for line in _lines(file):
        cell = (line["dataset"], line["classifier"], line["weights"], line["thresholds"], line["split"])
        by_seed[cell][line["metric"]][int(line["seed"])] = float(line["value"])
    methods = read_methods(METHODS)
    for (dataset, *cell, split), measures in sorted(by_seed.items()):
        names = [method.name for method in rows_of(methods, dataset) if method.cell == tuple(cell)]
        values = {}
        for measure, seeds in sorted(measures.items()):
            if measure.endswith(ERROR):
                continue
            values[measure] = {"value": _number(statistics.fmean(seeds.values()))}
            if len(seeds) > 1:
                values[measure]["deviation"] = _number(statistics.stdev(seeds.values()))
            if errors := measures.get(measure + ERROR):
                values[measure]["standard_error"] = _number(statistics.fmean(errors.values()))
        about = dict(zip(("classifier", "weights", "thresholds"), cell, strict=True))
        seeds = sorted({seed for found in measures.values() for seed in found})
        row = names[0] if names else None
        yield _record(file, results, dataset, row, split, **about, seeds=seeds, measures=values)


def _of_ablation(file: Path, results: Path) -> Iterator[dict]:
    rows: dict[tuple[str, ...], list[dict[str, str]]] = defaultdict(list)
    columns = ("dataset", "row", "split", "classifier", "weights", "thresholds")
    for line in _lines(file):
        rows[tuple(line[column] for column in columns)].append(line)
    for (dataset, row, split, *cell), lines in rows.items():
        values = {
            line["measure"]: {"value": _number(float(line["mean"]))}
            | ({"deviation": _number(float(line["deviation"]))} if line["deviation"] else {})
            for line in lines
        }
        about = dict(zip(columns[3:], cell, strict=True)) | {"seeds": [*range(int(lines[0]["seeds"]))]}
        yield _record(file, results, dataset, row, split, **about, measures=values)


def _of_sets(file: Path, results: Path) -> Iterator[dict]:
    for line in _lines(file):
        values = {name: {"value": float(line[name])} for name in ("accuracy", "macro_f1", "micro_f1")}
        row = f"{line['way']}, folds by {line['folds_by']}"
        about = {"classifier": line["classifier"], "seeds": [*range(int(line["seeds"]))]}
        yield _record(file, results, line["dataset"], row, "test", **about, measures=values)


def as_json(records: list[dict]) -> str:
    """One record a line, so that a change shows as what it is."""
    about = (
        "Every published measure: the mean over seeds, its sample standard deviation over them if there are several, "
        "and its standard error over test documents (jackknife) where it was computed. Differences between rows, with "
        "intervals and p-values, are in significance.csv beside each source."
    )
    lines = ",\n".join(json.dumps(record) for record in records)
    return f'{{"about": {json.dumps(about)},\n"numbers": [\n{lines}\n]}}\n'


def readme(folder: Path) -> str:
    """What is in one folder: of a study its files, of a benchmark what it printed."""
    there = {file.name: file for file in sorted(folder.iterdir()) if file.is_file() and file.name != "README.md"}
    if "metrics.csv" in there:
        lines = _lines(there["metrics.csv"])
        datasets = ", ".join(title(name) for name in sorted({line["dataset"] for line in lines}))
        seeds = len({line["seed"] for line in lines})
        head = f"# {datasets}\n\n{GENERATED}\nOne study, {seeds} seed{'s' * (seeds > 1)}.\n"
        known = {name: there[name] for name in FILES if name in there} | there
        rows = "\n".join(f"| [{name}]({name}) | {FILES.get(name, '')} |" for name in known)
        return f"{head}\n| file | what it is |\n|---|---|\n{rows}\n"
    parts = [f"# What a benchmark printed: {folder.name.replace('_', ' ')}\n\n{GENERATED}"]
    for name, file in there.items():
        parts.append(f"[{name}]({name})\n")
        if file.suffix == ".txt":
            parts.append(f"```text\n{file.read_text(encoding='utf-8').strip(chr(10))}\n```\n")
    return "\n".join(parts)


#: What the table of all studies shows, by column: files of a study.
SHOWN = {
    "summary": {"summary.md": "summary"},
    "tables": {
        "table5.md": "methods",
        "table2.md": "methods",
        "table4.md": "statistics",
        "table1.md": "statistics",
        "table6.md": "initial policies",
        "table3.md": "initial policies",
        "ablation.md": "ablation",
    },
    "verdicts": {"reproducing.md": "claims"},
    "what it cost": {"record.md": "record"},
}
MARKS = "<!-- studies, written by docs/published.py -->", "<!-- end of studies -->"


def studies(results: Path = RESULTS) -> str:
    """The table of all studies: their seeds, and links to what is worth opening first."""
    lines = ["| study | seeds | " + " | ".join(SHOWN) + " |", "|---" * (2 + len(SHOWN)) + "|"]
    places = {name: number for number, name in enumerate(DATASETS)}
    for file in sorted(results.glob("*/metrics.csv"), key=lambda file: places.get(file.parent.name, len(places))):
        found = _lines(file)
        tables = {"typing": ("table5.md", "table4.md", "table6.md"), "text": ("table2.md", "table1.md", "table3.md")}
        names = {line["dataset"] for line in found}
        others = {each for name in names for each in tables.get(task(name), ())}
        cells = [", ".join(map(title, sorted(names))), str(len({line["seed"] for line in found}))]
        for shown in SHOWN.values():
            there = {name: word for name, word in shown.items() if (file.parent / name).is_file()}
            links = [f"[{word}]({file.parent.name}/{name})" for name, word in there.items() if name not in others]
            cells.append(", ".join(links))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write(results: Path = RESULTS) -> None:
    (results / "numbers.json").write_text(as_json(numbers(results)), encoding="utf-8")
    page = results / "README.md"
    page.write_text(put(page.read_text(encoding="utf-8"), studies(results), *MARKS), encoding="utf-8")
    for folder in sorted(each for each in results.iterdir() if each.is_dir()):
        (folder / "README.md").write_text(readme(folder), encoding="utf-8")


if __name__ == "__main__":
    write()
