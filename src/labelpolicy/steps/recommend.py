"""recommend: the best of several classifiers' out-of-fold scores with several rules -> recommended.json and a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer

from labelpolicy import options
from labelpolicy.cell import Thresholds
from labelpolicy.classifiers import registry
from labelpolicy.classifiers.tuning import Chosen, with_tuned
from labelpolicy.data.prepared import Prepared
from labelpolicy.data.scores import Scores
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_json
from labelpolicy.folds import fold_of
from labelpolicy.metrics import GROUPS, evaluate, jackknife, without_each
from labelpolicy.progress import Progress, say
from labelpolicy.randomness import generator
from labelpolicy.steps.keep import keep
from labelpolicy.thresholds import NAMES, SET_POLICIES, fit
from labelpolicy.thresholds.auto import with_intervals
from labelpolicy.thresholds.objectives import MEASURES, utility_of

#: Documents at most that candidates are compared on, and folds that their rules are fitted and measured in.
DOCUMENTS, FOLDS = 10_000, 3
#: Rules that cost as much as all others many times, and how far scores may be behind for them to be tried there too.
COSTLY, NEAR = (*SET_POLICIES, "auto"), 0.05


def recommend(
    dataset: options.PreparedFolder,
    rules: Annotated[list[str], typer.Argument(metavar="RULE...", help="Threshold rules, as in shared+one.")],
    scores: Annotated[list[Path], typer.Option(help="out_of_fold.parquet of a classifier. Repeatable.")],
    output: Annotated[Path, options.Output("recommended.json to write.")],
    study: Annotated[Any, options.FromStudy(lambda study, arguments: study)],
    model: options.ModelFolder = None,
    tuned: options.TunedFiles = None,
    seed: options.Seed = 0,
) -> None:
    """Choose a classifier and a rule by out-of-fold scores of training and validation documents, and save their model
    (parameters: classifiers, thresholds).

    Every rule is fitted on some of these documents and decides the others, so that a rule that fits many numbers has no
    advantage; the pair of the highest utility wins, the first of equals. sets and auto are tried only on scores on
    which another rule is near the best. The test split chooses nothing. The model is trained on all of them, with the
    rule fitted on all; label weights are uniform. Where a classifier is trained by epochs, their number is taken from
    the history.parquet beside its scores.

    Raises LabelPolicyError for scores that are not out of fold, and for thresholds that a model cannot have.
    """
    data = Prepared(dataset)
    names = [Thresholds.parse(name, NAMES)._replace(out_of_fold=True) for name in rules]
    if any(name.rule == "pcut" for name in names):
        raise LabelPolicyError("pcut decides all documents at once, expected rules that decide each: leave it out")
    tables = [Scores(path, data) for path in scores]
    for table in tables:
        if not table.out_of_fold:
            raise LabelPolicyError(f"{table.path}: held-out scores, expected those of `labelpolicy crossfit`")
    with Progress("recommend", None) as progress:
        candidates = _candidates(data, tables, names, study.thresholds, seed, progress)
    content, best = _compared(candidates, study.thresholds.utility)
    if model is not None:
        parameters = registry.load(best.classifier).parameters(study)
        for path in tuned or ():
            if Chosen.read(path).about.classifier == best.classifier.partition("+")[0]:
                parameters = with_tuned(parameters, path, best.classifier)
        history = best.path.with_name("history.parquet")
        keep(
            dataset, best.classifier, best.path, model, parameters, study.device, study.threads, study.thresholds,
            [str(best.thresholds)], history=history if history.exists() else None, seed=best.seed,
        )  # fmt: skip
    about = {"dataset": data.name, "seed": seed, "documents": len(best.y_true), "folds": FOLDS}
    write_json(output, {"about": about} | content)
    expected = ", ".join(f"{name} {content['expected'][name][0]:.4f}" for name in MEASURES)
    say(f"recommend: {best.classifier}, {best.thresholds} on {data.name}, of {len(candidates)}: expected {expected}")


def _candidates(
    data: Prepared,
    tables: Sequence[Scores],
    names: Sequence[Thresholds],
    parameters: Any,
    seed: int,
    progress: Progress,
) -> list[Candidate]:
    """Every rule on every file of scores, but a costly one only where another rule comes near the best."""
    how = parameters, seed, progress
    costly, cheap = ([each for each in names if (each.rule in COSTLY) == kind] for kind in (True, False))
    found = [_decided(data, table, cheap, *how) for table in tables]
    best = [max((utility(each, parameters.utility) for each in of), default=0.0) for of in found]
    near = [table for table, each in zip(tables, best, strict=True) if each >= max(best) - NEAR]
    return [each for of in found for each in of] + [
        each for table in near if costly for each in _decided(data, table, costly, *how)
    ]


def utility(candidate: Candidate, weights: Any) -> float:
    reached = evaluate(candidate.y_true, candidate.y_pred)
    return float(utility_of(**{name: reached[name] for name in MEASURES}, weights=weights))


class Candidate(NamedTuple):
    """A classifier's scores with a rule, and what it decides of documents that the rule was not fitted on."""

    path: Path
    classifier: str
    seed: int
    thresholds: Thresholds
    y_true: np.ndarray
    y_pred: np.ndarray
    groups: np.ndarray


