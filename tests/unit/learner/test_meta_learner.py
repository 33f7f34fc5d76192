"""What the meta-learner sees of labels and of the labels beside them."""

import numpy as np
import torch

from labelpolicy.learner import meta_learner
from labelpolicy.learner.meta_learner import LabelFeatures, Observation
from labelpolicy.learner.parameters import LearnerParameters

TRUTH = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 0]], dtype=bool)


def test_relations_are_parent_children_and_labels_beside():
    found = LabelFeatures.of(TRUTH, np.array([1, 2, 2, 1]), [None, 0, 0, None])
    parent, children, beside = found.relations.toarray().reshape(3, 4, 4)
    np.testing.assert_array_equal(parent, [[0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(children, [[0, 0.5, 0.5, 0], [0] * 4, [0] * 4, [0] * 4])
    np.testing.assert_allclose(beside, [[0, 2 / 3, 1 / 3, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0] * 4])
    assert found.frequency.argmax() == 0 and abs(found.frequency.mean()) < 1e-12
    np.testing.assert_allclose(found.depth, [-1, 1, 1, -1])


def test_without_a_hierarchy_depth_and_family_are_silent():
    found = LabelFeatures.of(TRUTH)
    assert not found.depth.any() and not found.relations.toarray()[:8].any()


def observation(scores, truth, reference=None):
    return Observation.of(
        scores, truth, LabelFeatures.of(truth), np.zeros(truth.shape[1]) if reference is None else reference, 0.5
    )


def test_the_break_even_logit_has_as_many_documents_above_it_as_have_the_label():
    random = np.random.default_rng(0)
    scores, truth = random.random((50, 4)).astype(np.float32), random.random((50, 4)) < [0.1, 0.5, 0.9, 0.0]
    seen = observation(scores, truth, reference=np.full(4, 7.0))
    above = (meta_learner.logits(scores) > seen.break_even).sum(axis=0)
    np.testing.assert_array_equal(above[:3], truth.sum(axis=0)[:3])
    assert seen.break_even[3] == 7.0  # nobody has it


def test_certain_scores_are_bounded():
    np.testing.assert_array_equal(meta_learner.logits(np.array([0.0, 0.5, 1.0])), [-16, 0, 16])


def step(meta, seen, labels):
    first = torch.full((labels,), 1 / labels), torch.full((labels,), 0.5)
    return meta(meta.start(labels), *first, seen)


def test_one_learner_serves_any_number_of_labels_and_starts_at_the_reference():
    meta = meta_learner.build(4, LearnerParameters(), 0)
    for labels in (2, 9):
        random = np.random.default_rng(labels)
        scores, truth = random.random((30, labels)).astype(np.float32), random.random((30, labels)) < 0.4
        reference = random.normal(size=labels)
        _, w, p = step(meta, observation(scores, truth, reference), labels)
        torch.testing.assert_close(p, torch.from_numpy(reference).float())
        assert not w.any()


def test_a_label_answers_to_the_labels_beside_it():
    """What is observed of one label moves the thresholds of the labels it occurs with, and of no other."""
    meta = meta_learner.build(4, LearnerParameters(), 0)
    torch.nn.init.normal_(meta.threshold_logits.weight, generator=torch.Generator().manual_seed(0))
    scores = np.full((4, 4), 0.3, dtype=np.float32)
    changed = scores.copy()
    changed[:, 1] = 0.9
    before, after = (step(meta, observation(each, TRUTH), 4)[2] for each in (scores, changed))
    moved = (before != after).tolist()
    assert moved == [True, True, False, False]  # 1 occurs with 0 alone


def test_the_means_over_other_labels_are_those_of_the_relations():
    features = LabelFeatures.of(
        np.random.default_rng(0).random((30, 4)) < 0.4, np.array([1, 2, 2, 1]), [None, 0, 0, None]
    )
    own = torch.rand(4, 8, requires_grad=True)
    found, dense = torch.sparse.mm(features.means, own), torch.from_numpy(features.relations.toarray()).float()
    torch.testing.assert_close(found, dense @ own)
    found.square().sum().backward()
    torch.testing.assert_close(own.grad, 2 * dense.T @ (dense @ own.detach()))


def test_label_features_grow_with_the_labels_that_stand_together_not_with_their_pairs():
    labels = 3000
    truth = np.zeros((6000, labels), dtype=bool)
    truth[np.arange(6000), np.arange(6000) % labels] = truth[np.arange(6000), np.arange(6000) // 2 % 7] = True
    assert LabelFeatures.of(truth).relations.nnz < 20 * labels
