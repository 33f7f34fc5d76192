"""Jobs on a cluster: what to check before the first one, what an earlier run left behind, and why one failed.

The scheduler is asked by its own commands only; nothing here knows how jobs are submitted.
"""

import fcntl
import getpass
import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import yaml

from labelpolicy.errors import LabelPolicyError

CAUSES = (
    (r"exceeded (job )?memory limit|oom[-_ ]kill|Out Of Memory", "it used more memory than it asked for: raise mem_mb"),
    (r"DUE TO TIME LIMIT", "it ran longer than it asked for: raise runtime (minutes)"),
    (r"DUE TO NODE FAILURE", "its node went down: run the same command again"),
    (r"DUE TO PREEMPTION", "a job of higher priority took its place: run the same command again"),
    (r"CANCELLED AT|JOB \d+ .* CANCELLED", "it was cancelled: run the same command again if that was not meant"),
)


def ask(*command: str) -> str:
    """What a scheduler's command prints; its last line of complaint is a :class:`LabelPolicyError`."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LabelPolicyError(f"{command[0]}: {error}: ask the cluster's administrators") from None
    if done.returncode:
        said = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
        raise LabelPolicyError(
            f"{command[0]}: {said}: the scheduler does not answer: try again when `{shlex.join(command)}` works"
        )
    return done.stdout


def check_slurm(partitions: Iterable[str]) -> None:
    """SLURM's commands are here, it answers, and it has all ``partitions`` (each may be a list with commas)."""
    for command in ("sbatch", "squeue", "scancel", "sinfo"):
        if shutil.which(command) is None:
            raise LabelPolicyError(
                f"{command}: no such command: start this on a node from which SLURM jobs can be submitted,"
                " or leave the slurm profile away to run on this machine"
            )
    there = set(ask("sinfo", "--all", "--noheader", "--format=%R").split())
    for name in {part for partition in partitions for part in partition.split(",")} - there:
        raise LabelPolicyError(
            f"slurm_partition: {name!r} is none of this cluster's partitions {', '.join(sorted(there))}:"
            " correct it in the files of profiles/slurm or on the command line"
        )


def partitions_in(file: str | Path) -> set[str]:
    """Names of the partitions in a file as profiles/slurm/partitions.yaml."""
    try:
        listed = yaml.safe_load(Path(file).read_text(encoding="utf-8"))["partitions"]
        return {str(limits.get("partition", name)) for name, limits in listed.items()}
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        raise LabelPolicyError(f"{file}: expected `partitions:` with a mapping of limits for each name") from None


def alone(file: str | Path) -> bool:
    """Whether no other run of this folder is alive; this one counts as alive until its process ends, however it ends.

    ``file`` is locked: by every run together with others, and at the start, for a moment, by this one alone.
    """
    handle, is_alone = os.open(file, os.O_RDWR | os.O_CREAT, 0o660), True  # left open: so it holds to the end
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        is_alone = False
    fcntl.flock(handle, fcntl.LOCK_SH)
    return is_alone


def jobs_on_slurm(folder: str | Path) -> set[str]:
    """Jobs that Snakemake submitted from ``folder`` and that wait, run or are being cleaned up; arrays as JOB_TASK."""
    lines = ask("squeue", "--user", getpass.getuser(), "--array", "--noheader", "--format=%i|%k|%Z").splitlines()
    jobs = (line.split("|", 2) for line in lines)
    return {job for job, comment, place in jobs if comment.startswith("rule_") and place == str(folder)}


def cancel_on_slurm(jobs: Iterable[str]) -> None:
    ask("scancel", *sorted(jobs))


def jobs_by(command: str, record: str | Path) -> set[str]:
    """The same for any scheduler: the ids in the file ``record`` for which the command prints running."""
    ids = Path(record).read_text().split() if Path(record).exists() else []
    return {job for job in ids if ask(*shlex.split(command), job).strip() == "running"}


def stop(
    alive: Callable[[], set[str]], cancel: Callable[[Iterable[str]], object], patience: float = 300, pause: float = 1
) -> list[str]:
    """Cancel the jobs that are alive and wait until none is; their ids.

    A job left by a killed run goes on writing its outputs. Only when it is gone may another job write them: a job that
    is cancelled deletes its outputs, also those that its successor has just written.
    """
    stopped = left = alive()
    if left:
        cancel(left)
    until = time.monotonic() + patience
    while left := left and alive():
        if time.monotonic() > until:
            raise LabelPolicyError(
                f"jobs {', '.join(sorted(left))} of an earlier run were cancelled but are still there after"
                f" {patience:.0f} s: wait until the queue no longer shows them and start again"
            )
        time.sleep(pause)
    return sorted(stopped)


def causes(logs: str | Path, since: float) -> list[str]:
    """Why jobs were ended by the scheduler, in one line each, from its logs written after ``since`` (epoch seconds).

    A job's log lies in rule_NAME/WILDCARDS/JOB.log (arrays: rule_NAME/ARRAY_TASK.log; groups: group_NAME/...); of
    several attempts only the last is told.
    """
    last: dict[Path, Path] = {}
    for log in sorted(Path(logs).rglob("*.log"), key=lambda log: log.stat().st_mtime):
        if log.stat().st_mtime >= since:
            last[log.parent if "_" not in log.stem else log] = log
    found = []
    for log in last.values():
        text, (kind, _, name) = log.read_text(errors="replace"), log.relative_to(logs).parts[0].partition("_")
        causes = [cause for pattern, cause in CAUSES if re.search(pattern, text, re.IGNORECASE)]
        found += [f"{kind} {name}, job {log.stem}: {cause} ({log})" for cause in causes[:1]]
    return found
