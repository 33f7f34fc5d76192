"""Ways by which DVC and Snakemake could keep old results under new parameters; each ends as a clean run does."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from tracked import TRAINED, changed, equal, error_of


def test_changed_after_a_fresh_clone_and_pull(clone, clean):
    """Where nothing has ever run."""
    clone.dvc("pull")
    changed(clone)
    jobs = jobs_of(clone.dvc("repro", *TRAINED))
    assert jobs and all("linear_svc" in job for job in jobs)
    assert equal(clone, clean, TRAINED)


def jobs_of(printed: str) -> list[str]:
    return re.findall(r"^Job \d+: (.+)", printed, re.MULTILINE)


@pytest.mark.parametrize("cache", ["hardlink", "symlink"])
def test_changed_where_dvc_links_from_its_cache(clone, origin, cache):
    """What DVC has linked is read-only, and nothing may be written through it into the cache."""
    clone.configure("cache", type=cache)
    clone.dvc("pull")
    clone.set({"robustness.initialisations": 2})
    clone.dvc("repro", "robustness")
    before, after = origin.products("robustness"), clone.products("robustness")
    assert after.keys() < before.keys()  # the sweep shrank
    made = {path for path in after if after[path] != before[path]}
    assert made == {path for path in after if "results/robustness/" in path or path.endswith("provenance.json")}
    for path in (clone.folder / ".dvc/cache/files/md5").glob("??/*"):
        assert hashlib.md5(path.read_bytes()).hexdigest() == (path.parent.name + path.name).removesuffix(".dir")


def test_a_touched_but_unchanged_file_reruns_nothing(copy, origin):
    for top in ("milestones", "results", "data", "src", "workflow", "params.yaml"):
        for path in [copy.folder / top, *(copy.folder / top).rglob("*")]:
            os.utime(path)
    assert "Running stage" not in copy.dvc("repro")
    assert copy.nothing_to_do()
    assert equal(copy, origin)


def test_results_edited_by_hand_are_made_again(copy, origin):
    """Through the hard link both names of the file change."""
    copy.bridge("restore")  # links again what DVC has copied into its cache
    path = "results/synthetic/linear/meta/seed0/meta/metrics.json"
    (copy.folder / path).write_text("{}")
    assert (copy.folder / "milestones/train" / path).read_text() == "{}"
    copy.dvc("repro", "train")
    assert equal(copy, origin)


def test_in_place_a_killed_stage(copy, clean):
    """SIGKILL of the bridge and Snakemake while jobs are at work; the jobs live on, and are waited for.

    In all only what the change touches is made again.
    """
    changed(copy)
    log = copy.folder.parent / "killed.log"
    command = [sys.executable, "workflow/bridge.py", "baselines"]
    with log.open("w") as file:
        running = subprocess.Popen(command, cwd=copy.folder, env=copy.really, stdout=file, stderr=file)
    while not (jobs := [job for job in at_work(copy) if suspended(job)]) and running.poll() is None:
        time.sleep(0.02)
    assert jobs, log.read_text()
    for process in [psutil.Process(running.pid), *psutil.Process(running.pid).children(recursive=True)]:
        if any("snakemake" in word or "bridge" in word for word in process.cmdline()[:3]):
            process.kill()
    running.wait()
    assert f"kill {jobs[0].pid}" in error_of(copy.dvc("repro", *TRAINED, fails=True))
    for job in jobs:
        job.resume()
    while at_work(copy):
        time.sleep(0.1)
    jobs = jobs_of(log.read_text() + copy.dvc("repro", *TRAINED))
    assert jobs and all("linear_svc" in job for job in jobs)
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
    message = error_of(clone.bridge("report", fails=True))
    assert "milestones/train" in message and "dvc pull train" in message
    clone.dvc("repro", "train")
    clone.bridge("restore")
    assert equal(clone, origin)


def test_an_edit_while_a_stage_runs(copy):
    """DVC reads the parameters when a stage has ended: the results must be theirs."""
    copy.set({"robustness.initialisations": 2})
    with (copy.folder / "Snakefile").open("a") as file:
        file.write("\nonsuccess:\n    shell(\"sed -i 's/initialisations: 2/initialisations: 3/' params.yaml\")\n")
    message = error_of(copy.bridge("robustness", fails=True))
    assert "after the run: run `dvc repro robustness` again" in message
