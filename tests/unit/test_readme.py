"""The README's Python runs as it stands, with a classifier of one's own."""

import re
from pathlib import Path

import numpy as np
import torch

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
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    exec(code.replace("episodes=30", "episodes=2").replace("epochs=20", "epochs=2"), names)
    assert names["w"].shape == names["p"].shape == (3,)
    assert abs(names["w"].sum() - 1) < 1e-9 and ((names["p"] > 0) & (names["p"] < 1)).all()
