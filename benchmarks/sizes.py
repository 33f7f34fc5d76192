"""Time and memory of whatever has to bear thousands of labels: threshold rules, learning, measures, figures.

    python benchmarks/sizes.py --documents 20000 --labels 10000  # or fewer: 2000 documents, 2 minutes

Scores are those of a fair classifier, the truth is sparse, about 3 labels a document, Zipf-like. Memory is the peak
beyond scores and truth themselves, as a multiple of the scores' size (float32); seconds are processor time. `half` is
the time at half as many labels and the same documents: what is linear takes about half of it, 0.5. The program fails
where something takes more than MOST times the scores' memory.

Figures are drawn of as many labels and FIGURE_DOCUMENTS validation and test documents each. Their memory is measured
where they look at scores; elsewhere it is that of matplotlib's many small things, which are slow to trace.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from labelpolicy.cell import Thresholds, Trained
from labelpolicy.data.scores import write_scores
from labelpolicy.files import write_json, write_parquet
from labelpolicy.learner.meta_learner import LabelFeatures
from labelpolicy.learner.on_scores import ScoresEnvironment
from labelpolicy.learner.parameters import LearnerParameters
from labelpolicy.metrics import evaluate, standard_errors
from labelpolicy.policy_file import Policy
from labelpolicy.significance import bootstrap_interval
from labelpolicy.steps.figure import COMMANDS
from labelpolicy.thresholds import RULES, Decision, fit

NAMES = [*RULES, "shared+one", "auto"]
MOST = 10
FIGURE_DOCUMENTS = 1000
ON_SCORES = ("figure precision-recall", "figure reward")


def generated(documents: int, labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores float32 and truth bool, (documents, labels), made label by label."""
    random = np.random.default_rng(0)
    share = np.minimum(3 / np.arange(1, labels + 1) / np.log(labels), 0.5)
    scores, truth = np.empty((documents, labels), dtype=np.float32), np.zeros((documents, labels), dtype=bool)
    for rows in np.array_split(np.arange(documents), max(documents * labels >> 22, 1)):
        truth[rows] = random.random((len(rows), labels), dtype=np.float32) < share
        noise = random.standard_normal((len(rows), labels), dtype=np.float32)
        scores[rows] = 1 / (1 + np.exp(-(noise + np.log(share) + 4 * truth[rows])))
    return scores, truth


def measured(action: Callable[[], object], traced: bool) -> tuple[float, int]:
    """Processor seconds, and if ``traced`` peak bytes newly allocated, else 0."""
    if traced:
        tracemalloc.start()
    start = time.process_time()
    action()
    seconds, peak = time.process_time() - start, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return seconds, peak


def on_scores(scores: np.ndarray, truth: np.ndarray, names: list[str]) -> Iterator[tuple[str, Callable[[], object]]]:
    """What is done with scores and truth, by name."""
    decisions: dict[str, Decision] = {}
    for name in names:
        rule, one, _ = Thresholds.parse(name)
        how = {"rule": rule, "y_score": scores, "y_true": truth, "at_least_one": one or None}
        yield f"fit {name}", lambda name=name, how=how: decisions.update({name: fit(**how)})
        yield f"decide {name}", lambda name=name: decisions[name].decide(scores)
    y_pred = scores > 0.5
    yield "measures", lambda: evaluate(truth, y_pred)
    yield "standard errors", lambda: standard_errors(truth, y_pred)
    yield "bootstrap, 200 draws", lambda: bootstrap_interval(truth, y_pred, draws=200)
    yield "an episode on scores", lambda: episode(scores, truth)


def episode(scores: np.ndarray, truth: np.ndarray) -> None:
    """What learning thresholds on scores is made of: an environment, and an episode's task."""
    count = truth.sum(axis=0)
    environment = ScoresEnvironment(
        scores,
        truth,
        train_count=count,
        label_features=LabelFeatures.of(truth),
        at_least_one=False,
        parameters=LearnerParameters(learner="shared", reward="utility"),
        seed=0,
    )
    environment.draw(np.random.default_rng(0))


