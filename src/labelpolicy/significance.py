"""Is a difference between two rows more than chance? A paired bootstrap over test documents and seeds.

A draw takes n of the n test documents and S of the S seeds, both with replacement and the same ones for every row
(Efron and Tibshirani 1993; Koehn 2004 for the paired test of systems), and measures every row anew on them. Entity
mentions are drawn document by document, all mentions of one together. Counts are whole numbers below 2 ** 24, which
float32 adds exactly in any order, and shares are added in one order, so the outcome does not depend on the machine's
cores. docs/statistics.md says what is tested, and what is not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pydantic import Field
from scipy.sparse import csr_matrix

from labelpolicy.config import Count, OpenUnit, Parameters, PositiveInt
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_parquet
from labelpolicy.methods import Method
from labelpolicy.randomness import generator
from labelpolicy.thresholds.objectives import f1, ratio


#: The measures of a draw, in the order of the last axis of `replicates`; and those of entity typing (Table 2), where
#: the loose micro-F1 is the micro-F1.
class Significance(Parameters):
    """Which differences between rows are more than chance: a paired bootstrap. docs/statistics.md."""

    draws: PositiveInt = Field(20_000, description="resamples of the test documents and the seeds")
    level: OpenUnit = Field(
        0.05, description="a difference is marked where p, corrected by Holm, is below; the interval covers 1 - level"
    )
    seed: Count = Field(0, description="seed of the resampling")


MEASURES = ("accuracy", "macro_f1", "micro_f1")
TYPING_MEASURES = (*MEASURES, "loose_macro_f1")

SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("dataset", "row", "other", "measure")]
    + [(name, pa.float64()) for name in ("difference", "low", "high", "p", "p_holm")]
    + [("significant", pa.bool_()), ("seeds", pa.int64()), ("documents", pa.int64())]
)

#: Differences below this are sums of the same shares in another order: no difference.
ROUNDING = 1e-12
#: Documents times draws worked on at once: some 20 MB, whatever the number of draws, rows and seeds.
BLOCK = 2**20


@dataclass(frozen=True)
class Outcomes:
    """What one row's decisions with one seed came to, document by document: all that its measures are made of.

    ``counts`` float32 (2 N + 1, n), sparse: for each label the documents it was rightly, then wrongly predicted for,
    and in the last line the documents whose label set is not exactly right. ``shares`` float64 (4, n), sparse, for the
    loose macro-F1 (else None): precision and recall of each document, and whether it has a predicted and a true label.
    """

    counts: csr_matrix
    shares: csr_matrix | None = None

    @classmethod
    def of(cls, truth: np.ndarray, predicted: np.ndarray, measures: tuple[str, ...] = MEASURES) -> Outcomes:
        """From two boolean arrays (n, N)."""
        wrong = (truth != predicted).any(axis=1, keepdims=True)
        counts = csr_matrix(np.concatenate([truth & predicted, predicted & ~truth, wrong], axis=1).T, dtype="f4")
        if "loose_macro_f1" not in measures:
            return cls(counts)
        hits, chosen, positives = (array.sum(axis=1) for array in (truth & predicted, predicted, truth))
        by_document = [ratio(hits, chosen), ratio(hits, positives), chosen > 0, positives > 0]
        return cls(counts, csr_matrix(np.array(by_document, dtype=np.float64)))

    def measured(self, drawn: np.ndarray, positives: np.ndarray) -> np.ndarray:
        """MEASURES of every draw, float64 (draws, 3 or 4): as `metrics.evaluate` on the documents drawn.

        ``drawn`` float32 (n, draws) says how often each document was drawn, ``positives`` (N, draws) how often each
        label then is true.
        """
        labels, documents = len(positives), drawn.sum(axis=0, dtype=np.float64)
        sums = (self.counts @ drawn).astype(np.float64)
        tp, fp, wrong = sums[:labels], sums[labels:-1], sums[-1]
        chosen = tp + fp
        found = [
            1 - wrong / documents,
            f1(tp, chosen, positives).mean(axis=0),
            f1(tp.sum(axis=0), chosen.sum(axis=0), positives.sum(axis=0)),
        ]
        if self.shares is not None:
            precision, recall, with_prediction, with_truth = self.shares @ drawn.astype(np.float64)
            precision, recall = ratio(precision, with_prediction), ratio(recall, with_truth)
            found.append(ratio(2 * precision * recall, precision + recall))
        return np.stack(found, axis=1)


def replicates(
    truth: np.ndarray,
    rows: Sequence[Sequence[Outcomes]],
    *,
    draws: int,
    seed: int,
    groups: np.ndarray | None = None,
    measures: tuple[str, ...] = MEASURES,
) -> np.ndarray:
    """Every row's measures in every draw, the mean over the seeds drawn: float64 (draws, rows, measures).

    ``truth`` is boolean (n, N); ``rows`` holds for each row the outcomes by seed, the same seeds in the same order.
    ``groups`` int (n,) numbers from 0 what is drawn whole; None: every document by itself. A row's values do not depend
    on which other rows there are.
    """
    documents, seeds = len(truth), len(rows[0])
    units = documents if groups is None else int(groups.max()) + 1
    document_random, seed_random = (generator(seed, "bootstrap", name) for name in ("documents", "seeds"))
    true = csr_matrix(truth.T, dtype=np.float32)
    found = np.empty((draws, len(rows), len(measures)))
    for block in _blocks(draws, max(1, BLOCK // documents)):
        size = block.stop - block.start
        drawn = _counts(document_random, size, units)
        if groups is not None:
            drawn = drawn[groups]
        share = _counts(seed_random, size, seeds) / seeds  # one seed: always 1
        positives = (true @ drawn).astype(np.float64)
        for r, by_seed in enumerate(rows):
            found[block, r] = sum(
                share[s][:, None] * outcomes.measured(drawn, positives) for s, outcomes in enumerate(by_seed)
            )
    return found


def _counts(random: np.random.Generator, draws: int, things: int) -> np.ndarray:
    """How often each thing is drawn when as many are drawn, with replacement, as there are: float32 (things, draws)."""
    chosen = random.integers(things, size=(draws, things))
    cells = chosen * draws + np.arange(draws)[:, None]
    return np.bincount(cells.ravel(), minlength=things * draws).reshape(things, draws).astype(np.float32)


def _blocks(total: int, size: int) -> Iterator[slice]:
    for start in range(0, total, size):
        yield slice(start, min(start + size, total))


def judge(differences: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ends of the (1 - level) interval and the two-sided p-value of each column of differences (draws, columns).

    The interval is the percentile interval; p is twice the share of draws on the lesser side of 0, draws at 0 counted
    on both sides and the observed sample as one more draw (so p is never 0, and 1 for two rows that are alike).
    """
    differences = _rounded(differences)
    low, high = np.quantile(differences, [level / 2, 1 - level / 2], axis=0)
    lesser = np.minimum((differences <= 0).sum(axis=0), (differences >= 0).sum(axis=0))
    return low, high, np.minimum(1.0, 2 * (lesser + 1) / (len(differences) + 1))


