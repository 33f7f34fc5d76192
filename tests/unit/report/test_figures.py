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
from matplotlib.figure import Figure
from matplotlib.image import imread
from report_samples import REUTERS, write_history, write_labels, write_robustness, write_trace
from sklearn.metrics import precision_recall_curve as sklearn_curve

from labelpolicy.cell import Trained
from labelpolicy.data.scores import metadata
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_parquet, write_parquet
from labelpolicy.policy_file import Policy
from labelpolicy.report import chosen, drawing
from labelpolicy.report.drawing import WIDTH, shortened, spread_out, text_width
from labelpolicy.report.figures.label_f1 import MOST
from labelpolicy.report.figures.learning_curve import PANELS
from labelpolicy.report.figures.policy import columns_for
from labelpolicy.report.figures.precision_recall import POINTS, precision_recall_curve
from labelpolicy.steps.figure import COMMANDS


def draw(folder, what, **options) -> tuple[bytes, bytes, bytes]:
    paths = {kind: folder / f"figure.{kind}" for kind in ("pdf", "png", "svg")}
    COMMANDS[what](**options, **paths)
    pdf, png, svg = (path.read_bytes() for path in paths.values())
    assert pdf.startswith(b"%PDF") and png.startswith(b"\x89PNG") and b"<svg" in svg[:500]
    image = imread(paths["png"])
    assert image.shape[1] == WIDTH * 200 and image.std() > 0.01
    return pdf, png, svg


def trained(folder, weights):
    return Trained("reuters21578", "kim_cnn", weights, 0).folder(folder)


@pytest.fixture
def figures(tmp_path, prepared, policy, counts):
    """Options of every figure, by name of its function."""
    histories = [
        write_history(trained(tmp_path, name) / "history.parquet", epochs=epochs, lift=lift)
        for name, epochs, lift in (("uniform", 20, 0.0), ("inverse_frequency", 14, -0.05), ("meta", 17, 0.01))
    ]
    traces = [
        write_trace(trained(tmp_path, "meta") / "trace.parquet", literal=False),
        write_trace(trained(tmp_path, "meta_paper") / "trace.parquet", literal=True),
    ]
    return {
        "policy": {"title": "Reuters", "dataset": prepared, "policy": policy},
        "learning-curve": {"title": "Reuters", "histories": histories},
        "trace": {"title": "Reuters", "traces": traces},
        "label-f1": {
            "title": "Reuters",
            "files": [
                write_labels(trained(tmp_path, weights) / thresholds / "labels.parquet", counts, lift=lift)
                for weights, thresholds, lift in (
                    ("uniform", "fixed", 0),
                    ("uniform", "shared", 0.5),
                    ("meta", "meta", 1),
                )
            ],
        },
    }


@pytest.mark.parametrize("what", ["learning-curve", "trace", "label-f1"])  # the heatmap: in the next test
def test_same_bytes_twice(tmp_path, figures, what):
    assert draw(tmp_path, what, **figures[what]) == draw(tmp_path, what, **figures[what])


def test_same_bytes_in_another_process_with_other_settings(tmp_path, figures):
    """Neither the order of sets nor a user's matplotlibrc may show."""
    options = {name: str(value) for name, value in figures["policy"].items()}
    (tmp_path / "matplotlibrc").write_text(
        "font.size: 20\nfont.family: serif\nlines.linewidth: 7\npdf.compression: 0\n"
    )
    code = (
        "from pathlib import Path; from labelpolicy.report.figures.policy import policy; "
        f"policy(title='Reuters', dataset=Path({options['dataset']!r}), policy=Path({options['policy']!r}), "
        "pdf=Path('other.pdf'), png=Path('other.png'), svg=Path('other.svg'))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "MATPLOTLIBRC": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    drawn = draw(tmp_path, "policy", **figures["policy"])
    assert tuple((tmp_path / f"other.{kind}").read_bytes() for kind in ("pdf", "png", "svg")) == drawn


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="needs pdftotext: not installed")
def test_heatmap_shows_every_label_and_value(tmp_path, figures):
    draw(tmp_path, "policy", **figures["policy"])
    command = ["pdftotext", "-layout", str(tmp_path / "figure.pdf"), "-"]
    words = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    policy = Policy.read(figures["policy"]["policy"], REUTERS)
    assert all(words.count(label) == 2 for label in REUTERS)
    assert {f"{weight * 90:.2f}" for weight in policy.weights} <= set(words)
    assert {f"{threshold:.2f}" for threshold in policy.thresholds} <= set(words)


