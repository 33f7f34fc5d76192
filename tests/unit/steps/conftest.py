"""A small prepared data set, made once by the real steps."""

from pathlib import Path

import pytest

from labelpolicy.data.parameters import Data, Synthetic, Vectors
from labelpolicy.steps.prepare import prepare
from labelpolicy.steps.synthesise import synthesise


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory) -> Path:
    """data/processed/synthetic; tests must not change it."""
    folder = tmp_path_factory.mktemp("synthetic")
    synthesise(parameters=Synthetic(documents=150, test_documents=60, labels=5), output=folder / "raw")
    vectors = Vectors(source="random", width=8)
    prepare(dataset="synthetic", raw=folder / "raw", parameters=Data(vectors=vectors), output=folder / "prepared")
    return folder / "prepared"
