"""The command line as a user meets it: a process, its streams and its exit status."""

import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from typer.testing import CliRunner

from labelpolicy import cli

ROOT = Path(__file__).parents[2]


def call(*arguments, cwd=ROOT):
    return subprocess.run(
        [sys.executable, "-m", "labelpolicy.cli", *map(str, arguments)], cwd=cwd, capture_output=True, text=True
    )


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Runs a command that must fail, in this process: one line on stderr, status 1; the line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)  # main sets its own

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["labelpolicy", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        printed = capsys.readouterr()
        assert stopped.value.code == 1 and printed.out == ""
        assert printed.err.count("\n") == 1 and printed.err.startswith("error: ")
        return printed.err

    return run


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
def test_bad_input_is_one_line_and_status_1(refused, tmp_path, arguments, message):
    assert message in refused(*arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_process_ends_so_too(tmp_path):
    done = call("label-weights", "nowhere", "uniform", "--output", "o", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: nowhere: no prepared data") and done.stderr.count("\n") == 1


def test_a_full_disk_or_a_closed_folder_is_one_line(refused, tmp_path):
    (tmp_path / "file").write_text("")
    refused("parameters", "--schema", tmp_path / "file/schema.json", "--docs", tmp_path / "docs.md")


def test_parameters_from_a_file_that_is_no_yaml(refused, tmp_path):
    (tmp_path / "bad.yaml").write_text("a: [")
    assert "bad.yaml: not valid YAML" in refused("synthesise", "--output", "o", "--params", "bad.yaml")


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
        assert CliRunner().invoke(cli.app, [command, "--help"]).exit_code == 0


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
