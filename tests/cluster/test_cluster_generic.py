"""profiles/cluster-generic against commands that stand in for SGE, PBS and LSF; none of these was at hand."""

import contextlib
import os
import signal
import subprocess

import pytest
from small_cluster import ROOT, SCORES, alive, wait_for

pytest.importorskip(
    "snakemake_executor_plugin_cluster_generic", reason="pip install -c constraints.txt -e '.[workflow,cluster]'"
)

PROFILE = ROOT / "profiles/cluster-generic"
# A scheduler that starts every job at once, in a session of its own; its state lies in one folder.
SUBMIT = """\
for script; do :; done
number=$(($(cat {folder}/number) + 1))
echo $number > {folder}/number
echo "$@" >> {folder}/submitted
setsid sh -c 'sh "$1"; echo $? > {folder}/'$number.ended job "$script" > {folder}/$number.out 2>&1 < /dev/null &
echo $! > {folder}/$number.group
"""
CANCEL = """\
for job; do
  number=${{job%%.*}}
  echo "$number" >> {folder}/cancelled
  kill -s KILL -- "-$(cat {folder}/$number.group)"
  echo 137 > {folder}/$number.ended
done
"""
NUMBER = "for job; do :; done; number=${{job%%.*}}; ended={folder}/$number.ended\n"
COMMANDS = {
    "sge": {
        "qsub": SUBMIT + "echo $number",
        "qdel": CANCEL,
        "qstat": '[ "$1" != -u ] || exit 0\n' + NUMBER + '[ ! -e "$ended" ]',
        "qacct": NUMBER + 'echo "failed       0"; echo "exit_status  $(cat $ended)"',
    },
    "pbs": {
        "qsub": SUBMIT + "echo $number.server",
        "qdel": CANCEL,
        "qstat": NUMBER
        + 'if [ -e "$ended" ]; then echo "    job_state = F"; echo "    Exit_status = $(cat $ended)"\n'
        + 'else echo "    job_state = R"; fi',
    },
    "lsf": {
        "bsub": SUBMIT + 'echo "Job <$number> is submitted to default queue <normal>."',
        "bkill": CANCEL,
        "bjobs": NUMBER + 'case $(cat "$ended" 2> /dev/null) in "") echo RUN ;; 0) echo DONE ;; *) echo EXIT ;; esac',
    },
}
# What train asks for at its first attempt: 1 thread, 1,500 MB, 120 minutes.
ASKED = {
    "sge": "-l h_rt=2:00:00 -l h_vmem=1500M",
    "pbs": "-l walltime=2:00:00 -l select=1:ncpus=1:mem=1500mb",
    "lsf": "-W 120 -n 1 -M 1500 -R span[hosts=1] rusage[mem=1500]",
}


@pytest.fixture(params=list(COMMANDS))
def scheduler(request, tmp_path, monkeypatch):
    """A stand-in scheduler on PATH: its name, its state, and how it asks for what train needs."""
    state, tools = tmp_path / "scheduler", tmp_path / "tools"
    state.mkdir()
    tools.mkdir()
    (state / "number").write_text("0\n")
    for name, script in COMMANDS[request.param].items():
        (tools / name).write_text("#!/bin/sh\n" + script.format(folder=state) + "\n")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    if request.param == "sge":
        monkeypatch.setenv("SGE_ROOT", "/opt/sge")
    return request.param, state


@pytest.fixture
def ready(scheduler, weighed):
    """The study with label weights, to be run through the profile."""
    own, rest = weighed.environment["PATH"].split(os.pathsep, 1)
    tools = os.environ["PATH"].split(os.pathsep)[0]
    weighed.environment |= {name: os.environ[name] for name in ("SGE_ROOT",) if name in os.environ}
    weighed.environment |= {
        "PATH": os.pathsep.join([own, tools, rest]),
        "SNAKEMAKE_PROFILE": "profiles/cluster-generic",
    }
    weighed.profile(
        "cluster-generic",
        {
            "seconds-between-status-checks": "seconds-between-status-checks: 1",
            "max-status-checks-per-second": "max-status-checks-per-second: 10",
        },
    )
    yield weighed
    _, state = scheduler
    for file in state.glob("*.group"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(int(file.read_text()), signal.SIGKILL)


def test_jobs_are_submitted_watched_and_tried_again(ready, scheduler, local):
    """The first attempt fails; the second asks for twice the memory and gives the bytes of a local run."""
    name, state = scheduler
    shim = ready.folder / "bin/labelpolicy"
    shim.write_text(shim.read_text().replace("#!/bin/sh\n", "#!/bin/sh\nmkdir failed-once 2> /dev/null && exit 1\n"))
    printed = ready.run(SCORES[0])
    first, second = (state / "submitted").read_text().splitlines()
    assert ASKED[name] in first and "fit" in first
    assert ASKED[name].replace("1500", "3000") in second
    assert printed.count("Trying to restart job") == 1
    assert ready.products().items() <= local.products().items()


@pytest.mark.parametrize("scheduler", ["sge"], indirect=True)
def test_what_a_killed_snakemake_left_is_cancelled_before_anything_is_submitted(ready, scheduler, local):
    _, state = scheduler
    ready.hold("train")
    killed = ready.start(SCORES[0])
    [first] = ready.wait_for(lambda: ready.calls("train"))
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert alive(first["process"])
    ready.run("--unlock")
    running = ready.start(SCORES[0])
    ready.wait_for(lambda: len(ready.calls("train")) == 2)
    assert not alive(first["process"])
    assert (state / "cancelled").read_text() == "1\n"
    ready.release("train")
    assert "Cancelled jobs that an earlier run left on the cluster: 1" in ready.finish(running)
    assert ready.products().items() <= local.products().items()


def script(name, *arguments, **environment):
    done = subprocess.run(
        [PROFILE / name, *arguments], env=os.environ | environment, capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip() or done.stderr.strip()


def test_status_and_cancel(scheduler, tmp_path, monkeypatch):
    name, state = scheduler
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job.sh").write_text("while [ ! -e go ]; do sleep 0.1; done; exit $(cat go)\n")
    submitted = [script("submit.sh", "4", "6001", "90", "2", "job.sh") for _ in range(2)]
    assert [script("status.sh", job) for job in submitted] == ["running", "running"]
    script("cancel.sh", submitted[1])
    assert script("status.sh", submitted[1]) == "failed"
    (tmp_path / "go").write_text("0")
    wait_for(lambda: (state / "1.ended").exists())
    assert script("status.sh", submitted[0]) == "success"
    asked = (state / "submitted").read_text().splitlines()[0]
    expected = {
        "sge": ["-pe smp 4", "h_vmem=1501M", "gpu=2", "h_rt=1:30:00"],
        "pbs": ["ncpus=4:mem=6001mb:ngpus=2", "walltime=1:30:00"],
        "lsf": ["-n 4 -M 6001", "-gpu num=2", "-W 90"],
    }
    assert all(words in asked for words in expected[name])


def test_without_a_scheduler_the_scripts_say_what_is_missing(monkeypatch):
    wrong = script("status.sh", "1", LABELPOLICY_SCHEDULER="slrum")
    assert wrong == "error: LABELPOLICY_SCHEDULER is 'slrum', expected sge, pbs or lsf"
    monkeypatch.delenv("SGE_ROOT", raising=False)
    assert script("submit.sh", "1", "1", "1", "0", "x").startswith("error: neither bsub nor qsub found")
