"""Leases of GPUs, with processes that hold simulated ones."""

import subprocess
import sys

import pytest

from labelpolicy import devices

HOLD = """
import sys
from labelpolicy.devices import lease
print(lease(int(sys.argv[1]), folder=sys.argv[2], pause=0.05), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def hold(tmp_path, monkeypatch):
    """Start a process that leases one of so many devices and keeps it until it is told to end; its device."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    started = []

    def start(count=3):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(count), str(tmp_path / "locks")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def device(process):
    return int(process.stdout.readline())


def test_processes_side_by_side_get_different_devices(hold):
    assert sorted(device(process) for process in [hold(), hold(), hold()]) == [0, 1, 2]


def test_a_killed_process_gives_its_device_back(hold):
    processes = [hold() for _ in range(3)]
    taken = [device(process) for process in processes]
    processes[1].kill()
    processes[1].wait()
    assert device(hold()) == taken[1]


def test_one_process_more_than_devices_waits_and_says_so(hold):
    first, second = hold(2), hold(2)
    taken = {device(first), device(second)}
    third = hold(2)
    assert "waiting for one of 2 GPUs" in third.stderr.readline()
    assert third.poll() is None
    first.communicate()  # its input ends, and so does it
    assert device(third) in taken


def test_asking_again_gives_the_same_device(tmp_path):
    first = devices.lease(4, folder=tmp_path)
    assert devices.lease(4, folder=tmp_path) == first
    assert len([*tmp_path.iterdir()]) == 1


def test_a_single_device_needs_no_lease(tmp_path):
    assert devices.lease(1, folder=tmp_path / "locks") == 0
    assert not (tmp_path / "locks").exists()


@pytest.mark.parametrize(
    ("visible", "count", "names"),
    [
        ("", 2, ["0", "1"]),
        ("3,1", 2, ["3", "1"]),
        ("GPU-8932f937, GPU-46675a11", 2, ["GPU-8932f937", "GPU-46675a11"]),
        ("../x,1", 2, ["0", "1"]),
        ("5", 2, ["0", "1"]),
    ],
)
def test_locks_go_by_the_machines_own_names(monkeypatch, visible, count, names):
    """Two processes that see devices 0,1 and 1,2 must not both take device 1."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert devices.names(count) == names
