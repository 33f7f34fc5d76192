"""tune: what is chosen, of which documents, and that trainings take it."""

import json
import shutil
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import small_study

from labelpolicy import load
from labelpolicy.classifiers.kim_cnn import KimCNN
from labelpolicy.classifiers.linear import Linear
from labelpolicy.classifiers.linear_svc import LinearSVC
from labelpolicy.data.parameters import Data, Vectors
from labelpolicy.data.prepared import Prepared
from labelpolicy.errors import LabelPolicyError
from labelpolicy.steps.prepare import prepare
from labelpolicy.steps.tune import HOPELESS, tune
from labelpolicy.thresholds import ThresholdParameters

module = sys.modules["labelpolicy.steps.tune"]

ENDINGS, WORDS = ("tion", "wards", "ish"), [f"word{a}{b}" for a in "abcdefgh" for b in "klmnop"]


def by_order(random):
    """The label is the order of two words, among others that come and go."""
    label = random.integers(2)
    rest = [*random.choice(WORDS, 3)]
    return [*rest, *(("left", "right") if label else ("right", "left")), *random.choice(WORDS, 3)], ["up", "down"][
        label
    ]


def by_ending(random):
    """The label is the ending of a word that is nearly always new."""
    label = random.integers(3)
    stem = "".join(random.choice([*"bcdfghjk"], 5))
    return [*random.choice(WORDS, 2), stem + ENDINGS[label], *random.choice(WORDS, 2)], ENDINGS[label]


