"""Time and memory of the paired bootstrap, beside the floor: the additions that no bootstrap of these rows can avoid.

    OMP_NUM_THREADS=1 python benchmarks/significance.py --draws 10000 --documents 3019 --labels 90 --rows 12

Labels are Zipf-like, about 1.2 a document, and every row errs on its own documents. The floor is the time of one
float32 multiply-add for every draw and every non-zero outcome, in blocks that stay in the cache.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from labelpolicy.significance import Outcomes, Significance, differences


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--documents", type=int, default=3_019)
    parser.add_argument("--labels", type=int, default=90)
    parser.add_argument("--rows", type=int, default=12)
    parser.add_argument("--learned", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()

    random = np.random.default_rng(0)
    shape = (arguments.documents, arguments.labels)
    frequency = 1 / np.arange(1, arguments.labels + 1)
    truth = random.random(shape) < np.minimum(1.2 * frequency / frequency.sum(), 0.9)
    comparisons = [(i, j) for i in range(arguments.learned) for j in range(i + 1, arguments.rows)]
    rows = []
    for _ in range(arguments.rows):
        errors = random.random((arguments.seeds, *shape)) < 0.2 * truth.mean(axis=0)
        rows.append([Outcomes.of(truth, truth ^ error) for error in errors])

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    differences(truth, rows, comparisons, Significance(draws=arguments.draws))
    seconds = time.perf_counter() - start
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024

    additions = arguments.draws * (truth.sum() + sum(o.counts.nnz for by_seed in rows for o in by_seed))
    floor = additions * seconds_per_addition()
    print(f"{arguments.rows} rows, {arguments.seeds} seeds, {shape[0]:,} documents, {shape[1]} labels")
    done = f"{arguments.draws:,} draws, {len(comparisons)} comparisons"
    print(f"{done}: {seconds:.2f} s, {memory:.0f} MB beyond the rows")
    print(f"floor, {additions / 1e9:.2f} G multiply-adds: {floor:.2f} s; {seconds / floor:.1f} times that")


def seconds_per_addition() -> float:
    """Seconds of one multiply-add of float32 on arrays that fit the first cache, the best of some runs."""
    total, drawn = np.zeros(2048, dtype=np.float32), np.ones(2048, dtype=np.float32)
    runs = []
    for _ in range(20):
        start = time.perf_counter()
        for _ in range(100):
            total += drawn  # data are ones: the product is free
        runs.append((time.perf_counter() - start) / (100 * len(total)))
    return min(runs)


if __name__ == "__main__":
    main()
