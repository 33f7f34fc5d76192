"""From raw files to the prepared form: splits, vocabulary, facts, bytes."""

import itertools
import json
import string
from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelpolicy.data import encode
from labelpolicy.data import prepare as science
from labelpolicy.data.corpus import Corpus
from labelpolicy.data.parameters import Data, Synthetic
from labelpolicy.data.prepared import Prepared
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_parquet
from labelpolicy.steps.prepare import prepare
from labelpolicy.steps.synthesise import synthesise

UNLABELLED = '{"text": "x", "labels": []}'
RANDOM = Data(vectors={"source": "random", "width": 4})


def test_the_vocabulary_s_order_and_counts():
    words = ["b", "a", "c", "rare", "<pad>"]
    tokens, counts, row = science.frequent_words(words, np.array([2, 2, 2, 1, 2]), 2)
    assert tokens == ["<pad>", "<unk>", "a", "b", "c"]
    assert counts == [0, 3, 2, 2, 2]
    assert [tokens[number] for number in row] == ["b", "a", "c", "<unk>", "<unk>"]


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthetic")
    synthesise(parameters=Synthetic(documents=150, test_documents=30), output=folder)
    return folder


def test_the_prepared_form_never_goes_where_the_raw_files_are(synthetic):
    before = sorted(path.name for path in synthetic.iterdir())
    with pytest.raises(LabelPolicyError, match="the raw files are here: expected another folder"):
        prepare(dataset="synthetic", raw=synthetic, parameters=RANDOM, output=synthetic / ".." / synthetic.name)
    assert sorted(path.name for path in synthetic.iterdir()) == before


def test_the_prepared_form(synthetic, tmp_path):
    prepare(dataset="synthetic", raw=synthetic, parameters=RANDOM, output=tmp_path / "out")
    data = Prepared(tmp_path / "out")
    train, valid, test = (data.split(name) for name in ("train", "valid", "test"))
    assert (len(train), len(valid), len(test)) == (135, 15, 30)
    assert data.depth.max() == 2
    assert data.parents[-1] in data.labels
    np.testing.assert_array_equal(data.train_count, train.y_true.sum(axis=0))
    assert data.vectors.shape == (len(data.vocabulary), 4)
    # Tokens are those of the raw lines, the rare ones as <unk>; the vocabulary is counted in train alone.
    raw = {}
    for name in ("train", "test"):
        raw |= {line["id"]: line for line in map(json.loads, (synthetic / f"{name}.jsonl").open())}
    counts = Counter(token for name in train.ids for token in raw[name]["tokens"])
    assert data.vocabulary[2:] == sorted((t for t, c in counts.items() if c >= 2), key=lambda t: (-counts[t], t))
    for split in (train, valid, test):
        for row, name in enumerate(split.ids):
            expected = [token if counts[token] >= 2 else "<unk>" for token in raw[name]["tokens"]]
            assert [data.vocabulary[token] for token in split.tokens[row]] == expected
            assert [data.labels[label] for label in np.flatnonzero(split.y_true[row])] == raw[name]["labels"]
    facts = data.facts
    assert facts["documents"] == {"train": 135, "valid": 15, "test": 30}
    assert facts["source"]["kind"] == "synthetic"
    assert facts["coverage"] == {"types": 0.0, "tokens": 0.0}
    unknown = sum(counts[token] < 2 for name in test.ids for token in raw[name]["tokens"])
    assert facts["out_of_vocabulary"]["test"] == round(unknown / len(test.tokens.values), 4)
    assert (facts["published"], facts["differences"], facts["variant"]) == (None, [], None)


def test_same_bytes_and_another_seed(synthetic, tmp_path):
    for name, parameters in (
        ("one", RANDOM),
        ("two", RANDOM),
        ("three", RANDOM.model_copy(update={"validation_seed": 1})),
    ):
        prepare(dataset="synthetic", raw=synthetic, parameters=parameters, output=tmp_path / name)
    names = {path.name for path in (tmp_path / "one").iterdir()}
    assert names == {"train.parquet", "valid.parquet", "test.parquet", "labels.parquet", "vocabulary.parquet",
                     "embeddings.safetensors", "dataset.json"}  # fmt: skip
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert (tmp_path / "one/valid.parquet").read_bytes() != (tmp_path / "three/valid.parquet").read_bytes()
    assert (tmp_path / "one/embeddings.safetensors").stat().st_mode & 0o044  # others of a lab can read it


