"""scikit-learn: thresholds from out-of-fold scores around any classifier, here a forest and a linear SVM.

python examples/with_scikit_learn.py
"""

from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_predict
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

from labelpolicy import MultilabelStratifiedGroupKFold, PolicyClassifier, ThresholdPolicy, evaluate

X, y = make_multilabel_classification(1000, n_classes=8, n_labels=2, random_state=0)
train, test = slice(0, 700), slice(700, 1000)

# The whole: scores, policy and the last fit in one estimator.
model = PolicyClassifier(OneVsRestClassifier(LinearSVC())).fit(X[train], y[train])
print("linear SVM:", model.report_["auto"]["rule"])
print(evaluate(y[test] == 1, model.predict(X[test]) == 1)["macro_f1"])

# Or scores of your own: predict_proba gives a list of one array a label.
forest = RandomForestClassifier(100, random_state=0)
folds = MultilabelStratifiedGroupKFold(5)
y_score = cross_val_predict(forest, X[train], y[train], cv=folds, method="predict_proba")
policy = ThresholdPolicy().fit(list(y_score), y[train])
y_pred = policy.predict(forest.fit(X[train], y[train]).predict_proba(X[test]))
print("forest:", policy.report_["auto"]["rule"])
print(evaluate(y[test] == 1, y_pred)["macro_f1"])
