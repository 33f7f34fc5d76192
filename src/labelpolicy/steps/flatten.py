"""flatten: metrics.parquet, histories and traces -> flat JSON and CSV, for tools that compare those."""

import csv
import statistics
from pathlib import Path
from typing import Annotated

import typer

from labelpolicy.cell import Trained
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_parquet, whole_folder, write_json
from labelpolicy.options import Output
from labelpolicy.report.results import TITLES, Results

CURVE = ("epoch", "loss", "valid_accuracy", "valid_macro_f1", "valid_micro_f1")


def flatten(
    metrics: Annotated[Path, typer.Argument(help="metrics.parquet of `labelpolicy collect`.")],
    output: Annotated[Path, Output("Folder to write into.", folder=True)],
    history: Annotated[list[Path] | None, typer.Option(help="history.parquet of a training. Repeatable.")] = None,
    trace: Annotated[list[Path] | None, typer.Option(help="trace.parquet of a learned policy. Repeatable.")] = None,
) -> None:
    """Write metrics and curves as flat JSON and CSV, for tools that show and compare them.

    metrics.json         {"dataset/classifier/weights/thresholds/split/measure": mean over seeds}
    measures.csv         a line per row of the sheet: the same means on the test documents
    learning_curves.csv  a line per training and epoch: loss, and measures on the validation documents
    rewards.csv          a line per learned policy and episode: the mean reward of its steps

    A run, of a training or of learning a policy, is named by its folder: dataset/classifier/weights.

    Raises LabelPolicyError for a missing or broken file, and for a table without a value of these measures.
    """
    values = Results(metrics).values.items()
    means = {"/".join(key): statistics.fmean(by_seed.values()) for key, by_seed in values if key[-1] in TITLES}
    if not means:
        raise LabelPolicyError(f"{metrics}: no value of {', '.join(TITLES)}: run `labelpolicy collect` again")
    names = sorted({name.rpartition("/test/")[0] for name in means if "/test/" in name})
    measures = [(name, *(means.get(f"{name}/test/{measure}") for measure in TITLES)) for name in names]
    curves = [
        (_name(path), *row.values()) for path in history or [] for row in read_parquet(path, [*CURVE]).to_pylist()
    ]
    rewards = [(_name(path), *row) for path in trace or [] for row in _by_episode(path)]
    with whole_folder(output) as folder:
        write_json(folder / "metrics.json", dict(sorted(means.items())))
        for name, header, rows in (
            ("measures", ("row", *TITLES), measures),
            ("learning_curves", ("run", *CURVE), curves),
            ("rewards", ("run", "episode", "reward"), rewards),
        ):
            with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows([header, *rows])


def _by_episode(path: Path) -> list[tuple[int, float]]:
    rewards: dict[int, list[float]] = {}
    for row in read_parquet(path, ["episode", "reward"]).to_pylist():
        rewards.setdefault(row["episode"], []).append(row["reward"])
    return [(episode, statistics.fmean(rewards[episode])) for episode in sorted(rewards)]


def _name(path: Path) -> str:
    trained = Trained.of_path(path)
    return f"{trained.dataset}/{trained.classifier}/{trained.weights}"
