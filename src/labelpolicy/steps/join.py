"""join: scores of several classifiers -> those of their calibrated mean, in the same form."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from labelpolicy.cell import JOINED_BY, Trained, members
from labelpolicy.data.prepared import SPLITS, Prepared
from labelpolicy.data.scores import Scores, write_scores
from labelpolicy.errors import LabelPolicyError
from labelpolicy.options import Output, PreparedFolder
from labelpolicy.progress import in_words, say
from labelpolicy.thresholds.label_sets.learn import calibrate, clipped_logit
from labelpolicy.thresholds.objectives import measures


def join(
    dataset: PreparedFolder,
    scores: Annotated[
        list[Path],
        typer.Argument(metavar="SCORES...", help="out_of_fold.parquet, or scores.parquet, of each classifier."),
    ],
    output: Annotated[Path, Output("The same of them joined, to write.")],
) -> None:
    """Join the scores of several classifiers: the mean of their calibrated logits, all of equal weight.

    Each classifier's logits are calibrated label by label (Platt scaling, whose slopes and offsets are drawn to common
    ones, as `sets` does): out-of-fold scores on training and validation documents, others on validation documents.
    Nothing is trained, and no test label is read for it. The result is of the classifier ``linear-linear_svc``, and
    `decide` fits on it what it fits on any such scores. One classifier may be there with several parameters.

    Raises LabelPolicyError for fewer than two files, for scores of which only some are out of fold, or that are not of
    this data set, for the same scores twice, and for other label weights or seeds.
    """
    data = Prepared(dataset)
    tables = [Scores(path, data) for path in scores]
    trained = joined_name(tables)
    names = SPLITS if tables[0].out_of_fold else SPLITS[1:]
    total = [np.zeros((len(data.truth(name)[0]), len(data.labels))) for name in names]
    for table in tables:
        fitting = table.fitting()
        slope, offset = calibrate(fitting.y_score, fitting.y_true)
        for logits, name in zip(total, names, strict=True):
            logits += slope * clipped_logit(table.split(name)[0]) + offset
    with np.errstate(over="ignore"):  # 1 / inf is a score of 0
        y_score = [(1 / (1 + np.exp(-each / len(tables)))).astype(np.float32) for each in total]
    found = {name: (data.truth(name)[0], each) for name, each in zip(names, y_score, strict=True)}
    write_scores(output, found, labels=data.labels, trained=trained, out_of_fold=tables[0].out_of_fold)
    at_half = in_words(measures(fitting.y_true, np.concatenate(y_score[:-1]) > 0.5))
    where = "out of fold" if tables[0].out_of_fold else "on validation documents"
    say(f"join: {' and '.join(members(trained.classifier))} on {data.name}; {where} at 0.5: {at_half}")


def joined_name(tables: list[Scores]) -> Trained:
    """What the joined scores say that they come from. Raises LabelPolicyError for what cannot be joined."""
    if len(tables) < 2:
        raise LabelPolicyError(f"join: {len(tables)} score files, expected two or more: give each classifier's")
    first = tables[0].trained
    for place, table in enumerate(tables):
        found, of = table.trained, members(table.trained.classifier)
        if table.out_of_fold != tables[0].out_of_fold:
            kind, other = ("held-out", "out-of-fold")[:: -1 if table.out_of_fold else 1]
            fault = f"{kind} scores, expected {other} ones as in {tables[0].path}: run `train` or `crossfit` for both"
        elif len(of) > 1:
            fault = f"joined scores already: give those of {' and '.join(of)}"
        elif same := [other for other in tables[:place] if other.table.equals(table.table)]:
            fault = f"the same scores as {same[0].path}: give each once"
        elif (found.weights, found.seed, found.init) != (first.weights, first.seed, first.init):
            fault = f"scores of {found.folder('')}, expected label weights and seed of {first.folder('')}"
        else:
            continue
        raise LabelPolicyError(f"{table.path}: {fault}")
    names = [table.trained.classifier for table in tables]
    return Trained(first.dataset, JOINED_BY.join(names), first.weights, first.seed, first.init)
