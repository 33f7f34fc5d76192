"""evaluate: predictions, or scores and thresholds, and the truth -> every measure, with intervals, on the terminal."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from labelpolicy.data.foreign import read_matrix, read_truth
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_json
from labelpolicy.metrics import NAMES, per_label, standard_errors
from labelpolicy.metrics import evaluate as every_measure
from labelpolicy.options import Output, Seed
from labelpolicy.significance import bootstrap_interval
from labelpolicy.steps.thresholds import SetName, TextsFile, TruthFile, predicted


def evaluate(
    predictions: Annotated[Path, typer.Argument(help="Predictions in 0 and 1, or scores with --thresholds.")],
    truth: TruthFile,
    thresholds: Annotated[Path | None, typer.Option(help="thresholds.json; the file before has scores then.")] = None,
    texts: TextsFile = None,
    name: SetName = None,
    output: Annotated[Path | None, Output("JSON to write as well.")] = None,
    labels: Annotated[int, typer.Option(min=0, help="So many labels are shown, the worst by F1.")] = 10,
    seed: Seed = 0,
) -> None:
    """Measure decisions: every measure with its standard error over documents, and the worst labels.

    The main measures have 95 % intervals (bootstrap over documents).
    """
    if name is not None and thresholds is None:
        raise LabelPolicyError(f"--name {name}: is of a set of --thresholds: give that as well")
    if texts is not None and thresholds is None:
        raise LabelPolicyError(f"--texts {texts}: is for deciding by --thresholds: give that as well")
    found = read_matrix(predictions)
    y_true = read_truth(truth, found, predictions) == 1
    if thresholds is not None:
        y_pred = predicted(thresholds, found, predictions, name, texts)
    elif np.isin(found.values, (0, 1)).all():
        y_pred = found.values.astype(bool)
    else:
        raise LabelPolicyError(f"{predictions}: has scores, not 0 and 1: expected --thresholds thresholds.json as well")
    measured, intervals = every_measure(y_true, y_pred), bootstrap_interval(y_true, y_pred, seed=seed)
    errors = standard_errors(y_true, y_pred) if len(y_true) > 1 else {}
    print(f"{len(y_true)} documents, {len(found.labels)} labels\n")
    print(f"{'measure':<24}{'value':>7}{' ± error' * bool(errors)}  95 % interval")
    for measure in NAMES:
        error = f" ± {errors[measure]:.3f}" if errors else ""
        ends = f"  [{intervals[measure].low:.3f}, {intervals[measure].high:.3f}]" if measure in intervals else ""
        print(f"{measure:<24}{measured[measure]:>7.3f}{error}{ends}")
    by_label = per_label(y_true, y_pred)
    if labels:
        print(f"\n{'label':<24}{'precision':>10}{'recall':>8}{'F1':>8}{'support':>9}")
    for j in np.argsort(by_label["f1"], kind="stable")[:labels]:
        numbers = [by_label[column][j] for column in ("precision", "recall", "f1")]
        shown = found.labels[j] if len(found.labels[j]) < 24 else found.labels[j][:22] + "…"
        print(f"{shown:<24}{numbers[0]:>10.3f}{numbers[1]:>8.3f}{numbers[2]:>8.3f}{by_label['support'][j]:>9}")
    if output is not None:
        table = {name: list(interval) for name, interval in intervals.items()}
        write_json(output, measured | {"standard_error": errors, "intervals": table})
