"""Claims: each rule says reproduced, not reproduced or untested for the numbers that deserve it, and on what data."""

import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from report_samples import METHODS, PAPER, ROOT, write_metrics, write_robustness, write_significance

from labelpolicy.data import registry as datasets
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_parquet
from labelpolicy.methods import read_methods
from labelpolicy.report.claims import COLUMNS, JUDGES, NOT, REPRODUCED, UNTESTED, read_claims
from labelpolicy.report.results import PaperNumbers
from labelpolicy.steps import reproducing

CLAIMS = ROOT / "workflow" / "claims.tsv"
BASE, META, BOTH = ("uniform", "fixed"), ("meta", "fixed"), ("meta", "meta")


def judged(folder, prepared, metrics, claim, *, significance=None, robustness=()) -> tuple[str, str]:
    """The verdict on one claim, given as (table, data sets, rule, rows), and the text of its section."""
    table, dataset, rule, rows = claim
    run(folder, (table, dataset, "-", rule, rows, "-"), metrics, [prepared], significance, robustness)
    text = (folder / "reproducing.md").read_text()
    (row,) = [line for line in text.splitlines() if line.startswith("| X1")]
    verdict = row.split("**")[1]
    assert rf"\textbf{{{verdict.capitalize()}.}}" in (folder / "claims.tex").read_text()
    return verdict, text.split("### X1")[1]


