"""Text in LaTeX and Markdown."""

from labelpolicy.report.markup import latex, markdown, markdown_table


def test_latex_escapes_every_special_character():
    assert latex(r"a_b & 50% #1 $x$ {y} ~ ^ \z") == (
        r"a\_b \& 50\% \#1 \$x\$ \{y\} \textasciitilde{} \textasciicircum{} \textbackslash{}z"
    )
    assert latex("0.5 ± 0.1 – x < y") == r"0.5 \ensuremath{\pm} 0.1 -- x \ensuremath{<} y"


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
