"""The two notations of the report's tables: LaTeX (booktabs) and Markdown."""

from __future__ import annotations

from collections.abc import Sequence

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\ensuremath{<}",
    ">": r"\ensuremath{>}",
    "|": r"\ensuremath{|}",
    '"': "''",
    "±": r"\ensuremath{\pm}",
    "–": "--",
    "—": "---",
    "−": r"\ensuremath{-}",
    "→": r"\ensuremath{\to}",
    "×": r"\ensuremath{\times}",
    "≤": r"\ensuremath{\leq}",
    "≥": r"\ensuremath{\geq}",
    "Δ": r"\ensuremath{\Delta}",
    "†": r"\textsuperscript{\ensuremath{\dagger}}",
    "ᵃ": r"\textsuperscript{a}",
}


def latex(text: str) -> str:
    """Plain text as LaTeX sets it, whatever characters it holds."""
    return "".join(_LATEX.get(character, character) for character in text)


def markdown(text: str) -> str:
    """Plain text as a cell of a Markdown table."""
    for character in "\\|*_<>[]`#":
        text = text.replace(character, "\\" + character)
    return text


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """A Markdown table, padded so that it also reads well as plain text.

    The first ``left`` columns are words and stand to the left, all others are numbers and stand to the right.
    """
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "| " + " | ".join(padded) + " |"

    rules = ["-" * (width + 2) if column < left else "-" * (width + 1) + ":" for column, width in enumerate(widths)]
    return "\n".join([line(header), "|" + "|".join(rules) + "|", *map(line, rows)]) + "\n"
