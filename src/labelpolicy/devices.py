"""Several GPUs on one machine: each job leases one, by a lock on a file that ends with its process, however it ends."""

import fcntl
import getpass
import os
import sys
import tempfile
import time
from pathlib import Path

_held: dict[str, tuple[int, int]] = {}  # by lock folder: the device, and its open file, which holds the lease


def lease(count: int, *, folder: str | Path | None = None, pause: float = 1) -> int:
    """The number, below ``count``, of a device that no other process of this user holds; held until the process ends.

    ``count`` is the number of devices that this process sees; one is not locked. Where all are held it waits, looking
    every ``pause`` seconds. Asking again gives the same device. ``folder`` holds the lock files.
    """
    if count == 1:
        return 0
    folder = Path(folder or Path(tempfile.gettempdir()) / f"labelpolicy-devices-{getpass.getuser()}")
    if str(folder) in _held:
        return _held[str(folder)][0]
    folder.mkdir(mode=0o700, exist_ok=True)
    waited = False
    while True:
        for number, name in enumerate(names(count)):
            file = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
                continue
            _held[str(folder)] = number, file
            return number
        if not waited:
            print(f"waiting for one of {count} GPUs: other jobs hold all of them", file=sys.stderr)
            waited = True
        time.sleep(pause)


def names(count: int) -> list[str]:
    """The machine's own names of the devices seen: two processes may see them under different numbers."""
    listed = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    if len(listed) < count or not all(name.replace("-", "").isalnum() for name in listed[:count]):
        return [str(number) for number in range(count)]
    return listed[:count]
