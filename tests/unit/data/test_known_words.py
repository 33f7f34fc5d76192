"""Words of entity mentions keep their pre-trained vector, however rare."""

from __future__ import annotations

import json

import pytest

from labelpolicy.data.parameters import Data
from labelpolicy.data.prepared import Prepared
from labelpolicy.steps.prepare import prepare


@pytest.fixture
def raw(tmp_path):
    for split, word in (("train", "Paris"), ("test", "Lisbon")):
        lines = []
        for number in range(12):
            tokens = ["In", word if number == 0 else "the", "city", "qqzzx"]
            mentions = [{"start": 1, "end": 2, "labels": ["/GPE", "/GPE/CITY"]}]
            lines.append(json.dumps({"tokens": tokens, "mentions": mentions, "fileid": f"{split}{number}"}))
        (tmp_path / f"{split}.json").write_text("\n".join(lines) + "\n")
    return tmp_path


@pytest.mark.parametrize(("which", "kept"), [("mentions", True), ("all", True), ("none", False)])
def test_rare_words_of_mentions(raw, tmp_path, which, kept, capsys):
    prepare(dataset="bbn", raw=raw, parameters=Data(known_words=which, min_count=30), output=tmp_path / "out")
    data = Prepared(tmp_path / "out")
    assert ("Lisbon" in data.vocabulary) is kept
    assert "qqzzx" not in data.vocabulary  # no vector, too rare
    mention = data.split("test").tokens[0][slice(*data.split("test").mentions[0])]
    assert (data.vocabulary[mention[0]] == "Lisbon") is kept
    warnings = capsys.readouterr().err
    assert "warning: bbn: not as published: test documents: 12 here, 13187 published" in warnings
