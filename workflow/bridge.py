"""From DVC to Snakemake: `bridge.py STAGE` makes one milestone, `bridge.py restore [REVISION]` brings back a state.

DVC sees milestones/STAGE only: once more (as hard links) what a stage has made in data/ and results/, and in
provenance.json the MD5 of every file and Snakemake's record of its making. In a clone without these records Snakemake
takes any file for up to date, and DVC would record new parameters over old results (docs/dvc.md).
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import yaml
from snakemake.persistence import MetadataRecord
from snakemake.persistence.file import FilePersistence
from state import at_work, unlock

MILESTONES = Path("milestones")
STAGES = yaml.safe_load(Path(__file__).parents[1].joinpath("dvc.yaml").read_text(encoding="utf-8"))["stages"]


def make(stage: str) -> None:
    """Run the Snakemake target of this name on what DVC holds, and keep what it made in milestones/STAGE."""
    earlier = {path: digest for name in upstream(stage) for path, digest in bring(name).items()}
    bring(stage, own=True)
    snakemake(stage)
    made = outputs(stage)
    # A file that no other job asks for may be missing, and Snakemake finds nothing to do: ask for it by name.
    if missing := [path for path, status in made.items() if status.startswith("missing")]:
        snakemake(stage, *missing)
        made = outputs(stage)
    for path, status in made.items():
        if status != "ok":  # parameters or code were edited meanwhile
            sys.exit(f"error: {path}: {status} after the run: run `dvc repro {stage}` again")
        if path in earlier and md5(Path(path)) != earlier[path]:
            sys.exit(f"error: {path}: made again, with other bytes than DVC holds: run `dvc repro` on its stage")
    keep(stage, made.keys() - earlier, set(made))


def restore(revision: str | None) -> None:
    """Check out a revision, get its results, verify every byte, and make Snakemake agree that nothing is to be done."""
    if revision:
        call("git", "checkout", "-q", revision, "--")
    if not Path("dvc.lock").is_file():  # and DVC would remove what it does not know
        sys.exit("error: dvc.lock: no such file: this revision has no results, and `dvc repro` makes them")
    if call("dvc", "remote", "list").strip():
        call("dvc", "pull")
    elif subprocess.run(["dvc", "checkout", "-q"]).returncode:
        sys.exit("error: results made elsewhere, and no remote is set: name it (`dvc remote add -d storage URL`)")
    number = sum(len(bring(name)) for name in STAGES)
    if pending := [f"{path} ({status})" for path, status in outputs(*STAGES).items() if status != "ok"]:
        first = min(pending, key=lambda line: "changed" not in line)  # a cause
        sys.exit(
            f"error: {first} and {len(pending) - 1} more files are not what code and params.yaml give: "
            "see `git status` and `dvc status`, undo the changes or run `dvc repro`"
        )
    print(f"restored: {number} files; nothing is to be done")


def upstream(stage: str) -> list[str]:
    """The stages that a stage depends on, directly or not."""
    direct = [Path(dep).name for dep in STAGES[stage]["deps"] if Path(dep).parent == MILESTONES]
    return list(dict.fromkeys(name for one in direct for name in [*upstream(one), one]))


def bring(stage: str, own: bool = False) -> dict[str, str]:
    """Make results/ and data/ hold what DVC holds of a stage, and Snakemake know its origin; {path: MD5}.

    Of an earlier stage all must be whole. Of the stage that is to run (``own``) what Snakemake has made since stays,
    and what was edited by hand or pulled in part goes: Snakemake makes it again.
    """
    folder = MILESTONES / stage
    try:
        known = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        if not own:
            sys.exit(f"error: {folder}: no results: run `dvc pull {stage}` or `dvc repro --force {stage}`")
        known = {}
    for output, kept in known.items():
        if own and Path(output).exists() and record(output) not in (None, kept["record"]):
            continue
        for path, digest in kept["files"].items():
            if md5(folder / path) == digest:
                put(folder / path, Path(path))
            elif own:
                Path(output).unlink(missing_ok=True)
                break
            else:
                cached = f".dvc/cache/files/md5/{digest[:2]}/{digest[2:]}"
                sys.exit(f"error: {folder / path}: missing or damaged: `rm -rf {folder} {cached}`, `dvc pull {stage}`")
        else:
            if record(output) != kept["record"]:
                new = MetadataRecord(**kept["record"], starttime=time.time(), endtime=Path(output).stat().st_mtime)
                FilePersistence()._write_record(output, new)
            FilePersistence()._unmark_incomplete(output)
    return {path: digest for kept in known.values() for path, digest in kept["files"].items()}


def keep(stage: str, outputs: set[str], made: set[str]) -> None:
    """Make milestones/STAGE hold these outputs and no others, with their provenance; ``made`` has earlier ones too."""
    found = {}
    for output in sorted(outputs):
        if (known := record(output)) is None:
            sys.exit(f"error: {output}: Snakemake has no record of it: remove it, then `dvc repro {stage}`")
        for path in set(known["input"]) - made:
            if not any(Path(path).is_relative_to(dep) for dep in STAGES[stage]["deps"]):
                sys.exit(f"error: {path}: DVC does not watch it: add it to the deps of {stage} in dvc.yaml")
        # With the record of a raw data set all that was fetched, or it could not be prepared again.
        paths = Path(output).parent.rglob("[!.]*") if Path(output).name == "source.json" else [Path(output)]
        found[output] = {"files": {str(path): md5(path) for path in paths if path.is_file()}, "record": known}
    shutil.rmtree(MILESTONES / stage, ignore_errors=True)
    for path in [path for kept in found.values() for path in kept["files"]]:
        put(Path(path), MILESTONES / stage / path)
    (MILESTONES / stage / "provenance.json").write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


def put(source: Path, target: Path) -> None:
    """A hard link; a copy across file systems, and of what DVC linked, read-only, from its cache."""
    if target.exists() and target.samefile(source) and target.stat().st_mode & 0o200:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(".bridge")
    temporary.unlink(missing_ok=True)
    try:
        (os.link if source.stat().st_mode & 0o200 else shutil.copyfile)(source, temporary)
    except OSError:  # two file systems, or one without links
        shutil.copyfile(source, temporary)
    temporary.replace(target)


def md5(path: Path) -> str | None:
    """As DVC hashes; None for a file that is not there."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def record(path: str) -> dict | None:
    """What of Snakemake's record of a file does not differ from run to run; None if there is none."""
    found = FilePersistence()._read_record(path)
    return found.model_dump(exclude={"starttime", "endtime", "job_hash", "external_jobid"}) if found else None


