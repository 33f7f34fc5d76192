"""decide: from scores on disk to metrics on disk, fitted on validation alone."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import compress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelpolicy import metrics
from labelpolicy.cell import AT_LEAST_ONE, Trained
from labelpolicy.data.scores import Scores, metadata
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_json, write_json, write_parquet
from labelpolicy.hierarchy import ancestor_closure
from labelpolicy.policy_file import Policy
from labelpolicy.steps import decide as steps_decide
from labelpolicy.steps.decide import decide
from labelpolicy.thresholds import NEVER, RULES, PerLabel, ThresholdParameters, fit, from_json

LABELS = ["earn", "acq", "wheat"]
PARAMETERS = ThresholdParameters()
TRAIN_COUNT = np.array([50, 20, 3])
DOCUMENTS = {"valid": 40, "test": 30}
LISTS = {
    "lists": pa.list_(pa.float32()),
    "fixed lists": pa.list_(pa.float32(), 3),
    "doubles": pa.large_list(pa.float64()),
}


TRAINED = Trained("toy", "linear", "uniform", 0)


class Case:
    """A prepared data set, scores for it, and how to run the step."""

    def __init__(self, folder: Path):
        self.dataset, self.scores, self.output = folder / "prepared", folder / "scores.parquet", folder / "cell"
        random = np.random.default_rng(0)
        self.truth = {split: random.random((n, 3)) < [0.5, 0.3, 0.1] for split, n in DOCUMENTS.items()}
        # float32(random) could be 1: kept below. Truth shows in the scores, with much noise.
        self.values = {
            split: (0.9 * (0.3 * truth + 0.7 * random.random(truth.shape))).astype(np.float32)
            for split, truth in self.truth.items()
        }
        self.ids = {split: [f"{split} {row}" for row in range(n)] for split, n in DOCUMENTS.items()}
        self.write_prepared()
        self.write_scores()

    def write_prepared(self, parents=(None,) * 3, groups=None, train_count=TRAIN_COUNT):
        columns = {"label": LABELS, "parent": pa.array(parents, pa.string()), "depth": [1] * 3}
        columns["train_count"] = train_count
        write_parquet(self.dataset / "labels.parquet", pa.table(columns))
        write_json(self.dataset / "dataset.json", {"name": "toy"})
        for split, truth in self.truth.items():
            labels = pa.array([np.flatnonzero(row) for row in truth], type=pa.list_(pa.int32()))
            tokens = pa.array([[2]] * len(truth), type=pa.list_(pa.int32()))
            table = pa.table({"id": self.ids[split], "tokens": tokens, "labels": labels, "text": self.texts(split)})
            if groups is not None:  # entity mentions
                column = pa.array(np.arange(len(truth)) // 5 if groups == "fives" else [groups] * len(truth))
                for name, values in (("start", [0]), ("end", [1])):
                    table = table.append_column(name, pa.array(values * len(truth), pa.int32()))
                table = table.append_column("group", column.cast(pa.string()))
            write_parquet(self.dataset / f"{split}.parquet", table)

    def texts(self, split):
        """Of every other document the names of its labels."""
        return ["\n".join(compress(LABELS, y)) if row % 2 else "-" for row, y in enumerate(self.truth[split])]

    def rows(self):
        return [
            (split, i, v.tolist())
            for split in self.ids
            for i, v in zip(self.ids[split], self.values[split], strict=True)
        ]

    def write_scores(self, rows=None, kind="lists", **options):
        split, ids, values = zip(*(self.rows() if rows is None else rows), strict=True)
        table = pa.table({"split": split, "id": ids, "scores": pa.array(values, type=LISTS[kind])})
        named = metadata(LABELS, TRAINED, out_of_fold="train" in split)
        pq.write_table(table.replace_schema_metadata(named), self.scores, **options)

    def run(self, *rules, parameters=PARAMETERS, **options):
        """The metrics of the first of the rules."""
        self.name = rules[0] + options.pop("suffix", "")
        decide(self.dataset, [*rules], self.scores, self.output, parameters, **options)
        return read_json(self.decided / "metrics.json")

    @property
    def decided(self):
        return self.output / self.name

    def content(self):
        return {file.name: file.read_bytes() for file in sorted(self.decided.iterdir())}


@pytest.fixture
def case(tmp_path):
    return Case(tmp_path)


@pytest.mark.parametrize("name", list(RULES))
def test_writes_what_the_library_says(case, name):
    found = case.run(name)
    expected = fit(
        name,
        case.values["valid"],
        case.truth["valid"],
        train_count=TRAIN_COUNT,
        parameters=ThresholdParameters(),
        seed=0,
        labels=LABELS,
        texts=case.texts("valid"),
    )
    assert list(case.content()) == ["labels.parquet", "metrics.json", "predictions.parquet", "thresholds.json"]
    for split in DOCUMENTS:
        decided = expected.decide(case.values[split], case.texts(split))
        assert found[split] == metrics.evaluate(case.truth[split], decided)
    assert found["about"] == {
        **TRAINED.about,
        "thresholds": name,
        "valid_documents": 40,
        "test_documents": 30,
        "labels": 3,
    }
    decision = from_json(read_json(case.decided / "thresholds.json"), LABELS, "thresholds.json")
    assert decision.to_json(LABELS) == expected.to_json(LABELS)

    table = pq.read_table(case.decided / "labels.parquet").to_pydict()
    counted = metrics.per_label(case.truth["test"], expected.decide(case.values["test"], case.texts("test")))
    assert list(table) == [
        "label",
        "train_count",
        "threshold",
        "tp",
        "fp",
        "fn",
        "precision",
        "recall",
        "f1",
        "support",
    ]
    assert table["label"] == LABELS
    assert table["train_count"] == TRAIN_COUNT.tolist()
    assert {key: table[key] for key in counted} == {key: column.tolist() for key, column in counted.items()}
    assert table["threshold"] == (expected.thresholds.tolist() if isinstance(expected, PerLabel) else [None] * 3)


@pytest.mark.parametrize("name", list(RULES))
def test_test_labels_move_nothing_but_test_metrics(case, name):
    case.run(name)
    before = case.content()
    case.truth["test"] = ~case.truth["test"]
    case.write_prepared()
    case.run(name)
    after = case.content()
    assert after["thresholds.json"] == before["thresholds.json"]
    first, second = (json.loads(content["metrics.json"]) for content in (before, after))
    assert first["test"] != second["test"]
    of_test = {"test": None, "standard_error": None}  # errors of the test measures, over the test documents
    assert first | of_test == second | of_test


@pytest.mark.parametrize("name", ["scut", "rcut", "shared"])
def test_test_scores_move_no_threshold(case, name):
    case.run(name)
    before = case.content()["thresholds.json"]
    case.values["test"] = 1 - case.values["test"]
    case.write_scores()
    case.run(name)
    assert case.content()["thresholds.json"] == before


def test_same_seed_same_bytes(case):
    case.run("scutfbr1")
    before = case.content()
    case.run("scutfbr1")
    assert case.content() == before


@pytest.mark.parametrize("kind", list(LISTS))
def test_rows_in_any_order_and_any_kind_of_list(case, kind):
    case.run("scut")
    before = case.content()
    rows = case.rows()
    np.random.default_rng(1).shuffle(rows)
    # Small row groups: the column arrives in several chunks. Scores of another split are nobody's business.
    case.write_scores([*rows[:20], ("dev", "dev 0", [0.5] * 3), *rows[20:]], kind, row_group_size=7)
    case.run("scut")
    assert case.content() == before


def test_thresholds_of_a_learned_policy(case, tmp_path):
    learned = Policy(LABELS, np.array([0.2, 0.3, 0.5]), np.array([0.6, 0.4, 0.3]))
    learned.write(tmp_path / "policy.json")
    found = case.run("meta", learned=[f"meta={tmp_path}/policy.json"])
    assert found["about"]["thresholds"] == "meta"
    predicted = case.values["test"] > learned.thresholds
    assert found["test"] == metrics.evaluate(case.truth["test"], predicted)
    assert read_json(case.decided / "thresholds.json")["thresholds"] == pytest.approx(
        {"earn": 0.6, "acq": 0.4, "wheat": 0.3}
    )


def test_a_learned_policy_with_one_label_at_least_and_none_that_was_never_seen(case, tmp_path):
    thresholds = np.array([0.99, 0.98, 1e-9])
    Policy(LABELS, np.array([0.2, 0.3, 0.5]), thresholds).write(tmp_path / "policy.json")
    case.write_prepared(train_count=np.array([50, 20, 0]))
    found = case.run("meta+one", learned=[f"meta={tmp_path}/policy.json"])
    expected = PerLabel.at(np.array([0.99, 0.98, NEVER]), at_least_one=True).decide(case.values["test"])
    assert expected.sum() == len(expected)
    assert found["test"] == metrics.evaluate(case.truth["test"], expected)
    assert found["about"]["thresholds"] == "meta+one"


class OutOfFold(Case):
    """The same, with training documents and out-of-fold scores."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        random = np.random.default_rng(5)
        for kind in (self.truth, self.values, self.ids):
            kind["train"] = None
        self.truth["train"] = random.random((60, 3)) < [0.5, 0.3, 0.05]
        noise = random.random((60, 3))
        self.values["train"] = (0.9 * (0.3 * self.truth["train"] + 0.7 * noise)).astype(np.float32)
        self.ids["train"] = [f"train {row}" for row in range(60)]
        self.write_prepared()
        self.write_scores()

    def fitted(self, key):
        return np.concatenate([getattr(self, key)["train"], getattr(self, key)["valid"]])


