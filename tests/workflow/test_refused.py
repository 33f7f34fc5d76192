"""What stops the workflow before anything starts, and how its commands are written."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import ROOT, Study

ABLATION = "ablation:\n  reference: meta\n  policies: []\n"
#: What is changed (a file, text in it and another; "" appends), what is asked for, and the one line that says why not.
REFUSED = [
    ("params.yaml", "    episodes: 3\n", "    epsodes: 3\n", "params.yaml: policies.meta.epsodes: unknown parameter"),
    ("params.yaml", "    epochs: 4\n", "    epochs: none\n", "params.yaml: classifiers.kim_cnn.epochs: found 'none'"),
    ("params.yaml", "  - synthetic\n", "  - Nowhere!\n", "params.yaml: grid.datasets.0: found 'Nowhere!'"),
    ("workflow/methods.tsv", "", "New\tkim_cnn\tuniform\tnothing\t-\tbase\tall\n", "'nothing'"),
    ("workflow/methods.tsv", "", "Linear\tlinear\tuniform\tscut\t-\tbase\tall\n", "'Linear'"),
    ("workflow/methods.tsv", "", "New\tlinear\tuniform\tfixed\n", "methods.tsv, line 11"),
    ("workflow/methods.tsv", "", "New\tlinear\tuniform\tshared+oof+one\t-\tone\tall\n", "'shared+oof+one'"),
    ("params.yaml", "", "robustness:\n  policy: meto\n", "params.yaml: robustness.policy: 'meto' is none of meta, "),
    (
        "params.yaml",
        "",
        "robustness:\n  classifiers: [linear_svc]\n",
        "robustness.classifiers: 'linear_svc' is none of",
    ),
    ("params.yaml", "", "ablation:\n  reference: meto\n", "params.yaml: ablation.reference: 'meto' is none of meta, "),
    ("params.yaml", "", "ablation:\n  policies: [meto]\n", "params.yaml: ablation.policies: 'meto' is none of meta, "),
    ("params.yaml", "", "ablation:\n  classifiers: [linear_svc]\n", "ablation.classifiers: 'linear_svc' is none of"),
    (
        "params.yaml",
        "",
        "ablation:\n  classifiers: [attentive_lstm]\n",
        "no data set of the grid has rows of attentive",
    ),
    (
        "params.yaml",
        "  robustness: false\n",
        "  labels: {mine: [a]}\n",
        "report.labels: data set 'mine' is not in grid",
    ),
    ("params.yaml", "  - synthetic\n", "  - synthetic\n  - synthetic\n", "grid.datasets: found"),
    ("params.yaml", "  - synthetic\n", "  - synthetic\n  - mine\n", "data set 'mine': data/raw/mine: no such folder"),
    ("params.yaml", "    source: random\n", "    source: file\n    path: no{where}\n", "no{where}: no such file"),
    ("params.yaml", "grid:\n", "grid: {seeds: 2}\ngrid:\n", "params.yaml: not valid YAML: line 2: the key 'grid'"),
    ("params.yaml", "  labels: 6\n", "  labels: 6\n  labels: 7\n", "the key 'labels' is given a second time"),
    ("workflow/methods.tsv", "LinearSVC\tlinear_svc\tuniform", "SVC\tlinear_svc\tmeta", "not trained by gradient"),
    ("workflow/methods.tsv", "linear_svc\tuniform\tscut", "linear_svc\tuniform\tmeta", "not trained by gradient"),
    (
        "workflow/methods.tsv",
        "",
        "New\tlinear-linear_svc\tuniform\tshared\t-\tone\tall\n",
        "line 11: linear-linear_svc joins out-of-fold scores",
    ),
    ("workflow/paper.tsv", "\t0.", "\tzero.", "paper.tsv, line"),
    ("workflow/claims.tsv", "\t", " ", "claims.tsv, line 1"),
    ("workflow/resources.tsv", "\t", " ", "resources.tsv, line 1"),
]


def refusal(folder, commands, file, find, put) -> tuple[str, bool]:
    study = Study(folder, commands)
    if find:
        study.edit(file, find, put)
    else:
        path = study.folder / file
        path.write_text(path.read_text() + put)
    target = "ablation" if "ablation" in put else "all"
    return study.run(target, fails=True), (study.folder / "data").exists()


def test_a_wrong_name_or_parameter_stops_before_anything_starts(tmp_path, commands):
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(refusal, tmp_path / str(i), commands, *case[:3]) for i, case in enumerate(REFUSED)]
    for run, case in zip(runs, REFUSED, strict=True):
        printed, started = run.result()
        assert case[-1] in printed and not started, printed
        # That of the ablation is found only where it is asked for, in a function of Snakemake's.
        assert "Traceback" not in printed or "attentive" in case[-1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--config", "grid={seeds: 0}"), "--config: grid.seeds: found '0'"),
        (("--config", "threads=1", "seeds=1"), "--config: seeds: unknown parameter"),
        (("--configfile", "other.yaml"), "other.yaml: grid.seeds: found -1"),
        (
            ("--configfile", "other.yaml", "--config", "grid={seeds: 3}"),
            "params.yaml: significance.draws: found 'none'",
        ),
        (("--config", "methods=my {sheet}.tsv"), "my {sheet}.tsv: found braces"),
        (("--config", "methods=nowhere.tsv"), "nowhere.tsv: no such file"),
    ],
)
def test_a_message_names_where_a_value_comes_from(words, message, study):
    if "draws" in message:
        study.edit("params.yaml", "draws: 2000", "draws: none")
    (study.folder / "other.yaml").write_text("grid: {seeds: -1}\n")
    printed = study.run("--dry-run", *words, fails=True)
    assert message in printed and "Traceback" not in printed


def test_a_data_set_without_rows_and_places_that_cannot_be_written(study):
    sheet = study.folder / "workflow/methods.tsv"
    rows = sheet.read_text()
    sheet.write_text(rows.replace("\tall\n", "\ttyping\n"))
    assert "no row for data set 'synthetic'" in study.run("--dry-run", fails=True)
    sheet.write_text(rows)
    for place, message in (("results", "a file is there"), ("data/processed/synthetic", "a file is there")):
        path = study.folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
        assert f"{place}: {message}" in study.run("--dry-run", fails=True)
        path.unlink()
    (study.folder / "params.yaml").write_bytes("mirror: caf\xe9\n".encode("latin-1"))
    printed = study.run("--dry-run", fails=True)
    assert "params.yaml: not UTF-8 text" in printed and "Traceback" not in printed


def test_a_folder_with_braces_in_its_name(study):
    study.folder = study.folder.rename(study.folder.with_name("a {dataset} $(touch executed) 'folder'"))
    study.run("data/processed/synthetic/dataset.json")
    assert study.jobs("data/processed/synthetic/dataset.json") == set()
    assert not [*study.folder.parent.rglob("executed")]


def test_a_label_that_is_not_there_stops_before_anything_is_trained(copy):
    copy.set("report:\n  labels:\n    synthetic: [nothing_like_it]\n")
    printed = copy.run("--dry-run", fails=True)
    assert "report.labels.synthetic: the data set has no label 'nothing_like_it'" in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize("file", sorted((ROOT / "workflow/rules").glob("*.smk")), ids=lambda file: file.stem)
def test_every_argument_of_a_command_is_quoted(file):
    """All that stands in braces in a command is quoted by Snakemake, whatever is in it."""
    lines = iter(file.read_text().splitlines())
    for line in lines:
        if line.strip() != "shell:" and not line.startswith("DECIDE = ("):
            continue
        for part in lines:
            if part.strip() == ")" or not part.startswith("    "):
                break
            for placeholder in re.findall(r"\{([^}]*)\}", part):
                assert placeholder.endswith(":q") or placeholder == "threads", (file.name, part)