def snakemake(*targets: str) -> None:
    """Run it with all cores, unless a profile says how much to use."""
    cores = [] if os.environ.get("SNAKEMAKE_PROFILE") else ["--cores", "all"]
    running = subprocess.Popen([sys.executable, "-m", "snakemake", *targets, *cores])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches Snakemake too, which ends its jobs first
    if status := running.wait():
        sys.exit(f"error: snakemake {targets[0]} ended with status {status}: its message stands above")


def outputs(*targets: str) -> dict[str, str]:
    """Every file that the targets need and some job makes, with Snakemake's word on it: ok, or why it is to be made."""
    printed = call(sys.executable, "-m", "snakemake", *targets, "--summary").splitlines()
    rows = [line.split("\t") for line in printed if line.count("\t") == 5][1:]
    return {row[0]: row[4] if row[5] == "no update" else f"{row[4]}, {row[5]}" for row in rows}


def refuse_company() -> None:
    """Two runs would write the same files, and a job of a killed one could bring back old results after a change."""
    unlock()
    if found := at_work():
        sys.exit(f"error: a run, or a job of a killed one, is at work here: wait, or `kill {found[0]}`")
    if any(Path(".snakemake/locks").glob("*.lock")):
        sys.exit("error: locked by a run on another machine: if it has ended, `snakemake --unlock`")


def call(*command: str) -> str:
    """What a command printed; its last words, if it failed."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.splitlines()
        words = " ".join([line for line in said if line.startswith("ERROR")] or said[-4:]).split()
        sys.exit(f"error: {' '.join(command)}: {' '.join(words)}")
    return done.stdout


if __name__ == "__main__":
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    try:
        parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
        parser.add_argument("stage", choices=[*STAGES, "restore"])
        parser.add_argument("revision", nargs="?", help="for restore: a tag, branch or commit, if not the present one")
        arguments = parser.parse_args()
        refuse_company()
        restore(arguments.revision) if arguments.stage == "restore" else make(arguments.stage)
    except OSError as error:  # a full disk, a folder that is read-only
        sys.exit(f"error: {error.filename or Path.cwd()}: {error.strerror}: correct this (room, rights), then repeat")
