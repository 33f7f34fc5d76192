"""From DVC to Snakemake: `bridge.py STAGE` makes one milestone, `bridge.py restore [REVISION]` brings back a state.

results/ and data/ are Snakemake's. What a stage has made lies once more (as hard links) in milestones/STAGE, which is
all that DVC sees, with provenance.json: for every file its MD5 and what Snakemake knows about the job that made it. In
a clone without that knowledge Snakemake takes whatever lies there for up to date, and DVC would then record new
parameters over old results; with it, Snakemake reruns the right jobs, and only those. See docs/dvc.md.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import filecmp
import hashlib
import json
import os
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path

import psutil
import yaml

MILESTONES, SNAKEMAKE = Path("milestones"), Path(".snakemake")
PROVENANCE = "provenance.json"
HOST = SNAKEMAKE / "bridge.host"  # where the last stage ran: on a shared disk that may be another machine

#: What Snakemake compares when it decides what to rerun; times and the like differ from run to run.
COMPARED = (
    "record_format_version",
    "rule",
    "input",
    "log",
    "shellcmd",
    "params",
    "code",
    "container_img_url",
    "software_stack_hash",
    "input_checksums",
)

#: Small files of the stage `report` that git keeps: shown in reviews, compared by `dvc metrics`, drawn by `dvc plots`.
IN_GIT = {
    "metrics.json": ["results/flat/metrics.json"],
    "plots": ["results/flat/measures.csv", "results/flat/learning_curves.csv", "results/flat/rewards.csv"],
    "tables": [
        "results/summary.md",
        "results/reproducing.md",
        "results/metrics.csv",
        "results/significance.csv",
        *(f"results/tables/table{number}.md" for number in range(1, 7)),
    ],
}


class BridgeError(Exception):
    """What went wrong and what to do, in one line."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="stage", required=True, metavar="STAGE")
    for name in stages():
        commands.add_parser(name, help=f"make milestones/{name}; called by DVC")
    again = commands.add_parser("restore", help="bring back the results of a revision, for DVC and for Snakemake")
    again.add_argument("revision", nargs="?", help="a tag, branch or commit; without one, what is checked out")
    arguments = parser.parse_args()
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    if arguments.stage == "restore":
        restore(arguments.revision)
    else:
        make(arguments.stage)
    return 0


def make(stage: str) -> None:
    """Run the Snakemake target of this name on what DVC holds, and keep what it made in milestones/STAGE."""
    ready()
    before = upstream(stage)
    for name in before:
        bring(name)
    reuse(stage)
    snakemake(stage)
    made = outputs(stage)
    # A file that no other job asks for may be missing, and Snakemake finds nothing to do: ask for it by name.
    if missing := [path for path, status in made.items() if status.startswith("missing")]:
        snakemake(stage, *missing)
        made = outputs(stage)
    stale = [path for path, status in made.items() if status != "ok"]
    if stale:
        raise BridgeError(f"{stale[0]}: {made[stale[0]]} after the run of {stage}: run `dvc repro {stage}` again")
    for name in before:
        unchanged(name)
    keep(stage, set(made) - {path for name in before for path in files(name)}, set(made))


