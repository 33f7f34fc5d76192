"""The results page: what data stands in it, and that it is one file that needs nothing else."""

import html
import json
import re
import shutil
import subprocess

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from report_samples import METHODS, REUTERS, ROOT, write_labels

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_parquet, write_parquet
from labelpolicy.methods import read_methods
from labelpolicy.metrics import NAMES
from labelpolicy.policy_file import Policy
from labelpolicy.steps import page

TEMPLATE = ROOT / "workflow" / "report" / "page.html"
SEEDS = (0, 1)
#: What is true of the test documents, and what each of the two rows decides.
TRUE = [["acq"], ["acq", "alum"], ["earn"], []]
DECIDED = [[["acq"], ["acq"], ["earn"], ["corn"]], [["acq"], ["acq", "alum"], [], ["earn"]]]
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def write_predictions(path, decided):
    ids = [f"d{number}" for number in range(len(decided))]
    write_parquet(path, pa.table({"id": ids, "labels": pa.array(decided, pa.list_(pa.string()))}))


@pytest.fixture
def given(tmp_path, prepared, counts):
    """Two cells with two seeds: all files that the step reads, and its options."""
    data = shutil.copytree(prepared, tmp_path / "data")
    places = pa.array([[REUTERS.index(label) for label in of] for of in TRUE], pa.list_(pa.int32()))
    write_parquet(data / "test.parquet", pa.table({"id": ["d0", "d1", "d2", "d3"], "labels": places}))
    support = np.bincount(places.flatten(), minlength=len(REUTERS))
    rows = []
    cells = [method.cell for method in read_methods(METHODS) if method.name in ("Linear", "Linear+RCut-Prediction")]
    for number, (classifier, weights, thresholds) in enumerate(cells):
        for seed in SEEDS:
            folder = tmp_path / "results" / "reuters21578" / classifier / weights / f"seed{seed}"
            (folder / thresholds).mkdir(parents=True)
            path = write_labels(folder / thresholds / "labels.parquet", counts, lift=number + seed, support=support)
            write_predictions(folder / thresholds / "predictions.parquet", DECIDED[number])
            if thresholds == "rcut":
                table = read_parquet(path)
                write_parquet(path, table.set_column(2, "threshold", [[None] * len(REUTERS)]))
            Policy(REUTERS, np.full(90, 1 / 90)).write(folder / "policy.json")
            place = ("reuters21578", classifier, weights, thresholds, seed)
            rows += [
                (*place, split, metric, 0.1 * (number + seed) + 0.01 * i + 0.5 * (split == "test"))
                for split in ("valid", "test")
                for i, metric in enumerate(NAMES)
            ]
    names = ("dataset", "classifier", "weights", "thresholds", "seed", "split", "metric", "value")
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    write_parquet(tmp_path / "metrics.parquet", pq.ParquetFile(path).read().from_pydict(columns))
    image = tmp_path / "figures" / "reuters21578" / "linear" / "learning_curve.png"
    image.parent.mkdir(parents=True)
    image.write_bytes(b"\x89PNG not an image")
    options = {"datasets": [data], "results": tmp_path / "results", "metrics": tmp_path / "metrics.parquet"}
    options |= {"methods": METHODS, "figure": [image], "template": TEMPLATE, "output": tmp_path / "index.html"}
    return options


def data_of(path) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', path.read_text())[1])


def test_means_over_seeds_of_every_measure_and_label(given):
    page.page(**given)
    data = data_of(given["output"])
    assert [row["name"] for row in data["rows"]] == ["Linear", "Linear+RCut-Prediction"] and data["many"]
    linear, rcut = data["rows"]
    assert linear["test"] == pytest.approx([0.55 + 0.01 * i for i in range(len(NAMES))])
    assert linear["valid"] == pytest.approx([0.05 + 0.01 * i for i in range(len(NAMES))])
    assert linear["test_error"] == pytest.approx([0.05] * len(NAMES), abs=1e-6)  # of two values, 0.1 apart
    folder = given["results"] / "reuters21578" / "linear" / "uniform"
    tables = [read_parquet(folder / f"seed{seed}" / "fixed" / "labels.parquet") for seed in SEEDS]
    f1 = np.mean([table["f1"].to_numpy() for table in tables], axis=0)
    assert linear["f1"] == pytest.approx(f1, abs=1e-6) and linear["weight"] == 1.0
    assert linear["threshold"] == 0.5 and rcut["threshold"] is None
    assert data["labels"]["reuters21578"]["label"] == REUTERS
    assert data["premises"] == ["Reuters-21578: 23 of 90 labels have few documents; take auto."]


def test_documents_on_which_rows_differ_with_what_each_decided(given, monkeypatch):
    page.page(**given)
    data = data_of(given["output"])
    found, rows = data["documents"]["reuters21578"], data["rows"]
    named = [[REUTERS[label] for label in of] for of in found["sets"]]
    assert found["id"] == ["d1", "d2", "d3"] and found["count"] == 4
    assert [named[place] for place in found["true"]] == TRUE[1:]
    assert [[named[place] for place in row["decided"]] for row in rows] == [decided[1:] for decided in DECIDED]
    assert found["differ"] == [[0, 3], [3, 0]] and found["alone"] == [[0, 1], [1, 0]]
    monkeypatch.setattr(page, "DOCUMENTS", 2)
    page.page(**given)
    found = data_of(given["output"])["documents"]["reuters21578"]
    assert found["id"] == ["d1", "d2"] and found["differ"] == [[0, 3], [3, 0]]


