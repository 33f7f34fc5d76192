"""Run in a process of its own, with the modules named as arguments missing: the core fits and decides from scores."""

import sys


class Missing:
    """Refuses to find some modules, as if they were not installed."""

    def __init__(self, names):
        self.names = set(names)

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Missing(sys.argv[1:]))

import numpy as np  # noqa: E402

from labelpolicy import evaluate, fit_thresholds, paired_bootstrap  # noqa: E402

random = np.random.default_rng(0)
y_true = random.random((400, 4)) < [0.5, 0.2, 0.1, 0.05]
y_score = 1 / (1 + np.exp(-(2 * y_true + random.normal(size=y_true.shape) - [1, 2, 2.5, 3])))
decision = fit_thresholds("shared", y_score, y_true, at_least_one=True)
y_pred = decision.decide(y_score)
assert y_pred.any(axis=1).all() and y_pred.dtype == bool
assert evaluate(y_true, y_pred)["macro_f1"] > evaluate(y_true, y_score > 0.5)["macro_f1"]
assert paired_bootstrap(y_true, y_pred, y_score > 0.5, draws=100)["macro_f1"].difference > 0
