"""Ways by which DVC and Snakemake could keep old results under new parameters; each ends as a clean run does."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from tracked import STAGES, TRAINED, changed, edit, equal, shrink, turn


@pytest.mark.parametrize("cache", ["copy", "hardlink", "symlink"])
def test_changed_after_a_fresh_clone_and_pull(clone, clean, cache):
    """Where nothing has ever run, with each way in which DVC can put files into the workspace."""
    clone.dvc("config", "--local", "cache.type", cache)
    clone.dvc("pull")
    changed(clone)
    stages = STAGES if cache == "copy" else TRAINED
    clone.dvc("repro", *stages)
    assert equal(clone, clean, stages)
    # Nothing was written through a link into the cache.
    for path in (clone.folder / ".dvc/cache/files/md5").glob("??/*"):
        assert hashlib.md5(path.read_bytes()).hexdigest() == (path.parent.name + path.name).removesuffix(".dir")


def test_in_place_only_what_a_change_touches_is_made_anew(copy, clean):
    def repro(*stages):
        lines = copy.dvc("repro", *stages).splitlines()
        return {line.split(": ", 1)[1] for line in lines if line.startswith("Job ") and ": " in line}

    shrink(copy)
    assert repro(*TRAINED) == set()  # the first seed's results are there
    turn(copy)
    jobs = repro(*TRAINED)
    assert jobs and all("linear_svc" in job for job in jobs)
    edit(copy)
    jobs = repro()
    assert any(job.startswith("Train linear_svc") for job in jobs)
    assert not any(job.startswith(("Train linear ", "Learn", "Roll", "Prepare")) for job in jobs)
    assert equal(copy, clean)


def test_a_touched_but_unchanged_file_reruns_nothing(copy, origin):
    for top in ("milestones", "results", "data", "src", "workflow", "params.yaml"):
        for path in [copy.folder / top, *(copy.folder / top).rglob("*")]:
            os.utime(path)
    assert "Running stage" not in copy.dvc("repro")
    assert copy.nothing_to_do()
    assert equal(copy, origin)


def test_results_edited_by_hand_are_made_again(copy, origin):
    """Through the hard link both names of the file change."""
    copy.bridge("restore")
    path = "results/synthetic/linear/uniform/seed0/fixed/metrics.json"
    (copy.folder / path).write_text("{}")
    assert (copy.folder / "milestones/train" / path).read_text() == "{}"
    copy.dvc("repro")
    assert equal(copy, origin)


def test_a_killed_stage(copy, clean):
    """SIGKILL of DVC, the bridge and Snakemake while jobs are at work; the jobs live on, and are waited for.

    And before that a second run at the same time, which DVC itself turns away.
    """
    changed(copy)
    command = [sys.executable, "-m", "dvc", "repro", *TRAINED]
    running = subprocess.Popen(command, cwd=copy.folder, env=copy.environment, stdout=subprocess.DEVNULL)
    while not (jobs := [job for job in at_work(copy) if suspended(job)]) and running.poll() is None:
        time.sleep(0.02)
    assert jobs, "the run ended before it could be killed"
    assert f"is busy, it is being blocked by:\n  (PID {running.pid})" in copy.dvc("repro", *TRAINED, fails=True)
    family = psutil.Process(running.pid).children(recursive=True)
    running.kill()
    running.wait()
    for process in family:
        if any("snakemake" in word or "bridge" in word for word in process.cmdline()[:3]):
            process.kill()
    printed = copy.dvc("repro", *TRAINED, fails=True)
    assert f"is still at work here (process {jobs[0].pid}" in printed
    for job in jobs:
        job.resume()
    while at_work(copy):
        time.sleep(0.1)
    copy.dvc("repro", *TRAINED)
    assert equal(copy, clean, TRAINED)


def suspended(job: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        job.suspend()
        return True
    return False


def at_work(repository) -> list[psutil.Process]:
    """The library's processes in a repository."""
    return [
        process
        for process in psutil.process_iter(["cwd", "cmdline"])
        if process.info["cwd"] == str(repository.folder)
        and "labelpolicy" in [Path(word).name for word in (process.info["cmdline"] or [])[:2]]
    ]


def test_an_interrupted_pull(clone, origin):
    """Half of a stage's files are there, and not even in the cache."""
    clone.dvc("pull")
    for number, path in enumerate(sorted((clone.folder / "milestones/train").rglob("*.*"))):
        if path.is_file() and number % 2:
            digest = hashlib.md5(path.read_bytes()).hexdigest()
            (clone.folder / ".dvc/cache/files/md5" / digest[:2] / digest[2:]).unlink(missing_ok=True)
            path.unlink()
    printed = clone.bridge("report", fails=True)
    assert printed.count("\n") == 1 and "milestones/train" in printed and "dvc pull train" in printed
    clone.dvc("repro")
    clone.bridge("restore")
    assert equal(clone, origin)
