"""Time and memory of fitting every threshold rule, beside one np.sort of the same scores along the documents.

    python benchmarks/thresholds.py --documents 781265 --labels 103

Labels are Zipf-like, about 3 a document. Scores are random, which separates nothing; with --signal they are those of a
fair classifier. Seconds are processor time of one thread, which a busy machine disturbs least. Memory is the peak
beyond the scores and truth themselves, as a multiple of the scores' size. `shared` is held to at most 15 sorts and
twice the memory of the scores, `auto` to 30 sorts, with texts, where `sets` is one of its candidates, to 400; the
program fails where they take more.

Beside scut, the best F1 of every label as one finds it elsewhere: from scikit-learn's precision_recall_curve, and by
the walk of LibMultiLabel's thresholding (`_scutfbr`), one document at a time; neither trains anything here. `mean F1`
is the mean over labels of the best F1 found.
"""

from __future__ import annotations

import argparse
import sys
import time
import tracemalloc

import numpy as np
from sklearn.metrics import precision_recall_curve

from labelpolicy.cell import AT_LEAST_ONE, Thresholds
from labelpolicy.thresholds import RULES, SET_POLICIES, fit
from labelpolicy.thresholds.objectives import label_cuts

#: The rule auto where texts are given.
WITH_TEXTS = "auto, texts"
#: Every rule but label sets (benchmarks/sets.py), and those whose fit changes where a document always gets a label.
NAMES = [
    *(rule for rule in RULES if rule not in SET_POLICIES),
    *(rule + AT_LEAST_ONE for rule in ("odr", "shared")),
    "auto",
    WITH_TEXTS,
]
#: The column-wise sorts that a rule may take, and the multiples of the scores' memory that `shared` may.
MOST_SORTS, MOST_MEMORY = {"shared": 15, "auto": 30, WITH_TEXTS: 400}, 2


def seconds(action, runs: int = 1) -> float:
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


def generated(shape: tuple[int, int], signal: bool) -> tuple[np.ndarray, np.ndarray]:
    """Scores float32 and truth bool of one shape."""
    random = np.random.default_rng(0)
    scores = random.random(shape, dtype=np.float32)
    frequency = 1 / np.arange(1, shape[1] + 1)
    share = np.minimum(3 * frequency / frequency.sum(), 0.9).astype(np.float32)
    truth = random.random(shape, dtype=np.float32) < share
    if signal:
        random.standard_normal(out=scores, dtype=np.float32)
        scores += np.log(share) + 4 * truth
        scores = 1 / (1 + np.exp(-scores))
    return scores, truth


def named(truth: np.ndarray) -> dict[str, list[str]]:
    """Names of labels, and texts of 50 words in which every second name stands."""
    labels = [f"name{j}" for j in range(truth.shape[1])]
    words = " word" * 50
    return {"labels": labels, "texts": [" ".join(labels[j] for j in np.flatnonzero(row)[::2]) + words for row in truth]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--labels", type=int, default=103)
    parser.add_argument("--rules", nargs="*", default=NAMES, choices=NAMES, metavar="NAME")
    parser.add_argument("--signal", action="store_true", help="scores that know the truth, instead of random ones")
    parser.add_argument("--no-rivals", action="store_true", help="leave out scikit-learn and the walk")
    arguments = parser.parse_args()
    scores, truth = generated((arguments.documents, arguments.labels), arguments.signal)

    sort = seconds(lambda: np.sort(scores, axis=0), runs=3)
    print(f"np.sort of {len(scores):,} x {scores.shape[1]} scores along the documents: {sort:.3f} s")
    print(f"{'rule':<12}{'fit s':>9}{'/ sort':>9}{'memory':>9}{'decide s':>10}{'/ sort':>9}")
    too_much = False
    for name in arguments.rules:
        rule, one, _ = Thresholds.parse(name.removesuffix(", texts"))
        how = {"at_least_one": one or None} | (named(truth) if name == WITH_TEXTS else {})
        call = lambda rule=rule, how=how: fit(rule, scores, truth, **how)  # noqa: E731
        fitting, memory, decision = seconds(call) / sort, peak(call) / scores.nbytes, call()
        deciding = seconds(lambda decision=decision, how=how: decision.decide(scores, how.get("texts")))
        print(
            f"{name:<12}{fitting * sort:>9.3f}{fitting:>9.1f}{memory:>8.1f}x{deciding:>10.3f}{deciding / sort:>9.1f}",
            flush=True,
        )
        too_much |= fitting > MOST_SORTS.get(name, np.inf) or (name == "shared" and memory > MOST_MEMORY)
    if not arguments.no_rivals:
        rivals(scores, truth, sort)
    if too_much:
        sys.exit(f"more sorts than {MOST_SORTS}, or shared more than {MOST_MEMORY} times the scores' memory")


def rivals(scores: np.ndarray, truth: np.ndarray, sort: float) -> None:
    print(f"\n{'best F1 of every label':<24}{'s':>9}{'/ sort':>9}{'mean F1':>9}")
    for name, search in (
        ("scut", lambda: label_cuts(scores, truth)[0]),
        ("scikit-learn's curve", lambda: [best_by_curve(*columns) for columns in zip(scores.T, truth.T, strict=True)]),
        ("LibMultiLabel's walk", lambda: [best_by_walk(*columns) for columns in zip(scores.T, truth.T, strict=True)]),
    ):
        found: list[float] = []
        taken = seconds(lambda search=search, found=found: found.append(float(np.mean(search()))))
        print(f"{name:<24}{taken:>9.3f}{taken / sort:>9.1f}{found[0]:>9.4f}", flush=True)


if __name__ == "__main__":
    main()
