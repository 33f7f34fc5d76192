"""Reading the prepared form: mapped, not held; broken files in one line."""

import numpy as np
import pyarrow as pa
import pytest

from labelpolicy.data import prepared
from labelpolicy.data.prepared import Mapped, Prepared, Ragged, Strings
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_parquet

ROWS = [[2, 3, 4], [], [3], [2, 2]]
LABELS = [[0], [0, 1], [], [1]]


@pytest.fixture
def folder(tmp_path):
    write_parquet(
        tmp_path / "labels.parquet",
        pa.table({"label": ["a", "b"], "parent": pa.array([None, "a"]), "depth": [1, 2], "train_count": [2, 2]}),
    )
    return tmp_path


def write(folder, labels=LABELS, **columns):
    lists = pa.list_(pa.int32())
    given = {"id": list("wxyz"), "tokens": pa.array(ROWS, lists), "labels": pa.array(labels, lists), **columns}
    write_parquet(folder / "train.parquet", pa.table(given))
    return Prepared(folder)


@pytest.mark.parametrize("rows_read", [1, 3, 100])
def test_a_split_read_in_pieces(folder, monkeypatch, rows_read):
    monkeypatch.setattr(prepared, "ROWS_READ", rows_read)
    rows = [[2, 3, 4], [2, 3], [3, 3, 3], [2, 2]]
    given = {"tokens": pa.array(rows, pa.list_(pa.int32())), "start": [0, 0, 0, 1], "end": [1, 2, 3, 2]}
    split = write(folder, **given, group=list("gghh")).split("train")
    assert len(split) == 4 and split.ids == list("wxyz") and split.ids[1] == "x" and split.ids[1:3] == ["x", "y"]
    assert [split.tokens[row].tolist() for row in range(4)] == rows
    assert split.tokens.values.dtype == np.int32
    assert [np.flatnonzero(row).tolist() for row in split.y_true] == LABELS
    assert split.mentions.tolist() == [[0, 1], [0, 2], [0, 3], [1, 2]]
    assert split.groups == list("gghh")


def test_tokens_and_truth_are_mapped_files(folder):
    split = write(folder).split("train")
    for array in (split.tokens.values, split.y_true):
        assert isinstance(array.base, np.memmap)
    assert split.mentions is None and split.groups is None
    split.y_true[0, 1] = True  # stays in memory, as of any array
    assert split.y_true[0].all()
    assert not Prepared(folder).split("train").y_true[0].all()


def test_truth_without_tokens(folder):
    ids, truth = write(folder).truth("train")
    assert ids == list("wxyz") and truth.tolist() == [[True, False], [True, True], [False, False], [False, True]]


@pytest.mark.parametrize(
    ("column", "fault"),
    [
        ({"parent": ["b", "a"]}, "label '.' is its own ancestor"),
        ({"parent": ["a", None]}, "label 'a' is its own ancestor"),
        ({"parent": [None, "z"]}, "parent 'z' is not a label"),
        ({"depth": [1, None]}, "column 'depth' has a null"),
    ],
)
def test_a_broken_hierarchy_is_one_line(folder, column, fault):
    given = {"label": ["a", "b"], "parent": [None, "a"], "depth": [1, 2], "train_count": [2, 2], **column}
    write_parquet(folder / "labels.parquet", pa.table(given))
    with pytest.raises(LabelPolicyError, match=rf"labels\.parquet: {fault}.* again"):
        Prepared(folder)


@pytest.mark.parametrize("bad", [2, -1])
def test_a_label_outside_the_table(folder, bad):
    data = write(folder, labels=[[0], [bad], [], []])
    with pytest.raises(LabelPolicyError, match=r"train\.parquet: a label index outside 0\.\.1"):
        data.split("train")


def test_broken_files(folder):
    data = write(folder)
    with pytest.raises(LabelPolicyError, match=r"valid\.parquet: no such file"):
        data.split("valid")
    content = (folder / "train.parquet").read_bytes()
    (folder / "valid.parquet").write_bytes(content[: len(content) // 2])
    with pytest.raises(LabelPolicyError, match=r"valid\.parquet: not a readable Parquet file"):
        data.split("valid")
    write_parquet(folder / "test.parquet", pa.table({"id": ["a"]}))
    with pytest.raises(LabelPolicyError, match=r"test\.parquet: no column 'tokens'; found id"):
        data.split("test")
    empty = pa.table({"id": pa.array([], pa.string())} | {
        name: pa.array([], pa.list_(pa.int32())) for name in ("tokens", "labels")
    })  # fmt: skip
    write_parquet(folder / "test.parquet", empty)
    with pytest.raises(LabelPolicyError, match=r"test\.parquet: no documents"):
        data.split("test")


def test_pieces_of_nothing():
    assert Mapped(np.int32).array().tolist() == []
    assert Mapped(bool).array(3).shape == (0, 3)


def test_rows_taken():
    ragged = Ragged.from_rows(ROWS)
    taken = ragged.take(np.array([3, 1, 0]))
    assert [taken[row].tolist() for row in range(3)] == [[2, 2], [], [2, 3, 4]]


def test_strings_are_a_sequence():
    strings = Strings(pa.chunked_array([["a", "b"], ["c"]]))
    assert list(strings) == ["a", "b", "c"] == strings and len(strings) == 3 and strings[-1] == "c"
    assert strings != ["a"] and np.asarray(strings).tolist() == ["a", "b", "c"]
