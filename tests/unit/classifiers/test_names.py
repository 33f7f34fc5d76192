"""Names of classifiers, plain and chained, and what follows from them."""

import numpy as np
import pytest
import torch
from digest import code_digest

from labelpolicy.classifiers import CHAINS, CLASSIFIERS, ENCODERS, load, modules, names, parameters, sections
from labelpolicy.config import check
from labelpolicy.data.prepared import Ragged, Split
from labelpolicy.errors import LabelPolicyError
from labelpolicy.parameters import Linear, Study, SubsetMaximization, override
from labelpolicy.training import optimiser, score, update


def test_every_encoder_goes_with_every_chain():
    assert len(set(names())) == len(names()) == len(CLASSIFIERS) + len(ENCODERS) * len(CHAINS)
    for name in names():
        assert code_digest(*modules(name))
        loaded = load(name)
        assert sum(hasattr(loaded, kind) for kind in ("build", "fit", "on_features")) == 1
        study = Study()
        for section in sections(name):
            value = study
            for part in section.split("."):
                value = getattr(value, part)
        parameters(study, name)


def test_what_a_chained_name_stands_for():
    name = "linear+ensemble_of_chains"
    assert modules(name) == ["classifiers.linear", "classifiers.chains.classifier_chains"]
    assert sections(name) == ["classifiers.linear", "chains.classifier_chains"]
    study = Study.model_validate(
        {
            "classifiers": {"linear": {"epochs": 7}},
            "chains": {"subset_maximization": {"beam": 3, "learning_rate": 0.5, "weight_decay": 0.1}},
        }
    )
    chained = parameters(study, "linear+subset_maximization")
    assert chained.encoder == Linear(epochs=7)
    assert chained.chain == SubsetMaximization(beam=3, learning_rate=0.5, weight_decay=0.1)
    assert (chained.epochs, chained.optimiser, chained.learning_rate) == (7, "sgd", 100.0)
    own = chained.of_chain
    assert (own.optimiser, own.learning_rate, own.weight_decay) == ("adam", 0.5, 0.1)
    assert parameters(study, "linear") == Linear(epochs=7)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bert", "classifier 'bert' is unknown: expected one of kim_cnn, linear"),
        ("linear+svm", r"'linear\+svm' is unknown.*predictions_as_features"),
        ("bert+classifier_chain", "is unknown"),
        ("linear+", "is unknown"),
        ("+classifier_chain", "is unknown"),
        ("linear_svc+subset_maximization", "linear_svc has no features for a chain: expected one of kim_cnn, linear"),
        ("linear+classifier_chain+classifier_chain", "is unknown"),
    ],
)
def test_a_name_of_nothing_is_one_line(name, message):
    for function in (load, modules, sections, lambda name: parameters(Study(), name)):
        with pytest.raises(LabelPolicyError, match=message) as caught:
            function(name)
        assert "\n" not in str(caught.value)


class Data:
    """As much of a prepared data set as all encoders read: mentions of 2 words in 6, labels by the mention."""

    vocabulary = tuple(map(str, range(12)))
    labels = ("a", "b", "c")
    parents = (None, "a", None)
    folder = "here"

    def __init__(self, documents=60):
        random = np.random.default_rng(0)
        self.vectors = random.normal(size=(12, 5)).astype(np.float32)
        self.vectors[0] = 0
        rows = random.integers(2, 12, (documents, 6))
        truth = np.stack([rows[:, 2] < 7, (rows[:, 2] < 7) & (rows[:, 3] < 7), rows[:, 3] > 9], axis=1)
        mentions = np.tile(np.array([2, 4], dtype=np.int32), (documents, 1))
        self.train = Split([str(i) for i in range(documents)], Ragged.from_rows(rows.tolist()), truth, mentions)
        self.train_count = truth.sum(axis=0)

    def split(self, name):
        return self.train


SMALL = Study.model_validate(
    {"classifiers": {"kim_cnn": {"filters": 6}, "attentive_lstm": {"hidden": 6, "learning_rate": 0.01}}}
)


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize(
    ("chain", "order"), [("predictions_as_features", "hierarchy"), ("subset_maximization", "topological")]
)
def test_chains_learn_on_every_encoder(encoder, chain, order):
    study = check(Study, override(SMALL.model_dump(), [f"chains.{chain}.order={order}"]), "test")
    name = f"{encoder}+{chain}"
    data, settings = Data(), parameters(study, name)
    model = load(name).build(data, settings, 0)
    inputs, weights = model.encode(data.train), torch.full((3,), 1 / 3)
    stepper, truth = optimiser(model, settings), torch.from_numpy(data.train.truth).float()
    batch = inputs.batch(np.arange(60), "cpu")
    losses = [update(model, stepper, batch, truth, weights) for _ in range(40)]
    assert losses[-1] < losses[0]
    assert all(value.grad is not None for name, value in model.named_parameters() if "encoder" not in name)
    scores = score(model, inputs, torch.device("cpu"))
    assert scores.shape == (60, 3) and ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.parametrize("encoder", ENCODERS)
def test_document_vectors_are_what_the_logits_are_made_of(encoder):
    data = Data()
    model = load(encoder).build(data, parameters(SMALL, encoder), 0).eval()
    batch = model.encode(data.train).batch(np.arange(9), "cpu")
    features = model.features(batch)
    assert features.shape == (9, model.width)
    logits = features if encoder == "linear" else features @ model.output + model.output_bias
    torch.testing.assert_close(model(batch), logits)
