"""The study under DVC: real git and DVC repositories in folders of their own, with a small corpus and few rows."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
STAGES = tuple(yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"])
TRAINED = ("data", "policies", "train", "baselines")  # up to the metrics of every row, for tests that need no report
#: One row for each stage that trains: both are fitted in a second.
ROWS = (
    ("Linear+Meta", "linear", "meta", "meta", "-", "both", "all"),
    ("LinearSVC", "linear_svc", "uniform", "scut", "-", "base", "all"),
)


class Repository:
    """A git repository with the project's own pipeline, workflow and library, and an environment that uses them.

    ``environment`` starts commands at once (tests/preloaded.py), ``really`` as a user does.
    """

    commands: Path  # set by conftest.py

    def __init__(self, folder: Path):
        self.folder = folder
        binaries = Path(sys.executable).parent
        identity = {
            f"GIT_{who}_{what}": "test@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        self.really = os.environ | identity
        self.really |= {
            "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(folder / "src"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "DVC_SITE_CACHE_DIR": str(folder.parent / "dvc-site"),
            "OMP_NUM_THREADS": "1",
        }
        self.environment = self.really | {"PATH": f"{self.commands}{os.pathsep}{self.really['PATH']}"}

    @classmethod
    def create(cls, folder: Path, rows=ROWS, **parameters) -> Repository:
        """The project's files as they are, parameters and rows made small, committed."""
        skip = shutil.ignore_patterns("__pycache__", "*.egg-info", "tmp", "cache", "config.local")
        for name in ("workflow", "profiles", ".dvc", "src/labelpolicy"):
            shutil.copytree(ROOT / name, folder / name, ignore=skip)
        for name in ("Snakefile", "dvc.yaml", "params.yaml", ".dvcignore", ".gitignore", "milestones/.gitignore"):
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
        repository = cls(folder)
        repository.set(
            {
                "grid": {"datasets": ["synthetic"], "seeds": 2},
                "data.vectors": {"source": "random", "path": None, "width": 8},
                "synthetic.documents": 120,
                "synthetic.test_documents": 40,
                "synthetic.labels": 4,
                "classifiers.linear.epochs": 2,
                "classifiers.linear.search": None,
                "classifiers.linear_svc.search": None,
                "policies.meta.episodes": 2,
                "policies.meta.steps": 2,
                "robustness": {"initialisations": 3, "classifiers": ["linear"], "policy": "meta"},
                "significance.draws": 200,
                **parameters,
            }
        )
        sheet = folder / "workflow/methods.tsv"
        header = sheet.read_text().splitlines()[0]
        width = len(header.split("\t"))
        sheet.write_text("\n".join([header, *("\t".join(row[:width]) for row in rows)]) + "\n")
        with (folder / ".dvc/config").open("a") as file:  # which ends with [core]
            file.write(f"    remote = storage\n['remote \"storage\"']\n    url = {folder.parent / 'remote'}\n")
        repository.git("init", "-q", "-b", "main")
        repository.commit("the study")
        return repository

    def set(self, values: dict[str, object]) -> None:
        """Change params.yaml: dotted keys and their values."""
        path = self.folder / "params.yaml"
        parameters = yaml.safe_load(path.read_text())
        for key, value in values.items():
            section = parameters
            *parents, last = key.split(".")
            for name in parents:
                section = section[name]
            section[last] = value
        path.write_text(yaml.safe_dump(parameters, sort_keys=False))

    def run(self, *command: str, fails: bool = False, **environment: str) -> str:
        """Run a command here; everything it printed."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1800,
        )
        assert (done.returncode != 0) == fails, f"{command}: {done.stdout[-4000:]}"
        return done.stdout

    def git(self, *arguments: str, **options) -> str:
        return self.run("git", *arguments, **options)

    def dvc(self, *arguments: str, **options) -> str:
        return self.run("dvc", *arguments, **options)

    def bridge(self, *arguments: str, **options) -> str:
        return self.run("python", "workflow/bridge.py", *arguments, **options)

    def snakemake(self, *arguments: str, **options) -> str:
        return self.run("snakemake", "--cores", "2", *arguments, **options)

    def configure(self, section: str, **options: str) -> None:
        """As `dvc config --local`, without the second that it takes."""
        with (self.folder / ".dvc/config.local").open("a") as file:
            file.write(f"[{section}]\n" + "".join(f"    {name} = {value}\n" for name, value in options.items()))

    def commit(self, message: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)

    def clone(self, folder: Path) -> Repository:
        self.git("clone", "-q", str(self.folder), str(folder))
        return Repository(folder)

    def copy(self, folder: Path) -> Repository:
        subprocess.run(["cp", "-a", self.folder, folder], check=True)
        return Repository(folder)

    def lock(self, *stages: str) -> dict:
        """What dvc.lock says of these stages: their parameters, and the checksums of what they read and made."""
        found = yaml.safe_load((self.folder / "dvc.lock").read_text())["stages"]
        return {stage: found[stage] for stage in stages}

    def products(self, *stages: str) -> dict[str, str]:
        """Checksums of what milestones/ holds of these stages, after a look that results/ and data/ hold the same."""
        found = {}
        for stage in stages:
            top = self.folder / "milestones" / stage
            for path in sorted(top.rglob("*")):
                if path.is_file():
                    digest = hashlib.md5(path.read_bytes()).hexdigest()
                    found[str(path.relative_to(self.folder))] = digest
                    twin = self.folder / path.relative_to(top)
                    assert path.name == "provenance.json" or twin.read_bytes() == path.read_bytes(), twin
        return found

    def nothing_to_do(self) -> bool:
        """For DVC and for Snakemake."""
        asked = self.snakemake("--dry-run", *STAGES)
        return "up to date" in self.dvc("status") and "Nothing to be done" in asked


def equal(one: Repository, other: Repository, stages=STAGES) -> bool:
    return one.products(*stages) == other.products(*stages) and one.lock(*stages) == other.lock(*stages)


def changed(repository: Repository) -> None:
    """A sweep that shrinks, another parameter, and an edit to a module of the library."""
    repository.set({"grid.seeds": 1, "classifiers.linear_svc.C": 0.5})
    with (repository.folder / "src/labelpolicy/classifiers/linear_svc.py").open("a") as file:
        file.write("EDITED = True\n")


def error_of(printed: str) -> str:
    """The bridge's message, which must be one line."""
    lines = [line for line in printed.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "Traceback" not in printed, printed[-4000:]
    return lines[0]
