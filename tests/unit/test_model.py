"""A model is a folder: saved and loaded, it scores to the last bit alike; what is wrong with it is one line."""

import json
import subprocess
import sys

import numpy as np
import pytest

from labelpolicy.classifiers import registry
from labelpolicy.classifiers.registry import Run
from labelpolicy.data.corpus import Document
from labelpolicy.data.parameters import Data, Vectors
from labelpolicy.data.prepared import Prepared
from labelpolicy.errors import LabelPolicyError
from labelpolicy.model import FORMAT, HASHED, Model, Thresholds, form_of, load, read_thresholds
from labelpolicy.parameters import Study
from labelpolicy.steps.prepare import prepare
from labelpolicy.thresholds import PerLabel, Proportion, ThresholdParameters, fit

SMALL = {
    "classifiers": {
        "kim_cnn": {"epochs": 1, "filters": 3},
        "linear": {"epochs": 2},
        "attentive_lstm": {"epochs": 1, "hidden": 3, "attention": 2},
        "transformer": {"max_tokens": 16, "frozen": {"head": "linear", "epochs": 2}},
    },
    "chains": {"classifier_chains": {"chains": 2}, "subset_maximization": {"hidden": 4, "beam": 2}},
}


@pytest.fixture(scope="module")
def mentions(tmp_path_factory):
    """A prepared data set of mentions in given tokens, with a hierarchy."""
    folder, random = tmp_path_factory.mktemp("mentions"), np.random.default_rng(0)
    (folder / "raw").mkdir()
    for split, count in (("train", 60), ("test", 20)):
        with (folder / f"raw/{split}.jsonl").open("w") as file:
            for number in range(count):
                tokens = [f"Word{word}" for word in random.integers(0, 20, random.integers(3, 9))]
                labels = ["/a", "/a/b"] if number % 3 else ["/c"]
                entry = {"tokens": tokens, "mention": [1, 3], "labels": labels, "id": f"{split}{number}"}
                file.write(json.dumps(entry) + "\n")
    (folder / "raw/labels.tsv").write_text("label\tparent\n/a\t\n/a/b\t/a\n/c\t\n")
    vectors = Vectors(source="random", width=4)
    prepare(dataset="mine", raw=folder / "raw", parameters=Data(vectors=vectors), output=folder / "prepared")
    return folder / "prepared"


@pytest.fixture(autouse=True)
def named(pretrained, monkeypatch):
    monkeypatch.setitem(SMALL["classifiers"]["transformer"], "model", str(pretrained))


def fitted(name: str, folder) -> tuple[Prepared, Model]:
    data, entry = Prepared(folder), registry.load(name)
    parameters = entry.parameters(Study.model_validate(SMALL))
    classifier = registry.load(name, parameters).build(data, parameters, 1)
    labels = len(data.labels)
    classifier.fit(data, np.full(labels, 1 / labels), Run(1))
    thresholds = {"half": Thresholds(PerLabel.at([0.5] * labels)), "one": Thresholds(PerLabel.at([0.3] * labels, True))}
    rest = data.labels, data.parents, data.vocabulary, form_of(data), thresholds, {"dataset": data.name}
    return data, Model(name, parameters, classifier, *rest)


@pytest.mark.parametrize("name", registry.names())
def test_saved_and_loaded_scores_are_the_same_bits(name, synthetic, mentions, tmp_path):
    data, model = fitted(name, mentions if name.startswith("attentive_lstm") else synthetic)
    model.save(tmp_path / "model")
    loaded, test = load(tmp_path / "model"), data.split("test")
    expected = model.classifier.predict_proba(test)
    assert expected.std() > 0
    np.testing.assert_array_equal(loaded.classifier.predict_proba(test), expected)
    assert (loaded.name, loaded.parameters, loaded.labels) == (name, model.parameters, data.labels)
    assert not list((tmp_path / "model").glob("*.p*kl"))


@pytest.mark.parametrize("name", ["linear", "linear_svc", "transformer"])
def test_mentions_are_read_as_in_training(name, mentions, tmp_path):
    data, model = fitted(name, mentions)
    model.save(tmp_path / "model")
    test = data.split("test")
    lines = [json.loads(line) for line in (mentions.parent / "raw/test.jsonl").read_text().splitlines()]
    found = load(tmp_path / "model").predict_proba(lines)
    np.testing.assert_array_equal(found, model.classifier.predict_proba(test))


@pytest.fixture(scope="module")
def svc(synthetic):
    return fitted("linear_svc", synthetic)[1]


@pytest.fixture
def folder(svc, tmp_path):
    svc.save(tmp_path / "model", "# card\n")
    return tmp_path / "model"


def test_predict_gives_the_labels_of_the_named_thresholds(folder, synthetic):
    model, texts = load(folder), list(Prepared(synthetic).texts("test"))
    y_score = model.predict_proba(texts)
    for name, (decision, _) in model.thresholds.items():
        expected = [[model.labels[j] for j in np.flatnonzero(row)] for row in decision.decide(y_score)]
        assert model.predict(iter(texts), name) == expected
    assert model.predict(texts) == model.predict(texts, "half") != model.predict(texts, "one")
    assert model.predict([]) == [] and model.predict_proba([]).shape == (0, 5)
    with pytest.raises(LabelPolicyError, match=r"'best'.*half, one"):
        model.predict(texts, "best")
    with pytest.raises(LabelPolicyError, match="a list"):
        model.predict("a text")


