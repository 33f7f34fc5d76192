"""Is a difference between two classifiers more than chance? A paired bootstrap over test documents and seeds.

A draw takes n of the n test documents and S of the S seeds, both with replacement and the same ones for everything that
is compared (Efron and Tibshirani 1993; Koehn 2004), and measures all of it again on them. Documents in groups, as the
entity mentions of one text, are drawn group by group. Counts are whole numbers below 2 ** 24, which float32 adds
exactly in any order, so the outcome does not depend on the machine's cores. docs/statistics.md says what is tested.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from pydantic import Field
from scipy.sparse import csr_matrix

from labelpolicy.checks import expect, one_each
from labelpolicy.config import Count, OpenUnit, Parameters, PositiveInt, check
from labelpolicy.errors import LabelPolicyError
from labelpolicy.metrics import checked
from labelpolicy.randomness import generator
from labelpolicy.thresholds.objectives import MEASURES, f1, ratio

TYPING_MEASURES = (*MEASURES, "loose_macro_f1")  # of entity typing (Table 2); its loose micro-F1 is the micro-F1
ROUNDING = 1e-12  # differences below are sums of the same shares in another order: no difference
BLOCK = 2**20  # documents times draws worked on at once: some 20 MB


class Significance(Parameters):
    """Which differences between rows are more than chance: a paired bootstrap. docs/statistics.md."""

    draws: PositiveInt = Field(20_000, description="resamples of the test documents and the seeds")
    level: OpenUnit = Field(
        0.05, description="a difference is marked where p, corrected by Holm, is below; the interval covers 1 - level"
    )
    seed: Count = Field(0, description="seed of the resampling")


class Difference(NamedTuple):
    """One measure of one row less that of another: the interval and the p-value of `judge`, p corrected by Holm."""

    difference: float
    low: float
    high: float
    p: float
    p_holm: float

    def reversed(self) -> "Difference":
        """The other row less this one."""
        return self._replace(difference=0.0 - self.difference, low=0.0 - self.high, high=0.0 - self.low)


def paired_bootstrap(
    y_true: np.ndarray,
    y_pred_a: np.ndarray,
    y_pred_b: np.ndarray,
    *,
    groups: Sequence[object] | None = None,
    measures: tuple[str, ...] = MEASURES,
    draws: int = 20_000,
    level: float = 0.05,
    seed: int = 0,
) -> dict[str, Difference]:
    """a - b for each measure, from the decisions of two classifiers on the same documents.

    ``y_true`` is bool (documents n, labels N); the predictions are bool of that shape, or (seeds, n, N) with the same
    seeds for both, of which the mean is compared. ``groups`` (n,) names what is drawn whole, such as the text that a
    mention is from. ``measures`` may be MEASURES or TYPING_MEASURES. ``p_holm`` is p: each measure is a test by itself.

    Raises LabelPolicyError for arrays that are not bool or do not fit together.

    >>> y_true = np.ones((50, 1), dtype=bool)
    >>> worse = y_true.copy()
    >>> worse[:20] = False
    >>> found = paired_bootstrap(y_true, y_true, worse)["accuracy"]
    >>> found.difference, found.p < 0.05
    (0.4, True)
    """
    given = check(Significance, {"draws": draws, "level": level, "seed": seed}, "paired_bootstrap")
    _check_given(y_true, measures, groups)
    rows = [
        [Outcomes.of(*checked(y_true, y_pred), measures) for y_pred in (found if np.ndim(found) == 3 else [found])]
        for found in (y_pred_a, y_pred_b)
    ]
    if len(rows[0]) != len(rows[1]):
        raise LabelPolicyError(f"significance: {len(rows[0])} seeds and {len(rows[1])}: expected the same seeds twice")
    numbers = group_numbers(groups)
    found = differences(np.asarray(y_true), rows, [(0, 1)], given, groups=numbers, measures=measures)
    return {measure: difference for (_, _, measure), difference in found.items()}


class Interval(NamedTuple):
    """A measure and the ends of its percentile interval."""

    value: float
    low: float
    high: float


def bootstrap_interval(
    y_true: np.ndarray,
    y_pred: np.ndarray,
    *,
    groups: Sequence[object] | None = None,
    measures: tuple[str, ...] = MEASURES,
    draws: int = 2_000,
    level: float = 0.05,
    seed: int = 0,
) -> dict[str, Interval]:
    """Each measure of anybody's decisions, and its (1 - level) interval over documents: `paired_bootstrap` of one row.

    >>> y_true = np.ones((50, 1), dtype=bool)
    >>> bootstrap_interval(y_true, y_true)["micro_f1"]
    Interval(value=1.0, low=1.0, high=1.0)
    """
    given = check(Significance, {"draws": draws, "level": level, "seed": seed}, "bootstrap_interval")
    _check_given(y_true, measures, groups)
    rows = [[Outcomes.of(*checked(y_true, each), measures) for each in (y_pred if np.ndim(y_pred) == 3 else [y_pred])]]
    units = group_numbers(groups)
    how: dict[str, Any] = {"draws": given.draws, "seed": given.seed, "groups": units, "measures": measures}
    drawn = replicates(np.asarray(y_true), rows, **how)[:, 0]
    sample = Drawn.once(np.asarray(y_true))
    values = np.mean([outcomes.measured(sample)[0] for outcomes in rows[0]], axis=0)
    ends = np.quantile(drawn, [level / 2, 1 - level / 2], axis=0)
    return {name: Interval(*map(float, row)) for name, row in zip(measures, np.vstack([values, ends]).T, strict=True)}


def _check_given(y_true: np.ndarray, measures: Any, groups: Any) -> None:
    known = isinstance(measures, tuple) and measures in (MEASURES, TYPING_MEASURES)
    expect(known, "measures", measures, "MEASURES or TYPING_MEASURES of labelpolicy.significance")
    if groups is not None:
        one_each("groups", groups, np.shape(y_true)[0] if np.ndim(y_true) else 0)


def group_numbers(groups: Sequence[object] | None) -> np.ndarray | None:
    """Groups by number, from 0: int (n,)."""
    return None if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]


class Drawn(NamedTuple):
    """Draws of documents: how often each document, or group, is in each, float32 (n, draws), and what that adds up to.

    ``support`` float64 (N, draws) says how often each label is true, ``true`` (draws,) all of them together, and
    ``documents`` (draws,) how many documents were drawn.
    """

    times: np.ndarray
    support: np.ndarray
    true: np.ndarray
    documents: np.ndarray

    @classmethod
    def of(cls, times: np.ndarray, true: csr_matrix, sizes: np.ndarray | None = None) -> "Drawn":
        """Of the truth, float32 (N, n), and the sizes (n,) of the groups, if it is of groups."""
        support = (true @ times).astype(np.float64)
        documents = times.sum(axis=0, dtype=np.float64) if sizes is None else sizes @ times.astype(np.float64)
        return cls(times, support, support.sum(axis=0), documents)

    @classmethod
    def once(cls, y_true: np.ndarray) -> "Drawn":
        """The sample itself: every document once."""
        return cls.of(np.ones((len(y_true), 1), dtype=np.float32), csr_matrix(y_true.T, dtype=np.float32))


@dataclass(frozen=True)
class Outcomes:
    """What one row's decisions with one seed came to, document by document: all that its measures are made of.

    ``counts`` float32 (2 N + 1, n): for each label the documents it was rightly, then wrongly predicted for, last those
    whose label set is not exactly right. ``shares`` float64 (4, n), for the loose macro-F1 (else None): precision and
    recall of each document, and whether it has a predicted and a true label.
    """

    counts: csr_matrix
    shares: csr_matrix | None = None

    @classmethod
    def of(cls, y_true: np.ndarray, y_pred: np.ndarray, measures: tuple[str, ...] = MEASURES) -> "Outcomes":
        wrong = (y_true != y_pred).any(axis=1, keepdims=True)
        counts = csr_matrix(np.concatenate([y_true & y_pred, y_pred & ~y_true, wrong], axis=1).T, dtype="f4")
        if "loose_macro_f1" not in measures:
            return cls(counts)
        tp, predicted, support = (array.sum(axis=1) for array in (y_true & y_pred, y_pred, y_true))
        by_document = [ratio(tp, predicted), ratio(tp, support), predicted > 0, support > 0]
        return cls(counts, csr_matrix(np.array(by_document, dtype=np.float64)))

    @cached_property
    def right(self) -> np.ndarray:
        """The labels that are rightly predicted for a document."""
        return np.flatnonzero(self.counts[: self.counts.shape[0] // 2].getnnz(axis=1))

    def together(self, groups: csr_matrix) -> "Outcomes":
        """The same by group, which is 1 for its documents: float32 (n, groups)."""
        return Outcomes(self.counts @ groups, None if self.shares is None else self.shares @ groups)

    def measured(self, drawn: "Drawn", counted: np.ndarray | None = None) -> np.ndarray:
        """The measures of every draw, float64 (draws, 3 or 4): as `metrics.evaluate` on the documents drawn.

        ``counted`` is ``counts @ drawn.times``, where that is known.
        """
        labels = len(drawn.support)
        sums = self.counts @ drawn.times if counted is None else counted
        some = self.right  # the F1 of all other labels is 0 in every draw
        tp, fp = sums[some].astype(np.float64), sums[labels + some].astype(np.float64)
        all_tp, all_fp = tp.sum(axis=0), sums[labels:-1].sum(axis=0, dtype=np.float64)
        found = [
            1 - sums[-1] / drawn.documents,
            f1(tp, tp + fp, drawn.support[some]).sum(axis=0) / labels,
            f1(all_tp, all_tp + all_fp, drawn.true),
        ]
        if self.shares is not None:
            precision, recall, with_prediction, with_truth = self.shares @ drawn.times.astype(np.float64)
            precision, recall = ratio(precision, with_prediction), ratio(recall, with_truth)
            found.append(ratio(2 * precision * recall, precision + recall))
        return np.stack(found, axis=1)


def replicates(
    y_true: np.ndarray,
    rows: Sequence[Sequence[Outcomes]],
    *,
    draws: int,
    seed: int,
    groups: np.ndarray | None = None,
    measures: tuple[str, ...] = MEASURES,
) -> np.ndarray:
    """Every row's measures in every draw, the mean over the seeds drawn: float64 (draws, rows, measures).

    ``y_true`` is bool (n, N); ``rows`` holds for each row the outcomes by seed, the same seeds in the same order.
    ``groups`` int (n,) numbers from 0 what is drawn whole; None: every document by itself.
    """
    documents, seeds = len(y_true), len(rows[0])
    units = documents if groups is None else int(groups.max()) + 1
    document_random, seed_random = (generator(seed, "bootstrap", name) for name in ("documents", "seeds"))
    true, sizes = csr_matrix(y_true.T, dtype=np.float32), None
    if groups is not None:  # what is drawn whole is added up once
        which = csr_matrix((np.ones(documents, dtype=np.float32), (np.arange(documents), groups)))
        true, sizes = true @ which, np.bincount(groups).astype(np.float64)
        rows = [[outcomes.together(which) for outcomes in by_seed] for by_seed in rows]
    # Most documents come out alike in all rows: what is counted for one is counted once, and for others what differs.
    # The sums are whole numbers, and the same.
    first = rows[0][0].counts
    apart = [[outcomes.counts - first for outcomes in by_seed] for by_seed in rows]
    found = np.empty((draws, len(rows), len(measures)))
    for start in range(0, draws, block := max(1, BLOCK // documents)):
        size = min(block, draws - start)
        drawn = _counts(document_random, size, units)
        share = _counts(seed_random, size, seeds) / seeds  # one seed: always 1
        sample = Drawn.of(drawn, true, sizes)
        counted = first @ drawn
        for r, by_seed in enumerate(rows):
            measured = [
                share[s][:, None] * outcomes.measured(sample, counted + apart[r][s] @ drawn)
                for s, outcomes in enumerate(by_seed)
            ]
            found[start : start + size, r] = sum(measured)
    return found


def _counts(random: np.random.Generator, draws: int, things: int) -> np.ndarray:
    """How often each of the things is drawn in as many drawings with replacement: float32 (things, draws)."""
    drawn = random.integers(things, size=(draws, things))
    cells = drawn * draws + np.arange(draws)[:, None]
    return np.bincount(cells.ravel(), minlength=things * draws).reshape(things, draws).astype(np.float32)


def judge(differences: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ends of the (1 - level) interval and the two-sided p-value of each column of differences (draws, columns).

    The interval is the percentile interval; p is twice the share of draws on the lesser side of 0, draws at 0 counted
    on both sides and the observed sample as one more draw.
    """
    differences = _rounded(differences)
    low, high = np.quantile(differences, [level / 2, 1 - level / 2], axis=0)
    lesser = np.minimum((differences <= 0).sum(axis=0), (differences >= 0).sum(axis=0))
    return low, high, np.minimum(1.0, 2 * (lesser + 1) / (len(differences) + 1))