def restore(revision: str | None) -> None:
    """Check out a revision, get its results, verify every byte, and make Snakemake agree that nothing is to be done."""
    ready()
    if subprocess.run(["git", "rev-parse", "--git-dir"], capture_output=True).returncode:
        raise BridgeError("no git repository here, and DVC needs one: clone the project, or run `git init`")
    if revision:
        if subprocess.run(
            ["git", "rev-parse", "-q", "--verify", f"{revision}^{{commit}}"], capture_output=True
        ).returncode:
            shallow = call("git", "rev-parse", "--is-shallow-repository").strip() == "true"
            cure = "git fetch --unshallow --tags" if shallow else "git fetch --tags"
            raise BridgeError(f"{revision}: no such revision in this clone: try `{cure}`")
        call("git", "checkout", "-q", revision)
    if not Path("dvc.lock").is_file():
        raise BridgeError("dvc.lock: no such file: this revision has no results, and `dvc repro` makes them")
    if call("dvc", "remote", "list").strip():
        call("dvc", "pull", "-q")
    else:
        try:
            call("dvc", "checkout", "-q")
        except BridgeError:
            raise BridgeError(
                "results that were not made in this clone, and no remote is set: name the one that has them "
                "(`dvc remote add -d storage URL`), or make them again with `dvc repro`"
            ) from None
    for name in stages():
        if not (MILESTONES / name / PROVENANCE).is_file():
            raise BridgeError(
                f"milestones/{name}: no results of this stage: run `dvc pull {name}` or `dvc repro {name}`"
            )
        for path, digest in files(name).items():
            if md5(tracked(name, path)) != digest:
                cached = f".dvc/cache/files/md5/{digest[:2]}/{digest[2:]}"
                raise BridgeError(
                    f"{tracked(name, path)}: other bytes than were recorded, so the cache is damaged: "
                    f"`rm -rf {cached} {MILESTONES / name}`, then restore again"
                )
        bring(name)
    pending = {path: status for path, status in outputs(*stages()).items() if status != "ok"}
    if pending:
        first = next((path for path, status in pending.items() if "changed" in status), next(iter(pending)))
        raise BridgeError(
            f"{first} ({pending[first]}) and {len(pending) - 1} more files are not what code and params.yaml give: "
            "see `git status` and `dvc status`, undo the changes or run `dvc repro`"
        )
    print(f"restored: {sum(len(files(name)) for name in stages())} files; nothing is to be done")


# --- what DVC knows -------------------------------------------------------------------------------------------------


def stages() -> dict[str, dict]:
    try:
        return yaml.safe_load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"]
    except FileNotFoundError:
        raise BridgeError("dvc.yaml: no such file: run this from the project's folder") from None


def upstream(stage: str) -> list[str]:
    """The milestones that a stage depends on, directly or not, in the order of dvc.yaml."""
    found: set[str] = set()
    waiting = [stage]
    while waiting:
        deps = map(Path, stages()[waiting.pop()]["deps"])
        new = {path.name for path in deps if path.parent == MILESTONES} - found
        found |= new
        waiting += new
    return [name for name in stages() if name in found]


def tracked(stage: str, path: str) -> Path:
    return MILESTONES / stage / path


def provenance(stage: str) -> list[dict]:
    """[{"files": {path: MD5}, "record": what Snakemake knows}], an entry a job; empty for a stage that never ended."""
    path = MILESTONES / stage / PROVENANCE
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except ValueError:
        raise BridgeError(f"{path}: not whole: run `dvc checkout --force {stage}`") from None


def files(stage: str) -> dict[str, str]:
    return {path: digest for job in provenance(stage) for path, digest in job["files"].items()}


# --- milestones/ to results/ and back -------------------------------------------------------------------------------


def bring(stage: str) -> None:
    """Make results/ and data/ hold what DVC holds of a stage that is up to date, and Snakemake know its origin."""
    wanted = [tracked(stage, path) for path in (PROVENANCE, *files(stage))]
    missing = [path for path in wanted if not path.is_file()]
    if missing:
        raise BridgeError(f"{missing[0]}: no such file: run `dvc pull {stage}` or `dvc repro {stage}`")
    for job in provenance(stage):
        for path in job["files"]:
            put(tracked(stage, path), Path(path))
            trust(path, job["record"])


def reuse(stage: str) -> None:
    """The same for the stage that is to run: what Snakemake has made since stays; what is no longer whole goes."""
    for job in provenance(stage):
        paths = job["files"]
        if any(Path(path).exists() and record(path) not in (None, job["record"]) for path in paths):
            continue
        whole_job = all(md5(tracked(stage, path)) == digest for path, digest in paths.items())
        for path in paths:
            if whole_job:
                put(tracked(stage, path), Path(path))
                trust(path, job["record"])
            else:  # edited by hand, or a pull that was interrupted: one file gone, and Snakemake may not miss it
                Path(path).unlink(missing_ok=True)
    # DVC makes what it links read-only, and Snakemake refuses to replace such files: those that it would, go.
    if any(read_only(Path(path)) for path in files(stage)):
        for path, status in outputs(stage).items():
            if status != "ok" and read_only(Path(path)):
                Path(path).unlink()


def unchanged(stage: str) -> None:
    """A run of a later stage must not have made an earlier one's files anew with other bytes."""
    for path, digest in files(stage).items():
        if not same(tracked(stage, path), Path(path)) and md5(Path(path)) != digest:
            raise BridgeError(f"{path}: made again with other bytes than DVC holds: run `dvc repro --force {stage}`")


