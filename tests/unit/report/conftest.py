"""Fixtures of the report's tests; what they are made of stands in report_samples.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from report_samples import DOCUMENTS, REUTERS, write_metrics

from labelpolicy.files import write_json, write_parquet
from labelpolicy.policy_file import Policy


@pytest.fixture(scope="session")
def counts() -> np.ndarray:
    """Training documents of each of the 90 labels, in the order of REUTERS."""
    by_rank = np.maximum(1, 2877 * np.arange(1, len(REUTERS) + 1) ** -1.6).astype(np.int64)
    return np.random.default_rng(0).permutation(by_rank)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory, counts) -> Path:
    folder = tmp_path_factory.mktemp("reuters21578")
    columns = {
        "label": REUTERS,
        "parent": pa.array([None] * len(REUTERS), pa.string()),
        "depth": pa.array([1] * len(REUTERS), pa.int32()),
        "train_count": counts,
    }
    write_parquet(folder / "labels.parquet", pa.table(columns))
    facts = {
        "name": "reuters21578",
        "variant": None,
        "documents": DOCUMENTS,
        "labels": len(REUTERS),
        "depth": 1,
        "labels_per_document": {"all": 1.2349, "train": 1.24, "valid": 1.21, "test": 1.24},
        "labels_without_training_document": [],
        "vectors": {"source": "glove.6B.50d", "width": 50},
        "coverage": {"types": 0.8123, "tokens": 0.9712},
        "without_text": {"count": 61, "ids": None},
        "differences": ["labels a document: 1.2349 here, 1.13 published"],
        "premises": [
            {"meaning": "23 of 90 labels have few documents", "advice": "take auto", "notable": True},
            {"meaning": "one document has no label", "advice": "do nothing", "notable": False},
        ],
    }
    write_json(folder / "dataset.json", facts)
    return folder


@pytest.fixture
def metrics(tmp_path) -> Path:
    return write_metrics(tmp_path / "metrics.parquet")


@pytest.fixture
def policy(tmp_path, counts) -> Path:
    random = np.random.default_rng(1)
    rank = np.log(counts) - np.log(counts).mean()
    weights = np.exp(-0.15 * rank + random.normal(0, 0.15, len(counts)))
    thresholds = 1 / (1 + np.exp(0.6 - 0.2 * rank + random.normal(0, 0.2, len(counts))))
    Policy(REUTERS, weights / weights.sum(), thresholds).write(tmp_path / "policy.json")
    return tmp_path / "policy.json"
