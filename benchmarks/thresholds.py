"""Time and memory of fitting every threshold policy, beside one np.sort of the same scores along the documents.

    python benchmarks/thresholds.py --documents 781265 --labels 103

Labels are Zipf-like, about 3 a document. Scores are random, for the searches a bad case, since nothing separates; with
--signal they are those of a fair classifier. Seconds are processor time of one thread, which a busy machine disturbs
least. Memory is the peak beyond the scores and truth themselves, as a multiple of the scores' size.

Beside scut, the best F1 of every label as one finds it elsewhere: from scikit-learn's precision_recall_curve, and by
the walk of LibMultiLabel's thresholding (`_scutfbr`), one document at a time; neither trains anything here. `mean F1`
is the mean over labels of the best F1 found.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc

import numpy as np
from sklearn.metrics import precision_recall_curve

from labelpolicy.cell import AT_LEAST_ONE
from labelpolicy.thresholds.objectives import ThresholdParameters
from labelpolicy.thresholds.rules import FITS, fit, label_cuts

#: Every rule, and those whose fit changes where a document always gets a label.
NAMES = [*FITS, *(rule + AT_LEAST_ONE for rule in ("odr", "shared"))]


def seconds(action, runs: int = 2) -> float:
    """Processor seconds, the best of some runs."""
    taken = []
    for _ in range(runs):
        start = time.process_time()
        action()
        taken.append(time.process_time() - start)
    return min(taken)


def peak(action) -> int:
    """Peak bytes newly allocated."""
    tracemalloc.start()
    action()
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


def best_by_curve(scores: np.ndarray, truth: np.ndarray) -> float:
    """The best F1 of one label from scikit-learn's curve."""
    precision, recall, _ = precision_recall_curve(truth, scores)
    return float((2 * precision * recall / np.maximum(precision + recall, 1e-300)).max())


def best_by_walk(scores: np.ndarray, truth: np.ndarray) -> float:
    """The best F1 of one label, leaving out one document after another from the lowest score on."""
    order = np.argsort(scores, kind="stable")
    right = np.sum(truth)
    wrong, missed = truth.size - right, 0
    best = 2 * right / (2 * right + wrong + missed)
    for i in range(truth.size):
        if truth[order[i]]:
            right -= 1
            missed += 1
        else:
            wrong -= 1
        best = max(best, 2 * right / (2 * right + wrong + missed))
    return float(best)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--labels", type=int, default=103)
    parser.add_argument("--policies", nargs="*", default=NAMES, choices=NAMES, metavar="NAME")
    parser.add_argument("--signal", action="store_true", help="scores that know the truth, instead of random ones")
    parser.add_argument("--no-rivals", action="store_true", help="leave out scikit-learn and the walk")
    arguments = parser.parse_args()

    random = np.random.default_rng(0)
    shape = (arguments.documents, arguments.labels)
    scores = random.random(shape, dtype=np.float32)
    frequency = 1 / np.arange(1, arguments.labels + 1)
    share = np.minimum(3 * frequency / frequency.sum(), 0.9).astype(np.float32)
    truth = random.random(shape, dtype=np.float32) < share
    if arguments.signal:
        random.standard_normal(out=scores, dtype=np.float32)
        scores += np.log(share) + 4 * truth
        scores = 1 / (1 + np.exp(-scores))
    train_count = truth.sum(axis=0)

    sort = seconds(lambda: np.sort(scores, axis=0))
    print(f"np.sort of {shape[0]:,} x {shape[1]} scores along the documents: {sort:.3f} s")
    print(f"{'policy':<12}{'fit s':>9}{'/ sort':>9}{'memory':>9}{'decide s':>10}{'/ sort':>9}")
    for name in arguments.policies:
        call = lambda name=name: fit(name, scores, truth, train_count=train_count, parameters=ThresholdParameters())  # noqa: E731
        fitting, memory, decision = seconds(call), peak(call), call()
        deciding = seconds(lambda decision=decision: decision.decide(scores), runs=1)
        print(
            f"{name:<12}{fitting:>9.3f}{fitting / sort:>9.1f}{memory / scores.nbytes:>8.1f}x"
            f"{deciding:>10.3f}{deciding / sort:>9.1f}",
            flush=True,
        )
    if arguments.no_rivals:
        return
    print(f"\n{'best F1 of every label':<24}{'s':>9}{'/ sort':>9}{'mean F1':>9}")
    for name, search in (
        ("scut", lambda: label_cuts(scores, truth)[1]),
        ("scikit-learn's curve", lambda: [best_by_curve(*columns) for columns in zip(scores.T, truth.T, strict=True)]),
        ("LibMultiLabel's walk", lambda: [best_by_walk(*columns) for columns in zip(scores.T, truth.T, strict=True)]),
    ):
        found = []
        taken = seconds(lambda search=search, found=found: found.append(np.mean(search())), runs=1)
        print(f"{name:<24}{taken:>9.3f}{taken / sort:>9.1f}{found[0]:>9.4f}", flush=True)


if __name__ == "__main__":
    main()
