"""The six tables: the numbers in them, the bold ones, what is missing, and that LaTeX accepts them."""

import re
import shutil
import subprocess

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from report_samples import METHODS, PAPER, write_metrics, write_robustness, write_significance

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_json, write_json, write_parquet
from labelpolicy.methods import COLUMNS, read_methods, rows_of
from labelpolicy.report.results import PaperNumbers, Results
from labelpolicy.steps import table
from labelpolicy.thresholds.objectives import MEASURES


def run(folder, prepared, metrics, *, number="5", methods=METHODS, paper=PAPER, **given):
    """The table in LaTeX and in Markdown."""
    output, markdown = folder / "table.tex", folder / "table.md"
    table.table(
        number=number,
        metrics=metrics,
        methods=methods,
        paper=paper,
        datasets=prepared if isinstance(prepared, list) else [prepared],
        output=output,
        markdown=markdown,
        **given,
    )
    return output.read_text(), markdown.read_text()


def fails(*arguments, **options) -> str:
    with pytest.raises(LabelPolicyError) as caught:
        run(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def cells(markdown: str, title: str = "") -> dict[str, list[str]]:
    """Row name -> its cells, of the first table, or of that whose first heading is ``title``."""
    tables: list[list[list[str]]] = [[]]
    for line in markdown.splitlines():
        if line[:1] == "|":
            tables[-1].append([cell.strip() for cell in line[1:-1].split("|")])
        elif tables[-1]:
            tables.append([])
    found = next(rows for rows in tables if rows and title in ("", rows[0][0]))
    return {row[0]: row[1:] for row in found[2:]}


def means(metrics) -> dict[tuple, float]:
    frame = pq.read_table(metrics).to_pandas().query("split == 'test'")
    return frame.groupby(["classifier", "weights", "thresholds", "metric"])["value"].mean().to_dict()


@pytest.mark.parametrize("seeds", [1, 3])
def test_every_number_of_ours_and_the_bold_ones(tmp_path, prepared, seeds):
    metrics = write_metrics(tmp_path / "metrics.parquet", seeds=seeds)
    _, markdown = run(tmp_path, prepared, metrics)
    shown, expected = cells(markdown), means(metrics)
    methods = rows_of(read_methods(METHODS), "reuters21578")
    for method in methods:
        peers = [other for other in methods if other.encoder == method.encoder]
        for column, measure in enumerate(MEASURES):
            text = shown[method.name][2 * column + 1]
            assert f"{expected[(*method.cell, measure)]:.3f}" in text
            assert ("±" in text) == (seeds > 1)
            highest = max(f"{expected[(*peer.cell, measure)]:.3f}" for peer in peers)
            assert text.startswith("**") == (f"{expected[(*method.cell, measure)]:.3f}" == highest)


def test_paper_numbers_stand_beside_and_missing_rows_are_declared(tmp_path, prepared, metrics):
    _, markdown = run(tmp_path, prepared, metrics)
    shown = cells(markdown)
    assert shown["CNN"][::2] == ["0.537", "0.472", "0.841"]
    assert shown["CNN+ScutFBR.1-Prediction"][::2] == ["0.549", "0.477", "0.849"]
    assert shown["Linear"][::2] == ["", "", ""]
    assert shown["CNN+Subset-Maximization"][::2] == ["0.543", "0.478", "0.849"]
    assert "Missing" not in markdown.split("RCV1-V2")[0]  # every row of the paper has one of ours
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
    methods.write_text("\t".join(COLUMNS) + "\nCNN\tkim_cnn\tuniform\tfixed\tCNM\tbase\tall\n")
    assert "row 'CNN': paper_row 'CNM' is not in Tables 2 and 5" in fails(tmp_path, prepared, metrics, methods=methods)


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
    expected = "column 'value' has a null" if value is None else "expected a number in [0, 1]"
    assert expected in fails(tmp_path, prepared, metrics)


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
    in_latex, markdown = run(tmp_path, prepared, None, number="4")
    assert cells(markdown) == {
        "Labels": ["90", "90", "103", "–ᵃ"],
        "Average labels per document": ["1.13", "1.23", "3.24", "–ᵃ"],
        "Training documents": ["7,769", "7,769", "781,265", "–ᵃ"],
        "Test documents": ["3,019", "3,019", "23,149", "–ᵃ"],
    }
    assert r"Average labels per document & 1.13 & 1.23 & 3.24 & --\textsuperscript{a} \\" in in_latex
    assert "ᵃ RCV1-V2: not in this study" in markdown


def test_table_1_has_dashes_and_a_footnote_for_every_absent_data_set(tmp_path, prepared):
    in_latex, markdown = run(tmp_path, prepared, None, number="1")
    assert cells(markdown)["Training mentions"] == ["2,690,286", "–ᵃ", "220,398", "–ᵃ", "86,078", "–ᵃ"]
    assert cells(markdown)["Depth of the hierarchy"][::2] == ["2", "3", "2"]
    for text in (in_latex, markdown):
        assert "FIGER, OntoNotes and BBN: not in this study" in text


def test_absent_data_sets_have_the_paper_s_rows_and_no_number_of_ours(tmp_path, prepared, metrics):
    _, five = run(tmp_path, prepared, metrics)
    rcv1 = cells(five, "RCV1-V2")
    assert rcv1["CNN+Meta-Training-Prediction"] == ["0.647", "–ᵃ", "0.669", "–ᵃ", "0.864", "–ᵃ"] and len(rcv1) == 9
    _, two = run(tmp_path, prepared, metrics, number="2")
    for title, printed in (("FIGER", "0.685"), ("OntoNotes", "0.552"), ("BBN", "0.678")):
        rows = cells(two, title)
        assert rows["SOTA+Meta-Training-Prediction"][0] == printed
        assert {row[column] for row in list(rows.values())[1:] for column in (1, 3, 5)} == {"–ᵃ"}
    assert "Reuters" not in two


def test_an_entity_typing_data_set_goes_to_tables_1_and_2_and_its_measures_are_loose(tmp_path, prepared):
    own = tmp_path / "bbn"
    own.mkdir()
    write_json(own / "dataset.json", read_json(prepared / "dataset.json") | {"name": "bbn", "depth": 2})
    rows = pq.read_table(write_metrics(tmp_path / "metrics.parquet", datasets=("bbn",))).to_pylist()
    for row in rows:
        row["metric"] = row["metric"].replace("macro", "loose_macro").replace("micro", "loose_micro")
    write_parquet(tmp_path / "metrics.parquet", pa.Table.from_pylist(rows))
    _, one = run(tmp_path, own, None, number="1")
    assert cells(one)["Depth of the hierarchy"] == ["2", "2", "2", "–ᵃ", "3", "–ᵃ"]  # the study's come first
    _, two = run(tmp_path, own, tmp_path / "metrics.parquet", number="2")
    (expected,) = (
        row["value"]
        for row in rows
        if (row["classifier"], row["weights"], row["thresholds"]) == ("attentive_lstm", "uniform", "fixed")
        and (row["metric"], row["split"]) == ("loose_macro_f1", "test")
    )
    assert f"{expected:.3f}" in cells(two, "BBN")["LSTM"][3]
    assert "Loose macro and micro after Ling and Weld" in two and "label-averaged" not in two
    _, five = run(tmp_path, own, tmp_path / "metrics.parquet")
    assert cells(five, "Reuters-21578")["CNN"][1] == "–ᵃ" and "BBN" not in five


@pytest.mark.parametrize("number", ["3", "6"])
def test_robustness_stands_under_its_own_data_set_beside_the_paper_s(tmp_path, prepared, number):
    runs = write_robustness(tmp_path / "seed0.parquet")
    in_latex, markdown = run(tmp_path, prepared, None, number=number, robustness=[runs])
    _, ours = markdown.split("**Reuters-21578, Kim-CNN, ours: policy meta, seed 0**")
    stored = {(row["statistic"], row["metric"]): row["value"] for row in pq.read_table(runs).to_pylist()}
    metric = "loose_macro_f1" if number == "3" else "macro_f1"
    expected = [f"{stored[name, metric]:.3f}" for name in ("best", "worst", "average")]
    assert [*expected, f"{stored['stdev', metric]:.4f}"] == re.findall(r"[\d.]+", ours.splitlines()[2])[1:]
    assert "0.0041" in markdown or number == "3"
    assert "Rows on Reuters-21578 are another data set than the paper's" in in_latex
    assert ("RCV1-V2, ours" if number == "6" else "FIGER, ours") in markdown and markdown.count("–ᵃ") == 12


def test_robustness_without_a_statistic_is_an_error(tmp_path, prepared):
    runs = write_robustness(tmp_path / "seed0.parquet")
    rows = [row for row in pq.read_table(runs).to_pylist() if row["statistic"] != "worst"]
    write_parquet(runs, pa.Table.from_pylist(rows))
    message = fails(tmp_path, prepared, None, number="6", robustness=[runs])
    assert "no worst of accuracy" in message


def test_rows_that_beat_the_baseline_beyond_chance_are_marked(tmp_path, prepared, metrics):
    tests = write_significance(tmp_path / "significance.parquet", {("CNN+Meta-Prediction", "CNN", "macro_f1")})
    in_latex, markdown = run(tmp_path, prepared, metrics, significance=tests)
    assert cells(markdown)["CNN+Meta-Prediction"][3].strip("*").endswith("†")
    assert sum(row.count("†") for row in markdown.splitlines() if row[0:1] == "|") == 1
    assert in_latex.count(r"\dagger") == 2 and "† better than the same classifier's row" in markdown
    _, without = run(tmp_path, prepared, metrics)
    assert "†" not in without


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
    """All six tables, Table 5 with one seed and with three and marks, on the narrow page of the article class."""
    body = []
    runs = write_robustness(tmp_path / "seed0.parquet")
    methods = rows_of(read_methods(METHODS), "reuters21578")
    every = {(row.name, "CNN", measure) for row in methods if row.learned for measure in MEASURES}
    tests = write_significance(tmp_path / "significance.parquet", every)
    for name, number, seeds in (("four", "4", 1), ("one", "5", 1), ("three", "5", 3), *((n, n, 1) for n in "1236")):
        metrics = write_metrics(tmp_path / f"{name}.parquet", seeds=seeds)
        given = {"robustness": [runs]} | ({"significance": tests} if seeds == 3 else {})
        run(tmp_path, prepared, metrics, number=number, **given)
        (tmp_path / "table.tex").rename(tmp_path / f"{name}.tex")
        body.append(rf"{{\centering\input{{{name}}}\par}}\clearpage")
    document = r"\documentclass{article}\usepackage{booktabs}\begin{document}" + "\n".join(body) + r"\end{document}"
    (tmp_path / "document.tex").write_text(document)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "document.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout and "too large" not in done.stdout
    subprocess.run(["pdftotext", "-layout", "document.pdf"], cwd=tmp_path, check=True)
    pages = (tmp_path / "document.txt").read_text().split("\f")
    assert "7,769" in pages[0] and "1.13" in pages[0]
    for page, name in ((1, "one"), (3, "three")):  # no page holds all rows: the table goes on on the next one
        first, both = pages[page], pages[page] + pages[page + 1]
        numbers = {
            f"{value:.3f}" for (*_, metric), value in means(tmp_path / f"{name}.parquet").items() if metric in MEASURES
        }
        assert all(number in both for number in numbers)
        assert "CNN+Meta-Training-Prediction (Eq. 6)" in first and "0.556" in first
        assert "Three-Joined+Sets-Prediction+OOF" not in first
        assert both.count("Three-Joined+Sets-Prediction+OOF") == 1
