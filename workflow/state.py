"""What Snakemake does not see of its folder: content under older time stamps, results of unknown origin, dead runs.

Snakemake compares time stamps, and the content only of inputs that are newer than what was made from them.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import time
from math import inf
from pathlib import Path
from typing import Any

import psutil
from cluster import alone
from snakemake.persistence.file import FilePersistence

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_json, sha256_of, write_json

KEPT = Path(".snakemake/contents.json")  # checksums of large files, by path, with what stat said of them
LARGE, RACE_NS = 1 << 20, 2_000_000_000
ALIVE = Path(".snakemake/alive.lock")  # locked by every run while it lives; holds the name of the machine
LOCKS = Path(".snakemake/locks")  # Snakemake's own
OF_A_CELL = re.compile(r"results/[^/]+/[^/]+/[^/]+/seed\d+/.*\.(json|parquet|safetensors)")


def contents(*places: str | Path) -> str:
    """Twelve hexadecimal digits over the content of these files, and of those in these folders.

    As a parameter it makes a job run again for other content, whatever its time stamps. source.json, an input itself,
    and names that begin with a dot do not count; a folder inside a folder counts by the names and sizes of its files,
    as in source.json.
    """
    digest = hashlib.sha256()
    for place in map(Path, places):
        for file in sorted(place.iterdir()) if place.is_dir() else [place]:
            if file.name == "source.json" or file.name.startswith("."):
                continue
            if file.is_dir():
                paths = [path for path in file.rglob("*") if path.is_file()]
                inner = sorted((str(path.relative_to(place)), path.stat().st_size) for path in paths)
                digest.update(f"{inner}\0".encode())
            elif file.is_file():
                digest.update(f"{file.name}\0{sha256(file)}\0".encode())
    return digest.hexdigest()[:12]


def sha256(path: Path) -> str:
    """Of a large file once, as long as its size, times and inode stay: copying to it changes at least the last one."""
    found = path.stat()
    state = [found.st_size, found.st_mtime_ns, found.st_ino, found.st_ctime_ns]
    if found.st_size >= LARGE:
        try:
            kept = read_json(KEPT)
        except LabelPolicyError:  # none yet, or damaged
            kept = {}
        if kept.get(str(path), [])[:-1] == state:
            return kept[str(path)][-1]
    checksum = sha256_of(path)
    if found.st_size >= LARGE and time.time_ns() - found.st_ctime_ns > RACE_NS:  # else it may change within the tick
        write_json(KEPT, kept | {str(path): [*state, checksum]})
    return checksum


def check_products() -> None:
    """Have made again what is not as its job left it: emptied, or of other content than the jobs that read it noted.

    And what was made from a file whose job was begun again since, but failed or was killed: without that file Snakemake
    finds nothing to be done. Raises LabelPolicyError for files of cells of whose making there is no record.
    """
    if any(LOCKS.glob("*.lock")):  # a run is alive: files and records come and go
        return
    persistence = FilePersistence()

    def record(path: str) -> dict[str, Any]:
        return persistence._io_read(persistence._metadata_path, path)

    found = (path for top in ("data", "results") for path in Path(top).rglob("*") if "/." not in str(path))
    records = {str(path): record(str(path)) for path in found if path.is_file()}
    noted = {
        name: checksum for each in records.values() for name, checksum in (each.get("input_checksums") or {}).items()
    }
    inputs = {name for each in records.values() for name in each.get("input") or ()}
    missing = {name: record(name) for name in inputs - records.keys() if not Path(name).exists()}
    unfinished = persistence._filter_incomplete_keys({*records, *missing})
    tried = {name: inf if name in unfinished else each.get("endtime", inf) for name, each in missing.items()}
    unknown = []
    for path, each in records.items():
        made, size = Path(path).stat().st_mtime, Path(path).stat().st_size
        if not each:
            unknown += [path] * bool(OF_A_CELL.fullmatch(path) and path not in unfinished)
            again = path.startswith("data/processed/")
        else:
            again = not size or any(tried.get(name, 0) > each["endtime"] for name in each["input"] or ())
            if made != each["endtime"] and path in noted:
                again |= noted[path] != f"sha256:{sha256(Path(path))}"
        if again:
            persistence._mark_incomplete(path, None)
    if unknown:
        raise LabelPolicyError(
            f"{min(unknown)}: {len(unknown)} files of which no record in .snakemake says how they were made: copy that"
            " folder too, or remove them; if they are of these parameters and this code, `snakemake --touch TARGET`"
        )


def at_work() -> list[int]:
    """Other runs of this folder, and jobs of killed ones: the ids of their processes on this machine."""
    ours = {os.getpid(), *(each.pid for each in psutil.Process().parents())}
    here = [each for each in psutil.process_iter(["cwd", "cmdline"]) if each.info["cwd"] == str(Path.cwd())]
    words = {each.pid: {Path(word).name for word in (each.info["cmdline"] or [])[:3]} for each in here}
    return [
        pid for pid, names in words.items() if pid not in ours and {"snakemake", "labelpolicy", "bridge.py"} & names
    ]


def unlock() -> str | None:
    """Remove the locks of a run that was killed, unless another run of this folder may be alive; what to tell.

    They stay while a job of the killed run is still at work, which could write over what this run makes.
    """
    locks = [*LOCKS.glob("*.lock")]
    ALIVE.parent.mkdir(exist_ok=True)
    host = ALIVE.read_text(encoding="utf-8") if ALIVE.exists() else ""
    if not alone(ALIVE) or (locks and host != socket.gethostname()):
        return None
    if locks and (jobs := at_work()):
        listed = " ".join(map(str, jobs))
        return f"Jobs of a run that was killed are still at work here: wait until they end, or `kill {listed}`"
    ALIVE.write_text(socket.gethostname(), encoding="utf-8")
    for lock in locks:
        lock.unlink(missing_ok=True)
    return "The run before this one was killed: its lock is removed" if locks else None
