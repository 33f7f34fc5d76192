"""A whole study of a few documents, a command line for each command on it, and ways to spoil what they read."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from tiny_transformer import tiny

from labelpolicy import cli

ROOT = Path(__file__).resolve().parents[2]
FIXED = "results/synthetic/linear/{}/seed0"
UNIFORM, META = FIXED.format("uniform"), FIXED.format("meta")
RULES = ("inverse_frequency_0.25", "inverse_frequency_0.5", "inverse_frequency")
SWEEP = "results/synthetic/linear/meta/seed0/init{}/meta/metrics.json"
METHODS = """name\tclassifier\tweights\tthresholds\tpaper_row\tgroup\tdatasets
Linear\tlinear\tuniform\tfixed\t-\tfixed\tall
Linear, shared\tlinear\tuniform\tshared\t-\tfixed\tall
Linear, meta\tlinear\tmeta\tmeta\t-\tlearned\tall
"""
PARAMETERS = {
    "grid": {"datasets": ["synthetic"]},
    "data": {"bad_share": 0, "vectors": {"source": "random", "width": 4}},
    "synthetic": {"documents": 60, "test_documents": 20, "labels": 4, "tokens": 6, "vocabulary": 40},
    "classifiers": {"linear": {"epochs": 2}},
    "policies": {"meta": {"episodes": 1, "steps": 1}},
    "crossfit": {"folds": 2},
    "significance": {"draws": 50},
    "ablation": {"reference": "meta", "policies": []},
}


GROUPS = ("figure", "thresholds")  # commands that have commands


@dataclass(frozen=True)
class Command:
    """A command line on the study, in words relative to its folder; what it reads, and what it writes."""

    line: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]

    @property
    def name(self) -> str:
        words = self.line.split()
        return " ".join(words[:2]) if words[0] in GROUPS else words[0]


def _command(line: str, reads: str = "", writes: str = "out") -> Command:
    return Command(line, tuple(reads.split()), tuple(writes.split()))


PREPARED = "prepared/labels.parquet prepared/dataset.json"
SPLITS = "prepared/train.parquet prepared/valid.parquet"
TEST = "prepared/test.parquet"
TABLES = "--metrics metrics.parquet --methods methods.tsv"
COMMANDS = [
    _command("synthesise --output out --params params.yaml", "params.yaml"),
    _command(
        "prepare synthetic --raw raw --output out --params params.yaml",
        "raw/train.jsonl raw/test.jsonl raw/labels.tsv raw/source.json params.yaml",
    ),
    _command("inspect raw/train.jsonl", "", ""),
    _command("label-weights prepared uniform --output out.json", PREPARED, "out.json"),
    _command(
        f"train prepared linear --policy {UNIFORM}/policy.json --scores s.parquet --history h.parquet "
        "--params params.yaml",
        f"{PREPARED} {SPLITS} {TEST} {UNIFORM}/policy.json params.yaml",
        "s.parquet h.parquet",
    ),
    _command(
        f"train prepared kim_cnn --policy {UNIFORM}/policy.json --scores s.parquet --history h.parquet "
        "--params params.yaml --set classifiers.kim_cnn.epochs=1",
        "prepared/embeddings.safetensors",
        "s.parquet h.parquet",
    ),
    _command(
        "train prepared linear --model out --thresholds shared --thresholds fixed+one --params params.yaml",
        f"{TEST} prepared/vocabulary.parquet",
    ),
    _command(
        f"keep prepared linear --policy {UNIFORM}/policy.json --scores {UNIFORM}/scores.parquet --model out "
        f"--thresholds {UNIFORM}/fixed/thresholds.json --params params.yaml",
        f"{TEST} {UNIFORM}/policy.json {UNIFORM}/scores.parquet {UNIFORM}/fixed/thresholds.json",
    ),
    _command(
        "predict model new.jsonl --output out.csv --scores",
        "model/config.json model/model.safetensors model/vocabulary.json model/thresholds.json new.jsonl",
        "out.csv",
    ),
    _command(
        f"crossfit prepared linear --policy {UNIFORM}/policy.json --history {UNIFORM}/history.parquet "
        "--output o.parquet --params params.yaml",
        f"{PREPARED} {SPLITS} {UNIFORM}/policy.json {UNIFORM}/history.parquet params.yaml",
        "o.parquet",
    ),
    _command(
        f"join prepared {UNIFORM}/out_of_fold.parquet out_of_fold.parquet --output j.parquet",
        f"{PREPARED} {SPLITS} {TEST} {UNIFORM}/out_of_fold.parquet out_of_fold.parquet",
        "j.parquet",
    ),
    _command(
        f"recommend prepared shared fixed+one --scores {UNIFORM}/out_of_fold.parquet --output r.json --model out "
        "--params params.yaml",
        f"{PREPARED} {SPLITS} {TEST} {UNIFORM}/out_of_fold.parquet params.yaml",
        "r.json out",
    ),
    _command(
        "embed prepared --output out --params params.yaml --set classifiers.transformer.model=pretrained "
        "--set classifiers.transformer.max_tokens=16",
        f"{SPLITS} {TEST} pretrained/model.safetensors pretrained/config.json pretrained/tokenizer.json params.yaml",
    ),
    _command(
        "tune prepared linear_svc --output t.json --params params.yaml",
        "prepared/labels.parquet prepared/train.parquet params.yaml",
        "t.json",
    ),
    _command(
        "learn prepared linear --output m.safetensors --trace t.parquet --params params.yaml",
        f"prepared/labels.parquet {SPLITS} params.yaml",
        "m.safetensors t.parquet",
    ),
    _command(
        f"rollout prepared linear --meta {META}/meta_learner.safetensors --output p.json --trace t.parquet "
        "--params params.yaml",
        f"{PREPARED} {SPLITS} {META}/meta_learner.safetensors",
        "p.json t.parquet",
    ),
    _command(
        f"decide prepared shared meta --scores {META}/scores.parquet --learned meta={META}/policy.json --output out",
        f"{PREPARED} {TEST} prepared/valid.parquet {META}/scores.parquet {META}/policy.json",
    ),
    _command(
        f"collect {UNIFORM}/fixed/metrics.json {META}/meta/metrics.json --output c.parquet --csv c.csv",
        f"{UNIFORM}/fixed/metrics.json",
        "c.parquet c.csv",
    ),
    _command(
        f"significance prepared {TABLES} --results results --output c.parquet --csv c.csv --params params.yaml",
        f"{PREPARED} {TEST} metrics.parquet methods.tsv {UNIFORM}/fixed/thresholds.json {UNIFORM}/scores.parquet",
        "c.parquet c.csv",
    ),
    _command(
        "ablation prepared --metrics metrics.parquet --results results --output c.parquet --csv c.csv --latex c.tex "
        "--markdown c.md --params params.yaml",
        f"{PREPARED} {TEST} metrics.parquet {META}/meta/thresholds.json {META}/scores.parquet params.yaml",
        "c.parquet c.csv c.tex c.md",
    ),
    _command(
        f"robustness {SWEEP.format(1)} {SWEEP.format(2)} --output c.parquet --csv c.csv",
        SWEEP.format(2),
        "c.parquet c.csv",
    ),
    _command(
        f"summary prepared {TABLES} --paper paper.tsv --output s.md",
        "prepared/dataset.json metrics.parquet methods.tsv paper.tsv",
        "s.md",
    ),
    _command(
        f"table 5 prepared {TABLES} --paper paper.tsv --significance significance.parquet --output t.tex "
        "--markdown t.md",
        "prepared/dataset.json metrics.parquet methods.tsv paper.tsv significance.parquet",
        "t.tex t.md",
    ),
    _command(
        "table 6 prepared --robustness robustness.parquet --paper paper.tsv --output t.tex --markdown t.md",
        "robustness.parquet paper.tsv",
        "t.tex t.md",
    ),
    _command(
        f"reproducing prepared {TABLES} --paper paper.tsv --claims claims.tsv --significance significance.parquet "
        "--robustness robustness.parquet --output r.md --csv r.csv --latex r.tex",
        "prepared/dataset.json metrics.parquet methods.tsv paper.tsv claims.tsv significance.parquet "
        "robustness.parquet",
        "r.md r.csv r.tex",
    ),
    _command(
        f"page prepared {TABLES} --results results --template page.html --output p.html",
        f"prepared/dataset.json {TEST} metrics.parquet methods.tsv page.html {META}/policy.json "
        f"{UNIFORM}/fixed/labels.parquet {UNIFORM}/fixed/predictions.parquet",
        "p.html",
    ),
    _command(
        f"flatten metrics.parquet --history {UNIFORM}/history.parquet --trace {META}/trace.parquet --output out",
        f"metrics.parquet {UNIFORM}/history.parquet {META}/trace.parquet",
    ),
    _command(
        "thresholds fit own/scores.csv own/truth.csv --output out.json", "own/scores.csv own/truth.csv", "out.json"
    ),
    _command(
        "thresholds apply own/thresholds.json own/scores.csv --output p.csv",
        "own/thresholds.json own/scores.csv",
        "p.csv",
    ),
    _command(
        "evaluate own/predictions.csv own/truth.csv --output e.json", "own/predictions.csv own/truth.csv", "e.json"
    ),
    _command("publish methods.tsv --folder out", ""),
    _command("parameters --schema out.json --docs out.md", "", "out.json out.md"),
    _command("fetch synthetic --output raw --sources sources.tsv", "sources.tsv", "raw"),
    _command(
        f"figure learning-curve {UNIFORM}/history.parquet --title t --pdf f.pdf --png f.png",
        f"{UNIFORM}/history.parquet",
        "f.pdf f.png",
    ),
    _command(
        f"figure trace {META}/trace.parquet --title t --pdf f.pdf --png f.png", f"{META}/trace.parquet", "f.pdf f.png"
    ),
    _command(
        f"figure policy prepared --policy {META}/policy.json --title t --pdf f.pdf --png f.png",
        f"prepared/labels.parquet {META}/policy.json",
        "f.pdf f.png",
    ),
    _command(
        f"figure label-f1 {UNIFORM}/fixed/labels.parquet {UNIFORM}/shared/labels.parquet "
        f"{META}/meta/labels.parquet --title t --pdf f.pdf --png f.png",
        f"{UNIFORM}/fixed/labels.parquet",
        "f.pdf f.png",
    ),
    _command(
        f"figure f1-by-frequency {UNIFORM}/fixed/labels.parquet {META}/meta/labels.parquet --title t --pdf f.pdf "
        "--png f.png --svg f.svg",
        f"{UNIFORM}/fixed/labels.parquet",
        "f.pdf f.png f.svg",
    ),
    _command(
        f"figure precision-recall prepared --scores {UNIFORM}/scores.parquet --title t --pdf f.pdf --png f.png",
        f"prepared/labels.parquet {TEST} {UNIFORM}/scores.parquet",
        "f.pdf f.png",
    ),
    _command(
        f"figure weight-tree prepared --policy {META}/policy.json --correlations c.json --title t --pdf f.pdf "
        "--png f.png",
        f"{PREPARED} {META}/policy.json",
        "c.json f.pdf f.png",
    ),
    _command(
        f"figure weights prepared --policy {META}/policy.json --title t --pdf f.pdf --png f.png",
        f"prepared/labels.parquet {META}/policy.json",
        "f.pdf f.png",
    ),
    _command(
        f"figure reward prepared --policy {META}/policy.json --scores {META}/scores.parquet --title t --pdf f.pdf "
        "--png f.png",
        f"{META}/policy.json {META}/scores.parquet",
        "f.pdf f.png",
    ),
    _command("figure robustness robustness.parquet --pdf f.pdf --png f.png", "robustness.parquet", "f.pdf f.png"),
]


@dataclass(frozen=True)
class Done:
    """How a command ended: its status, what it printed on stderr, and the stack trace of what it did not catch."""

    status: int
    stderr: str
    trace: str = ""

    @property
    def fault(self) -> str:
        """What is wrong with this as the answer to bad input; "" for one line that says so, the last one printed."""
        if self.trace:
            return f"a stack trace: {self.trace.strip().splitlines()[-1]}"
        if self.status == 0:
            return "accepted"
        *before, last = self.stderr.splitlines() or [""]
        if not last.startswith("error: ") or any("error: " in line or "Warning: " in line for line in before):
            return f"not one line: {self.stderr[:300]}"
        return f"{len(last)} characters" if len(last) > 507 else ""


def run(words: Iterable[str], folder: Path) -> Done:
    """The command line in this process, with ``folder`` as the current one."""
    stderr, before, argv = io.StringIO(), Path.cwd(), sys.argv
    sys.argv = ["labelpolicy", *words]
    os.chdir(folder)
    try:
        with contextlib.redirect_stderr(stderr), contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cli.main()
        return Done(0, stderr.getvalue())
    except SystemExit as stop:
        return Done(int(stop.code or 0), stderr.getvalue())
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return Done(1, stderr.getvalue(), traceback.format_exc())
    finally:
        os.chdir(before)
        sys.argv = argv


def files_of(folder: Path) -> set[str]:
    """The names of all files and folders below a folder."""
    found, start = set(), len(str(folder)) + 1
    for at, folders, files in os.walk(folder):
        found.update(f"{at}/{name}"[start:] for name in (*folders, *files))
    return found


def make(folder: Path) -> None:
    """The study: every file that a command of COMMANDS reads, made by the commands themselves."""
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMETERS))
    (folder / "methods.tsv").write_text(METHODS)
    for name, place in {"paper.tsv": "", "claims.tsv": "", "sources.tsv": "", "page.html": "report/"}.items():
        shutil.copyfile(ROOT / "workflow" / place / name, folder / name)
    with (folder / "sources.tsv").open("a") as file:
        columns = (folder / "sources.tsv").read_text().splitlines()[0].split("\t")
        row = {"dataset": "synthetic", "order": "1", "kind": "own", "location": "*.jsonl", "file": "train.jsonl"}
        file.write("\t".join(row.get(column, "-") for column in columns) + "\n")
    tiny(folder / "pretrained", ["some", "words"])
    both = "--params params.yaml"
    decide = "--output {0} --scores {0}/scores.parquet"
    train = "--policy {0}/policy.json --scores {0}/scores.parquet --history {0}/history.parquet"
    rollout = f"--meta {META}/meta_learner.safetensors --output {META}/policy.json --trace {META}/rollout.parquet"
    for line in (
        f"synthesise --output raw {both}",
        f"prepare synthetic --raw raw --output prepared {both}",
        f"label-weights prepared uniform --output {UNIFORM}/policy.json",
        f"train prepared linear {train.format(UNIFORM)} {both}",
        f"decide prepared fixed shared {decide.format(UNIFORM)}",
        f"crossfit prepared linear --history {UNIFORM}/history.parquet --output {UNIFORM}/out_of_fold.parquet {both}",
        "crossfit prepared linear_svc --history nothing --output out_of_fold.parquet --set "
        f"classifiers.linear_svc.search=null {both}",
        f"train prepared linear --model model {both}",
        f"learn prepared linear --output {META}/meta_learner.safetensors --trace {META}/trace.parquet {both}",
        f"rollout prepared linear {rollout} {both}",
        f"train prepared linear {train.format(META)} {both}",
        f"decide prepared meta {decide.format(META)} --learned meta={META}/policy.json",
        f"decide prepared meta {decide.format(UNIFORM)} --learned meta={META}/policy.json",
        f"decide prepared fixed shared {decide.format(META)}",
        *(
            line.format(FIXED.format(rule))
            for rule in RULES
            for line in (
                f"label-weights prepared {rule} --output {{0}}/policy.json",
                f"train prepared linear {train} {both}",
                f"decide prepared fixed shared {decide}",
            )
        ),
        "collect {} --output metrics.parquet --csv metrics.csv".format(
            " ".join(
                f"{FIXED.format(weights)}/{thresholds}/metrics.json"
                for weights in ("uniform", "meta", *RULES)
                for thresholds in ("fixed", "shared", *(["meta"] if weights in ("uniform", "meta") else []))
            )
        ),
        "significance prepared --metrics metrics.parquet --results results --methods methods.tsv "
        f"--output significance.parquet --csv significance.csv {both}",
    ):
        done = run(line.split(), folder)
        assert done.status == 0, f"{line}: {done.stderr}{done.trace}"
    shutil.copyfile(folder / "raw/test.jsonl", folder / "new.jsonl")
    make_own(folder / "own")
    content = json.loads((folder / META / "meta/metrics.json").read_text())
    for init in (1, 2):
        path = folder / SWEEP.format(init)
        path.parent.mkdir(parents=True)
        content["about"]["init"] = init
        path.write_text(json.dumps(content))
    line = f"robustness {SWEEP.format(1)} {SWEEP.format(2)} --output robustness.parquet --csv robustness.csv"
    assert run(line.split(), folder).status == 0


def make_own(folder: Path) -> None:
    """Scores and truth of a user, of any tool."""
    folder.mkdir()
    rows = [(number * 7 % 20 / 20, number * 3 % 20 / 20) for number in range(40)]
    for name, of in {"scores": str, "truth": lambda score: str(int(score > 0.4))}.items():
        lines = ["a,b", *(",".join(map(of, row)) for row in rows)]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    for line in (
        "thresholds fit scores.csv truth.csv --output thresholds.json",
        "thresholds apply thresholds.json scores.csv --output predictions.csv",
    ):
        assert run(line.split(), folder).status == 0, line


def linked(study: Path, folder: Path) -> Path:
    """A study to spoil: its files are links to the first one's, so replace them, never write into them."""
    return shutil.copytree(study, folder, copy_function=os.link)


