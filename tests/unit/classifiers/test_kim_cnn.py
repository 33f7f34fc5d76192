"""Kim-CNN's fast pooling against the plain convolution."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from labelpolicy.classifiers import kim_cnn
from labelpolicy.classifiers.kim_cnn import KimCNN
from labelpolicy.classifiers.kim_cnn.network import KimCNNClassifier
from labelpolicy.data.prepared import Ragged, Split

PARAMETERS = KimCNN(filters=7, dropout=0.0, max_tokens=12)


def make(seed: int = 0, vocabulary: int = 30, dimension: int = 5, labels: int = 4) -> KimCNNClassifier:
    vectors = np.random.default_rng(seed).normal(size=(vocabulary, dimension)).astype(np.float32)
    vectors[0] = 0
    return KimCNNClassifier(vectors, np.zeros(labels), PARAMETERS, seed)


def test_it_starts_at_the_log_odds_of_each_label():
    data = SimpleNamespace(
        vectors=np.zeros((5, 3)), train_count=np.array([0, 1, 3]), split=lambda name: range(4 if name == "train" else 0)
    )
    model = kim_cnn.build(data, PARAMETERS, 0)
    np.testing.assert_allclose(model.output_bias.detach(), np.log([0.5 / 4.5, 1.5 / 3.5, 3.5 / 1.5]), rtol=1e-6)


def split(*rows: list[int]) -> Split:
    return Split([str(i) for i in range(len(rows))], Ragged.from_rows(list(rows)), np.zeros((len(rows), 4), dtype=bool))


def plain(model: KimCNNClassifier, tokens: torch.Tensor) -> torch.Tensor:
    """The same function by functional.conv1d and autograd, one document at a time, without any padding but its own."""
    logits = []
    for document in tokens:
        ids = document[document != 0]
        pooled = []
        for filters, bias in zip(model.filters, model.biases, strict=True):
            width = filters.shape[1]
            vectors = model.embedding[ids]
            vectors = functional.pad(vectors, (0, 0, 0, max(0, width - len(ids))))
            responses = functional.conv1d(vectors.T[None], filters.permute(2, 0, 1), bias)
            pooled.append(functional.relu(responses).amax(dim=2)[0])
        logits.append(torch.cat(pooled) @ model.output + model.output_bias)
    return torch.stack(logits)


def gradients(model: KimCNNClassifier, logits: torch.Tensor) -> list[torch.Tensor]:
    model.zero_grad()
    logits.square().sum().backward()
    return [parameter.grad.clone() for parameter in model.parameters()]


@given(st.integers(0, 1000), st.lists(st.integers(1, 12), min_size=1, max_size=6))
@settings(max_examples=30, deadline=None)
def test_function_and_gradient_are_those_of_conv1d(seed, lengths):
    model = make(seed)
    random = np.random.default_rng(seed)
    rows = [random.integers(1, 30, size=length).tolist() for length in lengths]
    tokens = model.encode(split(*rows)).batch(np.arange(len(lengths)), "cpu")
    fast, slow = model(tokens), plain(model, tokens)
    torch.testing.assert_close(fast, slow, rtol=1e-5, atol=1e-5)
    for ours, theirs in zip(gradients(model, fast), gradients(model, slow), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_padding_never_changes_a_score():
    model = make().eval()
    short = torch.tensor([[3, 4, 5, 6]])
    padded = functional.pad(short, (0, 8))
    torch.testing.assert_close(model(short), model(padded), rtol=0, atol=1e-6)


def test_a_document_without_tokens_has_finite_logits():
    model = make().eval()
    tokens = model.encode(split([], [2, 3])).batch(np.array([0, 1]), "cpu")
    assert torch.isfinite(model(tokens)).all()


def test_documents_are_cut_at_max_tokens():
    inputs = make().encode(split(list(range(1, 25))))
    assert inputs.lengths.tolist() == [12]
    assert inputs.batch(np.array([0]), "cpu").tolist() == [list(range(1, 13))]


def test_the_padding_vector_never_learns():
    model = make()
    tokens = model.encode(split([5])).batch(np.array([0]), "cpu")
    assert gradients(model, model(tokens))[0][0].abs().max() == 0


@pytest.mark.parametrize("seed", [0, 1])
def test_first_values_depend_on_the_seed_alone(seed):
    first = make(seed)
    torch.rand(100)  # whatever ran before
    for one, other in zip(first.parameters(), make(seed).parameters(), strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(make(0).filters[0], make(1).filters[0])
