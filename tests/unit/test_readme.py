"""The README's Python runs as it stands, with a classifier of one's own."""

import re
from pathlib import Path

import numpy as np
import torch
from scipy.special import expit

from labelpolicy.metrics import evaluate

ROOT = Path(__file__).parents[2]


class Rows:
    """What the README calls Inputs, for dense features."""

    def __init__(self, features):
        self.features = torch.from_numpy(features)
        self.lengths = np.ones(len(features), dtype=np.int64)

    def __len__(self):
        return len(self.features)

    def batch(self, rows, device):
        return self.features[torch.from_numpy(rows)].to(device)


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_your_own_classifier():
    features = np.random.default_rng(0).normal(size=(300, 6)).astype(np.float32)
    truth = features[:, :3] > 1
    names = {
        "model": torch.nn.Linear(6, 3),
        "inputs": Rows(features[:200]),
        "truth": truth[:200],
        "valid_inputs": Rows(features[200:]),
        "valid_truth": truth[200:],
        "device": torch.device("cpu"),
    }
    code = blocks()[0]
    exec(code.replace("episodes=30", "episodes=2").replace("epochs=20", "epochs=2"), names)
    assert names["w"].shape == names["p"].shape == (3,)
    assert abs(names["w"].sum() - 1) < 1e-9 and ((names["p"] > 0) & (names["p"] < 1)).all()


def test_scores_of_your_own(capsys):
    random = np.random.default_rng(0)
    truth = random.random((400, 4)) < [0.5, 0.2, 0.1, 0.05]
    scores = expit(2 * truth + random.normal(size=truth.shape) - [1, 2, 2.5, 3])
    names = {
        "scores": scores[:300],
        "truth": truth[:300],
        "new_scores": scores[300:],
        "new_truth": truth[300:],
        "train_count": np.array([500, 200, 100, 50]),
    }
    first, second = blocks()[1:]
    exec(first, names)
    assert "'macro_f1': " in capsys.readouterr().out
    fitted = evaluate(truth[300:], names["predicted"])["macro_f1"]
    assert fitted > evaluate(truth[300:], scores[300:] > 0.5)["macro_f1"]

    exec(blocks()[0].split("room =")[0].replace("episodes=30", "episodes=2") + second, names)
    assert names["p"].shape == (4,) and 0 <= names["kept"]["kept"] <= 1
    assert names["predicted"].any(axis=1).all()