def figures(folder: Path, labels: int) -> tuple[int, Iterator[tuple[str, Callable[[], object]]]]:
    """The bytes of the scores of a data set that is written to the folder, and its figures by name."""
    scores, truth = generated(2 * FIGURE_DOCUMENTS, labels)
    names = [f"/g{j % 100}" + f"/label {j}" * (j >= 100) for j in range(labels)]
    parents = [None if j < 100 else f"/g{j % 100}" for j in range(labels)]
    count, depth = truth.sum(axis=0), np.array([1 + (j >= 100) for j in range(labels)], dtype=np.int32)
    data, cell = folder / "toy", Trained("toy", "linear", "meta", 0)
    table = {"label": names, "parent": pa.array(parents, pa.string()), "depth": depth, "train_count": count}
    write_parquet(data / "labels.parquet", pa.table(table))
    write_json(data / "dataset.json", {"name": "toy"})
    ids = [f"d{row}" for row in range(FIGURE_DOCUMENTS)]
    halves = {"valid": slice(0, FIGURE_DOCUMENTS), "test": slice(FIGURE_DOCUMENTS, None)}
    for split, rows in halves.items():
        true = pa.array([np.flatnonzero(row).tolist() for row in truth[rows]], pa.list_(pa.int32()))
        columns = {"id": ids, "tokens": pa.array([[2]] * len(ids), pa.list_(pa.int32())), "labels": true}
        write_parquet(data / f"{split}.parquet", pa.table(columns))
    scored = {split: (ids, scores[rows]) for split, rows in halves.items()}
    write_scores(folder / "scores.parquet", scored, labels=names, trained=cell, out_of_fold=False)
    random = np.random.default_rng(1)
    policy = cell.folder(folder) / "policy.json"
    weights = random.random(labels)
    Policy(names, weights / weights.sum(), random.uniform(0.05, 0.95, labels)).write(policy)
    files = []
    for thresholds in ("fixed", "shared", "meta"):
        files.append(cell.folder(folder) / thresholds / "labels.parquet")
        values = {"label": names, "train_count": count, "f1": random.random(labels), "support": count}
        write_parquet(files[-1], pa.table(values))
    given = {"title": "toy", "pdf": folder / "figure.pdf", "png": folder / "figure.png"}
    of_data = {"dataset": data, **given}
    drawn = {
        "policy": of_data | {"policy": policy},
        "weight-tree": of_data | {"policy": policy, "correlations": folder / "tree.json"},
        "weights": of_data | {"policy": [policy]},
        "label-f1": given | {"files": files},
        "precision-recall": of_data | {"scores": folder / "scores.parquet"},
        "reward": of_data | {"policy": policy, "scores": folder / "scores.parquet"},
    }
    return scores.nbytes, ((f"figure {name}", lambda n=name, o=o: COMMANDS[n](**o)) for name, o in drawn.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--labels", type=int, default=10_000)
    parser.add_argument("--rules", nargs="*", default=NAMES, choices=NAMES, metavar="NAME")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    scores, truth = generated(arguments.documents, arguments.labels)
    print(f"{arguments.documents:,} x {arguments.labels:,}: scores of {scores.nbytes / 2**20:,.0f} MiB")
    print(f"{'':<26}{'s':>8}{'memory':>9}{'half':>7}")
    fewer = slice(0, arguments.labels // 2)
    halves = on_scores(np.ascontiguousarray(scores[:, fewer]), truth[:, fewer].copy(), arguments.rules)
    most = _printed(on_scores(scores, truth, arguments.rules), halves, scores.nbytes)
    del scores, truth, halves
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        size, drawn = figures(Path(one), arguments.labels)
        most = max(most, _printed(drawn, figures(Path(other), arguments.labels // 2)[1], size))
    if most > MOST:
        sys.exit(f"{most:.1f} times the scores' memory, expected {MOST} at most")


Actions = Iterator[tuple[str, Callable[[], object]]]


def _printed(actions: Actions, halves: Actions, size: int) -> float:
    """A line an action; the most memory that one took."""
    most = 0.0
    for (name, action), (_, half) in zip(actions, halves, strict=True):
        traced = not name.startswith("figure") or name in ON_SCORES
        seconds, peak = measured(action, traced)
        share = measured(half, traced)[0] / max(seconds, 1e-3)
        print(f"{name:<26}{seconds:>8.2f}{f'{peak / size:.1f}x' if traced else '':>9}{share:>7.2f}", flush=True)
        most = max(most, peak / size)
    return most


if __name__ == "__main__":
    main()
