"""Names of labels in any script: drawn where there is a font for them, numbers where there is none."""

import pytest

from labelpolicy.report import drawing


@pytest.fixture
def own_font_only(monkeypatch):
    monkeypatch.setattr(drawing, "FALLBACK", ())
    for cached in (drawing.families, drawing._glyphs):
        cached.cache_clear()
    yield
    for cached in (drawing.families, drawing._glyphs):
        cached.cache_clear()


def test_a_name_without_glyphs_becomes_its_number(own_font_only):
    assert drawing.figure_names(["sport", "体育", "Größe", "กีฬา", "😀 😍"]) == ["sport", "#2", "Größe", "#4", "😀 😍"]


def test_what_has_to_be_shaped_is_drawn_where_matplotlib_does(own_font_only, monkeypatch):
    for shapes, expected in ((True, "رياضة"), (False, "#1")):
        monkeypatch.setattr(drawing, "SHAPES", shapes)
        assert drawing.figure_names(["رياضة", "é"]) == [expected, "é"]


def test_an_installed_font_is_asked_for_what_is_missing(own_font_only, monkeypatch):
    lacking = next(chr(code) for code in drawing.get_font(drawing.findfont("STIXGeneral")).get_charmap()
                   if code not in drawing._glyphs() and chr(code).isprintable())  # fmt: skip
    assert drawing.figure_names([lacking]) == ["#1"]
    drawing.families.cache_clear()
    drawing._glyphs.cache_clear()
    monkeypatch.setattr(drawing, "FALLBACK", ("no such font", "STIXGeneral"))
    assert drawing.families() == ("DejaVu Sans", "STIXGeneral")
    assert drawing.figure_names([lacking]) == [lacking]


@pytest.mark.filterwarnings("error")
def test_figures_are_drawn_with_the_names(own_font_only, tmp_path):
    names = drawing.figure_names(["体育", "😀", "Ω"])
    with drawing.drawing({"pdf": tmp_path / "a.pdf", "png": tmp_path / "a.png"}, 1, "names") as figure:
        figure.subplots().set_title(" ".join(drawing.shortened(name, 50) for name in names))
    assert (tmp_path / "a.png").stat().st_size
