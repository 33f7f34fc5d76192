"""The meta-estimator, by scikit-learn's own checks and by what it promises."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
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
