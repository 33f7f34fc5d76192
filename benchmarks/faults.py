"""Random bad input for every command: `make faults`, or `python benchmarks/faults.py --seconds 600 --seed 1`.

A file that a command reads is changed at random (bytes, types, keys, rows, numbers), or spoiled in one of the ways of
tests/unit/small_study.py, which must all be refused; or an argument is. Printed: good answers, one-line errors, stack
traces, crashes of the interpreter, spoiled files that were accepted, and files left behind. What is not in it:
docs/reliability.md.
"""

from __future__ import annotations

import argparse
import collections
import json
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/unit"))
import small_study  # noqa: E402 - beside the tests, which use it too

ODD = (None, True, -1, 0, 3, 2**40, 10**400, 1e308, -1e-308, float("inf"), float("nan"), "", "x", "ä\u2028", "\0",
       "../..", "x" * 5000, [], [None], {}, {"a": []}, [[[]]])  # fmt: skip
SECONDS, MEMORY = 20, 12 << 30  # of one command
BAD = ("stack trace", "crash", "wrongly accepted", "left behind", "input changed", "no file named")


def places(value: object, path: tuple = ()) -> list[tuple]:
    """Where values stand in nested lists and dicts."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(*path, key) for key, _ in inner] + [found for key, each in inner for found in places(each, (*path, key))]


def changed(value: object, rng: random.Random) -> object:
    """A nested value with one part taken out or replaced."""
    where = places(value)
    if not where or rng.random() < 0.05:
        return rng.choice(ODD)
    *above, key = rng.choice(where)
    inner = value
    for step in above:
        inner = inner[step]
    if rng.random() < 0.3:
        del inner[key]
    else:
        inner[key] = rng.choice(ODD)
    return value


def bytes_changed(content: bytes, rng: random.Random) -> bytes:
    place, end = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    kind = rng.randrange(5)
    if kind == 0:
        return content[:place]
    if kind == 1:
        return content[:place] + content[end:]
    if kind == 2:
        return content[:end] + content[place:]
    if kind == 3:
        return content[:place] + rng.randbytes(rng.randrange(1, 40)) + content[place:]
    flipped = bytearray(content)
    for _ in range(rng.randrange(1, 9)):
        flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
    return bytes(flipped)


def parquet_changed(path: Path, rng: random.Random) -> None:
    table = pq.read_table(path)
    place = rng.randrange(table.num_columns)
    name, values = table.column_names[place], table.column(place).to_pylist()
    kind = rng.randrange(6)
    if kind == 0:
        table = table.remove_column(place)
    elif kind == 1:
        table = table.slice(0, rng.randrange(max(1, len(table))))
    elif kind == 2:
        table = pa.concat_tables([table, table.slice(0, 1)])
    elif kind == 3:
        table = table.append_column(name, table.column(place))
    elif kind == 4 and values:
        if isinstance(values[0], list):
            values[rng.randrange(len(values))] = rng.choice([[], None, [None], [2**30], [-1], [0] * 99])
        else:
            values[rng.randrange(len(values))] = rng.choice([each for each in ODD if type(each) in (int, float, str)])
        table = replaced_column(table, place, name, values, table.schema.field(place).type)
    else:
        table = replaced_column(table, place, name, [rng.choice(ODD[:12]) for _ in values], None)
    path.unlink()
    pq.write_table(table, path)


def replaced_column(table: pa.Table, place: int, name: str, values: list, kind: pa.DataType | None) -> pa.Table:
    for each in (values, [str(value) for value in values]):
        for of in (kind, None):
            try:
                return table.set_column(place, name, pa.array(each, type=of))
            except (pa.ArrowException, OverflowError, TypeError, ValueError):
                continue
    return table


def lines_changed(content: bytes, suffix: str, rng: random.Random) -> bytes:
    lines = content.splitlines(keepends=True) or [b""]
    number = rng.randrange(len(lines))
    if suffix == ".jsonl":
        entry = changed(json.loads(lines[number]), rng)
        lines[number] = json.dumps(entry).encode() + b"\n"
    elif rng.random() < 0.3:
        lines.insert(number, rng.choice(lines))
    else:
        fields = lines[number].split(b"\t")
        fields[rng.randrange(len(fields))] = str(rng.choice(ODD)).encode()
        lines[number] = b"\t".join(fields) + b"\n"
    return b"".join(lines)


def spoil(work: Path, file: str, rng: random.Random) -> bool:
    """Change the file; whether the command must refuse it."""
    path, suffix = work / file, Path(file).suffix
    kinds = [kind for _, of, kind in small_study.cases() if of == file]
    if rng.random() < 0.25:
        small_study.spoil(work, file, rng.choice(kinds))
        return True
    content = path.read_bytes()
    if suffix == ".parquet" and rng.random() < 0.6:
        parquet_changed(path, rng)
    elif suffix == ".json" and rng.random() < 0.7:
        small_study.replaced(path, json.dumps(changed(json.loads(content), rng)).encode())
    elif suffix == ".yaml" and rng.random() < 0.8:
        small_study.replaced(path, yaml.safe_dump(changed(yaml.safe_load(content), rng)).encode())
    elif suffix in (".tsv", ".jsonl") and rng.random() < 0.7:
        small_study.replaced(path, lines_changed(content, suffix, rng))
    else:
        small_study.replaced(path, bytes_changed(content, rng))
    return False


def assigned(words: list[str], rng: random.Random) -> list[str]:
    """With a --set of a random key to a random value."""
    from labelpolicy.parameters import Study

    keys = [path for path in places(Study().model_dump(mode="json")) if all(isinstance(key, str) for key in path)]
    return [*words, "--set", f"{'.'.join(rng.choice(keys))}={json.dumps(rng.choice(ODD))}"]


def case(number: int, seed: int, study: Path, folder: Path) -> dict[str, str]:
    """One command on one bad input: what it was, how it ended, and the message."""
    rng = random.Random(f"{seed}-{number}")
    work = small_study.linked(study, folder / "work")
    command = rng.choice([each for each in small_study.COMMANDS if each.reads])
    words, file, must_fail = command.line.split(), rng.choice(command.reads), False
    kind = rng.random()
    if kind < 0.15 and "params.yaml" in words:
        words, file = assigned(words, rng), "--set"
    elif kind < 0.25:
        place = rng.randrange(1, len(words))
        words[place], file = rng.choice([str(each) for each in ODD if "\0" not in str(each)]), "an argument"
    else:
        must_fail = spoil(work, file, rng)
    before = {path: path.read_bytes() for path in work.rglob("*") if path.is_file()}
    signal.alarm(SECONDS)
    try:
        done = small_study.run(words, work)
    finally:
        signal.alarm(0)
    after = small_study.files_of(work) - {str(path.relative_to(work)) for path in work.rglob("*") if path.is_dir()}
    new = after - {str(path.relative_to(work)) for path in before} - (set() if done.status else set(command.writes))
    new = {name for name in new if (work / name).is_file() and not (done.status == 0 and "out" in command.writes)}
    ended = "good answer" if done.status == 0 else "one-line error"
    if "TimeoutError" in done.trace:
        ended = "stopped after the time"
    elif done.trace:
        ended = "stack trace"
    elif must_fail and done.status == 0:
        ended = "wrongly accepted"
    elif done.status == 2:
        ended = "usage"
    elif done.fault and done.status:
        ended = "more than one line"
    elif new and file != "an argument":
        ended = "left behind"
    elif any(path.exists() and path.read_bytes() != content for path, content in before.items()) and done.status:
        ended = "input changed"
    shutil.rmtree(folder / "work")
    message = done.trace[-1500:] or done.stderr.strip()[-300:]
    return {"words": " ".join(words)[:300], "file": file, "ended": ended, "message": message, "new": str(sorted(new))}


def worker(seed: int, first: int, study: Path) -> None:
    """Cases from ``first`` on, a line of JSON each, until killed: a crash of the interpreter ends this process only."""

    def stop(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, stop)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory() as folder:
        for command in small_study.COMMANDS:  # imports first: the time of a command must not end within one
            small_study.run(command.line.split(), small_study.linked(study, Path(folder) / "work"))
            shutil.rmtree(Path(folder) / "work")
        number = first
        while True:
            print(json.dumps(case(number, seed, study, Path(folder))), flush=True)
            number += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        worker(given.seed, int(given.worker[0]), Path(given.worker[1]))
        return
    counts: collections.Counter[str] = collections.Counter()
    ends = time.monotonic() + given.seconds
    with tempfile.TemporaryDirectory() as folder:
        small_study.make(Path(folder))
        done = 0
        while done < given.cases and time.monotonic() < ends:
            command = [sys.executable, __file__, "--seed", str(given.seed), "--worker", str(done), folder]
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
                for line in process.stdout or ():
                    found = json.loads(line)
                    counts[found["ended"]] += 1
                    done += 1
                    if found["ended"] in (*BAD, "more than one line"):
                        print(f"{done - 1}: {found['ended']}: {found['words']} [{found['file']}] {found['new']}")
                        print("    " + found["message"].replace("\n", "\n    "), flush=True)
                    if done >= given.cases or time.monotonic() > ends:
                        process.kill()
                        break
                else:  # it has ended by itself: a crash
                    counts["crash"] += 1
                    print(f"{done}: crash of the interpreter, status {process.wait()}")
                    done += 1
    listed = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    print(f"seed {given.seed}, {done} bad inputs: {listed}")
    sys.exit(any(counts[kind] for kind in BAD))


if __name__ == "__main__":
    main()