def test_the_development_variant_never_sees_the_test_documents(synthetic, tmp_path):
    prepare(dataset="synthetic_dev", raw=synthetic, parameters=RANDOM, output=tmp_path / "dev")
    data = Prepared(tmp_path / "dev")
    ids = {name: data.split(name).ids for name in ("train", "valid", "test")}
    assert {name: len(found) for name, found in ids.items()} == {"train": 108, "valid": 12, "test": 30}
    assert all(name.startswith("synthetic-train-") for found in ids.values() for name in found)
    assert len({name for found in ids.values() for name in found}) == 150
    assert "the test documents are dropped" in data.facts["variant"]
    assert data.train_count.min() > 0
    # Change every test document: nothing moves.
    other = tmp_path / "raw"
    other.mkdir()
    for path in synthetic.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    (other / "test.jsonl").write_text('{"text": "x", "labels": []}\n')
    prepare(dataset="synthetic_dev", raw=other, parameters=RANDOM, output=tmp_path / "again")
    for path in (tmp_path / "dev").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def own(folder, documents=20, **files):
    lines = [json.dumps({"text": f"word{n % 3} common", "labels": ["a"]}) for n in range(documents)]
    contents = {"train.jsonl": "\n".join(lines), "test.jsonl": '{"id": "t", "text": "...", "labels": ["b"]}', **files}
    for name, content in contents.items():
        (folder / name).write_text(content)
    return folder


def test_a_user_s_own_data(tmp_path):
    prepare(dataset="mine", raw=own(tmp_path), parameters=RANDOM, output=tmp_path / "out")
    facts = Prepared(tmp_path / "out").facts
    assert facts["source"] == {"kind": "own files"}
    assert facts["documents"] == {"train": 18, "valid": 2, "test": 1}
    assert facts["labels_without_training_document"] == ["b"]
    assert facts["without_text"] == {"count": 1, "ids": ["t"]}
    assert facts["mean_tokens"]["test"] == 0


def test_the_corpus_own_validation_split_is_kept(tmp_path):
    own(tmp_path, **{"valid.jsonl": '{"id": "v", "text": "common", "labels": []}'})
    prepare(dataset="mine", raw=tmp_path, parameters=RANDOM, output=tmp_path / "out")
    assert Prepared(tmp_path / "out").facts["documents"] == {"train": 20, "valid": 1, "test": 1}


