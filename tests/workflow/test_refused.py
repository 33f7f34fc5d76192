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
