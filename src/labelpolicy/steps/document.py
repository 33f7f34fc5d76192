"""document: results/reproduction.pdf, the report of a run, set by LaTeX from generated parts.

The prose stands in workflow/report/reproduction.tex; every number comes from the files of the run. Where there is no
TeX, a note in Markdown takes the PDF's place.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Annotated

import typer

from labelpolicy.data.parameters import Data
from labelpolicy.data.registry import title as dataset_title
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import require, whole_file, write_text
from labelpolicy.learner.parameters import LearnerParameters
from labelpolicy.options import FromStudy, MethodsFile, MetricsFile, Output, PaperFile, PreparedFolders
from labelpolicy.parsing import read_text
from labelpolicy.report.facts import Facts, facts_of
from labelpolicy.report.markup import latex, markdown
from labelpolicy.report.results import DatasetResults, PaperNumbers, Results, figure_words, read_rows

MARK = "%% INSERT "

#: What stands in the PDF's place where there is no TeX, with the files of what it would show below.
NOTE = (
    "# Reproduction report\n\nNo TeX was found when this was written, so there is no PDF: install tectonic, "
    "latexmk or pdflatex and run `snakemake report` again. What the PDF shows lies in these files:\n\n"
)

#: How a remark on a data set begins that belongs to the deviations.
DIFFERS = "Differs from the paper"

#: TeX engines, the first that is installed is taken; pdflatex runs twice, for the widths of the long table.
ENGINES: dict[str, tuple[tuple[str, ...], int]] = {
    "tectonic": (("tectonic", "document.tex"), 1),
    "latexmk": (("latexmk", "-pdf", "-interaction=nonstopmode", "-halt-on-error", "document.tex"), 1),
    "pdflatex": (("pdflatex", "-interaction=nonstopmode", "-halt-on-error", "document.tex"), 3),
}

#: What the paper prescribes where a learned policy may choose.
PAPER_CHOICES = {
    "learner": "paper",
    "reward": "paper",
    "credit": "total",
    "estimator": "policy_gradient",
    "samples": 1,
    "training.rewarded_on": "in_sample",
    "training.batches": 1,
    "training.reset": "never",
    "training.rollout": "batch",
}

TABLE_TITLES = {
    "1": "Statistics of the entity typing data sets",
    "2": "Results of fine-grained entity typing",
    "3": "Robustness to initial policies (the paper: FIGER)",
    "4": "Statistics of the text classification data sets",
    "5": "Results of text classification",
    "6": "Robustness to initial policies (the paper: RCV1-V2)",
}


def engine() -> str | None:
    """The TeX engine that is installed, or None."""
    return next((name for name in ENGINES if shutil.which(name)), None)


def setup(facts: Facts, seeds: Sequence[int]) -> list[str]:
    """What was run of a data set, in sentences."""
    remarks = [remark for remark in facts.remarks if not remark.startswith(DIFFERS)]
    listed = f"Seeds of every row on {facts.title}: {', '.join(map(str, seeds))}."
    return [facts.split_sentence(), *remarks, listed]


def deviations(
    facts: Sequence[Facts], paper_datasets: Sequence[str], policies: Mapping[str, LearnerParameters], data: Data
) -> list[str]:
    """Where the run departs from the paper, in sentences."""
    here = {each.name for each in facts}
    absent = [dataset_title(name) for name in paper_datasets if name not in here]
    sentences = [f"Not run here: {', '.join(absent)}."] if absent else []
    sentences += [remark for each in facts for remark in each.remarks if remark.startswith(DIFFERS)]
    sentences += [
        f"Word vectors: {data.vectors.source}, {data.vectors.width} wide (the paper: word2vec as in Kim 2014).",
        f"A share of {data.validation_fraction:g} of the training documents is held out: epochs, thresholds and the "
        "reward are chosen on it, never on test documents (the paper names no validation documents).",
    ]
    for name, policy in policies.items():
        differing = [
            f"{key} {'null' if found is None else found} (paper: {choice})"
            for key, choice in PAPER_CHOICES.items()
            if (found := attrgetter(key)(policy)) != choice
        ]
        literal = "the literal variant; what the paper leaves open is in docs/algorithm.md."
        why = f"{'; '.join(differing)}. docs/algorithm.md says why." if differing else literal
        sentences.append(f"Policy {name}: {why}")
    return sentences


def fill(template: str, parts: Mapping[str, str]) -> str:
    """The LaTeX source: the template with each part in the place of its line ``%% INSERT name``.

    Raises LabelPolicyError for a template that lacks a part, or names an unknown one.
    """
    named = re.findall(rf"^{MARK}(.*)$", template, re.MULTILINE)
    if sorted(named) != sorted(parts):
        wrong = sorted(set(named) ^ set(parts)) or [name for name in parts if named.count(name) > 1]
        raise LabelPolicyError(
            f"the report's template: {MARK}{wrong[0]}: expected one such line for each of {', '.join(parts)}, no other"
        )
    return re.sub(rf"^{MARK}(.*)$", lambda found: parts[found[1]], template, flags=re.MULTILINE)


def items(sentences: Sequence[str]) -> str:
    return "\n".join([r"\begin{itemize}", *(rf"\item {latex(text)}" for text in sentences), r"\end{itemize}"])


def table_section(number: str, text: str) -> str:
    """A table under a heading that keeps the paper's number; Table 5 is longer than any float may be."""
    return rf"\subsection*{{Table {number}. {latex(TABLE_TITLES[number])}}}" + f"\n{{\\centering\n{text}\\par}}"


