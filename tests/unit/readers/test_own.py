"""A user's own documents: what is read, and every fault by file and line."""

import json

import numpy as np
import pytest

from labelpolicy.data.labels import spelled
from labelpolicy.data.prepare import label_table, refuse_rubble
from labelpolicy.data.readers import own
from labelpolicy.errors import LabelPolicyError


def read(folder):
    """The corpus, if all of it can be used."""
    corpus = own.read(folder)
    refuse_rubble(corpus.counted, 0, "")
    return corpus


GOOD = '{"id": "a", "text": "cocoa rose", "labels": ["x"]}'
TEST = '{"id": "t", "text": "cocoa fell", "labels": ["y", "x", "y"]}'


@pytest.fixture
def folder(tmp_path):
    def write(**contents):
        for name, content in {"train": GOOD, "test": TEST, **contents}.items():
            path = tmp_path / ("labels.tsv" if name == "labels" else f"{name}.jsonl")
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path

    return write


def test_read_without_label_table(folder):
    corpus = read(folder(train=GOOD + '\n\n{"tokens": ["A", "b!"], "labels": []}\n'))
    assert corpus.labels == ["x", "y"]
    assert list(corpus.splits) == ["train", "test"]
    one, two = corpus.splits["train"]
    assert (one.id, one.words(), one.labels) == ("a", ["cocoa", "rose"], ("x",))
    assert (two.id, two.words(), two.labels) == ("train-3", ["A", "b!"], ())  # given tokens stay as they are
    assert next(iter(corpus.splits["test"])).labels == ("x", "y")
    assert len(list(corpus.splits["train"])) == 2  # a second pass reads the file again


def test_own_validation_split_and_hierarchy(folder):
    labels = "label\tparent\nz\t\ny\tx\nx\tz\n"
    corpus = read(folder(valid=GOOD.replace('"a"', '"v"'), labels=labels))
    assert [document.id for document in corpus.splits["valid"]] == ["v"]
    assert corpus.labels == ["z", "y", "x"]
    assert corpus.parents == {"y": "x", "x": "z"}


def test_descriptions_of_labels(folder):
    labels = "label\tparent\tdescription\nX \t\t cocoa; cacao\ny\tX \nz\t\t \nx\t\tan other\n"
    corpus = read(folder(labels=labels))
    assert corpus.labels == ["X ", "y", "z", "x"] and corpus.parents == {"y": "X "}
    assert corpus.descriptions == {"X ": "cocoa; cacao", "x": "an other"}
    merged = spelled(corpus, loosely=True).corpus  # of spellings that become one the first says it
    assert label_table(merged, np.array([1, 1, 0]))["description"].to_pylist() == ["cocoa; cacao", None, None]
    plain = read(folder(labels="label\tparent\nx\t\ny\t\n"))
    assert "description" not in label_table(plain, np.array([1, 1])).column_names


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("not json", "not JSON"),
        ("[" * 100_000, "not JSON"),
        (b'{"text": "\xff", "labels": []}', "not JSON in UTF-8"),
        (r'{"text": "\ud800", "labels": []}', "not JSON in UTF-8"),
        ("[1]", "found list"),
        ('{"text": "x"}', "no key 'labels'"),
        ('{"text": "x", "labels": [1.5]}', "found labels"),
        ('{"text": "x", "labels": [""]}', "found labels"),
        ('{"labels": ["x"]}', "neither 'text' nor 'tokens'"),
        ('{"text": "x", "tokens": ["x"], "labels": []}', "both"),
        ('{"text": 3, "labels": []}', "found text 3"),
        ('{"text": " \\n", "labels": []}', "without text"),
        ('{"tokens": [], "labels": []}', "without text"),
        ('{"tokens": [1], "labels": []}', "found tokens"),
        ('{"id": 7.5, "text": "x", "labels": []}', "found id 7.5"),
        ('{"id": "a", "text": "x", "labels": []}', "found 'a, as in train.jsonl, line 1'"),
    ],
)
def test_faults_name_file_and_line(folder, line, fault):
    line = line if isinstance(line, bytes) else line.encode()
    with pytest.raises(LabelPolicyError, match=rf"(?s)train\.jsonl.*line 2: .*{fault}") as error:
        read(folder(train=GOOD.encode() + b"\n" + line))
    assert "\n" not in str(error.value)


