"""A file is there whole or not at all."""

import os
import re

import pyarrow as pa
import pytest
from safetensors import SafetensorError

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import (
    read_json,
    read_parquet,
    require,
    whole_file,
    whole_folder,
    write_json,
    write_parquet,
    write_text,
)


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
    assert list(tmp_path.iterdir()) == []


def write_folder(path, content):
    with whole_folder(path) as folder:
        for name in ("a.txt", "b.txt", "c.txt"):
            write_text(folder / name, content)


def names(folder):
    return [path.name for path in folder.iterdir()]


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_folder_moves_in_whole(tmp_path):
    with whole_folder(tmp_path / "out") as folder:
        (folder / "a.txt").write_text("a")
        assert not (tmp_path / "out/a.txt").exists()
    assert contents(tmp_path / "out") == {"a.txt": "a"}
    write_folder(tmp_path / "out", "new")
    assert contents(tmp_path / "out") == dict.fromkeys(("a.txt", "b.txt", "c.txt"), "new")
    assert names(tmp_path) == ["out"]


def test_a_folder_keeps_the_files_of_others_and_its_link(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "mine.txt").write_text("mine")
    (tmp_path / "out").symlink_to("disk")
    write_folder(tmp_path / "out", "old")
    write_folder(tmp_path / "out", "new")
    assert (tmp_path / "out").is_symlink() and len(names(tmp_path)) == 2
    assert contents(tmp_path / "out") == dict.fromkeys(("a.txt", "b.txt", "c.txt"), "new") | {"mine.txt": "mine"}


CHANGES = ("rename", "replace", "unlink", "rmdir", "chmod", "fsync")


def killed_before(change: int, write) -> bool:
    """Run ``write`` in a process that dies just before its ``change``-th change to the file system; whether it did."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    left = iter(range(change))

    def dying(original):
        def call(*arguments, **options):
            if next(left, None) is None:
                os._exit(9)
            return original(*arguments, **options)

        return call

    for name in CHANGES:
        setattr(os, name, dying(getattr(os, name)))
    try:
        write()
    finally:
        os._exit(0)


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("mine", [False, True])
def test_a_folder_killed_at_any_change_is_never_a_mix(tmp_path, older, mine):
    killed, seen = True, set()
    number = 0
    while killed:
        out = tmp_path / str(number) / "out"
        if mine:
            out.mkdir(parents=True)
            (out / "mine.txt").write_text("mine")
        if older:
            write_folder(out, "old")
        killed = killed_before(number, lambda out=out: write_folder(out, "new"))
        found = contents(out) if out.is_dir() else {}
        if mine:
            assert found.pop("mine.txt") == "mine"
        assert len(set(found.values())) <= 1  # old or new
        assert mine or len(found) in (0, 3)  # whole, or not there
        seen.add("".join(set(found.values())))
        write_folder(out, "again")  # the next run removes what the killed one left
        assert names(out.parent) == ["out"]
        assert contents(out) == dict.fromkeys(("a.txt", "b.txt", "c.txt"), "again") | (
            {"mine.txt": "mine"} if mine else {}
        )
        number += 1
    assert number > 10 and "new" in seen and ("old" in seen) is older


def test_a_folder_moved_aside_by_a_killed_run_comes_back(tmp_path):
    write_folder(tmp_path / "out", "old")
    (tmp_path / "out").rename(tmp_path / ".out.old-x")
    with pytest.raises(ZeroDivisionError), whole_folder(tmp_path / "out"):
        raise ZeroDivisionError
    assert contents(tmp_path / "out")["a.txt"] == "old" and names(tmp_path) == ["out"]


def test_what_a_killed_run_left_is_removed_and_what_is_being_written_is_not(tmp_path):
    killed_before(1, lambda: write_text(tmp_path / "a.txt", "half"))
    assert len(names(tmp_path)) == 1
    with whole_file(tmp_path / "a.txt") as first:
        assert names(tmp_path) == [first.name]
        first.write_text("first")
        write_text(tmp_path / "a.txt", "second")
    assert contents(tmp_path) == {"a.txt": "first"}


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


@pytest.mark.parametrize(
    "words", ["I/O error: No space left on device (os error 28)", "Os { code: 28, kind: StorageFull }"]
)
def test_a_full_disk_that_a_library_words_for_itself_names_the_folder(tmp_path, words):
    with pytest.raises(LabelPolicyError, match=re.escape(f"{tmp_path}: no room left")), whole_file(tmp_path / "file"):
        raise SafetensorError(f"Error while serializing: {words}")
    assert not [*tmp_path.iterdir()]
