"""fastText, spaCy and SetFit: what they return for a document, as scores for a policy.

    python examples/with_other_tools.py

None of the three has to be installed: each function takes what the tool returns.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from labelpolicy import ThresholdPolicy


def of_fasttext(labels: Iterable[Sequence[str]], probabilities: Iterable[Sequence[float]]) -> pd.DataFrame:
    """From ``model.predict(texts, k=-1)`` of a model trained with ``loss="ova"``: labels and probabilities."""
    rows = (dict(zip(names, row, strict=True)) for names, row in zip(labels, probabilities, strict=True))
    frame = pd.DataFrame(list(rows)).rename(columns=lambda name: name.removeprefix("__label__"))
    return frame.clip(0, 1)  # fastText adds 1e-5 to its probabilities


def of_spacy(cats: Iterable[Mapping[str, float]]) -> pd.DataFrame:
    """From ``[doc.cats for doc in nlp.pipe(texts)]`` of a ``textcat_multilabel``."""
    return pd.DataFrame(list(cats))


def of_setfit(probabilities: object, labels: Sequence[str]) -> pd.DataFrame:
    """From ``model.predict_proba(texts)`` of a SetFitModel with ``multi_target_strategy="one-vs-rest"``: a tensor."""
    return pd.DataFrame(np.asarray(probabilities), columns=list(labels))


if __name__ == "__main__":
    random = np.random.default_rng(0)
    labels = ["grain", "oil", "gold"]
    y_true = [{name for name in labels if random.random() < 0.3} for _ in range(200)]
    y_score = [{name: random.beta(4, 3) if name in true else random.beta(1, 5) for name in labels} for true in y_true]

    scores = of_spacy(y_score)
    policy = ThresholdPolicy().fit(scores, y_true)
    print(
        "spaCy:", policy.report_["auto"]["rule"], dict(zip(labels, policy.thresholds_.round(3).tolist(), strict=True))
    )

    names = [[f"__label__{name}" for name in sorted(row, key=row.__getitem__, reverse=True)] for row in y_score]
    sorted_scores = [sorted(row.values(), reverse=True) for row in y_score]
    same = policy.predict(of_fasttext(names, sorted_scores)) == policy.predict(scores)
    print("fastText, the same:", bool(same.all()))

    same = policy.predict(of_setfit(scores.to_numpy(), labels)) == policy.predict(scores)
    print("SetFit, the same:", bool(same.all()))