@pytest.mark.parametrize(
    ("dataset", "documents", "files", "fault"),
    [
        ("mine", 1, {}, "the valid split would be empty"),
        ("mine", 20, dict.fromkeys(("train.jsonl", "test.jsonl"), UNLABELLED), "no document has a label"),
        ("mine", 20, {"train.jsonl": "{"}, "line 1: not JSON"),
    ],
)  # fmt: skip
def test_bad_data_leaves_nothing_behind(tmp_path, dataset, documents, files, fault):
    with pytest.raises(LabelPolicyError, match=fault):
        prepare(dataset=dataset, raw=own(tmp_path, documents, **files), parameters=RANDOM, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_label_that_would_vanish_keeps_validation_empty(tmp_path):
    lines = [json.dumps({"text": "x", "labels": [f"only{n}"]}) for n in range(20)]
    own(tmp_path, **{"train.jsonl": "\n".join(lines)})
    with pytest.raises(LabelPolicyError, match="the valid split would be empty"):
        prepare(dataset="mine", raw=tmp_path, parameters=RANDOM, output=tmp_path / "out")


@pytest.mark.parametrize("dataset", ["reuters_21578", "unknown_dev"])
def test_an_unknown_data_set(tmp_path, dataset):
    with pytest.raises(LabelPolicyError, match=r"unknown data set .*expected one of .*reuters21578, "):
        prepare(dataset=dataset, raw=tmp_path, parameters=RANDOM, output=tmp_path / "out")


def test_a_failed_run_leaves_the_old_form_whole(synthetic, tmp_path, monkeypatch):
    prepare(dataset="synthetic", raw=synthetic, parameters=RANDOM, output=tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    monkeypatch.setattr("labelpolicy.steps.prepare.save_file", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        prepare(
            dataset="synthetic",
            raw=synthetic,
            parameters=Data(min_count=5, vectors=RANDOM.vectors),
            output=tmp_path / "out",
        )
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_differences_in_words():
    published = {"labels": 3, "labels_per_document": 1.24, "training": 10, "testing": 2}
    measured = {"labels": 3, "labels_per_document": 1.2354, "training": 9, "testing": 2}
    assert science.differences(published, measured, 0) == ["training documents (with validation): 9 here, 10 published"]
    assert science.differences(published, {**measured, "training": 10}, 61) == ["documents without text: 61"]
    assert science.differences(None, measured, 61) == []


@given(st.lists(st.text(string.ascii_lowercase, min_size=1), min_size=1))
def test_depth_follows_the_parents(labels):
    labels = list(dict.fromkeys(labels))
    chain = {child: above for above, child in itertools.pairwise(labels)}
    table = science.label_table(Corpus(labels, {}, chain), np.zeros(len(labels), dtype=int))
    assert table["depth"].to_pylist() == list(range(1, len(labels) + 1))
    assert table["parent"].to_pylist() == [None, *labels[:-1]]
    assert "ancestors" not in table.column_names


def test_groups_of_labels_that_are_no_labels_count_in_the_depth(tmp_path):
    parents = {"anger": "group:anger", "group:anger": "negative", "rage": "anger"}
    table = science.label_table(Corpus(["anger", "rage", "neutral"], {}, parents), np.array([1, 0, 2]))
    assert table.to_pydict() == {
        "label": ["anger", "rage", "neutral"],
        "parent": [None, "anger", None],  # the nearest that is a label
        "depth": [3, 4, 1],
        "train_count": [1, 0, 2],
        "ancestors": [["negative", "group:anger"], ["negative", "group:anger", "anger"], []],
    }
    write_parquet(tmp_path / "labels.parquet", table)
    assert Prepared(tmp_path).ancestors == table["ancestors"].to_pylist()
    write_parquet(tmp_path / "labels.parquet", table.drop_columns("ancestors"))
    assert Prepared(tmp_path).ancestors == [[], ["anger"], []]  # those that are labels


def test_a_chain_of_three_thousand_parents(tmp_path):
    labels = [f"l{number}" for number in range(3000)]
    rows = "".join(f"{label}\t{above}\n" for label, above in zip(labels, ["", *labels], strict=False))
    lines = "\n".join(json.dumps({"text": "x y", "labels": ["l0", "l2999"]}) for _ in range(10))
    own(tmp_path, **{"labels.tsv": f"label\tparent\n{rows}", "train.jsonl": lines, "test.jsonl": lines.split("\n")[0]})
    prepare(dataset="mine", raw=tmp_path, parameters=RANDOM, output=tmp_path / "out")
    data = Prepared(tmp_path / "out")
    assert data.facts["depth"] == 3000 == data.depth[-1]
    assert data.ancestors[-1] == labels[:-1]


def test_a_cycle_of_parents_is_one_line():
    with pytest.raises(LabelPolicyError, match=r"'.' is its own ancestor"):
        science.label_table(Corpus(["x", "y"], {}, {"x": "y", "y": "x"}), np.array([1, 1]))


def mentions(folder, documents=40):
    """Two mentions a sentence, sentences of the texts g0 to g9."""
    lines = [
        json.dumps({"tokens": list("abcd"), "mention": [n % 3, 3], "labels": ["x"], "group": f"g{n // 2 % 10}"})
        for n in range(documents)
    ]
    for name in ("train", "test"):
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    return folder


def test_mentions_and_their_groups(tmp_path):
    parameters = RANDOM.model_copy(update={"validation_fraction": 0.2})
    prepare(dataset="mine", raw=mentions(tmp_path), parameters=parameters, output=tmp_path / "out")
    data = Prepared(tmp_path / "out")
    train, valid = data.split("train"), data.split("valid")
    assert len(valid) == 8 and len(train) == 32
    assert not set(train.groups) & set(valid.groups)  # whole groups are held out
    assert len(set(valid.groups)) == 2
    for split in (train, valid):
        for row, name in enumerate(split.ids):
            number = int(name.removeprefix("train-")) - 1
            assert split.mentions[row].tolist() == [number % 3, 3] and split.groups[row] == f"g{number // 2 % 10}"
    assert train.mentions.dtype == np.int32


@pytest.mark.parametrize("processes", [2])
def test_the_same_bytes_from_any_number_of_processes(synthetic, tmp_path, monkeypatch, processes):
    monkeypatch.setattr(encode, "CHUNK", 16)
    monkeypatch.setattr(encode, "SMALL", 2)
    monkeypatch.setattr("labelpolicy.steps.prepare.ROWS", 50)
    for name, count in (("one", 1), ("many", processes)):
        prepare(dataset="synthetic", raw=synthetic, parameters=RANDOM, output=tmp_path / name, processes=count)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "many" / path.name).read_bytes()
    rows = pq.ParquetFile(tmp_path / "one/train.parquet")
    assert [rows.metadata.row_group(group).num_rows for group in range(rows.num_row_groups)] == [50, 50, 35]
    assert Prepared(tmp_path / "one").facts["documents"] == {"train": 135, "valid": 15, "test": 30}


def test_chunks_do_not_change_what_is_written(synthetic, tmp_path, monkeypatch):
    prepare(dataset="synthetic", raw=synthetic, parameters=RANDOM, output=tmp_path / "whole")
    monkeypatch.setattr(encode, "CHUNK", 7)
    prepare(dataset="synthetic", raw=synthetic, parameters=RANDOM, output=tmp_path / "chunks")
    for path in (tmp_path / "whole").iterdir():
        assert path.read_bytes() == (tmp_path / "chunks" / path.name).read_bytes()


@pytest.mark.mirror
def test_reuters_against_the_measured_facts(mirror, tmp_path):
    archive = mirror / "reuters21578" / "reuters21578.tar.gz"
    if not archive.is_file():
        pytest.skip(f"no {archive}")
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / archive.name).write_bytes(archive.read_bytes())
    (raw / "source.json").write_text(json.dumps({"file": archive.name}))
    prepare(dataset="reuters21578", raw=raw, parameters=Data(), output=tmp_path / "out")
    data = Prepared(tmp_path / "out")
    facts = data.facts
    assert facts["documents"] == {"train": 6992, "valid": 777, "test": 3019}
    assert data.train_count.min() >= 1
    assert facts["without_text"]["count"] == 0
    assert facts["coverage"]["tokens"] > 0.96
    assert facts["differences"] == ["labels a document: 1.2354 here, 1.13 published"]
