"""The rule `auto`: which rule, and whether every document gets a label, is chosen by cross-fitting.

Each candidate is fitted on some folds and decides the others; of those that fit as many numbers the best is taken. More
numbers have to gain more than a standard error over fewer (Breiman et al. 1984, Section 3.4.3).
"""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import numpy as np

from labelpolicy.errors import LabelPolicyError
from labelpolicy.metrics import NOT_SCORES, evaluate, jackknife, without_each
from labelpolicy.randomness import generator
from labelpolicy.thresholds.decision import Decision
from labelpolicy.thresholds.objectives import MEASURES, utility_of
from labelpolicy.thresholds.rules import Documents, fit_rule

#: Rules by how many numbers they fit: none, one or two, 18, one a label. Those that decide documents together are left
#: out; sets is a candidate where texts are given, for it costs more than all others together.
TIERS = (("fixed",), ("odr", "rcut", "shared"), ("sets",), ("scut",))
#: Rule, and whether every document gets a label, which rcut gives anyway; sets learns it, unless it is asked for.
CANDIDATES = [
    (rule, one)
    for tier in TIERS
    for rule in tier
    for one in (False, True)
    if rule != "sets" and (one or rule != "rcut")
]
#: Documents at most that candidates are compared on, folds, and groups of documents for standard errors.
DOCUMENTS, FOLDS, GROUPS = 10_000, 4, 50
#: The intervals of the expected measures cover this much, however many candidates there were to choose from.
COVERAGE = 0.95


def auto(documents: Documents, at_least_one: bool | None, groups: Sequence[Any] | None = None) -> Decision:
    """The chosen rule, fitted on all documents; ``chosen["auto"]`` says on what evidence: the expected measures with
    their intervals, and of every candidate the utility and the standard error of its difference to the best.

    With ``at_least_one`` None both are candidates. ``groups`` (n,) are documents that stay together. Raises
    LabelPolicyError for more or fewer texts than documents.
    """
    candidates, n = [each for each in CANDIDATES if at_least_one in (None, each[1])], len(documents.y_score)
    if documents.labels is not None and documents.texts is not None:
        documents = documents._replace(texts=(texts := list(documents.texts)))
        if len(texts) != n:
            raise LabelPolicyError(f"auto: {len(texts)} texts for the scores of {n} documents, expected as many")
        candidates.append(("sets", bool(at_least_one)))
    random = generator(documents.seed, "auto")
    rows = np.sort(random.permutation(n)[:DOCUMENTS])
    names = np.arange(n) if groups is None else np.asarray(groups)
    unit = np.unique(names.astype(str) if names.dtype == object else names, return_inverse=True)[1][rows]
    turn = random.permutation(unit.max() + 1)[unit]  # a random number of each document, or group
    y_true, fold, group = documents.y_true[rows], turn % FOLDS, turn % GROUPS
    if len(np.unique(fold)) < 2:  # one document, or group: nothing to compare on
        return _fitted(documents, *candidates[0])
    y_pred = [np.empty_like(y_true) for _ in candidates]
    for f in np.unique(fold):
        here, left = documents.of(rows[fold != f]), documents.of(rows[fold == f])
        for found, candidate in zip(y_pred, candidates, strict=True):
            found[fold == f] = _fitted(here, *candidate).decide(left.y_score, left.texts)
    return _choose(documents, candidates, y_true, y_pred, group)


def _choose(
    documents: Documents,
    candidates: list[tuple[str, bool]],
    y_true: np.ndarray,
    y_pred: list[np.ndarray],
    group: np.ndarray,
) -> Decision:
    weights = documents.parameters.utility
    reached = [evaluate(y_true, each) for each in y_pred]
    without = [without_each(y_true, each, group) for each in y_pred]
    utilities = [float(utility_of(**{name: each[name] for name in MEASURES}, weights=weights)) for each in reached]
    left_out = [utility_of(**{name: each[name] for name in MEASURES}, weights=weights) for each in without]
    best = int(np.argmax(utilities))
    errors, k = [jackknife(each - left_out[best]) for each in left_out], 0
    for tier in TIERS:
        of_tier = [k for k, (rule, _) in enumerate(candidates) if rule in tier]
        k = max(of_tier, key=utilities.__getitem__, default=k)
        if utilities[k] >= utilities[best] - errors[k]:
            break
    expected = with_intervals(reached[k], without[k], len(candidates))
    names = [rule + "+one" * one for rule, one in candidates]
    compared = {name: {"utility": u, "error": e} for name, u, e in zip(names, utilities, errors, strict=True)}
    evidence = {"rule": names[k], "expected": expected, "compared": compared, "documents": len(y_true)}
    found = _fitted(documents, *candidates[k])
    return replace(found, chosen=found.chosen | {"auto": evidence})


def with_intervals(
    reached: dict[str, float], without: dict[str, np.ndarray], candidates: int
) -> dict[str, list[float]]:
    """Each measure with the ends of its interval, however many candidates there were to choose from; ``without`` has
    the measures without each group (groups,)."""
    z = NormalDist().inv_cdf(1 - (1 - COVERAGE) / 2 / candidates)
    found = {}
    for name, value in reached.items():
        margin, most = z * jackknife(without[name]), np.inf if name in NOT_SCORES else 1.0
        found[name] = [value, max(value - margin, 0.0), min(value + margin, most)]
    return found


def _fitted(documents: Documents, rule: str, one: bool) -> Decision:
    documents = documents._replace(allowed=np.flatnonzero(documents.trained) if one else None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fit_rule(rule, documents, one)
