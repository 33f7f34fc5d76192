"""ablation: kept scores and thresholds of the learned policies' cells -> the table of what each part is worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from labelpolicy.data.prepared import Prepared
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_rows, write_text
from labelpolicy.learner.parameters import LearnerParameters
from labelpolicy.parameters import Ablation
from labelpolicy.report import ablation as report
from labelpolicy.report.facts import read_facts
from labelpolicy.report.results import Results
from labelpolicy.significance import Significance, differences
from labelpolicy.steps.significance import Runs, decided_outcomes, drawn_whole, kept_runs, warn_of_few_draws

SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("dataset", "classifier", "split", "block", "row", "weights", "thresholds")]
    + [(name, pa.string()) for name in ("reference_weights", "reference_thresholds", "measure")]
    + [(name, pa.float64()) for name in ("mean", "deviation", "difference", "low", "high", "p", "p_holm")]
    + [("significant", pa.bool_()), ("seeds", pa.int64()), ("documents", pa.int64())]
)


def run(
    *,
    datasets: list[Path],
    results: Path,
    metrics: Path,
    ablation: Ablation,
    policies: Mapping[str, LearnerParameters],
    parameters: Significance,
    output: Path,
    csv: Path,
    latex: Path,
    markdown: Path,
) -> None:
    """Measure and compare the cells of every data set and classifier of which ``metrics`` has one, on both splits.

    ``policies`` are those of ``ablation``, the reference among them. A line of ``output`` and ``csv`` is a row of the
    table and a measure; of a reference row there is no difference, and no deviation over a single seed. The comparisons
    of a data set, classifier, split and measure are one family of Holm's correction.

    Raises LabelPolicyError, before anything is computed, for metrics without any such cell, or for a cell or seed that
    is missing; and for a cell whose decisions do not give the collected measures.
    """
    collected = Results(metrics)
    found = []
    for folder in datasets:
        data = Prepared(folder)
        for classifier in ablation.classifiers:
            blocks = report.layout(classifier, ablation.reference, policies)
            cells = report.cells(blocks)
            if seeds := collected.seeds(data.name, cells):
                found.append((data, classifier, blocks, seeds, kept_runs(results, data.name, cells, collected)))
    if not found:
        raise LabelPolicyError(
            f"{metrics}: no cell of {', '.join(ablation.classifiers)} on "
            f"{', '.join(folder.name for folder in datasets)}: run `snakemake ablation`, or "
            "correct ablation.classifiers"
        )
    warn_of_few_draws(len(report.comparisons(found[0][2])), parameters)
    explained = report.explanations(ablation.reference, policies)
    lines, tables = [], []
    for data, classifier, blocks, seeds, runs in found:
        facts = read_facts(data.folder)
        for split in report.SPLITS:
            documents, numbers = _compared(data, split, blocks, seeds, runs, collected, parameters)
            about = {"dataset": data.name, "classifier": classifier, "split": split}
            lines += [
                about | line | {"seeds": len(seeds), "documents": documents}
                for line in _lines(blocks, numbers, parameters)
            ]
            tables.append(
                report.ablation_table(
                    facts, classifier, split, blocks, numbers, seeds=seeds, level=parameters.level, explained=explained
                )
            )
    rows = [tuple(line.get(name) for name in SCHEMA.names) for line in lines]
    write_rows(SCHEMA, rows, parquet=output, csv=csv)
    write_text(latex, "\n\\bigskip\n".join(map(report.ablation_latex, tables)))
    write_text(markdown, "\n".join(map(report.ablation_markdown, tables)))


def _compared(
    data: Prepared,
    split: str,
    blocks: Sequence[report.Block],
    seeds: list[int],
    runs: Runs,
    collected: Results,
    parameters: Significance,
) -> tuple[int, dict[tuple[str, str, str], report.Measured]]:
    """The documents of the split, and each measure of each row by (key of the block, name of the row, measure)."""
    cells = report.cells(blocks)
    groups, measures = drawn_whole(data, split)
    truth, outcomes = decided_outcomes(data, cells, runs, collected, measures, split)
    tested = differences(
        truth,
        [[outcomes[index, seed] for seed in seeds] for index in range(len(cells))],
        report.comparisons(blocks),
        draws=parameters.draws,
        level=parameters.level,
        seed=parameters.seed,
        groups=groups,
        measures=measures,
    )
    place = {method.cell: index for index, method in enumerate(cells)}
    return len(truth), {
        (block.key, name, measure): report.Measured(
            collected.value(data.name, method, measure, split=split, seeds=seeds),
            tested.get((place[method.cell], place[block.rows[block.reference].cell], measure)),
        )
        for block in blocks
        for name, method in block.rows.items()
        for measure in measures
    }


def _lines(
    blocks: Sequence[report.Block],
    numbers: Mapping[tuple[str, str, str], report.Measured],
    parameters: Significance,
) -> Iterator[dict]:
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
            "significant": number.significant(parameters.level),
            **(number.tested or {}),
        }
