"""A file is there whole or not at all."""

import os

import pyarrow as pa
import pytest

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_json, read_parquet, require, whole_file, whole_folder, write_json, write_parquet


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), whole_file(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_failed_folder_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), whole_folder(tmp_path / "out") as folder:
        (folder / "a.txt").write_text("half")
        raise ZeroDivisionError
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_moves_in_whole(tmp_path):
    with whole_folder(tmp_path / "out") as folder:
        (folder / "a.txt").write_text("a")
        assert not (tmp_path / "out/a.txt").exists()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.txt"]


def test_files_are_as_readable_as_the_umask_says(tmp_path):
    old = os.umask(0o022)
    try:
        write_json(tmp_path / "a.json", {})
    finally:
        os.umask(old)
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o644


def test_json_refuses_what_other_readers_would(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert not (tmp_path / "a.json").exists()


@pytest.mark.parametrize("reader", [read_json, read_parquet, require])
def test_a_missing_file_is_one_line(tmp_path, reader):
    with pytest.raises(LabelPolicyError, match="no such file") as caught:
        reader(tmp_path / "nothing")
    assert str(tmp_path / "nothing") in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("reader", [read_json, read_parquet])
def test_a_broken_file_is_one_line(tmp_path, reader):
    (tmp_path / "broken").write_bytes(b'{"a": \x00')
    with pytest.raises(LabelPolicyError, match="broken: not") as caught:
        reader(tmp_path / "broken")
    assert "\n" not in str(caught.value)


def test_a_missing_column_is_named(tmp_path):
    write_parquet(tmp_path / "a.parquet", pa.table({"x": [1], "y": [2]}))
    assert read_parquet(tmp_path / "a.parquet", ["y"]).column_names == ["y"]
    with pytest.raises(LabelPolicyError, match="no column 'z'; found x, y"):
        read_parquet(tmp_path / "a.parquet", ["x", "z"])
