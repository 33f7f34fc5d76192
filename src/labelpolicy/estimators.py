"""The decision policy as a scikit-learn meta-estimator; the extra `sklearn` brings what it needs."""

import warnings
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import _safe_indexing, get_tags, indexable
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _check_method_params, _num_samples, check_is_fitted, column_or_1d

from labelpolicy.folds import MultilabelStratifiedGroupKFold
from labelpolicy.threshold_policy import ThresholdPolicy
from labelpolicy.thresholds.arrays import as_matrix, logit


def _estimator_has(method: str) -> Any:
    return available_if(lambda self: hasattr(getattr(self, "estimator_", self.estimator), method))


class PolicyClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """A classifier or pipeline whose decisions are made by a `ThresholdPolicy`, fitted on out-of-fold scores.

    `fit` scores each document by a clone of ``estimator`` that has not seen it, fits the policy on these scores, and
    fits the estimator again on all documents. Other arguments are those of `ThresholdPolicy`; ``cv`` is a number of
    folds, stratified by label, or a splitter of scikit-learn's. y may be multi-label, binary or multi-class (a document
    then gets the class of the largest margin).

    After `fit`: ``estimator_``, ``policy_``, ``report_``, and ``classes_`` as the estimator has them.

    >>> from sklearn.datasets import make_multilabel_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.multiclass import OneVsRestClassifier
    >>> X, y = make_multilabel_classification(random_state=0)
    >>> PolicyClassifier(OneVsRestClassifier(LogisticRegression())).fit(X, y).predict(X).shape
    (100, 5)
    """

    def __init__(
        self,
        estimator: Any,
        *,
        rule: str = "auto",
        at_least_one: bool | None = None,
        at_least: int | None = None,
        at_most: int | None = None,
        objective: Any = None,
        cv: Any = 5,
        random_state: int = 0,
    ):
        self.estimator = estimator
        self.rule = rule
        self.at_least_one = at_least_one
        self.at_least = at_least
        self.at_most = at_most
        self.objective = objective
        self.cv = cv
        self.random_state = random_state

    def fit(self, X: Any, y: Any, *, groups: Any = None, **params: Any) -> "PolicyClassifier":
        """Fit on documents X (n, ...) and y. Documents of the same of ``groups`` stay in one fold.

        Where X are texts and the columns of y have names, the rule sets looks for them in the texts, and auto tries it.

        ``params`` go to the estimator's `fit`; of arrays (n,), as sample_weight, each fold gets its own part.
        """
        X, y = indexable(X, y)
        if _num_samples(X) < 2:
            raise ValueError(f"found array with {_num_samples(X)} sample(s), expected at least 2, one for each fold")
        y_true = self._truth(y)
        scores = np.zeros(y_true.shape)
        for train, test in self._splitter(len(y_true)).split(X, y_true, groups):
            parts = _check_method_params(X, params, indices=train)
            with warnings.catch_warnings():  # of OneVsRestClassifier, for what the next line but one sees to
                warnings.filterwarnings("ignore", "Label not", UserWarning)
                fitted = clone(self.estimator).fit(_safe_indexing(X, train), _safe_indexing(y, train), **parts)
            # A label that no document of the other folds has was never trained.
            scores[test] = np.where(y_true[train].any(axis=0), self._scores(fitted, _safe_indexing(X, test)), 0.0)
        if self.kind_ == "multiclass" and self.at_least not in (None, 1):
            raise ValueError(f"at_least is {self.at_least!r}, but a document of multi-class y gets one class")
        one = True if self.kind_ == "multiclass" else self.at_least_one
        how = {name: getattr(self, name) for name in ("at_least", "at_most", "objective", "random_state")}
        names = [str(column) for column in y.columns] if hasattr(y, "columns") else None
        self.policy_ = ThresholdPolicy(self.rule, at_least_one=one, labels=names, **how)
        self.policy_.fit(scores, y_true, groups=groups, texts=_texts(X) if names else None)
        self.report_ = self.policy_.report_
        self.estimator_ = clone(self.estimator).fit(X, y, **_check_method_params(X, params))
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        return self

    def predict(self, X: Any) -> np.ndarray:
        """What the policy decides: (n,) classes, or 0 and 1 (n, N) for multi-label y."""
        check_is_fitted(self, "estimator_")
        scores = self._scores(self.estimator_, X)
        if self.kind_ == "multiclass":
            levels = getattr(self.policy_.decision_, "levels", np.zeros(scores.shape[1]))
            return self.classes_[(logit(scores) - levels).argmax(axis=1)]
        y_pred = self.policy_.predict(scores, _texts(X) if self.policy_.decision.needs_texts else None)
        return y_pred.astype(int) if self.kind_ == "multilabel" else self.classes_[y_pred[:, 0].astype(int)]

    @_estimator_has("predict_proba")
    def predict_proba(self, X: Any) -> Any:
        """The estimator's own."""
        check_is_fitted(self, "estimator_")
        return self.estimator_.predict_proba(X)

    @_estimator_has("decision_function")
    def decision_function(self, X: Any) -> Any:
        """The estimator's own."""
        check_is_fitted(self, "estimator_")
        return self.estimator_.decision_function(X)

    def __sklearn_tags__(self) -> Any:
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.input_tags = inner.input_tags
        if inner.classifier_tags is not None:
            tags.classifier_tags = inner.classifier_tags
        return tags

    def _truth(self, y: Any) -> np.ndarray:
        """y as bool (n, labels): one column for binary y, one a class for multi-class y."""
        kind = type_of_target(y, input_name="y", raise_unknown=True)
        if kind == "multilabel-indicator":
            array, _ = as_matrix(y, None, "y")
            self.kind_, self.classes_ = "multilabel", np.arange(array.shape[1])
            return array.astype(bool)
        if kind not in ("binary", "multiclass"):
            raise ValueError(f"Unknown label type: {kind}: expected binary, multi-class or multi-label y")
        array = column_or_1d(y, warn=True)
        self.kind_, self.classes_ = kind, np.unique(array)
        if len(self.classes_) < 2:
            raise ValueError(f"y has one class only, {self.classes_[0]!r}: expected at least two")
        return (array[:, None] == self.classes_)[:, 1:] if kind == "binary" else array[:, None] == self.classes_

    def _splitter(self, documents: int) -> Any:
        if hasattr(self.cv, "split") and not isinstance(self.cv, str):
            return self.cv
        if not isinstance(self.cv, (int, np.integer)) or self.cv < 2:
            raise ValueError(f"cv is {self.cv!r}, expected a number of folds from 2 on, or a splitter")
        return MultilabelStratifiedGroupKFold(min(int(self.cv), documents), random_state=self.random_state)

    def _scores(self, fitted: Any, X: Any) -> np.ndarray:
        """Probabilities, or the sigmoid of margins: float64 (n, labels) in the order of `_truth`."""
        if hasattr(fitted, "predict_proba"):
            scores = fitted.predict_proba(X)
            if isinstance(scores, list):  # a label of one class only has one column
                both = zip(scores, fitted.classes_, strict=True)
                columns = [part[:, 1] if len(of) == 2 else np.full(len(part), float(of[0])) for part, of in both]
                return np.column_stack(columns)
        else:
            scores = expit(np.asarray(fitted.decision_function(X), dtype=np.float64))
        scores = np.asarray(scores, dtype=np.float64)
        if self.kind_ == "multilabel":
            return scores
        if scores.ndim == 1:
            scores = np.column_stack([1 - scores, scores])
        every = np.zeros((len(scores), len(self.classes_)))
        every[:, np.searchsorted(self.classes_, fitted.classes_)] = scores
        return every[:, 1:] if self.kind_ == "binary" else every


def _texts(X: Any) -> list[str] | None:
    """The documents, if they are texts."""
    if getattr(X, "ndim", 1) != 1:  # a matrix is not copied to see that it has no texts
        return None
    found = X.tolist() if hasattr(X, "tolist") else X
    return found if isinstance(found, list) and all(isinstance(each, str) for each in found) else None
