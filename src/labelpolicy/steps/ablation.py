"""ablation: which cells of the learned policy stand beside which, and the table of what each part is worth.

A block of the table has one reference row, with the reference policy, and rows that differ from it in one thing: in
the label weights, in the thresholds, or in both. docs/ablation.md says how to read it.
"""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa

from labelpolicy.data.prepared import Prepared
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_rows, write_text
from labelpolicy.learner.parameters import LearnerParameters
from labelpolicy.methods import NOT_IN_PAPER, Method
from labelpolicy.options import FromStudy, MetricsFile, Output, PreparedFolders, ResultsFolder
from labelpolicy.parameters import Ablation, Study, differences
from labelpolicy.report.comparisons import Runs, warn_of_few_draws
from labelpolicy.report.facts import Facts, read_facts
from labelpolicy.report.markup import SIGNIFICANT, Row, Table, latex
from labelpolicy.report.results import TITLES, DatasetResults, Results, Value, classifier_title
from labelpolicy.report.tables import column
from labelpolicy.significance import Difference, Significance

#: Label weights by a fixed rule, with their names as shown: n_j to the power of -a, a from 0.
FIXED_WEIGHTS = {
    "uniform": "uniform",
    "inverse_frequency_0.25": "freq^-0.25",
    "inverse_frequency_0.5": "freq^-0.5",
    "inverse_frequency": "freq^-1",
}

SPLITS = {"test": "test split", "valid": "validation split"}
MEASURED_ON = {
    "test": "Measured on the test split; nothing was fitted on it or chosen by these numbers.",
    "valid": "Measured on the validation split. Shared thresholds were fitted on it, held-out rewards come from it and "
    "training stopped by it: its numbers are for choosing between policies, not for saying how good one is.",
}

#: The blocks, by what is learned in them, in the order of the table.
BLOCKS = {
    "both": "Label weights and thresholds",
    "weights": "Label weights alone, thresholds of 0.5",
    "weights_shared": "Label weights alone, shared thresholds",
    "thresholds": "Thresholds alone, uniform label weights",
}

#: A row names what differs from the reference up to so many parameters; more of them stand below the table.
FEW = 3

NAMES = ("weights", "thresholds", "reference_weights", "reference_thresholds")
SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("dataset", "classifier", "split", "block", "row", *NAMES, "measure")]
    + [(name, pa.float64()) for name in ("mean", "deviation", *Difference._fields)]
    + [("significant", pa.bool_()), ("seeds", pa.int64()), ("documents", pa.int64())]
)


@dataclass(frozen=True)
class Block:
    """A key of BLOCKS, its rows by name as shown, and the name of the one that the others are compared with."""

    key: str
    rows: Mapping[str, Method]
    reference: str


def layout(classifier: str, reference: str, policies: Mapping[str, LearnerParameters]) -> list[Block]:
    """The blocks of one classifier; ``policies`` are the learned ones by name, the reference among them."""
    names = {reference: f"{reference} (reference)"}
    for name, policy in policies.items():
        found = len(differences(policy, policies[reference]))
        differing = f"{found} parameters, below" if found > FEW else described(policy, policies[reference])
        names.setdefault(name, f"{name}: {differing}")

    def block(key: str, fixed: Mapping[str, tuple[str, str]], learned: Mapping[str, tuple[str, str]]) -> Block:
        cells = {**fixed, **{names[name]: cell for name, cell in learned.items()}}
        rows = {name: Method(name, classifier, *cell, NOT_IN_PAPER, key) for name, cell in cells.items()}
        return Block(key, rows, names[reference])

    rules = {"thresholds of 0.5": ("uniform", "fixed"), "shared thresholds": ("uniform", "shared")}
    plain = {f"uniform label weights, {title}": cell for title, cell in rules.items()}
    fixed, shared = ({title: (rule, by) for rule, title in FIXED_WEIGHTS.items()} for by in ("fixed", "shared"))
    return [
        block("both", plain, {name: (name, name) for name in names}),
        block("weights", fixed, {name: (name, "fixed") for name in names}),
        block("weights_shared", shared, {reference: (reference, "shared")}),
        block("thresholds", rules, {name: ("uniform", name) for name in names}),
    ]


