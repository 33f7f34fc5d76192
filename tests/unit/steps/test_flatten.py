"""flatten: what DVC compares and draws, as flat files."""

from __future__ import annotations

import csv
import json

import pyarrow as pa
import pytest

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_parquet
from labelpolicy.steps import flatten
from labelpolicy.steps.collect import SCHEMA


def metrics(folder, rows):
    columns = zip(*rows, strict=True)
    write_parquet(folder / "metrics.parquet", pa.table(list(map(list, columns)), schema=SCHEMA))
    return folder / "metrics.parquet"


@pytest.fixture
def table(tmp_path):
    cell = ("reuters21578", "linear", "meta", "fixed")
    return metrics(
        tmp_path,
        [
            (*cell, 0, "test", "micro_f1", 0.5),
            (*cell, 1, "test", "micro_f1", 0.75),
            (*cell, 0, "valid", "micro_f1", 0.25),
            (*cell, 0, "test", "hamming_loss", 0.125),
        ],
    )


def lines(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_metrics_are_named_by_cell_split_and_measure_and_are_means_over_seeds(table, tmp_path):
    flatten.flatten(metrics=table, output=tmp_path / "flat")
    found = json.loads((tmp_path / "flat/metrics.json").read_text())
    name = "reuters21578/linear/meta/fixed"
    assert found == {f"{name}/test/micro_f1": 0.625, f"{name}/valid/micro_f1": 0.25}
    header, *rows = lines(tmp_path / "flat/measures.csv")
    assert [dict(zip(header, row, strict=True)) for row in rows] == [
        {"row": name, "accuracy": "", "macro_f1": "", "micro_f1": "0.625", "loose_macro_f1": "", "loose_micro_f1": ""}
    ]


def test_curves_have_a_line_per_epoch_and_rewards_one_per_episode(table, tmp_path):
    run = tmp_path / "reuters21578/linear/meta/seed0"
    columns = ("loss", "valid_accuracy", "valid_macro_f1", "valid_micro_f1")
    write_parquet(run / "history.parquet", pa.table({"epoch": [1, 2], **{name: [0.5, 0.25] for name in columns}}))
    write_parquet(
        run / "trace.parquet",
        pa.table({"episode": [0, 0, 1], "step": [0, 1, 0], "reward": [1.0, 2.0, 4.0], "p_q50": [0.5, 0.5, 0.5]}),
    )
    output = tmp_path / "flat"
    flatten.flatten(metrics=table, history=[run / "history.parquet"], trace=[run / "trace.parquet"], output=output)
    name = "reuters21578/linear/meta"
    assert lines(output / "learning_curves.csv") == [
        ["run", "epoch", *columns],
        [name, "1", *["0.5"] * 4],
        [name, "2", *["0.25"] * 4],
    ]
    assert lines(output / "rewards.csv") == [["run", "episode", "reward"], [name, "0", "1.5"], [name, "1", "4.0"]]


def test_a_table_without_the_measures_is_an_error_and_nothing_is_written(tmp_path):
    table = metrics(tmp_path, [("reuters21578", "linear", "meta", "fixed", 0, "test", "hamming_loss", 0.5)])
    with pytest.raises(LabelPolicyError, match="no value of accuracy"):
        flatten.flatten(metrics=table, output=tmp_path / "flat")
    assert not (tmp_path / "flat").exists()
