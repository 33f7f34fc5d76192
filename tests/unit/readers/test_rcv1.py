"""RCV1-V2 in its three forms; every fault by file and line."""

import gzip
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from labelpolicy.data.corpus import Spaced
from labelpolicy.data.parameters import Data
from labelpolicy.data.prepared import Prepared
from labelpolicy.data.readers import rcv1
from labelpolicy.errors import LabelPolicyError
from labelpolicy.steps.prepare import prepare

RANDOM = Data(vectors={"source": "random", "width": 4})
TEST = {1: "wheat rose", 2: "corn fell\ncorn rose"}
TRAIN = {30000 + n: f"wheat corn rose\nfell w{n % 3}" for n in range(12)}
XML = (
    '<?xml version="1.0" encoding="iso-8859-1" ?>\n<newsitem itemid="{number}"><title>left out</title>'
    "<headline>Caf\xe9 &amp; bar</headline><text>\n<p>First {number}.</p>\n<p>Second&#46;</p>\n</text>"
    "<copyright>left out</copyright></newsitem>"
)


def block(number, text):
    return f".I {number}\n.W\n{text}\n\n"


@pytest.fixture
def tokens(tmp_path):
    """The folder as a user has it: token files and qrels, with a topic for each document."""
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "lyrl2004_tokens_train.dat").write_text("".join(block(*item) for item in TEST.items()))
    for part, items in enumerate(np.array_split(list(TRAIN.items()), 4)):
        (raw / f"lyrl2004_tokens_test_pt{part}.dat").write_text("".join(block(*item) for item in items))
    lines = [f"{topic} {number} 1\n" for number in [*TEST, *TRAIN] for topic in ("CCAT", "C11")]
    (raw / rcv1.QRELS).write_text("".join(lines))
    return raw


@pytest.fixture
def newsitems(tokens):
    """The same documents as newsitems: the test documents in a .zip file, the others as files in a folder."""
    for path in tokens.glob("*.dat"):
        path.unlink()
    day = tokens / rcv1.NEWSITEMS / "19970101"
    day.mkdir(parents=True)
    with zipfile.ZipFile(day.parent / "19960820.zip", "w") as archive:
        archive.writestr("newsML.dtd", "not a document")
        for number in TEST:
            archive.writestr(f"{number}newsML.xml", XML.format(number=number).encode("latin-1"))
    for number in TRAIN:
        (day / f"{number}newsML.xml").write_bytes(XML.format(number=number).encode("latin-1"))
    return tokens


def documents(raw):
    return {name: list(split) for name, split in rcv1.read(raw).splits.items()}


def test_the_split_of_the_token_files_is_swapped(tokens):
    corpus = rcv1.read(tokens)
    assert len(corpus.labels) == 103 and corpus.labels == sorted(corpus.labels)
    assert corpus.parents["C11"] == "CCAT" and "CCAT" not in corpus.parents
    assert corpus.published == {"labels": 103, "labels_per_document": 3.24, "training": 781265, "testing": 23149}
    assert corpus.variant is None
    found = documents(tokens)
    assert [document.id for document in found["test"]] == ["1", "2"]
    assert [document.id for document in found["train"]] == [str(number) for number in TRAIN]
    assert found["test"][1].words() == ["corn", "fell", "corn", "rose"]  # as they are, line ends are spaces
    assert all(document.labels == ("C11", "CCAT") for split in found.values() for document in split)


def test_packed_files_read_alike(tokens):
    before = documents(tokens)
    for path in list(tokens.iterdir()):
        Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert documents(tokens) == before


def test_newsitems(newsitems):
    found = documents(newsitems)
    assert [document.id for document in found["test"]] == ["1", "2"]
    assert [document.id for document in found["train"]] == [str(number) for number in TRAIN]
    assert found["test"][0].parsed().words() == ["café", "bar", "first", "1", "second"]
    assert found["train"][0].parsed().words()[-2:] == ["30000", "second"]


