"""workflow/methods.tsv: the file as shipped, and every way to get it wrong."""

from pathlib import Path

import pytest

from labelpolicy.classifiers.registry import names
from labelpolicy.data import registry
from labelpolicy.errors import LabelPolicyError
from labelpolicy.methods import COLUMNS, Method, read_methods, rows_of

SHIPPED = Path(__file__).parents[2] / "workflow" / "methods.tsv"
CLASSIFIERS = ("kim_cnn", "linear", "linear_svc")
POLICIES = ("meta", "meta_paper")
RULES = ("fixed", "shared", "scut", "odr", "rcut", "sets")
GOOD = ("CNN", "kim_cnn", "uniform", "fixed", "CNN", "base", "all")


def write(folder: Path, *rows: tuple[str, ...], header: tuple[str, ...] = COLUMNS) -> Path:
    path = folder / "methods.tsv"
    path.write_text("".join("\t".join(row) + "\n" for row in (header, *rows)))
    return path


def read(path: Path) -> list[Method]:
    return read_methods(path, classifiers=CLASSIFIERS, policies=POLICIES, datasets=("reuters21578", "bbn"))


def test_shipped_rows_are_good_and_cover_the_paper():
    methods = read_methods(SHIPPED, classifiers=names(), policies=POLICIES, datasets=registry.names())
    by_paper_row = {method.paper_row: method.cell for method in rows_of(methods, "reuters21578")}
    assert by_paper_row["CNN"] == ("kim_cnn", "uniform", "fixed")
    assert by_paper_row["CNN+ScutFBR-Prediction"] == ("kim_cnn", "uniform", "scutfbr1")
    assert by_paper_row["CNN+Meta-Training-Prediction"] == ("kim_cnn", "meta", "meta")
    assert by_paper_row["Subset Maximization"] == ("kim_cnn+subset_maximization", "uniform", "fixed")
    typing = {method.paper_row: method.cell for method in rows_of(methods, "ontonotes_gold")}
    assert typing["SOTA+Hier-Training"] == ("attentive_lstm", "hierarchy", "fixed")
    assert typing["Predictions-as-Features"] == ("attentive_lstm+predictions_as_features", "uniform", "fixed")
    baselines = {method.classifier for method in methods if method.is_baseline and method.classifier == method.encoder}
    assert baselines == {"kim_cnn", "linear", "linear_svc", "attentive_lstm", "transformer"}


@pytest.mark.parametrize(
    ("weights", "thresholds", "learned"),
    [
        ("uniform", "fixed", ()),
        ("meta", "fixed", ("meta",)),
        ("inverse_frequency", "meta", ("meta",)),
        ("meta", "meta", ("meta",)),
        ("meta", "meta_paper", ("meta", "meta_paper")),
        ("uniform", "shared+one+oof", ()),
        ("uniform", "sets+oof", ()),
        ("meta", "meta+one", ("meta",)),
        ("inverse_frequency_0.25", "meta_paper+one", ("meta_paper",)),
        ("meta", "meta_paper+oof", ("meta",)),
    ],
)
def test_learned_policies_of_a_row(weights, thresholds, learned):
    method = Method("x", "linear", weights, thresholds, "-", "base")
    assert method.learned == learned
    assert method.is_learned is (
        "meta" in weights + thresholds or "sets" in thresholds
    )  # on scores that are done as well


def test_thresholds_may_have_suffixes_and_are_cells_of_their_own(tmp_path):
    names = ["fixed", "fixed+one", "fixed+oof", "fixed+one+oof", "meta+one", "meta+oof", "odr+one+oof"]
    methods = read(write(tmp_path, *((name, "linear", "uniform", name, "-", "g", "all") for name in names)))
    assert [row.thresholds for row in methods] == names
    assert [row.name for row in methods if row.is_baseline] == ["fixed"]


