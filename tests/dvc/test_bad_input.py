"""What a user or a machine can do wrong: one line that says what to do, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from tracked import equal, error_of


def test_no_git(copy):
    shutil.rmtree(copy.folder / ".git")
    above = {"GIT_CEILING_DIRECTORIES": str(copy.folder.parent)}
    assert copy.dvc("repro", fails=True, **above) == f"ERROR: {copy.folder} is not a git repository\n"
    assert "is not a git repository" in error_of(copy.bridge("restore", fails=True, **above))


def test_a_mistyped_stage_or_profile(copy):
    assert "invalid choice: 'trian'" in copy.bridge("trian", fails=True)
    printed = copy.bridge("data", fails=True, SNAKEMAKE_PROFILE="profiles/slrum")
    assert "profiles/slrum" in printed and "Traceback" not in printed
    assert error_of(printed).startswith("error: snakemake data ended with status")


def test_a_lost_file_that_no_job_asks_for(copy, origin):
    """Snakemake finds nothing to do then; DVC is to have all that the jobs make. A profile says how much to use."""
    profile = copy.folder / "profiles/one/profile.yaml"
    profile.parent.mkdir()
    profile.write_text("cores: 1\n")
    shutil.rmtree(copy.folder / "milestones/baselines")
    (copy.folder / "results/synthetic/linear_svc/uniform/seed1/scut/labels.parquet").unlink()
    printed = copy.dvc("repro", "baselines", SNAKEMAKE_PROFILE="profiles/one")
    assert "Using profiles profiles/one" in printed and "Provided cores: 1" in printed
    assert equal(copy, origin)


def test_a_stage_while_another_runs_here_or_elsewhere(copy):
    """Or a job that somebody started by hand, or that a killed run left behind; or a run on another machine."""
    for name, attempt in (("labelpolicy", ["data"]), ("bridge.py", ["restore"]), ("snakemake", ["report"])):
        other = subprocess.Popen(["bash", "-c", f"exec -a {name} sleep 600"], cwd=copy.folder)
        try:
            while not Path(f"/proc/{other.pid}/cmdline").read_bytes().startswith(f"{name}\0".encode()):
                time.sleep(0.01)
            assert f"wait, or `kill {other.pid}`" in error_of(copy.bridge(*attempt, fails=True))
        finally:
            other.kill()
            other.wait()
    lock = copy.folder / ".snakemake/locks/0.output.lock"
    lock.parent.mkdir(exist_ok=True)
    (copy.folder / ".snakemake/alive.lock").write_text("another")
    lock.write_text("results/synthetic/linear_svc/uniform/seed0/scut/metrics.json\n")
    assert "`snakemake --unlock`" in error_of(copy.bridge("restore", fails=True))
    assert lock.exists()


def test_a_damaged_cache(clone, origin):
    """DVC trusts what is read-only in its cache; the bridge knows better, and its cure works."""
    clone.dvc("pull")
    path = next(iter(sorted((clone.folder / "milestones/train").rglob("scores.parquet"))))
    cache = (clone.folder / ".dvc/cache/files/md5").glob("??/*")
    entry = next(entry for entry in cache if entry.read_bytes() == path.read_bytes())
    entry.chmod(0o644)
    entry.write_bytes(b"damaged")
    entry.chmod(0o444)
    shutil.rmtree(clone.folder / "milestones/train")
    message = error_of(clone.bridge("restore", fails=True))
    assert "missing or damaged: `rm -rf milestones/train .dvc/cache/files/md5/" in message
    clone.run("bash", "-c", message.split("`")[1])
    clone.bridge("restore")
    assert equal(clone, origin)


def test_own_documents_that_dvc_does_not_watch(copy):
    raw = copy.folder / "data/raw/mine"
    raw.mkdir(parents=True)
    line = '{{"id": "{0}", "text": "warm {1} sky", "labels": ["{1}"]}}\n'
    for split in ("train", "test"):
        text = (line.format(f"{split}{i}", ("sun", "rain")[i % 2]) for i in range(40))
        (raw / f"{split}.jsonl").write_text("".join(text))
    copy.set({"grid.datasets": ["mine"]})
    message = error_of(copy.dvc("repro", "data", fails=True))
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
        folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
        for path in folders:
            path.chmod(0o555)
        yield folder
        for path in folders:
            path.chmod(0o755)
        return
    mounts = (["--bind", folder, folder], ["-o", "remount,ro,bind", folder])
    if any(subprocess.run(["mount", *mount], capture_output=True).returncode for mount in mounts):
        pytest.skip("root cannot make a read-only mount here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_read_only_results_folder(copy, read_only, origin):
    copy.set({"robustness.initialisations": 2})
    printed = copy.dvc("repro", "robustness", fails=True)
    assert "Read-only file system" in printed or "Permission denied" in printed or "nothing can be written" in printed
    assert error_of(printed)
    assert copy.products("robustness") == origin.products("robustness")


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
    clone = origin.clone(small_disk / "clone")
    clone.environment["PYTHONDONTWRITEBYTECODE"] = "1"
    clone.environment["DVC_SITE_CACHE_DIR"] = str(tmp_path / "site")
    clone.dvc("pull")
    fill = small_disk / "fill"
    with pytest.raises(OSError), fill.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    printed = clone.bridge("baselines", fails=True)
    assert "No space left on device: correct this (room" in error_of(printed)
    fill.unlink()
    clone.bridge("restore")
    assert equal(clone, origin)
