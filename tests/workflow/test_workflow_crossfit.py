"""Thresholds with +one and +oof, from nothing, by a sheet of rows that the command line names."""

import json
import shutil

import pyarrow.parquet as pq

from labelpolicy.methods import COLUMNS

CLASSIFIERS = ("linear", "linear_svc", "linear+classifier_chain")
THRESHOLDS = ("fixed+one+oof", "shared+one", "shared+one+oof")
TARGET = ("--config", "methods=mine.tsv", "--", "results/significance.parquet")


def write_sheet(study, rows):
    lines = [COLUMNS, *((f"{c} {t}", c, "uniform", t, "-", "base", "all") for c, t in rows)]
    (study.folder / "mine.tsv").write_text("".join("\t".join(line) + "\n" for line in lines))


def test_out_of_fold_cells_from_nothing_and_again_on_one_core(study):
    write_sheet(study, [(c, t) for c in CLASSIFIERS for t in THRESHOLDS])
    jobs = study.jobs(*TARGET)
    assert len([job for job in jobs if job.startswith("Score synthetic out of fold")]) == len(CLASSIFIERS)
    study.run(*TARGET)
    assert study.jobs(*TARGET) == set()
    for classifier in CLASSIFIERS:
        folder = study.folder / "results/synthetic" / classifier / "uniform/seed0"
        documents = {
            split: pq.read_metadata(study.folder / f"data/processed/synthetic/{split}.parquet").num_rows
            for split in ("train", "valid", "test")
        }
        counts = pq.read_table(folder / "out_of_fold.parquet")["split"].value_counts().to_pylist()
        assert {count["values"]: count["counts"] for count in counts} == documents
        for thresholds in THRESHOLDS:
            metrics = json.loads((folder / thresholds / "metrics.json").read_text())
            assert metrics["about"].get("train_documents") == (documents["train"] if "+oof" in thresholds else None)
            assert json.loads((folder / thresholds / "thresholds.json").read_text())["at_least_one"] is True
    first = study.products()
    for name in ("data", "results", ".snakemake"):
        shutil.rmtree(study.folder / name)
    study.run("--cores", "1", *TARGET)
    assert study.products() == first


def test_without_such_a_row_nothing_is_cross_fitted(study):
    write_sheet(study, [("linear", "shared+one"), ("linear_svc", "fixed")])
    assert not any("out of fold" in job for job in study.jobs(*TARGET))


def test_suffixes_in_the_wrong_order_stop_before_anything_starts(study):
    write_sheet(study, [("linear", "fixed"), ("linear", "shared+oof+one")])
    printed = study.run(*TARGET, fails=True)
    assert "mine.tsv, line 3: unknown thresholds 'shared+oof+one'; expected one of fixed, scut" in printed
    assert "alone or followed by +one, +oof or +one+oof" in printed
    assert "Traceback" not in printed and not (study.folder / "data").exists()
