"""Figures: files that come out whole and the same each time, and the reckoning behind their layout."""

import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread
from report_samples import REUTERS, write_history, write_labels, write_robustness, write_trace
from sklearn.metrics import precision_recall_curve as sklearn_curve

from labelpolicy.cell import Trained
from labelpolicy.data.scores import metadata
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_parquet, write_parquet
from labelpolicy.policy_file import Policy
from labelpolicy.report import chosen
from labelpolicy.report.curves import POINTS, precision_recall_curve
from labelpolicy.report.figures import WIDTH, _apart, _columns, _text_width, shortened
from labelpolicy.steps import figure


def draw(folder, what, **options) -> tuple[bytes, bytes]:
    paths = {"pdf": folder / "figure.pdf", "png": folder / "figure.png"}
    getattr(figure, what)(**options, **paths)
    pdf, png = (path.read_bytes() for path in paths.values())
    assert pdf.startswith(b"%PDF") and png.startswith(b"\x89PNG")
    image = imread(paths["png"])
    assert image.shape[1] == WIDTH * 200 and image.std() > 0.01
    return pdf, png


@pytest.fixture
def figures(tmp_path, prepared, policy, counts):
    """Options of every figure, by name of its function."""
    histories = {
        name: write_history(tmp_path / f"{name}.parquet", epochs=epochs, lift=lift)
        for name, epochs, lift in (("uniform", 20, 0.0), ("inverse_frequency", 14, -0.05), ("meta", 17, 0.01))
    }
    traces = {
        "meta": write_trace(tmp_path / "a.parquet", literal=False),
        "meta_paper": write_trace(tmp_path / "b.parquet", literal=True),
    }
    return {
        "heatmap": {"dataset": prepared, "policy": policy},
        "learning_curve": {"title": "Reuters", "histories": histories},
        "trace": {"title": "Reuters", "traces": traces},
        "label_f1": {
            "title": "Reuters",
            "before": write_labels(tmp_path / "before.parquet", counts, lift=0),
            "after": write_labels(tmp_path / "after.parquet", counts, lift=1),
            "names": ("uniform/fixed", "meta/meta"),
        },
    }


@pytest.mark.parametrize("what", ["learning_curve", "trace", "label_f1"])  # the heatmap: in the next test
def test_same_bytes_twice(tmp_path, figures, what):
    assert draw(tmp_path, what, **figures[what]) == draw(tmp_path, what, **figures[what])


def test_same_bytes_in_another_process_with_other_settings(tmp_path, figures):
    """Neither the order of sets nor a user's matplotlibrc may show."""
    options = {name: str(value) for name, value in figures["heatmap"].items()}
    (tmp_path / "matplotlibrc").write_text(
        "font.size: 20\nfont.family: serif\nlines.linewidth: 7\npdf.compression: 0\n"
    )
    code = (
        "from pathlib import Path; from labelpolicy.steps.figure import heatmap; "
        f"heatmap(dataset=Path({options['dataset']!r}), policy=Path({options['policy']!r}), "
        "pdf=Path('other.pdf'), png=Path('other.png'))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "MATPLOTLIBRC": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    pdf, png = draw(tmp_path, "heatmap", **figures["heatmap"])
    assert (tmp_path / "other.pdf").read_bytes() == pdf and (tmp_path / "other.png").read_bytes() == png


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="needs pdftotext: not installed")
def test_heatmap_shows_every_label_and_value(tmp_path, figures):
    draw(tmp_path, "heatmap", **figures["heatmap"])
    command = ["pdftotext", "-layout", str(tmp_path / "figure.pdf"), "-"]
    words = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    policy = Policy.read(figures["heatmap"]["policy"], REUTERS)
    assert all(words.count(label) == 2 for label in REUTERS)
    assert {f"{weight * 90:.2f}" for weight in policy.weights} <= set(words)
    assert {f"{threshold:.2f}" for threshold in policy.thresholds} <= set(words)


def test_heatmap_without_thresholds_and_with_a_weight_of_zero(tmp_path, prepared):
    weights = np.full(90, 1 / 89)
    weights[3] = 0
    Policy(REUTERS, weights).write(tmp_path / "policy.json")
    draw(tmp_path, "heatmap", dataset=prepared, policy=tmp_path / "policy.json")


def test_trace_of_a_rollout_and_a_single_training(tmp_path):
    rollout = write_trace(tmp_path / "rollout.parquet", literal=False, episodes=1)
    draw(tmp_path, "trace", title="x", traces={"meta": rollout})
    history = write_history(tmp_path / "history.parquet", epochs=1, lift=0)
    draw(tmp_path, "learning_curve", title="x", histories={"uniform": history})


