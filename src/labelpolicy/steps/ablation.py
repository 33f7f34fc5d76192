"""ablation: kept scores and thresholds of the learned policies' cells -> the table of what each part is worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa

from labelpolicy.data.prepared import Prepared
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_rows, write_text
from labelpolicy.learner.parameters import LearnerParameters
from labelpolicy.options import FromStudy, MetricsFile, Output, PreparedFolders, ResultsFolder
from labelpolicy.parameters import Ablation, Study
from labelpolicy.report import ablation as report
from labelpolicy.report.comparisons import Runs, groups_and_measures, warn_of_few_draws
from labelpolicy.report.facts import read_facts
from labelpolicy.report.results import Results
from labelpolicy.significance import Difference, Significance

SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("dataset", "classifier", "split", "block", "row", "weights", "thresholds")]
    + [(name, pa.string()) for name in ("reference_weights", "reference_thresholds", "measure")]
    + [(name, pa.float64()) for name in ("mean", "deviation", *Difference._fields)]
    + [("significant", pa.bool_()), ("seeds", pa.int64()), ("documents", pa.int64())]
)


def _policies(study: Study, arguments: Mapping[str, Any]) -> dict[str, LearnerParameters]:
    names = [study.ablation.reference, *study.ablation.policies]
    for name in names:
        if name not in study.policies:
            raise LabelPolicyError(f"ablation: policy {name!r} is unknown: expected one of {', '.join(study.policies)}")
    return {name: study.policies[name] for name in names}


def ablation(
    datasets: PreparedFolders,
    metrics: MetricsFile,
    output: Annotated[Path, Output("Parquet file to write.")],
    csv: Annotated[Path, Output("CSV file to write.")],
    latex: Annotated[Path, Output("LaTeX file to write.")],
    markdown: Annotated[Path, Output("Markdown file to write.")],
    compared: Annotated[Ablation, FromStudy(lambda study, arguments: study.ablation)],
    policies: Annotated[dict[str, LearnerParameters], FromStudy(_policies)],
    parameters: Annotated[Significance, FromStudy(lambda study, arguments: study.significance)],
    results: ResultsFolder = Path("results"),
) -> None:
    """What each part of the learned policy is worth (parameters: ablation, policies, significance).

    The cells of every data set and classifier of which ``metrics`` has one are measured and compared on both splits.
    ``policies`` are those of ``compared``, the reference among them. A line of ``output`` and ``csv`` is a row of the
    table and a measure; of a reference row there is no difference, and no deviation over a single seed. The comparisons
    of a data set, classifier, split and measure are one family of Holm's correction.

    Raises LabelPolicyError, before anything is computed, for metrics without any such cell, or for a cell or seed that
    is missing; and for a cell whose decisions do not give the collected measures.
    """
    collected = Results(metrics)
    found = []
    for data in map(Prepared, datasets):
        for classifier in compared.classifiers:
            blocks = report.layout(classifier, compared.reference, policies)
            cells = report.cells(blocks)
            if collected.seeds(data.name, cells):
                found.append((classifier, blocks, Runs.of(data, cells, results, collected)))
    if not found:
        raise LabelPolicyError(
            f"{metrics}: no cell of {', '.join(compared.classifiers)} on {', '.join(each.name for each in datasets)}: "
            "run `snakemake ablation`, or correct ablation.classifiers"
        )
    warn_of_few_draws(len(report.comparisons(found[0][1])), parameters)
    explained = report.explanations(compared.reference, policies)
    rows: list[tuple] = []
    tables = []
    for classifier, blocks, runs in found:
        for split in report.SPLITS:
            documents, numbers = _compared(runs, split, blocks, parameters)
            about: dict[str, Any] = {"dataset": runs.data.name, "classifier": classifier, "split": split}
            about |= {"seeds": len(runs.seeds), "documents": documents}
            rows += [
                tuple((about | line).get(name) for name in SCHEMA.names)
                for line in _lines(blocks, numbers, parameters.level)
            ]
            shown: dict[str, Any] = {"seeds": runs.seeds, "level": parameters.level, "explained": explained}
            facts = read_facts(runs.data.folder)
            tables.append(report.ablation_table(facts, classifier, split, blocks, numbers, **shown))
    write_rows(SCHEMA, rows, parquet=output, csv=csv)
    write_text(latex, "\n\\bigskip\n".join(map(report.ablation_latex, tables)))
    write_text(markdown, "\n".join(table.markdown() for table in tables))


def _compared(
    runs: Runs, split: str, blocks: list[report.Block], parameters: Significance
) -> tuple[int, report.Numbers]:
    """The documents of the split, and each measure of each row."""
    documents, tested = runs.compare(split, report.comparisons(blocks), parameters)
    place = {method.cell: index for index, method in enumerate(runs.methods)}
    _, measures = groups_and_measures(runs.data, split)
    return documents, {
        (block.key, name, measure): report.Measured(
            runs.collected.value(runs.data.name, method, measure, split=split, seeds=runs.seeds),
            tested.get((place[method.cell], place[block.rows[block.reference].cell], measure)),
        )
        for block in blocks
        for name, method in block.rows.items()
        for measure in measures
    }


def _lines(blocks: list[report.Block], numbers: report.Numbers, level: float) -> Iterator[dict[str, Any]]:
    by_key = {block.key: block for block in blocks}
    for (key, name, measure), number in numbers.items():
        method, reference = by_key[key].rows[name], by_key[key].rows[by_key[key].reference]
        yield {
            "block": key,
            "row": name,
            "weights": method.weights,
            "thresholds": method.thresholds,
            "reference_weights": reference.weights,
            "reference_thresholds": reference.thresholds,
            "measure": measure,
            "mean": number.value.mean,
            "deviation": number.value.deviation,
            "significant": number.significant(level),
            **(number.tested._asdict() if number.tested else {}),
        }
