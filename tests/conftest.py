"""What all tests share: where the real corpora are, if they are anywhere."""

from __future__ import annotations

import os
from pathlib import Path

import preloaded
import pytest
import torch
from hypothesis import settings

# A slow machine is no failure: tests assert no times.
settings.register_profile("labelpolicy", deadline=None)
settings.load_profile("labelpolicy")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The mirror folder with the real raw files; the test is skipped where there is none."""
    named = os.environ.get("LABELPOLICY_MIRROR")
    folder = Path(named) if named else ROOT.parent / "shared" / "mirror"
    if not folder.is_dir():
        pytest.skip(f"no mirror folder at {folder}: set LABELPOLICY_MIRROR")
    return folder


@pytest.fixture(autouse=True)
def _same_draws() -> None:
    """torch's global generator starts again in each test, whatever ran before it."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def commands(tmp_path_factory) -> Path:
    """A folder of commands that start at once (preloaded.py), for the front of PATH."""
    folder = tmp_path_factory.mktemp("commands")
    with preloaded.served(folder):
        yield folder
