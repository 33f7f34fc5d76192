"""Is there more to decision thresholds than two numbers? Cross-validated on out-of-fold scores, no test document.

Five folds of the documents of an out_of_fold.parquet: thresholds are fitted on four, and decide the fifth. Beside the
policies of the study stand thresholds between `shared+one` and each label's own best-F1 cut (scut): a label with n
support goes n / (n + k) of the way, in logits, so a small k trusts labels of few support, and k = infinity none.
If any k gained, a label's own scores would say more than its frequency does.

    python benchmarks/shrinkage.py --dataset data/processed/reuters21578 \
        --scores results/reuters21578/linear_svc/uniform/seed0/out_of_fold.parquet
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.special import expit

from labelpolicy.cell import Thresholds
from labelpolicy.data.prepared import Prepared
from labelpolicy.data.scores import Scores
from labelpolicy.folds import fold_of
from labelpolicy.learner.meta_learner import logits
from labelpolicy.thresholds import NEVER, PerLabel, fit
from labelpolicy.thresholds.objectives import measures

POLICIES = ("fixed", "fixed+one", "odr+one", "scut+one", "scutfbr1+one", "shared", "shared+one")
STRENGTHS = (1000, 300, 100, 30, 10, 3, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--scores", type=Path, required=True)
    arguments = parser.parse_args()
    fitting = Scores(arguments.scores, Prepared(arguments.dataset)).fitting()
    y_score, y_true, count = fitting.y_score, fitting.y_true, fitting.train_count
    fold = fold_of(y_true, 5, np.random.default_rng(0))
    found: dict[str, list[list[float]]] = {}
    for held in range(5):
        inside, outside = fold != held, fold == held
        fitted = {
            name: fit(rule, y_score[inside], y_true[inside], train_count=count, at_least_one=at_least_one)
            for name in (*POLICIES, "scut")
            for rule, at_least_one, _ in [Thresholds.parse(name)]
        }
        reference, own = (logits(np.minimum(fitted[name].thresholds, 1 - 1e-9)) for name in ("shared+one", "scut"))
        support = y_true[inside].sum(axis=0)
        own = np.where(support > 0, own, reference)
        for strength in STRENGTHS:
            way = support / np.maximum(support + strength, 1)
            thresholds = np.where(count > 0, expit(reference + way * (own - reference)), NEVER)
            fitted[f"shared+one, towards scut, k = {strength}"] = PerLabel.at(thresholds, at_least_one=True)
        del fitted["scut"]
        for name, decision in fitted.items():
            measured = measures(y_true[outside], decision.decide(y_score[outside]))
            found.setdefault(name, []).append(list(measured.values()))
    print(f"{arguments.scores}: {len(y_score)} documents in five folds, mean (standard deviation over folds)\n")
    print(f"{'thresholds':38}" + "".join(f"{measure:>16}" for measure in (*measured, "sum")))
    for name, rows in found.items():
        values = np.array(rows)
        values = np.concatenate([values, values.sum(axis=1, keepdims=True)], axis=1)
        cells = zip(values.mean(axis=0), values.std(axis=0, ddof=1), strict=True)
        print(f"{name:38}" + "".join(f"{f'{mean:.3f} ({deviation:.3f})':>16}" for mean, deviation in cells))


if __name__ == "__main__":
    main()
