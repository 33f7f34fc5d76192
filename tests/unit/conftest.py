"""Archives with chosen members, and a small prepared data set."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_transformer import tiny

from labelpolicy.data.parameters import Data, Synthetic, Vectors
from labelpolicy.data.prepared import Prepared
from labelpolicy.steps.prepare import prepare
from labelpolicy.steps.synthesise import synthesise


@pytest.fixture
def pack(tmp_path: Path) -> Callable[..., Path]:
    """Write a .tar.gz of {member name: bytes or TarInfo} and return its path."""

    def write(members: dict[str, bytes | tarfile.TarInfo], name: str = "archive.tar.gz") -> Path:
        path = tmp_path / name
        with tarfile.open(path, "w:gz") as archive:
            for member, content in members.items():
                if isinstance(content, tarfile.TarInfo):
                    archive.addfile(content)
                else:
                    info = tarfile.TarInfo(member)
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))
        return path

    return write


@pytest.fixture(scope="session")
def pretrained(synthetic, tmp_path_factory) -> Path:
    """A tiny random transformer that knows the words of the synthetic corpus, and some; tests must not change it."""
    words = [*Prepared(synthetic).vocabulary[2:], *(f"Word{number}" for number in range(20)), *map(str, range(12))]
    return tiny(tmp_path_factory.mktemp("pretrained") / "model", words)


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory) -> Path:
    """data/processed/synthetic; tests must not change it."""
    folder = tmp_path_factory.mktemp("synthetic")
    synthesise(parameters=Synthetic(documents=150, test_documents=60, labels=5), output=folder / "raw")
    vectors = Vectors(source="random", width=8)
    prepare(dataset="synthetic", raw=folder / "raw", parameters=Data(vectors=vectors), output=folder / "prepared")
    return folder / "prepared"
