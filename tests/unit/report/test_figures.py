"""Figures: files that come out whole and the same each time, and the reckoning behind their layout."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread
from report_samples import REUTERS, write_history, write_labels, write_trace

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_parquet, write_parquet
from labelpolicy.policy.artefact import Policy
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
