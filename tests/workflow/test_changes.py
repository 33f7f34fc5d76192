"""A change after a run starts the jobs that it must, and no others. `make faults` tries all of changes.py."""

from __future__ import annotations

import changes
import pytest

#: One of each kind; the digest of the code has tests of its own.
TRIED = (
    "every file again, with the same content",
    "a raw file edited",
    "word vectors edited",
    "a row renamed",
    "a number of the paper corrected",
    "metrics emptied",
    "scores of another run",
    "all records lost and a parameter changed",
    "threads, which the linear SVM has not",
    "what every command does",
)


@pytest.fixture(scope="module")
def made(tmp_path_factory, commands):
    return changes.make(tmp_path_factory.mktemp("changes") / "study", commands)


@pytest.mark.parametrize("name", TRIED)
def test_a_change_after_a_run(name, made, tmp_path):
    stale, needless = changes.outcome(made, tmp_path / "copy", name)
    assert not stale and not needless


def test_the_record_is_of_the_raw_files_that_were_read(made, tmp_path):
    """Not of those that were there when Snakemake planned."""
    study = changes.copied(made, tmp_path / "copy")
    study.environment["PYTHONPATH"] = str(study.folder / "src")
    study.edit("params.yaml", "documents: 60", "documents: 61")
    facts = "data/processed/synthetic/dataset.json"
    study.run(facts)
    assert study.jobs(facts) == set()


def test_what_a_job_that_failed_was_to_make_is_not_taken_for_done(made, tmp_path):
    """Snakemake has removed what it would have replaced, and all that was made from it looks complete."""
    study = changes.copied(made, tmp_path / "copy")
    study.environment["PYTHONPATH"] = str(study.folder / "src")
    study.edit("params.yaml", "documents: 60", "documents: 61")
    fails = tmp_path / "bin/labelpolicy"
    fails.parent.mkdir()
    fails.write_text("#!/bin/sh\nexit 1\n")
    fails.chmod(0o755)
    works = study.environment["PATH"]
    study.environment["PATH"] = f"{fails.parent}:{works}"
    study.run(*changes.TARGETS, fails=True)
    study.environment["PATH"] = works
    assert study.jobs(*changes.TARGETS) == changes.ALL


SENTENCE = (
    '{"tokens": ["Ann", "left", "Rome"], "mentions": [{"start": 0, "end": 1, "labels": ["/PERSON"]}], "fileid": "%s"}\n'
)


def test_raw_files_of_ones_own_for_a_data_set_with_a_reader(study):
    """They stand beside source.json, which alone is an input."""
    raw = study.folder / "data/raw/bbn"
    raw.mkdir(parents=True)
    for split in ("train", "test"):
        (raw / f"{split}.json").write_text("".join(SENTENCE % f"{split}{number}" for number in range(40)))
    study.edit("params.yaml", "- synthetic", "- bbn")
    facts = "data/processed/bbn/dataset.json"
    study.run(facts)
    assert study.jobs(facts) == set()
    changes.older(raw / "train.json", (raw / "train.json").read_bytes().replace(b"Rome", b"Nice"))
    assert study.jobs(facts) == {"Prepare bbn"}
