"""The command line as a user meets it: a process, its streams and its exit status."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def call(*arguments, cwd=ROOT):
    return subprocess.run(
        [sys.executable, "-m", "labelpolicy.cli", *map(str, arguments)], cwd=cwd, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "nowhere", "linear", "--policy", "p", "--scores", "s", "--history", "h"], "no prepared data set"),
        (["label-weights", "nowhere", "uniform", "--output", "o"], "nowhere: no prepared data"),
        (["prepare", "mine", "--raw", ".", "--output", "o", "--set", "data.fraction=1"], "data.fraction: unknown"),
        (["prepare", "mine", "--raw", ".", "--output", "o", "--params", "none.yaml"], "none.yaml: no such file"),
        (["learn", "x", "bert", "--output", "o", "--trace", "t"], "classifier 'bert' is unknown"),
        (["learn", "x", "linear", "--learned", "other", "--output", "o", "--trace", "t"], "policy 'other' is unknown"),
        (["fetch", "nothing", "--output", "o", "--sources", "none.tsv"], "none.tsv"),
    ],
)
def test_bad_input_is_one_line_and_status_1(tmp_path, arguments, message):
    done = call(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("error: ") and message in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_or_a_closed_folder_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    done = call("parameters", "--schema", tmp_path / "file/schema.json", "--docs", tmp_path / "docs.md")
    assert done.returncode == 1 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


def test_parameters_from_a_file_that_is_no_yaml(tmp_path):
    (tmp_path / "bad.yaml").write_text("a: [")
    done = call("synthesise", "--output", tmp_path / "o", "--params", tmp_path / "bad.yaml")
    assert done.returncode == 1 and "bad.yaml: not valid YAML" in done.stderr and done.stderr.count("\n") == 1


def test_the_version():
    from labelpolicy import __version__

    assert call("--version").stdout.strip() == __version__


def test_every_command_of_the_page_on_your_data_is_there():
    """Commands in the shell blocks exist."""
    text = (ROOT / "docs/your-data.md").read_text()
    blocks = "".join(part.split("```")[0] for part in text.split("```sh")[1:])
    commands = {line.split()[1] for line in blocks.splitlines() if line.startswith("labelpolicy ")}
    assert commands >= {"prepare", "learn", "rollout", "train", "decide"}
    for command in commands:
        assert call(command, "--help").returncode == 0


def test_help_lists_every_command_and_imports_none(tmp_path):
    code = "import sys; from labelpolicy.cli import app\ntry: app(['--help'])\nfinally: print(sorted(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for name in ("decide", "label-weights", "figure"):
        assert f"\n  {name} " in printed
    assert "Traceback" not in printed and "'torch'" not in printed and "'labelpolicy.steps.train'" not in printed


def test_a_warning_is_one_line(tmp_path):
    (tmp_path / "scores.csv").write_text("a,b\n" + "0.3,0.2\n" * 20 + "0.9,0.1\n")
    (tmp_path / "truth.csv").write_text("a,b\n" + "0,0\n" * 20 + "1,0\n")
    done = call("thresholds", "fit", "scores.csv", "truth.csv", "--output", "t.json", "--at-least-one", cwd=tmp_path)
    assert done.returncode == 0
    (line,) = [line for line in done.stderr.splitlines() if "at_least_one" in line]
    assert line.startswith("warning: at_least_one: 20 of 21 documents") and "site-packages" not in done.stderr
