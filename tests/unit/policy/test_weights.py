import numpy as np
import pytest

from labelpolicy.errors import LabelPolicyError
from labelpolicy.methods import WEIGHTS
from labelpolicy.policy import weights


def test_every_rule_sums_to_one_and_has_its_name_in_the_sheet():
    assert set(weights.RULES) == set(WEIGHTS)
    for name in WEIGHTS:
        w = weights.fixed(name, np.array([100, 7, 0, 1]))
        assert w.sum() == pytest.approx(1) and (w > 0).all()


def test_inverse_frequency_by_hand():
    np.testing.assert_allclose(weights.inverse_frequency(np.array([1, 2, 4])), np.array([4, 2, 1]) / 7)
    np.testing.assert_allclose(weights.inverse_frequency(np.array([0, 1])), [0.5, 0.5])


def test_an_unknown_rule():
    with pytest.raises(LabelPolicyError, match="'uniformly' are unknown: expected one of uniform, inverse_frequency"):
        weights.fixed("uniformly", np.array([1]))