def keep(stage: str, paths: set[str], made: set[str]) -> None:
    """Make milestones/STAGE hold these files and no others, with their provenance; and git's small ones, for report.

    ``made`` is all that some job of the stage or of an earlier one makes.
    """
    jobs: dict[str, dict] = {}
    deps = [Path(path) for path in stages()[stage]["deps"]]
    for path in sorted(paths):
        known = record(path)
        if known is None:
            raise BridgeError(f"{path}: Snakemake kept no record of it: use neither --drop-metadata nor another store")
        for source in set(known["input"]) - made:
            if not any(Path(source).is_relative_to(dep) for dep in deps):
                raise BridgeError(
                    f"{source}: read by {stage}, but DVC does not watch it: add it, or its folder, to the deps of "
                    f"{stage} in dvc.yaml (docs/dvc.md)"
                )
        job = jobs.setdefault(json.dumps(known, sort_keys=True), {"files": {}, "record": known})
        for file in folder_of(path):
            job["files"][file] = md5(Path(file))
            put(Path(file), tracked(stage, file))
    wanted = {tracked(stage, file) for job in jobs.values() for file in job["files"]}
    prune(MILESTONES / stage, wanted)
    write(MILESTONES / stage / PROVENANCE, json.dumps(list(jobs.values()), indent=1, sort_keys=True) + "\n")
    if stage == "report":
        for name, sources in IN_GIT.items():
            single = name.endswith(".json")
            targets = [MILESTONES / name if single else MILESTONES / name / Path(source).name for source in sources]
            for source, target in zip(sources, targets, strict=True):
                write(target, Path(source).read_text(encoding="utf-8"))
            if not single:
                prune(MILESTONES / name, set(targets))


def folder_of(path: str) -> list[str]:
    """A file; for the record of a raw data set, all that it was fetched with, or it could not be prepared anew."""
    if Path(path).name != "source.json":
        return [path]
    return sorted(str(file) for file in Path(path).parent.rglob("[!.]*") if file.is_file())


def prune(folder: Path, wanted: set[Path]) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            with contextlib.suppress(OSError):  # not empty
                path.rmdir()
        elif path not in wanted:
            path.unlink()


def put(source: Path, target: Path) -> None:
    """The file under another name: a hard link, so that no byte is there twice; a copy across file systems."""
    if same(source, target) or (apart(source, target) and filecmp.cmp(source, target, shallow=False)):
        return
    with whole(target) as temporary:
        try:
            os.link(source.resolve(), temporary)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
                raise
            shutil.copyfile(source, temporary)


def read_only(path: Path) -> bool:
    return path.exists() and not path.stat().st_mode & stat.S_IWUSR


def same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def apart(one: Path, other: Path) -> bool:
    """Both there, and on two file systems: never the same file."""
    return one.exists() and other.exists() and one.stat().st_dev != other.stat().st_dev


