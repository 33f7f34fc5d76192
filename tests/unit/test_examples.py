"""The short scripts for scores of other tools run, and do what they say."""

from __future__ import annotations

import importlib.util
import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from labelpolicy.training import weighted_cross_entropy

EXAMPLES = Path(__file__).parents[2] / "examples"


def loaded(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_scikit_learn_and_pytorch(capsys):
    for name in ("with_scikit_learn", "with_pytorch"):
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    *_, plain, fitted = map(float, re.findall(r"0\.\d+$", capsys.readouterr().out, re.MULTILINE))
    assert fitted > plain


def test_other_tools(capsys):
    runpy.run_path(str(EXAMPLES / "with_other_tools.py"), run_name="__main__")
    assert capsys.readouterr().out.count("the same: True") == 2


def test_the_loss_of_the_trainer_is_eq_1_however_batches_are_accumulated():
    random = np.random.default_rng(0)
    w = random.dirichlet(np.ones(4))
    logits, y = torch.tensor(random.normal(size=(12, 4))), torch.tensor(random.integers(0, 2, (12, 4)) * 1.0)
    expected = weighted_cross_entropy(logits, y, torch.tensor(w)).item()
    loss = loaded("with_transformers").weighted_loss(w)
    assert loss(SimpleNamespace(logits=logits), y).item() == pytest.approx(expected)
    parts = [loss({"logits": logits[rows]}, y[rows], num_items_in_batch=y.numel()) for rows in (slice(5), slice(5, 12))]
    assert sum(parts).item() == pytest.approx(expected)


def test_the_measures_of_the_trainer_gain_by_thresholds():
    random = np.random.default_rng(0)
    y = (random.random((400, 5)) < [0.5, 0.3, 0.2, 0.1, 0.05]).astype(np.float32)
    logits = 2 * y - 2 + random.normal(size=y.shape)
    found = loaded("with_transformers").compute_metrics(((logits, None), y))
    assert found["macro_f1"] > found["macro_f1_at_0.5"]
