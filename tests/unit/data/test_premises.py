"""What prepare says of the data: each premise found where it is broken, and nothing said where all is well."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelpolicy.data.corpus import Corpus
from labelpolicy.data.labels import closed, normal_name, parents_of, renamed, spelled
from labelpolicy.data.parameters import Data
from labelpolicy.data.premises import Seen, findings
from labelpolicy.data.prepared import Prepared, Ragged
from labelpolicy.errors import LabelPolicyError
from labelpolicy.steps.prepare import prepare

RANDOM = {"vectors": {"source": "random", "width": 4}}
LABELS = ["a", "b", "c"]
NONE = np.full(3, -1, dtype=np.int32)


def split(sets: list[list[int]], start: int, **given) -> Seen:
    """A split of documents of ten words, with texts of their own."""
    n = len(sets)
    entries = {
        "open": np.zeros(n, bool),
        "text": np.arange(start, start + n, dtype=np.uint64),
        "lengths": np.full(n, 10),
        "unknown": np.zeros(n, int),
    } | given
    return Seen([f"id{start + row}" for row in range(n)], Ragged.from_rows(sets), **entries)


def good(**given) -> dict[str, Seen]:
    """Splits of which there is nothing to say, but for those ``given``."""
    sets = [[0], [1], [2], [0, 1]] * 25
    places = {"train": 1, "valid": 1001, "test": 2001}
    return {name: given.get(name) or split(sets, start) for name, start in places.items()}


def found(splits: dict[str, Seen], parents: np.ndarray = NONE, labels: list[str] = LABELS, **more) -> dict:
    given = findings(spelled(Corpus(labels, {}), loosely=False), parents, splits, **more)
    assert all(0 <= each.count <= each.of and str(each).count("\n") == 0 for each in given)
    return {each.key: each for each in given}


def test_nothing_is_said_of_good_data():
    assert found(good()) == {}


def test_documents_without_a_label():
    few, many = ([[]] * bare + [[0], [1], [2]] * 33 + [[0]] for bare in (1, 60))
    assert found(good(test=split(few, 1)))["unlabelled"].notable is False
    finding = found(good(valid=split(many, 2000)))["unlabelled"]
    assert (finding.count, finding.of, finding.notable) == (60, 360, True)
    assert finding.examples[0] == "id2000" and "+one" in finding.meaning


def test_labels_of_few_documents():
    assert "rare_labels" not in found(good(train=split([[2]] * 4 + [[0], [1]] * 4, 1), valid=split([[0, 1, 2]], 20)))
    sets = split([[2]] * 3 + [[0]] * 9, 1)
    finding = found(good(train=sets, valid=split([[2]], 20)))["rare_labels"]
    assert (finding.count, finding.of, finding.examples) == (2, 3, ["b", "c"])
    assert "1 of them none" in finding.meaning


@pytest.mark.parametrize(("unknown", "notable"), [(1, False), (2, True)])
def test_unknown_words(unknown, notable):
    every = {name: split([[0], [1], [2]] * 20, start, unknown=np.full(60, unknown)) for name, start in
             (("train", 1), ("valid", 100), ("test", 200))}  # fmt: skip
    assert [(each.key, each.notable) for each in found(every).values()] == [("unknown_words", notable)]


def test_word_vectors_of_another_language():
    assert found(good(), vectors="file", coverage=0.5) == {}
    assert list(found(good(), vectors="file", coverage=0.4)) == ["word_vectors"]
    assert found(good(), vectors="random", coverage=0.0) == {}


@pytest.mark.parametrize(("name", "same", "notable"), [("test", 1, False), ("test", 2, True), ("valid", 5, True)])
def test_the_same_text_in_two_splits(name, same, notable):
    splits = good()
    splits[name].text[:same] = splits["train"].text[7]
    splits[name].text[-3:] = 0  # documents without a word are not the same
    splits["train"].text[-3:] = 0
    finding = found(splits)["shared_texts"]
    assert finding.notable is notable and finding.count == (same if name == "test" else 0)


def test_names_that_differ_a_little():
    spelling = spelled(Corpus(["A", "a", " b", "b ", "e\u0301", "é", "x y", "xy"], {}), loosely=False)
    assert spelling.corpus.labels == ["A", "a", "b", "é", "x y", "xy"]
    assert spelling.row.tolist() == [0, 1, 2, 2, 3, 3, 4, 5]
    given = {each.key: each for each in findings(spelling, np.full(6, -1), good())}
    assert given["merged_labels"].count == 3 and "' b' as 'b'" in given["merged_labels"].examples
    assert given["alike_labels"].examples == ["'A' and 'a'", "'x y' and 'xy'"]


def test_names_merged_by_case_with_the_hierarchy():
    corpus = Corpus(["Sport", "sport", "Sport/ball", "sport/Ball"], {}, {"Sport/ball": "Sport", "sport/Ball": "sport"})
    spelling = spelled(corpus, loosely=True)
    assert spelling.corpus.labels == ["Sport", "Sport/ball"] and not spelling.alike
    assert spelling.corpus.parents == {"Sport/ball": "Sport"} and spelling.row.tolist() == [0, 0, 1, 1]


def test_a_name_of_blanks():
    with pytest.raises(LabelPolicyError, match="blanks"):
        spelled(Corpus(["a", " "], {}), loosely=False)


@given(st.text())
def test_a_normal_name_stays(text):
    assert normal_name(normal_name(text)) == normal_name(text)


PARENTS = np.array([-1, 0, 0], dtype=np.int32)  # b and c below a


def test_a_label_without_its_parent():
    sets = [[0], [0, 1], [0, 2]] * 40
    half = split(sets + [[1]] * 40, 1, open=np.arange(160) >= 120)
    one = split([*sets, [1]], 1, open=np.arange(121) == 120)
    rest = {"valid": split(sets, 1001), "test": split(sets, 2001)}
    assert "without_parent" not in found(good(train=split(sets, 1), **rest), PARENTS)
    assert found(good(train=one, **rest), PARENTS)["without_parent"].notable is False
    finding = found(good(train=half, **rest), PARENTS)["without_parent"]
    assert (finding.count, finding.of, finding.notable) == (40, 400, True) and "close_labels" in finding.advice
    assert "set data" not in found(good(train=half, **rest), PARENTS, closes=True)["without_parent"].advice


@pytest.mark.parametrize("sets", [[[1], [2]], [[0], [0]]])
def test_a_hierarchy_that_no_document_uses(sets):
    splits = {name: split(sets * 50, start) for name, start in (("train", 1), ("valid", 200), ("test", 400))}
    assert "unused_hierarchy" in found(splits, PARENTS)
    assert "unused_hierarchy" not in found(splits)


def test_drift():
    more = split([[0], [1], [2], [0]] * 10 + [[2]] * 60, 2001)
    finding = found(good(test=more))["drift"]
    assert finding.examples[0] == "'c' 25.0% and 70.0%" and "crossfit" not in finding.advice
    apart = good(test=more._replace(span=(2001, 2100)))
    apart["valid"] = apart["valid"]._replace(span=(1, 900))
    assert "crossfit.by" in found(apart)["drift"].advice
    grouped = {name: each._replace(groups=3) for name, each in good(test=more).items()}
    assert "drift" not in found(grouped)  # three texts tell little
    strange = split([[0], [1], [2], [0, 1]] * 25, 2001, unknown=np.tile([2, 4], 50))
    assert found(good(test=strange))["drift"].count == 0


def test_drift_says_nothing_of_documents_drawn_at_random():
    random, said = np.random.default_rng(0), 0
    for _ in range(100):
        sets = [np.flatnonzero(random.random(40) < 0.1).tolist() for _ in range(900)]
        splits = {"train": split(sets, 1), "valid": split(sets[:300], 2000), "test": split(sets[300:], 4000)}
        said += "drift" in found(splits, np.full(40, -1), [f"l{number}" for number in range(40)])
    assert said <= 1


@given(st.data())
def test_closing_is_what_sets_say(data):
    n = data.draw(st.integers(1, 6))
    parents = np.array([data.draw(st.integers(-1, label - 1)) for label in range(n)], dtype=np.int32)
    sets = data.draw(st.lists(st.sets(st.integers(0, n - 1)), max_size=5))
    expected = []
    for each in sets:
        whole = set(each)
        while more := {int(parents[label]) for label in whole if parents[label] >= 0} - whole:
            whole |= more
        expected.append(sorted(whole))
    result = closed(Ragged.from_rows([sorted(each) for each in sets]), parents)
    assert [result[row].tolist() for row in range(len(sets))] == expected
    row = np.array(data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)), dtype=np.int32)
    merged = renamed(Ragged.from_rows([sorted(each) for each in sets]), row)
    assert [merged[at].tolist() for at in range(len(sets))] == [sorted({int(row[j]) for j in each}) for each in sets]


def test_the_nearest_ancestor_that_is_a_label():
    assert parents_of(Corpus(["a", "b"], {}, {"b": "group", "group": "a"})).tolist() == [-1, 0]
    with pytest.raises(LabelPolicyError, match="own ancestor"):
        parents_of(Corpus(["a", "b"], {}, {"b": "a", "a": "b"}))


def prepared(tmp_path, entries: dict[str, list[tuple[str, list[str]]]], labels: str = "", **data) -> Prepared:
    for name, documents in entries.items():
        lines = (json.dumps({"text": text, "labels": each}) + "\n" for text, each in documents)
        (tmp_path / f"{name}.jsonl").write_text("".join(lines))
    if labels:
        (tmp_path / "labels.tsv").write_text(labels)
    prepare(dataset="mine", raw=tmp_path, output=tmp_path / "out", parameters=Data.model_validate(RANDOM | data))
    return Prepared(tmp_path / "out")


LEAVES = {"train": [(f"word{n} of {n % 2}", [f"{'ab'[n % 2]}/1"]) for n in range(60)],
          "test": [(f"word{n} in {n % 2}", [f"{'ab'[n % 2]}/1"]) for n in range(10)]}  # fmt: skip
TREE = "label\tparent\na\t\nb\t\na/1\ta\nb/1\tb\n"


def test_leaves_only(tmp_path, capsys):
    data = prepared(tmp_path, LEAVES, TREE)
    assert {"rare_labels", "unused_hierarchy"} <= {each["key"] for each in data.facts["premises"]}
    assert "data.close_labels" in capsys.readouterr().err
    assert data.train_count.tolist()[:2] == [0, 0]
    data = prepared(tmp_path, LEAVES, TREE, close_labels=True)
    assert all(sorted(row.nonzero()[0].tolist()) in ([0, 2], [1, 3]) for row in data.split("test").y_true)
    assert "unused_hierarchy" not in {each["key"] for each in data.facts["premises"]}


def test_texts_are_the_same_word_by_word(tmp_path):
    train = [(f"The {n}th text, of {n * 7}", ["x"]) for n in range(40)]
    test = [("THE 3rd text!", ["x"]), ("the 5th text of 35", ["x"]), ("of text 5 35 th the", ["x"]), ("new", ["x"])]
    finding = next(
        each for each in prepared(tmp_path, {"train": train, "test": test}).facts["premises"]
        if each["key"] == "shared_texts"
    )  # fmt: skip
    assert (finding["count"], finding["examples"]) == (1, ["test-2"])


def test_spellings_of_documents_and_of_the_table_of_labels(tmp_path):
    entries = {
        name: [(f"{name} {n}", [["é", "e\u0301", " é "][n % 3]]) for n in range(30)] for name in ("train", "test")
    }
    data = prepared(tmp_path, entries)
    assert data.labels == ["é"] and data.split("test").y_true.all()
    assert [each["count"] for each in data.facts["premises"] if each["key"] == "merged_labels"] == [2]
    data = prepared(tmp_path, entries, "label\tparent\né\t\nx\t\n")
    assert data.labels == ["é", "x"] and data.split("test").y_true.tolist() == [[True, False]] * 30
    assert pq.read_table(data.folder / "labels.parquet")["train_count"].to_pylist() == [27, 0]