def write(path: Path, text: str) -> None:
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A name beside ``path`` that becomes ``path`` at the end: whole or not at all, and never through a link."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".bridge.{os.getpid()}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def md5(path: Path) -> str | None:
    """As DVC hashes; None for a file that is not there."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "md5").hexdigest()
    except FileNotFoundError:
        return None


# --- what Snakemake knows -------------------------------------------------------------------------------------------


def entry(kind: str, path: str) -> Path:
    """Where Snakemake keeps a note on an output: the path in base64, cut where a file name would be too long."""
    name = urlsafe_b64encode(path.encode()).decode()
    width = os.pathconf(SNAKEMAKE, "PC_NAME_MAX") - 1
    *folders, last = [name[start : start + width] for start in range(0, len(name), width)]
    return SNAKEMAKE.joinpath(kind, *("@" + part for part in folders), last)


def record(path: str) -> dict | None:
    """What of Snakemake's record does not differ from run to run; None if there is none."""
    SNAKEMAKE.mkdir(exist_ok=True)
    try:
        found = json.loads(entry("metadata", path).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return {key: found.get(key) for key in COMPARED}


def trust(path: str, known: dict) -> None:
    """Give Snakemake its record of a file back, as if it had just made the file here."""
    if record(path) != known:
        write(entry("metadata", path), json.dumps({**known, "starttime": time.time(), "endtime": time.time()}))
    (SNAKEMAKE / "incomplete").mkdir(exist_ok=True)  # without it Snakemake takes its folder for one of an old version
    entry("incomplete", path).unlink(missing_ok=True)


def snakemake(stage: str, *more: str) -> None:
    HOST.parent.mkdir(exist_ok=True)
    HOST.write_text(socket.gethostname())
    command = [sys.executable, "-m", "snakemake", stage, *more, *cores()]
    running = subprocess.Popen(command)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Snakemake got it too, and ends its jobs first
    signal.signal(signal.SIGTERM, lambda *_: running.terminate())
    if status := running.wait():
        raise BridgeError(f"snakemake {stage} ended with status {status}: its message stands above")


def cores() -> list[str]:
    """--cores all, unless the profile of SNAKEMAKE_PROFILE says how much to use."""
    for name in os.environ.get("SNAKEMAKE_PROFILE", "").strip("[] ").split(","):
        if name.strip() in ("", "none"):
            continue
        homes = (Path(), Path.home() / ".config/snakemake", Path("/etc/xdg/snakemake"))
        found = [file for home in homes for file in profile_files(home / name.strip())]
        if not found:
            known = ", ".join(sorted(str(path) for path in Path("profiles").iterdir())) or "none"
            raise BridgeError(f"SNAKEMAKE_PROFILE: no profile {name.strip()!r}: found {known}: correct the name")
        if {"cores", "jobs", "executor"} & set(yaml.safe_load(found[0].read_text(encoding="utf-8")) or {}):
            return []
    return ["--cores", "all"]


def profile_files(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted([*path.glob("profile*.yaml"), *path.glob("config*.yaml")])


def outputs(*targets: str) -> dict[str, str]:
    """Every file that the targets need and some job makes, with Snakemake's word on it: ok, or why it is to be made."""
    printed = call(sys.executable, "-m", "snakemake", *targets, "--summary").splitlines()
    rows = [line.split("\t") for line in printed]
    header = next(i for i, row in enumerate(rows) if row[0] == "output_file")
    return {row[0]: row[4] if row[5] == "no update" else f"{row[4]}, {row[5]}" for row in rows[header + 1 :]}


def ready() -> None:
    """Folders that can be written, and no other run: two would write the same files, and a job that a killed one left
    behind could bring back old results after a change.
    """
    for folder in (Path(), SNAKEMAKE, MILESTONES, Path("results"), Path("data")):
        if folder.exists() and not os.access(folder, os.W_OK):
            raise BridgeError(
                f"{folder.resolve()}: cannot be written: give yourself the right (chmod u+w), then repeat"
            )
    running = []
    for process in psutil.process_iter(["cwd", "cmdline"]):
        names = [Path(word).name for word in (process.info["cmdline"] or [])[:3]]
        at_work = process.info["cwd"] == str(Path.cwd()) and {"snakemake", "labelpolicy", "bridge.py"} & set(names)
        if at_work and process.pid != os.getpid():
            running.append(str(process.pid))
    if running:
        raise BridgeError(
            f"a run, or a job of a killed one, is still at work here (process {', '.join(running)}): "
            f"wait for it, or stop it: kill {' '.join(running)}"
        )
    if any((SNAKEMAKE / "locks").glob("*.lock")):  # of a dead run
        host = HOST.read_text().strip() if HOST.exists() else socket.gethostname()
        if host != socket.gethostname():
            raise BridgeError(f"locked by a run on {host}: if that has ended, run `snakemake --unlock`")
        call(sys.executable, "-m", "snakemake", "--unlock")


def call(*command: str) -> str:
    """What a command printed; its last words, if it failed."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or [f"status {done.returncode}"]
        raise BridgeError(
            f"{shlex.join([Path(command[0]).name, *command[1:]])}: {' '.join(' '.join(said[-4:]).split())}"
        )
    return done.stdout


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BridgeError as error:
        sys.exit(f"error: {error}")
    except OSError as error:  # a full disk, a folder that is read-only
        sys.exit(
            f"error: {error.filename or Path.cwd()}: {error.strerror}: correct this (room, rights, a missing program), "
            "then repeat: nothing is lost"
        )
