"""After a run that was killed: the same command goes on, unless something of the run is alive."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import Study

LOCKED = "Directory cannot be locked"
PREPARED = "data/processed/synthetic/dataset.json"


class Slow:
    """A study whose only job sleeps, below a ``labelpolicy`` that a test knows."""

    def __init__(self, study: Study):
        self.study, self.pids = study, study.folder / "pids"
        study.environment = dict(study.really)  # whose processes are those that a user sees
        command = study.folder / "bin/labelpolicy"
        command.parent.mkdir()
        command.write_text(f"#!/bin/sh\necho $$ >> '{self.pids}'\nwhile sleep 0.2; do :; done\n")
        command.chmod(0o755)
        self.path = study.environment["PATH"]
        study.environment["PATH"] = f"{command.parent}{os.pathsep}{self.path}"

    def start(self) -> subprocess.Popen:
        running = subprocess.Popen(
            self.study.command(PREPARED),
            cwd=self.study.folder,
            env=self.study.environment,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 300
        while not self.pids.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert self.pids.exists()
        return running

    def quick(self) -> None:
        """The real command again."""
        self.study.environment["PATH"] = self.path


@pytest.fixture
def slow(study):
    found = Slow(study)
    yield found
    for pid in found.pids.read_text().split() if found.pids.exists() else ():
        if Path(f"/proc/{pid}").exists():
            os.kill(int(pid), signal.SIGKILL)


def test_two_runs_at_once_exclude_each_other(slow):
    running = slow.start()
    slow.quick()
    assert LOCKED in slow.study.run(PREPARED, fails=True)
    assert slow.study.jobs(PREPARED)  # a look is allowed
    assert LOCKED in slow.study.run(PREPARED, fails=True)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert "was killed" in slow.study.run(PREPARED)


def test_a_job_of_a_killed_run_that_is_still_at_work_is_waited_for(slow):
    running = slow.start()
    running.kill()
    running.wait()
    slow.quick()
    pid = slow.pids.read_text().split()[0]
    printed = slow.study.run(PREPARED, fails=True)
    assert LOCKED in printed and "still at work" in printed and pid in printed
    os.kill(int(pid), signal.SIGKILL)
    while Path(f"/proc/{pid}").exists():
        time.sleep(0.05)
    assert "was killed" in slow.study.run(PREPARED)
    assert slow.study.jobs(PREPARED) == set()


def test_a_lock_from_another_machine_stays(study):
    study.environment = study.really
    lock = study.folder / ".snakemake/locks/0.output.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text(f"{PREPARED}\n")
    (study.folder / ".snakemake/alive.lock").write_text("another")
    assert LOCKED in study.run(PREPARED, fails=True)
    assert lock.exists()
    study.run("--unlock")
    assert "was killed" not in study.run(PREPARED)
