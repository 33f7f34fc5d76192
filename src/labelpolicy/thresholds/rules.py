"""Prediction policies fitted after training: from validation scores and truth to a rule that decides.

``scores`` are probabilities (documents n, labels N), taken as float32 in [0, 1]; ``truth`` is boolean (n, N). Every
rule predicts a label where **score > threshold**, never at equality, so that equal scores are never told apart. A
threshold p lies in (0, 1), as in Section 3.2.2, hence a score of exactly 0 is never predicted and one of exactly 1
always is; the one exception is NEVER, which no score exceeds. Among cuts that serve equally well the highest is taken:
the fewest predictions.

A label without a training document is never predicted: no classifier has learned anything about it.

The name ``{rule}+one`` adds to a rule that a document for which no label passes gets its best one: that of the largest
margin logit(score) - logit(threshold), of equal margins the lower index.

docs/thresholds.md describes each policy with its source.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from labelpolicy.cell import AT_LEAST_ONE, Thresholds
from labelpolicy.errors import LabelPolicyError
from labelpolicy.randomness import generator
from labelpolicy.thresholds.cuts import (
    CACHED_DOCUMENTS,
    DOCUMENT_BLOCK,
    ROUNDING,
    TRUTH,
    Always,
    Cut,
    Documents,
    Sweep,
    best_f1_cut,
    best_f1_cuts_without,
    has_truth,
    label_keys,
    sortable,
)
from labelpolicy.thresholds.objectives import ThresholdParameters, Utility, f1

#: No score exceeds it: the label is never predicted (SCutFBR.0, and labels without a training document).
NEVER = 1.0
#: The threshold where validation has nothing to say.
FALLBACK = 0.5
#: Below every positive float32 and above 0: a threshold that only a score of exactly 0 fails to exceed.
LOWEST = 2.0**-150
#: Above every float32 below 1: a threshold that only a score of exactly 1 exceeds.
HIGHEST = 1 - 2.0**-53
#: Slopes b that `shared` tries: standard deviations of the true cells' logits per one of log(1 + train_count).
SLOPES = np.linspace(-0.6, 0.6, 25)
#: Logits beyond it count as this much where their spread is taken.
LOGIT_BOUND = 12.0
#: More than float32 errs in a logit (at most 104 in size, off by a few units in the last place) and its shift.
LOGIT_MARGIN = 1e-3


# The outcome: three kinds of rule.


@dataclass(frozen=True)
class PerLabel:
    """Label j is predicted where its score exceeds ``thresholds[j]``; thresholds float64 (N,) in (0, 1], 1 is NEVER.

    With ``at_least_one`` a document for which no label passes gets the one of the largest margin logit(score) -
    logit(threshold), taken in float64; of equal margins the lower index. A score of 0 has the margin -inf, so that a
    document of zeros gets the label of the lowest index. Labels of threshold NEVER are not given in this way either;
    where all are, a document may stay without one. ``levels`` (N,), where given, stand for logit(threshold): near 1,
    thresholds are too coarse to say how far apart two labels are. A number added to all levels changes nothing.
    """

    thresholds: np.ndarray
    chosen: dict[str, float] = field(default_factory=dict)
    at_least_one: bool = False
    levels: np.ndarray | None = None

    def decide(self, scores: np.ndarray) -> np.ndarray:
        """Boolean (n, N). Compared in float64, since float32 would round the thresholds onto scores."""
        scores = _checked(scores, len(self.thresholds))
        predicted = scores > self.thresholds
        if self.at_least_one:
            levels = logit_of(self.thresholds, np.float64) if self.levels is None else self.levels
            _give_best(predicted, scores, levels, self.thresholds != NEVER)
        return predicted

    def json(self, labels: list[str]) -> dict[str, Any]:
        content = {"rule": "per_label", "chosen": self.chosen, "thresholds": _by_name(labels, self.thresholds)}
        if self.at_least_one:
            content["at_least_one"] = True
        if self.levels is not None:
            content["levels"] = _by_name(labels, self.levels)
        return content


@dataclass(frozen=True)
class Rank:
    """RCut: the ``top`` best-scored labels of every document; of equal scores the label of lower index comes first.

    Labels where ``never`` (N,) is true are passed over. There are at least ``top`` others.
    """

    top: int
    chosen: dict[str, float] = field(default_factory=dict)
    never: np.ndarray | None = None

    def decide(self, scores: np.ndarray) -> np.ndarray:
        """Boolean (n, N), with exactly ``top`` labels a document."""
        scores = _checked(scores, None if self.never is None else len(self.never))
        predicted = np.zeros(scores.shape, dtype=bool)
        for rows in _blocks(len(scores), DOCUMENT_BLOCK):
            order = _ranked(scores[rows], never=self.never)[0]
            np.put_along_axis(predicted[rows], order[:, : self.top], True, axis=1)
        return predicted

    def json(self, labels: list[str]) -> dict[str, Any]:
        content = {"rule": "rank", "chosen": self.chosen, "top": self.top}
        if self.never is not None:
            content["never"] = [label for label, never in zip(labels, self.never, strict=True) if never]
        return content


@dataclass(frozen=True)
class Proportion:
    """PCut: label j goes to the k_j = round(shares[j] * n) best-scored of the n documents decided together.

    Halves round up. Documents that tie across the border are left out together, so a label may get fewer than k_j;
    the outcome does not depend on the order of the documents.

    With ``at_least_one`` a document that no label goes to gets its best one, as PerLabel has it; in place of a
    threshold stands the label's border, the best score left out, kept within (0, 1). A share of 0 means never.
    """

    shares: np.ndarray
    chosen: dict[str, float] = field(default_factory=dict)
    at_least_one: bool = False

    def decide(self, scores: np.ndarray) -> np.ndarray:
        """Boolean (n, N); each document's decision depends on the scores (never the labels) of all others."""
        scores = _checked(scores, len(self.shares))
        documents = len(scores)
        counts = np.clip(np.floor(self.shares * documents + 0.5), 0, documents).astype(np.int64)
        predicted, borders = np.empty(scores.shape, dtype=bool), np.empty(len(counts))
        for j, k in enumerate(counts):
            # The best score left out; -1 if none is. A contiguous copy, since a stride of N is slow to go over twice.
            column = np.ascontiguousarray(scores[:, j])
            borders[j] = -1.0 if k == documents else np.partition(column, documents - 1 - k)[documents - 1 - k]
            predicted[:, j] = column > borders[j]
        if self.at_least_one:
            _give_best(predicted, scores, logit_of(borders.clip(LOWEST, HIGHEST), np.float64), self.shares > 0)
        return predicted

    def json(self, labels: list[str]) -> dict[str, Any]:
        content = {"rule": "proportion", "chosen": self.chosen, "shares": _by_name(labels, self.shares)}
        return content | {"at_least_one": True} if self.at_least_one else content