def figure_float(path: Path, index: int) -> str:
    """A figure, which lies beside the document as figure{index}.pdf."""
    group, title = figure_words(path)
    size = r"width=\linewidth,height=0.82\textheight,keepaspectratio"
    graphics = rf"\includegraphics[{size}]{{figure{index}.pdf}}"
    caption = rf"\caption{{{latex(title)}; {latex(group)}.}}"
    return "\n".join([r"\begin{figure}[H]\centering", graphics, caption, r"\end{figure}"])


def typeset(source: str, figures: Sequence[Path], output: Path, name: str) -> None:
    """Run the engine ``name`` on the source in a folder of its own, and move the PDF to ``output``.

    Raises LabelPolicyError with TeX's first complaint.
    """
    command, times = ENGINES[name]
    # A fixed date: the PDF's bytes must follow from its text alone.
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "0", "FORCE_SOURCE_DATE": "1"}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "document.tex").write_text(source, encoding="utf-8")
        for index, path in enumerate(figures, start=1):
            shutil.copyfile(path, Path(folder) / f"figure{index}.pdf")
        for _ in range(times):
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, errors="replace"
            )
            if done.returncode:
                lines = (done.stdout + done.stderr).splitlines()
                first = next((i for i, line in enumerate(lines) if line.startswith(("!", "error:"))), -1)
                complaint = " ".join(" ".join(lines[first:][:3]).split())
                raise LabelPolicyError(f"{output}: {name} stopped: {complaint}")
        with whole_file(output) as temporary:
            shutil.copyfile(Path(folder) / "document.pdf", temporary)


def document(
    datasets: PreparedFolders,
    metrics: MetricsFile,
    output: Annotated[Path, Output("PDF to write; without TeX, a note with the ending .md instead.")],
    policies: Annotated[dict[str, LearnerParameters], FromStudy(lambda study, arguments: study.policies)],
    data: Annotated[Data, FromStudy(lambda study, arguments: study.data)],
    tables: Annotated[Path, typer.Option(help="Folder of table1.tex to table6.tex.")] = Path("results/tables"),
    claims: Annotated[Path, typer.Option(help="LaTeX of `labelpolicy reproducing`.")] = Path(
        "results/tables/claims.tex"
    ),
    figure: Annotated[list[Path] | None, typer.Option(help="A PDF to show. Repeatable.")] = None,
    methods: MethodsFile = Path("workflow/methods.tsv"),
    paper: PaperFile = Path("workflow/paper.tsv"),
    template: Annotated[Path, typer.Option(help="The report's prose.")] = Path("workflow/report/reproduction.tex"),
) -> None:
    """The report of a run as PDF (parameters: policies, data).

    Without a TeX engine, a note is written under the name of ``output`` with the ending .md, and one line says so.
    """
    table_files = {number: require(tables / f"table{number}.tex") for number in TABLE_TITLES}
    figures = [require(path) for path in figure or []]
    facts, numbers = facts_of(datasets), PaperNumbers(paper)
    collected = Results(metrics)
    rows = read_rows(methods, collected)
    results = [DatasetResults(collected, each.name, rows) for each in facts]
    learned = {name for each in results for method in each.methods for name in method.learned}
    used = {name: policy for name, policy in policies.items() if name in learned}
    run = [text for each, found in zip(facts, results, strict=True) for text in setup(each, found.seeds)]
    parts = {
        "setup": items(run),
        "deviations": items(deviations(facts, [*numbers.datasets("1"), *numbers.datasets("4")], used, data)),
        "claims": read_text(claims),
        "tables": "\n".join(table_section(number, read_text(path)) for number, path in table_files.items()),
        "figures": "\n".join(figure_float(path, index) for index, path in enumerate(figures, 1)) or "None was drawn.",
    }
    source = fill(read_text(template), parts)
    if name := engine():
        typeset(source, figures, output, name)
        return
    instead = output.with_suffix(".md")
    shown = [*table_files.values(), claims, *figures]
    write_text(instead, NOTE + "".join(f"- {markdown(str(path))}\n" for path in shown))
    print(f"no TeX engine ({', '.join(ENGINES)}) is installed: wrote {instead} instead", file=sys.stderr)
