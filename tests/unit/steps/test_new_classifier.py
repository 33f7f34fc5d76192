"""To add a classifier takes its module; its rows in workflow/methods.tsv and its description are for people."""

import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq

from labelpolicy.data.prepared import Prepared
from labelpolicy.policy_file import Policy

TOY = '''
"""Every label on every document with the chance of the parameters."""
import numpy as np
from pydantic import Field
from labelpolicy.classifiers.registry import Declaration
from labelpolicy.config import Parameters

class Toy(Parameters):
    """As sure of everything."""
    chance: float = Field(0.5, description="score of each label")

class ToyClassifier:
    def __init__(self, parameters):
        self.chance = parameters.chance
    def fit(self, data, weights, run):
        self.labels = len(data.labels)
        return []
    def predict_proba(self, split):
        return np.full((len(split), self.labels), self.chance, dtype=np.float32)

def build(data, parameters, seed):
    return ToyClassifier(parameters)

def restore(parameters, state):
    return ToyClassifier(parameters).with_state(state)

DECLARATION = Declaration(Toy, build, restore, trained_by_gradient=False, uses_torch=False)
'''


def test_a_module_is_all_that_a_new_classifier_takes(synthetic, tmp_path):
    """It has a section of the parameters, and the command line trains it."""
    (tmp_path / "toy.py").write_text(TOY)
    code = (
        "import sys; from labelpolicy import classifiers; classifiers.__path__.append(sys.argv.pop(1))\n"
        "from labelpolicy.cli import main; main()"
    )
    run = [sys.executable, "-c", code, str(tmp_path)]
    labels = Prepared(synthetic).labels
    Policy(labels, np.full(len(labels), 1 / len(labels))).write(tmp_path / "policy.json")
    files = ["--policy", "policy.json", "--scores", "scores.parquet", "--history", "history.parquet"]
    command = [*run, "train", str(synthetic), "toy", *files, "--set", "classifiers.toy.chance=0.25"]
    subprocess.run(command, check=True, cwd=tmp_path)
    scores = np.stack(pq.read_table(tmp_path / "scores.parquet")["scores"].to_numpy())
    assert scores.shape[1] == 5 and (scores == 0.25).all()
    assert len(pq.read_table(tmp_path / "history.parquet")) == 0
    failed = subprocess.run([*command[:-1], "classifiers.toy.x=1"], cwd=tmp_path, capture_output=True, text=True)
    assert "classifiers.toy.x: unknown parameter; known here: chance" in failed.stderr
