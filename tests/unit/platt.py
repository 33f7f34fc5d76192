"""Platt scaling by a library's optimiser, to compare with."""

import numpy as np
from scipy.optimize import minimize


def platt(z, y, mean, precision):
    """Slope and offset of the logits of one label, drawn to a mean by a normal prior."""

    def loss(at):
        logits = at[0] * z + at[1]
        return (np.logaddexp(0, logits) - y * logits).sum() + precision * np.sum((at - mean) ** 2) / 2

    return minimize(loss, mean, method="BFGS", options={"gtol": 1e-7}).x
