"""Results that travel: remotes, restoring a published state, experiments."""

from __future__ import annotations

import getpass
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from tracked import ROOT, Repository, equal, error_of

ROWS = ("linear/meta/meta", "linear_svc/uniform/scut")
SPLITS = ("valid", "test")
MEASURES = ("accuracy", "macro_f1", "micro_f1")
SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")


@pytest.fixture
def server(tmp_path):
    """An SSH server of this user's on loopback, with keys of its own: its port and the key that it lets in."""
    if SSHD is None or shutil.which("ssh-keygen") is None or shutil.which("sftp") is None:
        pytest.skip("no sshd or ssh-keygen: install openssh-server and openssh-client")
    folder = tmp_path / "ssh"
    folder.mkdir(mode=0o700)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "user.pub",
        "PidFile": folder / "pid",
        "StrictModes": "no",
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        "Subsystem": "sftp internal-sftp",
    }
    (folder / "config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where sshd puts what it no longer trusts
    running = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "config"], stderr=(folder / "log").open("w"))
    try:
        deadline = time.monotonic() + 60
        while running.poll() is None:
            with socket.socket() as knock:
                if knock.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert time.monotonic() < deadline
            time.sleep(0.05)
        login = ["sftp", "-q", "-b", "/dev/null", "-P", str(port), "-i", folder / "user"]
        login += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes"]
        done = subprocess.run([*login, f"{getpass.getuser()}@127.0.0.1"], capture_output=True, text=True)
        if running.poll() is not None or done.returncode:
            pytest.skip(f"no SSH server runs here: {((folder / 'log').read_text() + done.stderr).splitlines()[-1:]}")
        yield port, folder / "user"
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait()


def test_a_shallow_clone_restores_and_nothing_is_to_be_done(origin, tmp_path):
    """From a folder; afterwards neither DVC nor Snakemake has a stage or a job to run."""
    origin.git("clone", "-q", "--depth", "1", f"file://{origin.folder}", str(tmp_path / "shallow"))
    shallow = Repository(tmp_path / "shallow")
    assert "HEAD~1" in error_of(shallow.bridge("restore", "HEAD~1", fails=True))
    assert shallow.bridge("restore").splitlines()[-1].startswith("restored: ")
    assert "Running stage" not in shallow.dvc("repro")
    assert shallow.nothing_to_do()
    assert equal(shallow, origin)


def test_an_ssh_server_as_remote(server, copy, clone, origin, tmp_path):
    port, key = server
    for repository in (copy, clone):
        repository.configure(
            "'remote \"server\"'",
            url=f"ssh://{getpass.getuser()}@127.0.0.1:{port}{tmp_path}/server",
            keyfile=str(key),
            allow_agent="false",
        )
        repository.configure("core", remote="server")
    copy.dvc("push")
    assert any((tmp_path / "server").rglob("*.dir"))
    clone.bridge("restore")
    assert equal(clone, origin)
    for name in ("results/tables/table5.tex", "results/summary.md", "results/reproducing.md"):
        assert (clone.folder / name).read_bytes() == (origin.folder / name).read_bytes()


def test_one_command_restores_a_published_state(copy, origin):
    """After other work was committed and the results were lost; and it says what does not fit, or would be lost."""
    copy.set({"significance.draws": 300})
    printed = copy.bridge("restore", fails=True)
    assert error_of(printed).startswith("error: results/significance.parquet (params changed, update pending) and ")
    copy.commit("other work")
    copy.set({"significance.draws": 400})
    message = error_of(copy.bridge("restore", "published", fails=True))
    assert message.startswith("error: git checkout -q published --: ")
    assert "params.yaml" in message and "commit your changes" in message
    assert "draws: 400" in (copy.folder / "params.yaml").read_text()
    copy.git("checkout", "params.yaml")
    for name in ("results", "data", ".snakemake", "milestones/train"):
        shutil.rmtree(copy.folder / name)
    copy.bridge("restore", "published")
    assert copy.nothing_to_do()
    assert equal(copy, origin)


def test_restoring_where_there_is_nothing_to_restore_from(clone):
    shutil.copy(ROOT / ".dvc/config", clone.folder / ".dvc/config")
    message = error_of(clone.bridge("restore", fails=True))
    assert "no remote is set: name it (`dvc remote add -d storage URL`)" in message
    (clone.folder / "dvc.lock").unlink()
    message = error_of(clone.bridge("restore", fails=True))
    assert message == "error: dvc.lock: no such file: this revision has no results, and `dvc repro` makes them"


def test_an_experiment_and_what_dvc_shows_of_it(copy, origin):
    """`--temp` runs in a fresh checkout, where Snakemake has never run."""
    copy.dvc("exp", "run", "--temp", "-S", "significance.draws=300", "-n", "apart")
    copy.dvc("exp", "apply", "apart")
    assert "draws: 300" in (copy.folder / "params.yaml").read_text()
    copy.bridge("restore")
    assert copy.nothing_to_do()
    assert copy.lock("report")["report"]["params"]["params.yaml"]["significance"]["draws"] == 300
    shown = copy.dvc("exp", "show", "--md", "--only-changed")
    assert "apart" in shown and "significance.draws" in shown
    assert re.search(r"significance.draws \| 200 +\| 300", copy.dvc("params", "diff", "--md"))
    metrics = json.loads((copy.folder / "milestones/metrics.json").read_text())
    names = {f"synthetic/{row}/{split}/{measure}" for row in ROWS for split in SPLITS for measure in MEASURES}
    assert names <= metrics.keys() and all(0 <= value <= 1 for value in metrics.values())
    metrics[min(names)] += 1
    (copy.folder / "milestones/metrics.json").write_text(json.dumps(metrics))
    assert set(json.loads(copy.dvc("metrics", "diff", "--json"))["milestones/metrics.json"]) == {min(names)}
    copy.dvc("plots", "diff", "-o", str(copy.folder / "plots"))
    page = (copy.folder / "plots/index.html").read_text()
    for word in ("Micro-F1 on the test documents", "Macro-F1", "Learning curves", "Reward while", '"title": "epoch"'):
        assert word in page, word
    assert page.count('"rev": "HEAD"') and page.count('"rev": "workspace"')
    assert list((copy.folder / "plots").rglob("*learning_curve.png"))
