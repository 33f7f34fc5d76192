"""Progress of long work: a bar on a terminal, plain lines in a log."""

import sys
import time
from collections.abc import Mapping
from typing import Any


def say(line: str) -> None:
    """Tell on stderr what a command did: stdout is for data."""
    print(line, file=sys.stderr, flush=True)


def in_words(measures: Mapping[str, float]) -> str:
    """The three measures that are shown first.

    >>> in_words({"accuracy": 0.8334, "macro_f1": 0.5, "micro_f1": 0.88})
    'accuracy 0.833, macro-F1 0.500, micro-F1 0.880'
    """
    shown = {"accuracy": "accuracy", "macro_f1": "macro-F1", "micro_f1": "micro-F1"}
    return ", ".join(f"{title} {measures[name]:.3f}" for name, title in shown.items())


class Progress:
    """Counts steps; on a terminal as a bar, otherwise as one line at most every ``interval`` seconds.

    ``total`` is None where nobody knows it, as of a stream.
    """

    def __init__(self, title: str, total: int | None, interval: float = 10.0):
        self.title, self.total, self.interval = title, total, interval
        self.done, self.spoken = 0, time.monotonic() if total is None else float("-inf")
        self.bar = _bar(title, total) if sys.stderr.isatty() else None

    def step(self, note: str = "", count: int = 1) -> None:
        """So many units of work are done; ``note`` says how it stands."""
        self.done += count
        if self.bar is not None:
            self.bar.start()
            self.bar.update(self.bar.task_ids[0], completed=self.done, note=note)
            if self.done == self.total:
                self.bar.stop()
        elif time.monotonic() - self.spoken >= self.interval or self.done == self.total:
            self.spoken = time.monotonic()
            say(f"{self.title} {self.done}{f'/{self.total}' if self.total else ''} {note}".rstrip())

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()


def _bar(title: str, total: int | None) -> Any:
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TextColumn("{task.fields[note]}", markup=False),
    )
    bar = progress.Progress(*columns, console=Console(stderr=True))
    bar.add_task(title, total=total, note="")
    return bar
