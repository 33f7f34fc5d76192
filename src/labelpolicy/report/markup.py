"""The report's one kind of table, set in LaTeX or in Markdown, and plain text in both.

The LaTeX needs booktabs and nothing else: ``\\usepackage{booktabs}``, then ``\\input``; inside a float, except Table 5,
which is longer than a page where several data sets are stacked.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

_LATEX = str.maketrans(
    {character: "\\" + character for character in "&%$#_{}"}
    | {
        "\\": r"\textbackslash{}",
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
        "ρ": r"\ensuremath{\rho}",
        "†": r"\textsuperscript{\ensuremath{\dagger}}",
        "ᵃ": r"\textsuperscript{a}",
    }
)


def latex(text: str) -> str:
    """Plain text as LaTeX sets it; of letters beyond Latin those that the reports use."""
    return text.translate(_LATEX)


def markdown(text: str) -> str:
    """Plain text as a cell of a Markdown table."""
    return text.translate({ord(character): "\\" + character for character in "\\|*_<>[]`#"})


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """A Markdown table, padded so that it also reads well as plain text.

    The first ``left`` columns are words and stand to the left, all others are numbers and stand to the right.
    """
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = map(str.ljust, cells[:left], widths), map(str.rjust, cells[left:], widths[left:])
        return "| " + " | ".join(itertools.chain(*padded)) + " |"

    rules = ["-" * (width + 2) if column < left else "-" * (width + 1) + ":" for column, width in enumerate(widths)]
    return "\n".join([line(header), "|" + "|".join(rules) + "|", *map(line, rows)]) + "\n"


#: As many rows and titles of blocks as a tabular may have to fit a page of the article class, in its smallest font.
PAGE = 66

#: Marks a number of ours that is above what it is compared with, beyond chance.
SIGNIFICANT = "†"


@dataclass(frozen=True)
class Number:
    """One number of ours as shown: mean and deviation over seeds, standard error over groups of test documents."""

    mean: str
    deviation: str | None = None
    error: str | None = None
    best: bool = False
    significant: bool = False

    def latex(self) -> str:
        shown = rf"\textbf{{{self.mean}}}" if self.best else self.mean
        shown += latex(SIGNIFICANT) * self.significant
        shown += rf"\,{{\tiny$\pm${self.deviation.removeprefix('0')}}}" if self.deviation else ""
        return shown + (rf"\,{{\tiny({self.error.removeprefix('0')})}}" if self.error else "")

    def markdown(self) -> str:
        shown = self.mean + SIGNIFICANT * self.significant
        shown += (f" ± {self.deviation}" if self.deviation else "") + (f" ({self.error})" if self.error else "")
        return f"**{shown}**" if self.best else shown


@dataclass(frozen=True)
class Row:
    """A row's name and its cells; LaTeX sets a small space where ``group`` changes from one row to the next."""

    name: str
    cells: Sequence[str | Number]
    group: str | None = None


@dataclass(frozen=True)
class Table:
    """Columns under headings, rows in titled blocks, and notes below.

    ``columns`` are (heading over them, their titles); ``corner`` stands over the rows' names. ``align`` has a letter of
    LaTeX for each column, ``size`` is the LaTeX of the font. With ``wrapped``, rows' names may take several lines.
    """

    corner: str
    columns: Sequence[tuple[str, Sequence[str]]]
    blocks: Sequence[tuple[str, Sequence[Row]]]
    notes: Sequence[str]
    align: str
    size: str = r"\footnotesize"
    wrapped: bool = False

    def latex(self) -> str:
        """A tabular and its notes; several tabulars where it has more rows than a page."""
        return "\n".join(
            [
                "% Written by labelpolicy; a change here is lost. Needs \\usepackage{booktabs}.",
                rf"\begingroup{self.size}%",
                *itertools.chain.from_iterable(map(self._tabular, self._pages())),
                r"\begin{minipage}{\linewidth}\scriptsize\raggedright",
                *map(latex, self.notes),
                r"\end{minipage}\par",
                r"\endgroup",
                "",
            ]
        )

    def _pages(self) -> list[list[tuple[str, Sequence[Row]]]]:
        """The blocks by page, whole ones."""
        pages: list[list[tuple[str, Sequence[Row]]]] = [[]]
        for block in self.blocks:
            if pages[-1] and sum(1 + len(rows) for _, rows in (*pages[-1], block)) > PAGE:
                pages.append([])
            pages[-1].append(block)
        return pages

    def _tabular(self, blocks: Sequence[tuple[str, Sequence[Row]]]) -> list[str]:
        lines = self._latex_head()
        for title, rows in blocks:
            lines.append(r"\midrule")
            if title:
                lines.append(rf"\multicolumn{{{1 + len(self.align)}}}{{@{{}}l@{{}}}}{{\itshape {latex(title)}}} \\")
            for group, members in itertools.groupby(rows, key=lambda row: row.group):
                lines += [r"\addlinespace[2pt]"] if group else []
                lines += [_line([self._latex_name(latex(row.name)), *map(_latex_cell, row.cells)]) for row in members]
        ends = r"\bottomrule", r"\end{tabular}\par\medskip"
        return [rf"\begin{{tabular}}{{@{{}}l{self.align}@{{}}}}", r"\toprule", *lines, *ends]

    def _latex_head(self) -> list[str]:
        spans, rules, first = [""], [], 2
        for heading, titles in self.columns:
            last = first + len(titles) - 1
            spans.append(rf"\multicolumn{{{len(titles)}}}{{c}}{{{latex(heading)}}}")
            rules.append(rf"\cmidrule(lr){{{first}-{last}}}")
            first = last + 1
        corner = self._latex_name(rf"\itshape {latex(self.corner)}") if self.wrapped else latex(self.corner)
        head = _line([corner, *(latex(title) for _, titles in self.columns for title in titles)])
        return [_line(spans), " ".join(rules), head] if any(heading for heading, _ in self.columns) else [head]

    def _latex_name(self, text: str) -> str:
        return rf"\parbox[t]{{0.34\linewidth}}{{\raggedright {text}\strut}}" if self.wrapped else text

    def markdown(self) -> str:
        """The table, then its notes as a list."""
        header = [markdown(self.corner)]
        for heading, (first, *more) in self.columns:
            header += [f"{markdown(heading)}: {first}" if heading else first, *more]
        lines = []
        for title, rows in self.blocks:
            lines += [[f"**{markdown(title)}**"] + [""] * (len(header) - 1)] if title else []
            for row in rows:
                cells = [cell.markdown() if isinstance(cell, Number) else cell for cell in row.cells]
                lines.append([markdown(row.name), *cells])
        return markdown_table(header, lines) + "\n" + "".join(f"- {markdown(note)}\n" for note in self.notes)


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _latex_cell(cell: str | Number) -> str:
    return cell.latex() if isinstance(cell, Number) else latex(cell)
