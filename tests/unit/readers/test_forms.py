"""Documents in every form that people have: what is written is read, and every fault by file and line."""

import csv
import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labelpolicy.config import check
from labelpolicy.data.document_files import DocumentFiles
from labelpolicy.data.prepare import refuse_rubble
from labelpolicy.data.readers import own
from labelpolicy.errors import LabelPolicyError
from labelpolicy.steps.inspect import inspect

awkward = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"), min_size=1, max_size=40).filter(
    str.strip
)
names = st.sampled_from(["a", "b c", "été", "漢字", "x\"y'z"])
corpora = st.lists(st.tuples(awkward, st.frozensets(names, min_size=1)), min_size=2, max_size=12)


def read(path, **entry):
    """Text and labels of the training documents, all of which must be usable."""
    corpus = own.read(None, "mine", DocumentFiles(files=str(path), **entry))
    refuse_rubble(corpus.counted, 0, "")
    return [(document.parsed().text, set(document.labels)) for document in corpus.splits["train"]]


def cut(documents, separator=";"):
    return [[text, separator.join(sorted(labels))] for text, labels in documents]


def table(delimiter, encoding, end, start=""):
    def write(path, documents):
        out = io.StringIO(newline="")
        rows = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
        rows.writerows([["text", "labels"], *cut(documents)])
        path.write_bytes((start + out.getvalue()).encode(encoding))

    return write


def indicators(path, documents):
    labels = sorted({label for _, own in documents for label in own})
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["text", *labels])
        rows.writerows([[text, *(int(label in own) for label in labels)] for text, own in documents])


def listed(write):
    def to(path, documents):
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["text", "labels"], *([text, write(sorted(own))] for text, own in documents)])

    return to


def parquet(path, documents):
    pq.write_table(pa.table({"text": [t for t, _ in documents], "labels": [sorted(own) for _, own in documents]}), path)


def lines(path, documents, **more):
    made = "".join(json.dumps({"text": text, "labels": sorted(own)} | more) + "\n" for text, own in documents)
    path.write_bytes(gzip.compress(made.encode()) if path.suffix == ".gz" else made.encode())


def array(path, documents):
    path.write_text(json.dumps([{"text": text, "label": sorted(own)} for text, own in documents]))


def cats(path, documents):
    labels = sorted({label for _, own in documents for label in own})
    scored = [[text, {"cats": {label: float(label in own) for label in labels}}] for text, own in documents]
    path.write_text(json.dumps(scored))


FORMS = {
    "comma.csv": (table(",", "utf-8", "\n"), {"separator": ";"}),
    "excel.csv": (table(";", "utf-8-sig", "\r\n", "sep=;\r\n"), {"separator": ";"}),
    "windows.csv": (table(";", "utf-8-sig", "\r\n"), {"separator": ";"}),
    "unicode.csv": (table("\t", "utf-16", "\r\n"), {"separator": ";"}),
    "tabs.tsv": (table("\t", "utf-8", "\n"), {"separator": ";"}),
    "zeros.csv": (indicators, {"labels": ["a", "b c", "é*", "漢字", "x*"], "text": "text"}),
    "json.csv": (listed(json.dumps), {}),
    "python.csv": (listed(repr), {}),
    "columns.parquet": (parquet, {}),
    "lines.jsonl": (lines, {}),
    "lines.jsonl.gz": (lines, {}),
    "array.json": (array, {}),
    "spacy.json": (cats, {}),
}