def test_names_with_dollars_are_not_mathematics(tmp_path, counts):
    path = write_labels(tmp_path / "labels.parquet", counts, lift=0)
    table = read_parquet(path)
    columns = {name: table[name] for name in table.column_names}
    columns["label"] = [f"$\\{label}_$" for label in REUTERS]
    write_parquet(path, table.from_pydict(columns))
    assert 0 < _text_width(columns["label"][0], 6.5) < 60
    columns["f1"] = np.zeros(90)
    write_parquet(tmp_path / "other.parquet", table.from_pydict(columns))
    draw(tmp_path, "label_f1", title="$x$_", before=path, after=tmp_path / "other.parquet", names=("$a_", "b$"))


def test_errors(tmp_path, figures, counts):
    paths = {"pdf": tmp_path / "x.pdf", "png": tmp_path / "x.png"}
    with pytest.raises(LabelPolicyError, match="no history given"):
        figure.learning_curve(title="x", histories={}, **paths)
    with pytest.raises(LabelPolicyError, match="no such file"):
        figure.trace(title="x", traces={"meta": tmp_path / "none.parquet"}, **paths)
    with pytest.raises(LabelPolicyError, match=r"no column 'episode'"):
        figure.trace(title="x", traces={"meta": figures["learning_curve"]["histories"]["meta"]}, **paths)
    empty = tmp_path / "empty.parquet"
    write_parquet(empty, read_parquet(figures["trace"]["traces"]["meta"]).slice(0, 0))
    with pytest.raises(LabelPolicyError, match="no rows"):
        figure.trace(title="x", traces={"meta": empty}, **paths)
    other = tmp_path / "other.parquet"
    write_parquet(other, read_parquet(figures["label_f1"]["before"]).slice(1))
    with pytest.raises(LabelPolicyError, match="not the labels of"):
        figure.label_f1(**figures["label_f1"] | {"after": other}, **paths)
    assert not paths["pdf"].exists() and not paths["png"].exists()


def test_columns_and_names_fit_their_cells():
    assert _columns(REUTERS) == 5 and _columns(["acq", "earn"]) == 6
    long = [f"/organization/company/broadcast_{letter}" for letter in "ab"]
    assert _columns(long) == 3 and shortened(long[0], 1000) == long[0]
    short = shortened(long[0], 100)
    assert short.startswith("/org") and short.endswith("_a") and "…" in short and _text_width(short, 6.5) <= 100


@given(st.lists(st.floats(-0.5, 1.5), min_size=1, max_size=8))
def test_line_names_keep_apart_in_order_and_inside(wanted):
    placed = _apart(np.sort(wanted), 0.085)
    assert (np.diff(placed) >= 0.085 - 1e-9).all() and placed.min() >= -1e-9 and placed.max() <= 1 + 1e-9


# Figures of the report ------------------------------------------------------------------------------------------


