"""flatten: metrics.parquet, histories and traces -> flat JSON and CSV, for tools that compare those."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_parquet, whole_folder, write_json
from labelpolicy.report.results import COLUMNS, LOOSE_MEASURES, MEASURES

SHOWN = tuple({**MEASURES, **LOOSE_MEASURES})  # accuracy, then macro-F1 and micro-F1 over labels, then the loose ones
CURVE = ("epoch", "loss", "valid_accuracy", "valid_macro_f1", "valid_micro_f1")


def run(*, metrics: Path, histories: Sequence[Path], traces: Sequence[Path], output: Path) -> None:
    """Write into the folder ``output``:

    metrics.json         {"dataset/classifier/weights/thresholds/split/measure": mean over seeds}
    measures.csv         a line per row of the sheet: the same means on the test documents
    learning_curves.csv  a line per training and epoch: loss, and measures on the validation documents
    rewards.csv          a line per learned policy and episode: the mean reward of its steps

    A run, of a training or of learning a policy, is named by its folder: dataset/classifier/weights.

    Raises LabelPolicyError for a missing or broken file, and for a table without a value of these measures.
    """
    means = _means(metrics)
    names = sorted({name.rpartition("/test/")[0] for name in means if "/test/" in name})
    curves = [(_name(path), *row.values()) for path in histories for row in read_parquet(path, [*CURVE]).to_pylist()]
    rewards = [(_name(path), *row) for path in traces for row in _by_episode(path)]
    with whole_folder(output) as folder:
        write_json(folder / "metrics.json", means)
        rows = [(name, *(means.get(f"{name}/test/{measure}") for measure in SHOWN)) for name in names]
        _write(folder / "measures.csv", ("row", *SHOWN), rows)
        _write(folder / "learning_curves.csv", ("run", *CURVE), curves)
        _write(folder / "rewards.csv", ("run", "episode", "reward"), rewards)


def _means(path: Path) -> dict[str, float]:
    table = read_parquet(path, [*COLUMNS]).to_pandas()
    table = table[table["metric"].isin(SHOWN)]
    if table.empty:
        raise LabelPolicyError(f"{path}: no value of {', '.join(SHOWN)}: run `labelpolicy collect` again")
    means = table.groupby([name for name in COLUMNS if name not in ("seed", "value")])["value"].mean()
    return {"/".join(key): float(value) for key, value in means.items()}


def _by_episode(path: Path) -> Iterable[tuple[int, float]]:
    rewards = read_parquet(path, ["episode", "reward"]).to_pandas().groupby("episode")["reward"].mean()
    return ((int(episode), float(reward)) for episode, reward in rewards.items())


def _name(path: Path) -> str:
    """dataset/classifier/weights of .../{dataset}/{classifier}/{weights}/seed{seed}/{file}."""
    return "/".join(Path(path).parts[-5:-2])


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