@pytest.mark.parametrize("form", ["tokens", "newsitems"])
def test_what_is_in_one_file_only_is_counted(form, request, tmp_path):
    raw = request.getfixturevalue(form)
    lines = (raw / rcv1.QRELS).read_text().replace("CCAT 30001 1\n", "").replace("C11 30001 1\n", "")
    (raw / rcv1.QRELS).write_text(f"{lines}GCAT 999 1\nGCAT 999 1\nGCAT 40000 1\nC11 30002 1\n")
    prepare(dataset="rcv1", raw=raw, parameters=RANDOM, output=tmp_path / "out")
    facts = Prepared(tmp_path / "out").facts
    counted = facts["counted"]
    assert counted["documents_without_topics"] == {"train": 1, "test": 0}
    assert counted["documents_with_topics_but_no_text"] == {"train": 1, "test": 1}
    assert len(counted["topics_without_documents"]) == 100 and "GCAT" not in counted["topics_without_documents"]
    assert sum(facts["documents"].values()) == len(TEST) + len(TRAIN) - 1
    assert facts["labels_per_document"]["all"] == 2  # a line twice counts once
    assert "test documents: 2 here, 23149 published" in facts["differences"]


def test_the_copy_of_the_hierarchy_is_the_original(tokens):
    """Both public forms, written from the copy, read back as it."""
    known = rcv1.read_hierarchy(tokens)
    assert len(known) == 103 and sum(not parent for parent in known.values()) == 4
    edges = [(parent or "Root", child) for child, parent in known.items()]
    (tokens / rcv1.TAXONOMY).write_text("".join(f"{parent}\t{child}\n" for parent, child in edges))
    assert rcv1.read_hierarchy(tokens) == known
    (tokens / rcv1.TAXONOMY).unlink()
    lines = [f"parent: {parent} child: {child} child-description: X Y\n" for parent, child in edges]
    (tokens / rcv1.HIERARCHY).write_text("parent: None child: Root child-description: Root\n" + "".join(lines))
    assert rcv1.read_hierarchy(tokens) == known


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        (rcv1.TAXONOMY, "Root\tCCAT\nCCAT\tC11\nRoot\tC11\n", r"line 3: topic 'C11' has a parent already"),
        (rcv1.TAXONOMY, "Root\tCCAT\nMCAT\tC11\n", r"topic 'MCAT', the parent of 'C11', hangs nowhere"),
        (rcv1.TAXONOMY, "Root\tCCAT\n", r"qrels, line 2: topic 'C11' is not in the hierarchy"),
        (
            rcv1.HIERARCHY,
            "parent: Root child: CCAT\nCCAT C11\n",
            r"orig, line 2: found 'CCAT C11', expected 'parent:",
        ),
    ],
)
def test_faults_of_the_hierarchy(tokens, name, content, fault):
    (tokens / name).write_text(content)
    with pytest.raises(LabelPolicyError, match=fault):
        rcv1.read(tokens)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("CCAT 30000", "found 'CCAT 30000', expected three fields"),
        ("CCAT 30000 1 1", "expected three fields"),
        ("CCAT x 1", "found 'CCAT x 1'"),
        ("CCAT -3 1", "expected a document number up to"),
        ("CCAT 99999999 1", "expected a document number up to"),
        ("XXX 30000 1", "topic 'XXX' is not in the hierarchy"),
    ],
)
def test_faults_of_the_qrels(tokens, line, fault):
    path = tokens / rcv1.QRELS
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:6], line, *lines[7:]]))
    with pytest.raises(LabelPolicyError, match=rf"qrels, line 7: .*{fault}") as error:
        rcv1.read(tokens)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "line", "fault"),
    [
        (".I\n.W\nx\n", 1, r"found '\.I', expected blocks of '\.I' and a document number"),
        (".I one\n.W\nx\n", 1, r"found '\.I one', expected blocks of '\.I' and a document number"),
        (".W\nx\n", 1, r"found '\.W', expected blocks of '\.I' and a document number"),
        (block(1, "x") + "\n.W\nx\n", 6, r"found '\.W', expected blocks of '\.I' and a document number"),
        ("stray\n.I 1\n.W\nx\n", 1, r"found 'stray', expected blocks"),
        (block(1, "x") + block(2, "y") + block(1, "z"), 9, "a second document 1, expected one"),
        (block(1, "x") + block(2, "") + block(3, "z"), 5, "document 2 has no tokens"),
        (block(1, "x") + block(2, " "), 5, "document 2 has no tokens"),
        (".I 1\n.I 2\n.W\nx\n", 1, "document 1 has no tokens"),
        (block(30000, "x"), 1, "document 30000, expected numbers up to 26150"),
        (".X 1\n", 1, r"found '\.X 1'"),
    ],
)
def test_faults_of_a_token_file(tokens, tmp_path, content, line, fault):
    (tokens / "lyrl2004_tokens_train.dat").write_text(content)
    (tokens / rcv1.QRELS).write_text((tokens / rcv1.QRELS).read_text() + "CCAT 3 1\n")
    with pytest.raises(LabelPolicyError, match=rf"train\.dat, line {line}: .*{fault}") as error:
        prepare(dataset="rcv1", raw=tokens, parameters=RANDOM, output=tmp_path / "out")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["lyrl2004_tokens_test_pt2.dat", rcv1.QRELS])
