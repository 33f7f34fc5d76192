"""Made-up results that look like real ones: 90 labels, frequencies falling as rank to the -1.3."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from labelpolicy.files import write_parquet, write_rows
from labelpolicy.methods import read_methods, rows_of
from labelpolicy.report.comparisons import SCHEMA as SIGNIFICANCE
from labelpolicy.steps.robustness import SCHEMA as ROBUSTNESS
from labelpolicy.steps.robustness import SCORES, STATISTICS
from labelpolicy.steps.summary import FURTHER

ROOT = Path(__file__).parents[3]
METHODS = ROOT / "workflow" / "methods.tsv"
PAPER = ROOT / "workflow" / "paper.tsv"
DOCUMENTS = {"train": 6992, "valid": 777, "test": 3019}

NAMES = """acq alum barley bop carcass castor-oil cocoa coconut coconut-oil coffee copper copra-cake corn cotton
cotton-oil cpi cpu crude dfl dlr dmk earn fuel gas gnp gold grain groundnut groundnut-oil heat hog housing income
instal-debt interest ipi iron-steel jet jobs l-cattle lead lei lin-oil livestock lumber meal-feed money-fx
money-supply naphtha nat-gas nickel nkr nzdlr oat oilseed orange palladium palm-oil palmkernel pet-chem platinum
potato propane rand rape-oil rapeseed reserves retail rice rubber rye ship silver sorghum soy-meal soy-oil soybean
strategic-metal sugar sun-meal sun-oil sunseed tea tin trade veg-oil wheat wpi yen zinc"""
REUTERS = NAMES.split()
QUANTILES = ("00", "10", "25", "50", "75", "90", "100")


def write_metrics(
    path: Path, *, seeds: int = 1, drop: tuple = (), datasets: tuple[str, ...] = ("reuters21578",)
) -> Path:
    """A metrics.parquet for all of methods.tsv; ``drop`` names one (cell, seed) to leave out."""
    random = np.random.default_rng(0)
    rows = []
    for dataset in datasets:
        for method in rows_of(read_methods(METHODS), dataset):
            start = {"accuracy": 0.79, "macro_f1": 0.45, "micro_f1": 0.85} | dict.fromkeys(FURTHER, 0.8)
            for metric in start:
                start[metric] += random.normal(0, 0.02)
            for seed in range(seeds):
                for split in ("valid", "test"):
                    for metric, value in start.items():
                        if (method.cell, seed) != drop:
                            row = (dataset, *method.cell, seed, split, metric, value + random.normal(0, 0.004))
                            rows.append(row)
    names = ("dataset", "classifier", "weights", "thresholds", "seed", "split", "metric", "value")
    write_parquet(path, pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))))
    return path


def write_trace(path: Path, *, literal: bool, episodes: int = 60, steps: int = 20) -> Path:
    """A trace.parquet: rewards that rise gently, or diverge as those of Eq. 6 do."""
    random = np.random.default_rng(2)
    episode, step = np.divmod(np.arange(episodes * steps), steps)
    progress = episode / max(episodes - 1, 1)
    if literal:
        reward = 86 * np.exp(progress * np.log(3.5e6 / 86)) * random.lognormal(0, 0.3, len(episode))
        reward[::17] *= -0.2
        centre, spread = 0.5 + 0.45 * progress, 0.1 + 2.5 * progress
    else:
        reward = 30 + 14 * (1 - np.exp(-4 * progress)) + random.normal(0, 2, len(episode))
        centre, spread = 0.5 - 0.12 * progress, 0.15 + 0.3 * progress
    columns = {"episode": episode, "step": step, "reward": reward}
    logit = np.log(centre / (1 - centre))
    for name, z in zip(QUANTILES, (-2.5, -1.3, -0.67, 0, 0.67, 1.3, 2.5), strict=True):
        columns[f"p_q{name}"] = np.clip(1 / (1 + np.exp(-(logit + spread * z))), 0.05, 0.95)
        columns[f"w_q{name}"] = np.exp(z * spread * 0.4)
    write_parquet(path, pa.table(columns))
    return path


def write_history(path: Path, *, epochs: int, lift: float) -> Path:
    random = np.random.default_rng(int(lift * 1000) + 100)
    epoch = np.arange(1, epochs + 1)
    rise = 1 - np.exp(-epoch / 4)
    columns = {"epoch": epoch, "loss": 0.25 * np.exp(-epoch / 3) + 0.02 + lift / 10}
    for name, top in (("accuracy", 0.77), ("macro_f1", 0.42), ("micro_f1", 0.84)):
        columns[f"valid_{name}"] = (top + lift) * rise + random.normal(0, 0.004, epochs)
    write_parquet(path, pa.table(columns))
    return path


def write_labels(path: Path, counts: np.ndarray, *, lift: float, support: np.ndarray | None = None) -> Path:
    random = np.random.default_rng(5)
    f1 = np.clip(0.12 * np.log(counts) + random.normal(0, 0.15, len(counts)), 0, 0.97)
    f1[counts < 8] *= random.random((counts < 8).sum()) < 0.3
    f1 = np.clip(f1 + lift * np.random.default_rng(6).normal(0.1, 0.12, len(counts)) * (f1 > 0), 0, 1)
    f1 = np.where((f1 == 0) & (random.random(len(counts)) < lift * 0.4), 0.4, f1)
    zeros = np.zeros(len(counts))
    columns = {"label": REUTERS, "train_count": counts, "threshold": zeros + 0.5, "tp": zeros.astype(int)}
    columns |= {"fp": zeros.astype(int), "fn": zeros.astype(int), "precision": f1, "recall": f1, "f1": f1}
    write_parquet(path, pa.table(columns | {"support": np.maximum(counts // 3, 1) if support is None else support}))
    return path


def write_robustness(path: Path, *, runs: int = 10, deviation: float = 0.002) -> Path:
    """A file of the step robustness: single runs, and statistics over them."""
    random = np.random.default_rng(3)
    drawn = {init: {metric: 0.6 + deviation * random.normal() for metric in SCORES} for init in range(1, runs + 1)}
    place = ("reuters21578", "kim_cnn", "meta", 0)
    rows = [
        (*place, statistic, None, metric, float(of([values[metric] for values in drawn.values()])))
        for statistic, of in STATISTICS.items()
        for metric in SCORES
    ]
    rows += [(*place, "run", init, metric, value) for init in drawn for metric, value in drawn[init].items()]
    write_rows(ROBUSTNESS, rows, parquet=path, csv=path.with_suffix(".csv"))
    return path


def write_significance(path: Path, above: set[tuple[str, str, str]]) -> Path:
    """A significance.parquet: every learned row against every other, beyond chance where ``above`` says so."""
    methods = rows_of(read_methods(METHODS), "reuters21578")
    rows = [
        ("reuters21578", *names, 0.01, 0.0, 0.02, 0.5, 0.5, names in above)
        for row in methods
        if row.is_learned
        for other in methods
        if other != row
        for names in ((row.name, other.name, measure) for measure in ("accuracy", "macro_f1", "micro_f1"))
    ]
    write_rows(SIGNIFICANCE, [(*row, 1, 3019) for row in rows], parquet=path, csv=path.with_suffix(".csv"))
    return path
