"""Tables 4 and 5: the numbers in them, the bold ones, what is missing, and that LaTeX accepts them."""

import re
import shutil
import subprocess

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from report_samples import METHODS, PAPER, write_metrics

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_json, write_json, write_parquet
from labelpolicy.methods import COLUMNS, read_methods
from labelpolicy.report.results import MEASURES, PaperNumbers, Results
from labelpolicy.steps import table


def run(folder, prepared, metrics, *, number="5", methods=METHODS, paper=PAPER):
    """The table in LaTeX and in Markdown."""
    output, markdown = folder / "table.tex", folder / "table.md"
    table.run(
        table=number,
        metrics=metrics,
        methods=methods,
        paper=paper,
        datasets=prepared if isinstance(prepared, list) else [prepared],
        output=output,
        markdown=markdown,
    )
    return output.read_text(), markdown.read_text()


def fails(*arguments, **options) -> str:
    with pytest.raises(LabelPolicyError) as caught:
        run(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def cells(markdown: str) -> dict[str, list[str]]:
    """Row name -> its cells."""
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in markdown.splitlines() if line[:1] == "|"]
    return {row[0]: row[1:] for row in rows[2:]}


def means(metrics) -> dict[tuple, float]:
    frame = pq.read_table(metrics).to_pandas().query("split == 'test'")
    return frame.groupby(["classifier", "weights", "thresholds", "metric"])["value"].mean().to_dict()


@pytest.mark.parametrize("seeds", [1, 3])
def test_every_number_of_ours_and_the_bold_ones(tmp_path, prepared, seeds):
    metrics = write_metrics(tmp_path / "metrics.parquet", seeds=seeds)
    _, markdown = run(tmp_path, prepared, metrics)
    shown, expected = cells(markdown), means(metrics)
    methods = read_methods(METHODS)
    for method in methods:
        peers = [other for other in methods if other.classifier == method.classifier]
        for column, measure in enumerate(MEASURES):
            text = shown[method.name][2 * column + 1]
            assert f"{expected[(*method.cell, measure)]:.3f}" in text
            assert ("±" in text) == (seeds > 1)
            highest = max(f"{expected[(*peer.cell, measure)]:.3f}" for peer in peers)
            assert text.startswith("**") == (f"{expected[(*method.cell, measure)]:.3f}" == highest)


def test_paper_numbers_stand_beside_and_missing_rows_are_declared(tmp_path, prepared, metrics):
    in_latex, markdown = run(tmp_path, prepared, metrics)
    shown = cells(markdown)
    assert shown["CNN"][::2] == ["0.537", "0.472", "0.841"]
    assert shown["CNN+ScutFBR.1-Prediction"][::2] == ["0.549", "0.477", "0.849"]
    assert shown["Linear"][::2] == ["", "", ""]
    assert shown["Subset Maximization"] == ["0.543", "–", "0.478", "–", "0.849", "–"]
    note = "Predictions-as-Features and Subset Maximization are not implemented yet."
    assert note in markdown and note in in_latex
    assert "777 are held out for validation, and 3,019 test documents" in markdown
    assert "one seed (0)" in markdown and "label-averaged" in markdown


def test_standard_deviation_is_over_seeds(tmp_path, prepared):
    metrics = write_metrics(tmp_path / "metrics.parquet", seeds=3)
    in_latex, markdown = run(tmp_path, prepared, metrics)
    frame = (
        pq.read_table(metrics).to_pandas().query("split == 'test' and metric == 'accuracy' and classifier == 'linear'")
    )
    deviation = frame.query("weights == 'meta' and thresholds == 'meta'")["value"].std(ddof=1)
    assert f"± {deviation:.3f}" in cells(markdown)["Linear+Meta-Training-Prediction"][1]
    assert "over 3 seeds (0, 1, 2)" in markdown and r"\pm$." in in_latex


def test_a_missing_row_or_seed_is_an_error(tmp_path, prepared):
    cell = ("linear", "uniform", "odr")
    metrics = write_metrics(tmp_path / "metrics.parquet", drop=(cell, 0))
    message = fails(tmp_path, prepared, metrics)
    assert "no test accuracy of reuters21578/linear/uniform/odr, seed 0" in message and "methods.tsv" in message
    metrics = write_metrics(tmp_path / "metrics.parquet", seeds=2, drop=(cell, 1))
    assert "reuters21578/linear/uniform/odr, seed 1" in fails(tmp_path, prepared, metrics)
    metrics = write_metrics(tmp_path / "metrics.parquet", datasets=("rcv1",))
    assert "no test accuracy of reuters21578/kim_cnn/uniform/fixed" in fails(tmp_path, prepared, metrics)


def test_fewer_rows_leave_their_paper_rows_declared(tmp_path, prepared, metrics):
    methods = tmp_path / "methods.tsv"
    methods.write_text("\n".join(METHODS.read_text().splitlines()[:3]) + "\n")
    _, markdown = run(tmp_path, prepared, metrics, methods=methods)
    assert cells(markdown)["CNN+ODR-Prediction"][1] == "–"
    assert re.search(r"Missing: CNN\+ScutFBR-Prediction, .*: no row in methods.tsv", markdown.replace("\\", ""))