def _give_best(predicted: np.ndarray, scores: np.ndarray, levels: np.ndarray, allowed: np.ndarray) -> None:
    """In place: documents without a label get the allowed one of the highest logit(score) - level, if any is allowed.

    ``levels`` float64 (N,), ``allowed`` bool (N,).
    """
    labels, bare = np.flatnonzero(allowed), np.flatnonzero(~predicted.any(axis=1))
    for rows in _blocks(len(bare) if len(labels) else 0, DOCUMENT_BLOCK):
        margins = logit_of(scores[np.ix_(bare[rows], labels)], np.float64) - levels[labels]
        predicted[bare[rows], labels[margins.argmax(axis=1)]] = True


Decision = PerLabel | Rank | Proportion


def from_json(content: Any, labels: list[str], where: str) -> Decision:
    """The decision that ``json(labels)`` described.

    Raises LabelPolicyError naming ``where`` for another rule, other labels, or a value that is out of range.
    """
    rule = content.get("rule") if isinstance(content, dict) else None
    if rule not in ("per_label", "rank", "proportion"):
        raise LabelPolicyError(f"{where}: rule is {rule!r}, expected per_label, rank or proportion")
    chosen, at_least_one = content.get("chosen", {}), content.get("at_least_one", False)
    if not isinstance(at_least_one, bool):
        raise LabelPolicyError(f"{where}: at_least_one is {at_least_one!r}, expected true or false")
    if rule == "rank":
        never = content.get("never", [])
        if not isinstance(never, list) or not all(isinstance(name, str) and name in labels for name in never):
            raise LabelPolicyError(f"{where}: never is {never!r}, expected a list of labels of the data set")
        top, allowed = content.get("top"), len(labels) - len(set(never))
        if not isinstance(top, int) or isinstance(top, bool) or not 1 <= top <= allowed:
            raise LabelPolicyError(f"{where}: top is {top!r}, expected a whole number from 1 to {allowed}")
        return Rank(top, chosen, np.isin(labels, never) if never else None)
    if rule == "proportion":
        return Proportion(_from_names(content, "shares", labels, where), chosen, at_least_one)
    thresholds = _from_names(content, "thresholds", labels, where)
    levels = _from_names(content, "levels", labels, where) if "levels" in content else None
    return PerLabel(thresholds, chosen, at_least_one, levels)


