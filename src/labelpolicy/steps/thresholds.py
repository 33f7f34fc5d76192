"""Thresholds for scores of any tool: fit them on scores and truth, apply them to new scores."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from labelpolicy.data import documents
from labelpolicy.data.foreign import Matrix, read_matrix, read_truth, values_of, write_matrix
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_json, write_json
from labelpolicy.options import Output, Seed
from labelpolicy.progress import say
from labelpolicy.threshold_policy import ThresholdPolicy
from labelpolicy.thresholds.json_form import named_set
from labelpolicy.thresholds.objectives import MEASURES

ScoresFile = Annotated[Path, typer.Argument(help="Scores: .csv, .tsv, .parquet, .npz or .jsonl, a column a label.")]
TruthFile = Annotated[Path, typer.Argument(help="The truth of the same documents, in 0 and 1, or names in .jsonl.")]
TextsFile = Annotated[
    Path | None,
    typer.Option("--texts", help="Texts of the same documents, in a form of `predict`: for sets, by names of labels."),
]
SetName = Annotated[str | None, typer.Option("--name", help="Name of this set among several in the file.")]


def fit(
    scores: ScoresFile,
    truth: TruthFile,
    output: Annotated[Path, Output("thresholds.json to write; with --name a set is added to it.")],
    rule: Annotated[str, typer.Option(help="auto, or a rule of docs/thresholds.md.")] = "auto",
    at_least_one: Annotated[
        bool | None, typer.Option("--at-least-one/--not-at-least-one", help="Not given: auto chooses.")
    ] = None,
    at_least: Annotated[int | None, typer.Option(min=1, help="Labels of a document at least.")] = None,
    at_most: Annotated[int | None, typer.Option(min=1, help="Labels of a document at most.")] = None,
    objective: Annotated[
        str | None, typer.Option(help="fbeta=2, recall_at_precision=0.9, precision_at_recall=0.8, cost=5:1, ...")
    ] = None,
    score_type: Annotated[str, typer.Option(help="probability or decision_function.")] = "probability",
    missing: Annotated[float | None, typer.Option(help="Value of cells nobody annotated, as nan or -1.")] = None,
    resamples: Annotated[int, typer.Option(min=0, help="Resamples for the spread of each threshold.")] = 0,
    plain: Annotated[
        bool, typer.Option("--plain", help='Write {"label": 0.37} alone, as model hubs have it; auto keeps to that.')
    ] = False,
    texts: TextsFile = None,
    name: SetName = None,
    seed: Seed = 0,
) -> None:
    """Fit thresholds on scores and truth of documents that the classifier was not trained on."""
    if plain and (name is not None or resamples):
        raise LabelPolicyError("--plain: the plain form has no place for --name and --resamples: leave them out")
    if plain and texts is not None:
        raise LabelPolicyError(
            "--plain: the plain form has no place for label sets, which --texts is for: leave one out"
        )
    if plain and at_least_one is None and at_least is None:
        at_least_one = False
    found = read_matrix(scores)
    y_true = read_truth(truth, found, scores, missing)
    how: dict[str, Any] = {"at_least_one": at_least_one, "at_least": at_least, "at_most": at_most, "missing": missing}
    how |= {"score_type": score_type, "objective": objective, "n_resamples": resamples, "random_state": seed}
    policy = ThresholdPolicy(rule, labels=found.labels, **how)
    with values_of(scores):
        policy.fit(found.values, y_true, texts=texts_of(found, scores, texts))
    content = policy.to_json(plain=plain)
    if policy.report_.get("thresholds"):
        rows = [{end: None if x == np.inf else x for end, x in row.items()} for row in policy.report_["thresholds"]]
        content["chosen"]["spread"] = dict(zip(found.labels, rows, strict=True))
    if name is not None:
        before = read_json(output) if output.exists() else {"sets": {}}
        if not isinstance(before.get("sets"), dict):
            raise LabelPolicyError(f"{output}: has one set without a name, expected a file of named sets: give another")
        content = before | {"sets": before["sets"] | {name: content}}
    write_json(output, content)
    say(_said(policy))


def apply(
    thresholds: Annotated[Path, typer.Argument(help='thresholds.json of `thresholds fit`, or {"label": 0.37}.')],
    scores: ScoresFile,
    output: Annotated[Path, Output("Predictions to write: .csv, .tsv, .parquet or .jsonl.")],
    texts: TextsFile = None,
    name: SetName = None,
) -> None:
    """Decide documents by thresholds: 0 and 1, in the order of the scores."""
    found = read_matrix(scores)
    y_pred = predicted(thresholds, found, scores, name, texts)
    write_matrix(output, Matrix(y_pred.astype(np.int8), found.labels, found.ids))
    given = y_pred.sum(axis=1)
    say(f"thresholds: {len(y_pred)} documents, {given.mean():.2f} labels each, {(given == 0).sum()} without one")


def predicted(thresholds: Path, scores: Matrix, of: Path, name: str | None, texts: Path | None = None) -> np.ndarray:
    """Decisions, bool, for scores that the file ``of`` has."""
    content = named_set(read_json(thresholds), name, str(thresholds))
    policy = ThresholdPolicy.of_json(content, scores.labels, str(thresholds))
    if policy.decision.needs_texts and texts is None:
        raise LabelPolicyError(f"{thresholds}: decides by the texts of the documents too: give them with --texts")
    with values_of(of):
        return policy.predict(scores.values, texts_of(scores, of, texts))


def texts_of(scores: Matrix, of: Path, path: Path | None) -> list[str] | None:
    """The texts of the documents of ``scores``, which the file ``of`` has: by id where both have ids, else in order."""
    if path is None:
        return None
    found: list[str] = []
    ids: list[str | None] = []
    for place, entry, _ in documents.read(path, documents.form_of_file(path, None)):
        if not isinstance(entry, dict) or not isinstance(text := entry.get("text"), str):
            raise LabelPolicyError(f"{place}: expected a document with a text")
        found.append(text)
        ids.append(entry.get("id"))
    named = [each for each in ids if isinstance(each, str)]
    by_id = scores.ids is not None and len(named) == len(found)
    rows = Matrix(np.arange(len(found))[:, None], [""], named if by_id else None)
    order = rows.aligned(scores._replace(labels=[""], ids=scores.ids if by_id else None), str(path), str(of))
    return [found[row] for row in order.values[:, 0]]


def _said(policy: ThresholdPolicy) -> str:
    report = policy.report_
    lines = [f"thresholds: {policy.rule} on {report['documents']} documents, {report['labels']} labels"]
    if "auto" in report:
        expected = [(measure, *report["auto"]["expected"][measure]) for measure in MEASURES]
        measures = [f"{name} {value:.3f} [{low:.3f}, {high:.3f}]" for name, value, low, high in expected]
        lines.append(f"chosen: {report['auto']['rule']}; expected {', '.join(measures)}")
    if never := report["never_predicted"]:
        lines.append(
            f"never predicted: {', '.join(never[:5])}{f' and {len(never) - 5} more' if len(never) > 5 else ''}"
        )
    return "\n".join(lines)


COMMANDS = {"fit": fit, "apply": apply}