def _rounded(differences: np.ndarray) -> np.ndarray:
    return np.where(np.abs(differences) < ROUNDING, 0.0, differences)


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's (1979) adjusted p-values (hypotheses,): the k-th smallest of m times m - k + 1, never falling, up to 1."""
    order = np.argsort(p, kind="stable")
    steps = (len(p) - np.arange(len(p))) * p[order]
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def draws_needed(comparisons: int, level: float) -> int:
    """The fewest draws with which the smallest possible p_holm, 2 comparisons / (draws + 1), is below the level."""
    return int(2 * comparisons / level)


def differences(
    y_true: np.ndarray,
    rows: Sequence[Sequence[Outcomes]],
    comparisons: Sequence[tuple[int, int]],
    parameters: Significance,
    *,
    groups: np.ndarray | None = None,
    measures: tuple[str, ...] = MEASURES,
) -> dict[tuple[int, int, str], Difference]:
    """Row i - row j for each (i, j) of ``comparisons`` and each measure; rows are compared by their means over seeds.

    ``y_true``, ``rows``, ``groups`` and ``measures`` as in `replicates`. Holm's family is all comparisons of a measure.
    """
    sample = Drawn.once(y_true)
    observed = np.array([np.mean([o.measured(sample)[0] for o in by_seed], axis=0) for by_seed in rows])
    drawn = replicates(y_true, rows, draws=parameters.draws, seed=parameters.seed, groups=groups, measures=measures)
    found = {}
    for m, measure in enumerate(measures):
        values = np.ascontiguousarray(drawn[:, :, m])
        tested = [judge(values[:, i] - values[:, j], parameters.level) for i, j in comparisons]
        corrected = holm(np.array([p for _, _, p in tested]))
        for (i, j), test, p_holm in zip(comparisons, tested, corrected, strict=True):
            numbers = (_rounded(observed[i, m] - observed[j, m]), *test, p_holm)
            found[i, j, measure] = Difference(*(float(number) + 0.0 for number in numbers))  # + 0.0: never -0
    return found