#: What a value may be, and how that is said.
_RANGES: dict[str, tuple[Callable[[float], bool], str]] = {
    "thresholds": (lambda value: 0 < value <= 1, "a number in (0, 1]"),
    "shares": (lambda value: 0 <= value < float("inf"), "a number of at least 0"),
    "levels": (lambda value: abs(value) < float("inf"), "a finite number"),
}


def _from_names(content: dict[str, Any], key: str, labels: list[str], where: str) -> np.ndarray:
    """The numbers that ``content[key]`` has by label name, float64 (N,)."""
    by_name, (within, expected) = content.get(key), _RANGES[key]
    if not isinstance(by_name, dict) or set(by_name) != set(labels):
        raise LabelPolicyError(f"{where}: {key} must name exactly the {len(labels)} labels of the data set")
    for label, value in by_name.items():
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not within(value):
            raise LabelPolicyError(f"{where}: label {label!r}: {key} {value!r}, expected {expected}")
    return np.array([by_name[label] for label in labels], dtype=np.float64)


# Fitting.


@dataclass(frozen=True)
class Validation:
    """What a policy is fitted on. ``train_count`` (N,) counts documents; ``seed`` draws the folds of scutfbr.

    At least one label has a training document. Those that have none score 0 throughout: no threshold lets them pass.
    """

    scores: np.ndarray
    truth: np.ndarray
    train_count: np.ndarray
    parameters: ThresholdParameters
    seed: int = 0
    at_least_one: bool = False

    @property
    def trained(self) -> np.ndarray:
        """Which labels may be predicted, boolean (N,)."""
        return self.train_count > 0


def rule_of(name: str) -> tuple[str, bool]:
    """The rule in a name of thresholds, and whether it always gives a label: "shared+one" -> ("shared", True).

    The rule is not looked up: it may be a learned policy. Raises LabelPolicyError for another suffix; which scores a
    rule is fitted on (names.OUT_OF_FOLD) is not for it to know.
    """
    rule, at_least_one, out_of_fold = Thresholds.parse(name)
    if "+" in rule or out_of_fold:
        rule, plus, suffix = name.partition("+")
        raise LabelPolicyError(f"thresholds {name!r}: found {plus + suffix!r} after the rule, expected {AT_LEAST_ONE}")
    return rule, at_least_one


def fit(
    name: str,
    scores: np.ndarray,
    truth: np.ndarray,
    *,
    train_count: np.ndarray | None = None,
    parameters: ThresholdParameters | None = None,
    seed: int = 0,
) -> Decision:
    """Fit the policy ``name`` on validation scores and truth (n, N).

    ``train_count`` (N,) counts the documents of each label that the classifier was trained on; without it, those of
    ``truth`` are counted.

    The name is a key of FITS, alone or followed by AT_LEAST_ONE. ``seed`` matters to scutfbr0 and scutfbr1 alone, which
    draw folds. Where no label has a training document, the outcome never predicts anything.

    Raises LabelPolicyError for an unknown name, arrays that do not fit together, no document, or a score that is not
    a number in [0, 1].
    """
    rule, at_least_one = rule_of(name)
    if rule not in FITS:
        raise LabelPolicyError(
            f"thresholds {name!r} are unknown: expected {', '.join(FITS)} or a learned policy, "
            f"alone or followed by {AT_LEAST_ONE}"
        )
    scores, truth = _checked(scores), np.asarray(truth, dtype=bool)
    train_count = truth.sum(axis=0) if train_count is None else np.asarray(train_count)
    if not scores.size:
        raise LabelPolicyError(
            f"thresholds {name}: validation scores are {scores.shape}, expected at least one document"
        )
    if truth.shape != scores.shape or train_count.shape != scores.shape[1:]:
        raise LabelPolicyError(
            f"thresholds {name}: scores are {scores.shape}, truth {truth.shape}, train_count {train_count.shape}: "
            "expected (documents, labels) twice, and (labels,)"
        )
    trained = train_count > 0
    if not trained.any():
        return PerLabel(np.full(len(trained), NEVER), at_least_one=at_least_one)
    if not trained.all():
        scores = np.where(trained, scores, np.float32(0))
    decision = FITS[rule](
        Validation(scores, truth, train_count, parameters or ThresholdParameters(), seed, at_least_one)
    )
    if isinstance(decision, Rank):
        return decision if trained.all() else replace(decision, never=~trained)
    if isinstance(decision, PerLabel):
        decision = replace(decision, thresholds=np.where(trained, decision.thresholds, NEVER))
    return replace(decision, at_least_one=at_least_one)