def test_heatmap_without_thresholds_and_with_a_weight_of_zero(tmp_path, prepared):
    weights = np.full(90, 1 / 89)
    weights[3] = 0
    Policy(REUTERS, weights).write(tmp_path / "policy.json")
    draw(tmp_path, "policy", title="x", dataset=prepared, policy=tmp_path / "policy.json")


def test_trace_of_a_rollout_and_a_single_training(tmp_path):
    rollout = write_trace(trained(tmp_path, "meta") / "rollout.parquet", literal=False, episodes=1)
    draw(tmp_path, "trace", title="x", traces=[rollout])
    history = write_history(trained(tmp_path, "uniform") / "history.parquet", epochs=1, lift=0)
    draw(tmp_path, "learning-curve", title="x", histories=[history])


def labels_with(tmp_path, counts, *names, **columns):
    """labels.parquet of cells of these names, lift 0, 1, ..., some columns replaced."""
    found = []
    for lift, name in enumerate(names):
        found.append(write_labels(trained(tmp_path, name) / "fixed" / "labels.parquet", counts, lift=lift))
        table = read_parquet(found[-1])
        table = {name: table[name] for name in table.column_names} | columns
        write_parquet(found[-1], pa.table(table))
    return found


def test_names_with_dollars_are_not_mathematics(tmp_path, counts):
    names = [f"$\\{label}_$" for label in REUTERS]
    assert 0 < text_width(names[0], 6.5) < 60
    files = labels_with(tmp_path, counts, "$a_", "b$", label=names)
    draw(tmp_path, "label-f1", title="$x$_", files=files)


def drawn_on(monkeypatch):
    """The axes of the figures that are drawn from now on."""
    found = []
    original = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: found.append(self.axes) or original(self, *a, **k))
    return found


def test_labels_are_compared_with_every_row_and_untested_ones_left_out(tmp_path, counts, monkeypatch):
    support = np.where(np.arange(90) < 7, 0, 5)
    files, found = labels_with(tmp_path, counts, "uniform", "meta", support=support), drawn_on(monkeypatch)
    draw(tmp_path, "label-f1", title="x", files=[*files, files[0].with_name("again.parquet")][:2])
    (above,) = found[0]
    before, after = (read_parquet(path)["f1"].to_numpy()[7:] for path in files)
    texts = [text.get_text() for text in above.get_legend().get_texts()]
    assert texts[0] == f"better: {(after > before).sum()} labels"
    assert sum(int(re.search(r"\d+", text)[0]) for text in texts) == 83
    assert sum(len(line.get_xdata()) for line in above.get_lines()) == 83


def test_macro_f1_of_each_band_of_frequency_is_the_mean_over_tested_labels_and_seeds(tmp_path, counts, monkeypatch):
    support, found = np.where(np.arange(90) < 7, 0, 5), drawn_on(monkeypatch)
    files = [
        write_labels(folder.folder(tmp_path) / "scut" / "labels.parquet", counts, lift=lift, support=support)
        for lift, folder in enumerate(Trained("reuters21578", "linear", "uniform", seed) for seed in (0, 1))
    ]
    files += labels_with(tmp_path, counts, "meta", support=support)
    draw(tmp_path, "f1-by-frequency", title="x", files=files)
    (axes,) = found[0]
    tables = [read_parquet(path).to_pandas()[7:] for path in files]
    f1 = [(tables[0]["f1"] + tables[1]["f1"]) / 2, tables[2]["f1"]]
    ends = [1000, 300, 100, 30, 10, 0]
    lines = [line for line in axes.get_lines() if len(line.get_xdata()) > 1]
    for line, values in zip(lines, f1, strict=True):
        bands = [(counts[7:] >= low) & (counts[7:] < high) for low, high in zip(ends, [10**9, *ends], strict=False)]
        assert line.get_ydata() == pytest.approx([values[band].mean() for band in bands if band.any()])
    assert sum(int(re.search(r"\((\d+)\)", text.get_text())[1]) for text in axes.get_xticklabels()) == 83
    write_parquet(files[1], read_parquet(files[1]).slice(1))
    with pytest.raises(LabelPolicyError, match="not the labels of"):
        draw(tmp_path, "f1-by-frequency", title="x", files=files)


