"""examples/algorithm1.py: it runs, shows what it says, and is the library's literal variant."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from labelpolicy.learner import meta_learner, reward
from labelpolicy.learner.meta_learner import PaperLearner
from labelpolicy.training import weighted_cross_entropy

PATH = Path(__file__).parents[3] / "examples" / "algorithm1.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("algorithm1", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_eq_6_drives_thresholds_to_their_bounds(example, capsys):
    example.main(["--documents", "300", "--episodes", "120", "--steps", "10"])
    printed = capsys.readouterr().out
    trace = [[float(word) for word in line.split()] for line in printed.splitlines()[1:12]]
    assert trace[-1][1] > trace[0][1]  # the reward rises
    (_, _, first_low, *_, first_high), (_, _, low, *_, high) = trace[0], trace[-1]
    assert first_low > 0.3 and first_high < 0.7 and (low < 0.05 or high > 0.95)
    fixed, learned = (next(line for line in printed.splitlines() if name in line) for name in ("p = 0.5", "p_T  "))
    assert float(learned.split()[-2]) < float(fixed.split()[-2])


def test_it_is_the_library_s_literal_variant(example):
    meta = example.MetaLearner(5)
    paper = PaperLearner(5, 32, seed=0)
    paper.load_state_dict(meta.state_dict())
    state, w, p = meta.start()
    assert all(map(torch.equal, (w, p), meta_learner.first_policies(5)))
    for mine, theirs in zip(meta(state, w, p), paper(paper.start(5), w, p, None), strict=True):
        assert torch.equal(mine, theirs)
    logits = torch.randn(2, 5)
    assert all(map(torch.equal, example.policies(*logits), meta_learner.policies(*logits, example.BOUNDS)))
    y_score, y = torch.rand(7, 5), (torch.rand(7, 5) < 0.4).float()
    expected = reward.paper(p.numpy()[None], y_score.numpy(), y.numpy() == 1).sum()
    assert example.reward(p, y_score, y) == pytest.approx(expected, rel=1e-5)


def test_its_update_is_eq_1(example):
    torch.manual_seed(0)
    classifier, x, y = example.Classifier(6, 4), torch.rand(8, 6), (torch.rand(8, 4) < 0.5).float()
    w = torch.tensor([0.1, 0.2, 0.3, 0.4])
    loss = weighted_cross_entropy(classifier.layers(x), y, w)
    expected = torch.autograd.grad(loss, list(classifier.parameters()))
    classifier.update(x, y, w)
    for parameter, gradient in zip(classifier.parameters(), expected, strict=True):
        np.testing.assert_allclose(parameter.grad, gradient, atol=1e-6)