def fixed(valid: Validation) -> PerLabel:
    """0.5 for every label, as the paper's classifiers have it before a policy (Section 5)."""
    return PerLabel(np.full(valid.scores.shape[1], FALLBACK))


def scut(valid: Validation) -> PerLabel:
    """SCut (Yang 2001): each label's threshold maximises its own F1."""
    return PerLabel(label_cuts(valid.scores, valid.truth)[0])


def odr_label(valid: Validation) -> PerLabel:
    """p_j = F*_j / 2, F*_j the best F1 of label j (Lipton et al. 2014); FALLBACK where F*_j is 0.

    Their theorem holds for calibrated probabilities. F* is at most 1, so p_j is at most 0.5.
    """
    _, best = label_cuts(valid.scores, valid.truth)
    return PerLabel(np.where(best > 0, best / 2, FALLBACK))


def odr(valid: Validation) -> PerLabel:
    """The one threshold for all labels that maximises micro-F1 (the paper's ODR, after Lipton et al. 2014).

    With at least one label, the best of each document is predicted at any threshold, as a score of 1 is.
    """
    keys = sortable(valid.scores, valid.truth)
    if valid.at_least_one:
        best = _best_labels(valid.scores, np.zeros((1, len(valid.trained))), valid.trained)[0]
        document = np.arange(len(best))
        keys[document, best] = sortable(np.ones(len(best)), valid.truth[document, best])
    keys = keys.reshape(-1)
    keys.sort()
    best, threshold = best_f1_cut(keys)
    return PerLabel(np.full(valid.scores.shape[1], threshold if best > 0 else FALLBACK))


