"""Changes of a finished study, each with the jobs that it must start, and no others: 0 stale, 0 needless.

A small study with a row of each kind; what follows from a job is written down once, in FOLLOWS.
"""

from __future__ import annotations

import os
import shutil
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
from conftest import Study, copied

TARGETS = ("results/tables/table5.tex", "results/reproducing.md")
ROWS = """\
name\tclassifier\tweights\tthresholds\tpaper_row\tgroup\tdatasets
Linear\tlinear\tuniform\tfixed\t-\tbase\tall
Linear+Meta\tlinear\tmeta\tmeta\t-\tboth\tall
LinearSVC\tlinear_svc\tuniform\tscut\t-\tbase\tall
"""
#: A file of word vectors: what stands in braces in its name is no wildcard.
VECTORS = "my {vectors} $(touch executed).txt"
SETTINGS = f"""\
grid: {{datasets: [synthetic]}}
data: {{vectors: {{source: file, path: "{VECTORS}", width: 2}}}}
synthetic: {{documents: 60, test_documents: 20, labels: 4, tokens: 6, vocabulary: 40}}
classifiers: {{linear: {{epochs: 2, search: null}}, linear_svc: {{search: null}}}}
policies: {{meta: {{episodes: 1, steps: 1}}}}
significance: {{draws: 50}}
report: {{robustness: false}}
"""
GENERATE, PREPARE, WEIGH = (
    "Generate the synthetic corpus",
    "Prepare synthetic",
    "Weigh the labels of synthetic by uniform",
)
LEARN = "Learn policy meta with linear on synthetic, seed 0"
ROLL = "Roll out policy meta with linear on synthetic, seed 0"
LINEAR, META, SVC = (
    f"Train {name} label weights on synthetic, seed 0"
    for name in ("linear with uniform", "linear with meta", "linear_svc with uniform")
)
DECIDE_LINEAR, DECIDE_META, DECIDE_SVC = (
    f"Decide synthetic/{name}" for name in ("linear/uniform/seed0 by fixed", "linear/meta/seed0 by meta",
                                            "linear_svc/uniform/seed0 by scut")
)  # fmt: skip
COLLECT, TEST = "Collect the metrics of all cells", "Test the learned rows against all others"
TABLE, CLAIMS = "Table 5", "The claims, by data set"
#: The jobs that read what a job makes.
FOLLOWS = {
    GENERATE: (PREPARE,),
    PREPARE: (WEIGH, LEARN, ROLL, LINEAR, META, SVC, DECIDE_LINEAR, DECIDE_META, DECIDE_SVC, TEST, TABLE, CLAIMS),
    WEIGH: (LINEAR, SVC),
    LEARN: (ROLL,),
    ROLL: (META, DECIDE_META),
    LINEAR: (DECIDE_LINEAR, TEST),
    META: (DECIDE_META, TEST),
    SVC: (DECIDE_SVC, TEST),
    DECIDE_LINEAR: (COLLECT, TEST),
    DECIDE_META: (COLLECT, TEST),
    DECIDE_SVC: (COLLECT, TEST),
    COLLECT: (TEST, TABLE, CLAIMS),
    TEST: (TABLE, CLAIMS),
}
ALL = {GENERATE, *(job for jobs in FOLLOWS.values() for job in jobs)}
TRAIN = {LEARN, ROLL, LINEAR, META}


def expected(causes: set[str]) -> set[str]:
    """These jobs, and all that read what they make."""
    found, waiting = set(causes), list(causes)
    while waiting:
        new = set(FOLLOWS.get(waiting.pop(), ())) - found
        found |= new
        waiting += new
    return found


def make(folder: Path, commands: Path) -> Study:
    """The finished study, with a library of its own."""
    study = Study(folder, commands)
    study.own_source()
    (folder / "params.yaml").write_text(SETTINGS)
    (folder / "workflow/methods.tsv").write_text(ROWS)
    words = "".join(f"w{number:04d} {number % 7} {number % 3}\n" for number in range(40))
    (folder / VECTORS).write_text(words)
    study.run(*TARGETS)
    assert not (folder / "executed").exists()
    return study


