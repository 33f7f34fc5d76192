"""What all tests share: where the real corpora are, if they are anywhere."""

from __future__ import annotations

import os
from pathlib import Path

# Before numpy and torch are imported: on arrays as small as those of the tests, threads only wait for each other.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
os.environ |= dict.fromkeys(THREADS, "1")

import preloaded  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402
from hypothesis import settings  # noqa: E402

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
    torch.default_generator.manual_seed(0)


@pytest.fixture(scope="session")
def commands(tmp_path_factory) -> Path:
    """A folder of commands that start at once (preloaded.py), for the front of PATH."""
    folder = tmp_path_factory.mktemp("commands")
    with preloaded.served(folder):
        yield folder