def _rounded(differences: np.ndarray) -> np.ndarray:
    return np.where(np.abs(differences) < ROUNDING, 0.0, differences)


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's (1979) adjusted p-values of one family (hypotheses,).

    The k-th smallest of m is multiplied by m - k + 1, is at least the one before it, and at most 1. If those below
    the level are called differences, the chance of calling any one wrongly is at most the level.
    """
    order = np.argsort(p, kind="stable")
    steps = (len(p) - np.arange(len(p))) * p[order]
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def pairs(methods: Sequence[Method]) -> list[tuple[int, int]]:
    """Every comparison once, as indices into ``methods``: a learned row and any other, two learned ones in order."""
    learned = [method.is_learned for method in methods]
    everything = range(len(methods))
    return [(i, j) for i in everything if learned[i] for j in everything if i != j and not (learned[j] and j < i)]


def draws_needed(comparisons: int, level: float) -> int:
    """The fewest draws with which the smallest possible p_holm, 2 comparisons / (draws + 1), is below the level."""
    return int(2 * comparisons / level)


def compare(
    dataset: str,
    methods: Sequence[Method],
    truth: np.ndarray,
    rows: Sequence[Sequence[Outcomes]],
    *,
    draws: int,
    level: float,
    seed: int,
    groups: np.ndarray | None = None,
    measures: tuple[str, ...] = MEASURES,
) -> list[dict]:
    """Rows of significance.parquet for one data set: each learned row against every other row, for every measure.

    ``rows`` are the outcomes by seed of each of ``methods``; ``groups`` and ``measures`` as in `replicates`.
    Differences are row - other, the mean over the seeds. Comparisons of two learned rows stand there from both sides,
    but are one hypothesis of Holm's family, which is all comparisons of this data set and measure.
    """
    comparisons = pairs(methods)
    if not comparisons:
        return []
    found = differences(truth, rows, comparisons, draws=draws, level=level, seed=seed, groups=groups, measures=measures)
    for (i, j, measure), numbers in list(found.items()):
        if methods[j].is_learned:
            turned = {"difference": -numbers["difference"], "low": -numbers["high"], "high": -numbers["low"]}
            found[j, i, measure] = numbers | turned
    return [
        {"dataset": dataset, "row": methods[i].name, "other": methods[j].name, "measure": measure}
        | {name: number + 0.0 for name, number in numbers.items()}  # + 0.0: never -0
        | {"significant": numbers["p_holm"] < level, "seeds": len(rows[0]), "documents": len(truth)}
        for (i, j, measure), numbers in sorted(found.items(), key=lambda item: item[0][:2])
    ]


def differences(
    truth: np.ndarray,
    rows: Sequence[Sequence[Outcomes]],
    comparisons: Sequence[tuple[int, int]],
    *,
    draws: int,
    level: float,
    seed: int,
    groups: np.ndarray | None = None,
    measures: tuple[str, ...] = MEASURES,
) -> dict[tuple[int, int, str], dict[str, float]]:
    """Row i - row j for each (i, j) of ``comparisons`` and each measure: difference, low, high, p and p_holm.

    ``rows``, ``groups`` and ``measures`` as in `replicates`; a difference is that of the means over the seeds. Holm's
    family is all comparisons of a measure.
    """
    once, positives = np.ones((len(truth), 1), dtype=np.float32), truth.sum(axis=0)[:, None]
    observed = np.array([np.mean([o.measured(once, positives)[0] for o in by_seed], axis=0) for by_seed in rows])
    drawn = replicates(truth, rows, draws=draws, seed=seed, groups=groups, measures=measures)
    found = {}
    for m, measure in enumerate(measures):
        values = np.ascontiguousarray(drawn[:, :, m])
        tested = [judge(values[:, i] - values[:, j], level) for i, j in comparisons]
        corrected = holm(np.array([p for _, _, p in tested]))
        for (i, j), (low, high, p), p_holm in zip(comparisons, tested, corrected, strict=True):
            difference = _rounded(observed[i, m] - observed[j, m])
            numbers = {"difference": difference, "low": low, "high": high, "p": p, "p_holm": p_holm}
            found[i, j, measure] = {name: float(number) + 0.0 for name, number in numbers.items()}
    return found


def marks(
    path: str | Path, *, dataset: str, methods: Sequence[Method], measures: Collection[str] = MEASURES
) -> set[tuple[str, str]]:
    """(row name, measure) of the learned rows that beat their classifier's baseline row by more than chance.

    That is: the difference is above 0 and p_holm below the level the table was written with.

    Raises LabelPolicyError if a learned row with a baseline is not in the table: it was written for other methods.
    """
    table = read_parquet(path, SCHEMA.names).to_pylist()
    found = {(row["row"], row["other"], row["measure"]): row for row in table if row["dataset"] == dataset}
    baseline = {method.classifier: method.name for method in methods if method.is_baseline}
    marked = set()
    for method in methods:
        if not method.is_learned or method.classifier not in baseline:
            continue
        for measure in measures:
            # The loose micro-F1 is the micro-F1 (metrics.py).
            row = found.get((method.name, baseline[method.classifier], measure.replace("loose_micro", "micro")))
            if row is None:
                raise LabelPolicyError(
                    f"{path}: no {measure} of {dataset}, row {method.name!r} against {baseline[method.classifier]!r}: "
                    "run `labelpolicy significance` again"
                )
            if row["significant"] and row["difference"] > 0:
                marked.add((method.name, measure))
    return marked
