"""A meta-learner on scores that are given: no worse than two numbers, better where there is something to learn."""

import numpy as np
import pytest
import torch

from labelpolicy.learner import algorithm, meta_learner
from labelpolicy.learner import scores_environment as module
from labelpolicy.learner.meta_learner import Surroundings, logits
from labelpolicy.learner.parameters import MetaLearner
from labelpolicy.learner.scores_environment import Frozen, applied
from labelpolicy.progress import Progress
from labelpolicy.thresholds.objectives import Utility
from labelpolicy.thresholds.rules import NEVER

SETTINGS = MetaLearner(episodes=40, learning_rate=0.03)


def make_room(shift, documents=1200, at_least_one=False, seed=0, train_count=None):
    """Labels of one frequency whose logits are off by ``shift`` (labels,): what two numbers cannot mend."""
    random = np.random.default_rng(seed)
    shift = np.asarray(shift, dtype=np.float64)
    truth = random.random((documents, len(shift))) < 0.2
    level = np.where(truth, 1.5, -1.5) + random.normal(0, 1, truth.shape) + shift
    scores = (1 / (1 + np.exp(-level))).astype(np.float32)
    count = truth.sum(axis=0) if train_count is None else np.asarray(train_count)
    room = Frozen(
        scores,
        truth,
        train_count=count,
        surroundings=Surroundings.of(truth),
        at_least_one=at_least_one,
        utility=Utility(),
        seed=0,
    )
    return room, scores, truth


def learned(room, seed=0, parameters=SETTINGS):
    meta = meta_learner.build(room.labels, parameters, seed)
    algorithm.learn(meta, room, parameters, seed, Progress("test", parameters.episodes))
    return meta, applied(meta, room, parameters, seed, Progress("test", 2 * parameters.steps))


def test_what_two_numbers_cannot_mend_is_learned():
    shift = [-2, 2] * 5
    room, *_ = make_room(shift)
    _, (thresholds, about, _) = learned(room)
    assert about["kept"] > 0
    _, scores, truth = make_room(shift, seed=1)
    centre = room.decision(room.centre)
    f1 = {name: algorithm.reward.utility(each > 0, truth, Utility()) for name, each in (
        ("centre", centre.decide(scores)), ("learned", scores > thresholds))}  # fmt: skip
    assert f1["learned"] > f1["centre"] + 0.1


def test_where_what_was_learned_does_not_hold_two_numbers_stay():
    room, *_ = make_room([0.0] * 10)
    meta = meta_learner.build(10, SETTINGS, 0)
    torch.nn.init.normal_(meta.threshold_logits.weight, std=3.0, generator=torch.Generator().manual_seed(0))
    thresholds, about, _ = applied(meta, room, SETTINGS, 0, Progress("test", 2 * SETTINGS.steps))
    assert about["kept"] == 0 and [each["share"] for each in about["evidence"]] == list(module.KEPT)
    assert all(each["gain"] < 0 < each["standard_error"] for each in about["evidence"])
    np.testing.assert_allclose(logits(thresholds), room.centre, atol=1e-6)


def test_a_meta_learner_moves_to_other_labels():
    """Learned on ten labels, applied to six others that it never saw, without being trained there."""
    meta, _ = learned(make_room([-2, 2] * 5)[0])
    room, *_ = make_room([2, 2, -2, -2, 2, -2], seed=3)
    thresholds, about, _ = applied(meta, room, SETTINGS, 0, Progress("test", 8))
    assert about["kept"] > 0
    assert (logits(thresholds)[[0, 1, 4]] > logits(thresholds)[[2, 3, 5]].max() + 1).all()


def test_documents_kept_apart_take_no_part_in_learning():
    room, *_ = make_room([0.0, 1.0, -1.0])
    apart = {row.tobytes() for row in room.apart.scores}
    random = np.random.default_rng(0)
    for _ in range(2 * Frozen.TASKS):
        room.draw_reward_documents(random, 100)
        assert not apart & {row.tobytes() for row in np.concatenate([room.observed.scores, room.judged_part.scores])}
        observed, judged = ({row.tobytes() for row in part.scores} for part in (room.observed, room.judged_part))
        assert not observed & judged and len(judged) == 100
    assert len(room.apart.scores) == 300 and len(room.learned_from.scores) == 900


@pytest.mark.parametrize("at_least_one", [False, True])
def test_labels_nobody_was_trained_on_are_never_predicted(at_least_one):
    room, *_ = make_room([0.0, 0.0, 0.0], at_least_one=at_least_one, train_count=[200, 0, 200])
    thresholds, *_ = applied(meta_learner.build(3, SETTINGS, 0), room, SETTINGS, 0, Progress("test", 8))
    assert ((thresholds > 0) & (thresholds < 1)).all()  # as policy.json has it
    assert room.decision(room.centre).thresholds[1] == NEVER
    assert room.decision(room.centre).at_least_one is at_least_one


def test_the_same_seed_gives_the_same_thresholds():
    short = MetaLearner(episodes=5)
    one, again = (learned(make_room([0.5, -0.5, 0.0])[0], parameters=short)[1][0] for _ in range(2))
    np.testing.assert_array_equal(one, again)


def test_utilities_of_draws_are_those_of_the_resampled_documents():
    random = np.random.default_rng(0)
    predicted, truth = random.random((2, 40, 5)) < 0.3
    rows = random.integers(0, 40, 40)
    draws = np.stack([np.ones(40, dtype=int), np.bincount(rows, minlength=40)])
    found = module.utilities(predicted, truth, draws, Utility(accuracy=1.0, macro_f1=2.0, micro_f1=3.0))
    weights = Utility(accuracy=1.0, macro_f1=2.0, micro_f1=3.0)
    expected = [algorithm.reward.utility(predicted[at], truth[at], weights) for at in (slice(None), rows)]
    np.testing.assert_allclose(found, expected)
