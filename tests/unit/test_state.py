"""What Snakemake does not see of its folder."""

import fcntl
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import state
from snakemake.persistence import MetadataRecord
from snakemake.persistence.file import FilePersistence

from labelpolicy.errors import LabelPolicyError

SCORES = "results/d/linear/uniform/seed0/scores.parquet"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("raw/inner").mkdir(parents=True)
    Path("raw/a.json").write_text("a")
    Path("raw/inner/b.json").write_text("b")


def changed(do) -> bool:
    before = state.contents("raw")
    do()
    return state.contents("raw") != before


def older(path: str, content: str) -> None:
    Path(path).write_text(content)
    os.utime(path, (1e9, 1e9))


@pytest.mark.parametrize(
    ("do", "counts"),
    [
        (lambda: older("raw/a.json", "A"), True),
        (lambda: Path("raw/c.json").write_text(""), True),
        (lambda: Path("raw/a.json").rename("raw/z.json"), True),
        (lambda: Path("raw/a.json").unlink(), True),
        (lambda: older("raw/inner/b.json", "bb"), True),
        (lambda: os.utime("raw/a.json"), False),
        (lambda: older("raw/a.json", "a"), False),
        (lambda: Path("raw/source.json").write_text("{}"), False),
        (lambda: Path("raw/.a.writing-x").write_text("x"), False),
    ],
)
def test_contents_are_names_and_bytes(do, counts):
    assert changed(do) == counts


def test_contents_of_nothing_and_of_another_place_are_the_same_everywhere(tmp_path):
    assert state.contents("nowhere", "raw") == state.contents("raw")
    shutil.copytree("raw", "elsewhere/raw")
    assert state.contents("elsewhere/raw") == state.contents(tmp_path / "raw")


def test_a_large_file_is_read_once_and_again_when_it_is_another(monkeypatch):
    path = Path("raw/a.json")
    path.write_text("a" * state.LARGE)
    monkeypatch.setattr(state, "RACE_NS", 0)
    before = state.contents("raw")
    with monkeypatch.context() as patch:
        patch.setattr(state.hashlib, "file_digest", None)  # an error if called
        patch.setattr(Path, "read_bytes", None)
        assert state.sha256(path)
    kept = path.stat()
    path.write_text("b" * state.LARGE)
    os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))  # of the same size, time and inode
    assert state.contents("raw") != before
    state.KEPT.write_text("damaged")
    path.write_text("a" * state.LARGE)
    assert state.contents("raw") == before


def made(path: str, content: str, **record) -> Path:
    """A file as a job leaves it, with its record."""
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    FilePersistence()._write_record(path, MetadataRecord(endtime=file.stat().st_mtime, **record))
    return file


def to_be_made_again() -> set[str]:
    state.check_products()
    marked = FilePersistence()._filter_incomplete_keys(["results/m.parquet", "data/processed/d/train.parquet"])
    marked |= FilePersistence()._filter_incomplete_keys([SCORES] if Path(SCORES).exists() else [])
    for path in marked:
        FilePersistence()._unmark_incomplete(path)
    return marked


def test_a_product_that_is_not_what_its_job_wrote_is_made_again():
    scores = made(SCORES, "scores")
    made("results/m.parquet", "m", input_checksums={SCORES: f"sha256:{state.sha256(scores)}"})
    assert to_be_made_again() == set()
    os.utime(scores, (1e9, 1e9))
    assert to_be_made_again() == set()
    older(SCORES, "others")
    assert to_be_made_again() == {SCORES}
    older(SCORES, "scores")
    older("results/m.parquet", "edited by hand")  # which nothing reads
    assert to_be_made_again() == set()
    older("results/m.parquet", "")
    assert to_be_made_again() == {"results/m.parquet"}


def test_what_was_made_from_a_file_is_made_again_if_its_job_has_failed_since():
    scores = made(SCORES, "scores")
    made("results/m.parquet", "m", input=[SCORES])
    kept = FilePersistence()._read_record(SCORES)
    scores.unlink()  # by its owner, who needs the room
    assert to_be_made_again() == set()
    FilePersistence()._write_record(SCORES, kept.model_copy(update={"endtime": kept.endtime + 60}))  # as of a failure
    assert to_be_made_again() == {"results/m.parquet"}
    FilePersistence()._write_record(SCORES, kept)
    FilePersistence()._mark_incomplete(SCORES, None)  # as of a kill
    assert to_be_made_again() == {"results/m.parquet"}
    FilePersistence()._delete_record(SCORES)
    assert to_be_made_again() == {"results/m.parquet"}


def test_cells_without_a_record_are_refused_and_prepared_data_made_again():
    train = made("data/processed/d/train.parquet", "t")
    scores = made(SCORES, "s")
    Path("results/d/linear/uniform/seed0/notes.md").write_text("mine")
    assert to_be_made_again() == set()
    FilePersistence()._delete_record(str(train))
    assert to_be_made_again() == {str(train)}
    FilePersistence()._delete_record(SCORES)
    with pytest.raises(LabelPolicyError, match=SCORES):
        state.check_products()
    FilePersistence()._mark_incomplete(SCORES, None)  # of a killed job: Snakemake itself makes it again
    state.check_products()
    scores.unlink()
    state.check_products()


def unlocked() -> str:
    """What a run of its own would say."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(writing, (state.unlock() or "").encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(pid, 0)
    with os.fdopen(reading, encoding="utf-8") as file:
        return file.read()


def lock() -> Path:
    file = Path(".snakemake/locks/0.output.lock")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("results/m.parquet\n")
    return file


def test_the_lock_of_a_killed_run_goes():
    assert unlocked() == ""
    file = lock()
    assert "killed" in unlocked()
    assert not file.exists() and unlocked() == ""


def test_a_lock_stays_while_another_run_is_alive_or_may_be_on_another_machine():
    assert unlocked() == ""
    file = lock()
    with state.ALIVE.open() as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        assert unlocked() == "" and file.exists()
    state.ALIVE.write_text("another")
    assert unlocked() == "" and file.exists()
    assert state.ALIVE.read_text() == "another"


def test_a_lock_stays_while_a_job_of_the_killed_run_is_at_work():
    assert unlocked() == ""
    file = lock()
    Path("labelpolicy").write_text("#!/bin/sh\nread line\n")
    Path("labelpolicy").chmod(0o755)
    with subprocess.Popen(["./labelpolicy"], stdin=subprocess.PIPE) as job:
        while job.pid not in state.at_work():
            time.sleep(0.01)
        assert str(job.pid) in unlocked() and file.exists()
    assert "killed" in unlocked() and not file.exists()