def older(path: Path, content: bytes) -> None:
    """Other content under a time stamp from before the run: as ``cp -p``, ``mv``, ``tar x`` and ``rsync -a`` do."""
    other = path.with_name(f"{path.name}.other")
    other.write_bytes(content)
    os.utime(other, (1e9, 1e9))
    other.replace(path)


def replaced(file: str, find: str, put: str) -> Callable[[Study], None]:
    """Text in a file, or all of it, replaced; the file then looks older than all results."""

    def change(study: Study) -> None:
        content = (study.folder / file).read_text()
        assert find in content
        older(study.folder / file, content.replace(find, put, 1).encode())

    return change


def again(study: Study) -> None:
    """Every file once more, with the same content and a time stamp of its own."""
    for path in (*study.folder.glob("[dprw]*/**/*"), *study.folder.glob("*.*")):
        if path.is_file():
            older(path, path.read_bytes())
            os.utime(path)


def emptied(file: str) -> Callable[[Study], None]:
    return lambda study: older(study.folder / file, b"")


def written(file: str) -> Callable[[Study], object]:
    return lambda study: (study.folder / file).write_text("{}\n")


def parquet_changed(file: str) -> Callable[[Study], None]:
    """The file without its last row, under the time stamp of the first."""

    def change(study: Study) -> None:
        path = study.folder / file
        table = pq.read_table(path)
        pq.write_table(table.slice(0, len(table) - 1), path.with_name("other"))
        older(path, path.with_name("other").read_bytes())
        path.with_name("other").unlink()

    return change


def set_to(section: str) -> Callable[[Study], None]:
    return lambda study: study.set(section + "\n")


def classifiers(epochs: int = 2, C: float = 1.0) -> str:
    """Those of the study, untuned."""
    return f"classifiers: {{linear: {{epochs: {epochs}, search: null}}, linear_svc: {{C: {C}, search: null}}}}"


def code(file: str, more: str = "\nprint(end='')\n") -> Callable[[Study], None]:
    def change(study: Study) -> None:
        path = study.folder / "src/labelpolicy" / file
        path.write_text(path.read_text() + more)

    return change


def without(*files: str) -> Callable[[Study], None]:
    def change(study: Study) -> None:
        for file in files:
            path = study.folder / file
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return change


