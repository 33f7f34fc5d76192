"""Time and memory of fitting every threshold policy, beside one np.sort of the same scores along the documents.

    python benchmarks/thresholds.py --documents 100000 --labels 103

Scores are random and labels Zipf-like, about 3 a document: for the searches the worst case, since nothing separates.
Memory is the peak beyond the scores and truth themselves, as a multiple of the scores' size.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc

import numpy as np

from labelpolicy.parameters import Thresholds
from labelpolicy.policy.thresholds import FITS, fit


def measure(action) -> tuple[float, int]:
    """Seconds (the better of two runs) and peak bytes newly allocated (of a third)."""
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    tracemalloc.start()
    action()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return min(seconds), peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--labels", type=int, default=103)
    parser.add_argument("--policies", nargs="*", default=list(FITS), choices=list(FITS), metavar="NAME")
    arguments = parser.parse_args()

    random = np.random.default_rng(0)
    shape = (arguments.documents, arguments.labels)
    scores = random.random(shape, dtype=np.float32)
    frequency = 1 / np.arange(1, arguments.labels + 1)
    truth = random.random(shape) < np.minimum(3 * frequency / frequency.sum(), 0.9)
    train_count = truth.sum(axis=0)

    sort, _ = measure(lambda: np.sort(scores, axis=0))
    print(f"np.sort of {shape[0]:,} x {shape[1]} scores along the documents: {sort:.3f} s")
    print(f"{'policy':<12}{'fit s':>9}{'/ sort':>9}{'memory':>9}{'decide s':>10}{'/ sort':>9}")
    for name in arguments.policies:
        call = lambda name=name: fit(name, scores, truth, train_count=train_count, parameters=Thresholds())  # noqa: E731
        seconds, peak = measure(call)
        decision = call()
        deciding, _ = measure(lambda decision=decision: decision.decide(scores))
        print(
            f"{name:<12}{seconds:>9.3f}{seconds / sort:>9.1f}{peak / scores.nbytes:>8.1f}x"
            f"{deciding:>10.3f}{deciding / sort:>9.1f}"
        )


if __name__ == "__main__":
    main()