def test_reads_rows_in_order_and_skips_blank_lines(tmp_path):
    path = write(tmp_path, GOOD, (), ("B", "linear", "meta", "meta", "-", "both", "text"))
    assert read(path) == [Method(*GOOD), Method("B", "linear", "meta", "meta", "-", "both", "text")]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            [("A", "cnn", "uniform", "fixed", "-", "g", "all")],
            "line 2: unknown classifier 'cnn'; expected one of kim_cnn",
        ),
        (
            [GOOD, ("A", "linear", "metta", "fixed", "-", "g", "all")],
            "line 3: unknown weights 'metta'; expected one of uniform",
        ),
        (
            [("A", "linear", "uniform", "scutfbr", "-", "g", "all")],
            "line 2: unknown thresholds 'scutfbr'; expected one of",
        ),
        (
            [GOOD, ("A", "linear", "uniform", "shared+oof+one", "-", "g", "all")],
            "line 3: unknown thresholds 'shared+oof+one'; expected one of fixed, scut, rcut, pcut, odr, odr_label, "
            "shared, sets, sets_unnamed, scutfbr0, scutfbr1, auto, meta, meta_paper, alone or followed by +one, +oof "
            "or +one+oof",
        ),
        ([("A", "linear", "uniform", "meta+all", "-", "g", "all")], "line 2: unknown thresholds 'meta+all'; expected"),
        ([("A", "linear", "uniform", "+oof", "-", "g", "all")], "line 2: unknown thresholds '+oof'; expected"),
        (
            [GOOD, ("CNN", "linear", "uniform", "fixed", "-", "g", "all")],
            "line 3: the name 'CNN' stands on line 2 already",
        ),
        ([GOOD, ("A", *GOOD[1:])], "line 3: the cell kim_cnn/uniform/fixed stands on line 2 already"),
        ([("A", "linear", "uniform", "fixed", "-", "g")], "line 2: 6 columns, expected 7 separated by tabs"),
        ([("A", "linear", "uniform", "fixed", "", "g", "all")], "line 2: column 'paper_row' is empty"),
        ([(*GOOD[:6], "txt")], "line 2: unknown datasets 'txt'; expected one of all, own, text, typing, bbn"),
        (
            [(*GOOD[:6], "text"), ("A", *GOOD[1:6], "reuters21578,bbn")],
            "line 3: the cell kim_cnn/uniform/fixed stands on line 2 already",
        ),
        ([("A", "linear-cnn", "uniform", "sets+oof", "-", "g", "all")], "line 2: unknown classifier 'cnn'"),
        ([("A", "linear-linear", "uniform", "sets+oof", "-", "g", "all")], "line 2: linear-linear joins 'linear' with"),
        *(
            ([("A", "kim_cnn-linear", weights, rule, "-", "g", "all")], "line 2: kim_cnn-linear joins out-of-fold")
            for weights, rule in (
                ("uniform", "fixed"),
                ("uniform", "sets"),
                ("uniform", "meta+oof"),
                ("inverse_frequency", "sets+oof"),
                ("meta", "sets+oof"),
            )
        ),
        ([], "no row below the header"),
    ],
)
def test_a_bad_row_is_named_with_its_line(tmp_path, rows, expected):
    path = write(tmp_path, *rows)
    with pytest.raises(LabelPolicyError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(str(path)) and expected in message and "\n" not in message


def test_rows_stand_on_data_sets_by_task_or_by_name(tmp_path):
    rows = [("A", "text"), ("B", "typing"), ("C", "all"), ("D", "bbn")]
    weights = ["uniform", "inverse_frequency", "meta", "meta_paper"]
    path = write(
        tmp_path, *((name, "linear", w, "fixed", "-", "g", on) for (name, on), w in zip(rows, weights, strict=True))
    )
    names = {dataset: "".join(row.name for row in rows_of(read(path), dataset)) for dataset in ("bbn", "mine", "figer")}
    assert names == {"bbn": "BCD", "mine": "C", "figer": "BC"}


def test_one_name_may_stand_once_for_each_task(tmp_path):
    path = write(tmp_path, (*GOOD[:6], "text"), (*GOOD[:6], "typing"))
    assert [row.datasets for row in read(path)] == ["text", "typing"]


def test_bad_header_and_empty_file(tmp_path):
    with pytest.raises(LabelPolicyError, match=r"line 1: found the columns name, classifier; expected"):
        read(write(tmp_path, header=("name", "classifier")))
    (tmp_path / "methods.tsv").write_text("")
    with pytest.raises(LabelPolicyError, match=r"line 1: found the columns \(none\)"):
        read(tmp_path / "methods.tsv")


def test_not_text(tmp_path):
    (tmp_path / "methods.tsv").write_bytes(b"name\xff\xfe")
    with pytest.raises(LabelPolicyError, match="not UTF-8"):
        read(tmp_path / "methods.tsv")


def test_a_policy_may_not_take_the_name_of_a_rule(tmp_path):
    with pytest.raises(LabelPolicyError, match="policy 'odr' has the name of a fixed rule"):
        read_methods(write(tmp_path, GOOD), classifiers=CLASSIFIERS, policies=["meta", "odr"])


def test_names_stay_unchecked_without_allowed_sets(tmp_path):
    assert read_methods(write(tmp_path, ("A", "mine", "own", "own", "-", "g", "all")))[0].learned == ("own",)


def test_data_sets_without_a_reader_have_rows_of_their_own(tmp_path):
    cells = {"A": "all", "B": "own", "C": "text,own", "D": "text", "E": "typing", "F": "bbn"}
    rows = (
        (name, "linear", "uniform", f"{rule}", "-", "g", cells[name]) for name, rule in zip(cells, RULES, strict=True)
    )
    methods = read(write(tmp_path, *rows))
    of = {
        name: "".join(row.name for row in rows_of(methods, name)) for name in ("mine", "reuters21578", "ontonotes_gold")
    }
    assert of == {"mine": "ABC", "reuters21578": "ACD", "ontonotes_gold": "AE"}
    again = [("A", "linear", "uniform", "fixed", "-", "g", each) for each in ("own", "text,typing")]
    assert [row.datasets for row in read(write(tmp_path, *again))] == ["own", "text,typing"]
    with pytest.raises(LabelPolicyError, match="line 3: the name 'A'"):
        read(write(tmp_path, again[0], (*again[0][:6], "all")))


def test_the_rows_of_own_data_are_not_the_papers_and_learn_nothing_while_training():
    methods = read_methods(SHIPPED, classifiers=names(), policies=POLICIES, datasets=registry.names())
    own = rows_of(methods, "mine")
    assert {row.encoder for row in own} == {"linear", "linear_svc", "transformer"} and not any(
        row.learned for row in own
    )
    assert {"sets+oof", "shared+oof", "shared+one+oof"} <= {row.thresholds for row in own}
