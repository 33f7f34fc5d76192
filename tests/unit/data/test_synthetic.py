"""The synthetic corpus: its structure is what its parameters say, and it can be learned."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelpolicy.data.parameters import Synthetic
from labelpolicy.data.readers import own
from labelpolicy.data.synthetic import generate, hierarchy
from labelpolicy.errors import LabelPolicyError
from labelpolicy.steps.synthesise import synthesise


@given(depth=st.integers(1, 6), more=st.integers(0, 40))
def test_hierarchy_has_the_depth_and_parents_come_first(depth, more):
    parents = hierarchy(depth + more, depth)
    assert len(parents) == depth + more
    levels = []
    for child, above in enumerate(parents):
        assert above is None or above < child
        levels.append(1 if above is None else levels[above] + 1)
    assert max(levels) == depth


@settings(max_examples=25, deadline=None)
@given(
    labels=st.integers(1, 20),
    depth=st.integers(1, 3),
    dependence=st.floats(0, 1),
    vocabulary=st.integers(1, 50),
    noise=st.floats(0, 1),
    seed=st.integers(0, 9),
)
def test_any_parameters_give_a_sound_corpus(labels, depth, dependence, vocabulary, noise, seed):
    parameters = Synthetic(
        documents=30, test_documents=5, labels=max(labels, depth), depth=depth, dependence=dependence,
        vocabulary=vocabulary, noise=noise, seed=seed,
    )  # fmt: skip
    names, parents, splits = generate(parameters)
    assert all("synthetic" in name for name in names)
    assert (len(splits["train"]), len(splits["test"])) == (30, 5)
    carried = Counter(label for document in splits["train"] for label in document.labels)
    assert carried.keys() == set(names)
    for document in splits["train"] + splits["test"]:
        assert document.tokens
        assert all(parents[label] in document.labels for label in document.labels if label in parents)


def test_frequencies_fall_and_dependence_adds_labels():
    flat = Synthetic(documents=3000, depth=1, dependence=0.0, exponent=1.0)
    _, _, splits = generate(flat)
    counts = [count for _, count in Counter(d.labels[0] for d in splits["train"]).most_common()]
    slope = np.polyfit(np.log(np.arange(1, 13)), np.log(counts), 1)[0]
    assert -1.15 < slope < -0.85
    assert all(len(document.labels) == 1 for document in splits["train"])
    _, _, splits = generate(flat.model_copy(update={"dependence": 1.0}))
    assert np.mean([len(document.labels) for document in splits["train"]]) > 1.5


def test_a_linear_model_learns_it_and_noise_hides_it():
    def accuracy(noise):
        from sklearn.feature_extraction.text import CountVectorizer
        from sklearn.naive_bayes import MultinomialNB

        _, _, splits = generate(Synthetic(depth=1, dependence=0.0, noise=noise))
        count = CountVectorizer(analyzer=lambda document: document.tokens)
        truth = {name: [document.labels[0] for document in splits[name]] for name in splits}
        model = MultinomialNB().fit(count.fit_transform(splits["train"]), truth["train"])
        return model.score(count.transform(splits["test"]), truth["test"])

    assert accuracy(0.5) > 0.9
    assert accuracy(1.0) < 0.5


@pytest.mark.parametrize(("change", "fault"), [({"labels": 1, "depth": 2}, "levels"), ({"documents": 5}, "documents")])
def test_impossible_parameters(change, fault):
    with pytest.raises(LabelPolicyError, match=fault):
        generate(Synthetic(**{"labels": 12, **change}))


def test_the_step_writes_what_the_reader_reads(tmp_path):
    parameters = Synthetic(documents=40, test_documents=10)
    synthesise(parameters=parameters, output=tmp_path / "one")
    synthesise(parameters=parameters, output=tmp_path / "two")
    names, parents, splits = generate(parameters)
    corpus = own.read(tmp_path / "one")
    assert (corpus.labels, corpus.parents) == (names, parents)
    assert {name: list(documents) for name, documents in corpus.splits.items()} == splits
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()
    synthesise(parameters=parameters.model_copy(update={"seed": 1}), output=tmp_path / "two")
    assert (tmp_path / "one/train.jsonl").read_bytes() != (tmp_path / "two/train.jsonl").read_bytes()
