"""New documents in, predictions out: in every form, line by line, whole or not at all."""

import csv
import gzip
import io
import json
import re
import shlex
import shutil
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import small_study

from labelpolicy import load
from labelpolicy.data.foreign import read_matrix
from labelpolicy.data.parameters import Data, Vectors
from labelpolicy.data.predictions import label_sets, prediction_table
from labelpolicy.data.prepared import Prepared
from labelpolicy.errors import LabelPolicyError
from labelpolicy.parameters import Study
from labelpolicy.steps.crossfit import crossfit
from labelpolicy.steps.decide import decide
from labelpolicy.steps.keep import keep
from labelpolicy.steps.predict import predict
from labelpolicy.steps.prepare import prepare
from labelpolicy.steps.train import train
from labelpolicy.thresholds import ThresholdParameters

HOW = {"device": "cpu", "threads": 1}


def parameters(classifier: str):
    return getattr(Study.model_validate({"classifiers": {"linear": {"epochs": 3}}}).classifiers, classifier)


@pytest.fixture(scope="module")
def model(synthetic, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    files = {"scores": folder / "scores.parquet", "history": folder / "history.parquet", "model": folder / "model"}
    train(synthetic, "linear", parameters("linear"), thresholds=["shared+one", "fixed"], **files, **HOW)
    return folder / "model"


@pytest.fixture(scope="module")
def documents(synthetic) -> list[dict]:
    ids, texts = Prepared(synthetic).split("test").ids, Prepared(synthetic).texts("test")
    return [{"id": name, "text": text} for name, text in zip(ids, texts, strict=True)]


def written(documents: list[dict], path: Path) -> Path:
    plain = Path(path.name.removesuffix(".gz")).suffix
    if plain == ".parquet":
        pq.write_table(pa.Table.from_pylist(documents), path, row_group_size=7)
        return path
    with gzip.open(path, "wt") if path.suffix == ".gz" else path.open("w", newline="") as file:
        if plain == ".jsonl":
            file.writelines(json.dumps(document) + "\n\n" for document in documents)
        elif plain == ".txt":
            file.writelines(document["text"] + "\r\n" for document in documents)
        else:
            rows = csv.DictWriter(file, list(documents[0]), delimiter="," if plain == ".csv" else "\t")
            rows.writeheader()
            rows.writerows(documents)
    return path


def labels_in(path: Path) -> list[list[str]]:
    if path.suffix == ".parquet":
        return pq.read_table(path)["labels"].to_pylist()
    if path.suffix == ".jsonl":
        return [json.loads(line)["labels"] for line in path.read_text().splitlines()]
    if path.suffix == ".txt":
        return [line.split(";") if line else [] for line in path.read_text().splitlines()]
    with path.open(newline="") as file:
        rows = csv.DictReader(file, delimiter="," if path.suffix == ".csv" else "\t")
        return [row["labels"].split(";") if row["labels"] else [] for row in rows]


@pytest.mark.parametrize(
    "source", ["new.jsonl", "new.csv", "new.tsv", "new.parquet", "new.txt", "new.jsonl.gz", "new.csv.gz"]
)
@pytest.mark.parametrize("target", ["out.jsonl", "out.csv", "out.tsv", "out.parquet", "out.txt"])
def test_every_form_in_and_out(source, target, model, documents, tmp_path):
    predict(model, written(documents, tmp_path / source), tmp_path / target, thresholds="fixed")
    assert labels_in(tmp_path / target) == load(model).predict([each["text"] for each in documents], "fixed")


@pytest.mark.parametrize("target", ["out.jsonl", "out.csv", "out.parquet"])
def test_scores_are_the_same_float32_in_every_form(target, model, documents, tmp_path):
    predict(model, written(documents, tmp_path / "new.jsonl"), tmp_path / target, scores=True)
    path, labels = tmp_path / target, load(model).labels
    if target.endswith("parquet"):
        table = pq.read_table(path)
        found, ids = np.stack(table["scores"].to_numpy()), table["id"].to_pylist()
        assert json.loads(table.schema.metadata[b"labelpolicy"]) == {"labels": labels}
    else:
        rows = [json.loads(line) for line in path.open()] if "jsonl" in target else list(csv.DictReader(path.open()))
        found = np.array([[row.get("scores", row)[label] for label in labels] for row in rows]).astype(np.float32)
        ids = [row["id"] for row in rows]
    assert ids == [each["id"] for each in documents]
    np.testing.assert_array_equal(found, load(model).predict_proba(documents))
    again = read_matrix(path)  # for `labelpolicy thresholds` and `evaluate`
    np.testing.assert_array_equal(again.values.astype(np.float32), found)
    assert (again.labels, again.ids) == (labels, ids)


def test_a_model_decides_as_the_study_does(model, synthetic, documents, tmp_path):
    """The same scores to the last bit, and the same labels, from the raw text on."""
    scores = model.parent / "scores.parquet"
    decide(synthetic, ["shared+one"], scores, tmp_path, ThresholdParameters(), csv=True, with_scores=True)
    of_study = tmp_path / "shared+one/predictions.parquet"
    new = written(documents, tmp_path / "new.csv")
    predict(model, new, tmp_path / "out.parquet", scores=True)
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == pq.read_table(of_study).to_pylist()
    predict(model, new, tmp_path / "out.csv", scores=True)
    assert (tmp_path / "out.csv").read_text() == (of_study.with_suffix(".csv")).read_text()
    predict(model, new, tmp_path / "file.jsonl", thresholds=str(tmp_path / "shared+one/thresholds.json"))
    assert labels_in(tmp_path / "file.jsonl") == labels_in(of_study)


@pytest.mark.parametrize("classifier", ["linear", "linear_svc"])
def test_a_model_of_kept_scores_is_that_of_the_scores(classifier, synthetic, tmp_path, capsys):
    """Of held-out and of out-of-fold scores, trained again or from the kept classifier, to the last byte."""
    of, kept = {"parameters": parameters(classifier)} | HOW, tmp_path / "fitted.safetensors"
    files = {"scores": tmp_path / "scores.parquet", "history": tmp_path / "history.parquet"}
    train(synthetic, classifier, model=tmp_path / "a", **files, **of)
    oof = {"history": files["history"], "output": tmp_path / "oof.parquet", "folds": 2, "by": "labels"}
    crossfit(synthetic, classifier, model=tmp_path / "b", fitted_file=kept, **oof, **of)
    keep(synthetic, classifier, scores=files["scores"], model=tmp_path / "a2", **of)
    keep(synthetic, classifier, scores=oof["output"], history=files["history"], model=tmp_path / "b2", **of)
    keep(synthetic, classifier, scores=oof["output"], fitted_file=kept, model=tmp_path / "b3", **of)
    for first, second in (("a", "a2"), ("b", "b2"), ("b", "b3")):
        for file in (tmp_path / first).iterdir():
            assert file.read_bytes() == (tmp_path / second / file.name).read_bytes(), file
    assert "warning" not in capsys.readouterr().err
    with pytest.raises(LabelPolicyError, match="off by"):
        keep(synthetic, classifier, scores=files["scores"], fitted_file=kept, model=tmp_path / "c", **of)
    assert not (tmp_path / "c").exists()


def test_standard_input_and_output(model, documents, monkeypatch, capsys):
    texts = [each["text"] for each in documents]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("\n".join(texts).encode())))
    predict(model, Path("-"))
    expected = "".join(";".join(row) + "\n" for row in load(model).predict(texts))
    done = capsys.readouterr()
    assert done.out == expected and "documents" in done.err
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"body": "x", "number": 7}\n')))
    predict(model, Path("-"), read_as="jsonl", text=["body"], ident="number")
    assert json.loads(capsys.readouterr().out)["id"] == "7"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("new.jsonl", '{"text": "a"}\n{"text": "b"\n', r"new\.jsonl, line 2: not JSON"),
        ("new.jsonl", '{"text": "a"}\n\n[1]\n', r"line 3: found list"),
        ("new.jsonl", '{"text": null}\n', r"line 1: found text None"),
        ("new.jsonl", '{"tokens": ["a"], "mention": [0, 1]}\n', r"line 1: found a document as mention"),
        ("new.csv", "id,words\n1,a\n", r"no column 'text'; found id, words"),
        ("new.csv", "text,text\na,b\n", r"two columns 'text'"),
        ("new.csv", "id,text\n1,a\n2,b,c\n", r"line 3: found 3 fields, expected 2"),
        ("new.csv", 'id,text\n1,"a\n', r"new\.csv, line 2"),
        ("new.csv", "", r"new\.csv: empty, expected a line"),
        ("new.csv", "id,text\n,a\n", r"line 2: found id ''"),
        ("new.txt", b"a\n\xe4\n", r"line 2: not UTF-8"),
        ("new.docx", "a", r"new\.docx.*expected one of"),
        ("new.parquet", "text\n", r"new\.parquet: not a readable Parquet file"),
        ("none.csv", None, r"none\.csv: no such file"),
    ],
)
def test_bad_documents_are_one_line_and_nothing_is_written(name, content, message, model, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    before = set(tmp_path.iterdir())
    with pytest.raises(LabelPolicyError, match=message):
        predict(model, tmp_path / name, tmp_path / "out.csv")
    assert set(tmp_path.iterdir()) == before


def test_a_parquet_file_without_text_is_named(model, tmp_path):
    pq.write_table(pa.table({"id": ["1"], "words": ["a"]}), tmp_path / "new.parquet")
    with pytest.raises(LabelPolicyError, match="no column 'text'; found id, words"):
        predict(model, tmp_path / "new.parquet", tmp_path / "out.csv")
    predict(model, tmp_path / "new.parquet", tmp_path / "out.csv", text=["words"])
    pq.write_table(pa.table({"text": pa.array(["a", None])}), tmp_path / "new.parquet")
    with pytest.raises(LabelPolicyError, match="row 2: found text None"):
        predict(model, tmp_path / "new.parquet", tmp_path / "out.csv")


def test_what_one_field_cannot_hold_is_refused(model, documents, tmp_path):
    new = written(documents, tmp_path / "new.jsonl")
    with pytest.raises(LabelPolicyError, match="separator"):
        predict(model, new, tmp_path / "out.csv", separator=load(model).labels[0][0])
    with pytest.raises(LabelPolicyError, match="no place for scores"):
        predict(model, new, tmp_path / "out.txt", scores=True)
    with pytest.raises(LabelPolicyError, match="Parquet is no stream"):
        predict(model, new, Path("-"), write_as="parquet")
    assert not list(tmp_path.glob("out*"))


def test_unknown_words_are_told(model, tmp_path, capsys):
    (tmp_path / "new.txt").write_text("zzzz yyyy\n\n")
    predict(model, tmp_path / "new.txt", tmp_path / "out.txt")
    done = capsys.readouterr().err
    assert "100.0% of the words" in done and "warning: 2 documents" in done


def test_training_keeps_something(synthetic, tmp_path):
    with pytest.raises(LabelPolicyError, match="--model"):
        train(synthetic, "linear", parameters("linear"), history=tmp_path / "h.parquet", **HOW)
    with pytest.raises(LabelPolicyError, match="goes with --model"):
        train(synthetic, "linear", parameters("linear"), scores=tmp_path / "s.parquet", thresholds=["shared"], **HOW)


@pytest.mark.parametrize(
    ("name", "message"), [("best", "unknown thresholds 'best'"), ("shared+oof", "held-out"), ("pcut", "pcut")]
)
def test_thresholds_that_no_model_can_have(name, message, synthetic, tmp_path):
    with pytest.raises(LabelPolicyError, match=message):
        train(synthetic, "linear_svc", parameters("linear_svc"), model=tmp_path / "m", thresholds=[name], **HOW)
    assert not list(tmp_path.iterdir())


def test_descriptions_of_labels_go_all_the_way_into_the_folder_of_a_model(synthetic, tmp_path):
    raw = shutil.copytree(synthetic.parent / "raw", tmp_path / "raw")
    header, *labels = (raw / "labels.tsv").read_text().splitlines()
    said = {labels[0].split("\t")[0]: "w0369; w0301", labels[1].split("\t")[0]: "w0001"}
    rows = [f"{line}\t{said.get(line.split(chr(9))[0], '')}" for line in labels]
    (raw / "labels.tsv").write_text("\n".join([f"{header}\tdescription", *rows]) + "\n")
    data = tmp_path / "prepared"
    prepare("synthetic", data, Data(vectors=Vectors(source="random", width=8)), raw=raw)
    described = Prepared(data)
    assert described.descriptions == [said.get(label) for label in described.labels]
    assert Prepared(synthetic).descriptions is None
    files = {"scores": tmp_path / "scores.parquet", "model": tmp_path / "model"}
    train(data, "linear_svc", parameters("linear_svc"), thresholds=["sets"], **files, **HOW)
    assert json.loads((tmp_path / "model/thresholds.json").read_text())["sets"]["sets"]["descriptions"] == said
    loaded = load(tmp_path / "model")  # the words of a new document count
    found = loaded.thresholds["sets"].decision.names.counts(["w0301", "w0002"])
    described_first = described.labels.index(next(iter(said)))
    assert found[0, described_first] and not found[1].any()
    decide(data, ["sets"], tmp_path / "scores.parquet", tmp_path / "decided", ThresholdParameters())
    assert json.loads((tmp_path / "decided/sets/thresholds.json").read_text())["descriptions"] == said


def test_label_sets_by_brute_force():
    random = np.random.default_rng(0)
    for shape in ((0, 3), (1, 1), (7, 4)):
        y_pred, names = random.random(shape) < 0.4, [f"l{j}" for j in range(shape[1])]
        expected = [[name for name, chosen in zip(names, row, strict=True) if chosen] for row in y_pred]
        assert list(label_sets(names, y_pred)) == expected
        assert prediction_table([str(i) for i in range(shape[0])], names, y_pred)["labels"].to_pylist() == expected


def test_the_page_s_commands_run_as_they_stand(synthetic, documents, tmp_path, monkeypatch):
    """Each line of docs/train-save-predict.md, and its Python, on documents of one's own."""
    page = (Path(__file__).parents[3] / "docs/train-save-predict.md").read_text()
    shutil.copytree(synthetic.parent / "raw", tmp_path / "data/raw/mine")
    written(documents, tmp_path / "new.jsonl")
    written(
        [{"id": each["id"], "number": each["id"], "body": "w0369", "text": "w0301"} for each in documents],
        tmp_path / "new.csv",
    )
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"w0369\n")))
    lines = [line for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    commands = [line.rpartition("| ")[2] for line in lines if "labelpolicy " in line]
    assert len(commands) == 12
    for command in commands:
        done = small_study.run(shlex.split(command)[1:], tmp_path)
        assert done.status == 0 and not done.trace, f"{command}: {done.stderr}{done.trace}"
    assert (tmp_path / "predictions.csv").is_file() and load(tmp_path / "best").thresholds
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict = {}
    monkeypatch.chdir(tmp_path)
    exec(block, names)
    assert names["scores"].shape == (1, 5) and len(names["labels"]) == 2
