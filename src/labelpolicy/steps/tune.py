"""tune: a classifier's parameters, chosen by cross-validation among the training documents -> tuned.json."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from labelpolicy import options
from labelpolicy.classifiers import registry
from labelpolicy.classifiers.registry import Run
from labelpolicy.classifiers.tuning import About, Chosen, in_words
from labelpolicy.data.folds import TrainedOn, taken
from labelpolicy.data.prepared import Prepared
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_json
from labelpolicy.progress import Progress, say
from labelpolicy.randomness import generator
from labelpolicy.steps.crossfit import folds_of
from labelpolicy.thresholds import ThresholdParameters, fit

#: What values are compared on at most, whichever is less, but for FEWEST documents where they are long; the epochs that
#: then tell them apart; and how far below the best, on one fold, a value is given up, beyond the tolerance.
DOCUMENTS, TOKENS, FEWEST, EPOCHS, HOPELESS = 6_000, 300_000, 1_000, 10, 0.015


def tune(
    dataset: options.PreparedFolder,
    classifier: options.ClassifierName,
    output: Annotated[Path, options.Output("tuned.json to write.")],
    parameters: options.ClassifierParameters,
    rules: options.ThresholdRules,
    folds: Annotated[int, options.FromStudy(lambda study, arguments: study.crossfit.folds)],
    by: Annotated[str, options.FromStudy(lambda study, arguments: study.crossfit.by)],
    device: options.Device,
    threads: options.Threads,
    seed: options.Seed = 0,
    features: options.FeaturesFolder = None,
) -> None:
    """Choose a classifier's parameters by cross-validation among the training documents (parameters: classifiers,
    crossfit, thresholds).

    Its ``search`` lists values of some parameters. One parameter after the other, each value is tried with the best
    values so far of the others: the classifier is trained on the other folds and scores each, and the value is worth
    the mean utility that the rule `shared` reaches there, with `+one` where every training document has a label. A
    value far behind on a fold gets no other. Of those within the ``tolerance`` of the best the first is taken. N-grams
    are not tried of mentions. Of transformer it is the section of mode frozen that is searched, with head linear_svc.

    Neither test nor validation documents are read. Raises LabelPolicyError for a classifier that has nothing to search,
    and for a value that cannot be.
    """
    search, section = getattr(parameters, "search", None), _section(parameters)
    place = f"classifiers.{classifier}{'' if section is parameters else '.frozen'}.search"
    if not search:
        which = "of a plain one" if section is parameters else "with mode frozen and head linear_svc"
        raise LabelPolicyError(f"{classifier}: nothing to tune: give {place}, {which}")
    epochs = min(EPOCHS, getattr(parameters, "epochs", EPOCHS))
    trials = Trials(Prepared(dataset, features), classifier, folds, by, rules, Run(seed, device, threads, epochs))
    best, chosen = parameters, {}
    with Progress(f"tune {classifier}", None) as progress:
        for name, values in search.items():
            if not values or name == "search":
                raise LabelPolicyError(f"{place}.{name}: no values of a parameter: list some")
            tried = [best.having({name: value}, place) for value in values]
            best = trials.best([each for each in tried if trials.bears(each)] or [best], progress)
            chosen[name] = _values(best)[name]
    about = About(
        dataset=trials.data.name, classifier=classifier, seed=seed, documents=len(trials.documents), folds=folds
    )
    found = [
        {"parameters": {name: _values(each)[name] for name in search}, "utility": by_fold}
        for each, by_fold in trials.found()
    ]
    write_json(output, Chosen(about=about, parameters=chosen, trials=found).model_dump())
    best_utility = statistics.fmean(trials.utilities[_key(best)])
    say(f"tune: {classifier} on {trials.data.name}: {in_words(chosen)}; utility {best_utility:.4f} in {folds} folds")


class Trials:
    """What has been tried on folds of the training documents, and the utilities found there, fold by fold."""

    def __init__(self, data: Prepared, classifier: str, folds: int, by: str, rules: ThresholdParameters, run: Run):
        self.data, self.classifier, self.rules, self.run = data, classifier, rules, run
        train, random = data.split("train"), generator(run.seed, "tune")
        rows = random.permutation(len(train))[:DOCUMENTS]
        rows = np.sort(rows[: max(FEWEST, np.searchsorted(train.tokens.lengths[rows].cumsum(), TOKENS))])
        self.documents = train if len(rows) == len(train) else taken(train, rows)
        fold = folds_of(self.documents, folds, by, random)
        self.parts = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(folds)]
        self.at_least_one = bool(self.documents.y_true.any(axis=1).all())
        self.tried: dict[str, Any] = {}
        self.utilities: dict[str, list[float]] = {}

    def bears(self, parameters: Any) -> bool:
        """Whether they are for such documents: n-grams are not for mentions."""
        section = _section(parameters)
        return self.documents.mentions is None or "features" not in section.search or section.features.is_plain

    def best(self, candidates: list[Any], progress: Progress) -> Any:
        """The first candidate whose mean utility is within the tolerance of the highest."""
        left = {_key(each): each for each in candidates}
        self.tried |= left
        for k in range(len(self.parts)):
            for key, candidate in left.items():
                reached = self.utilities.setdefault(key, [])
                if len(reached) == k:
                    reached.append(self._utility(candidate, k))
                    progress.step(f"utility {reached[-1]:.4f}")
            top = max(self.utilities[key][k] for key in left)
            left = {
                key: each for key, each in left.items() if self.utilities[key][k] >= top - each.tolerance - HOPELESS
            }
        mean = {key: statistics.fmean(self.utilities[key]) for key in left}
        return next(each for key, each in left.items() if mean[key] >= max(mean.values()) - each.tolerance)

    def found(self) -> Iterator[tuple[Any, list[float]]]:
        return ((self.tried[key], by_fold) for key, by_fold in self.utilities.items())

    def _utility(self, parameters: Any, k: int) -> float:
        others, held_out = (taken(self.documents, rows) for rows in self.parts[k])
        data = TrainedOn(self.data, others)
        model = registry.load(self.classifier).build(data, parameters, self.run.seed)
        model.fit(data, np.full(len(data.labels), 1 / len(data.labels)), self.run)
        # A label that no document of the other folds has was never trained.
        y_score = np.where(data.train_count > 0, model.predict_proba(held_out), np.float32(0))
        how: dict[str, Any] = {"train_count": data.train_count, "parameters": self.rules}
        decision = fit("shared", y_score, held_out.y_true, at_least_one=self.at_least_one, **how)
        return float(decision.chosen.get("utility", 0.0))


def _key(parameters: Any) -> str:
    return json.dumps(_values(parameters), sort_keys=True)


def _values(parameters: Any) -> dict[str, Any]:
    found: dict[str, Any] = _section(parameters).model_dump(mode="json")
    return found


def _section(parameters: Any) -> Any:
    """What has the values that are searched: of a pretrained model's parameters those of mode frozen."""
    return getattr(parameters, "frozen", parameters)