@pytest.mark.parametrize("damage", [lambda content: content[:-20], lambda content: b"hello"])
def test_a_gzip_file_cut_short(tokens, tmp_path, name, damage):
    content = gzip.compress((tokens / name).read_bytes())
    (tokens / name).unlink()
    (tokens / f"{name}.gz").write_bytes(damage(content))
    with pytest.raises(LabelPolicyError, match=rf"{re.escape(name)}\.gz, after line \d+: cut short or not gzip"):
        prepare(dataset="rcv1", raw=tokens, parameters=RANDOM, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_empty_or_missing_part(tokens):
    part = tokens / "lyrl2004_tokens_test_pt3.dat"
    part.write_text("")
    with pytest.raises(LabelPolicyError, match=r"pt3\.dat: no documents"):
        documents(tokens)
    part.unlink()
    with pytest.raises(LabelPolicyError, match=r"found neither lyrl2004_tokens_test_pt3\.dat nor .*\.gz, expected one"):
        rcv1.read(tokens)
    part.write_text(block(30000, "x"))
    Path(f"{part}.gz").write_bytes(b"")
    with pytest.raises(LabelPolicyError, match="found both lyrl2004_tokens_test_pt3"):
        rcv1.read(tokens)


def test_a_folder_with_no_form_or_two(tokens):
    (tokens / rcv1.NEWSITEMS).mkdir()
    with pytest.raises(LabelPolicyError, match=r"found token files \(\.dat\) and newsitems/, expected one of"):
        rcv1.read(tokens)
    empty = tokens / rcv1.NEWSITEMS
    with pytest.raises(LabelPolicyError, match="found no documents, expected one of"):
        rcv1.read(empty)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("<newsitem>", "not XML"),
        ("<newsitem><headline>...</headline><text> </text></newsitem>", "no tokens left"),
        ("<newsitem/>", "no tokens left"),
        ('<?xml version="1.0" encoding="unheard-of"?><newsitem/>', "not XML"),
    ],
)
def test_faults_of_a_newsitem(newsitems, tmp_path, content, fault):
    (newsitems / rcv1.NEWSITEMS / "19970101" / "30003newsML.xml").write_text(content)
    with pytest.raises(LabelPolicyError, match=rf"30003newsML\.xml: {fault}"):
        prepare(dataset="rcv1", raw=newsitems, parameters=RANDOM, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_broken_zip_file_and_a_newsitem_twice(newsitems):
    path = newsitems / rcv1.NEWSITEMS / "19960820.zip"
    (path.parent / "again.zip").write_bytes(path.read_bytes())
    with pytest.raises(LabelPolicyError, match=r"again\.zip: member 1newsML\.xml: a second document 1"):
        list(rcv1.read(newsitems).splits["test"])
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(LabelPolicyError, match=r"19960820\.zip: not a readable \.zip file"):
        list(rcv1.read(newsitems).splits["test"])


def json_lines(folder, lines):
    with gzip.open(folder / "rcv1_dev.json.gz", "wt") as file:
        file.writelines(f"{line}\n" for line in lines)
    return folder


def test_json_lines_are_a_sample_divided_at_random(tmp_path):
    lines = [
        json.dumps({"doc_label": ["C11", "CCAT"], "doc_token": ["Wheat", "ROSE", f"{n // 2}", "/"]}) for n in range(40)
    ]
    corpus = rcv1.read(json_lines(tmp_path, lines))
    train, test = (list(corpus.splits[name]) for name in ("train", "test"))
    assert (len(train), len(test)) == (32, 8)
    assert not {d.text for d in train} & {d.text for d in test}  # the same text twice is not on both sides
    assert train[0].words()[:2] == ["wheat", "rose"] and len(train[0].words()) == 3
    assert "a sample: 40 documents" in corpus.variant and "re-split at random into 32" in corpus.variant
    assert corpus.published is None and len(corpus.labels) == 103
    assert {d.id for d in train + test} == {f"rcv1_dev-{n + 1}" for n in range(40)}


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{", "JSONDecodeError"),
        ('{"doc_label": ["C11"]}', "KeyError"),
        ('{"doc_label": ["C11"], "doc_token": [1]}', "TypeError"),
        ("[]", "TypeError"),
        ('{"doc_label": ["XXX"], "doc_token": ["a"]}', "topic 'XXX' is not in the hierarchy"),
        ('{"doc_label": ["C11"], "doc_token": ["..."]}', "no tokens left"),
    ],
)
def test_faults_of_json_lines(tmp_path, line, fault):
    good = '{"doc_label": ["C11"], "doc_token": ["a"]}'
    with pytest.raises(LabelPolicyError, match=rf"rcv1_dev\.json\.gz, line 2: .*{fault}"):
        rcv1.read(json_lines(tmp_path, [good, line]))


