"""What a user or a machine can do wrong: one line that says what to do, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from tracked import Repository, equal, turn


def one_line(printed: str) -> str:
    """The bridge's message, which must be one line."""
    lines = [line for line in printed.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "Traceback" not in printed, printed
    return lines[0]


def test_no_git(copy):
    shutil.rmtree(copy.folder / ".git")
    printed = copy.dvc("repro", fails=True, GIT_CEILING_DIRECTORIES=str(copy.folder.parent))
    assert printed == f"ERROR: {copy.folder} is not a git repository\n"
    printed = copy.bridge("restore", fails=True, GIT_CEILING_DIRECTORIES=str(copy.folder.parent))
    assert "clone the project, or run `git init`" in one_line(printed)


def test_a_shallow_clone(origin, tmp_path):
    """Works as it is; a state that it does not reach says how to get it."""
    origin.git("clone", "-q", "--depth", "1", f"file://{origin.folder}", str(tmp_path / "shallow"))
    shallow = Repository(tmp_path / "shallow")
    assert "git fetch --unshallow --tags" in one_line(shallow.bridge("restore", "HEAD~1", fails=True))
    shallow.bridge("restore")
    assert equal(shallow, origin)


def test_a_mistyped_stage_profile_or_folder(copy):
    assert "invalid choice: 'trian'" in copy.bridge("trian", fails=True)
    message = one_line(copy.bridge("train", fails=True, SNAKEMAKE_PROFILE="profiles/slrum"))
    assert message.startswith("error: SNAKEMAKE_PROFILE: no profile 'profiles/slrum': found profiles/")
    assert "profiles/default" in message and "profiles/slurm" in message
    (copy.folder / "dvc.yaml").unlink()
    assert "run this from the project's folder" in one_line(copy.bridge("train", fails=True))


def test_a_profile_decides_how_much_to_use(copy):
    profile = copy.folder / "profiles/two"
    profile.mkdir()
    (profile / "profile.yaml").write_text("cores: 1\n")
    for name in ("milestones/baselines", "results/synthetic/linear_svc/uniform/seed0/scut"):
        shutil.rmtree(copy.folder / name)
    printed = copy.bridge("baselines", SNAKEMAKE_PROFILE="profiles/two")
    assert "Using profiles profiles/two" in printed and "Provided cores: 1" in printed


@pytest.mark.parametrize("name", ["labelpolicy", "bridge.py"])
def test_a_stage_while_another_runs(copy, name):
    """Or a job that somebody started by hand, or that a killed run left behind."""
    other = subprocess.Popen(["bash", "-c", f"exec -a {name} sleep 600"], cwd=copy.folder)
    try:
        while not Path(f"/proc/{other.pid}/cmdline").read_bytes().startswith(f"{name}\0".encode()):
            time.sleep(0.01)
        turn(copy)
        printed = (
            copy.dvc("repro", "baselines", fails=True) if name == "labelpolicy" else copy.bridge("restore", fails=True)
        )
        assert f"(process {other.pid}): wait for it, or stop it: kill {other.pid}" in one_line(printed)
    finally:
        other.kill()
        other.wait()


def test_the_lock_of_a_dead_run_goes_and_that_of_another_machine_stays(copy, origin):
    locks = copy.folder / ".snakemake/locks"
    locks.mkdir(exist_ok=True)
    lock = locks / "0.output.lock"
    lock.write_text("results/synthetic/linear_svc/uniform/seed0/scut/metrics.json\n")
    (copy.folder / ".snakemake/bridge.host").write_text("elsewhere")
    assert "run on elsewhere" in one_line(copy.bridge("baselines", fails=True))
    assert lock.exists()
    (copy.folder / ".snakemake/bridge.host").unlink()
    copy.bridge("baselines")
    assert not lock.exists()
    assert equal(copy, origin)


def test_a_damaged_cache(clone, origin):
    """DVC trusts what is read-only in its cache; the bridge knows better, and its cure works."""
    clone.dvc("pull")
    path = next(iter(sorted((clone.folder / "milestones/train").rglob("scores.parquet"))))
    entry = clone.folder / next(iter(sorted(find(clone, path.read_bytes()))))
    entry.chmod(0o644)
    entry.write_bytes(b"damaged")
    entry.chmod(0o444)
    shutil.rmtree(clone.folder / "milestones/train")
    message = one_line(clone.bridge("restore", fails=True))
    assert "the cache is damaged: `rm -rf .dvc/cache/files/md5/" in message
    clone.run("bash", "-c", message.split("`")[1])
    clone.bridge("restore")
    assert equal(clone, origin)


def find(repository, content):
    return (p for p in (repository.folder / ".dvc/cache/files/md5").glob("??/*") if p.read_bytes() == content)


def test_own_documents_that_dvc_does_not_watch(copy):
    raw = copy.folder / "data/raw/mine"
    raw.mkdir(parents=True)
    line = '{{"id": "{0}", "text": "warm {1} sky", "labels": ["{1}"]}}\n'
    for split in ("train", "test"):
        text = (line.format(f"{split}{i}", ("sun", "rain")[i % 2]) for i in range(40))
        (raw / f"{split}.jsonl").write_text("".join(text))
    copy.set({"grid.datasets": ["mine"]})
    message = one_line(copy.dvc("repro", "data", fails=True))
    assert message.startswith("error: data/raw/mine/") and "to the deps of data in dvc.yaml" in message
    copy.dvc("add", "data/raw/mine")
    pipeline = copy.folder / "dvc.yaml"
    pipeline.write_text(pipeline.read_text().replace("    - workflow/sources.tsv\n", "    - data/raw/mine\n", 1))
    copy.dvc("repro", "data")
    assert "data/raw/mine.dvc" in copy.git("status", "--short", "-uall")
    assert (copy.folder / "milestones/data/data/processed/mine/train.parquet").is_file()


@pytest.fixture
def read_only(copy):
    """The results folder of a study, which nobody can write: root needs a read-only mount for that."""
    folder = copy.folder / "results"
    if os.getuid() != 0:
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)
        return
    mounts = (["--bind", folder, folder], ["-o", "remount,ro,bind", folder])
    if any(subprocess.run(["mount", *mount], capture_output=True).returncode for mount in mounts):
        pytest.skip("root cannot make a read-only mount here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_read_only_results_folder(copy, read_only, origin):
    before = origin.products("train")
    turn(copy)
    message = one_line(copy.dvc("repro", "train", fails=True))
    assert message == f"error: {read_only}: cannot be written: give yourself the right (chmod u+w), then repeat"
    assert copy.products("train") == before


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own with little room."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("only root may mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk(origin, small_disk, tmp_path):
    """Nothing is lost: with room again, the same command goes on and ends as ever."""
    clone = Repository(origin.clone(small_disk / "clone").folder)
    clone.environment["PYTHONDONTWRITEBYTECODE"] = "1"
    clone.environment["DVC_SITE_CACHE_DIR"] = str(tmp_path / "site")
    clone.dvc("pull")
    fill = small_disk / "fill"
    with pytest.raises(OSError), fill.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    printed = clone.bridge("baselines", fails=True)
    assert "No space left on device: correct this (room" in one_line(printed)
    fill.unlink()
    clone.bridge("restore")
    assert equal(clone, origin)


def test_a_lost_file_that_no_job_asks_for(copy, origin):
    """Snakemake finds nothing to do then; DVC is to have all that the jobs make."""
    shutil.rmtree(copy.folder / "milestones/baselines")
    (copy.folder / "results/synthetic/linear_svc/uniform/seed1/scut/labels.parquet").unlink()
    copy.dvc("repro", "baselines")
    assert equal(copy, origin)
