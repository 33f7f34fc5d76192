"""Subset Maximization against loops over labels and an exhaustive search."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from dense_classifier import Rows
from hypothesis import given, settings
from hypothesis import strategies as st

from labelpolicy.classifiers.base import TorchClassifier
from labelpolicy.classifiers.chains.subset_maximization import SubsetMaximization, build
from labelpolicy.classifiers.chains.subset_maximization.network import SubsetMaximizationClassifier
from labelpolicy.classifiers.registry import Chained, Declaration, Training
from labelpolicy.errors import LabelPolicyError
from labelpolicy.training import Trainer

WIDTH = 3


class Encoder(TorchClassifier):
    """Document vectors as they come."""

    width = WIDTH

    def __init__(self):
        super().__init__(Training(learning_rate=0.5, optimizer="sgd"))
        self.scale = torch.nn.Parameter(torch.ones(1))

    def features(self, x):
        return x * self.scale


def make(seed=0, labels=4, beam=5, spread=1.5, order=None):
    """A decoder with weights that are not small, so that steps depend on each other."""
    random = np.random.default_rng(seed)
    order = random.permutation(labels) if order is None else np.asarray(order)
    model = SubsetMaximizationClassifier(Encoder(), order, SubsetMaximization(hidden=6, beam=beam), seed).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in model.parameters():
            value.copy_(spread * torch.randn(value.shape, generator=generator, dtype=torch.float64))
        model.encoder.scale.fill_(1)
    return model, torch.randn(7, WIDTH, generator=generator, dtype=torch.float64)


def steps(model, x, names):
    """log P of each next symbol for one document after ``names``, the plain way: {label or "stop": log P}."""
    features = model.encoder.features(x)
    state = torch.tanh(model.start @ features + model.start_bias)
    place = model.order.argsort()
    for name in names:
        state = model.gru(model.embedding[place[name]][None, None], state[None, None])[1][0, 0]
    logits = model.output @ state + model.direct @ features + model.output_bias
    first = int(place[names[-1]]) + 1 if names else 0
    allowed = list(range(first, model.labels + 1))
    values = logits[allowed].log_softmax(0)
    return {
        ("stop" if k == model.labels else int(model.order[k])): float(v)
        for k, v in zip(allowed, values.detach(), strict=True)
    }


def log_probability(model, x, names):
    """The sum of the steps of writing a set, and the stop."""
    names = sorted(names, key=model.order.tolist().index)
    written = [steps(model, x, names[:t])[name] for t, name in enumerate(names)]
    return sum(written) + steps(model, x, names)["stop"]


def subsets(labels):
    return [names for size in range(labels + 1) for names in itertools.combinations(range(labels), size)]


def as_rows(sets, labels):
    return torch.tensor([[j in names for j in range(labels)] for names in sets])


@given(st.integers(0, 1000), st.integers(1, 4))
@settings(max_examples=20)
def test_log_probabilities_are_those_of_the_plain_steps_and_sum_to_one(seed, labels):
    model, x = make(seed, labels)
    sets = subsets(labels)
    found = model.log_probability(x[:1].expand(len(sets), -1), as_rows(sets, labels)).detach()
    np.testing.assert_allclose(found, [log_probability(model, x[0], names) for names in sets], atol=1e-9)
    assert found.exp().sum() == pytest.approx(1)


def test_documents_of_a_batch_do_not_touch_each_other():
    model, x = make(1)
    sets = torch.rand(7, 4) < torch.tensor([[0.0], [0.9], [0.4], [0.5], [1.0], [0.0], [0.6]])
    together = model.log_probability(x, sets)
    alone = torch.cat([model.log_probability(x[i : i + 1], sets[i : i + 1]) for i in range(7)])
    torch.testing.assert_close(together, alone)
    found, one = model.decode(x), [model.decode(x[i : i + 1]) for i in range(7)]
    torch.testing.assert_close(found.log_probability, torch.cat([part.log_probability for part in one]))
    assert torch.equal(found.sets, torch.cat([part.sets for part in one]))


@given(st.integers(0, 10_000), st.integers(1, 5))
@settings(max_examples=40)
def test_a_beam_as_wide_as_the_sequences_finds_what_exhaustive_search_does(seed, labels):
    model, x = make(seed, labels, beam=2**labels)
    sets = subsets(labels)
    every = torch.stack([model.log_probability(x, as_rows([names] * len(x), labels)) for names in sets], dim=1)
    best, which = every.max(dim=1)
    found = model.decode(x)
    torch.testing.assert_close(found.log_probability[:, 0], best)
    assert torch.equal(found.sets[:, 0], as_rows(sets, labels)[which])


@given(st.integers(0, 10_000), st.integers(1, 6))
@settings(max_examples=30)
def test_a_beam_of_one_is_greedy(seed, labels):
    model, x = make(seed, labels, beam=1)
    found = model.decode(x)
    for document, names, score in zip(x, found.sets[:, 0], found.log_probability[:, 0], strict=True):
        written = []
        while True:
            options = steps(model, document, written)
            best = max(options, key=options.get)
            if best == "stop":
                break
            written.append(best)
        assert names.nonzero()[:, 0].tolist() == sorted(written)
        assert score.item() == pytest.approx(log_probability(model, document, written))


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 8))
@settings(max_examples=30)
def test_the_probability_of_what_a_beam_found_is_that_of_the_set(seed, labels, beam):
    model, x = make(seed, labels, beam=beam)
    found = model.decode(x)
    torch.testing.assert_close(found.log_probability[:, 0], model.log_probability(x, found.sets[:, 0]))
    assert (found.log_probability[:, 1:] <= found.log_probability[:, :-1]).all()
    assert (found.log_probability.exp().sum(1) <= 1 + 1e-9).all()


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 8), st.sampled_from([0.1, 1.5, 20.0]))
@settings(max_examples=40)
def test_scores_are_above_one_half_exactly_in_the_most_probable_set(seed, labels, beam, spread):
    model, x = make(seed, labels, beam=beam, spread=spread)
    scores = model.float().probabilities(x.float())
    assert torch.equal(scores > 0.5, model.decode(x.float()).sets[:, 0])
    assert (scores != 0.5).all() and (scores >= 0).all() and (scores <= 1).all()


@given(st.integers(0, 10_000), st.integers(1, 5), st.sampled_from([1, 3, 32]))
@settings(max_examples=30)
def test_the_marginals_met_are_no_more_than_the_true_ones(seed, labels, beam):
    model, x = make(seed, labels, beam=beam)
    sets = subsets(labels)
    every = torch.stack([model.log_probability(x, as_rows([names] * len(x), labels)) for names in sets], dim=1).exp()
    true = every @ as_rows(sets, labels).double()
    found = model.decode(x)
    assert (found.marginal <= true + 1e-9).all()
    # of the first label in the order nothing is left out: it comes at once or never
    first = int(model.order[0])
    torch.testing.assert_close(found.marginal[:, first], true[:, first])
    scores = model.probabilities(x)
    torch.testing.assert_close(2 * scores - found.sets[:, 0].double(), found.marginal, atol=1e-6, rtol=0)


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(2, 8))
@settings(max_examples=30)
def test_where_greedy_is_certain_the_whole_beam_finds_the_same(seed, labels, beam):
    model, x = make(seed, labels, beam=beam)
    with torch.no_grad():
        start, direct = model._document(x)
        wide = model._search(start, direct, beam)
    found = model.decode(x)
    assert torch.equal(found.sets[:, 0], wide.sets[:, 0][:, model.place])
    torch.testing.assert_close(found.log_probability[:, 0], wide.log_probability[:, 0])


def test_an_empty_set_is_an_answer():
    model, x = make()
    with torch.no_grad():
        model.output_bias[-1] = 50.0
    assert not model.decode(x).sets[:, 0].any() and (model.probabilities(x) < 0.5).all()


def test_all_labels_are_an_answer():
    model, x = make()
    with torch.no_grad():
        model.output_bias.copy_(torch.tensor([200.0, 150, 100, 50, 0]))
    assert model.decode(x).sets[:, 0].all()


def test_documents_without_labels_train_on_the_stop_symbol_alone():
    model, x = make()
    uniform = torch.full((4,), 0.25, dtype=torch.float64)
    loss = model.loss(x, torch.zeros(7, 4, dtype=torch.float64), uniform)
    expected = -np.mean([steps(model, document, [])["stop"] for document in x])
    assert loss.item() == pytest.approx(expected)
    loss.backward()
    assert model.gru.weight_ih_l0.grad is None


def test_the_loss_weighs_the_terms_of_labels():
    model, x = make()
    truth = as_rows([(0, 2)], 4).double()
    weights = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64)
    first, second = sorted((0, 2), key=model.order.tolist().index)
    terms = {first: steps(model, x[0], [])[first], second: steps(model, x[0], [first])[second]}
    expected = -(4 * 0.4 * terms[0] + 4 * 0.2 * terms[2] + steps(model, x[0], [first, second])["stop"])
    assert model.loss(x[:1], truth, weights).item() == pytest.approx(expected)
    uniform = model.loss(x[:1], truth, torch.full((4,), 0.25, dtype=torch.float64))
    assert uniform.item() == pytest.approx(-log_probability(model, x[0], (0, 2)))


def data(count=(9, 5, 7, 0)):
    return SimpleNamespace(labels=list("abcd"), parents=[None] * 4, train_count=np.array(count))


def built(**chain):
    encoder = Declaration(Training, lambda data, parameters, seed: Encoder(), None)
    chain = SubsetMaximization(**{"hidden": 8, "learning_rate": 0.02} | chain)
    return build("subset_maximization", encoder, data(), Chained(Training(), chain), 0)


def test_training_learns_sets_and_never_writes_a_label_it_has_not_seen():
    """Labels b and c exclude each other given a, which no independent labels can say."""
    random = torch.Generator().manual_seed(0)
    x = torch.randn(600, WIDTH, generator=random)
    truth = torch.stack([x[:, 0] > 0, (x[:, 0] > 0) & (x[:, 1] > 0), (x[:, 0] > 0) & (x[:, 1] <= 0)], dim=1)
    truth = torch.cat([truth, torch.zeros(600, 1, dtype=torch.bool)], dim=1)
    for order in ("frequent_first", "rare_first"):
        model = built(order=order)
        trainer = Trainer(model, Rows(x.numpy()), truth.numpy(), seed=0, device=x.device)
        losses = [trainer.update(np.arange(600), torch.full((4,), 0.25)) for _ in range(150)]
        found = model.decode(x).sets[:, 0]
        assert losses[-1] < 0.3 * losses[0]
        assert (found == truth).all(1).float().mean() > 0.95
        assert not found[:, 3].any() and (model.probabilities(x)[:, 3] < 0.1).all()


def test_the_order_is_that_of_the_parameters():
    assert built(order="frequent_first").order.tolist() == [0, 2, 1, 3]
    assert built(order="rare_first").order.tolist() == [3, 1, 2, 0]
    assert built(order=["d", "a", "b", "c"]).order.tolist() == [3, 0, 1, 2]
    with pytest.raises(LabelPolicyError, match="label order: 'd' stands there 0 times"):
        built(order=["a", "b", "c"])


def test_first_values_depend_on_the_seed_alone():
    first = built()
    torch.rand(100)
    for one, other in zip(first.parameters(), built().parameters(), strict=True):
        assert torch.equal(one, other)


def test_over_logits_an_untrained_decoder_ranks_labels_as_they_do():
    encoder = Encoder()
    encoder.width, encoder.features_are_logits = 4, True
    model = SubsetMaximizationClassifier(encoder, np.array([2, 0, 3, 1]), SubsetMaximization(hidden=5, beam=1), 0)
    logits = torch.randn(20, 4)
    assert (model.decode(logits).sets[:, 0].any(1) == (logits > 0).any(1)).all()
    _, direct = model._document(logits)
    torch.testing.assert_close(direct[:, :4], logits[:, [2, 0, 3, 1]])
    assert (direct[:, 4] == 0).all() and (model.output == 0).all()
