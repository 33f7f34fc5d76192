"""Small problems for threshold rules, with ties, scores at both ends, and labels that nobody has seen."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from labelpolicy.thresholds import RULES, ThresholdParameters, Utility, fit

SMALLEST = float(np.float32(1e-45))
LARGEST = float(np.float32(1) - np.float32(2**-24))
#: Few values, so that ties are common; both ends, their nearest neighbours, and two neighbours in the middle.
SCORES = st.sampled_from(
    [0.0, SMALLEST, 1e-6, 0.1, 0.3, 0.5, float(np.nextafter(np.float32(0.5), 1)), 0.8, LARGEST, 1.0]
)
WEIGHTS = st.sampled_from([(1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0.3, 2, 0.7)])
BOTH = [(rule, one) for rule in RULES for one in (False, True)]


@st.composite
def problems(draw, documents=6, labels=3):
    """Scores, truth and training counts of a small problem.

    Whole columns of either truth occur, and labels without a training document, but for one.
    """
    shape = draw(st.integers(1, documents)), draw(st.integers(1, labels))
    y_score = draw(arrays(np.float32, shape, elements=SCORES.map(np.float32)))
    y_true = draw(arrays(bool, shape))
    for column in range(shape[1]):
        whole = draw(st.sampled_from([None, None, True, False]))
        if whole is not None:
            y_true[:, column] = whole
    counts = st.lists(st.integers(0, 9), min_size=shape[1], max_size=shape[1]).filter(any)
    return y_score, y_true, np.array(draw(counts))


def fitted(rule, problem, weights=(1, 1, 1), seed=0, one=False, **parameters):
    y_score, y_true, train_count = problem
    utility = Utility(accuracy=weights[0], macro_f1=weights[1], micro_f1=weights[2])
    chosen = ThresholdParameters(utility=utility, **parameters)
    before = y_score.copy()
    decision = fit(rule, y_score, y_true, train_count=train_count, parameters=chosen, seed=seed, at_least_one=one)
    np.testing.assert_array_equal(y_score, before)  # never in place
    return decision
