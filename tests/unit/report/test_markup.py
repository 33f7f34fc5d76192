"""Text in LaTeX and Markdown."""

from pathlib import Path

import labelpolicy.report
from labelpolicy.report.markup import latex, markdown, markdown_table


def test_latex_escapes_every_special_character():
    assert latex(r"a_b & 50% #1 $x$ {y} ~ ^ \z") == (
        r"a\_b \& 50\% \#1 \$x\$ \{y\} \textasciitilde{} \textasciicircum{} \textbackslash{}z"
    )
    assert latex("0.5 ± 0.1 – x < y") == r"0.5 \ensuremath{\pm} 0.1 -- x \ensuremath{<} y"


def test_latex_sets_every_letter_that_the_reports_use():
    """pdflatex knows Latin letters and stops at others: Spearman's ρ is in the claims about hierarchies alone."""
    files = Path(labelpolicy.report.__file__).parent.rglob("*.py")
    used = {character for file in files for character in file.read_text(encoding="utf-8")}
    assert latex("ρ") == r"\ensuremath{\rho}"
    assert {each for each in used if ord(each) > 255 and not latex(each).isascii()} <= {"…"}


def test_markdown_escapes_what_would_break_a_table():
    assert markdown("a|b*c_d") == r"a\|b\*c\_d"


def test_markdown_table_is_padded_and_aligned():
    text = markdown_table(["name", "x"], [["a", "0.5"], ["long name", ""]])
    assert text.splitlines() == [
        "| name      |   x |",
        "|-----------|----:|",
        "| a         | 0.5 |",
        "| long name |     |",
    ]