def test_generated_text_says_so(tokens):
    (tokens / "source.json").write_text('{"kind": "synthetic"}')
    corpus = rcv1.read(tokens)
    assert corpus.published is None and "generated text" in corpus.variant


def test_spaced_tokens():
    assert Spaced("1", (), "caf\xe9 a\n b\tc").words() == ["café", "a", "b", "c"]


@pytest.mark.mirror
def test_the_paper_s_split_from_the_real_qrels(mirror):
    path = mirror / "rcv1" / "rcv1-v2.topics.qrels.gz"
    if not path.is_file():
        pytest.skip(f"no {path}")
    labels = sorted(rcv1.read_hierarchy(mirror / "rcv1"))
    assert labels == sorted(rcv1.read_hierarchy(mirror))  # the copy beside the module
    topics = rcv1.read_qrels(path, labels)
    assert (len(labels), topics.unused()) == (103, [])
    assert len(topics.topics.values) == 2_606_875
    test = topics.documents <= rcv1.LAST_OF_LYRL_TRAIN
    assert (int((~test).sum()), int(test.sum())) == (781_265, 23_149)
    assert round(len(topics.topics.values) / len(topics.documents), 2) == 3.24
    assert topics.of(2286) == ("E11", "ECAT", "M11", "M12", "MCAT") and topics.of(1) == topics.of(10**7) == ()


@pytest.mark.mirror
def test_the_real_sample(mirror, tmp_path):
    path = mirror / "rcv1" / "rcv1_dev.json.gz"
    if not path.is_file():
        pytest.skip(f"no {path}")
    (tmp_path / path.name).write_bytes(path.read_bytes())
    corpus = rcv1.read(tmp_path)
    found = [document for split in corpus.splits.values() for document in split]
    assert len(found) == 2316 and len({label for document in found for label in document.labels}) == 98
    assert round(np.mean([len(document.labels) for document in found]), 2) == 3.20
    assert len(corpus.splits["test"]) == 463