@pytest.fixture
def crossfitted(tmp_path):
    return OutOfFold(tmp_path)


@pytest.mark.parametrize("one", [False, True])
@pytest.mark.parametrize("rule", list(RULES))
def test_out_of_fold_scores_are_all_fitted_on(crossfitted, rule, one):
    name = rule + AT_LEAST_ONE * one
    found = crossfitted.run(f"{name}+oof")
    truth = crossfitted.fitted("truth")
    expected = fit(
        rule,
        crossfitted.fitted("values"),
        truth,
        train_count=truth.sum(axis=0),
        at_least_one=one,
        labels=LABELS,
        texts=crossfitted.texts("train") + crossfitted.texts("valid"),
    )
    for split in DOCUMENTS:
        decided = expected.decide(crossfitted.values[split], crossfitted.texts(split))
        assert found[split] == metrics.evaluate(crossfitted.truth[split], decided)
    assert found["about"] == {
        **TRAINED.about,
        "thresholds": f"{name}+oof",
        "train_documents": 60,
        "valid_documents": 40,
        "test_documents": 30,
        "labels": 3,
    }
    decision = from_json(read_json(crossfitted.decided / "thresholds.json"), LABELS, "thresholds.json")
    assert decision.to_json(LABELS) == expected.to_json(LABELS)
    table = pq.read_table(crossfitted.decided / "labels.parquet").to_pydict()
    assert table["train_count"] == TRAIN_COUNT.tolist()