@pytest.mark.parametrize("name", FORMS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(documents=corpora)
def test_what_is_written_is_read(tmp_path, name, documents):
    write, entry = FORMS[name]
    if name == "zeros.csv":  # a pattern for each label that there may be
        documents = [("all", frozenset(["a", "b c", "été", "漢字", "x\"y'z"])), *documents]
    write(tmp_path / name, documents)
    assert read(tmp_path / name, **entry) == [(text, set(own)) for text, own in documents]


TOOLS = {
    "train.svm": ("1,3 2:3 5:0.5 7:0\n3 2:1\n", [("2 2 2 5", {"1", "3"}), ("2", {"3"})]),
    "extreme.txt": ("2 9 4\n1,3 2:1\n0 2:2\n", [("2", {"1", "3"}), ("2 2", {"0"})]),
    "lml.txt": ("7\ta b\tone text\n8\tb\tmore, text\n", [("one text", {"a", "b"}), ("more, text", {"b"})]),
    "short.txt": ("a b\tone text\n", [("one text", {"a", "b"})]),
    "fast.txt": ("__label__a __label__b-c one text\n__label__a two\n", [("one text", {"a", "b-c"}), ("two", {"a"})]),
    "doccano.jsonl": ('{"id": 1, "data": "one text", "label": ["a"], "Comments": []}\n', [("one text", {"a"})]),
    "doccano.csv": ("id,data,label\n1,one text,a#b\n2,two words,b\n", [("one text", {"a", "b"}), ("two words", {"b"})]),
    "kaggle.csv": ("id,comment_text,rude,bad\n0,one,0,1\n1,two,1,1\n", [("one", {"bad"}), ("two", {"rude", "bad"})]),
    "one.csv": ("title,label\nfirst one,3\nanother,12\n", [("first one", {"3"}), ("another", {"12"})]),
}  # fmt: skip


@pytest.mark.parametrize("name", TOOLS)
def test_the_forms_of_other_tools(tmp_path, name):
    content, expected = TOOLS[name]
    (tmp_path / name).write_text(content)
    assert read(tmp_path / name) == expected


@pytest.mark.parametrize("name", [*TOOLS, "excel.csv", "python.csv"])
def test_what_inspect_prints_is_the_entry(tmp_path, name, capsys):
    if name in TOOLS:
        (tmp_path / name).write_text(TOOLS[name][0])
    else:
        FORMS[name][0](tmp_path / name, [("one, two", {"a", "b c"}), ('"three"', {"été"})])
    inspect(tmp_path / name, name="seen")
    entry = yaml.safe_load(capsys.readouterr().out)["data_sets"]["seen"]
    assert entry.pop("files") == str(tmp_path / name)
    assert read(tmp_path / name, **entry) == read(tmp_path / name)


@pytest.mark.parametrize("rows", ["2,0,x,1,0\n0,'1',y,0,1\n", "{0 2, 2 x, 3 1}\n{1 1, 2 y, 4 1}\n"])
def test_arff_with_the_labels_of_its_xml(tmp_path, rows):
    head = "% made\n@relation m\n@attribute 'w 1' numeric\n@attribute w2 numeric\n@attribute kind {x,y}\n"
    head += "@attribute sad {0,1}\n@attribute happy {0,1}\n@data\n"
    (tmp_path / "m.arff").write_text(head + rows)
    (tmp_path / "m.xml").write_text('<labels xmlns="http://mulan"><label name="sad"/><label name="happy"/></labels>')
    assert read(tmp_path / "m.arff") == [("w 1 w 1 kind=x", {"sad"}), ("w2 kind=y", {"happy"})]
    (tmp_path / "m.xml").unlink()
    with pytest.raises(LabelPolicyError, match=r"m\.arff: nothing says which attributes are labels"):
        read(tmp_path / "m.arff")
    (tmp_path / "m.arff").write_text(head.replace("relation m", "relation 'm: -C -2'") + rows)
    assert [labels for _, labels in read(tmp_path / "m.arff")] == [{"sad"}, {"happy"}]


GOOD = "id,text,labels\n" + "".join(f'{n},"words {n}\nmore",a;b\n' for n in range(40))
BAD = {  # the file, the entry, what is said
    "no such column": (GOOD, {"text": "body"}, r"data_sets\.mine\.text: 'body' is no column of .*train\.csv.*'labels'"),
    "no labels": ("text\nx\ny\n", {}, r"data_sets\.mine\.labels: none was given and .*'text'"),
    "delimiter": ("id^text^labels\n1^x^a\n", {"text": "text"}, r"'id\^text\^labels'.*another delimiter"),
    "width": (
        GOOD + "41,x\n" * 9,
        {},
        r"train\.csv: 9 of 49 .*9 x found 2 fields, expected 3; first: line 82: found 2",
    ),
    "indicator": ("text,a,b\nx,0,1\ny,2,1\n", {"labels": ["a", "b"]}, r"line 3: found '2 in a', expected 0 or 1"),
    "cut": (GOOD + '41,"cut', {}, r"train\.csv, line 82: a quoted cell without an end"),
    "encodings": (GOOD.encode() + "41,café,a\n".encode("cp1252") * 9, {}, r"line 82: not UTF-8.*encoding: cp1252"),
    "not Unicode": (b"id,text,labels\n1,\x81\x82,a\n", {"encoding": "cp1252"}, r"not all of it is cp1252"),
    "encoding": (GOOD, {"encoding": "utf8000"}, r"unknown encoding 'utf8000'"),
    "no list": ('text,labels\nx,"[""a""]"\ny,[a\n', {"separator": "[]"}, r"line 3: found '\[a', expected a list"),
    "twice": (GOOD + "1,x,a\n" * 9, {}, r"line 82: found '1, as in train\.csv, line 4', expected an id of its own"),
    "no text": (GOOD + "41, ,a\n" * 9, {}, r"line 82: a document without text"),
    "split": ("text,labels,part\nx,a,train\ny,a,later\n", {"split": "part"}, r"line 3: found 'later', expected train"),
    "two columns": ("text,text\nx,a\n", {}, r"train\.csv: two columns 'text'"),
    "empty": ("", {}, r"train\.csv: empty"),
    "a header alone": ("text,labels\n", {}, r"train\.csv: no documents"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_tables_are_refused_in_one_line(tmp_path, kind):
    content, entry, said = BAD[kind]
    path = tmp_path / "train.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(LabelPolicyError, match=f"(?s){said}") as error:
        corpus = own.read(None, "mine", DocumentFiles(files=str(path), **entry))
        refuse_rubble(corpus.counted, 0.05, "")
    assert "\n" not in str(error.value)


def test_a_few_bad_rows_are_counted_and_left_out(tmp_path, capsys):
    (tmp_path / "train.csv").write_text(GOOD + "41,x\n42,  ,a\n43,fine,b\n")
    corpus = own.read(tmp_path, "mine")
    assert len(list(corpus.splits["train"])) == 41
    refuse_rubble(corpus.counted, 0.05, "")
    said = capsys.readouterr().err
    assert "2 of 43" in said and "line 82: found 2 fields" in said and "line 83: a document without text" in said


def test_rows_longer_than_a_block(tmp_path, monkeypatch):
    monkeypatch.setattr("labelpolicy.data.tables.BLOCK", 64)
    texts = ["x" * 40, "short", "y" * 3000, "quoted, " * 9, *map(str, range(30))]
    listed(";".join)(tmp_path / "train.csv", [(text, ["a"]) for text in texts])
    assert [text for text, _ in read(tmp_path)] == texts


def test_columns_that_are_joined_groups_and_splits(tmp_path):
    content = "title,body,tags,group,split\nT,B,a,g,train\n,C,b,h,dev\nU,D,a|b,g,Test\n"
    (tmp_path / "all.csv").write_text(content)
    entry = DocumentFiles(files=str(tmp_path / "all.csv"), text=["title", "body"], separator="|")
    splits = {name: list(documents) for name, documents in own.read(None, "mine", entry).splits.items()}
    assert {name: [d.text for d in documents] for name, documents in splits.items()} == {
        "train": ["T\nB"], "valid": ["C"], "test": ["U\nD"]}  # fmt: skip
    assert splits["test"][0].labels == ("a", "b") and splits["train"][0].group == "g"


@pytest.mark.parametrize(
    ("files", "splits"),
    [
        ("train.csv test.csv", ["train", "test"]),
        ("my-train.csv my-dev.csv labels.tsv README.md", ["train", "valid"]),
        ("whatever.csv", ["train"]),
        ("train-00000-of-00002.csv train-00001-of-00002.csv", ["train"]),
        ("a.csv b.csv", "found a.csv, b.csv: expected train.csv"),
        ("train.csv train.tsv", "train.csv and train.tsv are both of train"),
        ("README.md", "found no file of documents"),
    ],
)
def test_a_folder_is_its_splits(tmp_path, files, splits):
    for file in files.split():
        (tmp_path / file).write_text("label\tparent\n" if file == "labels.tsv" else "text,labels\nx,a\n")
    if isinstance(splits, str):
        with pytest.raises(LabelPolicyError, match=splits):
            DocumentFiles().found(tmp_path)
    else:
        assert list(DocumentFiles().found(tmp_path)) == splits


@pytest.mark.parametrize("entry", [{"files": ["a"]}, {"files": {"test": "a"}}, {"test_fraction": 0}, {"txt": "a"}])
def test_a_wrong_entry_names_its_key(entry):
    with pytest.raises(LabelPolicyError, match=rf"params\.yaml: {next(iter(entry))}"):
        check(DocumentFiles, entry, "params.yaml")
