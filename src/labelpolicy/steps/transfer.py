"""transfer: metrics.json and policy.json of meta-learners where they were learned and elsewhere -> one table."""

from __future__ import annotations

import re
from pathlib import Path

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_json, write_text
from labelpolicy.report import transfer as report
from labelpolicy.report.results import Value
from labelpolicy.steps.collect import cell_of, read_measures

TRANSFERRED = "transfer/{learned on}/{dataset}/{classifier}/seed{seed}/{thresholds}/metrics.json"

Place = tuple[str, str, str, str, int]  # learned on, data set, classifier, thresholds, seed


def run(*, metrics: list[Path], output: Path, markdown: Path) -> None:
    """Lay out the test measures of exactly the given files, in the order of their data sets.

    A path of the form TRANSFERRED is a meta-learner applied to another data set; its thresholds are the learned ones.
    Other paths are cells as `labelpolicy collect` knows them: of the same thresholds, what a data set's own
    meta-learner decided; of others, thresholds fitted without one. How much of what was learned is kept stands in the
    policy.json that decided, read from the same folders.

    Raises LabelPolicyError, before anything is written, for no transferred file, a missing or partial one, a policy
    that was not learned on scores, files of several classifiers or learned thresholds, one given twice, or a row
    without a data set or seed that others have.
    """
    places = {}
    for path in map(Path, metrics):
        place = _place(path)
        if place in places:
            raise LabelPolicyError(f"{path}: the same place of the table as {places[place]}: give it once")
        places[place] = path
    learned = {place[3] for place in places if place[0] != place[1]}
    classifiers = {place[2] for place in places}
    if len(learned) != 1 or len(classifiers) != 1:
        raise LabelPolicyError(
            f"transfer: found the learned thresholds {', '.join(sorted(learned)) or '(none)'} and the classifiers "
            f"{', '.join(sorted(classifiers))}, expected one of each: give the files {TRANSFERRED} of one policy"
        )
    (thresholds,), (classifier,) = learned, classifiers
    # The row of a meta-learner is the data set that it was learned on, that of other thresholds their name.
    by_seed: dict[tuple[str, str], dict[int, dict[str, float]]] = {}
    kept: dict[tuple[str, str], dict[int, float]] = {}
    for place, path in places.items():
        row = place[0] if place[3] == thresholds else place[3]
        measures = {measure: value for split, measure, value in read_measures(path) if split == "test"}
        by_seed.setdefault((row, place[1]), {})[place[4]] = measures
        if place[3] == thresholds:
            kept.setdefault((row, place[1]), {})[place[4]] = _kept(path, at_home=place[0] == place[1])
    sources = {place[0] for place in places if place[3] == thresholds}
    datasets = list(dict.fromkeys(dataset for _, dataset in by_seed))
    rows = list(dict.fromkeys(row for row, _ in by_seed))
    rows.sort(key=lambda row: (row not in sources, datasets.index(row) if row in datasets else 0))
    seeds = sorted({seed for found in by_seed.values() for seed in found})
    for row in rows:
        for dataset in datasets:
            missing = sorted(set(seeds) - set(by_seed.get((row, dataset), {})))
            if missing:
                raise LabelPolicyError(
                    f"transfer: no metrics.json of row {row!r} on {dataset}, seed {missing[0]}: give all of the table"
                )
    values = {
        (row, dataset): {
            measure: Value(tuple(by_seed[row, dataset][seed][measure] for seed in seeds)) for measure in report.TITLES
        }
        for row in rows
        for dataset in datasets
    }
    table = report.transfer_table(
        {place: value for place, value in values.items() if place[0] in sources},
        {place: value for place, value in values.items() if place[0] not in sources},
        {place: Value(tuple(found[seed] for seed in seeds)) for place, found in kept.items()},
        classifier=classifier,
        thresholds=thresholds,
        seeds=seeds,
    )
    write_text(output, report.transfer_latex(table))
    write_text(markdown, report.transfer_markdown(table))


def _kept(metrics: Path, at_home: bool) -> float:
    """The share of the learned distance that the policy kept which decided these metrics (policy/frozen.py)."""
    cell, thresholds = metrics.parent.parent, metrics.parent.name
    policy = (cell / "learned" / thresholds if at_home else cell) / "policy.json"
    about = read_json(policy).get("about") or {}
    if "kept" not in about:
        raise LabelPolicyError(f"{policy}: no share 'kept' in 'about': expected a policy rolled out on scores")
    return float(about["kept"])


def _place(path: Path) -> Place:
    parts = path.parts[-7:]
    if len(parts) < 7 or parts[0] != "transfer":
        dataset, classifier, _, thresholds, seed = cell_of(path)
        return dataset, dataset, classifier, thresholds, seed
    _, source, dataset, classifier, folder, thresholds, name = parts
    seed = re.fullmatch(r"seed(\d+)", folder)
    if seed is None or name != "metrics.json" or source == dataset:
        raise LabelPolicyError(f"{path}: not the path of a transferred meta-learner, expected .../{TRANSFERRED}")
    return source, dataset, classifier, thresholds, int(seed[1])