def replaced(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


Spoil = Callable[[Path], None]


def _bytes(change: Callable[[bytes], bytes]) -> Spoil:
    return lambda path: replaced(path, change(path.read_bytes()))


def _first_key(value: object) -> str:
    return next(iter(value)) if isinstance(value, dict) and value else ""


def _twice(content: bytes) -> bytes:
    value = json.loads(content)
    return b'{"%s": 1, %s' % (_first_key(value).encode(), content.lstrip()[1:])


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def _columns(change: Callable[[pa.Table], pa.Table]) -> Spoil:
    def spoil(path: Path) -> None:
        table = change(pq.read_table(path))
        path.unlink()
        pq.write_table(table, path)

    return spoil


#: The column of each Parquet file that every command which reads the file needs.
KEY = {"labels": "label", "train": "labels", "valid": "labels", "test": "labels", "scores": "scores",
       "out_of_fold": "scores",
       "metrics": "value", "history": "valid_micro_f1", "trace": "reward", "significance": "measure",
       "robustness": "value", "vocabulary": "token", "predictions": "labels"}  # fmt: skip


def _key_column(path: Path, values: Callable[[pa.ChunkedArray], pa.Array] | None) -> None:
    table = pq.read_table(path)
    name = KEY[path.stem]
    place = table.column_names.index(name)
    kept = table.remove_column(place)
    if values is not None:
        kept = table.set_column(place, name, values(table[name]))
    path.unlink()
    pq.write_table(kept, path)


def _other_type(column: pa.ChunkedArray) -> pa.Array:
    if pa.types.is_string(column.type):
        return pa.array(range(len(column)))
    return pa.array([f"no {place}" for place in range(len(column))])


def _with_null(column: pa.ChunkedArray) -> pa.Array:
    return pa.array([None, *column.to_pylist()[1:]], type=column.type)


def _tensors(change: Callable) -> Spoil:
    def spoil(path: Path) -> None:
        from safetensors.numpy import load_file, save_file

        found = {name: values.copy() for name, values in load_file(path).items()}
        path.unlink()
        save_file({name: change(values) for name, values in found.items()}, path)

    return spoil


def _nan(values):
    values.flat[-1] = float("nan")
    return values


#: Ways to spoil a file, by the kind of file; every one must be refused.
ANY: dict[str, Spoil] = {
    "missing": lambda path: path.unlink(),
    "a folder": _folder,
    "a loop of links": _loop,
    "empty": _bytes(lambda content: b""),
    "UTF-16": _bytes(lambda content: "ärger".encode("utf-16") + content),
    "zeros": _bytes(lambda content: b"\0" * len(content)),
}
SPOILED: dict[str, dict[str, Spoil]] = {
    ".json": {
        "cut short": _bytes(lambda content: content[: len(content) // 2]),
        "Latin-1": _bytes(lambda content: b'{"\xe4": 1, ' + content.lstrip()[1:]),
        "nested deep": _bytes(lambda content: b"[" * 100_000),
        "a huge integer": _bytes(lambda content: b'{"x": ' + b"1" * 5000 + b", " + content.lstrip()[1:]),
        "a key twice": _bytes(_twice),
        "NaN": _bytes(lambda content: b'{"x": NaN, ' + content.lstrip()[1:]),
        "half a surrogate pair": _bytes(lambda content: b'{"\\ud800": 1, ' + content.lstrip()[1:]),
        "a list": _bytes(lambda content: b"[1, 2]"),
        "null": _bytes(lambda content: b"null"),
        "an empty object": _bytes(lambda content: b"{}"),
        "null values": _bytes(lambda content: json.dumps(dict.fromkeys(json.loads(content))).encode()),
        "strings as values": _bytes(lambda content: json.dumps(dict.fromkeys(json.loads(content), "x")).encode()),
        "numbers as values": _bytes(lambda content: json.dumps(dict.fromkeys(json.loads(content), 7)).encode()),
    },
    ".parquet": {
        "cut short": _bytes(lambda content: content[: len(content) // 2]),
        "its end lost": _bytes(lambda content: content[:-5]),
        "text": _bytes(lambda content: b"label,parent\n"),
        "no column": lambda path: _key_column(path, None),
        "another type": lambda path: _key_column(path, _other_type),
        "a null": lambda path: _key_column(path, _with_null),
        "no rows": _columns(lambda table: table.slice(0, 0)),
    },
    ".safetensors": {
        "cut short": _bytes(lambda content: content[: len(content) // 2]),
        "NaN": _tensors(_nan),
        "another shape": _tensors(lambda values: values.reshape(-1)[:3].copy()),
        "doubles cut": _tensors(lambda values: values[:1].astype("float64")),
    },
    ".tsv": {
        "Latin-1": _bytes(lambda content: content + b"\xe4\n"),
        "another header": _bytes(lambda content: b"a\tb\n" + content),
        "a line too short": _bytes(lambda content: content.rstrip() + b"\nx\n"),
        "no header": _bytes(lambda content: content.partition(b"\n")[2]),
    },
    ".yaml": {
        "Latin-1": _bytes(lambda content: content + b"# \xe4\n"),
        "no YAML": _bytes(lambda content: content + b"a: [\n"),
        "a list": _bytes(lambda content: b"- 1\n"),
        "a key twice": _bytes(lambda content: content + b"synthetic: {}\n"),
        "an unknown key": _bytes(lambda content: content + b"more: 1\n"),
        "nested deep": _bytes(lambda content: b"[" * 600),
        "a huge integer": _bytes(lambda content: content + b"threads: " + b"1" * 5000 + b"\n"),
        "a broken integer": _bytes(lambda content: content + b'threads: !!int ""\n'),
        **{
            f"{value} for a number": _bytes(lambda content, value=value: content + f"threads: {value}\n".encode())
            for value in (".inf", "-.inf", ".nan", "1.0e308", "-1", "1e9", "null", "[]", "x")
        },
    },
    ".jsonl": {
        "no JSON": _bytes(lambda content: b"{\n" + content),
        "Latin-1": _bytes(lambda content: content + b'{"text": "\xe4", "labels": []}\n'),
        "a list": _bytes(lambda content: content + b"[]\n"),
        "a key twice": _bytes(lambda content: content + b'{"text": "a", "text": "b", "labels": []}\n'),
        "nested deep": _bytes(lambda content: content + b"[" * 100_000 + b"\n"),
        "a huge integer": _bytes(lambda content: content + b"1" * 5000 + b"\n"),
        "half a surrogate pair": _bytes(lambda content: content + b'{"text": "\\ud800", "labels": []}\n'),
        "an unknown label": _bytes(lambda content: content + b'{"text": "a", "labels": ["none"]}\n'),
        "an id twice": _bytes(lambda content: content + content.splitlines()[0] + b"\n"),
        "cut short": _bytes(lambda content: content[: len(content) // 2 - 7]),
    },
    ".csv": {
        "Latin-1": _bytes(lambda content: content + b"\xe4,0\n"),
        "a word for a number": _bytes(lambda content: content + b"x,0\n"),
        "a value missing": _bytes(lambda content: content + b",0\n"),
        "a row too long": _bytes(lambda content: content + b"0,0,0\n"),
        "a row too short": _bytes(lambda content: content + b"0\n"),
        "a label twice": _bytes(lambda content: content.replace(b"a,b", b"a,a", 1)),
        "other labels": _bytes(lambda content: content.replace(b"a,b", b"c,d", 1)),
        "infinity": _bytes(lambda content: content + b"inf,0\n"),
        "a row more": _bytes(lambda content: content + b"0,0\n"),
        "no rows": _bytes(lambda content: content.splitlines()[0]),
    },
    ".html": {"without marks": _bytes(lambda content: b"<html></html>")},
}

#: Ways that the reader of a kind of file turns away, before a command sees anything of it. The commands have these
#: readers in common, so each is tried with every third way, the next one with the next third. What only a command can
#: see, a column or a value, is tried with each command and file.
READERS = {
    ".json": {"cut short", "Latin-1", "nested deep", "a huge integer", "a key twice", "NaN", "half a surrogate pair"},
    ".parquet": {"cut short", "its end lost", "text"},
    ".safetensors": set(),
    ".yaml": set(SPOILED[".yaml"]) - {"an unknown key"},
}


#: What some commands rightly take: a file they may do without, or need no more of.
TAKEN = {
    ("raw/source.json", "missing"),
    ("raw/labels.tsv", "missing"),
    ("raw/labels.tsv", "a line too short"),
    *(("raw/source.json", kind) for kind in ("a list", "null", "an empty object", "null values")),
    *(("raw/source.json", f"{kind} as values") for kind in ("strings", "numbers")),
    ("prepared/dataset.json", "strings as values"),
    *(("new.jsonl", kind) for kind in ("empty", "an unknown label", "an id twice")),
    ("params.yaml", "empty"),
    ("own/scores.csv", "a row more"),
    ("significance.parquet", "no rows"),
    (f"{META}/trace.parquet", "no rows"),
    (f"{UNIFORM}/history.parquet", "no rows"),
}


def cases() -> list[tuple[Command, str, str]]:
    """Every command with each file it reads and each way to spoil it."""
    return [
        (command, file, kind)
        for command in COMMANDS
        for file in command.reads
        for kind in {**ANY, **SPOILED[Path(file).suffix]}
        if (file, kind) not in TAKEN
    ]


def tried() -> dict[tuple[Command, str], list[str]]:
    """For every command and file, the ways to spoil it that the tests try: all, but for what READERS spares them."""
    found: dict[tuple[Command, str], list[str]] = {}
    for command, file, kind in cases():
        found.setdefault((command, file), []).append(kind)
    turn = dict.fromkeys(READERS, 0)
    for (command, file), kinds in found.items():
        ending = Path(file).suffix
        if ending in READERS:
            common = [kind for kind in kinds if kind in READERS[ending] | (set(ANY) - {"missing"})]
            spared = set(common) - set(common[turn[ending] % 3 :: 3])
            found[command, file] = [kind for kind in kinds if kind not in spared]
            turn[ending] += 1
    return found


def spoil(folder: Path, file: str, kind: str) -> None:
    {**ANY, **SPOILED[Path(file).suffix]}[kind](folder / file)
