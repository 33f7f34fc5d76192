"""The attentive BiLSTM: no score depends on what a mention is batched with."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labelpolicy.classifiers.attentive_lstm import AttentiveLSTM
from labelpolicy.classifiers.attentive_lstm.network import AttentiveLSTMClassifier
from labelpolicy.data.prepared import PAD, Ragged, Split
from labelpolicy.errors import LabelPolicyError
from labelpolicy.training import score

WORDS, DIMENSION, LABELS = 30, 5, 4


def split(lengths: list[tuple[int, int, int]], seed: int = 0) -> Split:
    """Mentions with so many words on the left, in the mention and on the right."""
    random = np.random.default_rng(seed)
    tokens = Ragged.from_rows([random.integers(1, WORDS, sum(each)).tolist() for each in lengths])
    mentions = np.array([(left, left + words) for left, words, _ in lengths], dtype=np.int32)
    ids = [str(row) for row in range(len(lengths))]
    return Split(ids, tokens, np.zeros((len(ids), LABELS), dtype=bool), mentions, ids)


def model(**parameters) -> AttentiveLSTMClassifier:
    vectors = np.random.default_rng(1).normal(size=(WORDS, DIMENSION)).astype(np.float32)
    vectors[PAD] = 0
    sizes = {"hidden": 6, "attention": 7, "context": 4, "max_mention": 3}
    classifier = AttentiveLSTMClassifier(vectors, LABELS, AttentiveLSTM(**{**sizes, **parameters}), seed=0)
    random = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, value in classifier.lstms.named_parameters():
            if "bias" in name:  # as after training
                value += torch.randn(value.shape, generator=random)
    return classifier


def textbook(classifier: AttentiveLSTMClassifier, documents: Split, row: int) -> torch.Tensor:
    """Features of one mention as Section 5 says, without batch or padding."""
    parameters = classifier.settings
    words, (start, end) = documents.tokens[row].tolist(), documents.mentions[row].tolist()
    sides = (words[max(0, start - parameters.context) : start][::-1], words[end : end + parameters.context])
    parts = []
    for lstm, context in zip(classifier.lstms, sides, strict=True):
        if not context:
            parts.append(torch.zeros(2 * parameters.hidden))
            continue
        states = lstm(classifier.vectors[context])[0]
        scores = torch.tanh(states @ classifier.attention_in.T) @ classifier.attention_out
        attention = scores.softmax(0) if parameters.sigma == "softmax" else scores.sigmoid()
        parts.append(attention @ states)
    mention = classifier.vectors[words[start:end][: parameters.max_mention]].mean(0)
    return torch.cat([*parts, mention])


def gradients(classifier: AttentiveLSTMClassifier, features: torch.Tensor) -> dict[str, torch.Tensor]:
    classifier.zero_grad()
    features.sin().sum().backward()
    return {
        name: value.grad.cpu().clone() for name, value in classifier.lstms.named_parameters() if value.requires_grad
    }


LENGTHS = st.tuples(st.integers(0, 7), st.integers(1, 5), st.integers(0, 7))


@settings(max_examples=40)
@given(st.lists(LENGTHS, min_size=1, max_size=6), st.sampled_from(["softmax", "sigmoid"]))
def test_features_are_those_of_each_mention_alone_by_the_textbook(lengths, sigma):
    classifier = model(sigma=sigma).eval()
    documents = split(lengths)
    batch = classifier.encode(documents).batch(np.arange(len(documents)), "cpu")
    with torch.no_grad():
        found = classifier.features(batch)
        wanted = torch.stack([textbook(classifier, documents, row) for row in range(len(documents))])
    assert found.shape == (len(documents), classifier.width)
    torch.testing.assert_close(found, wanted, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("lengths", [[(4, 1, 4)] * 3, [(3, 2, 1), (0, 1, 4), (7, 3, 0)]], ids=["alike", "mixed"])
def test_the_gradient_of_a_batch_is_that_of_its_mentions_alone(lengths):
    """PyTorch has one kernel for packed sequences of one length, and another for mixed ones."""
    classifier, documents = model(dropout=0.0), split(lengths)
    batch = classifier.encode(documents).batch(np.arange(len(documents)), "cpu")
    found = gradients(classifier, classifier.features(batch))
    wanted = gradients(classifier, torch.stack([textbook(classifier, documents, row) for row in range(len(documents))]))
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value, atol=1e-6, rtol=1e-5, msg=name)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_features_and_gradient_are_the_same_on_a_gpu():
    documents = split([(3, 2, 1), (0, 1, 4), (7, 3, 0)])
    results = []
    for device in ("cpu", "cuda"):
        classifier = model(dropout=0.0).to(device)
        features = classifier.features(classifier.encode(documents).batch(np.arange(3), device))
        results.append({"features": features.detach().cpu()} | gradients(classifier, features))
    for name, value in results[0].items():
        torch.testing.assert_close(results[1][name], value, atol=1e-5, rtol=1e-4, msg=name)


@settings(max_examples=30)
@given(st.lists(LENGTHS, min_size=2, max_size=12), st.integers(0, 100))
def test_padding_never_changes_a_score(lengths, seed):
    classifier = model()
    inputs = classifier.encode(split(lengths, seed))
    together = score(classifier, inputs, torch.device("cpu"))
    alone = score(classifier, inputs, torch.device("cpu"), batch_size=1)
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_word_vectors_move_only_where_asked_to_and_never_that_of_padding():
    documents = split([(3, 2, 1), (0, 1, 2)])
    for update in (False, True):
        # Without dropout, which may by chance silence every component of a mention's words.
        classifier = model(update_vectors=update, dropout=0.0)
        classifier(classifier.encode(documents).batch(np.arange(2), "cpu")).sum().backward()
        assert ("vectors" in dict(classifier.named_parameters())) is update
        if update:
            moved = classifier.vectors.grad.abs().sum(1) > 0
            assert set(np.flatnonzero(moved.numpy()).tolist()) == set(documents.tokens.values.tolist())


def test_dropout_falls_on_the_mention_alone():
    classifier = model(dropout=0.9)
    batch = classifier.encode(split([(3, 2, 1)] * 20)).batch(np.arange(20), "cpu")
    torch.manual_seed(0)
    trained, scored = classifier.train().features(batch), classifier.eval().features(batch)
    assert torch.equal(trained[:, :-DIMENSION], scored[:, :-DIMENSION])
    assert (trained[:, -DIMENSION:] == 0).float().mean() > 0.5
    assert (scored[:, -DIMENSION:] != 0).all()


def test_the_start_depends_on_the_seed_alone():
    torch.manual_seed(5)
    first = model().state_dict()
    torch.manual_seed(6)
    second = model().state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_neighbours_in_the_order_of_batches_differ_by_one_word_on_one_side():
    pairs = [(left, right) for left in range(6) for right in range(6)]  # the classifier reads four words a side
    lengths = model().encode(split([(left, 1, right) for left, right in pairs])).lengths
    read = {number: (min(left, 4), min(right, 4)) for number, (left, right) in zip(lengths, pairs, strict=True)}
    assert len(read) == 25
    path = [read[number] for number in sorted(read)]
    for (left, right), (next_left, next_right) in pairwise(path):
        assert abs(left - next_left) + abs(right - next_right) == 1


def test_documents_without_mentions_are_refused():
    with pytest.raises(LabelPolicyError, match="no mentions"):
        model().encode(Split(["a"], Ragged.from_rows([[2, 3]]), np.zeros((1, LABELS), dtype=bool)))