COPIED = {"results/ copied without records"}  # what the run is then refused with
CELL = "results/synthetic/{}/uniform/seed0/"
RECORD = urlsafe_b64encode(b"data/processed/synthetic/train.parquet").decode()
UNREAD = "grid: {datasets: [synthetic], quick: [linear]}"
#: A name, what is done, and the jobs that it is the cause of.
CHANGES: dict[str, tuple[Callable[[Study], object], set[str]]] = {
    "nothing": (lambda study: None, set()),
    "every file again, with the same content": (again, set()),
    "a comment in the code": (code("training.py", "\n# said otherwise\n"), set()),
    "a parameter that no job reads": (set_to(UNREAD), set()),
    "parameters of other targets": (set_to("robustness: {initialisations: 3}\nablation: {seeds: 2}"), set()),
    "folds that no row needs": (set_to("crossfit: {folds: 4}"), set()),
    "a mirror": (set_to("mirror: nowhere"), set()),
    "a note beside the results": (written(CELL.format("linear") + "notes.md"), set()),
    "a raw file edited": (replaced("data/raw/synthetic/train.jsonl", '"', ' "'), {PREPARE}),
    "test documents edited": (replaced("data/raw/synthetic/test.jsonl", '"', ' "'), {PREPARE}),
    "a raw file more": (written("data/raw/synthetic/valid.jsonl"), {PREPARE}),
    "a raw file lost": (without("data/raw/synthetic/labels.tsv"), {PREPARE}),
    "source.json lost, of what is prepared": (without("data/raw/synthetic/source.json"), set()),
    "word vectors edited": (replaced(VECTORS, "w0001 1 1", "w0001 2 1"), {PREPARE}),
    "a row renamed": (replaced("workflow/methods.tsv", "Linear+Meta", "Renamed"), {TEST, TABLE, CLAIMS}),
    "a row added": (
        replaced("workflow/methods.tsv", "LinearSVC", "More\tlinear\tuniform\todr\t-\tbase\tall\nLinearSVC"),
        {"Decide synthetic/linear/uniform/seed0 by fixed odr", COLLECT, TEST, TABLE, CLAIMS},
    ),
    "a row removed": (replaced("workflow/methods.tsv", ROWS.splitlines()[3], ""), {COLLECT, TEST, TABLE, CLAIMS}),
    "a number of the paper corrected": (replaced("workflow/paper.tsv", "\t0.", "\t0.0"), {TABLE, CLAIMS}),
    "a claim reworded": (replaced("workflow/claims.tsv", "The ", "That "), {CLAIMS}),
    "metrics emptied": (emptied("results/metrics.parquet"), {COLLECT}),
    "metrics of another run": (parquet_changed("results/metrics.parquet"), {COLLECT}),
    "scores emptied": (emptied(CELL.format("linear_svc") + "scores.parquet"), {SVC}),
    "scores of another run": (parquet_changed(CELL.format("linear_svc") + "scores.parquet"), {SVC}),
    "a policy edited": (replaced("results/synthetic/linear/meta/seed0/policy.json", "0.", "0.0"), {ROLL}),
    "a decision edited": (replaced(CELL.format("linear") + "fixed/metrics.json", "0.", "0.0"), {DECIDE_LINEAR}),
    "a prepared file emptied": (emptied("data/processed/synthetic/test.parquet"), {PREPARE}),
    "a prepared file of another run": (parquet_changed("data/processed/synthetic/train.parquet"), {PREPARE}),
    "a table lost": (without("results/tables/table5.tex"), {TABLE}),
    "scores lost, which are decided": (without(CELL.format("linear_svc") + "scores.parquet"), set()),
    "records lost of what is prepared": (without(f".snakemake/metadata/{RECORD}"), {PREPARE}),
    "all records lost": (without(".snakemake"), COPIED),
    "all records lost and a parameter changed": (
        lambda study: (without(".snakemake")(study), set_to(classifiers(epochs=3))(study)), COPIED),
    "epochs": (set_to(classifiers(epochs=3)), TRAIN),
    "C of the linear SVM": (set_to(classifiers(C=0.5)), {SVC}),
    "threads, which the linear SVM has not": (set_to("threads: 2"), TRAIN),
    "a device, which the linear SVM has not": (set_to("device: cpu"), TRAIN),
    "steps of the policy": (set_to("policies: {meta: {episodes: 1, steps: 2}}"), {LEARN, ROLL}),
    "draws": (set_to("significance: {draws: 60}"), {TEST}),
    "documents": (replaced("params.yaml", "documents: 60", "documents: 61"), {GENERATE}),
    "rarer words": (replaced("params.yaml", "data: {", "data: {min_count: 3, "), {PREPARE}),
    "what every command does": (code("cli.py"), ALL),
    "code of the linear SVM": (code("classifiers/linear_svc.py"), {SVC}),
    "code of a table": (code("report/tables.py"), {TABLE, CLAIMS}),
    "code of the generator": (code("data/synthetic.py"), {GENERATE}),
}  # fmt: skip


def outcome(made: Study, folder: Path, name: str) -> tuple[set[str], set[str]]:
    """(jobs that must run and would not, jobs that would run and need not) after the change of this name."""
    study = copied(made, folder)
    study.environment["PYTHONPATH"] = str(folder / "src")
    change, causes = CHANGES[name]
    change(study)
    if causes is COPIED:
        printed = study.run("--dry-run", *TARGETS, fails=True)
        found = COPIED if "no record in .snakemake" in printed else {printed[-500:]}
    else:
        found = study.jobs(*TARGETS)
    shutil.rmtree(folder)
    wanted = expected(causes)
    return wanted - found, found - wanted


def main(seconds: float, folder: Path, commands: Path) -> dict[str, int]:
    """Try all changes for so long; the counts."""
    ends, counts = time.monotonic() + seconds, {"changes after a run": 0, "stale": 0, "needless": 0}
    made = make(folder / "made", commands)
    for name in CHANGES:
        if time.monotonic() > ends:
            break
        stale, needless = outcome(made, folder / "copy", name)
        counts["changes after a run"] += 1
        counts["stale"] += bool(stale)
        counts["needless"] += bool(needless)
        if stale or needless:
            print(f"{name}: not run {sorted(stale)}, run without need {sorted(needless)}", flush=True)
    return counts
