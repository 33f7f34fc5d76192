"""What the library asks a scheduler, against commands that stand in for one."""

import os
import subprocess
import sys
from pathlib import Path

import cluster
import pytest

from labelpolicy.errors import LabelPolicyError


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """Write stand-ins of a scheduler's commands, the only ones on PATH besides a shell."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "cat", "rm"):
        (folder / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.chdir(tmp_path)

    def write(**scripts):
        for name, script in scripts.items():
            (folder / name).write_text(f"#!/bin/sh\n{script}\n")
            (folder / name).chmod(0o755)

    return write


def test_slurm_is_ready(commands):
    commands(sbatch="", squeue="", scancel="", sinfo="echo main; echo long")
    cluster.check_slurm(["main", "long,main"])


def test_a_missing_command_is_named(commands):
    commands(sbatch="", squeue="")
    with pytest.raises(LabelPolicyError, match=r"^scancel: no such command: start this on a node"):
        cluster.check_slurm([])


def test_a_partition_that_is_not_there_is_named_with_those_that_are(commands):
    commands(sbatch="", squeue="", scancel="", sinfo="echo main; echo long")
    with pytest.raises(
        LabelPolicyError, match="slurm_partition: 'gpu' is none of this cluster's partitions long, main"
    ):
        cluster.check_slurm(["main,gpu"])


def test_a_scheduler_that_does_not_answer_is_quoted_in_one_line(commands):
    said = "sinfo: error: If munged is up, restart with --num-threads=10\nsinfo: error: Munge encode failed: no socket"
    commands(sbatch="", squeue="", scancel="", sinfo=f"echo '{said}' >&2; exit 1")
    with pytest.raises(LabelPolicyError, match=r"^sinfo: sinfo: error: Munge encode failed: no socket: [^\n]*$"):
        cluster.check_slurm([])


def test_partitions_are_read_from_the_plugins_file(tmp_path):
    file = tmp_path / "partitions.yaml"
    file.write_text("partitions:\n  short: {max_runtime: 60}\n  big: {partition: long}\n")
    assert cluster.partitions_in(file) == {"short", "long"}
    for text in ("partitions: 3\n", "short: {}\n", "- a\n", "a: b: c\n"):
        file.write_text(text)
        with pytest.raises(LabelPolicyError, match="expected `partitions:`"):
            cluster.partitions_in(file)


HERE = "/home/someone/study"


def test_the_jobs_of_a_folder_are_those_that_snakemake_submitted_from_it(commands):
    lines = [
        f"7|rule_train_wildcards_a|{HERE}",
        f"9_2|rule_decide|{HERE}",
        f"10|(null)|{HERE}",
        f"11|rule_train|{HERE}2",
    ]
    commands(squeue="\n".join(f"echo '{line}'" for line in lines))
    assert cluster.jobs_on_slurm(HERE) == {"7", "9_2"}


def test_what_is_left_is_cancelled_and_waited_for(commands, tmp_path):
    """After scancel the first look still shows a job: it is being cleaned up."""
    both = f"echo '7|rule_a|{HERE}'; echo '8|rule_b|{HERE}'"
    commands(
        squeue=f"if [ -e once ]; then cat once; rm once; elif [ ! -e cancelled ]; then {both}; fi",
        scancel=f'echo "$@" >> cancelled; echo "7|rule_a|{HERE}" > once',
    )
    stopped = cluster.stop(lambda: cluster.jobs_on_slurm(HERE), cluster.cancel_on_slurm, pause=0.01)
    assert stopped == ["7", "8"]
    assert (tmp_path / "cancelled").read_text() == "7 8\n"
    assert not (tmp_path / "once").exists()


def test_nothing_is_cancelled_where_nothing_is_left(commands, tmp_path):
    commands(squeue="", scancel="echo called > cancelled")
    assert cluster.stop(lambda: cluster.jobs_on_slurm(HERE), cluster.cancel_on_slurm) == []
    assert not (tmp_path / "cancelled").exists()


def test_a_job_that_does_not_go_away_stops_the_run():
    with pytest.raises(LabelPolicyError, match="jobs 5 of an earlier run were cancelled but are still there"):
        cluster.stop(lambda: {"5"}, list, patience=0.05, pause=0.01)


def test_jobs_of_any_scheduler_by_their_record_and_a_status_command(commands, tmp_path):
    commands(status='[ "$2" = 3 ] && echo running || echo failed')
    assert cluster.jobs_by("status --of", tmp_path / "record") == set()
    (tmp_path / "record").write_text("2\n3\n")
    assert cluster.jobs_by("status --of", tmp_path / "record") == {"3"}


def test_a_run_is_alone_until_another_is_alive_and_again_when_that_was_killed(tmp_path):
    file = tmp_path / "lock"
    code = "import sys; from cluster import alone; print(alone(sys.argv[1]), flush=True); sys.stdin.read()"

    def run():
        return subprocess.Popen(
            [sys.executable, "-c", code, str(file)],
            cwd=Path(cluster.__file__).parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    first = run()
    assert first.stdout.readline() == "True\n"
    second = run()
    assert second.stdout.readline() == "False\n"
    first.kill()
    first.wait()
    third = run()
    assert third.stdout.readline() == "False\n"  # the second is still there
    for process in (second, third):
        process.kill()
        process.wait()
    last = run()
    assert last.stdout.readline() == "True\n"
    last.communicate()


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("slurmstepd-n1: error: StepId=12.batch exceeded memory limit (54 > 41), being killed\nCANCELLED AT", "mem_mb"),
        ("slurmstepd: error: Detected 1 oom_kill event in StepId=5.0. Some of the step tasks", "mem_mb"),
        ("slurmstepd: error: Detected 1 oom-kill event(s) in step 5.batch cgroup.", "mem_mb"),
        ("slurmstepd: error: *** JOB 8 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***", "runtime"),
        ("slurmstepd: error: *** JOB 8 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO NODE FAILURE ***", "node"),
        ("slurmstepd: error: *** JOB 8 ON n1 CANCELLED AT 2026-01-01T00:00:00 ***", "cancelled"),
    ],
)
def test_the_schedulers_reason_in_plain_words(tmp_path, text, cause):
    log = tmp_path / "rule_train/synthetic_linear_0/12.log"
    log.parent.mkdir(parents=True)
    log.write_text(text)
    [found] = cluster.causes(tmp_path, since=0)
    assert found.startswith("rule train, job 12: ") and cause in found and str(log) in found


def test_of_several_attempts_the_last_is_told_and_old_or_other_logs_are_not(tmp_path):
    folder = tmp_path / "group_decisions_decide"
    folder.mkdir()
    for time, name, text in ((10, "1", "oom_kill"), (20, "2", "oom_kill"), (30, "3", "DUE TO TIME LIMIT")):
        (folder / f"{name}.log").write_text(text)
        os.utime(folder / f"{name}.log", (time, time))
    [found] = cluster.causes(tmp_path, since=15)
    assert found.startswith("group decisions_decide, job 3: it ran longer")
    (folder / "4.log").write_text("error: params.yaml: a word about cancelled things")
    assert cluster.causes(tmp_path, since=40) == []
    assert cluster.causes(tmp_path / "none", since=0) == []


def test_tasks_of_an_array_are_told_one_by_one(tmp_path):
    (tmp_path / "rule_decide").mkdir()
    for name in ("7_1", "7_2"):
        (tmp_path / f"rule_decide/{name}.log").write_text("oom_kill")
    assert len(cluster.causes(tmp_path, since=0)) == 2