def _decided(
    data: Prepared, table: Scores, names: Sequence[Thresholds], parameters: Any, seed: int, progress: Progress
) -> list[Candidate]:
    fitting, random = table.fitting(), generator(seed, "recommend")
    n = len(fitting.y_true)
    rows = np.sort(random.permutation(n)[:DOCUMENTS])
    y_score, y_true = fitting.y_score[rows], np.asarray(fitting.y_true[rows])
    named = np.arange(n) if fitting.groups is None else np.unique(list(fitting.groups), return_inverse=True)[1]
    unit = np.unique(named[rows], return_inverse=True)[1]
    fold, group = fold_of(y_true, FOLDS, random, unit.tolist()), random.permutation(unit.max() + 1)[unit] % GROUPS
    wanted = set(rows.tolist())
    every = (text for split in ("train", "valid") for text in data.texts(split).titled())
    texts = np.array([text for row, text in enumerate(every) if row in wanted], dtype=object)
    y_pred = [np.empty_like(y_true) for _ in names]
    for k in range(FOLDS):
        others, held_out = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        how: dict[str, Any] = {"train_count": fitting.train_count, "labels": data.labels, "groups": unit[others]}
        how["descriptions"] = data.descriptions
        for found, name in zip(y_pred, names, strict=True):
            decision = fit(
                name.rule, y_score[others], y_true[others], parameters=parameters, seed=seed,
                at_least_one=name.at_least_one or None, texts=texts[others], **how,
            )  # fmt: skip
            found[held_out] = decision.decide(y_score[held_out], texts[held_out].tolist())
        progress.step(table.trained.classifier)
    of = table.path, table.trained.classifier, table.trained.seed
    return [Candidate(*of, name, y_true, found, group) for name, found in zip(names, y_pred, strict=True)]


def _compared(candidates: list[Candidate], weights: Any) -> tuple[dict[str, Any], Candidate]:
    """The content of recommended.json without ``about``, and the best candidate."""
    reached = [evaluate(each.y_true, each.y_pred) for each in candidates]
    without = [without_each(each.y_true, each.y_pred, each.groups) for each in candidates]
    utilities, left_out = (
        [utility_of(**{name: each[name] for name in MEASURES}, weights=weights) for each in found]
        for found in (reached, without)
    )
    k = int(np.argmax(utilities))
    best, expected = candidates[k], with_intervals(reached[k], without[k], len(candidates))
    compared = [
        {
            "classifier": each.classifier,
            "thresholds": str(each.thresholds),
            "utility": float(utility),
            "difference": float(utility - utilities[k]),
            "standard_error": jackknife(out - left_out[k]),
        }
        for each, utility, out in zip(candidates, utilities, left_out, strict=True)
    ]
    found = {"classifier": best.classifier, "weights": "uniform", "thresholds": str(best.thresholds)}
    return found | {"expected": expected, "compared": compared}, best
