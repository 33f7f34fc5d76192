"""Classifiers by name, plain and chained and what follows from a name."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from digest import code_digest

from labelpolicy.classifiers.chains.subset_maximization import SubsetMaximization
from labelpolicy.classifiers.linear import Linear
from labelpolicy.classifiers.registry import chain_declarations, declarations, encoders, load, names
from labelpolicy.config import check
from labelpolicy.data.corpus import place_in_text
from labelpolicy.data.prepared import Given, Ragged, Split
from labelpolicy.errors import LabelPolicyError
from labelpolicy.parameters import Study, override
from labelpolicy.training import Trainer


def test_every_encoder_goes_with_every_chain():
    assert len(set(names())) == len(names()) == len(declarations()) + len(encoders()) * len(chain_declarations())
    for name in names():
        entry = load(name)
        assert code_digest(*entry.modules)
        assert entry.parameters(Study())
        assert entry.uses_torch or not entry.trained_by_gradient


def test_what_is_declared():
    facts = {
        name: load(name) for name in ("linear", "linear_svc", "linear+classifier_chain", "kim_cnn+classifier_chain")
    }
    assert [each.trained_by_gradient for each in facts.values()] == [True, False, False, False]
    assert [each.uses_torch for each in facts.values()] == [True, False, False, True]
    assert [each.bears_label_weights for each in facts.values()] == [True, True, False, False]


def test_what_a_chained_name_stands_for():
    entry = load("linear+ensemble_of_chains")
    assert entry.modules == ["classifiers.linear", "classifiers.chains.classifier_chains"]
    assert entry.sections == ["classifiers.linear", "chains.classifier_chains"]
    study = Study.model_validate(
        {
            "classifiers": {"linear": {"epochs": 7}},
            "chains": {"subset_maximization": {"beam": 3, "learning_rate": 0.5, "weight_decay": 0.1}},
        }
    )
    found = load("linear+subset_maximization").parameters(study)
    assert found == (Linear(epochs=7), SubsetMaximization(beam=3, learning_rate=0.5, weight_decay=0.1))
    assert load("linear").parameters(study) == Linear(epochs=7)


def test_asking_for_names_and_parameters_imports_nothing_heavy():
    code = (
        "import sys; from labelpolicy.parameters import Study; from labelpolicy.classifiers import registry\n"
        "for name in registry.names(): registry.load(name).parameters(Study())\n"
        "assert not {'torch', 'transformers', 'sklearn', 'pandas', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bert", "classifier 'bert' is unknown: expected one of attentive_lstm, kim_cnn, linear"),
        ("linear+svm", r"'linear\+svm' is unknown.*predictions_as_features"),
        ("bert+classifier_chain", "is unknown"),
        ("linear+", "is unknown"),
        ("+classifier_chain", "is unknown"),
        ("linear_svc+subset_maximization", "linear_svc has no features for a chain: expected one of .*kim_cnn, linear"),
        ("linear+classifier_chain+classifier_chain", "is unknown"),
    ],
)
def test_a_name_of_nothing_is_one_line(name, message):
    with pytest.raises(LabelPolicyError, match=message) as caught:
        load(name)
    assert "\n" not in str(caught.value)


class Data:
    """As much of a prepared data set as all encoders read: mentions of 2 words in 6, labels by the mention."""

    vocabulary = tuple(map(str, range(12)))
    labels = ("a", "b", "c")
    parents = (None, "a", None)
    folder, features = "here", None

    def __init__(self, documents=60):
        random = np.random.default_rng(0)
        self.vectors = random.normal(size=(12, 5)).astype(np.float32)
        self.vectors[0] = 0
        rows = random.integers(2, 12, (documents, 6))
        truth = np.stack([rows[:, 2] < 7, (rows[:, 2] < 7) & (rows[:, 3] < 7), rows[:, 3] > 9], axis=1)
        mentions = np.tile(np.array([2, 4], dtype=np.int32), (documents, 1))
        words = [[self.vocabulary[word] for word in row] for row in rows]
        texts = Given(map(" ".join, words), [place_in_text(each, 2, 4) for each in words])
        ids, tokens = [str(i) for i in range(documents)], Ragged.from_rows(rows.tolist())
        self.train = Split(ids, tokens, truth, mentions, text=texts)
        self.train_count = truth.sum(axis=0)

    def split(self, name):
        return self.train


@pytest.fixture
def small(pretrained):
    sections = {"kim_cnn": {"filters": 6}, "attentive_lstm": {"hidden": 6, "learning_rate": 0.01}}
    sections["transformer"] = {"model": str(pretrained), "max_tokens": 12, "frozen": {"head": "linear"}}
    return Study.model_validate({"classifiers": sections})


@pytest.mark.parametrize("encoder", encoders())
@pytest.mark.parametrize(
    ("chain", "order"), [("predictions_as_features", "hierarchy"), ("subset_maximization", "topological")]
)
def test_chains_learn_on_every_encoder(encoder, chain, order, small):
    study = check(Study, override(small.model_dump(), [f"chains.{chain}.order={order}"]), "test")
    name = f"{encoder}+{chain}"
    data, entry = Data(), load(name)
    model = entry.build(data, entry.parameters(study), 0)
    trainer = Trainer(model, model.encode(data.train), data.train.y_true, seed=0, device=torch.device("cpu"))
    losses = [trainer.update(np.arange(60), torch.full((3,), 1 / 3)) for _ in range(40)]
    assert losses[-1] < losses[0]
    assert all(value.grad is not None for name, value in model.named_parameters() if "encoder" not in name)
    scores = model.predict_proba(data.train)
    assert scores.shape == (60, 3) and ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.parametrize("encoder", encoders())
def test_document_vectors_are_what_the_logits_are_made_of(encoder, small):
    data = Data()
    entry = load(encoder)
    model = entry.build(data, entry.parameters(small), 0).eval()
    batch = model.encode(data.train).batch(np.arange(9), "cpu")
    features = model.features(batch)
    assert features.shape == (9, model.width)
    logits = features if model.features_are_logits else features @ model.output + model.output_bias
    torch.testing.assert_close(model(batch), logits)
    model.train()
    np.testing.assert_allclose(model.document_vectors(data.train)[:9], features.detach(), rtol=1e-5, atol=1e-6)
    assert model.training