@pytest.fixture
def scored(tmp_path, prepared):
    """A data set like the prepared one, with documents, and scores for them: labels 0 and 1 are true by turns."""
    folder = tmp_path / "data"
    shutil.copytree(prepared, folder)
    random = np.random.default_rng(4)
    columns = {"split": [], "id": [], "scores": []}
    for split, documents in (("valid", 30), ("test", 40)):
        labels = [[0, 1] if row % 5 == 0 else [row % 2] for row in range(documents)]
        ids = [f"{split}{row}" for row in range(documents)]
        tokens = pa.array([[2]] * documents, pa.list_(pa.int32()))
        write_parquet(
            folder / f"{split}.parquet",
            pa.table({"id": ids, "tokens": tokens, "labels": pa.array(labels, pa.list_(pa.int32()))}),
        )
        values = 0.1 * random.random((documents, len(REUTERS)))
        for row, true in enumerate(labels):
            values[row, true] += 0.6 * random.random(len(true))
        columns["split"] += [split] * documents
        columns["id"] += ids
        columns["scores"] += values.astype(np.float32).tolist()
    scores = tmp_path / "scores.parquet"
    table = pa.table(columns | {"scores": pa.array(columns["scores"], pa.list_(pa.float32()))})
    named = metadata(REUTERS, Trained("reuters21578", "kim_cnn", "uniform", 0), out_of_fold=False)
    write_parquet(scores, table.replace_schema_metadata(named))
    return {"dataset": folder, "scores": scores}


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="needs pdftotext: not installed")
def test_the_reward_is_worked_out_with_the_numbers_of_eq_6(tmp_path, scored, policy):
    draw(tmp_path, "reward", **scored, policy=policy, title="x")
    command = ["pdftotext", "-layout", str(tmp_path / "figure.pdf"), "-"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout.replace("−", "-")
    thresholds = dict(zip(REUTERS, Policy.read(policy, REUTERS).thresholds, strict=True))
    document = re.search(r"validation document (valid\d+)", text)[1]
    rows = read_parquet(scored["scores"]).to_pylist()
    (values,) = [dict(zip(REUTERS, row["scores"], strict=True)) for row in rows if row["id"] == document]
    total = 0.0
    for line in text.splitlines():
        cells = line.split()
        if cells and cells[0] in REUTERS:
            y, p, sign = values[cells[0]], thresholds[cells[0]], -1 if cells[1] == "1" else 1
            term = sign * (p - y) / p
            assert cells[1] == str(int(cells[0] in REUTERS[:2])) and f"{p:.3f} - {y:.3f}" in line
            assert float(cells[-1]) == pytest.approx(term, abs=6e-4)
            total += term
    assert float(re.search(r"sum over these 4 labels\s+([-+.\d]+)", text)[1]) == pytest.approx(total, abs=6e-4)


def test_weights_of_named_labels(tmp_path, prepared, policy, scored):
    named = {"dataset": prepared, "policies": {"meta": policy}, "title": "x"}
    one = draw(tmp_path, "weights", **named, labels=["earn", "acq"])
    assert one == draw(tmp_path, "weights", **named, labels=["earn", "acq"])
    assert one != draw(tmp_path, "weights", **named, labels=[])
    for what, options in (("weights", named), ("precision_recall", scored | {"title": "x"})):
        with pytest.raises(LabelPolicyError, match="the data set has no label 'earnings': expected some of its 90"):
            draw(tmp_path, what, **options, labels=["earnings"])


def test_precision_recall_and_robustness_are_drawn(tmp_path, scored):
    draw(tmp_path, "precision_recall", **scored, labels=[], title="x")
    runs = write_robustness(tmp_path / "seed0.parquet")
    draw(tmp_path, "robustness", runs=runs)
    rows = [row for row in read_parquet(runs).to_pylist() if row["statistic"] != "run"]
    write_parquet(runs, pa.Table.from_pylist(rows))
    with pytest.raises(LabelPolicyError, match="0 runs of accuracy, expected at least 2"):
        draw(tmp_path, "robustness", runs=runs)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=40))
def test_precision_recall_curve_is_that_of_scikit_learn(pairs):
    scores, truth = (np.array(column) for column in zip(*pairs, strict=True))
    curve = precision_recall_curve(scores / 5, truth)
    assert (curve is None) == (not truth.any())
    if curve is not None:
        precision, recall, _ = sklearn_curve(truth, scores / 5)
        np.testing.assert_allclose(curve.precision, precision[-2::-1])
        np.testing.assert_allclose(curve.recall, recall[-2::-1])


def test_a_long_curve_is_thinned_without_leaving_it():
    random = np.random.default_rng(0)
    truth = random.random(20_000) < 0.3
    scores = random.random(20_000) * 0.7 + 0.3 * truth
    curve = precision_recall_curve(scores, truth)
    assert 100 < len(curve.recall) <= 2 * POINTS
    for recall, precision in zip(curve.recall, curve.precision, strict=True):
        hits = round(recall * truth.sum())
        chosen = hits / precision
        assert chosen == pytest.approx(round(chosen)) and truth[np.argsort(-scores)[: round(chosen)]].sum() == hits
    assert curve.recall[-1] == 1 and (np.diff(curve.recall) >= 0).all()


def test_labels_by_frequency():
    counts = list(range(9, 0, -1))
    assert chosen.by_frequency([f"l{n}" for n in range(9)], [None] * 9, counts) == [0, 2, 4, 6, 8]
    assert chosen.by_frequency(["a", "b"], [None, None], [1, 2]) == [1, 0]
    labels = ["/o", "/p", "/p/a", "/p/b", "/o/x", "/p/b/c", "/lone"]
    parents = [None, None, "/p", "/p", "/o", "/p/b", None]
    shown = [labels[label] for label in chosen.by_frequency(labels, parents, [5, 9, 2, 3, 1, 2, 50])]
    assert shown == ["/p", "/p/b", "/p/a", "/p/b/c", "/o"]


def test_named_labels_are_checked_before_anything_is_trained(prepared, tmp_path):
    (tmp_path / "reuters21578").symlink_to(prepared)
    chosen.check({"reuters21578": ["earn"]}, ["reuters21578"], tmp_path)
    chosen.check({"rcv1": ["C11"]}, ["rcv1"], tmp_path)  # not prepared yet: checked when it is drawn
    with pytest.raises(LabelPolicyError, match=r"report\.labels\.reuters21578: the data set has no label 'earnings'"):
        chosen.check({"reuters21578": ["earnings"]}, ["reuters21578"], tmp_path)
    with pytest.raises(LabelPolicyError, match="data set 'rcv1' is not in grid"):
        chosen.check({"rcv1": ["C11"]}, ["reuters21578"], tmp_path)
