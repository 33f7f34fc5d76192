"""collect: metrics of many cells in one tidy table, or one line that says what is wrong."""

from __future__ import annotations

import csv
import json

import pyarrow.parquet as pq
import pytest

from labelpolicy.cell import Cell
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_json
from labelpolicy.metrics import NAMES
from labelpolicy.report.results import COLUMNS
from labelpolicy.steps import collect

CELLS = [
    "reuters21578/linear/uniform/seed10/fixed",
    "reuters21578/linear/uniform/seed2/fixed",
    "reuters21578/kim_cnn/meta/seed0/scut",
]


def content(start):
    """Every measure has a number of its own, with digits that only full precision keeps."""
    dataset, classifier, weights, seed, thresholds = CELLS[start].split("/")
    cell = Cell(dataset, classifier, weights, int(seed.removeprefix("seed")), thresholds=thresholds)
    numbers = {name: (start + index) / 3 for index, name in enumerate(NAMES)}
    return {"about": cell.about, "valid": numbers, "test": {name: number + 0.1 for name, number in numbers.items()}}


@pytest.fixture
def paths(tmp_path):
    found = [tmp_path / "results" / cell / "metrics.json" for cell in CELLS]
    for start, path in enumerate(found):
        write_json(path, content(start))
    return found


def run(folder, metrics):
    collect.collect(metrics=metrics, output=folder / "metrics.parquet", csv=folder / "metrics.csv")
    return pq.read_table(folder / "metrics.parquet")


def test_a_row_for_every_measure(tmp_path, paths):
    table = run(tmp_path, paths)
    expected = [
        (*cell, split, name, content(start)[split][name])
        for start, cell in (
            (0, ("reuters21578", "linear", "uniform", "fixed", 10)),
            (1, ("reuters21578", "linear", "uniform", "fixed", 2)),
            (2, ("reuters21578", "kim_cnn", "meta", "scut", 0)),
        )
        for split in ("valid", "test")
        for name in NAMES
    ]
    assert tuple(table.column_names) == COLUMNS
    assert [str(field.type) for field in table.schema] == ["string"] * 4 + ["int64", "string", "string", "double"]
    rows = [tuple(row.values()) for row in table.to_pylist()]
    assert rows == sorted(expected)  # seed 2 before seed 10


def test_the_csv_holds_the_same_rows_in_full_precision(tmp_path, paths):
    rows = run(tmp_path, paths).to_pylist()
    with (tmp_path / "metrics.csv").open(newline="") as file:
        read = [row | {"seed": int(row["seed"]), "value": float(row["value"])} for row in csv.DictReader(file)]
    assert read == rows
    assert "\r" not in (tmp_path / "metrics.csv").read_bytes().decode()


def test_the_order_of_the_files_does_not_matter(tmp_path, paths):
    run(tmp_path / "a", paths)
    run(tmp_path / "b", paths[::-1])
    for name in ("metrics.parquet", "metrics.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def refuses(tmp_path, paths, words):
    with pytest.raises(LabelPolicyError, match=words) as error:
        run(tmp_path / "out", paths)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def without(split, name=None):
    def change(values):
        del (values[split] if name else values)[name or split]

    return change


def value(number):
    return lambda values: values["valid"].update(macro_f1=number)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without("test"), "test accuracy is None, expected a number"),
        (without("test", "hamming_loss"), "test hamming_loss is None"),
        (value("0.5"), "valid macro_f1 is '0.5', expected a number"),
        (value(None), "valid macro_f1 is None"),
        (value(True), "valid macro_f1 is True"),
        (value(float("nan")), r"not valid JSON \(NaN"),
    ],
)
def test_a_partial_file_is_a_one_line_error(tmp_path, paths, change, words):
    values = content(1)
    change(values)
    paths[1].write_text(json.dumps(values))
    refuses(tmp_path, paths, rf"seed2/fixed/metrics\.json: {words}.* again")


def test_missing_files_and_wrong_paths(tmp_path, paths):
    refuses(tmp_path, [], "no metrics.json given")
    refuses(tmp_path, [*paths, tmp_path / "a/b/c/seed0/d/metrics.json"], r"d/metrics\.json: no such file")
    refuses(tmp_path, [*paths, paths[0]], "the same cell as")
    paths[2].write_text("[]")
    refuses(tmp_path, paths, "valid accuracy is None")
    paths[2].write_text("{")
    refuses(tmp_path, paths, "not valid JSON")
    write_json(paths[2], content(2) | {"about": {"dataset": "reuters21578", "classifier": 3}})
    refuses(tmp_path, paths, r"scut/metrics\.json: does not say its classifier")


def test_a_file_says_its_cell_wherever_it_lies(tmp_path, paths):
    expected = run(tmp_path, paths).to_pylist()
    moved = [path.rename(tmp_path / f"{number}.json") for number, path in enumerate(paths)]
    assert run(tmp_path, moved).to_pylist() == expected
