"""A meta-learner on scores that are given: no worse than two numbers, better where there is something to learn."""

import numpy as np
import pytest
import torch

from labelpolicy.errors import LabelPolicyError
from labelpolicy.learner import meta_learner, on_scores, reward
from labelpolicy.learner.meta_learner import LabelFeatures, logits
from labelpolicy.learner.on_scores import ScoresEnvironment, learn_on_scores, rollout_on_scores
from labelpolicy.learner.parameters import LearnerParameters
from labelpolicy.progress import Progress
from labelpolicy.thresholds.objectives import Utility

SETTINGS = LearnerParameters(episodes=40, learning_rate=0.03)


def make(shift, documents=1200, at_least_one=False, seed=0, train_count=None, parameters=SETTINGS):
    """Labels of one frequency whose logits are off by ``shift`` (labels,): what two numbers cannot put right."""
    random = np.random.default_rng(seed)
    shift = np.asarray(shift, dtype=np.float64)
    y_true = random.random((documents, len(shift))) < 0.2
    level = np.where(y_true, 1.5, -1.5) + random.normal(0, 1, y_true.shape) + shift
    y_score = (1 / (1 + np.exp(-level))).astype(np.float32)
    environment = ScoresEnvironment(
        y_score,
        y_true,
        train_count=y_true.sum(axis=0) if train_count is None else np.asarray(train_count),
        label_features=LabelFeatures.of(y_true),
        at_least_one=at_least_one,
        parameters=parameters,
        seed=0,
    )
    return environment, y_score, y_true


def rolled_out(meta, environment):
    return rollout_on_scores(meta, environment, SETTINGS, 0, Progress("test", 2 * SETTINGS.steps))


def learned(environment, parameters=SETTINGS):
    meta = meta_learner.build(environment.labels, parameters, 0)
    learn_on_scores(meta, environment, parameters, 0, Progress("test", parameters.episodes))
    return meta, rolled_out(meta, environment)


def test_what_two_numbers_cannot_put_right_is_learned():
    shift = [-2, 2] * 5
    environment, *_ = make(shift)
    _, found = learned(environment)
    assert found.shrinkage > 0
    _, y_score, y_true = make(shift, seed=1)
    reference = environment.decide(environment.task(environment.documents).seen.reference, y_score)
    assert reward.utility(y_true, y_score > found.p, Utility()) > reward.utility(y_true, reference, Utility()) + 0.1


def test_where_what_was_learned_does_not_hold_two_numbers_stay():
    environment, *_ = make([0.0] * 10)
    meta = meta_learner.build(10, SETTINGS, 0)
    torch.nn.init.normal_(meta.threshold_logits.weight, std=3.0, generator=torch.Generator().manual_seed(0))
    found = rolled_out(meta, environment)
    assert found.shrinkage == 0 and [trial.shrinkage for trial in found.trials] == list(on_scores.SHRINKAGES)
    assert all(trial.gain < 0 < trial.standard_error for trial in found.trials)
    np.testing.assert_allclose(logits(found.p), environment.task(environment.documents).seen.reference, atol=1e-6)


def test_a_meta_learner_moves_to_other_labels():
    """Learned on ten labels, applied to six others that it never saw, without being trained there."""
    meta, _ = learned(make([-2, 2] * 5)[0])
    found = rolled_out(meta, make([2, 2, -2, -2, 2, -2], seed=3)[0])
    assert found.shrinkage > 0
    assert (logits(found.p)[[0, 1, 4]] > logits(found.p)[[2, 3, 5]].max() + 1).all()


def test_the_holdout_takes_no_part_in_learning(monkeypatch):
    environment, *_ = make([0.0, 1.0, -1.0], parameters=LearnerParameters(reward_documents=100))
    observed = []
    shared = on_scores.shared
    monkeypatch.setattr(on_scores, "shared", lambda given: observed.append(given.y_score) or shared(given))

    def rows(y_score):
        return {row.tobytes() for row in y_score}

    random, holdout = np.random.default_rng(0), rows(environment.holdout.y_score)
    for turn in range(2 * ScoresEnvironment.TASKS):
        rewarded = rows(environment.draw(random).batch.y_score)
        seen = rows(observed[turn % ScoresEnvironment.TASKS])
        assert not holdout & (seen | rewarded) and not seen & rewarded and len(rewarded) == 100
    assert len(observed) == ScoresEnvironment.TASKS
    assert len(environment.holdout.y_score) == 300 and len(environment.learned_from.y_score) == 900


@pytest.mark.parametrize("at_least_one", [False, True])
def test_labels_nobody_was_trained_on_are_never_predicted(at_least_one):
    environment, y_score, _ = make([0.0, 0.0, 0.0], at_least_one=at_least_one, train_count=[200, 0, 200])
    found = rolled_out(meta_learner.build(3, SETTINGS, 0), environment)
    assert ((found.p > 0) & (found.p < 1)).all()  # as policy.json has it
    y_pred = environment.decide(logits(found.p), y_score)
    assert not y_pred[:, 1].any() and y_pred.any(axis=1).all() == at_least_one


def test_the_same_seed_gives_the_same_thresholds():
    one, again = (learned(make([0.5, -0.5, 0.0])[0], LearnerParameters(episodes=5))[1].p for _ in range(2))
    np.testing.assert_array_equal(one, again)


@pytest.mark.parametrize("estimator", ["policy_gradient", "evolution"])
def test_the_other_estimators_learn_on_scores_as_well(estimator):
    parameters = LearnerParameters(estimator=estimator, episodes=60, learning_rate=0.03)
    environment, *_ = make([-2, 2] * 5, parameters=parameters)
    trace = learn_on_scores(
        meta_learner.build(10, parameters, 0), environment, parameters, 0, Progress("test", parameters.episodes)
    )
    rewards = [row["reward"] for row in trace]
    assert np.mean(rewards[-40:]) > np.mean(rewards[:40]) + 0.02


@pytest.mark.parametrize("settings", [{"learner": "paper"}, {"reward": "paper", "estimator": "policy_gradient"}])
def test_the_literal_variant_is_for_a_classifier_that_trains(settings):
    with pytest.raises(LabelPolicyError, match="on scores take learner: shared and reward: utility"):
        make([0.0, 0.0], parameters=LearnerParameters(**settings))


def test_utilities_of_draws_are_those_of_the_resampled_documents():
    random = np.random.default_rng(0)
    y_pred, y_true = random.random((2, 40, 5)) < 0.3
    rows = random.integers(0, 40, 40)
    draws = np.stack([np.ones(40, dtype=int), np.bincount(rows, minlength=40)])
    weights = Utility(accuracy=1.0, macro_f1=2.0, micro_f1=3.0)
    found = on_scores.utilities(y_true, y_pred, draws, weights)
    expected = [reward.utility(y_true[at], y_pred[at], weights) for at in (slice(None), rows)]
    np.testing.assert_allclose(found, expected)
