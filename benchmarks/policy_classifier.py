"""PolicyClassifier around TfidfVectorizer and LinearSVC beside the study's row LinearSVC+Shared-Prediction+One+OOF.

    python benchmarks/policy_classifier.py --dataset data/processed/reuters21578 --metrics results/metrics.csv

The estimator sees the raw texts of training and validation documents, and chooses its rule by itself. The row is the
mean over the seeds of the file, its lowest and highest value in brackets.
"""

import argparse
import csv
import time
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from labelpolicy import PolicyClassifier, evaluate
from labelpolicy.data.prepared import Prepared
from labelpolicy.thresholds.objectives import MEASURES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--metrics", type=Path, required=True)
    arguments = parser.parse_args()
    data = Prepared(arguments.dataset)
    texts = {split: list(data.texts(split)) for split in ("train", "valid", "test")}
    y = {split: data.truth(split)[1].astype(int) for split in texts}

    start = time.process_time()
    words = TfidfVectorizer(sublinear_tf=True, min_df=2, stop_words="english")
    model = PolicyClassifier(make_pipeline(words, OneVsRestClassifier(LinearSVC())))
    model.fit(texts["train"] + texts["valid"], np.concatenate([y["train"], y["valid"]]))
    y_pred = model.predict(texts["test"])
    seconds = time.process_time() - start

    measured, evidence = evaluate(y["test"] == 1, y_pred == 1), model.report_["auto"]
    print(f"{data.name}: {evidence['rule']} was chosen; {seconds:.0f} processor seconds\n")
    print(f"{'':<12}{'estimator':>10}{'expected':>25}{'row of the study':>26}")
    row = (data.name, "linear_svc", "uniform", "shared+one+oof", "test")
    with arguments.metrics.open(newline="") as file:
        rows = [line for line in csv.DictReader(file)]
    for name in MEASURES:
        wanted = (*row, name)
        keys = ("dataset", "classifier", "weights", "thresholds", "split", "metric")
        seeds = [float(line["value"]) for line in rows if tuple(line[key] for key in keys) == wanted]
        value, low, high = evidence["expected"][name]
        expected = f"{value:.3f} [{low:.3f}, {high:.3f}]"
        study = f"{np.mean(seeds):.3f} [{min(seeds):.3f}, {max(seeds):.3f}]"
        print(f"{name:<12}{measured[name]:>10.3f}{expected:>25}{study:>26}")


if __name__ == "__main__":
    main()
