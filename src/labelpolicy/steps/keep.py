"""keep: the classifier of kept scores, trained once more, with its thresholds -> a folder that labels new documents."""

from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer

from labelpolicy import __version__, metrics, options
from labelpolicy.cell import Thresholds as Name
from labelpolicy.cell import Trained
from labelpolicy.classifiers import registry
from labelpolicy.classifiers.registry import Classifier, Run
from labelpolicy.data.folds import TrainedOn, joined
from labelpolicy.data.prepared import Prepared
from labelpolicy.data.scores import Fitting, Scores
from labelpolicy.errors import LabelPolicyError
from labelpolicy.hierarchy import ancestor_closure
from labelpolicy.model import Model, Thresholds, form_of, read_thresholds, refuse_shares, restored
from labelpolicy.progress import in_words, say
from labelpolicy.steps.crossfit import best_epoch
from labelpolicy.steps.train import fitted, weights_of
from labelpolicy.thresholds import NAMES, NEVER, PerLabel, ThresholdParameters, fit

SHOWN = {"accuracy": "accuracy", "macro_f1": "macro-F1", "micro_f1": "micro-F1", "labels_per_document": "labels each"}
USUAL = "auto"  # thresholds where none are asked for
CLOSE = 1e-3  # test scores of the same training on another machine
GROUPS = 1000  # of documents, for their standard errors: one by one, many would take much memory


class Scored(NamedTuple):
    """What thresholds are fitted on, and the test scores they are measured on, by one trained classifier."""

    trained: Trained
    fitting: Fitting
    test_score: np.ndarray
    out_of_fold: bool


def keep(
    dataset: options.PreparedFolder,
    classifier: options.ClassifierName,
    scores: Annotated[Path, typer.Option(help="Its score file, of `labelpolicy train` or `labelpolicy crossfit`.")],
    model: Annotated[Path, options.Output("Folder for the model.", folder=True)],
    parameters: options.ClassifierParameters,
    device: options.Device,
    threads: options.Threads,
    rules: options.ThresholdRules = None,
    thresholds: options.ModelThresholds = None,
    policy: options.PolicyFile = None,
    history: Annotated[Path | None, typer.Option(help="history.parquet, where the scores are out of fold.")] = None,
    fitted_file: Annotated[
        Path | None, typer.Option(help="What `train` or `crossfit` wrote as --fitted-file: nothing is trained.")
    ] = None,
    features: options.FeaturesFolder = None,
    seed: options.Seed = 0,
) -> None:
    """Train the classifier of kept scores once more, the same to the last bit, and save it with thresholds.

    Of out-of-fold scores that is the classifier of all training and validation documents, which scored the test ones.
    Raises LabelPolicyError where its test scores are not those of the file.
    """
    data = Prepared(dataset, features)
    weights, trained = weights_of(policy, data, classifier, seed)
    table = Scores(scores, data)
    if table.trained != trained:
        raise LabelPolicyError(
            f"{scores}: scores of {table.trained.folder('')}, expected those of {trained.folder('')}"
        )
    asked(model, thresholds, data.labels, table.out_of_fold)
    found = Scored(trained, table.fitting(), table.split("test")[0], table.out_of_fold)
    entry, run = registry.load(classifier, parameters), Run(seed, device, threads, title=f"train {classifier}")
    if fitted_file is not None:
        made = restored(entry, parameters, fitted_file)
    elif table.out_of_fold:
        if entry.uses_torch:
            if history is None:
                raise LabelPolicyError("--history: out-of-fold scores need the history.parquet of the same classifier")
            run = replace(run, epochs=best_epoch(history))
        every = joined(data.split("train"), data.split("valid"))
        made = fitted(classifier, TrainedOn(data, every), parameters, weights, run)[0]
    else:
        made = fitted(classifier, data, parameters, weights, run)[0]
    off = float(np.abs(made.predict_proba(data.split("test")) - found.test_score).max())
    if off > CLOSE:
        raise LabelPolicyError(
            f"{scores}: test scores are off by {off:.2g}: give the parameters, seed and threads that they are of"
        )
    if off:
        say(f"warning: {scores}: test scores are off by {off:.2g}: they are of another machine or version")
    save(model, data, parameters, made, found, thresholds, rules, seed)


