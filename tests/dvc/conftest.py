"""Finished studies that the tests of DVC share."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from tracked import TRAINED, Repository, changed


@pytest.fixture(scope="session", autouse=True)
def _quickly(commands) -> None:
    Repository.commands = commands


@pytest.fixture(scope="session")
def studies(tmp_path_factory) -> dict[str, Future[Repository]]:
    """The two finished studies, made side by side."""

    def published() -> Repository:
        repository = Repository.create(tmp_path_factory.mktemp("origin") / "study")
        repository.dvc("repro")
        repository.commit("results")
        repository.git("tag", "published")
        repository.dvc("push")
        return repository

    def from_nothing() -> Repository:
        repository = Repository.create(tmp_path_factory.mktemp("clean") / "study")
        changed(repository)
        repository.dvc("repro", *TRAINED)
        return repository

    with ThreadPoolExecutor() as pool:
        return {"origin": pool.submit(published), "clean": pool.submit(from_nothing)}


@pytest.fixture(scope="session")
def origin(studies) -> Repository:
    """A finished, committed, tagged and pushed study; tests must not change it."""
    return studies["origin"].result()


@pytest.fixture(scope="session")
def clean(studies) -> Repository:
    """A clean run of the changed study up to the metrics of every row: what every other way there must end with."""
    return studies["clean"].result()


@pytest.fixture
def clone(origin, tmp_path) -> Repository:
    """A fresh clone: nothing pulled yet."""
    return origin.clone(tmp_path / "clone")


@pytest.fixture
def copy(origin, tmp_path) -> Repository:
    """A finished study that a test may change."""
    return origin.copy(tmp_path / "copy")