def test_a_mistyped_paper_row_is_an_error(tmp_path, prepared, metrics):
    methods = tmp_path / "methods.tsv"
    methods.write_text("\t".join(COLUMNS) + "\nCNN\tkim_cnn\tuniform\tfixed\tCNM\tbase\n")
    assert "row 'CNN': paper_row 'CNM' is not in Table 5" in fails(tmp_path, prepared, metrics, methods=methods)


def test_a_dataset_the_paper_does_not_have(tmp_path, prepared):
    own = tmp_path / "own"
    own.mkdir()
    write_json(own / "dataset.json", read_json(prepared / "dataset.json") | {"name": "my_corpus"})
    metrics = write_metrics(tmp_path / "metrics.parquet", datasets=("my_corpus",))
    in_latex, markdown = run(tmp_path, own, metrics)
    assert "The paper has no numbers for this data set." in markdown and "–" not in markdown.split("- my")[0]
    assert r"my\_corpus" in in_latex


@pytest.mark.parametrize("value", [1.5, float("nan"), None])
def test_impossible_values_are_refused(tmp_path, prepared, metrics, value):
    rows = pq.read_table(metrics).to_pylist()
    rows[0]["value"] = value
    write_parquet(metrics, pa.Table.from_pylist(rows))
    assert "expected a number in [0, 1]" in fails(tmp_path, prepared, metrics)


def test_two_values_of_one_run_are_refused(tmp_path, prepared, metrics):
    rows = pq.read_table(metrics).to_pylist()
    write_parquet(metrics, pa.Table.from_pylist([*rows, rows[0]]))
    assert "two values, expected one" in fails(tmp_path, prepared, metrics)
    with pytest.raises(LabelPolicyError, match="two values"):
        Results(metrics)


def test_bad_paper_numbers_name_their_line(tmp_path):
    path = tmp_path / "paper.tsv"
    header, *lines = PAPER.read_text().splitlines()
    path.write_text("\n".join([header, lines[0], lines[0]]))
    with pytest.raises(LabelPolicyError, match=r"line 3: 1 / #Types / figer / labels is given a second time"):
        PaperNumbers(path)
    path.write_text("\n".join([header, lines[0].replace("128", "12B")]))
    with pytest.raises(LabelPolicyError, match=r"line 2: value '12B'"):
        PaperNumbers(path)


def test_arguments_that_do_not_fit(tmp_path, prepared, metrics):
    assert "no such table" in fails(tmp_path, prepared, metrics, number="7")
    assert "needs the collected metrics" in fails(tmp_path, prepared, None)
    assert "no data set given" in fails(tmp_path, [], metrics)


def test_table_4(tmp_path, prepared):
    in_latex, markdown = run(tmp_path, prepared, None, number="4", methods=None)
    assert cells(markdown) == {
        "Labels": ["90", "90"],
        "Average labels per document": ["1.13", "1.23"],
        "Training documents": ["7,769", "7,769"],
        "Test documents": ["3,019", "3,019"],
    }
    assert r"Average labels per document & 1.13 & 1.23 \\" in in_latex


def test_a_dataset_json_without_counts_is_an_error(tmp_path, metrics):
    write_json(tmp_path / "dataset.json", {"name": "reuters21578", "documents": {"train": 3}})
    message = fails(tmp_path, tmp_path, metrics)
    assert "dataset.json: KeyError('valid')" in message and "labelpolicy prepare" in message


def test_same_bytes_twice(tmp_path, prepared, metrics):
    assert run(tmp_path, prepared, metrics) == run(tmp_path, prepared, metrics)


@pytest.mark.skipif(
    not (shutil.which("pdflatex") and shutil.which("pdftotext")), reason="needs pdflatex and pdftotext: not installed"
)
def test_latex_compiles_within_the_text_width_and_shows_the_numbers(tmp_path, prepared):
    """One document for Table 4 and Table 5 with one seed and with three, on the narrow page of the article class."""
    body = []
    for name, number, seeds in (("four", "4", 1), ("one", "5", 1), ("three", "5", 3)):
        metrics = write_metrics(tmp_path / f"{name}.parquet", seeds=seeds)
        run(tmp_path, prepared, metrics, number=number)
        (tmp_path / "table.tex").rename(tmp_path / f"{name}.tex")
        body.append(rf"\begin{{table}}[p]\centering\caption{{{name}}}\input{{{name}}}\end{{table}}\clearpage")
    document = r"\documentclass{article}\usepackage{booktabs}\begin{document}" + "\n".join(body) + r"\end{document}"
    (tmp_path / "document.tex").write_text(document)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "document.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout and "too large" not in done.stdout
    subprocess.run(["pdftotext", "-layout", "document.pdf"], cwd=tmp_path, check=True)
    pages = (tmp_path / "document.txt").read_text().split("\f")
    assert "7,769" in pages[0] and "1.13" in pages[0]
    for page, name in ((1, "one"), (2, "three")):
        numbers = {
            f"{value:.3f}" for (*_, metric), value in means(tmp_path / f"{name}.parquet").items() if metric in MEASURES
        }
        assert all(number in pages[page] for number in numbers)
        assert "CNN+Meta-Training-Prediction (Eq. 6)" in pages[page] and "0.556" in pages[page]