def asked(
    model: Path | None, given: Sequence[str] | None, labels: Sequence[str], out_of_fold: bool
) -> dict[str, Name | Thresholds]:
    """What a model is to have, by name: rules, which are still to be fitted, and the thresholds of files.

    Raises LabelPolicyError for what is neither, and for what no model can have: looked at before anything is trained.
    """
    if given and model is None:
        raise LabelPolicyError(f"--thresholds {given[0]}: goes with --model: leave it out, or see `labelpolicy decide`")
    found: dict[str, Name | Thresholds] = {}
    for each in given or []:
        if Path(each).suffix == ".json":
            found |= read_thresholds(Path(each), labels)
            continue
        name = Name.parse(each, NAMES, "--thresholds: ")
        if name.out_of_fold and not out_of_fold:
            raise LabelPolicyError(f"--thresholds {each}: these are held-out scores, expected a name without +oof")
        found[str(name._replace(out_of_fold=out_of_fold))] = name
    refuse_shares([name for name, each in found.items() if isinstance(each, Name) and each.rule == "pcut"])
    return found


def save(
    folder: Path,
    data: Prepared,
    parameters: Any,
    classifier: Classifier,
    scored: tuple,
    thresholds: Sequence[str] | None,
    rules: ThresholdParameters | None,
    seed: int,
) -> None:
    """Write the folder of a fitted classifier with its thresholds and its card, and say what it measures.

    ``scored`` has the parts of :class:`Scored`. Raises LabelPolicyError as :func:`asked`.
    """
    found, rules = Scored(*scored), rules or ThresholdParameters()
    fitting = found.fitting
    splits = ("train", "valid") if found.out_of_fold else ("valid",)
    chosen: dict[str, Thresholds] = {}
    for name, each in asked(folder, thresholds or [USUAL], data.labels, found.out_of_fold).items():
        if isinstance(each, Name):
            how: dict[str, Any] = {"parameters": rules, "seed": seed, "at_least_one": each.at_least_one or None}
            how |= {"train_count": fitting.train_count, "labels": data.labels, "groups": fitting.groups}
            how["descriptions"] = data.descriptions
            texts = chain.from_iterable(data.texts(split).titled() for split in splits)
            decision = fit(each.rule, fitting.y_score, fitting.y_true, texts=texts, **how)
            each = Thresholds(decision, rules.ancestor_closure and any(data.parents))
        chosen[name] = each
    y_true = data.split("test").y_true
    made = Model(
        found.trained.classifier, parameters, classifier, data.labels, data.parents, data.vocabulary, form_of(data),
        chosen, found.trained.about, data.tokenizer,
    )  # fmt: skip
    groups = data.split("test").groups or (np.arange(len(y_true)) % GROUPS).tolist()
    measures, told = {}, []
    closed = ancestor_closure(y_true, data.labels, data.parents) if any(data.parents) else y_true
    for name, each in chosen.items():
        y_true = closed if each.ancestor_closure else data.split("test").y_true
        y_pred = made.decide(found.test_score, name, data.texts("test").titled())
        value = metrics.evaluate(y_true, y_pred)
        error = metrics.standard_errors(y_true, y_pred, groups) if len(set(groups)) > 1 else {}
        measures[name] = [(value[measure], error.get(measure)) for measure in SHOWN]
        told.append(f"{name}: on {len(y_true)} test documents {in_words(value)}")
    made.save(folder, _card(made, data, found, measures))
    for line in told:
        say(f"model with {line}")


def _card(made: Model, data: Prepared, found: Scored, measures: dict) -> str:
    import jinja2

    text = files("labelpolicy").joinpath("model_card.md.jinja").read_text(encoding="utf-8")
    default, sets = made.named(None).decision, {name: each.decision for name, each in made.thresholds.items()}
    chosen = {name: each.chosen["auto"]["rule"] for name, each in sets.items() if "auto" in getattr(each, "chosen", {})}
    count, valid = found.fitting.train_count, found.fitting.valid
    never = np.zeros(len(count), dtype=bool)
    if isinstance(default, PerLabel):
        never = default.thresholds == NEVER
    return jinja2.Environment(keep_trailing_newline=True).from_string(text).render(
        classifier=made.name, data=data.facts, labels=len(made.labels), version=__version__,
        documents=made.documents, thresholds=list(sets), chosen=chosen, weights=found.trained.weights,
        trained_on=len(found.fitting.y_true) if found.out_of_fold else len(data.split("train")),
        out_of_fold=found.out_of_fold, fitted_on=len(found.fitting.y_true) if found.out_of_fold else valid,
        tested_on=len(data.split("test")), units="documents" if data.split("test").groups is None else "groups of them",
        titles=list(SHOWN.values()), measures=measures, never=made.names(never),
        rare=int(np.count_nonzero(count < 10)),
    )  # fmt: skip