def run(folder, claim, metrics, datasets=(), significance=None, robustness=(), correlations=()) -> list[dict[str, str]]:
    """The lines of claims.csv for one claim: (table, data sets, stand-ins, rule, rows, measures)."""
    path = folder / "claims.tsv"
    fields = ("X1", "6", *claim, "A claim with 100 % & more.")
    path.write_text("\t".join(COLUMNS) + "\n" + "\t".join(fields) + "\n")
    reproducing.reproducing(
        metrics=[metrics],
        methods=METHODS,
        paper=PAPER,
        claims=path,
        datasets=datasets,
        significance=significance and [significance],
        robustness=robustness,
        correlations=correlations,
        output=folder / "reproducing.md",
        csv=folder / "claims.csv",
        latex=folder / "claims.tex",
    )
    with (folder / "claims.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


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


def with_dataset(metrics, name, **by_row):
    """The same measures on another data set too, there with other values of base, meta or both."""
    of_other = metrics.with_name(f"{name}.parquet")
    rows = [row | {"dataset": name} for row in pq.read_table(metrics).to_pylist()]
    write_parquet(of_other, pa.Table.from_pylist(rows))
    set_means(of_other, **by_row)
    both = pq.read_table(metrics).to_pylist() + pq.read_table(of_other).to_pylist()
    write_parquet(metrics, pa.Table.from_pylist(both))


def test_a_stand_in_is_judged_by_the_same_rule_and_reproduces_nothing(tmp_path, metrics):
    with_dataset(metrics, "goemotions", base=0.5, meta=0.6)
    claim = ("5", "rcv1", "goemotions,rcv1_sample", "above", "CNN+Meta-Training > CNN", "-")
    own, stand_in = run(tmp_path, claim, metrics)  # rcv1_sample is not in the study, and not listed
    assert (own["dataset"], own["evidence"], own["verdict"]) == ("rcv1", "own data", UNTESTED)
    assert (stand_in["dataset"], stand_in["evidence"]) == ("goemotions", "stand-in")
    assert stand_in["verdict"] == "holds on a stand-in"
    text = (tmp_path / "reproducing.md").read_text()
    (row,) = [line for line in text.splitlines() if line.startswith("| X1")]
    assert "stand-in: holds" in row and row.split("**")[1] == UNTESTED
    assert "+0.100" in text and "+0.015" not in text  # the paper's number of rcv1 never stands beside a stand-in
    set_means(metrics, base=0.7)
    assert run(tmp_path, claim, metrics)[1]["verdict"] == "does not hold on a stand-in"


def test_a_claim_of_ours_is_judged_on_every_data_set_and_for_every_classifier(tmp_path, metrics):
    with_dataset(metrics, "goemotions")
    rows = pq.read_table(metrics).to_pylist()
    for row in rows:
        one = row["thresholds"].endswith("+one")
        row["value"] = 0.6 if one or (row["dataset"], row["classifier"]) == ("goemotions", "linear") else 0.5
    write_parquet(metrics, pa.Table.from_pylist(rows))
    found = run(tmp_path, ("-", "all", "-", "above", "*+One > *", "accuracy"), metrics)
    assert {row["dataset"]: row["verdict"] for row in found} == {"reuters21578": "holds", "goemotions": "does not hold"}
    assert found[1]["why"] == "Not above Linear in Accuracy."
    text = (tmp_path / "reproducing.md").read_text()
    assert "| holds° " in text and "°: chance was not tested." in text
    assert "CNN+One − CNN " in text and "Linear+One − Linear " in text and "+Shared-Prediction+One" not in text


@pytest.mark.parametrize(("sign", "verdict"), [(0, "holds"), (1, "does not hold"), (-1, "does not hold")])
def test_level_is_no_difference_beyond_chance_in_either_direction(tmp_path, metrics, sign, verdict):
    claim = ("-", "all", "-", "level", "CNN+Meta-Training > CNN", "-")
    assert run(tmp_path, claim, metrics)[0]["verdict"] == UNTESTED  # without a test there is no chance to judge by
    tests = write_significance(tmp_path / "s.parquet", {("CNN+Meta-Training", "CNN", "macro_f1")} if sign else set())
    rows = pq.read_table(tests).to_pylist()
    write_parquet(tests, pa.Table.from_pylist([row | {"difference": row["difference"] * (sign or 1)} for row in rows]))
    assert run(tmp_path, claim, metrics, significance=tests)[0]["verdict"] == verdict


@pytest.mark.parametrize(("other", "verdict"), [(0.7, REPRODUCED), (0.6, NOT)])
def test_smaller_compares_the_gains_of_data_sets(tmp_path, metrics, other, verdict):
    claim = ("5", "reuters21578,rcv1", "-", "smaller", "CNN+Meta-Training > CNN", "-")
    assert run(tmp_path, claim, metrics)[0]["why"] == "RCV1-V2 is not in this study."
    set_means(metrics, base=0.5, meta=0.6)
    with_dataset(metrics, "rcv1", base=0.5, meta=other)
    (found,) = run(tmp_path, claim, metrics)
    assert (found["dataset"], found["verdict"]) == ("reuters21578", verdict)


@pytest.mark.parametrize(("low", "verdict"), [(0.01, REPRODUCED), (-0.01, NOT)])
def test_deeper_is_an_interval_above_zero(tmp_path, metrics, low, verdict):
    path = tmp_path / "figures/reuters21578/kim_cnn/meta/weight_tree.json"
    path.parent.mkdir(parents=True)
    claim = ("-", "reuters21578", "-", "deeper", "kim_cnn meta", "-")
    assert run(tmp_path, claim, metrics)[0]["verdict"] == UNTESTED
    path.write_text(json.dumps({"over_seeds": {"rhos": [0.3, 0.5], "rho": 0.4, "low": low, "high": 0.7}}))
    assert run(tmp_path, claim, metrics, correlations=[path])[0]["verdict"] == verdict
    text = (tmp_path / "reproducing.md").read_text()
    assert f"+0.40 [{low:+.2f}, +0.70]" in text and "mean of 2 seeds" in text
    path.write_text(json.dumps({"over_seeds": {"rho": 0.4, "p": 0.1}}))
    with pytest.raises(LabelPolicyError, match=r"weight_tree\.json: no correlation .* run `labelpolicy figure"):
        run(tmp_path, claim, metrics, correlations=[path])


def test_several_studies_as_csv_give_what_one_gives_as_parquet(tmp_path, prepared, metrics):
    set_means(metrics, base=0.5, meta=0.6)
    with_dataset(metrics, "goemotions", meta=0.4)
    table = pq.read_table(metrics)
    tests = write_significance(tmp_path / "s.parquet", {("CNN+Meta-Training", "CNN", "accuracy")})
    runs = write_robustness(tmp_path / "seed0.parquet")

    def as_csv(path, rows):
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        return path

    split = [[row for row in table.to_pylist() if row["dataset"] == name] for name in ("reuters21578", "goemotions")]
    files = [as_csv(tmp_path / f"{number}.csv", rows) for number, rows in enumerate(split)]
    given = {"methods": METHODS, "paper": PAPER, "claims": CLAIMS, "datasets": [prepared]}
    found = []
    for name, *inputs in (
        ("one", [metrics], [tests], [runs]),
        (
            "several",
            files,
            [as_csv(tmp_path / "s.csv", pq.read_table(tests).to_pylist())],
            [as_csv(tmp_path / "seed0.csv", pq.read_table(runs).to_pylist())],
        ),
    ):
        made = dict(zip(("metrics", "significance", "robustness"), inputs, strict=True))
        outputs = {"output": tmp_path / f"{name}.md", "csv": tmp_path / f"{name}-claims.csv"}
        reproducing.reproducing(**made, **given, **outputs)
        found.append(outputs["csv"].read_text())
    assert found[0] == found[1] and found[0].count("\n") > 30
    with pytest.raises(LabelPolicyError, match=r"0\.csv: reuters21578 is in .*0\.csv already"):
        reproducing.reproducing(metrics=[files[0], files[0]], **given, output=tmp_path / "x", csv=tmp_path / "y")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"m\.csv: not a readable CSV file"),
        (b"\xff\xfe\x00", r"m\.csv: "),
        (b"dataset,classifier\na,b\n", r"m\.csv: no column 'weights'; found dataset, classifier"),
        (b"dataset,classifier,weights,thresholds,seed,split,metric,value\na,b,c,d,e,test,accuracy,1\n", "'seed'"),
        (b"dataset,classifier,weights,thresholds,seed,split,metric,value\na,b,c,d,0,test,accuracy,\n", "'value'"),
        (b"dataset,classifier,weights,thresholds,seed,split,metric,value\na,b,c,d,0,test,accuracy,2\n", r"in \[0, 1\]"),
    ],
)
def test_a_bad_csv_file_is_one_line(tmp_path, content, message):
    path = tmp_path / "m.csv"
    path.write_bytes(content)
    with pytest.raises(LabelPolicyError, match=message) as found:
        reproducing.reproducing(
            metrics=[path], methods=METHODS, paper=PAPER, claims=CLAIMS, output=tmp_path / "x", csv=tmp_path / "y"
        )
    assert "\n" not in str(found.value)


