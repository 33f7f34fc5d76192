"""The prepared form keeps each document's text, for every corpus; who does not ask for it does not read it."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from stand_in import stand_in

from labelpolicy.data import encode, prepared
from labelpolicy.data.folds import joined, taken
from labelpolicy.data.parameters import Data, Synthetic
from labelpolicy.data.prepared import Prepared, Texts
from labelpolicy.data.readers import reuters
from labelpolicy.errors import LabelPolicyError
from labelpolicy.steps.prepare import prepare
from labelpolicy.steps.synthesise import synthesise

RANDOM = Data(vectors={"source": "random", "width": 4})
WORDS = ("Cocoa", "ROSE,", "fell;", "3.5", "Zürich", "½")


def words(number: int) -> list[str]:
    return [WORDS[(number + place) % len(WORDS)] for place in range(3 + number % 4)]


def prepared_texts(dataset: str, folder, parameters: Data = RANDOM) -> dict[str, str]:
    """The text of every document of the prepared form, by id."""
    prepare(dataset=dataset, raw=folder, parameters=parameters, output=folder.parent / "out")
    data = Prepared(folder.parent / "out")
    return {
        name: text
        for split in ("train", "valid", "test")
        for name, text in zip(data.split(split).ids, data.texts(split), strict=True)
    }


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    return folder


def json_lines(path, entries):
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")


def test_a_user_s_own_text_and_tokens(raw):
    source = {}
    for split in ("train", "test"):
        entries = []
        for number in range(20):
            name, text = f"{split}{number}", f"  {' '.join(words(number))}\n\tEnd.\n"
            given = {"text": text} if number % 2 else {"tokens": words(number)}
            entries.append({"id": name, "labels": ["x"], **given})
            source[name] = text if number % 2 else " ".join(words(number))
        json_lines(raw / f"{split}.jsonl", entries)
    assert prepared_texts("mine", raw) == source
    assert "joined by blanks" in Prepared(raw.parent / "out").facts["text"]


def test_goemotions(raw):
    source = {}
    for file in ("train.tsv", "dev.tsv", "test.tsv"):
        for number in range(12):
            source[f"{file}{number}"] = f"{' '.join(words(number))} 😀"
        rows = [f"{text}\t{n % 28}\t{name}\n" for n, (name, text) in enumerate(source.items()) if name.startswith(file)]
        (raw / file).write_text("".join(rows), encoding="utf-8")
    assert prepared_texts("goemotions", raw) == source


@pytest.mark.parametrize("form", ["sgml", "json"])
def test_reuters(raw, monkeypatch, pack, form):
    split = {"labels": ["cocoa"], "train": list(range(1, 21)), "test": [21]}
    monkeypatch.setattr(reuters, "beside", lambda name: split)
    stories = {str(n): (f"TITLE {n}", f"{' '.join(words(n)[:2])} &co\n Reuter") for n in range(1, 22)}
    if form == "sgml":
        content = "".join(
            f'<REUTERS NEWID="{n}"><TOPICS><D>cocoa</D></TOPICS><TEXT>&#2;<TITLE>{title}</TITLE>'
            f"<BODY>{body.replace('&', '&amp;')}\n&#3;</BODY></TEXT></REUTERS>"
            for n, (title, body) in stories.items()
        ).encode("latin-1")
        names, name = [f"reut2-{part:03d}.sgm" for part in range(22)], "small.tar.gz"
    else:
        content = json.dumps([{"id": n, "title": t, "body": b, "topics": ["cocoa"]} for n, (t, b) in stories.items()])
        content, name = content.encode(), "small.tgz"
        names = [f"package/data/full/{part}.json" for part in range(22)]
    archive = pack({each: content if each == names[0] else b"[]" for each in names}, name)
    archive.rename(raw / name)
    (raw / "source.json").write_text(json.dumps({"file": name}))
    assert prepared_texts("reuters21578", raw) == {n: f"{title}\n{body}" for n, (title, body) in stories.items()}


def test_rcv1_in_its_three_forms(raw):
    numbers = [1, 2, *range(30000, 30020)]
    (raw / "rcv1-v2.topics.qrels").write_text("".join(f"CCAT {number} 1\n" for number in numbers))
    plain = {str(number): ["wheat", "rose", f"w{number % 3}"] for number in numbers}

    parts = np.array_split(numbers[2:], 4)
    for name, chosen in zip(("train", *(f"test_pt{part}" for part in range(4))), [numbers[:2], *parts], strict=True):
        blocks = (f".I {n}\n.W\n{plain[str(n)][0]}  \n{' '.join(plain[str(n)][1:])}\n\n" for n in chosen)
        (raw / f"lyrl2004_tokens_{name}.dat").write_text("".join(blocks))
    assert prepared_texts("rcv1", raw) == {name: " ".join(tokens) for name, tokens in plain.items()}

    for path in raw.glob("*.dat"):
        path.unlink()
    (raw / "newsitems").mkdir()
    for number in numbers:
        xml = f"<newsitem><headline>Head &amp; {number}</headline><text><p>First.</p>\n<p>Café</p></text></newsitem>"
        (raw / "newsitems" / f"{number}newsML.xml").write_text(xml, encoding="utf-8")
    assert prepared_texts("rcv1", raw) == {str(n): f"Head & {n}\nFirst.\nCafé" for n in numbers}

    sample = raw.parent / "sample"
    sample.mkdir()
    json_lines(sample / "dev.json", [{"doc_label": ["CCAT"], "doc_token": [*words(n), f"{n}"]} for n in range(20)])
    assert prepared_texts("rcv1_sample", sample) == {f"dev-{n + 1}": " ".join([*words(n), f"{n}"]) for n in range(20)}


def test_generated_corpora(raw):
    synthesise(output=raw, parameters=Synthetic(documents=30, test_documents=10))
    lines = [json.loads(line) for split in ("train", "test") for line in (raw / f"{split}.jsonl").open()]
    assert prepared_texts("synthetic", raw) == {line["id"]: " ".join(line["tokens"]) for line in lines}

    folder = raw.parent / "made"
    (folder / "raw").mkdir(parents=True)
    (folder / "qrels").write_text("".join(f"CCAT {number} 1\n" for number in [*range(1, 9), *range(30000, 30032)]))
    json_lines(folder / "sample", [{"doc_label": ["CCAT"], "doc_token": ["Wheat"] * 30}])
    stand_in(qrels=folder / "qrels", sample=folder / "sample", output=folder / "raw")
    found = prepared_texts("rcv1_standin", folder / "raw")
    content = "".join(path.read_text() for path in (folder / "raw").glob("*.dat"))
    blocks = (block.split("\n.W\n") for block in content.split(".I ")[1:])
    assert found == {number: " ".join(text.split()) for number, text in blocks}


@pytest.fixture
def mentions(raw):
    """Two mentions a sentence; one sentence is longer than what the tokens keep. The wanted texts by id."""
    wanted = {}
    for split in ("train", "test"):
        lines = []
        for number in range(12):
            tokens = ["In", "New", "York", ",", "Intel"] if number else ["é"] * 200 + ["New", "York"] + ["z"] * 99
            spans = [(0, 1), (1, 3)] if number else [(0, 1), (200, 202)]
            found = [{"start": start, "end": end, "labels": ["/GPE"]} for start, end in spans]
            lines.append({"tokens": tokens, "mentions": found, "fileid": f"{split}{number}"})
            for place, (start, end) in enumerate(spans):
                wanted[f"{split}.json:{number + 1}:{place}"] = (" ".join(tokens), " ".join(tokens[start:end]))
        json_lines(raw / f"{split}.json", lines)
    return wanted


def test_mentions_have_the_whole_sentence_and_their_place_in_it(raw, mentions):
    found = prepared_texts("bbn", raw, RANDOM.model_copy(update={"validation_fraction": 0.2}))
    assert found == {name: text for name, (text, _) in mentions.items()}
    data = Prepared(raw.parent / "out")
    for split in ("train", "valid", "test"):
        texts = data.split(split).text
        for name, text, (start, end) in zip(data.split(split).ids, texts, texts.mentions, strict=True):
            assert text[start:end] == mentions[name][1]
    assert max(data.split("train").tokens.lengths) < 300


def test_own_mentions_have_their_place_too(raw):
    entries = [{"tokens": ["in", "New", "York"], "mention": [1, 3], "labels": ["x"]} for _ in range(20)]
    for split in ("train", "test"):
        json_lines(raw / f"{split}.jsonl", entries)
    assert set(prepared_texts("mine", raw).values()) == {"in New York"}
    texts = Prepared(raw.parent / "out").texts("train")
    assert texts.mentions.tolist() == [[3, 11]] * 18
    assert list(texts.titled()) == ["New York\nin New York"] * 18


@pytest.fixture
def data(raw):
    synthesise(output=raw, parameters=Synthetic(documents=60, test_documents=10))
    prepare(dataset="synthetic", raw=raw, parameters=RANDOM, output=raw.parent / "out")
    return Prepared(raw.parent / "out")


@pytest.mark.parametrize("rows_read", [1, 7, 1000])
def test_texts_of_some_documents_of_two_splits(data, monkeypatch, rows_read):
    monkeypatch.setattr(prepared, "ROWS_READ", rows_read)
    both = joined(data.split("train"), data.split("valid"))
    assert list(both.text) == list(both.text.titled()) == [*data.texts("train"), *data.texts("valid")]
    rows = np.array([0, 3, 4, 20, 55, 59])
    some = taken(both, rows)
    assert list(some.text) == [list(both.text)[row] for row in rows]
    assert list(some.text) == list(some.text)  # read again


def test_reading_tokens_reads_no_text(data, monkeypatch):
    columns = []
    original = pq.ParquetFile.iter_batches
    monkeypatch.setattr(
        pq.ParquetFile, "iter_batches", lambda *a, **k: columns.extend(k["columns"]) or original(*a, **k)
    )
    split = data.split("train")
    assert columns and not any(name.startswith("text") for name in columns)
    assert len(list(split.text)) == len(split) and "text" in columns


def test_a_form_without_text_says_what_to_do(data):
    path = data.folder / "train.parquet"
    pq.write_table(pq.read_table(path).drop_columns("text"), path)
    assert len(Prepared(data.folder).split("train")) == 54  # the tokens are there
    with pytest.raises(LabelPolicyError, match=r"train\.parquet: no column 'text'; .* run the step"):
        list(Texts((path,)))


def test_the_same_bytes_of_text_from_any_number_of_processes(raw, mentions, tmp_path, monkeypatch):
    monkeypatch.setattr(encode, "CHUNK", 4)
    monkeypatch.setattr(encode, "SMALL", 1)
    parameters = RANDOM.model_copy(update={"validation_fraction": 0.2})
    for processes in (1, 2):
        prepare(dataset="bbn", raw=raw, parameters=parameters, output=tmp_path / f"{processes}", processes=processes)
    for path in (tmp_path / "1").iterdir():
        assert path.read_bytes() == (tmp_path / "2" / path.name).read_bytes()


def test_text_that_is_not_unicode(raw):
    line = '{"doc_label": ["CCAT"], "doc_token": ["a", "\\ud800"]}\n'
    (raw / "dev.json").write_text(line * 3)
    with pytest.raises(LabelPolicyError, match=r"dev\.json, line 1: UnicodeEncodeError: .*surrogates"):
        prepared_texts("rcv1_sample", raw)
