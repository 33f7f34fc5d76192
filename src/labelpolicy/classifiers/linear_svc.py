"""scikit-learn's LinearSVC over tf-idf, one SVM per label: the reference row of every table."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import expit
from sklearn.svm import LinearSVC as SklearnLinearSVC

from labelpolicy.classifiers.tfidf import TfIdf
from labelpolicy.data.prepared import Prepared, Split
from labelpolicy.parameters import LinearSVC
from labelpolicy.randomness import derive


def fit(data: Prepared, parameters: LinearSVC, weights: np.ndarray, seed: int) -> Callable[[Split], np.ndarray]:
    """Train one SVM per label and return the function split -> scores float32 (documents, labels).

    Label j is trained with C * N * w_j, which is Eq. 1 for independent SVMs. Scores are the logistic function of
    the margin: margin 0, the SVM's own cut, is score 0.5. A label without a training document, or
    on every one, gets a constant margin of -1 or +1.
    """
    train = data.split("train")
    tfidf = TfIdf(data, train)
    features = tfidf(train)
    coefficients = np.zeros((tfidf.width, len(data.labels)))
    intercepts = np.where(train.truth.all(axis=0), 1.0, -1.0)
    for j, positive in enumerate(train.truth.T):
        if positive.any() and not positive.all():
            svm = SklearnLinearSVC(
                C=parameters.C * len(weights) * weights[j], random_state=derive(seed, "svc", j) % 2**32
            )
            svm.fit(features, positive)
            coefficients[:, j], intercepts[j] = svm.coef_[0], svm.intercept_[0]

    return lambda split: expit(tfidf(split) @ coefficients + intercepts).astype(np.float32)