def described(policy: LearnerParameters, reference: LearnerParameters) -> str:
    """What differs from the reference, in the words of params.yaml: ``reward = paper, credit = total``."""
    found = differences(policy, reference).items()
    texts = (f"{key} = {value if isinstance(value, str) else json.dumps(value)}" for key, value in found)
    return ", ".join(texts) or "the same parameters"


def explanations(reference: str, policies: Mapping[str, LearnerParameters]) -> list[str]:
    """What differs from the reference in policies whose row is too narrow to say it."""
    return [
        f"{name}: {described(policy, policies[reference])}."
        for name, policy in policies.items()
        if len(differences(policy, policies[reference])) > FEW
    ]


def cells(blocks: Sequence[Block]) -> list[Method]:
    """Every cell once, in the order of the blocks."""
    return list({method.cell: method for block in blocks for method in block.rows.values()}.values())


def comparisons(blocks: Sequence[Block]) -> list[tuple[int, int]]:
    """Every row but the references with the reference of its block, as indices into `cells`."""
    place = {method.cell: index for index, method in enumerate(cells(blocks))}
    return [
        (place[method.cell], place[block.rows[block.reference].cell])
        for block in blocks
        for name, method in block.rows.items()
        if name != block.reference
    ]


@dataclass(frozen=True)
class Measured:
    """One measure of one row: its values by seed, and its difference to the reference, which itself has none."""

    value: Value
    tested: Difference | None = None

    def significant(self, level: float) -> bool | None:
        """Whether the difference is more than chance; None for the reference itself."""
        return None if self.tested is None else self.tested.p_holm < level

    def delta(self, level: float) -> str:
        """The difference as shown, marked where it is more than chance."""
        return _signed(self.tested.difference) + SIGNIFICANT * bool(self.significant(level)) if self.tested else ""


#: By (key of the block, name of the row, measure).
Numbers = Mapping[tuple[str, str, str], Measured]


def ablation_table(
    facts: Facts,
    classifier: str,
    split: str,
    blocks: Sequence[Block],
    measured: Numbers,
    *,
    seeds: Sequence[int],
    level: float,
    explained: Sequence[str] = (),
) -> Table:
    """Lay out the table of one data set, classifier and split; ``explained`` (see `explanations`) goes below it."""
    measures = list(dict.fromkeys(measure for _, _, measure in measured))
    laid_out = []
    for block in blocks:
        columns: list[Sequence[Any]] = [list(block.rows)]
        for measure in measures:
            numbers = [measured[block.key, name, measure] for name in block.rows]
            columns += [column([number.value for number in numbers]), [number.delta(level) for number in numbers]]
        laid_out.append((BLOCKS[block.key], [Row(name, row) for name, *row in zip(*columns, strict=True)]))
    over = "One seed" if len(seeds) == 1 else f"Mean ± sample standard deviation over {len(seeds)} seeds"
    notes = [
        facts.split_sentence(),
        MEASURED_ON[split],
        f"{over} ({', '.join(map(str, seeds))}). Accuracy is strict: the whole label set must be right. Macro-F1 is "
        "the mean of the labels' F1. Bold: the best of its block and column as shown.",
        f"Δ: difference to the reference row of the block. {SIGNIFICANT} more than chance: paired bootstrap "
        f"over documents and seeds, p below {level:g} after Holm's correction for the {len(comparisons(blocks))} "
        "comparisons of a measure on this split.",
    ]
    notes += [_against_fixed_weights(b, measured, measures, level) for b in blocks if b.key.startswith("weights")]
    corner = f"{facts.title}, {classifier_title(classifier).split(':')[0]}: {SPLITS[split]}"
    titles = [title for measure in measures for title in (TITLES[measure], "Δ")]
    size = r"\scriptsize\setlength{\tabcolsep}{2pt}"
    return Table(corner, [("", titles)], laid_out, [*notes, *explained], "lr" * len(measures), size, wrapped=True)


def ablation_latex(table: Table) -> str:
    """The table in LaTeX: a tabular for each block, so that pages may break between them, and the notes."""
    parts = [replace(table, corner=title, blocks=[("", rows)], notes=[]) for title, rows in table.blocks]
    parts[-1] = replace(parts[-1], notes=table.notes)
    heading = rf"\noindent{{\small {latex(table.corner)}}}\par\smallskip"
    return heading + "\n" + "".join(part.latex() for part in parts)


