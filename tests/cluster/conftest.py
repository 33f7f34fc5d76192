"""A running SLURM, and the small study in the states that tests start from."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import pytest
from small_cluster import ROOT, SCORES, SMALL_PROFILE, TARGET, Slurm, Study, missing

sys.path.append(str(ROOT / "tests/dvc"))  # for `tracked`


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    """A running cluster of two nodes; skipped, with the reason, where there can be none."""
    if reason := missing():
        pytest.skip(reason)
    cluster = Slurm(tmp_path_factory.mktemp("slurm"))
    try:
        if reason := cluster.start():
            pytest.skip(reason)
        yield cluster
    finally:
        cluster.stop()


def on_slurm(made: Study) -> Iterator[Study]:
    """Yield a study that runs on the test cluster."""
    made.profile("slurm", SMALL_PROFILE)
    made.environment["SNAKEMAKE_PROFILE"] = "profiles/slurm"
    yield made
    if made.running and made.running.poll() is None:  # after a failed test
        os.killpg(made.running.pid, signal.SIGKILL)


@pytest.fixture
def study(tmp_path) -> Iterator[Study]:
    """A fresh study: nothing run yet."""
    yield from on_slurm(Study(tmp_path / "study"))


@pytest.fixture
def weighed(policies, tmp_path) -> Iterator[Study]:
    """A study where everything up to the policies is done, so that what starts first is training."""
    yield from on_slurm(policies.copy(tmp_path / "study"))


@pytest.fixture(scope="session")
def policies(tmp_path_factory) -> Study:
    """A study run on this machine up to the label weights; tests must not change it."""
    made = Study(tmp_path_factory.mktemp("policies") / "study")
    made.run("--cores", "2", *(scores.replace("scores.parquet", "policy.json") for scores in SCORES))
    return made


@pytest.fixture(scope="session")
def local(policies, tmp_path_factory) -> Study:
    """The whole study run on this machine alone; tests must not change it."""
    made = policies.copy(tmp_path_factory.mktemp("local") / "study")
    made.run("--cores", "2", TARGET)
    return made