def test_training_documents_move_thresholds_and_test_documents_do_not(crossfitted):
    first = crossfitted.run("scut+oof") and crossfitted.content()["thresholds.json"]
    crossfitted.truth["test"] = ~crossfitted.truth["test"]
    crossfitted.values["test"] = 1 - crossfitted.values["test"]
    crossfitted.write_prepared()
    crossfitted.write_scores()
    assert crossfitted.run("scut+oof") and crossfitted.content()["thresholds.json"] == first
    crossfitted.values["train"] = 1 - crossfitted.values["train"]
    crossfitted.write_scores()
    assert crossfitted.run("scut+oof") and crossfitted.content()["thresholds.json"] != first


def refuses(case, words, *arguments, **changes):
    with pytest.raises(LabelPolicyError, match=words) as error:
        case.run(*arguments, **changes)
    assert "\n" not in str(error.value)
    assert not case.output.exists() or not list(case.output.iterdir())


def test_a_policy_without_thresholds(case, tmp_path):
    Policy(LABELS, np.array([0.2, 0.3, 0.5])).write(tmp_path / "policy.json")
    refuses(case, r"policy\.json: has weights but no thresholds", "meta", learned=[f"meta={tmp_path}/policy.json"])


@pytest.mark.parametrize("rule", ["meta", "shared+oof+one", "shared+two", "shared+one+one", "+one", "meta+"])
def test_an_unknown_rule(case, rule):
    refuses(case, "unknown thresholds .*expected one of fixed, scut", rule)
    refuses(case, "unknown thresholds", "scut", rule)


@pytest.mark.parametrize(
    ("learned", "words"),
    [
        ("policy.json", "expected NAME=PATH"),
        ("=policy.json", "expected NAME=PATH"),
        ("scut=policy.json", "fitted on scores"),
        ("meta=policy.json", "'meta' is not among the rules"),
        ("meta=nowhere.json", "nowhere.json: no such file"),
    ],
)
def test_learned_policies_that_do_not_go_with_the_rules(case, learned, words):
    refuses(case, words, *(["meta"] if "nowhere" in learned else ["scut"]), learned=[learned])


def test_a_name_that_contradicts_the_scores(case):
    refuses(case, r"scores\.parquet: has held-out scores, but 'fixed\+oof'", "fixed+oof")


