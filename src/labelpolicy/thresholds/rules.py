"""Rules that fit decision thresholds on documents that the classifier was not trained on: docs/thresholds.md."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from labelpolicy.randomness import generator
from labelpolicy.thresholds.arrays import FARTHEST, GRID, blocks, logit, ranked
from labelpolicy.thresholds.decision import Decision, PerLabel, Proportion, Rank
from labelpolicy.thresholds.label_sets.policy import LabelSets
from labelpolicy.thresholds.objectives import ThresholdParameters, Utility, label_cuts, measures, utility_of
from labelpolicy.thresholds.search import Search

#: Slopes b that `shared` tries, in standard deviations of the true cells' logits (clipped to SURE), the flattest first.
SLOPES, SURE = np.array(sorted(np.linspace(-0.6, 0.6, 25), key=abs)), 12.0


class Documents(NamedTuple):
    """What :func:`fit` was given, checked. Labels that are not ``trained``, bool (N,), score 0; at least one is.

    ``allowed``, int (some,), are those that a document may get for which no label passes; None: it gets none.
    """

    y_score: np.ndarray
    y_true: np.ndarray
    train_count: np.ndarray
    trained: np.ndarray
    parameters: ThresholdParameters
    seed: int
    allowed: np.ndarray | None
    labels: Sequence[str] | None = None
    texts: Iterable[str] | None = None
    descriptions: Sequence[str | None] | None = None

    @classmethod
    def given(
        cls,
        y_score: np.ndarray,
        y_true: np.ndarray,
        train_count: np.ndarray,
        parameters: ThresholdParameters,
        *,
        seed: int = 0,
        at_least_one: bool | None = None,
    ) -> "Documents":
        trained = train_count > 0
        y_score = y_score if trained.all() else np.where(trained, y_score, np.zeros_like(y_score[:1]))
        allowed = np.flatnonzero(trained) if at_least_one else None
        return cls(y_score, y_true, train_count, trained, parameters, seed, allowed)

    def of(self, rows: np.ndarray) -> "Documents":
        texts = None if self.texts is None else np.array(self.texts, dtype=object)[rows].tolist()
        return self._replace(y_score=self.y_score[rows], y_true=self.y_true[rows], texts=texts)


def fixed(documents: Documents) -> PerLabel:
    """0.5 for every label, as the paper's classifiers have it without a policy (Section 5)."""
    return PerLabel(np.zeros(len(documents.trained)))


def scut(documents: Documents) -> PerLabel:
    """SCut (Yang 2001): each label's threshold maximises its own F1."""
    return PerLabel(label_cuts(documents.y_score, documents.y_true)[1])


def scutfbr(documents: Documents, beat_the_best: bool) -> PerLabel:
    """SCutFBR.0 (Yang 2001): SCut, but a label whose best F1 is below fbr is never predicted; .1: has to beat its best.

    fbr is chosen by folds, fitting on all but one and deciding that one: on the documents it was fitted on, SCut itself
    always looks best. The utility is that of all folds together; of equals the lowest fbr is taken.
    """
    y_score, y_true, parameters = documents.y_score, documents.y_true, documents.parameters
    folds = min(parameters.folds, len(y_score))
    if folds < parameters.folds:
        warnings.warn(f"scutfbr: {folds} folds instead of {parameters.folds}: no more documents", stacklevel=4)
    fold, values = generator(documents.seed, "scutfbr folds").permutation(len(y_score)) % folds, {}

    def fitted(rows: np.ndarray) -> Callable[[float], PerLabel]:
        best, levels = label_cuts(y_score[rows], y_true[rows])
        highest = logit(y_score[rows].max(axis=0, initial=0)).clip(min=-FARTHEST)
        return lambda fbr: PerLabel(np.where(best < fbr, highest if beat_the_best else np.inf, levels))

    without = [fitted(fold != f) for f in range(folds)]
    for fbr in sorted(parameters.fbr):
        y_pred = np.empty_like(y_true)
        for f, at in enumerate(without):
            y_pred[fold == f] = at(fbr).decide(y_score[fold == f])
        values[fbr] = float(utility_of(**measures(y_true, y_pred), weights=parameters.utility))
    fbr = max(values, key=values.__getitem__)
    return PerLabel(fitted(fold >= 0)(fbr).levels, chosen={"fbr": fbr, "utility": values[fbr]})


def rcut(documents: Documents) -> Rank:
    """RCut (Yang 2001): the t best labels of every document, t = 1 .. N by the utility."""
    never, values = ~documents.trained, np.empty(documents.y_score.shape, dtype=np.float32)  # ranks: exact in it
    for rows in blocks(values.shape):
        rank = ranked(documents.y_score[rows], never).argsort(axis=1)
        values[rows] = np.where(rank == 0, np.inf, -rank)  # the best label is always predicted
        values[rows, never] = -np.inf
    search = Search(values, documents.y_true, documents.parameters.utility, value=partial(np.asarray, dtype=np.float64))
    _, utility, level = search.best()
    return Rank(max(int(np.ceil(-level)), 1), never, chosen={"utility": utility})


