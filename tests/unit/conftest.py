"""Archives with chosen members."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest


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
