"""Kills, full disks and changes: `make faults`, or `python benchmarks/kills.py --seconds 600 --seed 1`.

runs      Snakemake with two cores is killed at random, alone (its jobs go on, and write while the next run does),
          with its jobs, or one of its jobs; the same command goes on until the study is done: all files must be those
          of a run that nobody killed. Parameters change from study to study, so old results lie where new ones go.
commands  every command is killed before each single change of the file system that it makes, over nothing, over an
          older result and over one with a file more; then it runs again.
disks     every command writes to a disk of a random size (a limit on the size of a file where none can be mounted).
changes   tests/workflow/changes.py: does a change after a run start the jobs that it must, and no others?
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests/workflow"), str(ROOT / "tests/unit"), str(ROOT / "tests")]
import changes  # noqa: E402 - beside the tests, which use them too
import preloaded  # noqa: E402
import small_study  # noqa: E402
from conftest import Study, copied  # noqa: E402

Counts = collections.Counter[str]
CHANGING = ("rename", "replace", "unlink", "remove", "rmdir", "mkdir", "link", "symlink", "fsync")
PATIENCE = 900.0  # seconds of one run without a new job


def jobs_of(study: Study) -> list[psutil.Process]:
    """The commands at work on a study: the processes there whose errors go to a log."""
    found = []
    for process in psutil.process_iter(["cwd", "cmdline"]):
        errors = Path(f"/proc/{process.pid}/fd/2")
        if process.info["cwd"] == str(study.folder) and "bash" not in (process.info["cmdline"] or [""])[0]:
            try:
                found += [process] * errors.readlink().is_relative_to(study.folder / "logs")
            except OSError:  # it has ended
                continue
    return found


class Run:
    """Snakemake at work on a study; its jobs are started from a Python that has imported their libraries already."""

    def __init__(self, study: Study):
        self.study, self.began = study, time.time()
        self.output = (study.folder / "output").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", *study.command(*changes.TARGETS, "--quiet")],
            cwd=study.folder,
            env=study.environment,
            start_new_session=True,
            stdout=self.output,
            stderr=self.output,
        )

    def started(self, jobs: int) -> bool:
        """Wait until so many jobs have been started, or all is over; whether it is not."""
        ends = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < ends:
            if sum(modified(log) > self.began for log in (self.study.folder / "logs").rglob("*.log")) >= jobs:
                return True
            time.sleep(0.02)
        return self.process.poll() is None

    def kill(self) -> None:
        """Snakemake and all its jobs."""
        jobs = jobs_of(self.study)
        os.killpg(self.process.pid, signal.SIGKILL)
        ended(jobs)
        self.process.wait()

    def kill_alone(self) -> list[psutil.Process]:
        """Snakemake; its jobs are held, to go on when the next run has started some of its own."""
        jobs = [job for job in jobs_of(self.study) if held(job)]
        self.process.kill()
        self.process.wait()
        for lock in (self.study.folder / ".snakemake/locks").glob("*.lock"):
            lock.unlink()  # as `snakemake --unlock`, which takes longer
        return jobs


def modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # Snakemake removes a log before its job
        return 0.0


def held(job: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        job.suspend()
        return True
    return False


def ended(jobs: list[psutil.Process]) -> None:
    for job in jobs:
        with contextlib.suppress(psutil.Error):
            job.kill()
    psutil.wait_procs(jobs, timeout=60)


def checksums(study: Study) -> dict[str, str]:
    return {name: digest for name, digest in study.products().items() if "/." not in name}


def released(jobs: list[psutil.Process]) -> int:
    """Let held jobs go on; how many were still there."""
    alive = 0
    for job in jobs:
        with contextlib.suppress(psutil.Error):
            job.resume()
            alive += 1
    return alive


def kill_runs(ends: float, rng: random.Random, folder: Path, counts: Counts) -> None:
    """Studies, killed at random until each is done."""
    (folder / "commands").mkdir()
    with preloaded.served(folder / "commands"):
        study = changes.make(folder / "made", folder / "commands")
        wanted = {60: checksums(study)}
        other = copied(study, folder / "other")
        other.environment["PYTHONPATH"] = str(other.folder / "src")
        other.edit("params.yaml", "documents: 60", "documents: 61")
        other.run(*changes.TARGETS)
        wanted[61] = checksums(other)
        now = 60
        while time.monotonic() < ends:
            study.edit("params.yaml", f"documents: {now}", f"documents: {121 - now}")
            now = 121 - now
            if not until_done(study, rng, counts):
                counts["failed"] += 1
                print((study.folder / "output").read_text()[-3000:], flush=True)
                return
            found = checksums(study)
            differing = [name for name, digest in wanted[now].items() if found.get(name) != digest]
            left = [str(path) for path in study.folder.rglob(".*writing-*")]
            counts["studies"] += 1
            counts["with other bytes"] += bool(differing)
            counts["files left behind"] += len(left)
            if differing or left:
                print(f"other bytes: {differing}; left behind: {left}", flush=True)
            print(f"runs: {dict(counts)}", flush=True)


def until_done(study: Study, rng: random.Random, counts: Counts) -> bool:
    """Run and kill, again and again; whether a run ended by itself, and well."""
    waiting: list[psutil.Process] = []
    every: list[psutil.Process] = []
    while True:
        run = Run(study)
        if run.started(rng.randrange(1, 4)) and waiting:
            counts["orphans beside a run"] += bool(released(waiting))
        released(waiting)
        waiting = []
        time.sleep(rng.random())
        if run.process.poll() is not None:
            psutil.wait_procs(every, timeout=PATIENCE)
            return run.process.returncode == 0
        kind = rng.choice(("with its jobs", "alone", "alone", "a job"))
        jobs = jobs_of(study)
        if kind == "a job" and jobs:
            ended([rng.choice(jobs)])
            run.started(1_000_000)
        elif kind == "alone":
            waiting = run.kill_alone()
            every += waiting
        else:
            run.kill()
            kind = "with its jobs"
        counts[f"killed: {kind}"] += 1
        counts["kills"] += 1


def forked(work: Callable[[], small_study.Done]) -> tuple[int, str]:
    """(status, message) of a command in a process of its own; -9 if it was killed."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        done = work()
        os.write(writing, f"{done.fault if done.status else done.trace}|{done.stderr[-300:]}".encode()[:4000])
        os._exit(done.status if not done.trace else 99)
    os.close(writing)
    message = b""
    while part := os.read(reading, 4096):
        message += part
    os.close(reading)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), message.decode(errors="replace")


