"""A SLURM cluster of two nodes on this machine, without systemd, cgroups or a database; and a small study on it.

Its times are for a slow machine on which much else runs: a node is down only when it says nothing for long.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
ETC = Path("/etc/slurm")  # jobs look for slurm.conf here: the plugin keeps SLURM_CONF from them
FILES = ("slurm.conf", "gres.conf")
DAEMONS = ("munged", "slurmctld", "slurmd")
TARGET = "results/tables/table5.md"
SCORES = [f"results/synthetic/{name}/uniform/seed0/scores.parquet" for name in ("linear", "linear_svc")]
SHEET = """\
name\tclassifier\tweights\tthresholds\tpaper_row\tgroup\tdatasets
Linear\tlinear\tuniform\tfixed\t-\tbase\tall
Linear+Shared-Prediction\tlinear\tuniform\tshared\t-\tprediction\tall
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
  documents: 200
  test_documents: 60
  labels: 5
classifiers:
  linear:
    epochs: 2
    search: null
  linear_svc:
    search: null
"""
# Stands in front of the command: writes down who ran what and when, and holds a step while a file hold.STEP is there.
SHIM = """\
#!/bin/sh
call="$1 ${{SLURM_JOB_ID:-local}} ${{SLURMD_NODENAME:-here}} gpu=${{CUDA_VISIBLE_DEVICES:-none}} $$ $*"
echo "start $call" >> calls.txt
while [ -e "hold.$1" ]; do sleep 0.1; done
"{command}" "$@" || exit
echo "end $call" >> calls.txt
"""
CONFIGURATION = """\
ClusterName=labelpolicytest
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=20
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
SchedulerParameters=sched_interval=1,bf_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
MpiDefault=none
ReturnToService=2
SlurmdTimeout=30
MessageTimeout=30
BatchStartTimeout=120
MinJobAge=7200
KillWait=2
GresTypes=gpu
NodeName=node1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=2 RealMemory=8000 Gres=gpu:2
NodeName=node2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=2 RealMemory=8000 Gres=gpu:2
PartitionName=main Nodes=node1,node2 Default=YES MaxTime=INFINITE DefMemPerCPU=500
PartitionName=short Nodes=node1,node2 MaxTime=60
"""
# Changes of profiles/slurm: it looks often for jobs' ends and fits the small nodes.
SMALL_PROFILE = {
    "slurm-init-seconds-before-status-checks": "slurm-init-seconds-before-status-checks: 1",
    "latency-wait": "latency-wait: 15",
    "abreast": "  abreast: 2",
}
# Not GPUs, but files of which a job gets one each, like a GPU.
DEVICES = "NodeName=node[1-2] Name=gpu File=/dev/null,/dev/zero\n"


def missing() -> str:
    """Why no cluster can be started here; empty if one can."""
    for command in (*DAEMONS, "sbatch", "srun", "squeue", "sinfo", "scancel"):
        if program(command) is None:
            return f"no {command} here: apt-get install slurm-wlm munge"
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        return "no snakemake-executor-plugin-slurm here: pip install -c constraints.txt -e '.[cluster]'"
    if os.geteuid() != 0:
        return "starting SLURM takes root"
    if any((ETC / name).exists() and not left_over(ETC / name) for name in FILES):
        return f"{ETC} holds the configuration of another cluster, or of another run of these tests"
    return ""


def program(name: str) -> str | None:
    """Daemons lie where a user's PATH may not look."""
    return shutil.which(name, path=os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"]))


def left_over(file: Path) -> bool:
    """Whether a file of SLURM's is the link of a run of these tests that was killed."""
    controller = file.resolve().with_name("slurmctld.pid")
    ours = file.is_symlink() and "labelpolicytest" in file.resolve().with_name("slurm.conf").read_text()
    return ours and not (controller.exists() and alive(controller.read_text()))


def alive(process: str | int) -> bool:
    """Whether a process runs; one that ended and that nobody has asked after yet does not."""
    try:
        return psutil.Process(int(process)).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for(condition, seconds: float = 300):
    until = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < until, f"not within {seconds} s: {condition}"
        time.sleep(0.2)
    return value


def free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def edit(profile: Path, lines: dict[str, str]) -> None:
    """As a user would: the first line that begins with each of these words, comments included."""
    found = profile.read_text().splitlines()
    for word, line in lines.items():
        number = next(number for number, old in enumerate(found) if old.strip("# ").startswith(f"{word}:"))
        found[number] = line
    profile.write_text("\n".join(found) + "\n")


class Slurm:
    def __init__(self, folder: Path):
        self.folder = folder

    def start(self) -> str:
        """Why it does not run, in SLURM's words; empty if a first job has come through."""
        try:
            self.launch()
            self.say("sbatch", "--wait", "--output=/dev/null", "--wrap=srun -n1 --cpu-bind=q true")
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            logs = [line for file in sorted(self.folder.glob("*.log")) for line in file.read_text().splitlines()]
            said = [line for line in logs if "error" in line] or logs or [""]
            return f"SLURM does not run here: {error}; {getattr(error, 'stderr', None) or said[-1]}"
        return ""

    def launch(self):
        for name in ("state", "spool-node1", "spool-node2"):
            (self.folder / name).mkdir()
        host = socket.gethostname().split(".")[0]
        files = {
            "slurm.conf": CONFIGURATION.format(host=host, folder=self.folder, ports=free_ports(3)),
            "gres.conf": DEVICES,
        }
        ETC.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (self.folder / name).write_text(text)
            (ETC / name).unlink(missing_ok=True)  # a link of a test run that was killed
            (ETC / name).symlink_to(self.folder / name)
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o400)
        munge = {"key-file": "munge.key", "socket": "munge.socket", "pid-file": "munged.pid", "log-file": "munged.log"}
        paths = [f"--{option}={self.folder / name}" for option, name in munge.items()]
        self.say(program("munged"), "--force", *paths, f"--seed-file={self.folder / 'munge.seed'}")
        self.say(program("slurmctld"), "-c")
        for node in ("node1", "node2"):
            self.up(node)

    def up(self, node: str):
        self.say(program("slurmd"), "-N", node)
        wait_for(lambda: self.state(node) == "idle")

    def stop(self):
        with contextlib.suppress(subprocess.SubprocessError, AssertionError):
            self.say("scancel", "--user=root")
            wait_for(lambda: not self.say("squeue", "--noheader"), 60)
        for name in ("slurmd-node1", "slurmd-node2", "slurmctld", "munged"):
            self.kill(name, signal.SIGTERM)
        for name in FILES:
            (ETC / name).unlink(missing_ok=True)

    def kill(self, name: str, number: int = signal.SIGKILL):
        file = self.folder / f"{name}.pid"
        if file.exists():
            with contextlib.suppress(psutil.NoSuchProcess):
                daemon = psutil.Process(int(file.read_text()))
                daemon.send_signal(number)
                with contextlib.suppress(psutil.TimeoutExpired):
                    daemon.wait(30)
                    return
                daemon.kill()

    def fail(self, node: str):
        """A node loses power: its daemon and all processes of its jobs are gone at once."""
        self.kill(f"slurmd-{node}")
        doomed = set()
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("SLURMD_NODENAME") == node:
                    doomed |= {process, *process.parents()}
        for step in doomed:  # any of them may end by itself meanwhile
            with contextlib.suppress(psutil.Error):
                if step.name() == "slurmstepd":
                    for process in [step, *step.children(recursive=True)]:
                        with contextlib.suppress(psutil.NoSuchProcess):
                            process.kill()

    def say(self, *command: str) -> str:
        """What a command prints: nothing that hangs in a container makes the tests wait for ever."""
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=180).stdout.strip()

    def state(self, node: str) -> str:
        """Of a node; empty while nobody answers."""
        with contextlib.suppress(subprocess.CalledProcessError):
            return self.say("sinfo", "--noheader", "--nodes", node, "--partition=main", "--format=%T").rstrip("*")
        return ""

    def jobs(self, layout: str, *options: str) -> list[list[str]]:
        """Fields of the jobs in the queue, separated by | in the layout."""
        return [
            line.split("|") for line in self.say("squeue", "--noheader", f"--format={layout}", *options).splitlines()
        ]