def test_the_shipped_claims_are_judged_and_name_rows_and_data_sets_that_exist(tmp_path, prepared, metrics):
    claims, paper, methods = read_claims(CLAIMS), PaperNumbers(PAPER), read_methods(METHODS)
    known = {method.name for method in methods} | {*paper.rows("5"), *paper.rows("2")}
    plain = {method.name for method in methods if method.is_baseline}
    for claim in claims:
        if claim.rule in ("near", "above", "level", "smaller"):
            for row in (row.strip() for part in claim.rows.split(">") for row in part.split(";")):
                assert known & {row.replace("*", name) for name in plain}, (claim.id, row)
        if not claim.is_ours:
            assert {*claim.datasets.split(",")} <= {*paper.datasets("1"), *paper.datasets("4")}
            assert {*claim.stand_ins.split(",")} <= {"-", "reuters21578", *datasets.names()}
    tests = write_significance(tmp_path / "significance.parquet", set())
    options = {"methods": METHODS, "paper": PAPER, "claims": CLAIMS, "datasets": [prepared], "significance": [tests]}
    for name in ("a", "b"):
        outputs = {ending: tmp_path / f"{name}.{ending}" for ending in ("csv", "latex")}
        reproducing.reproducing(metrics=[metrics], output=tmp_path / f"{name}.md", **options, **outputs)
    text = (tmp_path / "a.md").read_text()
    assert text == (tmp_path / "b.md").read_text()
    assert all(f"### {claim.id}: " in text for claim in claims)
    assert f"{sum(not claim.is_ours for claim in claims)} claims of the paper: " in text


def test_bad_claims(tmp_path):
    path = tmp_path / "claims.tsv"
    line = "X1\t6\t5\trcv1\t-\tguess\t-\t-\tA claim."
    path.write_text("\t".join(COLUMNS) + f"\n{line}\n")
    with pytest.raises(LabelPolicyError, match="line 2: unknown rule 'guess'; expected one of count"):
        read_claims(path)
    path.write_text("\t".join(COLUMNS) + "\nX1\t6\t5\trcv1\t-\tnone\t-\tspeed\tA claim.\n")
    with pytest.raises(LabelPolicyError, match="line 2: unknown measure 'speed'; expected one of accuracy"):
        read_claims(path)
    line = line.replace("guess", "none")
    path.write_text("\t".join(COLUMNS) + f"\n{line}\n{line}\n")
    with pytest.raises(LabelPolicyError, match="line 3: the id 'X1' is given a second time"):
        read_claims(path)


def test_the_seeds_are_named(tmp_path, prepared):
    metrics = write_metrics(tmp_path / "metrics.parquet", seeds=3)
    judged(tmp_path, prepared, metrics, ABOVE)
    assert f"Seeds: Reuters-21578: 0, 1, 2 (`{metrics}`)." in (tmp_path / "reproducing.md").read_text()
