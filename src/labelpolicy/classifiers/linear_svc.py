"""scikit-learn's LinearSVC over tf-idf, one SVM per label: the reference row of every table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from labelpolicy.classifiers.registry import Declaration, Row, Run, State, below, prefixed
from labelpolicy.classifiers.tuning import FEATURES, Features, Tuned
from labelpolicy.config import NonNegativeFloat, PositiveFloat
from labelpolicy.randomness import derive

if TYPE_CHECKING:
    from labelpolicy.data.prepared import Prepared, Split

#: Where LIBLINEAR stops: a tenth of its own default, a hundred times scikit-learn's, whose scores differ by little.
TOLERANCE = 0.01


class LinearSVC(Tuned):
    """scikit-learn's LinearSVC over the same tf-idf: the reference a user would pick."""

    C: PositiveFloat = Field(1.0, description="inverse regularisation of every label's SVM")
    features: Features = Features()
    tolerance: NonNegativeFloat = Field(0.0, description=Tuned.model_fields["tolerance"].description)
    search: dict[str, list[Any]] | None = Field(
        {"features": FEATURES, "C": [0.1, 0.25, 0.5, 1.0, 2.0, 4.0]},
        description=Tuned.model_fields["search"].description,
    )


class LinearSVCClassifier:
    """One SVM per label, trained with C * N * w_j, which is Eq. 1 for independent SVMs.

    Scores are the logistic function of the margin. A label without a training document, or on every one, gets a
    constant margin of -1 or +1.
    """

    def __init__(self, parameters: Any):
        self.parameters = parameters

    def features(self, data: Prepared) -> Any:
        """What it stands on: a function split -> sparse (documents, width)."""
        from labelpolicy.classifiers.tfidf import TfIdf

        return TfIdf(data, data.split("train"), self.parameters.features)

    def fit(self, data: Prepared, weights: np.ndarray, run: Run) -> list[Row]:
        from sklearn.svm import LinearSVC as SklearnLinearSVC

        train = data.split("train")
        self.tfidf = self.features(data)
        features = self.tfidf(train)
        self.coefficients = np.zeros((self.tfidf.width, len(data.labels)))
        self.intercepts = np.where(train.y_true.all(axis=0), 1.0, -1.0)
        for j, positive in enumerate(train.y_true.T):
            if positive.any() and not positive.all():
                C = self.parameters.C * len(weights) * weights[j]
                random = derive(run.seed, "svc", j) % 2**32
                svm = SklearnLinearSVC(C=C, tol=TOLERANCE, random_state=random).fit(features, positive)
                self.coefficients[:, j], self.intercepts[j] = svm.coef_[0], svm.intercept_[0]
        return []

    def state(self) -> State:
        own = {"coefficients": self.coefficients, "intercepts": self.intercepts}
        return own | prefixed(self.tfidf.state(), "tfidf.")

    def predict_proba(self, split: Split) -> np.ndarray:
        from scipy.special import expit

        return expit(self.tfidf(split) @ self.coefficients + self.intercepts).astype(np.float32)


def build(data: Prepared, parameters: LinearSVC, seed: int) -> LinearSVCClassifier:
    return LinearSVCClassifier(parameters)


def restore(parameters: LinearSVC, state: State) -> LinearSVCClassifier:
    from labelpolicy.classifiers.tfidf import TfIdf

    found = LinearSVCClassifier(parameters)
    found.tfidf = TfIdf.restored(below(state, "tfidf."))
    found.coefficients, found.intercepts = state["coefficients"], state["intercepts"]
    return found


DECLARATION = Declaration(LinearSVC, build, restore, trained_by_gradient=False, uses_torch=False)
