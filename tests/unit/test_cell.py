"""Names of cells and of their thresholds, and their folders."""

from pathlib import Path

import pytest

from labelpolicy.cell import Cell, Thresholds, Trained
from labelpolicy.errors import LabelPolicyError


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("fixed", ("fixed", False, False)),
        ("shared+one", ("shared", True, False)),
        ("odr+oof", ("odr", False, True)),
        ("meta+one+oof", ("meta", True, True)),
        ("meta+oof+one", ("meta+oof", True, False)),
        ("odr+two+oof", ("odr+two", False, True)),
    ],
)
def test_parts_of_a_name_and_the_scores_it_goes_with(name, parts):
    found = Thresholds.parse(name)
    assert found == parts and str(found) == name
    assert found.scores_file == ("out_of_fold.parquet" if parts[2] else "scores.parquet")


def test_an_unknown_rule_or_suffix_is_refused_by_name():
    assert Thresholds.parse("odr+one", {"odr"}).rule == "odr"
    for name in ("other", "odr+two", "odr+oof+one", "+one", ""):
        with pytest.raises(LabelPolicyError, match=r"sheet: unknown thresholds .*; expected one of odr, alone or"):
            Thresholds.parse(name, {"odr"}, "sheet: ")


@pytest.mark.parametrize("init", [None, 3])
def test_folder_and_file_name_the_same_cell(init, tmp_path):
    cell = Cell("reuters21578", "kim_cnn+classifier_chain", "meta", 4, init, "shared+one+oof")
    trained = Trained.of_path(cell.decided(tmp_path) / "metrics.json")
    assert trained.with_thresholds(cell.thresholds) == cell
    assert Cell.of_about(cell.about, "metrics.json") == cell
    assert cell.scores("results") == cell.folder("results") / "out_of_fold.parquet"


def test_a_path_or_a_file_without_a_cell_is_refused():
    with pytest.raises(LabelPolicyError, match=r"expected \.\.\./\{dataset\}/\{classifier\}"):
        Trained.of_path(Path("/somewhere/metrics.json"))
    about = Cell("a", "b", "c", 1).about
    for name in ("dataset", "seed", "thresholds"):
        with pytest.raises(LabelPolicyError, match=f"metrics.json: does not say its {name}"):
            Cell.of_about({key: value for key, value in about.items() if key != name}, "metrics.json")
    with pytest.raises(LabelPolicyError, match="does not say its seed"):
        Cell.of_about(about | {"seed": "0"}, "metrics.json")
