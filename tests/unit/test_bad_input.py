"""Whatever a user gives a command: one line that names the file, and nothing left behind."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import small_study
from small_study import META, UNIFORM, Done

from labelpolicy import cli
from labelpolicy.steps import figure, thresholds

PARAMS = "synthesise --output out --params params.yaml"
TRIED = small_study.tried()


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    small_study.make(folder)
    return folder


@pytest.fixture
def work(study: Path, tmp_path: Path) -> Path:
    """A study that the test may spoil."""
    return small_study.linked(study, tmp_path / "work")


def refused(line: str, work: Path, *names: str) -> Done:
    """The command ends in one line with these words, and leaves no new file."""
    before = small_study.files_of(work)
    done = small_study.run(line.split(), work)
    assert not done.fault, done.fault
    for name in names:
        assert name in done.stderr, done.stderr
    assert small_study.files_of(work) <= before
    return done


def test_every_command_has_a_line_here():
    """But `document`, which runs LaTeX for seconds; its own tests have its bad input."""
    inner = {f"figure {name}" for name in figure.COMMANDS} | {f"thresholds {name}" for name in thresholds.COMMANDS}
    expected = {*cli.Steps().list_commands(None), *inner} - {*small_study.GROUPS, "document"}
    assert {command.name for command in small_study.COMMANDS} == expected


def test_every_way_to_spoil_a_kind_of_file_is_tried():
    every = {(Path(file).suffix, kind) for _, file, kind in small_study.cases()}
    assert every == {(Path(file).suffix, kind) for (_, file), kinds in TRIED.items() for kind in kinds}


@pytest.mark.parametrize("command", small_study.COMMANDS, ids=lambda command: command.line.partition(" -")[0])
def test_a_good_study_is_accepted(command, work):
    done = small_study.run(command.line.split(), work)
    assert (done.status, done.trace) == (0, ""), done.stderr
    assert all((work / name).exists() for name in command.writes)


@pytest.mark.parametrize(
    ("command", "file"),
    sorted(TRIED, key=lambda case: (case[0].line, case[1])),
    ids=lambda value: value.name if isinstance(value, small_study.Command) else Path(value).name,
)
def test_a_spoiled_file(command, file, study, tmp_path):
    """The ways to spoil the file that are tried, one after the other: only the file is put back in between."""
    if command.name.startswith("figure"):
        pytest.importorskip("matplotlib")
    work = small_study.linked(study, tmp_path / "work")
    before = small_study.files_of(work)
    for kind in TRIED[command, file]:
        small_study.spoil(work, file, kind)
        done = small_study.run(command.line.split(), work)
        there = work / file
        named = Path(file).name in done.stderr or str(Path(file).parent) in done.stderr
        assert not done.fault and named, f"{kind}: {done.fault or done.stderr}"
        if there.is_dir() and not there.is_symlink():
            there.rmdir()
        else:
            there.unlink(missing_ok=True)
        os.link(study / file, there)
        assert small_study.files_of(work) == before, kind


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (f"{key}={value}", key)
        for key in ("threads", "classifiers.linear.learning_rate", "data.vectors.width", "policies.meta.hidden",
                    "classifiers.kim_cnn.filters", "thresholds.utility.accuracy", "data.bad_share")
        for value in (".inf", ".nan", "1.0e308", "-1", "1" * 5000, "[]", "'x'")
    ]
    + [("data.vectors=1", "data.vectors"), ("nothing.at=1", "nothing"), ("threads", "threads"), ("=1", "section.key")]
    + [("threads=[", "threads"), ("threads={a: 1, a: 2}", "a second time"), ("grid.datasets=[x, 'A b']", "datasets")],
)  # fmt: skip
def test_a_bad_assignment_is_named_as_what_it_is(value, message, work):
    done = refused_words(["synthesise", "--output", "out", "--params", "params.yaml", "--set", value], work)
    assert "--set" in done.stderr and message in done.stderr and "params.yaml" not in done.stderr


def refused_words(words: list[str], work: Path) -> Done:
    before = small_study.files_of(work)
    done = small_study.run(words, work)
    assert not done.fault, done.fault
    assert small_study.files_of(work) == before
    return done


def test_a_value_of_the_file_is_named_as_the_files_beside_assignments(work):
    small_study.replaced(work / "params.yaml", b"threads: 0\n")
    done = refused(f"{PARAMS} --set device=cpu", work, "params.yaml", "threads")
    assert "--set" not in done.stderr


OUTPUTS = [(command, name) for command in small_study.COMMANDS for name in command.writes]


@pytest.mark.parametrize(("command", "name"), OUTPUTS, ids=lambda value: getattr(value, "name", value))
def test_an_output_that_cannot_be_is_refused_before_work(command, name, work):
    """The place of the output is an input, another output, inside the prepared data set, or nothing to write in."""
    words = command.line.split()
    place = len(words) - 1 - words[::-1].index(name)
    instead = [read for read in command.reads if (work / read).is_file()][:1]
    instead += [other for other in command.writes if other != name][:1]
    instead += ["prepared/new"] if "prepared" in words else []
    instead += ["methods.tsv/new", "loop", "loop/new"]
    (work / "loop").symlink_to("loop")
    if command.name == "fetch":
        instead = instead[1:]
    content = {path: path.read_bytes() for path in work.rglob("*") if path.is_file()}
    for other in instead:
        done = refused_words([*words[:place], other, *words[place + 1 :]], work)
        assert other in done.stderr
    assert content == {path: path.read_bytes() for path in work.rglob("*") if path.is_file()}


@pytest.mark.parametrize("command", small_study.COMMANDS, ids=lambda command: command.name)
def test_an_input_that_is_not_there_or_a_loop_of_links(command, work):
    words = command.line.split()
    (work / "loop").symlink_to("loop")
    for place in [place for place, word in enumerate(words) if place and (work / word).exists()]:
        for other in ("loop", "nowhere"):
            done = refused_words([*words[:place], other, *words[place + 1 :]], work)
            assert other in done.stderr


def test_a_folder_in_the_place_of_a_file_and_the_other_way_round(work):
    refused("label-weights prepared uniform --output results", work, "results", "a folder is there")
    refused("prepare synthetic --raw raw --output methods.tsv --params params.yaml", work, "a file is there")
    refused("prepare synthetic --raw raw --output raw --params params.yaml", work, "overwrite an input")
    refused("prepare synthetic --raw nowhere --output out --params params.yaml", work, "nowhere")
    refused(f"decide prepared fixed --scores {UNIFORM}/scores.parquet --output prepared/decided", work, "inside")
    refused(f"figure weights prepared --policy {META}/policy.json --title t --pdf f.svg --png f.png", work, "f.svg")


@pytest.mark.parametrize(
    ("file", "labels", "message"),
    [
        ("a link that leads nowhere", None, "labels.tsv"),
        ("a chain of 3,000", [(f"l{i}", f"l{i + 1}" if i < 3000 else "") for i in range(3001)], "of labels.tsv"),
        ("a circle", [("a", "b"), ("b", "a")], "its own ancestor"),
        ("an unknown parent", [("a", "b")], "parent 'b'"),
        ("a label twice", [("a", ""), ("a", "")], "'a'"),
    ],
)
def test_a_hierarchy_is_never_dropped(file, labels, message, work):
    table = work / "raw/labels.tsv"
    table.unlink()
    if labels is None:
        table.symlink_to("nowhere")
    else:
        table.write_text("label\tparent\n" + "".join(f"{label}\t{parent}\n" for label, parent in labels))
    refused("prepare synthetic --raw raw --output out --params params.yaml", work, message)


def test_facts_without_a_name_and_metrics_that_lack_a_measure(work):
    page = next(command.line for command in small_study.COMMANDS if command.name == "page")
    table = pq.read_table(work / "metrics.parquet")
    (work / "metrics.parquet").unlink()
    pq.write_table(table.slice(1), work / "metrics.parquet")
    refused(page, work, "metrics.parquet", "lacks a measure")
    facts = json.loads((work / "prepared/dataset.json").read_text())
    small_study.replaced(work / "prepared/dataset.json", json.dumps(facts | {"name": True}).encode())
    refused(page, work, "dataset.json")


@pytest.mark.parametrize("room", [0, 100, 3000])
def test_a_full_disk_names_the_folder(work, room):
    """A limit on the size of a file stands for the full disk: no more bytes can be written."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, usual[1]))
    try:
        done = [
            small_study.run(line.split(), work)
            for line in (
                "label-weights prepared uniform --output new/out.json",
                "summary prepared --metrics metrics.parquet --methods methods.tsv --paper paper.tsv --output new/s.md",
                "flatten metrics.parquet --output new/out",
                "learn prepared linear --output new/m.safetensors --trace new/t.parquet --params params.yaml",
            )
        ]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
        signal.signal(signal.SIGXFSZ, ignored)
    for each in done:
        assert each.status == 0 or not each.fault, each.fault
    if not room:
        assert all("no room left" in each.stderr for each in done), [each.stderr for each in done]
    assert not [name for name in small_study.files_of(work) if ".writing-" in name]


def test_a_folder_with_braces_and_blanks_in_its_name(study, tmp_path):
    work = small_study.linked(study, tmp_path / "a {wild} [card] $(x) name")
    for line in ("label-weights prepared uniform --output {b}/o.json", "flatten metrics.parquet --output {b}/out"):
        done = small_study.run(line.split(), work)
        assert done.status == 0, done.stderr
    shutil.rmtree(work / "prepared")
    refused("label-weights prepared uniform --output {b}/p.json", work, "prepared")


def test_a_home_that_cannot_be_written(work, monkeypatch):
    monkeypatch.setenv("HOME", "/proc/nowhere")
    done = small_study.run(["label-weights", "prepared", "uniform", "--output", "out.json"], work)
    assert done.status == 0, done.stderr
