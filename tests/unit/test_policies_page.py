"""The tables of docs/policies.md are what docs/results/ holds: no number is typed by hand, or left from another run."""

from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from labelpolicy.thresholds.objectives import MEASURES

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "policies.md").read_text(encoding="utf-8").splitlines()

#: Rows of the table on Reuters-21578: label weights and thresholds.
REUTERS = {
    "0.5": ("uniform", "fixed"),
    "`+one`": ("uniform", "fixed+one"),
    "one number, `odr`": ("uniform", "odr"),
    "a number per label, `scutfbr1`": ("uniform", "scutfbr1"),
    "a number per label by rank, `pcut`": ("uniform", "pcut"),
    "two numbers, `shared`": ("uniform", "shared"),
    "`shared+one`": ("uniform", "shared+one"),
    "`shared+one+oof`": ("uniform", "shared+one+oof"),
    "learned while training, `meta`": ("uniform", "meta"),
    "`meta+one`": ("uniform", "meta+one"),
    "learned on out-of-fold scores, `meta+one+oof`": ("uniform", "meta+one+oof"),
    "learned weights, 0.5": ("meta", "fixed"),
    "learned weights and thresholds": ("meta", "meta"),
    "Eq. 6, both": ("meta_paper", "meta_paper"),
    "Subset Maximization": ("+subset_maximization", "uniform", "fixed"),
}
#: Columns of the table of the other data sets, and its rows.
COLUMNS = [
    *(REUTERS[name] for name in ("0.5", "`+one`", "`shared+one`", "`shared+one+oof`")),
    *(REUTERS[f"learned {name}"] for name in ("on out-of-fold scores, `meta+one+oof`", "weights and thresholds")),
    REUTERS["Subset Maximization"],
]
OTHERS = {
    "GoEmotions, Kim-CNN": ("goemotions", "kim_cnn"),
    "GoEmotions, Linear": ("goemotions", "linear"),
    "GoEmotions, LinearSVC": ("goemotions", "linear_svc"),
    "BBN re-split, LSTM": ("bbn_gold", "attentive_lstm"),
    "BBN re-split, LinearSVC": ("bbn_gold", "linear_svc"),
    "OntoNotes re-split, LSTM": ("ontonotes_gold", "attentive_lstm"),
    "OntoNotes re-split, LinearSVC": ("ontonotes_gold", "linear_svc"),
    "FIGER re-split, LSTM": ("figer_gold", "attentive_lstm"),
    "FIGER re-split, LinearSVC": ("figer_gold", "linear_svc"),
}


@cache
def measured(dataset):
    return pd.read_csv(DOCS / "results" / dataset / "metrics.csv")


def numbers(dataset, classifier, *cell):
    """Test measures of a cell, mean over the seeds that are there, as the page shows them."""
    *chain, weights, thresholds = cell
    wanted = {"split": "test", "classifier": classifier + "".join(chain), "weights": weights, "thresholds": thresholds}
    found = measured(dataset)
    found = found[(found[list(wanted)] == pd.Series(wanted)).all(axis=1)]
    mean = found.groupby("metric").value.mean()
    return " / ".join(f"{mean[measure]:.3f}" for measure in MEASURES) if len(mean) else "–"


@pytest.mark.parametrize("name", REUTERS)
def test_reuters(name):
    shown = [numbers("reuters21578", classifier, *REUTERS[name]) for classifier in ("linear_svc", "linear", "kim_cnn")]
    assert f"| {name} | {' | '.join(shown)} |" in PAGE


@pytest.mark.parametrize("name", OTHERS)
def test_other_data_sets(name):
    shown = [numbers(*OTHERS[name], *cell) for cell in COLUMNS]
    assert f"| {name} | {' | '.join(shown)} |" in PAGE