def test_many_rules_in_one_process(crossfitted, tmp_path, monkeypatch):
    Policy(LABELS, np.array([0.2, 0.3, 0.5]), np.array([0.6, 0.4, 0.3])).write(tmp_path / "policy.json")
    learned = [f"meta={tmp_path}/policy.json"]
    crossfitted.run("shared", "meta+one", "scut+oof", learned=learned, suffix="+oof")
    assert sorted(folder.name for folder in crossfitted.output.iterdir()) == ["meta+one+oof", "scut+oof", "shared+oof"]
    together = crossfitted.content()
    crossfitted.run("shared+oof")
    assert crossfitted.content() == together
    case = crossfitted
    case.run("shared", "odr+one", at_least_one=True, suffix="+one+oof")
    assert {"shared+one+oof", "odr+one+oof"} <= {folder.name for folder in case.output.iterdir()}


def test_the_test_documents_are_read_after_all_fits(case, monkeypatch):
    order = []
    read, fitting = Scores.split, steps_decide.fit
    monkeypatch.setattr(Scores, "split", lambda self, name: order.append(name) or read(self, name))
    monkeypatch.setattr(steps_decide, "fit", lambda *a, **k: order.append("fit") or fitting(*a, **k))
    case.run("scut", "shared", "pcut+one")
    assert order == ["valid", "fit", "fit", "fit", "test"]


def test_what_is_doubtful_is_one_line_each(case, capsys):
    case.values = {split: values**0.2 for split, values in case.values.items()}
    case.write_scores()
    case.run("odr_label", "scutfbr1", "scut", parameters=ThresholdParameters(folds=90))
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith(f"{case.scores}: ")]
    assert len(lines) == 2
    assert "calibrated" in lines[0] and "40 folds instead of 90" in lines[1]


def test_as_a_command(case):
    arguments = [case.dataset, "scut", "shared+one", "--scores", case.scores, "--output", case.output, "--seed", 3]
    done = subprocess.run(
        [sys.executable, "-m", "labelpolicy.cli", "decide", *map(str, arguments)], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")
    said = [line.split()[0] for line in done.stderr.splitlines()]
    assert said == ["decide:", "scut:", "shared+one:", "decide:"]
    for name in ("scut", "shared+one"):
        about = read_json(case.output / name / "thresholds.json")["about"]
        assert about == TRAINED.with_thresholds(name).about


def test_out_of_fold_scores_of_another_data_set(crossfitted):
    rows = [(split, name.replace("train 7", "other 7"), values) for split, name, values in crossfitted.rows()]
    crossfitted.write_scores(rows)
    refuses(crossfitted, r"split 'train': document 'other 7' is not in .*train\.parquet", "fixed+oof")


def drop(rows):
    return [row for row in rows if row[1] != "test 3"]


def double(rows):
    return [*rows, rows[-1]]


def rename(rows):
    return [(split, "valid x" if name == "valid 5" else name, values) for split, name, values in rows]


def score_of(name, label, value):
    def change(rows):
        return [
            (split, i, [value if j == label and i == name else v for j, v in enumerate(values)])
            for split, i, values in rows
        ]

    return change


def cut_short(rows):
    return [(split, name, values[:2] if name == "test 4" else values) for split, name, values in rows]


def null_list(rows):
    return [(split, name, None if name == "test 4" else values) for split, name, values in rows]


def only_test(rows):
    return [row for row in rows if row[0] == "test"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (drop, r"scores\.parquet: split 'test': no scores of document 'test 3' of .*test\.parquet"),
        (double, r"scores\.parquet: split 'test': document 'test 29' has scores twice"),
        (rename, r"scores\.parquet: split 'valid': document 'valid x' is not in .*valid\.parquet"),
        (only_test, r"split 'valid': no scores of document 'valid 0'"),
        (
            score_of("test 7", 1, 1.25),
            r"split 'test', document 'test 7', label 'acq': score 1\.25, expected a probability",
        ),
        (score_of("valid 7", 2, float("nan")), r"document 'valid 7', label 'wheat': score nan"),
        (score_of("valid 7", 2, None), r"document 'valid 7', label 'wheat': score nan"),
        (cut_short, r"scores\.parquet: document 'test 4' has 2 scores, expected 3"),
        (null_list, r"scores\.parquet: document 'test 4' has 0 scores, expected 3"),
    ],
)
def test_scores_that_do_not_fit_are_a_one_line_error(case, change, words):
    case.write_scores(change(case.rows()), row_group_size=16)
    refuses(case, words, "scut")


