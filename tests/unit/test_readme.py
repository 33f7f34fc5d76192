"""The Python of README.md and of the pages on scores and classifiers of one's own runs as it stands."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from dense_classifier import Rows
from scipy.special import expit
from typer.testing import CliRunner

from labelpolicy import evaluate
from labelpolicy.cli import app

ROOT = Path(__file__).parents[2]


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


@pytest.fixture
def names():
    """Scores that hang together with the truth, of four labels, the last one rare; 300 documents and 100 new ones."""
    random = np.random.default_rng(0)
    truth = random.random((400, 4)) < [0.5, 0.2, 0.1, 0.05]
    scores = expit(2 * truth + random.normal(size=truth.shape) - [1, 2, 2.5, 3])
    return {
        "y_score": scores[:300],
        "y_true": truth[:300],
        "new_scores": scores[300:],
        "new_truth": truth[300:],
        "train_count": np.array([500, 200, 100, 50]),
    }


def test_the_readme_s_five_lines(names, capsys):
    (block,) = blocks("README.md")
    assert len([line for line in block.splitlines() if line]) <= 5
    exec(block, names)
    half = evaluate(names["new_truth"], names["new_scores"] > 0.5)
    assert float(capsys.readouterr().out) > half["macro_f1"]


def test_the_readme_s_command(names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, values in (("scores", names["y_score"]), ("truth", names["y_true"].astype(int))):
        np.savetxt(f"{name}.csv", values, delimiter=",", header="a,b,c,d", comments="", fmt="%s")
    page = (ROOT / "README.md").read_text()
    (command,) = re.findall(r"^labelpolicy (thresholds .*)$", page, re.MULTILINE)
    CliRunner().invoke(app, command.split(), catch_exceptions=False)
    assert json.loads(Path("thresholds.json").read_text())["rule"] == "per_label"


def test_scores_of_your_own(names, capsys):
    names |= {"texts": [" ".join("abcd"[j] * 3 for j in np.flatnonzero(row)) or "none" for row in names["y_true"]]}
    names |= {"y_of_texts": names["y_true"].astype(int), "new_texts": ["aaa bbb", "ddd", "none"]}
    for block in blocks("docs/your-scores.md"):
        exec(block, names)
    assert "'macro_f1': " in capsys.readouterr().out
    assert evaluate(names["y_true"], names["for_macro"].predict(names["y_score"]))["macro_f1"] > 0.5
    assert names["y_pred"].tolist() == [[1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]


def test_a_classifier_of_your_own(names):
    features = np.random.default_rng(0).normal(size=(300, 6)).astype(np.float32)
    truth = features[:, :3] > 1
    inputs, valid_inputs = Rows(features[:200]), Rows(features[200:])
    inputs.width = 6
    shown = {"inputs": inputs, "valid_inputs": valid_inputs, "y_true": truth[:200], "valid_y_true": truth[200:]}
    shown["device"] = torch.device("cpu")
    trained, on_scores = blocks("docs/your-classifier.md")
    exec(trained.replace("episodes=30", "episodes=2").replace("epochs=20", "epochs=2"), shown)
    assert shown["w"].shape == shown["p"].shape == (3,)
    assert abs(shown["w"].sum() - 1) < 1e-9 and ((shown["p"] > 0) & (shown["p"] < 1)).all()

    shown |= names
    exec(on_scores, shown)
    assert shown["found"].p.shape == (4,) and 0 <= shown["found"].shrinkage <= 1
    assert shown["y_pred"].any(axis=1).all()
