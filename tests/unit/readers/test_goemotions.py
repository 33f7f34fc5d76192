"""GoEmotions: its published split, its hierarchy, faults by file and line."""

import pytest

from labelpolicy.data.parameters import Data
from labelpolicy.data.prepared import Prepared
from labelpolicy.data.readers import goemotions
from labelpolicy.errors import LabelPolicyError
from labelpolicy.steps.prepare import prepare

RANDOM = Data(vectors={"source": "random", "width": 4})


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    for name in goemotions.FILES.values():
        lines = [f"You’re great {n % 3}\t{n % 28},27\t{name}{n}\n" for n in range(30)]
        (folder / name).write_text("".join(lines), encoding="utf-8")
    return folder


def test_the_published_split_and_the_labels(raw):
    corpus = goemotions.read(raw)
    assert len(corpus.labels) == 28 and corpus.labels[0] == "admiration" and corpus.labels[27] == "neutral"
    assert {name: len(list(split)) for name, split in corpus.splits.items()} == dict.fromkeys(goemotions.FILES, 30)
    first = next(iter(corpus.splits["valid"]))
    assert (first.id, first.labels, first.words()) == ("dev.tsv0", ("admiration", "neutral"), ["you're", "great", "0"])
    assert list(corpus.splits["train"])[27].labels == ("neutral",)  # named twice, counted once
    assert [d.id for d in corpus.splits["train"]] == [f"train.tsv{n}" for n in range(30)]  # again


def test_emotions_hang_below_their_group_and_sentiment(raw, tmp_path):
    prepare(dataset="goemotions", raw=raw, parameters=RANDOM, output=tmp_path / "out")
    data = Prepared(tmp_path / "out")
    above = dict(zip(data.labels, data.ancestors, strict=True))
    assert above["annoyance"] == ["sentiment:negative", "ekman:anger"] == above["anger"]
    assert above["curiosity"] == ["sentiment:ambiguous", "ekman:surprise"] and above["neutral"] == []
    depth = dict(zip(data.labels, data.depth.tolist(), strict=True))
    assert depth.pop("neutral") == 1 and set(depth.values()) == {3} and data.facts["depth"] == 3
    assert set(data.parents) == {None}  # the groups are no labels
    groups = {nodes[1] for nodes in above.values() if nodes}
    assert len(groups) == 6 and len({nodes[0] for nodes in above.values() if nodes}) == 3


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b"text\t1", "found 'text\\\\t1', expected text"),
        (b"text\t1\tid\tmore", "expected text"),
        (b"text\t28\tid", "indices 0 to 27"),
        (b"text\t-1\tid", "indices 0 to 27"),
        (b"text\t\tid", "indices 0 to 27"),
        (b"te\xffxt\t1\tid", "in UTF-8"),
        (b"text\t1\tdev.tsv0", "id 'dev.tsv0' was already used in dev.tsv, line 1"),
    ],
)
def test_faults_name_file_and_line(raw, tmp_path, line, fault):
    path = raw / "dev.tsv"
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(LabelPolicyError, match=rf"dev\.tsv, line 31: .*{fault}"):
        prepare(dataset="goemotions", raw=raw, parameters=RANDOM, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_id_of_train_again_in_test(raw):
    (raw / "test.tsv").write_text("x\t1\ttrain.tsv3\n")
    corpus = goemotions.read(raw)
    list(corpus.splits["train"])
    with pytest.raises(LabelPolicyError, match=r"test\.tsv, line 1: id 'train\.tsv3' .* train\.tsv, line 4"):
        list(corpus.splits["test"])


def test_a_missing_or_empty_file(raw):
    (raw / "dev.tsv").write_text("")
    (raw / "test.tsv").unlink()
    splits = goemotions.read(raw).splits
    with pytest.raises(LabelPolicyError, match=r"dev\.tsv: no documents"):
        list(splits["valid"])
    with pytest.raises(LabelPolicyError, match=r"test\.tsv: no such file"):
        list(splits["test"])


@pytest.mark.mirror
def test_the_real_files(mirror):
    folder = mirror / "goemotions"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    corpus = goemotions.read(folder)
    assert corpus.labels == (folder / "labels.txt").read_text().split()
    found = {name: list(split) for name, split in corpus.splits.items()}
    assert {name: len(split) for name, split in found.items()} == {"train": 43410, "valid": 5426, "test": 5427}
    assert {label for document in found["train"] for label in document.labels} == set(corpus.labels)
