"""The meta-estimator, by scikit-learn's own checks and by what it promises."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from labelpolicy import LabelPolicyError, MultilabelStratifiedGroupKFold, PolicyClassifier

#: What scikit-learn excuses in TunedThresholdClassifierCV.
EXCUSED = {
    "check_classifiers_train": "Threshold at probability 0.5 does not hold",
    "check_sample_weight_equivalence_on_dense_data": "Folds: removing a sample is not a weight of zero",
}


@parametrize_with_checks(
    [PolicyClassifier(LogisticRegression(C=1), cv=3)], expected_failed_checks=lambda estimator: EXCUSED
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


X, Y = make_multilabel_classification(300, n_classes=4, n_features=30, random_state=0)


def test_scores_of_the_policy_are_of_models_that_have_not_seen_the_document():
    seen = []

    class Remembers(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.known_, self.classes_ = {tuple(row) for row in X}, np.arange(y.shape[1])
            seen.append(len(X))
            return self

        def predict_proba(self, X):
            assert len(seen) > 3 or not any(tuple(row) in self.known_ for row in X)
            return np.full((len(X), 4), 0.3)

    PolicyClassifier(Remembers(), rule="shared", cv=3).fit(X, Y)
    assert seen[-1] == len(X) and len(seen) == 4 and max(seen[:3]) < len(X)


@pytest.mark.parametrize("inner", [LogisticRegression(C=0.003), LinearSVC(C=0.0003)])
def test_it_gains_on_the_classifier_alone_and_delegates_scores(inner):
    inner = make_pipeline(StandardScaler(), OneVsRestClassifier(inner))
    X, y = make_multilabel_classification(1000, n_classes=20, n_labels=2, n_features=40, random_state=1)
    model, plain = PolicyClassifier(inner, cv=3).fit(X[:500], y[:500]), clone(inner).fit(X[:500], y[:500])
    ours, theirs = (f1_score(y[500:], each.predict(X[500:]), average="macro") for each in (model, plain))
    assert ours > theirs + 0.05
    assert hasattr(model, "predict_proba") == hasattr(plain, "predict_proba")
    np.testing.assert_array_equal(model.decision_function(X), plain.decision_function(X))
    assert model.report_["auto"]["documents"] == 500


def test_lists_of_probabilities_and_labels_that_a_fold_lacks():
    y = Y.copy()
    y[:, 3] = 0
    y[0, 3] = 1  # the folds that train without document 0 know one class of this label
    forest = RandomForestClassifier(5, max_depth=3, random_state=0)
    assert PolicyClassifier(forest, cv=3).fit(X, y).predict(X).shape == y.shape


def test_texts_grid_search_pipelines_and_data_frames():
    texts = [" ".join(f"w{j}" for j in np.flatnonzero(row > 2)) for row in X]
    model = PolicyClassifier(make_pipeline(TfidfVectorizer(), OneVsRestClassifier(LinearSVC())), cv=3)
    search = GridSearchCV(
        model, {"rule": ["fixed", "shared"], "estimator__onevsrestclassifier__estimator__C": [0.1, 1]}
    )
    search.set_params(cv=MultilabelStratifiedGroupKFold(2), scoring="f1_macro")
    assert search.fit(texts, Y).predict(texts).shape == Y.shape
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(30)])
    y = pd.DataFrame(Y, columns=list("abcd"))
    fitted = make_pipeline(StandardScaler(), PolicyClassifier(OneVsRestClassifier(LogisticRegression()))).fit(frame, y)
    assert fitted[-1].policy_.labels_ == list("abcd")


def test_in_texts_sets_look_for_the_names_of_the_columns():
    names = ["wheat", "corn", "oil", "tin"]
    texts = [f"w{k % 7} " + " ".join(np.array(names)[row.astype(bool)]) for k, row in enumerate(Y)]
    blind = TfidfVectorizer(token_pattern="w[0-9]")  # what it sees says nothing of the labels
    model = PolicyClassifier(make_pipeline(blind, OneVsRestClassifier(LogisticRegression())), rule="sets", cv=2)
    y_pred = model.fit(texts[:200], pd.DataFrame(Y[:200], columns=names)).predict(np.array(texts[200:], dtype=object))
    y_alone = model.fit(texts[:200], Y[:200]).predict(texts[200:])
    right = [(found == Y[200:]).mean() for found in (y_pred, y_alone)]
    assert right[0] > 0.95 and right[1] < 0.9


def test_groups_stay_together_and_weights_are_cut_to_each_fold():
    groups, weights = np.repeat(np.arange(60), 5), np.linspace(0, 1, 300)
    parts = []

    class Weighted(ClassifierMixin, BaseEstimator):
        def fit(self, X, y, sample_weight=None):
            parts.append(sample_weight)
            self.classes_ = np.arange(y.shape[1])
            return self

        def decision_function(self, X):
            return np.zeros((len(X), 4))

    PolicyClassifier(Weighted(), rule="fixed", cv=KFold(2)).fit(X, Y, groups=groups, sample_weight=weights)
    assert [part.tolist() for part in parts] == [weights[150:].tolist(), weights[:150].tolist(), weights.tolist()]
    for train, test in MultilabelStratifiedGroupKFold(4).split(X, Y, groups):
        assert not set(groups[train]) & set(groups[test])
        np.testing.assert_allclose(Y[test].mean(axis=0), Y.mean(axis=0), atol=0.12)


def test_binary_and_multi_class_y_keep_their_classes():
    for classes in (np.array(["no", "yes"]), np.array(["a", "b", "c"])):
        y = classes[np.clip(Y.sum(axis=1), 0, len(classes) - 1)]
        model = PolicyClassifier(LogisticRegression(max_iter=500), rule="shared").fit(X, y)
        assert set(model.predict(X)) <= set(classes)
        assert model.score(X, y) > 0.6


def test_more_folds_than_documents_and_one_class():
    with pytest.raises(ValueError, match="one class only"):
        PolicyClassifier(LogisticRegression()).fit(X, np.ones(len(X)))
    with pytest.raises(LabelPolicyError, match="10 folds of 4 groups"):
        next(MultilabelStratifiedGroupKFold(10).split(X[:4], Y[:4], np.arange(4)))


def test_at_least_two_labels_of_every_document():
    X, y = make_multilabel_classification(random_state=0)
    with pytest.warns(UserWarning, match="at_least: "):
        model = PolicyClassifier(OneVsRestClassifier(LogisticRegression()), at_least=2).fit(X, y)
    assert model.predict(X).sum(axis=1).min() == 2
    with pytest.raises(ValueError, match="a document of multi-class y gets one class"):
        PolicyClassifier(LogisticRegression(), at_least=2).fit(X, y.sum(axis=1))


@pytest.mark.parametrize("cv", [0, 1, 2.5, "five"])
def test_folds_that_are_no_folds_are_refused(cv):
    X, y = make_multilabel_classification(random_state=0)
    with pytest.raises(ValueError, match=r"cv is .*, expected a number of folds"):
        PolicyClassifier(OneVsRestClassifier(LogisticRegression()), cv=cv).fit(X, y)