class Study:
    """A copy of the workflow's files in a folder, with small parameters and three rows."""

    running: subprocess.Popen | None = None

    def __init__(self, folder: Path):
        self.folder = folder
        shutil.copytree(ROOT / "workflow", folder / "workflow")
        shutil.copytree(ROOT / "profiles", folder / "profiles")
        shutil.copy(ROOT / "Snakefile", folder)
        (folder / "params.yaml").write_text(SMALL)
        (folder / "workflow" / "methods.tsv").write_text(SHEET)
        shim = folder / "bin" / "labelpolicy"
        shim.parent.mkdir()
        shim.write_text(SHIM.format(command=Path(sys.executable).with_name("labelpolicy")))
        shim.chmod(0o755)
        paths = [str(shim.parent), str(Path(sys.executable).parent), os.environ["PATH"]]
        source = [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
        self.environment = os.environ | {
            "PATH": os.pathsep.join(paths),
            "PYTHONPATH": os.pathsep.join(filter(None, source)),
            "OMP_NUM_THREADS": "1",
        }

    def copy(self, folder: Path) -> Study:
        """The same study as it is now, elsewhere."""
        shutil.copytree(self.folder, folder, copy_function=shutil.copy2)
        (folder / "calls.txt").unlink()
        other = object.__new__(Study)
        other.folder = folder
        other.environment = self.environment | {
            "PATH": self.environment["PATH"].replace(str(self.folder), str(folder)),
        }
        return other

    def profile(self, name: str, lines: dict[str, str]) -> None:
        edit(self.folder / "profiles" / name / "profile.yaml", lines)

    def start(self, *arguments: str) -> subprocess.Popen:
        self.printed = self.folder / "printed.txt"
        with self.printed.open("w") as printed:
            self.running = subprocess.Popen(
                [sys.executable, "-m", "snakemake", *arguments],
                cwd=self.folder,
                env=self.environment,
                stdout=printed,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # Ctrl-C is ignored in what a shell started in the background; a user's Snakemake hears it.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
        return self.running

    def wait_for(self, condition, seconds: float = 600):
        """Wait for something that the run does."""
        return wait_for(lambda: condition() or (self.running.poll() is not None and self.over()), seconds)

    def over(self):
        raise AssertionError(f"the run is over: {self.printed.read_text()[-6000:]}")

    def finish(self, running: subprocess.Popen, fails: bool = False) -> str:
        running.wait(900)
        printed = self.printed.read_text()
        assert (running.returncode != 0) == fails, printed[-6000:]
        return printed

    def run(self, *arguments: str, fails: bool = False) -> str:
        """Run snakemake; everything it printed."""
        return self.finish(self.start(*arguments), fails)

    def hold(self, step: str) -> None:
        (self.folder / f"hold.{step}").touch()

    def release(self, step: str) -> None:
        (self.folder / f"hold.{step}").unlink()

    def calls(self, step: str, event: str = "start") -> list[dict[str, str]]:
        """What ran so far: job, node, gpu, process and arguments of each call of a step."""
        file = self.folder / "calls.txt"
        found = [line.split(" ", 6) for line in file.read_text().splitlines()] if file.exists() else []
        keys = ("job", "node", "gpu", "process", "arguments")
        return [dict(zip(keys, fields[2:], strict=True)) for fields in found if fields[:2] == [event, step]]

    def products(self) -> dict[str, str]:
        """Checksums of everything under data/ and results/."""
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for top in ("data", "results")
            for path in sorted((self.folder / top).rglob("*"))
            if path.is_file() and path.name != ".snakemake_timestamp"
        }
