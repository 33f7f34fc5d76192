"""A Python whose libraries are imported already: starting Snakemake, DVC or the library takes seconds, a fork none.

``serve`` imports them once and then forks for every command; ``install`` puts commands into a folder (``python``,
``labelpolicy``, ``snakemake``, ``dvc``) that hand their arguments, folder, environment and open files to it, and end as
it ended. The project's own modules are imported by each command from where its PYTHONPATH says, as ever. Killing a
command kills the fork, and SIGINT and SIGTERM are passed on; stopping one does not stop the fork: tests that do so use
the real Python (``sys.executable``).
"""

import atexit
import contextlib
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

LIBRARIES = (
    *("snakemake.cli", "snakemake.persistence.file", "snakemake.executors.local", "dvc.cli", "dvc.commands.repro"),
    *("pandas", "pyarrow.parquet", "scipy.sparse", "sklearn.linear_model", "sklearn.feature_extraction.text"),
    *(
        "torch",
        "torch._dynamo",
        "safetensors.torch",
        "matplotlib.pyplot",
        "pydantic",
        "typer",
        "rich",
        "jinja2",
        "yaml",
    ),
)
COMMANDS = {
    "python": [],
    "labelpolicy": ["-m", "labelpolicy.cli"],
    "snakemake": ["-m", "snakemake"],
    "dvc": ["-m", "dvc"],
}
CLIENT = """\
#!{python} -IS
import json, os, signal, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
request = json.dumps([{words!r} + sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(server, [len(request).to_bytes(8, "big")], [0, 1, 2])
server.sendall(request)
for number in signal.SIGINT, signal.SIGTERM:
    signal.signal(number, lambda number, _: server.send(bytes([number])))
status = int(server.recv(16) or b"1")
if status < 0:
    signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
sys.exit(status)
"""


def install(folder: Path, address: str) -> None:
    """Put the commands that talk to the server at this address into a folder, for the front of PATH."""
    for name, words in COMMANDS.items():
        path = folder / name
        path.write_text(CLIENT.format(python=sys.executable, address=address, words=words))
        path.chmod(0o755)


@contextlib.contextmanager
def served(folder: Path) -> Iterator[None]:
    """The commands, in a folder, and the process that runs them."""
    address = str(folder / "server")
    server = [sys.executable, __file__, address, str(folder / "python")]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(server, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True) as running:
        assert running.stdout.readline() == "ready\n"
        install(folder, address)
        yield
        running.stdin.close()


def serve(address: str, python: str) -> None:
    """Fork for every connection, until stdin is closed; ``python`` is what the commands take for their interpreter."""
    for name in LIBRARIES:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen(64)
        print("ready", flush=True)
        while sys.stdin not in (ready := select.select([listening, sys.stdin], [], [])[0]):
            if ready:
                connection, _ = listening.accept()
                with connection:
                    if os.fork() == 0:
                        listening.close()
                        _run_and_answer(connection, python)


def _run_and_answer(connection: socket.socket, python: str) -> None:
    """Run one command in a fork of this process, kill it when its client is gone, and say how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size, files, _, _ = socket.recv_fds(connection, 8, 3)
    request = b""
    while len(request) < int.from_bytes(size, "big"):
        request += connection.recv(2**16)
    child = os.fork()
    if child == 0:
        connection.close()
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        _run(*json.loads(request), python)
    waiting = os.pidfd_open(child)
    while waiting not in select.select([waiting, connection], [], [])[0]:
        passed_on = connection.recv(1)
        os.kill(child, passed_on[0] if passed_on else signal.SIGKILL)
        if not passed_on:
            break
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with contextlib.suppress(OSError):
        connection.sendall(str(status).encode())
    os._exit(0)


def _run(words: list[str], folder: str, environment: dict[str, str], python: str) -> None:
    """Become ``python {words}``."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.executable = python
    sys.path[:0] = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    status = 0
    try:
        if words[0] == "-m":
            sys.argv = words[1:]
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = words
            sys.path.insert(0, str(Path(words[0]).resolve().parent))
            runpy.run_path(words[0], run_name="__main__")
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if not isinstance(end.code, (int, type(None))):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    finally:
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status & 0xFF)


if __name__ == "__main__":
    serve(*sys.argv[1:])