def test_many_labels_are_drawn_as_a_person_can_read_them(tmp_path, monkeypatch):
    labels = 10_000
    random, found = np.random.default_rng(0), drawn_on(monkeypatch)
    files = []
    for name in ("uniform", "meta"):
        columns = {"label": [f"L{j}" for j in range(labels)], "train_count": np.arange(labels) // 40 + 1}
        columns |= {"f1": random.random(labels), "support": np.ones(labels, dtype=int)}
        files.append(trained(tmp_path, name) / "fixed" / "labels.parquet")
        write_parquet(files[-1], pa.table(columns))
    draw(tmp_path, "label-f1", title="x", files=files)
    above = found[0][0]
    assert sum(len(line.get_xdata()) for line in above.get_lines()) == MOST
    assert (
        sum(int(re.search(r"[\d,]+", text.get_text())[0].replace(",", "")) for text in above.get_legend().texts)
        == labels
    )
    assert "50 labels each" in above.get_xlabel()


def test_of_many_labels_the_heatmap_shows_those_farthest_from_uniform(tmp_path, figures, monkeypatch):
    monkeypatch.setattr(drawing, "CELLS", 12)
    found = drawn_on(monkeypatch)
    draw(tmp_path, "policy", **figures["policy"])
    learned = Policy.read(figures["policy"]["policy"], REUTERS)
    for axes, values, middle in zip(
        found[0], (np.log(learned.weights * 90), learned.thresholds), (0, 0.5), strict=False
    ):
        names = {text.get_text() for text in axes.texts} & set(REUTERS)
        assert names == {REUTERS[label] for label in np.argsort(-np.abs(values - middle))[:12]}
        assert "the 12 of 90 labels" in axes.get_title(loc="left")


def test_names_that_no_font_can_draw_are_numbers_and_the_figure_says_so(tmp_path, counts, monkeypatch):
    monkeypatch.setattr(drawing, "can_draw", lambda text: "earn" not in text)
    said = []
    original = Figure.suptitle
    monkeypatch.setattr(Figure, "suptitle", lambda self, text, **k: said.append(text) or original(self, text, **k))
    f1 = [np.where(np.array(REUTERS) == "earn", value, 0.5) for value in (0.0, 0.9)]
    files = [
        labels_with(tmp_path, counts, name, f1=values)[0] for name, values in zip(("uniform", "meta"), f1, strict=True)
    ]
    found = drawn_on(monkeypatch)
    draw(tmp_path, "label-f1", title="x", files=files)
    assert [text.get_text() for text in found[0][0].texts] == [f"#{REUTERS.index('earn') + 1}"]
    assert said[-1].endswith(drawing.NUMBERED)


def test_the_epoch_that_was_kept_is_marked(tmp_path, figures, monkeypatch):
    found = drawn_on(monkeypatch)
    draw(tmp_path, "learning-curve", **figures["learning-curve"])
    histories = [read_parquet(path).to_pandas() for path in figures["learning-curve"]["histories"]]
    for axes, measure in zip(found[0], PANELS, strict=True):
        dots = [line for line in axes.get_lines() if line.get_marker() == "o"]
        kept = [history["valid_micro_f1"].argmax() for history in histories]
        assert [dot.get_xydata()[0].tolist() for dot in dots] == [
            [history["epoch"][row], history[measure][row]] for history, row in zip(histories, kept, strict=True)
        ]


def test_errors(tmp_path, figures, counts):
    paths = {"pdf": tmp_path / "x.pdf", "png": tmp_path / "x.png"}

    def refuses(what, words, **options):
        with pytest.raises(LabelPolicyError, match=words):
            COMMANDS[what](**options | paths)

    refuses("trace", "no such file", title="x", traces=[trained(tmp_path, "meta") / "none.parquet"])
    refuses("trace", "not in the folder of a trained classifier", title="x", traces=[tmp_path / "none.parquet"])
    refuses("trace", "no column 'episode'", title="x", traces=figures["learning-curve"]["histories"])
    empty = trained(tmp_path, "meta") / "empty.parquet"
    write_parquet(empty, read_parquet(figures["trace"]["traces"][0]).slice(0, 0))
    refuses("trace", "no rows", title="x", traces=[empty])
    first, other = figures["label-f1"]["files"][0], trained(tmp_path, "other") / "fixed" / "labels.parquet"
    write_parquet(other, read_parquet(first).slice(1))
    refuses("label-f1", "not the labels of", title="x", files=[first, other])
    refuses("label-f1", "1 file, expected at least two", title="x", files=[first])
    refuses("label-f1", "the same row twice", title="x", files=[first, first])
    for option, name in (("pdf", "x.svg"), ("png", "x.pdf"), ("pdf", "x"), ("svg", "x.png")):
        with pytest.raises(LabelPolicyError, match=rf"{name}: expected a name ending in \.{option}"):
            COMMANDS["policy"](**figures["policy"] | paths | {option: tmp_path / name})
    assert not paths["pdf"].exists() and not paths["png"].exists()


def test_columns_and_names_fit_their_cells():
    assert columns_for(REUTERS) == 5 and columns_for(["acq", "earn"]) == 6
    long = [f"/organization/company/broadcast_{letter}" for letter in "ab"]
    assert columns_for([*REUTERS, 9 * long[0]]) == 3 and columns_for([9 * long[0], "earn"]) == 3
    assert columns_for([3 * name for name in long]) == 2
    assert columns_for(long) == 3 and shortened(long[0], 1000) == long[0]
    short = shortened(long[0], 100)
    assert short.startswith("/org") and short.endswith("_a") and "…" in short and text_width(short, 6.5) <= 100


@given(st.lists(st.floats(-0.5, 1.5), min_size=1, max_size=8))
def test_line_names_keep_apart_in_order_and_inside(wanted):
    placed = spread_out(np.sort(wanted), 0.085)
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
    learned = trained(tmp_path, "meta") / "policy.json"
    learned.parent.mkdir(parents=True)
    shutil.copy(policy, learned)
    named = {"dataset": prepared, "policy": [learned], "title": "x"}
    one = draw(tmp_path, "weights", **named, label=["earn", "acq"])
    assert one == draw(tmp_path, "weights", **named, label=["earn", "acq"])
    assert one != draw(tmp_path, "weights", **named)
    for what, options in (("weights", named), ("precision-recall", scored | {"title": "x"})):
        with pytest.raises(LabelPolicyError, match="the data set has no label 'earnings': expected some of its 90"):
            draw(tmp_path, what, **options, label=["earnings"])


def test_precision_recall_and_robustness_are_drawn(tmp_path, scored):
    draw(tmp_path, "precision-recall", **scored, title="x")
    runs = write_robustness(tmp_path / "seed0.parquet")
    draw(tmp_path, "robustness", file=runs)
    rows = [row for row in read_parquet(runs).to_pylist() if row["statistic"] != "run"]
    write_parquet(runs, pa.Table.from_pylist(rows))
    with pytest.raises(LabelPolicyError, match="0 runs of accuracy, expected at least 2"):
        draw(tmp_path, "robustness", file=runs)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=40))
