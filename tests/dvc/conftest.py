"""Finished studies that the tests of DVC share."""

from __future__ import annotations

import pytest
from tracked import Repository, changed


@pytest.fixture(scope="session")
def origin(tmp_path_factory) -> Repository:
    """A finished, committed, tagged and pushed study; tests must not change it."""
    folder = tmp_path_factory.mktemp("origin")
    repository = Repository.create(folder / "study")
    repository.dvc("remote", "add", "-d", "storage", str(folder / "remote"))
    repository.dvc("repro")
    repository.commit("results")
    repository.git("tag", "published")
    repository.dvc("push")
    return repository


@pytest.fixture(scope="session")
def clean(tmp_path_factory) -> Repository:
    """A clean run of the changed study: what every other way there must end with."""
    repository = Repository.create(tmp_path_factory.mktemp("clean") / "study")
    changed(repository)
    repository.dvc("repro")
    return repository


@pytest.fixture
def clone(origin, tmp_path) -> Repository:
    """A fresh clone: nothing pulled yet."""
    return origin.clone(tmp_path / "clone")


@pytest.fixture
def copy(origin, tmp_path) -> Repository:
    """A finished study that a test may change."""
    return origin.copy(tmp_path / "copy")
