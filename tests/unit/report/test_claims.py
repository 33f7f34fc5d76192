"""The paper's claims: each rule says reproduced, not reproduced or untested for the numbers that deserve it."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from report_samples import METHODS, PAPER, ROOT, write_metrics, write_robustness, write_significance

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_parquet
from labelpolicy.methods import read_methods
from labelpolicy.report.results import PaperNumbers
from labelpolicy.steps import reproducing
from labelpolicy.steps.reproducing import COLUMNS, JUDGES, NOT, REPRODUCED, UNTESTED, read_claims

CLAIMS = ROOT / "workflow" / "claims.tsv"
BASE, META, BOTH = ("uniform", "fixed"), ("meta", "fixed"), ("meta", "meta")


def judged(folder, prepared, metrics, claim, *, significance=None, robustness=()) -> tuple[str, str]:
    """The verdict on one claim, given as (table, data set, rule, rows), and the text of its section."""
    path = folder / "claims.tsv"
    fields = ("X1", "6", *claim, "A claim with 100 % & more.")
    path.write_text("\t".join(COLUMNS) + "\n" + "\t".join(fields) + "\n")
    reproducing.reproducing(
        metrics=metrics,
        methods=METHODS,
        paper=PAPER,
        claims=path,
        datasets=[prepared],
        significance=significance,
        robustness=robustness,
        output=folder / "reproducing.md",
        latex=folder / "claims.tex",
    )
    text = (folder / "reproducing.md").read_text()
    (row,) = [line for line in text.splitlines() if line.startswith("| X1")]
    verdict = row.split("**")[1]
    assert rf"\textbf{{{verdict.capitalize()}.}}" in (folder / "claims.tex").read_text()
    return verdict, text.split("### X1")[1]


def set_means(metrics, **by_row):
    """Set all test measures of cells of kim_cnn: base, meta or both."""
    cells = {"base": BASE, "meta": META, "both": BOTH}
    rows = pq.read_table(metrics).to_pylist()
    for row in rows:
        for name, value in by_row.items():
            if (row["classifier"], (row["weights"], row["thresholds"])) == ("kim_cnn", cells[name]):
                row["value"] = value
    write_parquet(metrics, pa.Table.from_pylist(rows))


ABOVE = ("5", "reuters21578", "above", "CNN+Meta-Training > CNN")


@pytest.mark.parametrize(("base", "meta", "verdict"), [(0.5, 0.51, REPRODUCED), (0.5, 0.5, NOT), (0.51, 0.5, NOT)])
def test_above(tmp_path, prepared, metrics, base, meta, verdict):
    set_means(metrics, base=base, meta=meta)
    found, text = judged(tmp_path, prepared, metrics, ABOVE)
    assert found == verdict and f"{meta - base:+.3f}" in text and "+0.005 / +0.004 / +0.002" in text
    assert ("Chance was not tested" in text) == (verdict == REPRODUCED)


def test_above_must_hold_beyond_chance_where_it_was_tested(tmp_path, prepared, metrics):
    set_means(metrics, base=0.5, meta=0.6)
    pair = {("CNN+Meta-Training", "CNN", measure) for measure in ("accuracy", "macro_f1", "micro_f1")}
    tests = write_significance(tmp_path / "all.parquet", pair)
    found, text = judged(tmp_path, prepared, metrics, ABOVE, significance=tests)
    assert found == REPRODUCED and text.count("†") == 3
    tests = write_significance(tmp_path / "two.parquet", set(sorted(pair)[1:]))
    found, text = judged(tmp_path, prepared, metrics, ABOVE, significance=tests)
    assert found == NOT and "beyond chance" in text and text.count("†") == 2


def test_above_with_a_row_that_was_not_run(tmp_path, prepared, metrics):
    claim = ("5", "reuters21578", "above", "CNN+Meta-Training-Prediction > CNN; Boosting")
    set_means(metrics, base=0.5, both=0.6)
    found, text = judged(tmp_path, prepared, metrics, claim)
    assert found == UNTESTED and "not run: Boosting" in text
    set_means(metrics, base=0.7)  # refuted whatever the missing row would say
    assert judged(tmp_path, prepared, metrics, claim)[0] == NOT


@pytest.mark.parametrize(("value", "verdict"), [(0.02, REPRODUCED), (0.021, NOT)])
def test_near(tmp_path, prepared, metrics, value, verdict):
    printed = {"accuracy": 0.537, "macro_f1": 0.472, "micro_f1": 0.841}
    rows = pq.read_table(metrics).to_pylist()
    for row in rows:
        row["value"] = printed.get(row["metric"], 1) - value * 0.999
    write_parquet(metrics, pa.Table.from_pylist(rows))
    assert judged(tmp_path, prepared, metrics, ("5", "reuters21578", "near", "CNN"))[0] == verdict


def test_count(tmp_path, prepared, metrics):
    assert (
        judged(tmp_path, prepared, metrics, ("4", "reuters21578", "count", "labels, test_documents"))[0] == REPRODUCED
    )
    found, text = judged(tmp_path, prepared, metrics, ("4", "reuters21578", "count", "labels, labels_per_document"))
    assert found == NOT and "Another number: average labels per document" in text


@pytest.mark.parametrize(("deviation", "verdict"), [(0.001, REPRODUCED), (0.02, NOT)])
def test_steady(tmp_path, prepared, metrics, deviation, verdict):
    runs = write_robustness(tmp_path / "seed0.parquet", deviation=deviation)
    claim = ("6", "reuters21578", "steady", "kim_cnn meta")
    found, text = judged(tmp_path, prepared, metrics, claim, robustness=[runs])
    assert found == verdict and "at most 0.0041" in text
    assert judged(tmp_path, prepared, metrics, claim)[0] == UNTESTED


@pytest.mark.parametrize("rule", sorted(JUDGES))
def test_a_data_set_that_is_not_in_the_study_is_never_judged(tmp_path, prepared, metrics, rule):
    found, text = judged(tmp_path, prepared, metrics, ("5", "rcv1", rule, "CNN > CNN"))
    assert found == UNTESTED and "RCV1-V2 is not in this study" in text


def test_the_shipped_claims_are_judged_and_name_rows_that_exist(tmp_path, prepared, metrics):
    claims, paper, methods = read_claims(CLAIMS), PaperNumbers(PAPER), read_methods(METHODS)
    known = {method.name for method in methods} | set(paper.rows("5"))
    for claim in claims:
        if claim.rule in ("near", "above"):
            assert {row.strip() for part in claim.rows.split(">") for row in part.split(";")} <= known, claim.id
        assert claim.dataset in [*paper.datasets("1"), *paper.datasets("4")]
    tests = write_significance(tmp_path / "significance.parquet", set())
    options = {"methods": METHODS, "paper": PAPER, "claims": CLAIMS, "datasets": [prepared], "significance": tests}
    for name in ("a", "b"):
        outputs = {"output": tmp_path / f"{name}.md", "latex": tmp_path / f"{name}.tex"}
        reproducing.reproducing(metrics=metrics, robustness=[], **options, **outputs)
    text = (tmp_path / "a.md").read_text()
    assert text == (tmp_path / "b.md").read_text()
    assert all(f"### {claim.id}: " in text for claim in claims)
    assert f"{len(claims)} claims: " in text


def test_bad_claims(tmp_path):
    path = tmp_path / "claims.tsv"
    line = "X1\t6\t5\trcv1\tguess\t-\tA claim."
    path.write_text("\t".join(COLUMNS) + f"\n{line}\n")
    with pytest.raises(LabelPolicyError, match="line 2: unknown rule 'guess'; expected one of count"):
        read_claims(path)
    line = line.replace("guess", "none")
    path.write_text("\t".join(COLUMNS) + f"\n{line}\n{line}\n")
    with pytest.raises(LabelPolicyError, match="line 3: the id 'X1' is given a second time"):
        read_claims(path)


def test_the_seeds_are_named(tmp_path, prepared):
    metrics = write_metrics(tmp_path / "metrics.parquet", seeds=3)
    judged(tmp_path, prepared, metrics, ABOVE)
    assert "Seeds: Reuters-21578: 0, 1, 2." in (tmp_path / "reproducing.md").read_text()