def test_precision_recall_curve_is_that_of_scikit_learn(pairs):
    scores, truth = (np.array(column) for column in zip(*pairs, strict=True))
    curve = precision_recall_curve(scores / 5, truth)
    assert (curve is None) == (not truth.any())
    if curve is not None:
        precision, recall, _ = sklearn_curve(truth, scores / 5)
        found, expected = (
            {round(r, 9): (max(p for s, p in points if s == r), min(p for s, p in points if s == r)) for r, _ in points}
            for points in (
                list(zip(curve.recall, curve.precision, strict=True)),
                list(zip(recall[:-1], precision[:-1], strict=True)),
            )
        )
        assert found == {recall: pytest.approx(ends) for recall, ends in expected.items()}
        above = scores / 5 > 0.5
        assert (
            curve.at_half == ((above & truth).sum() / truth.sum(), (above & truth).sum() / above.sum())
            if above.any()
            else curve.at_half is None
        )


def test_a_long_curve_is_thinned_without_leaving_it():
    random = np.random.default_rng(0)
    truth = random.random(20_000) < 0.3
    scores = random.random(20_000) * 0.7 + 0.3 * truth
    curve = precision_recall_curve(scores, truth)
    assert 100 < len(curve.recall) <= 2 * POINTS
    for recall, precision in zip(curve.recall, curve.precision, strict=True):
        tp = round(recall * truth.sum())
        predicted = tp / precision
        assert predicted == pytest.approx(round(predicted))
        assert truth[np.argsort(-scores)[: round(predicted)]].sum() == tp
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
