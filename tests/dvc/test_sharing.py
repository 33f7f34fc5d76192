"""Results that travel: remotes, restoring a published state, experiments."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from tracked import equal

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


def test_a_clone_pulls_and_nothing_is_to_be_done(clone, origin):
    """From a folder; DVC runs no stage, and after `restore` neither has Snakemake a job."""
    clone.dvc("pull")
    assert "Running stage" not in clone.dvc("repro")
    clone.bridge("restore")
    assert clone.nothing_to_do()
    assert equal(clone, origin)


def test_an_ssh_server_as_remote(server, copy, clone, origin, tmp_path):
    port, key = server
    for repository in (copy, clone):
        store = f"ssh://{getpass.getuser()}@127.0.0.1:{port}{tmp_path}/server"
        repository.dvc("remote", "add", "--local", "-d", "server", store)
        repository.dvc("remote", "modify", "--local", "server", "keyfile", str(key))
        repository.dvc("remote", "modify", "--local", "server", "allow_agent", "false")
    copy.dvc("push")
    assert any((tmp_path / "server").rglob("*.dir"))
    clone.dvc("pull")
    assert "Running stage" not in clone.dvc("repro")
    clone.bridge("restore")
    assert equal(clone, origin)
    for name in ("results/tables/table5.tex", "results/summary.md", "results/reproducing.md"):
        assert (clone.folder / name).read_bytes() == (origin.folder / name).read_bytes()


def test_one_command_restores_a_published_state(copy, origin):
    """After other work was committed and the results were lost."""
    copy.set({"significance.draws": 300})
    copy.commit("other work")
    for name in ("results", "data", ".snakemake", "milestones/train"):
        shutil.rmtree(copy.folder / name)
    printed = copy.bridge("restore", "published")
    assert printed.splitlines()[-1].startswith("restored: ")
    assert copy.nothing_to_do()
    assert equal(copy, origin)


def test_restoring_says_what_does_not_fit(copy):
    copy.set({"significance.draws": 300})
    printed = copy.bridge("restore", fails=True)
    assert printed.startswith("error: results/significance.parquet (params changed, update pending) and ")
    assert printed.endswith("undo the changes or run `dvc repro`\n") and printed.count("\n") == 1


def test_restoring_where_there_is_nothing_to_restore_from(clone):
    clone.dvc("remote", "remove", "storage")
    printed = clone.bridge("restore", fails=True)
    assert "no remote is set: name the one that has them (`dvc remote add -d storage URL`)" in printed
    assert printed.count("\n") == 1
    (clone.folder / "dvc.lock").unlink()
    printed = clone.bridge("restore", fails=True)
    assert printed == "error: dvc.lock: no such file: this revision has no results, and `dvc repro` makes them\n"


def test_restoring_another_state_does_not_overwrite_what_git_does_not_have(copy):
    copy.set({"significance.draws": 300})
    copy.commit("other work")
    copy.set({"significance.draws": 400})
    printed = copy.bridge("restore", "published", fails=True)
    assert printed.startswith("error: git checkout -q published: ") and printed.count("\n") == 1
    assert "params.yaml" in printed and "commit your changes" in printed
    assert "draws: 400" in (copy.folder / "params.yaml").read_text()


def test_an_experiment_and_what_dvc_shows_of_it(copy, origin):
    copy.dvc("exp", "run", "-S", "policies.meta.episodes=3", "-n", "longer")
    shown = copy.dvc("exp", "show", "--md", "--only-changed")
    assert "longer" in shown and "policies.meta.episodes" in shown
    assert "| policies.meta.episodes | 2      | 3" in copy.dvc("params", "diff", "--md")
    before, after = (json.loads((where.folder / "milestones/metrics.json").read_text()) for where in (origin, copy))
    names = {
        f"synthetic/{row}/{split}/{measure}"
        for row in ("linear/uniform/fixed", "linear/meta/meta")
        for split in ("valid", "test")
        for measure in ("accuracy", "macro_f1", "micro_f1")
    }
    assert names <= before.keys() == after.keys() and all(0 <= value <= 1 for value in after.values())
    moved = {name for name in before if before[name] != after[name]}
    shown = json.loads(copy.dvc("metrics", "diff", "--json"))
    assert set(shown.get("milestones/metrics.json", {})) == moved
    assert all("linear/meta/meta" in name for name in moved)
    copy.dvc("plots", "diff", "-o", str(copy.folder / "plots"))
    page = (copy.folder / "plots/index.html").read_text()
    for word in ("Micro-F1 on the test documents", "Macro-F1", "Learning curves", "Reward while", '"title": "epoch"'):
        assert word in page, word
    assert page.count('"rev": "HEAD"') and page.count('"rev": "workspace"')
    assert list((copy.folder / "plots").rglob("*learning_curve.png"))


def test_an_experiment_in_a_folder_of_its_own(copy):
    """`--temp` runs in a fresh checkout, where Snakemake has never run."""
    copy.dvc("exp", "run", "--temp", "-S", "significance.draws=300", "-n", "apart")
    copy.dvc("exp", "apply", "apart")
    assert "draws: 300" in (copy.folder / "params.yaml").read_text()
    copy.bridge("restore")
    assert copy.nothing_to_do()
    assert copy.lock("report")["report"]["params"]["params.yaml"]["significance"]["draws"] == 300
