"""Progress of long work: a bar on a terminal, plain lines in a log."""

import sys
import time

from tqdm import tqdm


class Progress:
    """Counts steps; on a terminal as a bar, otherwise as one line at most every ``interval`` seconds."""

    def __init__(self, title: str, total: int, interval: float = 10.0):
        self.title, self.total, self.interval = title, total, interval
        self.done, self.spoken = 0, float("-inf")
        self.bar = tqdm(total=total, desc=title, file=sys.stderr) if sys.stderr.isatty() else None

    def step(self, note: str = "") -> None:
        """One unit of work is done; ``note`` says how it stands."""
        self.done += 1
        if self.bar is not None:
            self.bar.set_postfix_str(note, refresh=False)
            self.bar.update()
        elif time.monotonic() - self.spoken >= self.interval or self.done == self.total:
            self.spoken = time.monotonic()
            print(f"{self.title} {self.done}/{self.total} {note}".rstrip(), file=sys.stderr, flush=True)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()
