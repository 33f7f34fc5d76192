"""The ablation of the learned policy: which cells stand beside which, and the table in LaTeX and in Markdown.

A block of the table has one reference row, with the reference policy, and rows that differ from it in one thing: in
the label weights, in the thresholds, or in both. docs/ablation.md says how to read it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from labelpolicy.learner.parameters import LearnerParameters
from labelpolicy.methods import NOT_IN_PAPER, Method
from labelpolicy.parameters import differences
from labelpolicy.report.facts import Facts
from labelpolicy.report.markup import SIGNIFICANT, Row, Table, latex
from labelpolicy.report.results import TITLES, Value, classifier_title
from labelpolicy.report.results_table import column
from labelpolicy.significance import Difference

#: Label weights by a fixed rule, with their names as shown: n_j to the power of -a, a from 0.
FIXED_WEIGHTS = {
    "uniform": "uniform",
    "inverse_frequency_0.25": "freq^-0.25",
    "inverse_frequency_0.5": "freq^-0.5",
    "inverse_frequency": "freq^-1",
}

SPLITS = {"test": "Test", "valid": "Validation"}

#: The blocks, by what is learned in them, in the order of the table.
BLOCKS = {
    "both": "Label weights and thresholds",
    "weights": "Label weights alone, thresholds of 0.5",
    "weights_shared": "Label weights alone, shared thresholds",
    "thresholds": "Thresholds alone, uniform label weights",
}

#: A row names what differs from the reference up to so many parameters; more of them stand below the table.
FEW = 3


@dataclass(frozen=True)
class Block:
    """A key of BLOCKS, its rows by name as shown, and the name of the one that the others are compared with."""

    key: str
    rows: Mapping[str, Method]
    reference: str


def layout(classifier: str, reference: str, policies: Mapping[str, LearnerParameters]) -> list[Block]:
    """The blocks of one classifier; ``policies`` are the learned ones by name, the reference among them."""
    names = {
        name: f"{name} (reference)" if name == reference else f"{name}: {_in_short(policy, policies[reference])}"
        for name, policy in sorted(policies.items(), key=lambda item: item[0] != reference)
    }

    def block(key: str, fixed: Mapping[str, tuple[str, str]], learned: Mapping[str, tuple[str, str]]) -> Block:
        cells = {**fixed, **{names[name]: cell for name, cell in learned.items()}}
        rows = {name: Method(name, classifier, *cell, NOT_IN_PAPER, key) for name, cell in cells.items()}
        return Block(key, rows, names[reference])

    plain, shared = ("uniform", "fixed"), ("uniform", "shared")
    weights = {title: rule for rule, title in FIXED_WEIGHTS.items()}
    return [
        block(
            "both",
            {"uniform label weights, thresholds of 0.5": plain, "uniform label weights, shared thresholds": shared},
            {name: (name, name) for name in names},
        ),
        block(
            "weights",
            {title: (rule, "fixed") for title, rule in weights.items()},
            {name: (name, "fixed") for name in names},
        ),
        block(
            "weights_shared",
            {title: (rule, "shared") for title, rule in weights.items()},
            {reference: (reference, "shared")},
        ),
        block(
            "thresholds",
            {"thresholds of 0.5": plain, "shared thresholds": shared},
            {name: ("uniform", name) for name in names},
        ),
    ]


def described(policy: LearnerParameters, reference: LearnerParameters) -> str:
    """What differs from the reference, in the words of params.yaml: ``reward = paper, credit = total``."""
    found = differences(policy, reference)
    if not found:
        return "the same parameters"
    return ", ".join(
        f"{key} = {value if isinstance(value, str) else json.dumps(value)}" for key, value in found.items()
    )


def _in_short(policy: LearnerParameters, reference: LearnerParameters) -> str:
    found = len(differences(policy, reference))
    return f"{found} parameters, below" if found > FEW else described(policy, reference)


def explanations(reference: str, policies: Mapping[str, LearnerParameters]) -> list[str]:
    """What differs from the reference in policies whose row is too narrow to say it."""
    return [
        f"{name}: {described(policy, policies[reference])}."
        for name, policy in policies.items()
        if len(differences(policy, policies[reference])) > FEW
    ]


def cells(blocks: Sequence[Block]) -> list[Method]:
    """Every cell once, in the order of the blocks."""
    found: dict[tuple[str, str, str], Method] = {}
    for block in blocks:
        for method in block.rows.values():
            found.setdefault(method.cell, method)
    return list(found.values())


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
        columns = []
        for measure in measures:
            numbers = [measured[block.key, name, measure] for name in block.rows]
            columns += [column([number.value for number in numbers]), [_difference(n, level) for n in numbers]]
        cells = zip(*columns, strict=True)
        laid_out.append((BLOCKS[block.key], [Row(name, row) for name, row in zip(block.rows, cells, strict=True)]))
    return Table(
        f"{facts.title}, {classifier_title(classifier).split(':')[0]}: {SPLITS[split].lower()} split",
        [title for measure in measures for title in (TITLES[measure], "Δ")],
        laid_out,
        [*_notes(facts, split, blocks, measured, measures, seeds, level), *explained],
        "lr" * len(measures),
        r"\scriptsize\setlength{\tabcolsep}{2pt}",
        wrapped=True,
    )


def ablation_latex(table: Table) -> str:
    """The table in LaTeX: a tabular for each block, so that pages may break between them, and the notes."""
    last = len(table.blocks) - 1
    tabulars = [
        replace(table, corner=title, blocks=[("", rows)], notes=table.notes if place == last else []).latex()
        for place, (title, rows) in enumerate(table.blocks)
    ]
    return rf"\noindent{{\small {latex(table.corner)}}}\par\smallskip" + "\n" + "".join(tabulars)


def _difference(number: Measured, level: float) -> str:
    if number.tested is None:
        return ""
    return _signed(number.tested.difference) + (SIGNIFICANT if number.significant(level) else "")


def _signed(difference: float) -> str:
    return f"{difference:+.3f}".replace("-", "−")


def _notes(
    facts: Facts,
    split: str,
    blocks: Sequence[Block],
    measured: Numbers,
    measures: Sequence[str],
    seeds: Sequence[int],
    level: float,
) -> list[str]:
    over = "One seed" if len(seeds) == 1 else f"Mean ± sample standard deviation over {len(seeds)} seeds"
    notes = [
        facts.split_sentence(),
        "Measured on the test split; nothing was fitted on it or chosen by these numbers."
        if split == "test"
        else "Measured on the validation split. Shared thresholds were fitted on it, held-out rewards come from it and "
        "training stopped by it: its numbers are for choosing between policies, not for saying how good one is.",
        f"{over} ({', '.join(map(str, seeds))}). Accuracy is strict: the whole label set must be right. Macro-F1 is "
        "the mean of the labels' F1. Bold: the best of its block and column as shown.",
        f"Δ: difference to the reference row of the block. {SIGNIFICANT} more than chance: paired bootstrap "
        f"over documents and seeds, p below {level:g} after Holm's correction for the {len(comparisons(blocks))} "
        "comparisons of a measure on this split.",
    ]
    return notes + [
        _against_fixed_weights(block, measured, measures, level) for block in blocks if block.key.startswith("weights")
    ]


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
