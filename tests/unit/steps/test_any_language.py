"""Documents in a script without spaces, from their files to predictions."""

import json

import numpy as np

from labelpolicy import model
from labelpolicy.classifiers import registry
from labelpolicy.classifiers.registry import Run
from labelpolicy.data.parameters import Data
from labelpolicy.data.prepared import Prepared
from labelpolicy.parameters import Study
from labelpolicy.steps.prepare import prepare
from labelpolicy.thresholds import PerLabel

TOPICS = {"体育": "足球", "经济": "股票", "艺术": "音乐"}


def texts(count: int, seed: int) -> list[tuple[str, str]]:
    random = np.random.default_rng(seed)
    noise = ["".join(random.choice([*"天地玄黄宇宙洪荒日月"], 20)) for _ in range(count)]
    return [(f"{each[:10]}{word}{each[10:]}", label) for each in noise for label, word in TOPICS.items()]


def test_chinese_documents_are_classified(tmp_path):
    for split, found in (("train", texts(40, 0)), ("test", texts(10, 1))):
        lines = (json.dumps({"text": text, "labels": [label]}) + "\n" for text, label in found)
        (tmp_path / f"{split}.jsonl").write_text("".join(lines))
    random = Data(vectors={"source": "random", "width": 4})
    prepare(dataset="mine", raw=tmp_path, output=tmp_path / "out", parameters=random)
    data = Prepared(tmp_path / "out")
    entry = registry.load("linear_svc")
    parameters = entry.parameters(Study())
    fitted = entry.build(data, parameters, 0)
    fitted.fit(data, np.full(3, 1 / 3), Run(0))
    thresholds = {"half": model.Thresholds(PerLabel.at(np.full(3, 0.5)))}
    parts = data.labels, data.parents, data.vocabulary, model.form_of(data), thresholds, {}, data.tokenizer
    model.Model("linear_svc", parameters, fitted, *parts).save(tmp_path / "model")
    loaded = model.load(tmp_path / "model")
    assert loaded.documents == "text"
    assert loaded.predict([text for text, _ in texts(10, 2)]) == [[label] for _, label in texts(10, 2)]