def test_a_null_among_fixed_lists(case):
    case.write_scores(null_list(case.rows()), "fixed lists")
    refuses(case, r"scores\.parquet: document 'test 4' has 0 scores, expected 3", "scut")


def test_scores_that_are_no_lists(case):
    split, ids, values = zip(*case.rows(), strict=True)
    table = pa.table({"split": split, "id": ids, "scores": [value[0] for value in values]})
    write_parquet(case.scores, table.replace_schema_metadata(metadata(LABELS, TRAINED, out_of_fold=False)))
    refuses(case, "column scores is double, expected lists of float", "scut")


def test_a_failure_leaves_earlier_files_alone(case):
    case.run("scut")
    before = case.content()
    case.write_scores(drop(case.rows()))
    with pytest.raises(LabelPolicyError):
        case.run("scut", parameters=ThresholdParameters(utility={"accuracy": 2}))
    assert case.content() == before


HIERARCHY = (None, "earn", "acq")


def test_a_hierarchy_has_both_numbers_and_the_parameter_says_which_is_at_the_top(case):
    case.write_prepared(HIERARCHY)
    decided = {split: values > 0.5 for split, values in case.values.items()}
    closed, truth = (
        {split: ancestor_closure(each, LABELS, HIERARCHY) for split, each in found.items()}
        for found in (decided, case.truth)
    )
    measures = {
        way: {split: metrics.evaluate(y_true[split], predicted[split]) for split in DOCUMENTS}
        for way, y_true, predicted in (("as_decided", case.truth, decided), ("ancestor_closure", truth, closed))
    }
    assert measures["as_decided"] != measures["ancestor_closure"]
    for on, top in ((False, "as_decided"), (True, "ancestor_closure")):
        found = case.run("fixed", parameters=ThresholdParameters(ancestor_closure=on))
        both = {way: {split: found[way][split] for split in DOCUMENTS} for way in measures}
        assert both == measures
        assert found["standard_error"] == found[top]["standard_error"]
        assert {split: found[split] for split in DOCUMENTS} == measures[top]
        assert found["about"].get("ancestor_closure", False) is on
        assert read_json(case.decided / "thresholds.json").get("ancestor_closure", False) is on
        y_true, predicted = {"as_decided": (case.truth, decided), "ancestor_closure": (truth, closed)}[top]
        table = pq.read_table(case.decided / "labels.parquet").to_pydict()
        assert table["tp"] == metrics.per_label(y_true["test"], predicted["test"])["tp"].tolist()


def test_closing_changes_nothing_for_a_flat_label_set(case):
    case.run("fixed")
    before = case.content()
    found = case.run("fixed", parameters=ThresholdParameters(ancestor_closure=True))
    assert case.content() == before
    assert "ancestor_closure" not in found


def test_mentions_have_standard_errors_over_their_documents(case):
    case.write_prepared(HIERARCHY, groups="fives")
    found = case.run("fixed")
    predicted = case.values["test"] > 0.5
    expected = metrics.standard_errors(case.truth["test"], predicted, [str(row // 5) for row in range(30)])
    assert found["standard_error"] == found["as_decided"]["standard_error"] == {"test": pytest.approx(expected)}
    assert found["about"]["test_groups"] == 6
    assert found["ancestor_closure"]["standard_error"] != found["standard_error"]


def test_test_measures_have_standard_errors_over_documents(case):
    errors = case.run("fixed")["standard_error"]["test"]
    exact = (case.truth["test"] == (case.values["test"] > 0.5)).all(axis=1)
    assert errors["accuracy"] == pytest.approx(exact.std(ddof=1) / len(exact) ** 0.5)
    assert tuple(errors) == metrics.NAMES


def test_one_document_has_no_standard_error(case):
    case.write_prepared(groups="only")
    assert "standard_error" not in case.run("fixed")


@pytest.mark.parametrize("out_of_fold", [False, True])
def test_auto_keeps_groups_of_documents_together(request, monkeypatch, out_of_fold):
    case = request.getfixturevalue("crossfitted" if out_of_fold else "case")
    found = []
    monkeypatch.setattr(steps_decide, "fit", lambda *a, **k: found.append(k["groups"]) or fit(*a, **k))
    suffix = "+oof" if out_of_fold else ""
    case.run("auto", suffix=suffix)
    alone = case.content()["thresholds.json"]
    case.write_prepared(groups="fives")
    case.run("auto", suffix=suffix)
    splits = ("train", "valid") if out_of_fold else ("valid",)
    assert found == [None, [str(row // 5) for split in splits for row in range(len(case.truth[split]))]]
    assert case.content()["thresholds.json"] != alone