def label_cuts(scores: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each label the threshold of the best F1, and that F1: both float64 (N,). Where the F1 is 0: FALLBACK."""
    thresholds, best = np.empty((2, scores.shape[1]))
    for j, row in enumerate(label_keys(scores, truth)):
        row.sort()
        best[j], threshold = best_f1_cut(row)
        thresholds[j] = threshold if best[j] > 0 else FALLBACK
    return thresholds, best


def rcut(valid: Validation) -> Rank:
    """RCut (Yang 2001): the t best labels of every document, t = 1 .. N maximising the utility.

    N counts the labels with training documents; the others come last in every document.
    """
    documents, labels = valid.scores.shape
    hits, chosen = np.zeros((2, labels, labels), dtype=np.int64)  # by rank and label
    right = np.zeros(labels + 1)  # right[t]: documents that are right exactly at t
    for rows in _blocks(documents, DOCUMENT_BLOCK):
        order, correct = _ranked(valid.scores[rows], valid.truth[rows], ~valid.trained)
        cells = order + labels * np.arange(labels)
        chosen += np.bincount(cells.ravel(), minlength=labels * labels).reshape(labels, labels)
        hits += np.bincount(cells[correct], minlength=labels * labels).reshape(labels, labels)
        # A document is right at t if its t true labels are the t best: if the last of them stands at rank t. (One
        # without true labels never is, and argmax of nothing True is 0.)
        needed = correct.sum(axis=1)
        last = labels - np.argmax(correct[:, ::-1], axis=1)
        right += np.bincount(needed[last == needed], minlength=labels + 1)
    hits, chosen, positives = hits.cumsum(axis=0), chosen.cumsum(axis=0), valid.truth.sum(axis=0)
    value = utility(hits, chosen, positives, right[1:] / documents, valid.parameters.utility)
    top = int(np.argmax(value[: np.count_nonzero(valid.trained)])) + 1
    return Rank(top, {"utility": float(value[top - 1])})


def pcut(valid: Validation) -> Proportion:
    """PCut (Yang 2001): k_j = round(x * prior_j * n) documents for label j, x maximising the utility, exactly.

    prior_j is the label's share of all training labels, so x is about the number of labels a document gets.
    """
    documents, labels = valid.scores.shape
    scale = _Borders(documents, valid.train_count)
    rows = label_keys(valid.scores, valid.truth)
    lowest_true, highest_false = np.full(documents, np.inf), np.full(documents, -np.inf)
    place, false = np.arange(documents, dtype=np.uint64), np.empty(documents)
    for j, row in enumerate(rows):
        # Score, truth and document in one integer, so that the sort says where each document came to stand.
        packed = row.astype(np.uint64) << np.uint64(32) | place
        packed.sort()
        document, row[:] = (packed & np.uint64(2**32 - 1)).view(np.int64), packed >> np.uint64(32)
        score, correct = row >> TRUTH, has_truth(row)
        first = np.append(True, score[1:] != score[:-1])  # equal scores stand where the first of them does
        start = np.maximum.accumulate(np.where(first, place, 0).astype(np.uint32))
        row[:] = start << TRUTH | correct
        values = scale.values(j, start)
        true = document[correct]
        lowest_true[true] = np.minimum(lowest_true[true], values[correct])
        values[correct] = -np.inf
        false[document] = values
        np.maximum(highest_false, false, out=highest_false)
    reach = Documents(lowest_true[None], highest_false[None], 0.0, lambda _, at: (lowest_true[at], highest_false[at]))
    sweep = Sweep(rows, scale, np.zeros((1, labels)), reach, valid.parameters.utility)
    best = sweep.best()[0]
    # A share of 0 would mean never, where the best label may be wanted all the same.
    level = max(-sweep.level(0, best.edge) / (2 * documents), LOWEST if valid.at_least_one else 0.0)
    return Proportion(level * valid.train_count, {"x": level * float(valid.train_count.sum()), "utility": best.utility})


@dataclass(frozen=True)
class _Borders:
    """The scale of pcut: a cell's key is how many documents score lower, its value the border that x has to pass.

    Label j takes in a cell once k_j reaches the number of documents that score at least as high (a tie counts whole):
    once x * prior_j * n + 1/2 >= that number. In units of 2 n x / sum(train_count) the border is a ratio of whole
    numbers, which float64 keeps in the right order and finds equal where it is equal. Values are borders negated.
    """

    documents: int
    train_count: np.ndarray

    def values(self, label: int, keys: np.ndarray) -> np.ndarray:
        count = self.train_count[label]
        if not count:
            return np.full(keys.shape, -np.inf)
        return (1 - 2 * (self.documents - keys.astype(np.int64))) / count

    def keys(self, label: int, values: np.ndarray) -> np.ndarray:
        count = self.train_count[label]
        if not count:
            return np.full(values.shape, self.documents)
        return np.rint((self.documents - (1 - values * count) / 2).clip(0, self.documents)).astype(np.int64)


def scutfbr0(valid: Validation) -> PerLabel:
    """SCutFBR.0 (Yang 2001): SCut, but a label whose best F1 is below fbr is never predicted."""
    return _scutfbr(valid, lambda highest: np.full(highest.shape, NEVER))


def scutfbr1(valid: Validation) -> PerLabel:
    """SCutFBR.1 (Yang 2001): SCut, but a label whose best F1 is below fbr gets its best validation score."""
    return _scutfbr(valid, lambda highest: np.maximum(highest, LOWEST))


def _scutfbr(valid: Validation, cautious: Callable[[np.ndarray], np.ndarray]) -> PerLabel:
    """SCut with ``cautious`` of each label's highest score as the threshold of labels whose best F1 is below fbr.

    fbr is chosen by folds, fitting on all but one and deciding that one: on the documents it was fitted on SCut itself
    always looks best. The utility is that of the decisions of all folds together; of equals the lowest fbr is taken.
    """
    scores, truth, folds = valid.scores, valid.truth, valid.parameters.folds
    documents, labels = scores.shape
    if documents < folds:
        raise LabelPolicyError(
            f"thresholds scutfbr: {documents} validation documents, expected at least folds = {folds}: "
            "lower thresholds.folds or hold out more documents"
        )
    candidates = np.sort(np.array(valid.parameters.fbr, dtype=np.float64))[:, None]
    fold = generator(valid.seed, "scutfbr folds").permutation(documents) % folds
    members = [np.flatnonzero(fold == f) for f in range(folds)]

    # What is fitted without each fold, and without none: row f of folds + 1.
    best, bold, careful = np.empty((3, folds + 1, labels))
    hits, chosen = np.zeros((2, len(candidates), labels), dtype=np.int64)  # whole numbers, so equals come out equal
    for j, row in enumerate(label_keys(scores, truth)):
        parts = [np.sort(row[part]) for part in members]
        best[:, j], bold[:, j] = best_f1_cuts_without(parts)
        bold[best[:, j] == 0, j] = FALLBACK
        highest = np.array([part[-1] >> TRUTH for part in parts]).view(np.float32).astype(np.float64)
        careful[:, j] = cautious(np.array([*(np.delete(highest, f).max() for f in range(folds)), highest.max()]))
        for f, part in enumerate(parts):
            weak = best[f, j] < candidates[:, 0]  # which candidates give the label its cautious threshold
            bolds, carefuls = _counts_above(part, np.array([bold[f, j], careful[f, j]]))
            hits[:, j] += np.where(weak, carefuls[0], bolds[0])
            chosen[:, j] += np.where(weak, carefuls[1], bolds[1])

    right = np.zeros(len(candidates), dtype=np.int64)
    for f, part in enumerate(members):
        weak = (best[f] < candidates).T
        for rows in _blocks(len(part), DOCUMENT_BLOCK):
            held, held_truth = scores[part[rows]], truth[part[rows]]
            careful_wrong, bold_wrong = (
                ((held > _rounded_down(thresholds[f])) != held_truth).astype(np.float32)
                for thresholds in (careful, bold)
            )
            # Errors of each document, for every candidate at once; float32 holds such counts exactly.
            right += (careful_wrong @ weak + bold_wrong @ ~weak == 0).sum(axis=0)
    value = utility(hits, chosen, truth.sum(axis=0), right / documents, valid.parameters.utility)
    fbr = float(candidates[np.argmax(value), 0])
    return PerLabel(np.where(best[-1] < fbr, careful[-1], bold[-1]), {"fbr": fbr, "utility": float(value.max())})


def _counts_above(keys: np.ndarray, thresholds: np.ndarray) -> list[tuple[int, int]]:
    """Hits and predictions of one label at each threshold, float64: ``keys`` are its sorted ones, see `sortable`."""
    borders = _rounded_down(thresholds).view(np.uint32) << TRUTH | TRUTH
    starts = np.searchsorted(keys, borders, side="right")
    return [(np.count_nonzero(has_truth(keys[start:])), len(keys) - start) for start in starts]


def _rounded_down(thresholds: np.ndarray) -> np.ndarray:
    """The highest float32 that is not above each threshold: a float32 score exceeds both or neither."""
    rounded = thresholds.astype(np.float32)
    return np.where(rounded > thresholds, np.nextafter(rounded, np.float32(-1)), rounded)


def shared(valid: Validation) -> PerLabel:
    """p_j = sigmoid(a + b z_j), z_j the standardised log(1 + train_count_j): two numbers for all labels.

    For every b of `slopes` the best a for the utility is found exactly; of equals the flattest slope is taken. With at
    least one label, each b has the label of the highest logit - b z_j predicted in every document, whatever a is: where
    that label does not reach a, none does. z is standardised over the labels with training documents.
    """
    scores, truth, trained, scale = valid.scores, valid.truth, valid.trained, _Logits()
    documents, labels = scores.shape
    counts, z = np.log1p(valid.train_count[trained].astype(np.float64)), np.zeros(labels)
    if counts.std() > 0:
        z[trained] = (counts - counts.mean()) / counts.std()
    reachable = truth if trained.all() else truth & trained
    tried = np.array(sorted(slopes(scores, reachable) if z.any() else [0.0], key=lambda slope: (abs(slope), slope)))
    rows = label_keys(scores, truth)
    rows.sort(axis=1)

    shifts = tried[:, None] * z
    bounds, always = _logit_bounds(scores, truth, shifts), None
    if valid.at_least_one:
        label = _best_labels(scores, shifts, trained)
        bounds, always = _bounds_with(bounds, truth, label), Always.of(label, scores, truth)
    sweep = Sweep(rows, scale, shifts, bounds, valid.parameters.utility, always)
    best, k = Cut(-np.inf, np.inf), 0
    for number, cut in enumerate(sweep.best()):
        if cut.utility > best.utility + ROUNDING:
            best, k = cut, number
    a, b = sweep.level(k, best.edge), float(tried[k])
    with np.errstate(over="ignore"):
        thresholds = 1 / (1 + np.exp(-(a + b * z)))
    # Near 1, float64 tells p apart more coarsely than logits: where that carried a threshold across one of the label's
    # scores, or onto the ends of (0, 1), it goes midway between the label's own scores on both sides of the cut.
    count, label = sweep.below(k, best.edge), np.arange(labels)
    below, above = (
        (rows[label, np.clip(at, 0, documents - 1)] >> TRUTH).view(np.float32).astype(np.float64)
        for at in (count - 1, count)
    )
    below, above = np.where(count > 0, below, 0), np.where(count < documents, above, 1)
    inside = (below <= thresholds) & (thresholds > 0) & (thresholds < above)
    return PerLabel(
        np.where(inside, thresholds, (below + above) / 2),
        {"a": a, "b": b, "utility": best.utility},
        levels=shifts[k] if valid.at_least_one else None,
    )


def slopes(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The slopes b that `shared` tries: SLOPES times the standard deviation of the true cells' logits.

    Classifiers differ in the scale of their logits (an SVM's margins spread less than a network's logits), and one step
    for all is too coarse for some. Logits are clipped, so that a few near-certain scores do not stretch the unit; with
    fewer than two different ones it is 1.
    """
    unit = np.clip(logit_of(scores[truth], np.float64), -LOGIT_BOUND, LOGIT_BOUND).std() if truth.any() else 0.0
    return SLOPES * (unit or 1.0)


class _Logits:
    """The scale of `shared`: a cell's key is its score's bits, its value the logit: -inf at a score of 0, inf at 1."""

    def values(self, label: int, keys: np.ndarray) -> np.ndarray:
        return logit_of(keys.view(np.float32), np.float64)

    def keys(self, label: int, values: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            scores = 1 / (1 + np.exp(-values))
        return scores.astype(np.float32).view(np.uint32).astype(np.int64)


def logit_of(scores: np.ndarray, dtype: type[np.floating]) -> np.ndarray:
    """Logits of scores in [0, 1], of their shape; -inf at 0 and inf at 1."""
    with np.errstate(divide="ignore"):
        return np.log(scores, dtype=dtype) - np.log1p(-scores, dtype=dtype)


def _logit_bounds(scores: np.ndarray, truth: np.ndarray, shifts: np.ndarray) -> Documents:
    """The lowest true and the highest other logit of every document at every shift, in float32 for speed."""
    documents, single = len(scores), shifts.astype(np.float32)
    lowest_true = np.full((len(shifts), documents), np.inf, dtype=np.float32)
    highest_false = np.empty_like(lowest_true)
    for rows in _blocks(documents, CACHED_DOCUMENTS):
        logits = logit_of(np.ascontiguousarray(scores[rows].T), np.float32)
        document, label = np.nonzero(truth[rows])
        if len(document):
            true = logits[label, document] - single[:, label]
            first = np.flatnonzero(np.append(True, document[1:] != document[:-1]))
            lowest_true[:, rows.start + document[first]] = np.minimum.reduceat(true, first, axis=1)
        logits[label, document] = -np.inf
        shifted = np.empty_like(logits)
        for k, shift in enumerate(single):
            np.subtract(logits, shift[:, None], out=shifted)
            shifted.max(axis=0, out=highest_false[k, rows])

    def exact(k: int, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        true, false = np.empty((2, len(at)))
        for rows in _blocks(len(at), DOCUMENT_BLOCK):
            values, correct = logit_of(scores[at[rows]], np.float64) - shifts[k], truth[at[rows]]
            true[rows] = np.where(correct, values, np.inf).min(axis=1)
            false[rows] = np.where(correct, -np.inf, values).max(axis=1)
        return true, false

    return Documents(lowest_true, highest_false, LOGIT_MARGIN, exact)


def _best_labels(scores: np.ndarray, shifts: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """At each shift each document's allowed label of the highest logit less shift, of equals the lowest index.

    ``shifts`` (shifts, N), ``allowed`` bool (N,), true somewhere; other labels score 0. Returns (shifts, n), unsigned.
    Float32 says for most documents; what lies within its margin of the highest is compared in float64.
    """
    documents, labels = scores.shape
    best = np.empty((len(shifts), documents), dtype=np.min_scalar_type(labels - 1))
    single = shifts.astype(np.float32)
    for rows in _blocks(documents, CACHED_DOCUMENTS):
        block, found = scores[rows], best[:, rows]
        logits = logit_of(np.ascontiguousarray(block.T), np.float32)
        shifted = np.empty_like(logits)
        for k, shift in enumerate(single):
            np.subtract(logits, shift[:, None], out=shifted)
            near = np.flatnonzero(shifted >= shifted.max(axis=0) - 2 * LOGIT_MARGIN)
            label = near // len(block)
            document = near - label * len(block)
            found[k, document] = label
            if len(near) > len(block):
                open_ = (np.bincount(document)[document] > 1) & allowed[label]
                label, document = label[open_], document[open_]
                values = logit_of(block[document, label], np.float64) - shifts[k, label]
                order = np.lexsort((-label, values))  # the last that is written stays
                found[k, document[order]] = label[order]
    return best


def _bounds_with(bounds: Documents, truth: np.ndarray, label: np.ndarray) -> Documents:
    """Documents of which ``label`` (shifts, n), the best of each at each shift, is predicted at every edge.

    Where that label is false, the document is never right. Where it is true, it no longer counts among the true labels
    that must reach the edge. As the highest of them it is the lowest only if it is the only one, or all are equal; and
    then another one is as low. Works on ``bounds`` in place.
    """
    alone = truth.sum(axis=1) == 1

    def change(true: np.ndarray, best: np.ndarray, at: np.ndarray) -> None:
        true[..., alone[at]] = np.inf
        true[~truth[at, best]] = -np.inf

    def exact(k: int, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        true, false = bounds.exact(k, at)
        change(true, label[k, at], at)
        return true, false

    for rows in _blocks(len(truth), CACHED_DOCUMENTS):
        change(bounds.lowest_true[:, rows], label[:, rows], np.arange(rows.start, rows.stop))
    return replace(bounds, exact=exact)


FITS: dict[str, Callable[[Validation], Decision]] = {
    "fixed": fixed,
    "scut": scut,
    "rcut": rcut,
    "pcut": pcut,
    "scutfbr0": scutfbr0,
    "scutfbr1": scutfbr1,
    "odr": odr,
    "odr_label": odr_label,
    "shared": shared,
}


def utility(
    hits: np.ndarray, chosen: np.ndarray, positives: np.ndarray, accuracy: np.ndarray, weights: Utility
) -> np.ndarray:
    """Utility of each candidate (candidates,), from counts (candidates, N) and accuracy (candidates,).

    ``positives`` are (N,), or (candidates, N) where each candidate has documents of its own.
    """
    macro = f1(hits, chosen, positives).mean(axis=1)
    micro = f1(hits.sum(axis=1), chosen.sum(axis=1), positives.sum(axis=-1))
    return weights.accuracy * accuracy + weights.macro_f1 * macro + weights.micro_f1 * micro


def first_bad(scores: np.ndarray) -> tuple[int, int] | None:
    """Document and label of the first score that is not a number in [0, 1], or None."""
    if not scores.size or (scores.min() >= 0 and scores.max() <= 1):  # a NaN makes both comparisons false
        return None
    row, column = np.argwhere(~((scores >= 0) & (scores <= 1)))[0]
    return int(row), int(column)


def _checked(scores: np.ndarray, labels: int | None = None) -> np.ndarray:
    scores = np.asarray(scores, dtype=np.float32)
    if scores.ndim != 2 or labels not in (None, scores.shape[1]):
        expected = "(documents, labels)" if labels is None else f"(documents, {labels})"
        raise LabelPolicyError(f"scores: found an array {scores.shape}, expected {expected}")
    bad = first_bad(scores)
    if bad is not None:
        raise LabelPolicyError(
            f"scores: document {bad[0]}, label {bad[1]}: {scores[bad]}, expected a probability in [0, 1]"
        )
    return scores


def _ranked(
    scores: np.ndarray, truth: np.ndarray | bool = False, never: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Labels of each document from best to worst, of equal scores the lower index first; and which of them are true.

    Both (n, N), int64 and boolean. Labels where ``never`` (N,) is true come last. Falling score, label and truth are
    packed in one integer for the sake of a plain sort: 32 bits, those that the labels need, and one.
    """
    labels = scores.shape[1]
    width = np.uint64(labels.bit_length() + 1)
    falling = np.uint32(2**31 - 1) - (sortable(scores, truth) >> TRUTH)
    if never is not None:
        falling[:, never] = 2**31
    keys = falling.astype(np.uint64) << width
    keys |= np.arange(labels, dtype=np.uint64) << np.uint64(1)
    keys |= truth
    keys.sort(axis=1)
    correct = (keys & np.uint64(1)).astype(bool)
    return ((keys & ((np.uint64(1) << width) - np.uint64(1))) >> np.uint64(1)).view(np.int64), correct


def _blocks(total: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, total)) for start in range(0, total, size)]


def _by_name(labels: list[str], values: np.ndarray) -> dict[str, float]:
    return dict(zip(labels, map(float, values), strict=True))
