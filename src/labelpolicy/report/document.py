"""results/reproduction.pdf: the report of a run, set by LaTeX from generated parts.

The prose stands in workflow/report/reproduction.tex; every number comes from the files of the run. Where there is no
TeX, a note in Markdown takes the PDF's place.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from operator import attrgetter
from pathlib import Path

from labelpolicy.data.parameters import Data
from labelpolicy.data.registry import title as dataset_title
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import whole_file
from labelpolicy.learner.parameters import LearnerParameters
from labelpolicy.report.captions import figure_words
from labelpolicy.report.facts import Facts
from labelpolicy.report.markup import latex, markdown

MARK = "%% INSERT "

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


def setup(facts: Sequence[Facts], seeds: Mapping[str, Sequence[int]]) -> list[str]:
    """What was run, in sentences; ``seeds`` by the title of the data set."""
    sentences = []
    for each in facts:
        sentences += [each.split_sentence(), *(remark for remark in each.remarks if not remark.startswith(DIFFERS))]
        sentences.append(f"Seeds of every row on {each.title}: {', '.join(map(str, seeds[each.title]))}.")
    return sentences


def deviations(
    facts: Sequence[Facts], paper_datasets: Sequence[str], policies: Mapping[str, LearnerParameters], data: Data
) -> list[str]:
    """Where the run departs from the paper, in sentences."""
    here = {each.name for each in facts}
    absent = [dataset_title(name) for name in paper_datasets if name not in here]
    sentences = [f"Not run here: {', '.join(absent)}."] if absent else []
    sentences += [remark for each in facts for remark in each.remarks if remark.startswith(DIFFERS)]
    sentences.append(
        f"Word vectors: {data.vectors.source}, {data.vectors.width} wide (the paper: word2vec as in Kim 2014)."
    )
    sentences.append(
        f"A share of {data.validation_fraction:g} of the training documents is held out: epochs, thresholds and the "
        "reward are chosen on it, never on test documents (the paper names no validation documents)."
    )
    for name, policy in policies.items():
        differing = [
            f"{key} {'null' if found is None else found} (paper: {choice})"
            for key, choice in PAPER_CHOICES.items()
            if (found := attrgetter(key)(policy)) != choice
        ]
        sentences.append(
            f"Policy {name}: {'; '.join(differing)}. docs/algorithm.md says why."
            if differing
            else f"Policy {name}: the literal variant; what the paper leaves open is in docs/algorithm.md."
        )
    return sentences


def document(template: str, parts: Mapping[str, str]) -> str:
    """The LaTeX source: the template with each part in the place of its line ``%% INSERT name``.

    Raises LabelPolicyError for a template that lacks a part, or names an unknown one.
    """
    named = [line.removeprefix(MARK).strip() for line in template.splitlines() if line.startswith(MARK)]
    if sorted(named) != sorted(parts):
        wrong = sorted(set(named) ^ set(parts)) or [name for name in parts if named.count(name) > 1]
        raise LabelPolicyError(
            f"the report's template: {MARK}{wrong[0]}: expected one such line for each of {', '.join(parts)}, no other"
        )
    lines = [
        parts[line.removeprefix(MARK).strip()] if line.startswith(MARK) else line for line in template.splitlines()
    ]
    return "\n".join([*lines, ""])


def items(sentences: Sequence[str]) -> str:
    return "\n".join([r"\begin{itemize}", *(rf"\item {latex(text)}" for text in sentences), r"\end{itemize}"])


def tables(texts: Mapping[str, str]) -> str:
    """Tables under headings that keep the paper's numbers; Table 5 is longer than any float may be."""
    return "\n".join(
        rf"\subsection*{{Table {number}. {latex(TABLE_TITLES[number])}}}" + f"\n{{\\centering\n{text}\\par}}"
        for number, text in texts.items()
    )


def figures(paths: Sequence[Path]) -> str:
    """The figures, as figure1.pdf, figure2.pdf, ... in this order."""
    size = r"width=\linewidth,height=0.82\textheight,keepaspectratio"
    lines = []
    for index, path in enumerate(paths, start=1):
        group, title = figure_words(path)
        lines += [
            r"\begin{figure}[H]\centering",
            rf"\includegraphics[{size}]{{figure{index}.pdf}}",
            rf"\caption{{{latex(title)}; {latex(group)}.}}",
            r"\end{figure}",
        ]
    return "\n".join(lines) or "None was drawn."


def note(files: Sequence[Path]) -> str:
    """What stands in the PDF's place where there is no TeX: where everything is that it would show."""
    return (
        "# Reproduction report\n\nNo TeX was found when this was written, so there is no PDF: install tectonic, "
        "latexmk or pdflatex and run `snakemake report` again. What the PDF shows lies in these files:\n\n"
        + "".join(f"- {markdown(str(path))}\n" for path in files)
    )


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
                first = next((i for i, line in enumerate(lines) if line.startswith(("!", "error:"))), len(lines) - 1)
                complaint = " ".join(" ".join(lines[first : first + 3]).split())
                raise LabelPolicyError(f"{output}: {name} stopped: {complaint}")
        with whole_file(output) as temporary:
            shutil.copyfile(Path(folder) / "document.pdf", temporary)
