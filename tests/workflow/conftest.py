"""The real workflow on the synthetic corpus, in a folder of its own."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHEET = """\
name\tclassifier\tweights\tthresholds\tpaper_row\tgroup\tdatasets
CNN\tkim_cnn\tuniform\tfixed\tCNN\tbase\tall
CNN+Meta-Training-Prediction\tkim_cnn\tmeta\tmeta\tCNN+Meta-Training-Prediction\tboth\tall
Linear\tlinear\tuniform\tfixed\t-\tbase\tall
Linear+Shared-Prediction\tlinear\tuniform\tshared\t-\tprediction\tall
Linear (Eq. 6)\tlinear\tmeta_paper\tmeta_paper\t-\tboth\tall
Linear+Shared-Prediction+One+OOF\tlinear\tuniform\tshared+one+oof\t-\tone\tall
Linear+Meta-Prediction+One+OOF\tlinear\tuniform\tmeta+one+oof\t-\tone\tall
Linear+Chain\tlinear+classifier_chain\tuniform\tfixed+one+oof\t-\tdependence\tall
LinearSVC\tlinear_svc\tuniform\tscut\t-\tbase\tall
"""
SMALL = """\
grid:
  datasets:
  - synthetic
data:
  vectors:
    source: random
    width: 16
synthetic:
  documents: 300
  test_documents: 100
  labels: 6
significance:
  draws: 2000
report:
  robustness: false
crossfit:
  folds: 2
chains:
  classifier_chains:
    chains: 2
classifiers:
  kim_cnn:
    epochs: 4
    filters: 16
  linear:
    epochs: 4
    search: null
  linear_svc:
    search: null
policies:
  meta:
    episodes: 3
    steps: 3
  meta_paper:
    learner: paper
    reward: paper
    credit: total
    estimator: policy_gradient
    samples: 1
    episodes: 3
    steps: 3
    training:
      rewarded_on: in_sample
      batches: 1
      rollout: batch
"""


class Study:
    """A copy of the workflow's files in a folder, with small parameters and few rows, and its own src/ if wanted.

    ``environment`` starts commands at once (tests/preloaded.py), ``really`` as a user does.
    """

    def __init__(self, folder: Path, commands: Path):
        self.folder = folder
        shutil.copytree(ROOT / "workflow", folder / "workflow")
        shutil.copytree(ROOT / "profiles", folder / "profiles")
        shutil.copy(ROOT / "Snakefile", folder)
        (folder / "params.yaml").write_text(SMALL)
        (folder / "workflow" / "methods.tsv").write_text(SHEET)
        real = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.really = os.environ | {"PATH": real, "PYTHONPATH": str(ROOT / "src")}
        self.environment = self.really | {"PATH": f"{commands}{os.pathsep}{real}"}

    def own_source(self) -> Path:
        """Give the study a copy of the library that a test may edit, in the place of one it has edited."""
        shutil.rmtree(self.folder / "src", ignore_errors=True)
        shutil.copytree(ROOT / "src", self.folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        self.environment["PYTHONPATH"] = str(self.folder / "src")
        return self.folder / "src" / "labelpolicy"

    def edit(self, file: str, find: str, put: str) -> None:
        """Replace text in a file of the study, which must have it."""
        path = self.folder / file
        before = path.read_text()
        assert find in before
        path.write_text(before.replace(find, put, 1))

    def set(self, section: str) -> None:
        """Add a section to the parameters, or put it in the place of the one of its name."""
        path = self.folder / "params.yaml"
        sections = re.split(r"^(?=\w)", path.read_text(), flags=re.MULTILINE)
        name = section.partition(":")[0]
        path.write_text("".join(each for each in sections if each.partition(":")[0] != name) + section)

    def command(self, *arguments: str) -> list[str]:
        return ["snakemake", "--cores", "2", *arguments]

    def run(self, *arguments: str, fails: bool = False) -> str:
        """Run snakemake; everything it printed."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1800,
        )
        assert (done.returncode != 0) == fails, done.stdout[-4000:]
        return done.stdout

    def jobs(self, *arguments: str) -> set[str]:
        """What a dry run would do: the message of each job, empty when there is nothing to do."""
        printed = self.run("--dry-run", *arguments)
        lines = map(str.strip, printed.splitlines())  # jobs of a group stand below it
        return {line.split(": ", 1)[1] for line in lines if line.startswith("Job ") and ": " in line}

    def products(self) -> dict[str, str]:
        """Checksums of everything under data/ and results/."""
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for top in ("data", "results")
            for path in sorted((self.folder / top).rglob("*"))
            if path.is_file() and path.name != ".snakemake_timestamp"
        }


def copied(made: Study, folder: Path) -> Study:
    """A study that may be changed; its products, which are always replaced whole, are hard links."""

    def link(source: str, target: str) -> None:
        is_product = Path(source).is_relative_to(made.folder / "results") or Path(source).is_relative_to(
            made.folder / "data"
        )
        os.link(source, target) if is_product else shutil.copy2(source, target)

    shutil.copytree(made.folder, folder, copy_function=link)
    study = object.__new__(Study)
    study.folder, study.environment, study.really = folder, dict(made.environment), made.really
    return study


@pytest.fixture
def study(tmp_path, commands) -> Study:
    """A fresh study: nothing run yet."""
    return Study(tmp_path / "study", commands)


@pytest.fixture(scope="session")
def finished(tmp_path_factory, commands) -> Study:
    """A study that has been run, with its report; tests must not change it."""
    study = Study(tmp_path_factory.mktemp("finished") / "study", commands)
    study.run("report")
    return study


@pytest.fixture
def copy(finished, tmp_path) -> Study:
    """A finished study that a test may change."""
    return copied(finished, tmp_path / "copy")