def _signed(difference: float) -> str:
    return f"{difference:+.3f}".replace("-", "−")


def _against_fixed_weights(block: Block, measured: Numbers, measures: Sequence[str], level: float) -> str:
    """Whether the reference's learned weights beat uniform ones and freq^-a for every a, in words."""
    verdicts = []
    for measure in measures:
        found = {name: measured[block.key, name, measure] for name in FIXED_WEIGHTS.values()}
        differences = {name: number.tested.difference for name, number in found.items() if number.tested}
        best = max(differences, key=differences.__getitem__)
        if differences[best] >= 0:
            verdicts.append(f"{TITLES[measure]} no ({best}: {_signed(differences[best])})")
        else:
            chance = "" if all(number.significant(level) for number in found.values()) else "not all "
            verdicts.append(f"{TITLES[measure]} yes, {chance}beyond chance")
    return f"{BLOCKS[block.key]}: are the learned weights better than uniform and every freq^-a? {'; '.join(verdicts)}."


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
    A line of ``output`` and ``csv`` is a row of the table and a measure. The comparisons of a data set, classifier,
    split and measure are one family of Holm's correction.

    Raises LabelPolicyError, before anything is computed, for metrics without any such cell, or for a cell or seed that
    is missing; and for a cell whose decisions do not give the collected measures.
    """
    collected = Results(metrics)
    found = []
    for data, classifier in itertools.product(map(Prepared, datasets), compared.classifiers):
        blocks = layout(classifier, compared.reference, policies)
        ours = DatasetResults(collected, data.name, cells(blocks))
        if ours.seeds:
            found.append((classifier, blocks, Runs(data, ours, results)))
    if not found:
        raise LabelPolicyError(
            f"{metrics}: no cell of {', '.join(compared.classifiers)} on {', '.join(each.name for each in datasets)}: "
            "run `snakemake ablation`, or correct ablation.classifiers"
        )
    warn_of_few_draws(len(comparisons(found[0][1])), parameters)
    explained, level = explanations(compared.reference, policies), parameters.level
    rows: list[tuple] = []
    tables = []
    for (classifier, blocks, runs), split in itertools.product(found, SPLITS):
        documents, numbers = _measured(runs, split, blocks, parameters)
        about: dict[str, Any] = {"dataset": runs.data.name, "classifier": classifier, "split": split}
        about |= {"seeds": len(runs.collected.seeds), "documents": documents}
        rows += [tuple((about | line).get(name) for name in SCHEMA.names) for line in _lines(blocks, numbers, level)]
        shown: dict[str, Any] = {"seeds": runs.collected.seeds, "level": level, "explained": explained}
        tables.append(ablation_table(read_facts(runs.data.folder), classifier, split, blocks, numbers, **shown))
    write_rows(SCHEMA, rows, parquet=output, csv=csv)
    write_text(latex, "\n\\bigskip\n".join(map(ablation_latex, tables)))
    write_text(markdown, "\n".join(table.markdown() for table in tables))


def _measured(runs: Runs, split: str, blocks: list[Block], parameters: Significance) -> tuple[int, Numbers]:
    """The documents of the split, and each measure of each row."""
    documents, tested = runs.compare(split, comparisons(blocks), parameters)
    place = {method.cell: index for index, method in enumerate(runs.collected.methods)}
    numbers = {}
    for block in blocks:
        reference = place[block.rows[block.reference].cell]
        for (name, method), measure in itertools.product(
            block.rows.items(), dict.fromkeys(each for *_, each in tested)
        ):
            difference = tested.get((place[method.cell], reference, measure))
            numbers[block.key, name, measure] = Measured(runs.collected.value(method, measure, split), difference)
    return documents, numbers


def _lines(blocks: list[Block], numbers: Numbers, level: float) -> Iterator[dict[str, Any]]:
    by_key = {block.key: block for block in blocks}
    for (key, name, measure), number in numbers.items():
        block = by_key[key]
        names = zip(NAMES, block.rows[name].cell[1:] + block.rows[block.reference].cell[1:], strict=True)
        line: dict[str, Any] = {"block": key, "row": name, "measure": measure, **dict(names)}
        line |= {"mean": number.value.mean, "deviation": number.value.deviation}
        yield line | {"significant": number.significant(level)} | (number.tested._asdict() if number.tested else {})
