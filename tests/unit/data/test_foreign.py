"""Scores, truth and predictions in files of any tool, and the commands on them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from labelpolicy.cli import app
from labelpolicy.data.foreign import Matrix, read_matrix, write_matrix
from labelpolicy.errors import LabelPolicyError

LABELS = ["wheat", "corn", "oil"]


@pytest.fixture
def files(tmp_path):
    random = np.random.default_rng(0)
    y_true = random.random((200, 3)) < (0.5, 0.3, 0.1)
    y_score = np.clip(random.beta(1, 6, y_true.shape) + y_true * random.beta(4, 4, y_true.shape), 0, 0.999)
    ids = [f"d{i}" for i in range(200)]
    frame = pd.DataFrame(y_score, columns=LABELS)
    frame.insert(0, "id", ids)
    truth = pd.DataFrame(y_true.astype(int), columns=LABELS)
    truth.insert(0, "id", ids)
    frame.to_csv(tmp_path / "scores.csv", index=False)
    frame.to_csv(tmp_path / "scores.tsv", index=False, sep="\t")
    frame.to_parquet(tmp_path / "scores.parquet")
    np.savez(tmp_path / "scores.npz", y_score=y_score, labels=LABELS, ids=ids)
    truth.sample(frac=1, random_state=0)[["oil", "id", "wheat", "corn"]].to_csv(tmp_path / "truth.csv", index=False)
    rows = zip(ids, y_score, y_true, strict=True)
    with (tmp_path / "scores.jsonl").open("w") as scores, (tmp_path / "truth.jsonl").open("w") as truths:
        for i, score, true in rows:
            scores.write(json.dumps({"id": i, "scores": dict(zip(LABELS, score.tolist(), strict=True))}) + "\n")
            truths.write(json.dumps({"id": i, "labels": [LABELS[j] for j in np.flatnonzero(true)]}) + "\n")
    return tmp_path


def run(*arguments, code=0):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if code == 0 and result.exception:
        raise result.exception
    return result


def test_the_same_numbers_in_every_form(files):
    first = read_matrix(files / "scores.csv")
    for ending in ("tsv", "parquet", "npz", "jsonl"):
        other = read_matrix(files / f"scores.{ending}")
        assert (other.labels, other.ids) == (first.labels, first.ids)
        np.testing.assert_array_equal(other.values, first.values)


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
def test_what_is_written_is_read(tmp_path, ending):
    matrix = Matrix(np.array([[0, 1], [1, 0]], dtype=np.int8), ["a", "b"], ["x", "y"])
    write_matrix(tmp_path / f"out.{ending}", matrix)
    back = read_matrix(tmp_path / f"out.{ending}")
    assert (back.values.tolist(), *back[1:]) == (matrix.values.tolist(), *matrix[1:])


def test_texts_beside_scores(files):
    """Matched by id; sets look for the names in them, and are not applied without them."""
    truth = pd.read_csv(files / "truth.csv").sample(frac=1, random_state=1)
    texts = [" and ".join(name for name in LABELS if row[name]) or "tin" for _, row in truth.iterrows()]
    pd.DataFrame({"id": truth["id"], "text": texts}).to_csv(files / "texts.csv", index=False)
    scores, t, on_texts = files / "scores.csv", files / "t.json", ("--texts", files / "texts.csv")
    run("thresholds", "fit", scores, files / "truth.csv", "--rule", "sets", "--output", t, *on_texts)
    run("thresholds", "apply", t, scores, "--output", files / "p.csv", *on_texts)
    measures = [
        run("evaluate", files / "p.csv", files / "truth.csv").stdout,
        run("evaluate", scores, files / "truth.csv", "--thresholds", t, *on_texts).stdout,
    ]
    assert measures[0] == measures[1]
    assert (read_matrix(files / "p.csv").values != (read_matrix(scores).values > 0.5)).any()
    alone = run("thresholds", "fit", scores, files / "truth.csv", "--rule", "sets", "--output", files / "alone.json")
    assert alone.exit_code == 0 and (files / "alone.json").read_bytes() != t.read_bytes()
    (files / "few.csv").write_text("id,text\nd0,wheat\n")
    for words, message in (
        (["thresholds", "apply", t, scores], "decides by the texts of the documents too: give them with --texts"),
        (["thresholds", "apply", t, scores, "--texts", files / "few.csv"], "few.csv: document 'd1' is not there"),
        (["thresholds", "fit", scores, files / "truth.csv", "--plain", *on_texts], "--plain"),
    ):
        with pytest.raises(LabelPolicyError, match=message):
            run(*words, "--output", files / "refused.json")
    with pytest.raises(LabelPolicyError, match=r"--texts .*: is for deciding by --thresholds"):
        run("evaluate", files / "p.csv", files / "truth.csv", *on_texts)


def test_fit_apply_evaluate(files):
    said = run("thresholds", "fit", files / "scores.csv", files / "truth.csv", "--output", files / "t.json").output
    assert "auto on 200 documents, 3 labels" in said and "macro_f1 0." in said
    run("thresholds", "fit", files / "scores.npz", files / "truth.jsonl", "--output", files / "same.json")
    assert (files / "t.json").read_bytes() == (files / "same.json").read_bytes()
    run("thresholds", "apply", files / "t.json", files / "scores.csv", "--output", files / "p.csv")
    run("thresholds", "apply", files / "t.json", files / "scores.csv", "--output", files / "p.jsonl")
    names = [json.loads(line)["labels"] for line in (files / "p.jsonl").read_text().splitlines()]
    y_pred = read_matrix(files / "p.csv")
    assert names == [[LABELS[j] for j in np.flatnonzero(row)] for row in y_pred.values]
    tables = [
        run("evaluate", files / "p.csv", files / "truth.csv", "--output", files / "m.json").stdout,
        run("evaluate", files / "scores.parquet", files / "truth.jsonl", "--thresholds", files / "t.json").stdout,
    ]
    assert tables[0] == tables[1]
    measured = json.loads((files / "m.json").read_text())
    value, low, high = measured["intervals"]["macro_f1"]
    assert value == pytest.approx(measured["macro_f1"]) and low < value < high
    (line,) = [line.split() for line in tables[0].splitlines() if line.startswith("macro_f1")]
    assert line[1] == f"{value:.3f}" and line[-2:] == [f"[{low:.3f},", f"{high:.3f}]"]


def test_several_sets_in_one_file(files):
    fit = ["thresholds", "fit", files / "scores.csv", files / "truth.csv", "--output", files / "t.json"]
    run(*fit, "--rule", "scut", "--name", "each", "--resamples", 5)
    run(*fit, "--rule", "odr", "--name", "one")
    content = json.loads((files / "t.json").read_text())["sets"]
    assert list(content) == ["each", "one"] and content["each"]["chosen"]["spread"]["oil"]["low"] <= 1
    apply = ["thresholds", "apply", files / "t.json", files / "scores.csv", "--output", files / "p.csv"]
    run(*apply, "--name", "one")
    with pytest.raises(LabelPolicyError, match="no set of the name None, expected one of each, one"):
        run(*apply)
    with pytest.raises(LabelPolicyError, match="no set of the name 'two'"):
        run(*apply, "--name", "two")
    whole = json.loads((files / "t.json").read_text())
    (files / "t.json").write_text(json.dumps(whole | {"default": "each"}))
    run(*apply)
    by_default = (files / "p.csv").read_bytes()
    run(*fit, "--rule", "odr", "--name", "third")  # what else is in the file stays
    run(*apply)
    assert (files / "p.csv").read_bytes() == by_default


def test_plain_thresholds_are_applied(files):
    (files / "hub.json").write_text(json.dumps({"oil": 0.5, "wheat": 0.2, "corn": 0.37}))
    run("thresholds", "apply", files / "hub.json", files / "scores.csv", "--output", files / "p.csv")
    expected = read_matrix(files / "scores.csv").values > [0.2, 0.37, 0.5]
    np.testing.assert_array_equal(read_matrix(files / "p.csv").values, expected)


@pytest.mark.parametrize("rule", ["auto", "scut"])
def test_plain_thresholds_are_written_and_applied(files, rule):
    fit = ["thresholds", "fit", files / "scores.csv", files / "truth.csv", "--output", files / "hub.json", "--plain"]
    run(*fit, "--rule", rule)
    content = json.loads((files / "hub.json").read_text())
    assert list(content) == LABELS
    run("thresholds", "apply", files / "hub.json", files / "scores.csv", "--output", files / "p.csv")
    expected = read_matrix(files / "scores.csv").values > list(content.values())
    np.testing.assert_array_equal(read_matrix(files / "p.csv").values, expected)


@pytest.mark.filterwarnings("ignore:at_least")
@pytest.mark.parametrize(
    "options", [["--rule", "rcut"], ["--at-least-one"], ["--at-least", 2], ["--name", "one"], ["--resamples", 3]]
)
def test_what_the_plain_form_cannot_say_is_refused_and_nothing_written(files, options):
    fit = ["thresholds", "fit", files / "scores.csv", files / "truth.csv", "--output", files / "hub.json", "--plain"]
    with pytest.raises(LabelPolicyError, match="the plain form") as error:
        run(*fit, *options)
    assert "\n" not in str(error.value) and not (files / "hub.json").exists()


def test_at_least_two_labels_by_command(files):
    with pytest.warns(UserWarning, match="at_least: "):
        run(
            "thresholds",
            "fit",
            files / "scores.csv",
            files / "truth.csv",
            "--output",
            files / "t.json",
            "--at-least",
            2,
        )
    run("thresholds", "apply", files / "t.json", files / "scores.csv", "--output", files / "p.csv")
    assert read_matrix(files / "p.csv").values.sum(axis=1).min() == 2


def test_a_label_that_is_never_predicted_has_a_spread_too(files):
    changed(files, "truth.csv", lambda text: text.replace(",1", ",0").replace("\n1", "\n0"))
    fit = ["thresholds", "fit", files / "scores.csv", files / "truth.csv", "--output", files / "t.json"]
    run(*fit, "--rule", "scut", "--resamples", 3)
    assert json.loads((files / "t.json").read_text())["chosen"]["spread"]["oil"]["high"] is None


def test_a_set_that_no_file_has_is_refused(files):
    write_matrix(files / "p.csv", read_matrix(files / "truth.csv"))
    with pytest.raises(LabelPolicyError, match="--name one: is of a set of --thresholds"):
        run("evaluate", files / "p.csv", files / "truth.csv", "--name", "one")
    (files / "t.json").write_text(json.dumps({"default": ["one"], "sets": {"one": {}}}))
    with pytest.raises(LabelPolicyError, match="no set of the name"):
        run("thresholds", "apply", files / "t.json", files / "scores.csv", "--output", files / "p.csv")


def changed(files, name, change):
    path = files / name
    path.write_text(change(path.read_text()))


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("scores.csv", lambda text: text.replace("corn", "wheat", 1), "column 'wheat' is there twice"),
        ("scores.csv", lambda text: text.replace("\nd7,", "\nd8,", 1), "document 'd8' is there twice"),
        ("scores.csv", lambda text: text.replace("\nd7,0", "\nd7,x", 1), "document 8, label 'wheat': found 'x"),
        ("scores.csv", lambda text: text.splitlines()[0] + "\n", "found no documents"),
        ("scores.csv", lambda text: "", "scores.csv"),
        ("truth.csv", lambda text: text.replace("corn", "maize", 1), "label 'corn' is not there"),
        ("truth.csv", lambda text: text.rsplit("\n", 2)[0] + "\n", "document 'd.*' is not there"),
        (
            "truth.csv",
            lambda text: text.replace(",d7,0", ",d7,2").replace(",d7,1", ",d7,2"),
            "'d7', label 'wheat': found 2",
        ),
        ("truth.csv", lambda text: text.replace(",d7,0", ",d7,").replace(",d7,1", ",d7,"), "label 'wheat': found nan"),
    ],
)
def test_bad_files_are_refused_in_one_line_and_nothing_is_written(files, name, change, words):
    changed(files, name, change)
    with pytest.raises(LabelPolicyError, match=words) as error:
        run("thresholds", "fit", files / "scores.csv", files / "truth.csv", "--output", files / "t.json")
    assert "\n" not in str(error.value) and name in str(error.value)
    assert not (files / "t.json").exists()


def test_cells_nobody_annotated(files):
    changed(files, "truth.csv", lambda text: text.replace(",d7,0", ",d7,").replace(",d7,1", ",d7,"))
    run(
        "thresholds", "fit", files / "scores.csv", files / "truth.csv", "--output", files / "t.json", "--missing", "nan"
    )
    assert (files / "t.json").exists()