def test_an_id_of_train_again_in_test(folder):
    with pytest.raises(LabelPolicyError, match=r"test\.jsonl.*line 1: found 'a, as in train\.jsonl, line 1'"):
        read(folder(test=GOOD))


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_an_empty_file(folder, content):
    with pytest.raises(LabelPolicyError, match=r"test\.jsonl: no documents"):
        read(folder(test=content))


def test_without_test_documents_there_is_no_test_split(folder):
    path = folder()
    (path / "test.jsonl").unlink()
    assert list(read(path).splits) == ["train"]


def test_test_documents_without_labels_are_none(folder):
    corpus = read(folder(test='{"id": "t", "text": "cocoa fell"}'))
    assert list(corpus.splits) == ["train"]
    assert corpus.counted == {"unlabelled_test_documents": 1}


def test_whole_numbers_are_names(folder):
    (document,) = read(folder(train='{"id": 7, "text": "x", "labels": [3, 12]}')).splits["train"]
    assert (document.id, document.labels) == ("7", ("12", "3"))


@pytest.mark.parametrize(
    ("labels", "fault"),
    [
        ("label\tparent\nx\t\n", r"test\.jsonl.*line 1: found 'y', expected a label of labels\.tsv"),
        ("", r"labels\.tsv, line 1: found ''"),
        ("name,parent\nx,\n", r"labels\.tsv, line 1"),
        ("label\tparent\n", r"labels\.tsv: no labels"),
        ("label\tparent\nx\t\ny\t\nx\t\n", r"labels\.tsv, line 4: label 'x' was already given"),
        ("label\tparent\nx\tq\ny\t\n", r"labels\.tsv, line 2: parent 'q' is not"),
        ("label\tparent\nx\ty\ny\tx\n", r"labels\.tsv, line 2: label 'x' is its own ancestor"),
        ("label\tparent\nx\tx\ny\t\n", r"own ancestor"),
        ("label\tparent\nx\ty\tz\ny\t\n", r"labels\.tsv, line 2: found"),
        ("label\tdescription\nx\t\n", r"labels\.tsv, line 1"),
        ("label\tparent\tdescription\nx\t\ta\tb\n", r"labels\.tsv, line 2: found"),
        (b"label\tparent\n\xff\t\n", "not UTF-8"),
    ],
)
def test_faults_of_the_label_table(folder, labels, fault):
    with pytest.raises(LabelPolicyError, match=fault):
        for split in read(folder(labels=labels)).splits.values():
            list(split)


def test_whatever_json_writes_is_read_back(folder):
    text = 'tabs\t, "quotes", \u2028 line separators, ünïcödé 漢字'
    corpus = read(folder(train=json.dumps({"text": text, "labels": ["a b\tc"]}, ensure_ascii=False)))
    (document,) = corpus.splits["train"]
    assert document.text == text
    assert document.labels == ("a b\tc",)


def test_a_mention_and_its_group(folder):
    line = '{"tokens": ["a", "b", "c"], "mention": [1, 3], "group": "g", "labels": ["x"]}'
    (document,) = read(folder(train=line)).splits["train"]
    assert (document.mention, document.group) == ((1, 3), "g")


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ('"text": "a b", "mention": [0, 1]', "'mention' beside 'text'"),
        ('"tokens": ["a"], "mention": 3', "found mention 3"),
        ('"tokens": ["a"], "mention": [0, true]', "found mention"),
        ('"tokens": ["a"], "mention": [0, 2]', "not within the 1 tokens"),
        ('"tokens": ["a"], "mention": [0, 0]', "not within the 1 tokens"),
        ('"tokens": ["a"], "group": ""', "found group ''"),
    ],
)
def test_faults_of_mentions(folder, keys, fault):
    with pytest.raises(LabelPolicyError, match=rf"train\.jsonl.*line 1: .*{fault}"):
        read(folder(train=f'{{{keys}, "labels": []}}'))