def killed_before(number: int, words: list[str], work: Path) -> small_study.Done:
    """The command, killed before its change of this number."""
    made = 0

    def counted(call: Callable) -> Callable:
        def change(*arguments, **named):
            nonlocal made
            made += 1
            if made == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **named)

        return change

    for name in CHANGING:
        setattr(os, name, counted(getattr(os, name)))
    return small_study.run(words, work)


def contents(work: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    """Of files, and of all files in folders."""
    paths = [path for name in names for path in (work / name, *(work / name).rglob("*"))]
    return {str(path.relative_to(work)): path.read_bytes() for path in paths if path.is_file()}


def kill_commands(ends: float, rng: random.Random, folder: Path, counts: Counts) -> None:
    """Every command, killed before every change that it makes."""
    study = folder / "study"
    study.mkdir()
    small_study.make(study)
    commands = list(small_study.COMMANDS)
    rng.shuffle(commands)
    for command in commands:
        words = command.line.split()
        work = small_study.linked(study, folder / "work")
        before = contents(work, command.writes)  # of fetch, what it finds
        if small_study.run(words, work).status:
            counts["failed"] += 1
            print(f"{command.line}: fails without a kill", flush=True)
        new = contents(work, command.writes)
        shutil.rmtree(work)
        olders = ("nothing", "an older result", "an older result and a file more")
        for older in olders[:1] if command.name == "fetch" else olders:  # which reads what it writes beside
            for number in range(1, 1000):
                if time.monotonic() > ends:
                    return
                work = small_study.linked(study, folder / "work")
                old = before if older == "nothing" else {name: content + b"older" for name, content in new.items()}
                if older.endswith("more"):
                    old |= {
                        f"{name}/mine": b"mine" for name in command.writes if (work / name).is_dir() or name == "out"
                    }
                for name, content in old.items():
                    (work / name).parent.mkdir(exist_ok=True, parents=True)
                    (work / name).unlink(missing_ok=True)
                    (work / name).write_bytes(content)
                status, said = forked(lambda: killed_before(number, words, work))  # noqa: B023
                faults = [] if status in (0, -signal.SIGKILL) else [f"status {status}: {said}"]
                faults += torn(contents(work, command.writes), old, new, command.writes)
                again, said = forked(lambda: small_study.run(words, work))  # noqa: B023
                after = contents(work, command.writes)
                faults += [f"then status {again}: {said}"] * bool(again)
                faults += [f"then other bytes: {name}" for name in new if after.get(name) != new[name]]
                faults += [
                    f"left behind: {path}"
                    for path in small_study.files_of(work)
                    if "writing-" in path or ".old-" in path
                ]
                shutil.rmtree(work)
                if faults:
                    counts["faults"] += 1
                    print(f"{command.line}, before change {number}, over {older}: {faults}", flush=True)
                if status != -signal.SIGKILL:
                    break
                counts["kills"] += 1
        counts["commands"] += 1


def torn(found: dict[str, bytes], old: dict[str, bytes], new: dict[str, bytes], writes: tuple[str, ...]) -> list[str]:
    """What is neither old nor new, and folders with some of both."""
    faults = [f"torn: {name}" for name in found if found[name] not in (old.get(name), new.get(name))]
    for folder in writes:
        names = [name for name in found if name.startswith(f"{folder}/") and name in new]
        kinds = {found[name] == new[name] for name in names if new[name] != old.get(name)}
        faults += [f"old and new in {folder}"] * (len(kinds) > 1)
    return faults


class Disk:
    """A small file system, or a limit on the size of files where none can be mounted."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
        self.is_mounted = subprocess.run(mount, capture_output=True).returncode == 0

    def limit(self, size: int) -> None:
        if self.is_mounted:
            options = f"remount,size={max(size, 4096)}"
            subprocess.run(["mount", "-o", options, str(self.folder)], check=True)

    def run(self, size: int, words: list[str], work: Path) -> small_study.Done:
        if not self.is_mounted:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        return small_study.run(words, work)

    def close(self) -> None:
        if self.is_mounted:
            subprocess.run(["umount", "-l", str(self.folder)], check=True)


def fill_disks(ends: float, rng: random.Random, folder: Path, counts: Counts) -> None:
    """Commands on disks of random sizes: an answer or one line, nothing torn, and with room again all is well."""
    study = folder / "study"
    if not study.exists():
        study.mkdir()
        small_study.make(study)
    disk = Disk(folder / "disk")
    try:
        for command in cycled(small_study.COMMANDS, rng):
            if time.monotonic() > ends:
                return
            if command.name == "fetch":  # its output is a folder of the study
                continue
            work = small_study.linked(study, folder / "work")
            words = [f"{disk.folder}/{word}" if word in command.writes else word for word in command.line.split()]
            disk.limit(64 << 20)
            forked(lambda: small_study.run(words, work))  # noqa: B023
            new = contents(disk.folder, command.writes)
            clear(disk.folder)
            size = rng.randrange(sum(map(len, new.values())) + 8192)
            disk.limit(size)
            status, said = forked(lambda: disk.run(size, words, work))  # noqa: B023
            found = contents(disk.folder, command.writes)
            faults = (
                [f"status {status}: {said}"] if status not in (0, 1) or (status and not said.startswith("|")) else []
            )
            faults += [f"torn: {name}" for name in found if found[name] != new.get(name)]
            faults += [f"left behind: {name}" for name in small_study.files_of(disk.folder) if "writing-" in name]
            disk.limit(64 << 20)
            again, said = forked(lambda: small_study.run(words, work))  # noqa: B023
            faults += [f"then status {again}: {said}"] * bool(again)
            faults += ["then other bytes"] * (contents(disk.folder, command.writes) != new)
            clear(disk.folder)
            shutil.rmtree(work)
            counts["disks"] += 1
            counts["full"] += status == 1
            counts["faults"] += bool(faults)
            if faults:
                print(f"{command.line}, {size} bytes: {faults}", flush=True)
    finally:
        disk.close()


def clear(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def cycled(commands: list[small_study.Command], rng: random.Random) -> Iterator[small_study.Command]:
    while True:
        yield from rng.sample(commands, len(commands))


def try_changes(ends: float, rng: random.Random, folder: Path, counts: Counts) -> None:
    (folder / "commands").mkdir()
    with preloaded.served(folder / "commands"):
        counts.update(changes.main(ends - time.monotonic(), folder, folder / "commands"))


PARTS = {"commands": kill_commands, "disks": fill_disks, "changes": try_changes, "runs": kill_runs}
BAD = ("faults", "failed", "with other bytes", "files left behind", "stale", "needless")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], default=list(PARTS))
    parser.add_argument("--seconds", type=float, default=600, help="of each part")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    bad = False
    for part in given.parts:
        counts: Counts = collections.Counter()
        with tempfile.TemporaryDirectory() as folder:
            PARTS[part](time.monotonic() + given.seconds, random.Random(given.seed), Path(folder), counts)
        bad |= any(counts[kind] for kind in BAD)
        listed = ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items()))
        print(f"{part}, seed {given.seed}: {listed}", flush=True)
    sys.exit(bad)


if __name__ == "__main__":
    main()