def test_ancestors_are_predicted_where_the_thresholds_say_so(mentions, tmp_path):
    _, model = fitted("linear_svc", mentions)
    never = PerLabel.at([1.0, 0.0001, 1.0])
    model.thresholds = {"plain": Thresholds(never), "closed": Thresholds(never, ancestor_closure=True)}
    model.save(tmp_path / "model")
    document = {"tokens": ["Word1", "Word2"], "mention": [0, 1]}
    loaded = load(tmp_path / "model")
    assert loaded.predict([document]) == [["/a/b"]]
    assert loaded.predict([document], "closed") == [["/a", "/a/b"]]


def test_thresholds_of_all_documents_together_are_refused(folder, tmp_path):
    model = load(folder)
    model.thresholds["pcut"] = Thresholds(Proportion(np.full(5, 0.2)))
    with pytest.raises(LabelPolicyError, match="'pcut'"):
        model.save(tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("name", HASHED)
def test_a_file_missing_or_changed_is_named(name, folder):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content.replace(b"0", b"1", 1) + b" ")
    with pytest.raises(LabelPolicyError, match=rf"{name}: changed"):
        load(folder)
    (folder / name).unlink()
    with pytest.raises(LabelPolicyError, match=rf"{name}: no such file"):
        load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": FORMAT + 1}, "newer"),
        ({"format": None}, "format"),
        ({"classifier": "nothing"}, "'nothing' is unknown"),
        ({"classifier": "linear"}, "C: unknown parameter"),
        ({"parameters": []}, "parameters"),
        ({"documents": "images"}, "documents"),
        ({"labels": ["a"]}, "label"),
        ({"more": 1}, "more"),
    ],
)
def test_a_config_of_something_else(change, message, folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(LabelPolicyError, match=message) as caught:
        load(folder)
    assert str(folder) in str(caught.value) or change.get("classifier") == "nothing"


def test_a_model_of_the_first_format_keeps_its_tokens(folder):
    assert load(folder).encode([Document("1", (), "東京")]).tokens.lengths.tolist() == [3]
    config = json.loads((folder / "config.json").read_text())
    del config["tokenizer"]
    (folder / "config.json").write_text(json.dumps(config | {"format": 1}))
    assert load(folder).encode([Document("1", (), "東京")]).tokens.lengths.tolist() == [1]


def test_the_card_may_be_edited(folder):
    (folder / "README.md").write_text("mine\n")
    assert load(folder).labels


def test_a_classifier_of_other_parameters_is_refused(folder, synthetic):
    fitted("kim_cnn", synthetic)[1].save(folder.parent / "cnn")
    config = json.loads((folder.parent / "cnn/config.json").read_text())
    config["parameters"][0]["filters"] = 4
    (folder.parent / "cnn/config.json").write_text(json.dumps(config))
    with pytest.raises(LabelPolicyError, match=r"model\.safetensors"):
        load(folder.parent / "cnn")


@pytest.mark.parametrize(
    ("form", "document", "message"),
    [
        ("text", {"tokens": ["a", "b"], "mention": [0, 1]}, "found a document as mention, expected a text"),
        ("tokens", "a text", "expected a list of tokens"),
        ("tokens", {"tokens": ["a"], "mention": [0, 1]}, "as mention"),
        ("mention", {"tokens": ["a"]}, "a mention"),
        ("mention", {"tokens": ["a"], "mention": [0, 2]}, "not within"),
        ("text", {"texts": "a"}, "neither"),
        ("text", {"text": 3}, "found text 3"),
        ("text", 3, "int"),
    ],
)
def test_a_document_of_another_form_is_named(form, document, message, folder):
    model = load(folder)
    model.documents = form
    with pytest.raises(LabelPolicyError, match=message) as caught:
        model.predict([*([{"tokens": ["a"], "mention": [0, 1]}] if form == "mention" else []), document])
    assert "document " in str(caught.value)


def test_the_tokens_tell_the_form_of_the_documents(synthetic, mentions, tmp_path):
    assert form_of(Prepared(synthetic)) == "text"
    assert form_of(Prepared(mentions)) == "mention"
    for split in ("train", "test"):
        lines = [json.dumps({"tokens": ["U.S.", f"Oil{n % 3}"], "labels": [f"l{n % 2}"]}) + "\n" for n in range(40)]
        (tmp_path / f"{split}.jsonl").write_text("".join(lines))
    vectors = Vectors(source="random", width=2)
    prepare(dataset="mine", raw=tmp_path, parameters=Data(vectors=vectors), output=tmp_path / "prepared")
    assert form_of(Prepared(tmp_path / "prepared")) == "tokens"


def test_loading_a_linear_svc_imports_neither_torch_nor_sklearn(folder):
    code = "import labelpolicy, sys; labelpolicy.load(sys.argv[1]).predict(['a']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=True)
    assert not {"torch", "sklearn"} & set(done.stdout.split())


def test_the_thresholds_of_a_policy_over_label_sets_are_read_from_a_file_of_their_own(tmp_path):
    random = np.random.default_rng(0)
    y_true = random.random((200, 3)) < 0.4
    y_score = np.clip(y_true * 0.5 + random.random((200, 3)) * 0.5, 0.01, 0.99)
    how = {"labels": ["a", "b", "c"], "texts": ["some text"] * 200, "train_count": y_true.sum(0), "seed": 0}
    decision = fit("sets", y_score, y_true, parameters=ThresholdParameters(), **how)
    about = {"thresholds": "sets+oof"}
    (tmp_path / "thresholds.json").write_text(json.dumps({"about": about} | decision.to_json(["a", "b", "c"])))
    found = read_thresholds(tmp_path / "thresholds.json", ["a", "b", "c"])
    y_pred = found["sets+oof"].decision.decide(y_score, ["some text"] * 200)
    np.testing.assert_array_equal(y_pred, decision.decide(y_score, ["some text"] * 200))