@pytest.fixture(scope="module", params=[by_order, by_ending], ids=["order", "ending"])
def corpus(request, tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("corpus"), np.random.default_rng(0)
    (folder / "raw").mkdir()
    for split, count in (("train", 150), ("test", 40)):
        made = [request.param(random) for _ in range(count)]
        lines = [
            json.dumps({"id": f"{split}{i}", "text": " ".join(words), "labels": [label]})
            for i, (words, label) in enumerate(made)
        ]
        (folder / "raw" / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    parameters = Data(vectors=Vectors(source="random", width=2))
    prepare(dataset="mine", raw=folder / "raw", parameters=parameters, output=folder / "mine")
    return request.param.__name__, folder / "mine"


def run(data, folder, classifier="linear_svc", parameters=None, **changes):
    parameters = parameters or {"linear_svc": LinearSVC, "linear": Linear}[classifier]()
    how = {"rules": ThresholdParameters(), "folds": 3, "by": "labels", "device": "cpu", "threads": 1}
    tune(dataset=data, classifier=classifier, parameters=parameters, output=folder / "tuned.json", **how | changes)
    return json.loads((folder / "tuned.json").read_text())


@pytest.mark.parametrize("classifier", ["linear_svc", "linear"])
def test_the_features_that_tell_the_labels_are_chosen(corpus, tmp_path, classifier):
    kind, data = corpus
    features = run(data, tmp_path, classifier)["parameters"]["features"]
    assert features["word_ngrams" if kind == "by_order" else "character_ngrams"] > 1
    assert (features["character_ngrams"] > 0) == (kind == "by_ending")


def test_only_training_documents_choose_and_the_bytes_are_the_same_on_two_threads(corpus, tmp_path):
    _, data = corpus
    few = Linear(search={"features": [{"word_ngrams": 1}, {"word_ngrams": 2}]})
    expected = run(data, tmp_path), run(data, tmp_path, "linear", few)
    without = shutil.copytree(data, tmp_path / "mine")
    for unread in ("test", "valid"):
        (without / f"{unread}.parquet").unlink()
    assert (run(without, tmp_path, threads=2), run(without, tmp_path, "linear", few, threads=2)) == expected


def test_of_many_tokens_fewer_documents_are_used(corpus, tmp_path, monkeypatch):
    _, data = corpus
    few, tokens = LinearSVC(search={"C": [1.0]}), Prepared(data).split("train").tokens
    every = run(data, tmp_path, parameters=few)["about"]["documents"]
    monkeypatch.setattr(module, "FEWEST", 20)
    monkeypatch.setattr(module, "TOKENS", len(tokens.values) // 2)
    assert every == len(tokens) and 20 < run(data, tmp_path, parameters=few)["about"]["documents"] < every * 0.6
    monkeypatch.setattr(module, "TOKENS", 1)
    assert run(data, tmp_path, parameters=few)["about"]["documents"] == 20


def test_each_parameter_is_searched_with_the_best_of_the_others_and_what_is_hopeless_gets_one_fold(corpus, tmp_path):
    _, data = corpus
    search = {"C": [1e-6, 1.0], "features": [{"word_ngrams": 1}, {"word_ngrams": 2, "character_ngrams": 5}]}
    found = run(data, tmp_path, parameters=LinearSVC(search=search))
    trials = {
        (each["parameters"]["C"], each["parameters"]["features"]["word_ngrams"]): each for each in found["trials"]
    }
    assert {1e-6, 1.0} == {C for C, _ in trials} and len(trials) == 3  # the values of C with plain features alone
    for each in trials.values():
        best = max(other["utility"][0] for other in trials.values())
        assert len(each["utility"]) == 3 or each["utility"][0] < best - HOPELESS
    chosen = max((each for each in found["trials"] if len(each["utility"]) == 3), key=lambda t: np.mean(t["utility"]))
    assert found["parameters"] == chosen["parameters"]


def test_of_mentions_only_what_applies_is_tried(tmp_path):
    random = np.random.default_rng(0)
    (tmp_path / "raw").mkdir()
    for split in ("train", "test"):
        lines = []
        for i in range(60):
            label = int(random.integers(2))
            entry = {"id": f"{split}{i}", "tokens": ["the", ["cat", "bank"][label], "is"], "mention": [1, 2]}
            lines.append(json.dumps(entry | {"labels": [["/animal", "/place"][label]]}))
        (tmp_path / "raw" / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    parameters = Data(vectors=Vectors(source="random", width=2))
    prepare(dataset="mine", raw=tmp_path / "raw", parameters=parameters, output=tmp_path / "mine")
    found = run(tmp_path / "mine", tmp_path)
    assert {each["parameters"]["features"]["word_ngrams"] for each in found["trials"]} == {1}
    assert {each["parameters"]["C"] for each in found["trials"]} == {0.1, 0.25, 0.5, 1.0, 2.0, 4.0}
    search = {"filters": [1, 3]}
    found = run(tmp_path / "mine", tmp_path, "kim_cnn", KimCNN(epochs=1, windows=[2], search=search))
    assert [each["parameters"] for each in found["trials"]] == [{"filters": 1}, {"filters": 3}]


def test_the_width_of_a_network_is_chosen_where_a_search_is_given(corpus, tmp_path):
    kind, data = corpus
    if kind == "by_ending":  # a network of words knows no endings
        pytest.skip("the label is in the order of the words alone")
    wide = KimCNN(epochs=8, windows=[2], dropout=0.0, learning_rate=0.02, search={"filters": [1, 40]}, tolerance=0.0)
    assert run(data, tmp_path, "kim_cnn", wide)["parameters"] == {"filters": 40}


def test_a_training_takes_what_was_chosen_and_its_model_scores_the_same_bits(corpus, tmp_path):
    _, data = corpus
    chosen = {"C": 0.7, "features": {"word_ngrams": 2, "character_ngrams": 4, "title": 0.0}}
    content = run(data, tmp_path, parameters=LinearSVC(search={"C": [1.0]}))
    (tmp_path / "tuned.json").write_text(json.dumps(content | {"parameters": chosen}))
    set_alike = [word for key, value in chosen.items() for word in ("--set", f"classifiers.linear_svc.{key}={value}")]
    for name, how in {"tuned": ["--tuned", "tuned.json"], "set": set_alike, "neither": []}.items():
        words = ["train", str(data), "linear_svc", "--scores", f"{name}.parquet", "--model", name, *how]
        assert small_study.run(words, tmp_path).status == 0
    scores = {name: pq.read_table(tmp_path / f"{name}.parquet") for name in ("tuned", "set", "neither")}
    assert scores["tuned"].equals(scores["set"]) and not scores["tuned"].equals(scores["neither"])
    test = pq.read_table(data / "test.parquet")["text"].to_pylist()
    kept = [row["scores"] for row in scores["tuned"].to_pylist() if row["split"] == "test"]
    np.testing.assert_array_equal(load(tmp_path / "tuned").predict_proba(test), np.array(kept, dtype=np.float32))


@pytest.mark.parametrize(
    ("parameters", "fault"),
    [
        (LinearSVC(search=None), "nothing to tune"),
        (KimCNN(), "nothing to tune"),
        (LinearSVC(search={"C": []}), "search.C: no values"),
        (LinearSVC(search={"C": [0.0]}), "search: C: found 0.0"),
        (LinearSVC(search={"c": [1.0]}), "search: c: unknown parameter"),
    ],
)
def test_a_search_that_cannot_be(corpus, tmp_path, parameters, fault):
    with pytest.raises(LabelPolicyError, match=fault):
        run(corpus[1], tmp_path, parameters=parameters)


@pytest.mark.parametrize("change", [{"trials": 1}, {"about": {"classifier": "linear"}}, {"more": 1}])
def test_other_files_and_values_of_another_classifier_are_refused(corpus, tmp_path, change):
    content = run(corpus[1], tmp_path, parameters=LinearSVC(search={"C": [1.0]}))
    change = change | ({"about": content["about"] | change["about"]} if "about" in change else {})
    (tmp_path / "tuned.json").write_text(json.dumps(content | change))
    done = small_study.run(["train", str(corpus[1]), "linear_svc", "--model", "m", "--tuned", "tuned.json"], tmp_path)
    assert done.fault == "" and "tuned.json" in done.stderr and not (tmp_path / "m").exists()
