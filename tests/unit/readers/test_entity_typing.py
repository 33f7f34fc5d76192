"""Readers of entity typing corpora: what is read, what is left out and counted, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelpolicy.data.parameters import Data
from labelpolicy.data.prepare import refuse_rubble
from labelpolicy.data.readers.entity_typing import (
    MARGIN,
    TABLE,
    Sentence,
    Sentences,
    counterparts,
    facilities,
    inventory,
    joined,
    mentions,
)
from labelpolicy.errors import LabelPolicyError

TOKENS = ["Intel", "Corp.", "left", "the", "Valley", "."]


def line(mentions: list, **changes) -> bytes:
    keys = ("start", "end", "labels")
    spans = [each if isinstance(each, dict) else dict(zip(keys, each, strict=True)) for each in mentions]
    return json.dumps({"tokens": TOKENS, "mentions": spans, "fileid": "d1", "senid": 0} | changes).encode() + b"\n"


def file(folder: Path, *lines: bytes, name: str = "train.json") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"".join(lines))
    return folder / name


ROWS = {row.name: row for row in TABLE}
ORGANISATION = ["/ORGANIZATION/CORPORATION", "/ORGANIZATION"]
GOOD = line([(0, 2, ORGANISATION), (4, 5, ["/LOCATION"])])


def test_a_mention_is_a_document_with_its_sentence_place_and_group(tmp_path):
    file(tmp_path, b"\n", GOOD)
    file(tmp_path, line([(4, 5, ["/LOCATION"])], fileid=""), name="test.json")
    corpus = ROWS["bbn"].read(tmp_path)
    first, second = corpus.splits["train"]
    assert (first.id, second.id) == ("train.json:2:0", "train.json:2:1")
    assert first.tokens == second.tokens == tuple(TOKENS)
    assert (first.mention, second.mention) == ((0, 2), (4, 5))
    assert first.labels == ("/ORGANIZATION", "/ORGANIZATION/CORPORATION")  # in the order of the inventory
    assert first.group == "d1"
    assert [document.group for document in corpus.splits["test"]] == ["test.json:1"]
    assert list(corpus.splits["train"]) == [first, second]  # can be read again
    assert corpus.counted["train.json"]["mentions"] == 2


@pytest.mark.parametrize(("name", "types", "depth"), [("figer", 128, 2), ("ontonotes", 89, 3), ("bbn", 47, 2)])
def test_inventories_are_those_of_table_1_and_every_parent_is_in_them(name, types, depth):
    parents = inventory(name)
    assert len(parents) == types == ROWS[name].published["labels"]
    assert max(label.count("/") for label in parents) == depth == ROWS[name].published["depth"]
    for label, parent in parents.items():
        assert parent == label.rpartition("/")[0] and (not parent or parent in parents)


def test_long_sentences_are_cut_around_the_mention(tmp_path):
    tokens = [str(number) for number in range(400)]
    path = file(tmp_path, line([(200, 203, ["/PERSON"])], tokens=tokens))
    (document,) = mentions(Sentences(path, "bbn"), {})
    start, end = document.mention
    assert document.tokens[start:end] == ("200", "201", "202")
    assert len(document.tokens) == 2 * MARGIN + 3


BAD_LINES = {
    "not UTF-8": b'{"tokens": ["caf\xe9"], "mentions": []}\n',
    "not JSON": b"{tokens}\n",
    "not a JSON object": b"[1]\n",
    "no list of tokens": b'{"mentions": []}\n',
    "no list of mentions": b'{"tokens": ["a"]}\n',
    "cut off in mid-line": GOOD[:40],
}


@pytest.mark.parametrize("what", BAD_LINES)
def test_bad_lines_are_left_out_and_counted_with_their_place(tmp_path, what):
    path = file(tmp_path, GOOD, BAD_LINES[what])
    source = Sentences(path, "bbn")
    assert len(list(source)) == 1
    facts = source.counts.facts()
    assert facts["bad_lines"] == {what: 1}
    assert facts["examples"] == [f"train.json:2: {what}"]
    assert (facts["read"], facts["bad"]) == (4, 1)


def test_half_a_surrogate_pair_is_a_bad_line(tmp_path):
    path = file(tmp_path, GOOD, b'{"tokens": ["\\ud800"], "mentions": []}\n')
    source = Sentences(path, "bbn")
    assert len(list(source)) == 1
    assert source.counts.facts()["bad_lines"] == {"not JSON": 1}


BAD_MENTIONS = {
    "a span with start >= end, or without": [
        (2, 2, ["/PERSON"]),
        (3, 1, ["/PERSON"]),
        (-1, 1, ["/PERSON"]),
        {"labels": ["/PERSON"]},
        ("0", 1, ["/PERSON"]),
    ],
    "a span past the end of the sentence": [(5, 7, ["/PERSON"])],
    "a mention without a label": [(0, 1, []), (0, 1, None), (0, 1, [3])],
    "a mention that is not an object": ["x"],
}


@pytest.mark.parametrize(("what", "mention"), [(what, each) for what, all_ in BAD_MENTIONS.items() for each in all_])
def test_bad_mentions_are_left_out_and_counted_with_their_place(tmp_path, what, mention):
    entry = json.loads(line([(0, 1, ["/PERSON"])]))
    entry["mentions"].append("x" if mention == "x" else json.loads(line([mention]))["mentions"][0])
    source = Sentences(file(tmp_path, json.dumps(entry).encode()), "bbn")
    (sentence,) = source
    assert [number for number, *_ in sentence.mentions] == [0]
    facts = source.counts.facts()
    assert facts["bad_mentions"] == {what: 1}
    assert facts["examples"] == [f"train.json:1:1: {what}"]


def test_odd_labels_and_spans_are_counted(tmp_path):
    mentions = [
        (0, 2, ["/ORGANIZATION/CORPORATION"]),  # without its parent: kept as annotated
        (0, 2, ["/ORGANIZATION", "/ORGANIZATION"]),  # the same span again
        (4, 5, ["/FAC/BRIDGE", "/FAC"]),
        (4, 5, ["/CONTACT_INFO/PHONE", "/CONTACT_INFO"]),
        (4, 5, ["/MIND/MAP"]),  # outside, its parent too, and nothing is left
    ]
    source = Sentences(file(tmp_path, line(mentions)), "bbn", facilities)
    (sentence,) = source
    assert [labels for *_, labels in sentence.mentions] == [
        ("/ORGANIZATION/CORPORATION",),
        ("/ORGANIZATION",),
        ("/FACILITY", "/FACILITY/BRIDGE"),
        ("/CONTACT_INFO",),
    ]
    facts = source.counts.facts()
    assert facts["bad"] == 0
    assert facts["labels_outside_the_inventory"] == {"/CONTACT_INFO/PHONE": 1, "/MIND/MAP": 1}
    assert facts["labels_with_no_parent_in_the_inventory"] == 1
    assert facts["labels_renamed"] == 2
    assert facts["mentions_without_a_label_of_the_inventory"] == 1
    assert facts["mentions_that_lack_the_parent_of_a_label"] == 1
    assert facts["mentions_of_a_span_given_before"] == 2


def test_an_empty_file_and_a_missing_one_are_refused(tmp_path):
    with pytest.raises(LabelPolicyError, match=r"train\.json: empty"):
        list(Sentences(file(tmp_path, b"\n"), "bbn"))
    with pytest.raises(LabelPolicyError, match=r"test\.json"):
        ROWS["bbn"].read(tmp_path)


def test_rubble_is_refused_with_a_summary(tmp_path, capsys):
    source = Sentences(file(tmp_path, GOOD, b"{\n", line([(2, 2, ["/PERSON"])])), "bbn")
    list(source)
    counted = {"train.json": source.counts.facts(), "documents": 3}
    with pytest.raises(
        LabelPolicyError, match=r"2 of 6 lines .* more than the 33\.0% of data\.bad_share: 1 x not JSON, 1 x"
    ):
        refuse_rubble(counted, 0.33, tmp_path)
    refuse_rubble(counted, 0.34, tmp_path)
    said = capsys.readouterr().err
    assert "train.json: 2 of 6 lines and mentions cannot be used and are left out" in said and "train.json:2:" in said


def sentence(place: int, text: str, document: str) -> Sentence:
    return Sentence(f"x:{place}", tuple(text.split()), document, ())


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("stuvwxyz")), max_size=12))
def test_documents_that_share_a_sentence_directly_or_through_others_are_joined(pairs):
    group = joined(sentence(place, text, document) for place, (document, text) in enumerate(pairs))
    together = {document: {document} for document, _ in pairs}  # the closure, by brute force
    for _ in pairs:
        for one, text in pairs:
            for other, same in pairs:
                if text == same:
                    union = together[one] | together[other]
                    for name in union:
                        together[name] = union
    assert {frozenset(found) for found in together.values()} == {
        frozenset(document for document in group if group[document] == name) for name in group.values()
    }


@pytest.mark.mirror
class TestGold:
    """The counts that the files were verified to have."""

    @staticmethod
    def read(name: str, folder: Path):
        corpus = ROWS[name].read(folder)
        splits = {name: list(documents) for name, documents in corpus.splits.items()}
        ids = [document.id for documents in splits.values() for document in documents]
        assert len(set(ids)) == len(ids)
        sentences = [{document.tokens for document in documents} for documents in splits.values()]
        groups = [{document.group for document in documents} for documents in splits.values()]
        assert not sentences[0] & sentences[1] and not groups[0] & groups[1]
        assert corpus.published is None and "a re-split, not the published" in corpus.variant
        refuse_rubble(corpus.counted, Data().bad_share, folder)
        return corpus, splits

    def test_bbn(self, mirror):
        corpus, splits = self.read("bbn_gold", mirror / "bbn")
        facts = corpus.counted["test.json"]
        assert (facts["lines"], facts["mentions"], facts["bad"]) == (6431, 13766, 484)
        assert set(facts["labels_outside_the_inventory"]) == {
            "/CONTACT_INFO/ADDRESS",
            "/CONTACT_INFO/PHONE",
            "/WORK_OF_ART/PAINTING",
        }
        assert corpus.counted["documents"] == 459
        assert sum(map(len, splits.values())) == 13282
        assert 0.2 <= len(splits["test"]) / 13282 < 0.22
        # The paper's 13,187 are those that are not /FAC alone.
        everything = [document for documents in splits.values() for document in documents]
        facilities = [d for d in everything if all(label.startswith("/FACILITY") for label in d.labels)]
        assert len(everything) - len(facilities) == ROWS["bbn"].published["testing"]

    def test_ontonotes(self, mirror):
        corpus, splits = self.read("ontonotes_gold", mirror / "ontonotes")
        assert corpus.counted["documents"] == 76
        assert sum(map(len, splits.values())) == 9495
        assert len({label for found in splits.values() for document in found for label in document.labels}) == 66

    def test_figer(self, mirror):
        corpus, splits = self.read("figer_gold", mirror / "figer")
        assert len(splits["test"]) == ROWS["figer"].published["testing"] == 563
        assert len({label for document in splits["test"] for label in document.labels}) == 43
        train = corpus.counted["1k-WFB-g_complete.json"]
        assert train["mentions"] == 2420 == len(splits["train"]) + train["mentions_without_a_label_of_the_inventory"]
        known = set(inventory("figer"))
        assert all(label in known for labels in counterparts().values() for label in labels)
        # Every type of 1k-WFB-g is in the inventory or in the table of counterparts.
        assert set(train["labels_outside_the_inventory"]) <= set(counterparts())
