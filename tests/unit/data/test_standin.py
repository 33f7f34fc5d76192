"""The stand-in for the full RCV1-V2: real topics, generated text, and it says so."""

import json

import pytest
from stand_in import stand_in

from labelpolicy.data.parameters import Data
from labelpolicy.data.prepared import Prepared
from labelpolicy.data.readers import rcv1
from labelpolicy.errors import LabelPolicyError
from labelpolicy.steps.prepare import prepare


@pytest.fixture
def given(tmp_path):
    lines = [f"C11 {number} 1\nCCAT {number} 1\n" for number in [*range(1, 9), *range(30000, 30032)]]
    (tmp_path / "qrels").write_text("".join(lines))
    documents = [{"doc_label": ["C11"], "doc_token": ["Wheat"] * length} for length in (5, 30)]
    (tmp_path / "sample.json").write_text("\n".join(map(json.dumps, documents)))
    return {"qrels": tmp_path / "qrels", "sample": tmp_path / "sample.json"}


def test_it_reads_as_the_real_one_and_is_never_taken_for_it(given, tmp_path):
    stand_in(**given, output=tmp_path / "raw")
    parameters = Data(vectors={"source": "random", "width": 4})
    prepare(dataset="rcv1_standin", raw=tmp_path / "raw", parameters=parameters, output=tmp_path / "out")
    data = Prepared(tmp_path / "out")
    assert data.facts["documents"] == {"train": 29, "valid": 3, "test": 8}
    assert "generated text" in data.facts["variant"] and data.facts["published"] is None
    assert data.facts["source"]["kind"] == "synthetic"
    assert set(data.facts["counted"]["documents_with_topics_but_no_text"].values()) == {0}
    assert set(data.split("train").tokens.lengths.tolist()) == {5, 30}
    assert data.vocabulary[2] == "wheat"


def test_the_same_bytes_every_time_and_a_part_of_the_documents(given, tmp_path):
    for name in ("one", "two"):
        stand_in(**given, output=tmp_path / name, documents=20)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    corpus = rcv1.read(tmp_path / "one")
    assert [len(list(corpus.splits[name])) for name in ("train", "test")] == [16, 4]


def test_more_documents_than_there_are(given, tmp_path):
    with pytest.raises(LabelPolicyError, match="41 documents asked for, expected 1 to 40"):
        stand_in(**given, output=tmp_path / "raw", documents=41)