def test_ancestors_of_true_labels_are_true_where_the_study_counts_them(given):
    folder = given["datasets"][0]
    table, acq = read_parquet(folder / "labels.parquet"), REUTERS.index("acq")
    parents = ["acq" if label == "earn" else None for label in REUTERS]
    write_parquet(folder / "labels.parquet", table.set_column(1, "parent", pa.array(parents, pa.string())))
    for path in given["results"].rglob("labels.parquet"):
        support = read_parquet(path)["support"].to_numpy().copy()
        support[acq] += 1
        table = read_parquet(path)
        write_parquet(path, table.set_column(table.schema.names.index("support"), "support", pa.array(support)))
    page.page(**given)
    found = data_of(given["output"])["documents"]["reuters21578"]
    assert [REUTERS[label] for label in found["sets"][found["true"][found["id"].index("d2")]]] == ["acq", "earn"]


def test_the_page_is_one_file_that_names_no_other(given):
    page.page(**given)
    text = given["output"].read_text()
    assert not re.findall(r'(?:src|href)\s*=\s*"(?!data:)|url\(|@import|https?://|fetch\(|XMLHttp', text)
    assert "data:image/png;base64," in text and "Learning curves by label weights; Reuters-21578, linear" in text


def test_same_bytes_twice(given):
    page.page(**given)
    first = given["output"].read_bytes()
    page.page(**given)
    assert given["output"].read_bytes() == first


def test_names_cannot_break_out_of_the_data(given, tmp_path):
    methods = tmp_path / "methods.tsv"
    methods.write_text(METHODS.read_text().replace("\nLinear\t", "\n</script><script>alert(1)\t"))
    page.page(**given | {"methods": methods})
    assert "</script><script>alert" not in given["output"].read_text()
    assert data_of(given["output"])["rows"][0]["name"] == "</script><script>alert(1)"


def test_decisions_on_other_documents_are_an_error(given):
    path = given["results"] / "reuters21578/linear/uniform/seed0/fixed/predictions.parquet"
    for decided in (DECIDED[0][:3], DECIDED[0][::-1]):
        write_parquet(path, pa.table({"id": ["d0", "d1", "d3", "d2"][: len(decided)], "labels": decided}))
        with pytest.raises(LabelPolicyError, match=r"predictions.parquet: not labels of the test documents of"):
            page.page(**given)


def test_missing_files_and_other_labels_are_errors(given, tmp_path):
    folder = given["results"] / "reuters21578" / "linear" / "uniform" / "seed1"
    shutil.copytree(folder, tmp_path / "kept")
    table = read_parquet(folder / "fixed" / "labels.parquet")
    write_parquet(folder / "fixed" / "labels.parquet", table.slice(1))
    with pytest.raises(LabelPolicyError, match="not the labels of the other cells"):
        page.page(**given)
    (folder / "fixed" / "labels.parquet").unlink()
    with pytest.raises(LabelPolicyError, match=r"fixed/labels.parquet: no such file"):
        page.page(**given)
    bad = tmp_path / "page.html"
    bad.write_text(TEMPLATE.read_text().replace("<!-- DATA -->", ""))
    shutil.copytree(tmp_path / "kept", folder, dirs_exist_ok=True)
    with pytest.raises(LabelPolicyError, match="0 times <!-- DATA -->, expected once"):
        page.page(**given | {"template": bad})


def browsed(given, tmp_path, script, view="") -> str:
    """The page's title after the script, which sets it, has run in a browser."""
    given["output"].write_text(given["output"].read_text().replace("</html>", f"<script>{script}</script></html>"))
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--window-size=1300,400"]
    command = [BROWSER, *options, "--virtual-time-budget=2000", "--dump-dom", f"file://{given['output']}#{view}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True).stdout
    return html.unescape(re.search(r"<title>(.*?)</title>", done)[1])


ROW = "row=reuters21578/linear/uniform/rcut"


@pytest.mark.skipif(BROWSER is None, reason="needs chromium: not installed")
@pytest.mark.parametrize("view", ["", ROW])
def test_all_measures_fit_a_window_of_1300_pixels(given, tmp_path, view):
    methods, long = (
        tmp_path / "methods.tsv",
        "Kim-CNN+Predictions-as-Features+a-name-without-a-blank-" + 4 * "and so on, ",
    )
    methods.write_text(METHODS.read_text().replace("\nLinear\t", f"\n{long}\t"))
    page.page(**given | {"methods": methods})
    script = """
      const boxes = [document.documentElement, ...document.querySelectorAll(".scroll")];
      document.title = boxes.map(box => box.scrollWidth - box.clientWidth) + " " + innerWidth
        + " " + document.querySelectorAll("#cells thead th").length;"""
    assert browsed(given, tmp_path, script, view) == f"0,0,0,0 1300 {1 + len(NAMES)}"


@pytest.mark.skipif(BROWSER is None, reason="needs chromium: not installed")
def test_two_rows_are_compared_document_by_document(given, tmp_path):
    page.page(**given)
    script = """
      const cells = () => [...document.querySelectorAll("#documents tbody tr")].map(
        line => [...line.children].map(cell => cell.textContent).join("|")).join(" ");
      const plain = cells();
      document.querySelectorAll("#documents thead button")[4].click();
      document.title = plain + " / " + cells();"""
    missed, wrong = "−\u00a0", "+\u00a0"
    first = f"d1|acq, alum|acq, alum|acq, {missed}alum|row"
    second, none = f"d2|earn|{missed}earn|earn|other", f"d3|none|{wrong}earn|{wrong}corn|none"
    assert browsed(given, tmp_path, script, ROW) == f"{first} {second} {none} / {none} {second} {first}"