def pcut(documents: Documents) -> Proportion:
    """PCut (Yang 2001): round(x * prior_j * n) documents for label j, x by the utility.

    prior_j is the label's share of all training labels. The r-th best document of label j is taken in from x prior_j n
    = r - 1/2 on: with 2 n x / sum(train_count) = exp(-level), where log(train_count_j / (2 r - 1)) >= level.
    """
    count, n, values = documents.train_count, len(documents.y_score), np.empty(documents.y_score.shape)
    with np.errstate(divide="ignore"):
        for j, column in enumerate(documents.y_score.T):
            values[:, j] = np.log(count[j] / (2 * (n - np.searchsorted(np.sort(column), column)) - 1))
    _, utility, level = Search(values, documents.y_true, documents.parameters.utility, value=np.asarray).best()
    shares = np.exp(-level) / (2 * n) * count
    return Proportion(shares, chosen={"x": float(shares.sum()), "utility": utility})


def odr(documents: Documents) -> PerLabel:
    """One threshold for all labels, of the best micro-F1 (the paper's ODR, after Lipton et al. 2014)."""
    micro_f1 = Utility(accuracy=0, macro_f1=0, micro_f1=1)
    _, utility, level = Search(documents.y_score, documents.y_true, micro_f1, documents.allowed).best()
    return PerLabel(np.full(len(documents.trained), level if utility else 0.0))


def odr_label(documents: Documents) -> PerLabel:
    """p_j = F*_j / 2, F*_j the best F1 of label j (Lipton et al. 2014, for calibrated scores); 0.5 where it is 0."""
    expected, true = float(documents.y_score.sum(dtype=np.float64)), np.count_nonzero(documents.y_true)
    if not true / 2 <= expected <= 2 * true:
        found = f"these sum to {expected:.6g} where {true} labels are true"
        warnings.warn(f"odr_label: is for calibrated scores, but {found}", stacklevel=4)
    best, _ = label_cuts(documents.y_score, documents.y_true)
    return PerLabel.at(np.where(best > 0, best, 1) / 2)


def shared(documents: Documents) -> PerLabel:
    """p_j = sigmoid(a + b z_j), z_j the standardised log(1 + train_count_j): two numbers for all, by the utility.

    The unit of the slopes b follows the scale of the classifier's logits; of equals the flattest is taken.
    """
    trained, counts = documents.trained, np.log1p(documents.train_count.astype(np.float64))
    z = np.where(trained, counts - counts[trained].mean(), 0) / (counts[trained].std() or 1)
    true_logits = logit(documents.y_score[documents.y_true & trained]).clip(-SURE, SURE)
    unit = (true_logits.std() if true_logits.size else 0) or 1.0
    slopes = unit * np.array(SLOPES if np.ptp(counts[trained]) > 0 else [0.0])
    shifts = np.rint(slopes[:, None] * z * GRID) / GRID
    search = Search(documents.y_score, documents.y_true, documents.parameters.utility, documents.allowed)
    k, utility, a = search.best(shifts)
    return PerLabel(a + shifts[k], chosen={"a": a, "b": float(slopes[k]), "utility": utility})


def sets(documents: Documents) -> LabelSets:
    """A learned policy that chooses the whole label set of a document, and looks for label names in its text, if given.

    docs/algorithm.md; needs SciPy to be fitted.
    """
    from labelpolicy.thresholds.label_sets.learn import learn_label_sets
    from labelpolicy.thresholds.label_sets.names import Names

    named = documents.labels is not None and documents.texts is not None
    names = Names(documents.labels or (), documents.descriptions) if named else None
    always_one = documents.allowed is not None or bool(documents.y_true.any(axis=1).all())
    reference = shared(documents._replace(allowed=np.flatnonzero(documents.trained) if always_one else None))
    return learn_label_sets(
        documents.y_score,
        documents.y_true,
        levels=np.where(documents.trained, reference.levels, np.inf),
        train_count=documents.train_count,
        names=names,
        texts=documents.texts,
        utility=documents.parameters.utility,
        at_least_one=documents.allowed is not None,
    )


def sets_unnamed(documents: Documents) -> LabelSets:
    """``sets`` that looks at scores alone."""
    return sets(documents._replace(labels=None, texts=None))


SET_POLICIES = ("sets", "sets_unnamed")  #: Rules that learn a policy by its gradient.
RULES: dict[str, Callable[[Documents], Decision]] = {
    **{rule.__name__: rule for rule in (fixed, scut, rcut, pcut, odr, odr_label, shared, sets, sets_unnamed)},
    **{f"scutfbr{beat_the_best:d}": partial(scutfbr, beat_the_best=beat_the_best) for beat_the_best in (False, True)},
}


def fit_rule(rule: str, documents: Documents, at_least_one: bool) -> Decision:
    """A rule of RULES on checked documents; a label without a training document is never predicted."""
    found = RULES[rule](documents)
    if isinstance(found, PerLabel):
        return replace(found, levels=np.where(documents.trained, found.levels, np.inf), at_least_one=at_least_one)
    return replace(found, at_least_one=at_least_one) if isinstance(found, Proportion) else found
