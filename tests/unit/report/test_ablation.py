"""The layout of the ablation: which cell is compared with which, what a row says, and both notations."""

from __future__ import annotations

import re

import pytest

from labelpolicy.learner.parameters import LearnerParameters
from labelpolicy.report.facts import read_facts
from labelpolicy.report.results import Value
from labelpolicy.significance import Difference
from labelpolicy.steps.ablation import (
    FIXED_WEIGHTS,
    Measured,
    ablation_latex,
    ablation_table,
    cells,
    comparisons,
    described,
    explanations,
    layout,
)
from labelpolicy.thresholds.objectives import Utility
from labelpolicy.weights import RULES

META = LearnerParameters()
POLICIES = {"short": LearnerParameters(episodes=7, utility=Utility(accuracy=0.0)), "meta": META, "in_sample": META}
BLOCKS = layout("linear", "meta", POLICIES)
MEASURES = ("accuracy", "macro_f1")


def numbers(change=None):
    """0.5 everywhere and no difference, but for ``change``: difference and p_holm by (block, row, measure)."""
    found = {}
    for block in BLOCKS:
        for name in block.rows:
            for measure in MEASURES:
                difference, p = (change or {}).get((block.key, name, measure), (-0.01, 1.0))
                tested = None if name == block.reference else Difference(difference, 0.0, 0.0, p, p)
                found[block.key, name, measure] = Measured(Value((0.5 + difference, 0.6)), tested)
    return found


def table(prepared, change=None, split="valid"):
    return ablation_table(read_facts(prepared), "linear", split, BLOCKS, numbers(change), seeds=[0, 1], level=0.05)


def test_each_policy_stands_there_by_its_weights_its_thresholds_and_both():
    found = {block.key: [method.cell[1:] for method in block.rows.values()] for block in BLOCKS}
    fixed = ["uniform", "inverse_frequency_0.25", "inverse_frequency_0.5", "inverse_frequency"]
    assert set(fixed) == set(RULES) - {"hierarchy"} == set(FIXED_WEIGHTS)
    assert found == {
        "both": [
            ("uniform", "fixed"),
            ("uniform", "shared"),
            *((name, name) for name in ("meta", "short", "in_sample")),
        ],
        "weights": [(rule, "fixed") for rule in [*fixed, "meta", "short", "in_sample"]],
        "weights_shared": [(rule, "shared") for rule in [*fixed, "meta"]],
        "thresholds": [("uniform", rule) for rule in ("fixed", "shared", "meta", "short", "in_sample")],
    }
    assert {method.classifier for method in cells(BLOCKS)} == {"linear"}


def test_every_row_is_compared_with_the_reference_policy_in_its_own_place():
    every = cells(BLOCKS)
    assert len({method.cell for method in every}) == len(every) == 18
    found = [(every[i].cell[1:], every[j].cell[1:]) for i, j in comparisons(BLOCKS)]
    assert len(found) == len(set(found)) == 4 + 6 + 4 + 4
    plain, shared = ("uniform", "fixed"), ("uniform", "shared")
    assert [other for cell, other in found if cell == plain] == [
        ("meta", "meta"),
        ("meta", "fixed"),
        ("uniform", "meta"),
    ]
    assert [other for cell, other in found if cell == shared] == [
        ("meta", "meta"),
        ("meta", "shared"),
        ("uniform", "meta"),
    ]
    assert (("short", "fixed"), ("meta", "fixed")) in found and (("uniform", "short"), ("uniform", "meta")) in found


def test_what_differs_is_written_from_the_parameters():
    assert described(POLICIES["short"], META) == "utility.accuracy = 0.0, episodes = 7"
    assert described(
        LearnerParameters(training={"rollout": "batch", "batches": 3}, threshold_bounds=(0.1, 0.9)), META
    ) == ("threshold_bounds = [0.1, 0.9], training.batches = 3, training.rollout = batch")
    assert described(META, LearnerParameters(training={"batches": 3})) == "training.batches = null"
    assert described(META, META) == "the same parameters"
    assert "short: utility.accuracy = 0.0, episodes = 7" in BLOCKS[0].rows


def test_what_differs_in_much_stands_below_the_table(prepared):
    policies = {
        "meta": META,
        "other": LearnerParameters(episodes=7, steps=9, estimator="evolution", hidden=5),
        "short": POLICIES["short"],
    }
    assert "other: 4 parameters, below" in layout("linear", "meta", policies)[0].rows
    notes = explanations("meta", policies)
    assert notes == ["other: estimator = evolution, episodes = 7, steps = 9, hidden = 5."]
    found = ablation_table(
        read_facts(prepared), "linear", "valid", BLOCKS, numbers(), seeds=[0], level=0.05, explained=notes
    )
    assert found.markdown().endswith(f"- {notes[0]}\n")


def test_a_row_shows_mean_deviation_difference_and_mark(prepared):
    row = "short: utility.accuracy = 0.0, episodes = 7"
    change = {("weights", row, "accuracy"): (-0.1, 0.049), ("weights", row, "macro_f1"): (0.1, 0.05)}
    shown = table(prepared, change).markdown()
    (line,) = [line for line in shown.splitlines() if "episodes = 7" in line and "0.100" in line]
    cells_ = [cell.strip() for cell in line.strip("|").split("|")]
    # (0.4 + 0.6) / 2 and (0.6 + 0.6) / 2; the mark goes by p_holm below the level, whatever the direction.
    assert cells_[1:] == ["0.500 ± 0.141", "−0.100†", "**0.600 ± 0.000**", "+0.100"]
    (reference, *_) = [line for line in shown.splitlines() if line.startswith("| meta (reference)")]
    assert [cell.strip() for cell in reference.strip("|").split("|")][2] == ""


def test_the_claim_about_weights_is_judged_measure_by_measure(prepared):
    def claim(change):
        (_, shared) = [note for note in table(prepared, change).notes if "better than uniform" in note]
        return shared.partition("? ")[2]

    assert claim({}) == "Accuracy yes, not all beyond chance; Macro-F1 yes, not all beyond chance."
    better = {("weights_shared", name, "accuracy"): (-0.02, 0.01) for name in FIXED_WEIGHTS.values()}
    worse = {("weights_shared", "freq^-0.5", "macro_f1"): (0.004, 0.01)}
    assert claim(better | worse) == "Accuracy yes, beyond chance; Macro-F1 no (freq^-0.5: +0.004)."
    equal = {("weights_shared", "uniform", "accuracy"): (0.0, 1.0)}
    assert claim(equal).startswith("Accuracy no (uniform: +0.000);")


@pytest.mark.parametrize(
    ("split", "words"), [("test", "nothing was fitted on it"), ("valid", "Shared thresholds were fitted on it")]
)
def test_the_table_says_which_split_it_is_of(prepared, split, words):
    found = table(prepared, split=split)
    assert {"test": "test split", "valid": "validation split"}[split] in found.corner
    assert words in found.notes[1]
    assert "18 comparisons" in found.notes[3]


def test_latex_is_whole(prepared):
    found = ablation_latex(table(prepared))
    assert found.count(r"\begin{tabular}") == found.count(r"\end{tabular}") == len(BLOCKS)
    assert "Δ" not in found and "†" not in found and "freq^" not in found
    widths = {len(re.findall(r"(?<!\\)&", line)) for line in found.splitlines() if line.endswith(r"\\")}
    assert widths == {2 * len(MEASURES)}
    assert found.count("90 labels") == 1  # the notes stand once, below the last block
