"""A decision policy on the scores of any classifier, in the manner of scikit-learn and without it: NumPy only."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from numbers import Real
from typing import Any

import numpy as np

from labelpolicy import checks
from labelpolicy.errors import LabelPolicyError
from labelpolicy.randomness import generator
from labelpolicy.thresholds.arrays import as_matrix, as_truth, check_scores
from labelpolicy.thresholds.decision import Decision, PerLabel, Rank
from labelpolicy.thresholds.fitting import fit
from labelpolicy.thresholds.json_form import from_json, to_plain
from labelpolicy.thresholds.label_objectives import LabelObjective, label_by_label, on_a_line, read_objective
from labelpolicy.thresholds.objectives import ThresholdParameters, Utility

#: What scores may be: probabilities, or log odds and margins, whose sigmoid stands for a probability.
PROBABILITY, DECISION_FUNCTION = "probability", "decision_function"

#: With more documents without a label than this share, giving each one is likely a mistake.
MANY_BARE = 0.1


@dataclass(eq=False)
class ThresholdPolicy:
    """Turns scores into labels by thresholds that are fitted on documents the classifier was not trained on.

    ``rule`` is "auto", which chooses by cross-fitting, or one of docs/thresholds.md. With ``at_least_one`` a document
    for which no label passes gets its best one; None leaves that to "auto". ``at_least`` gives every document so many
    labels; thresholds are fitted as for one. ``at_most`` labels of a document are kept.
    ``objective``: what is best (`read_objective`): weights of accuracy, macro_f1 and micro_f1; or for each label by
    itself "fbeta=2", "recall_at_precision=0.9", "precision_at_recall=0.8" or "cost=5:1" (a wrong one, a missed one); or
    "samples_jaccard", or any function of truth and decisions. ``score_type`` says what scores are,
    "probability" or "decision_function". ``labels`` names the columns, if a data frame does not. Cells of the truth
    that are ``missing``, a number or NaN, are left out. On ``n_resamples`` bootstrap samples of the documents
    thresholds are fitted again, for their spread. ``random_state`` is the seed of folds and resamples.

    After `fit`: ``decision_``, ``thresholds_`` (N,) in the unit of the scores, inf for a label that is never predicted
    (None for rules without thresholds), ``labels_``, and ``report_``: what was chosen, on what evidence.

    Raises LabelPolicyError, from `fit` and `predict`, for scores and truth that it does not understand.

    >>> y_score, y_true = np.array([[0.8, 0.3], [0.4, 0.1], [0.1, 0.2]]), np.array([[1, 1], [0, 0], [0, 0]])
    >>> policy = ThresholdPolicy("scut").fit(y_score, y_true)
    >>> policy.predict([[0.7, 0.1]]).tolist(), policy.thresholds_.round(2).tolist()
    ([[True, False]], [0.6, 0.25])
    """

    rule: str = "auto"
    at_least_one: bool | None = field(default=None, kw_only=True)
    at_least: int | None = field(default=None, kw_only=True)
    at_most: int | None = field(default=None, kw_only=True)
    objective: Any = field(default=None, kw_only=True)
    score_type: str = field(default=PROBABILITY, kw_only=True)
    labels: Sequence[str] | None = field(default=None, kw_only=True)
    missing: float | None = field(default=None, kw_only=True)
    n_resamples: int = field(default=0, kw_only=True)
    random_state: int = field(default=0, kw_only=True)

    def fit(
        self,
        y_score: Any,
        y_true: Any,
        *,
        train_count: Any = None,
        groups: Sequence[Any] | None = None,
        texts: Iterable[str] | None = None,
    ) -> "ThresholdPolicy":
        """Fit on scores and truth (n, N), as arrays, data frames, sparse matrices, tensors, or per-label (n, 2) arrays.

        The truth is 0 and 1, bool, or for each document its names of labels. ``train_count`` (N,): how many documents
        of each label the classifier was trained on. Documents of the same of ``groups`` (n,) stay in one fold. In
        ``texts`` (n,) the rule sets, a candidate of auto then, looks for the names of the labels.
        """
        for name in ("rule", "score_type"):
            checks.expect(isinstance(value := getattr(self, name), str), name, value, "a name")
        if self.at_least_one is not None:
            checks.flag("at_least_one", self.at_least_one)
        checks.expect(isinstance(self.missing, Real | None), "missing", self.missing, "a number or None")
        checks.count("random_state", self.random_state)
        self.labels_ = None if self.labels is None else checks.names("labels", self.labels)
        scores, names = self._scores(y_score)
        self.labels_ = self.labels_ or names
        truth, masked = as_truth(y_true, self.labels_, self.missing)
        if truth.shape != scores.shape:
            raise LabelPolicyError(f"y_true: found {truth.shape}, expected the shape of the scores, {scores.shape}")
        if masked.any():  # a score of 0 is never predicted, so such a cell is neither right nor wrong
            scores = np.where(masked, np.zeros_like(scores[:1]), scores)
        given = self._at_least(scores.shape[1]) or 0
        few = np.count_nonzero(truth.sum(axis=1) < given)
        if few > MANY_BARE * len(truth):
            what = "no true label, but get one" if given == 1 else f"fewer than {given} true labels, but get as many"
            warnings.warn(f"at_least{'_one' * (given == 1)}: {few} of {len(truth)} documents have {what}", stacklevel=2)
        if texts is not None and not self.labels_:
            raise LabelPolicyError("texts: found no names of labels to look for in them: give labels")
        count = None if train_count is None else np.asarray(train_count)
        self.decision_ = self._fitted(scores, truth, count, groups, _checked(texts, len(scores)))
        self.report_ = {"documents": len(scores), "labels": scores.shape[1], **self.decision_.chosen}
        self.report_ |= {"annotated": int((~masked).sum())} if masked.any() else {}
        never = np.flatnonzero(np.isposinf(getattr(self.decision_, "levels", np.zeros(0)))).tolist()
        said = {"never_predicted": never, "unreached": self.report_.get("unreached", [])}
        self.report_ |= {name: [self.labels_[j] if self.labels_ else j for j in js] for name, js in said.items()}
        if len(said["unreached"]) == scores.shape[1]:
            raise LabelPolicyError(
                f"objective {self.objective}: no label can reach it on these documents: ask for less"
            )
        if self.n_resamples:
            self.report_["thresholds"] = self._spread(scores, truth, count)
        return self

    def predict(self, y_score: Any, texts: Iterable[str] | None = None) -> np.ndarray:
        """Labels of documents by their scores (n, N): bool (n, N), in the order of the columns of `fit`.

        Where ``decision.needs_texts``, by their ``texts`` (n,) as well.
        """
        decision = self.decision
        scores, _ = self._scores(y_score)
        return decision.decide(scores, _checked(texts, len(scores)))

    @property
    def decision(self) -> Decision:
        """What was fitted. Raises LabelPolicyError before `fit`."""
        if not hasattr(self, "decision_"):
            raise LabelPolicyError("ThresholdPolicy: not fitted yet: call fit(y_score, y_true) first")
        return self.decision_

    @property
    def thresholds_(self) -> np.ndarray | None:
        decision = self.decision
        if not isinstance(decision, PerLabel):
            return None
        return self._unit(decision)

    def to_json(self, *, plain: bool = False) -> dict[str, Any]:
        """The content of a thresholds.json; `of_json` returns a policy that decides exactly alike.

        ``plain``: ``{"label": 0.37}``, as model hubs have it: probabilities, of margins their sigmoids, 1 for never.
        Raises LabelPolicyError where that does not say all of the decision.
        """
        checks.flag("plain", plain)
        labels = self.labels_ or [str(j) for j in range(self.report_["labels"])]
        if plain:
            return to_plain(self.decision, labels)
        return {"score_type": self.score_type} | self.decision.to_json(labels)

    @classmethod
    def of_json(cls, content: Any, labels: Sequence[str], where: str = "thresholds.json") -> "ThresholdPolicy":
        """From `to_json`, or from thresholds as probabilities by label, ``{"label": 0.37}``.

        Raises LabelPolicyError, naming the file ``where``, for other labels or a value out of range.
        """
        labels = checks.names("labels", labels)
        kind = content.get("score_type") if isinstance(content, dict) and "rule" in content else None
        policy = cls("read", labels=labels, score_type=PROBABILITY if kind is None else kind)
        policy.decision_, policy.labels_ = from_json(content, labels, where), list(labels)
        policy.report_ = {"labels": len(labels), **policy.decision_.chosen}
        return policy

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def set_params(self, **params: Any) -> "ThresholdPolicy":
        for name, value in params.items():
            if name not in self.get_params():
                raise ValueError(f"ThresholdPolicy has no parameter {name!r}, but {', '.join(self.get_params())}")
            setattr(self, name, value)
        return self

    def _scores(self, y_score: Any) -> tuple[np.ndarray, list[str] | None]:
        scores, names = as_matrix(y_score, self.labels_, "y_score")
        if self.score_type == DECISION_FUNCTION:
            if scores.dtype.kind not in "iuf" or not np.isfinite(scores).all():
                raise LabelPolicyError("y_score: expected finite numbers, one for each document and label")
            with np.errstate(over="ignore"):
                scores = 1 / (1 + np.exp(-scores.astype(np.float64)))
        elif self.score_type != PROBABILITY:
            raise LabelPolicyError(f"score_type is {self.score_type!r}, expected {PROBABILITY} or {DECISION_FUNCTION}")
        elif scores.dtype.kind not in "iuf":
            raise LabelPolicyError(f"y_score: found {scores.dtype}, expected numbers")
        return check_scores(scores), names

    def _fitted(
        self,
        scores: np.ndarray,
        truth: np.ndarray,
        count: np.ndarray | None,
        groups: Sequence[Any] | None = None,
        texts: list[str] | None = None,
    ) -> Decision:
        objective, least = read_objective(self.objective), self._at_least(scores.shape[1])
        one = None if least is None else least > 0
        if isinstance(objective, LabelObjective):
            self._applies("scut")
            levels, values, unreached = label_by_label(objective, scores, truth)
            reached = [None if bad else value for value, bad in zip(values.tolist(), unreached, strict=True)]
            chosen = {"objective": reached, "unreached": np.flatnonzero(unreached).tolist()}
            found: Decision = PerLabel(levels, bool(one), chosen=chosen)
        elif isinstance(objective, Utility):
            how: dict[str, Any] = {"parameters": ThresholdParameters(utility=objective), "seed": self.random_state}
            how |= {"labels": self.labels_, "texts": texts} if texts is not None else {}
            found = fit(self.rule, scores, truth, at_least_one=one, groups=groups, train_count=count, **how)
        else:
            self._applies("shared")
            count = truth.sum(axis=0) if count is None else count
            ways = [False, True] if one is None else [one]
            lines = [on_a_line(objective, scores, truth, count, way) for way in ways]
            found = max(lines, key=lambda line: line.chosen["value"])
        asked = {"at_least": self.at_least, "at_most": self.at_most}
        bounds: dict[str, Any] = {name: int(number) for name, number in asked.items() if number is not None}
        if bounds and isinstance(found, Rank):
            top = min(max(found.top, bounds.get("at_least", 1)), bounds.get("at_most", scores.shape[1]))
            return replace(found, top=min(top, np.count_nonzero(~found.never)))
        if bounds and not isinstance(found, PerLabel):
            what = f"{' and '.join(bounds)}: {self.rule}"
            raise LabelPolicyError(f"{what} has no thresholds for each label, expected a rule that has")
        return replace(found, **bounds)

    def _at_least(self, labels: int) -> int | None:
        """How many labels every document gets, of so many; None where auto may choose between none and one."""
        for name, least in (("at_least", 1), ("at_most", 1), ("n_resamples", 0)):
            value = getattr(self, name)
            if value is not None:
                checks.count(name, value, least)
        if self.at_least is None:
            return None if self.at_least_one is None else int(self.at_least_one)
        limits = {"at_least_one": self.at_least_one and None, "at_most": self.at_most, "the number of labels": labels}
        for name, limit in limits.items():
            if limit is not None and self.at_least > limit:
                raise LabelPolicyError(f"at_least is {self.at_least}, but {name} is {limit}: ask for no more than that")
        return int(self.at_least)

    def _applies(self, rule: str) -> None:
        if self.rule not in ("auto", rule):
            raise LabelPolicyError(f"rule is {self.rule!r}, but {rule} fits this objective: expected that, or auto")

    def _unit(self, decision: PerLabel) -> np.ndarray:
        if self.score_type == DECISION_FUNCTION:
            return decision.levels
        return np.where(np.isposinf(decision.levels), np.inf, decision.thresholds)

    def _spread(self, scores: np.ndarray, truth: np.ndarray, count: np.ndarray | None) -> list[dict[str, Any]]:
        """Of each label the threshold, and the 5 %, 50 % and 95 % quantiles of those of the resamples."""
        if not isinstance(self.decision_, PerLabel):
            return []
        rule = self.decision_.chosen.get("auto", {}).get("rule", self.rule).removesuffix("+one")
        again = replace(self, rule=rule, at_least_one=self.decision_.at_least_one, n_resamples=0)
        random, count = generator(self.random_state, "resamples"), truth.sum(axis=0) if count is None else count
        found = []
        for _ in range(self.n_resamples):
            rows = random.integers(len(scores), size=len(scores))
            decision = again._fitted(scores[rows], truth[rows], count)
            found.append(self._unit(decision) if isinstance(decision, PerLabel) else np.full(truth.shape[1], np.inf))
        ordered, last = np.sort(found, axis=0), self.n_resamples - 1
        low, median, high = (ordered[round(share * last)] for share in (0.05, 0.5, 0.95))
        table = np.column_stack([self._unit(self.decision_), low, median, high]).tolist()
        return [dict(zip(("threshold", "low", "median", "high"), row, strict=True)) for row in table]


def _checked(texts: Any, documents: int) -> list[str] | None:
    """Raises LabelPolicyError for what is not a text for each document."""
    if texts is None:
        return None
    expected = f"{documents}, a text for each document"
    checks.expect(isinstance(texts, Iterable) and not isinstance(texts, str | bytes), "texts", texts, expected)
    found = list(texts)
    for k, each in enumerate(found):
        checks.expect(isinstance(each, str), f"texts, document {k + 1}", each, "a text")
    if len(found) != documents:
        raise LabelPolicyError(f"texts: found {len(found)}, expected {expected}")
    return found
