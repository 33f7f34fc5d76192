"""transfer: metrics.json of meta-learners at home and elsewhere to one table, of exactly the given files."""

from __future__ import annotations

import re

import pytest

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import write_json
from labelpolicy.metrics import NAMES
from labelpolicy.steps import transfer

DATASETS = ("reuters21578", "bbn_gold")
LEARNED = "meta+one+oof"


def write(path, accuracy, loose=0.3):
    rest = dict.fromkeys(NAMES, 0.5)
    test = rest | {"accuracy": accuracy, "macro_f1": 1 - accuracy, "loose_macro_f1": loose}
    write_json(path, {"valid": dict.fromkeys(NAMES, 0.9), "test": test})
    return path


def own(results, dataset, thresholds, seed, accuracy, classifier="linear_svc"):
    folder = results / f"{dataset}/{classifier}/uniform/seed{seed}"
    if thresholds == LEARNED:
        write_json(folder / f"learned/{thresholds}/policy.json", {"about": {"kept": 0.5}})
    return write(folder / f"{thresholds}/metrics.json", accuracy)


def moved(results, source, dataset, seed, accuracy, thresholds=LEARNED, classifier="linear_svc"):
    folder = results / f"transfer/{source}/{dataset}/{classifier}/seed{seed}"
    write_json(folder / "policy.json", {"about": {"kept": 0.25 if dataset == DATASETS[0] else 0.75}})
    return write(folder / f"{thresholds}/metrics.json", accuracy)


@pytest.fixture
def files(tmp_path):
    results = tmp_path / "results"
    found = []
    for seed in (0, 1):
        for place, dataset in enumerate(DATASETS):
            found.append(own(results, dataset, LEARNED, seed, 0.6 + 0.1 * place + 0.02 * seed))
            found.append(own(results, dataset, "shared+one+oof", seed, 0.55))
            found.append(own(results, dataset, "fixed+oof", seed, 0.4))
            found.append(moved(results, dataset, DATASETS[1 - place], seed, 0.8 + 0.02 * seed))
    return found


def run(folder, metrics):
    transfer.run(metrics=metrics, output=folder / "t.tex", markdown=folder / "t.md")
    return (folder / "t.md").read_text()


def cells(text):
    """Rows of numbers by (block, name)."""
    found, block = {}, None
    for line in text.splitlines():
        parts = [part.strip() for part in line.strip("|").split("|")] if line.startswith("|") else [""]
        if parts[0].startswith("**"):
            block = parts[0].strip("*")
        elif len(parts) > 1 and block:
            found[block, parts[0]] = parts[1:]
    return found


def test_by_hand(tmp_path, files):
    text = run(tmp_path, files)
    assert re.split(r"\s*\|\s*", text.splitlines()[0])[1:-1] == ["Learned on", "Reuters-21578", "BBN gold, re-split"]
    found = cells(text)
    assert found["Accuracy", "Reuters-21578"] == ["[0.610] ± 0.014", "**0.810 ± 0.014**"]
    assert found["Accuracy", "BBN gold, re-split"] == ["**0.810 ± 0.014**", "[0.710] ± 0.014"]
    assert found["Accuracy", "shared+one+oof"] == ["0.550 ± 0.000"] * 2
    assert found["Accuracy", "fixed+oof"] == ["0.400 ± 0.000"] * 2
    assert found["Macro-F1", "fixed+oof"] == ["**0.600 ± 0.000**"] * 2
    loose = {name: row for (block, name), row in found.items() if block.startswith("Loose macro-F1")}
    assert list(loose) == ["Reuters-21578", "BBN gold, re-split", "shared+one+oof", "fixed+oof"]
    assert all(row[0] == "–" and "0.300" in row[1] for row in loose.values())  # Reuters is no entity typing
    assert found["Share kept of what was learned", "Reuters-21578"] == ["[0.50]", "0.75"]
    assert found["Share kept of what was learned", "BBN gold, re-split"] == ["0.25", "[0.50]"]
    latex = (tmp_path / "t.tex").read_text()
    assert r"Reuters-21578 & [0.610]\,{\tiny$\pm$.014} & \textbf{0.810}\,{\tiny$\pm$.014} \\" in latex
    assert "–" not in latex and latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == 1
    assert "2 seeds (0, 1)" in text and "Test split" in text and LEARNED in text


def test_one_seed_has_no_deviation_and_text_alone_no_loose_measure(tmp_path, files):
    results = tmp_path / "results"
    few = [own(results, name, rule, 0, 0.5) for name in ("a", "b") for rule in (LEARNED, "fixed+oof")]
    few += [moved(results, "a", "b", 0, 0.25), moved(results, "b", "a", 0, 0.75)]
    text = run(tmp_path, few)
    assert "±" not in text and "Loose" not in text and "one seed (0)" in text
    assert cells(text)["Accuracy", "b"] == ["**0.750**", "**[0.500]**"]


def test_the_table_is_that_of_the_files_in_whatever_order_they_come(tmp_path, files):
    text = run(tmp_path, files)
    first = [path for path in files if "reuters21578/linear_svc/uniform" in str(path)]
    assert run(tmp_path, first + [path for path in reversed(files) if path not in first]) == text


def test_a_policy_that_was_not_learned_on_scores(tmp_path, files):
    policy = files[3].parent.parent / "policy.json"
    write_json(policy, {"about": {"init": 0}})
    with pytest.raises(LabelPolicyError, match=r"policy\.json: no share 'kept' in 'about': expected a policy rolled"):
        run(tmp_path, files)
    assert not list(tmp_path.glob("t.*"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda files, results: files[:-1], r"no metrics\.json of row 'bbn_gold' on reuters21578, seed 1: give all"),
        (lambda files, results: [*files, files[0]], r"metrics\.json: the same place of the table as .*: give it once"),
        (lambda files, results: [files[0]], r"found the learned thresholds \(none\) and the classifiers linear_svc"),
        (lambda files, results: [], r"found the learned thresholds \(none\)"),
        (
            lambda files, results: [*files, moved(results, "a", "b", 0, 0.5, thresholds="other+one+oof")],
            r"learned thresholds meta\+one\+oof, other\+one\+oof and the classifiers",
        ),
        (
            lambda files, results: [*files, own(results, "a", "fixed+oof", 0, 0.5, classifier="linear")],
            "the classifiers linear, linear_svc, expected one of each",
        ),
        (
            lambda files, results: [*files, moved(results, "a", "a", 0, 0.5)],
            r"transfer/a/a/.*: not the path of a transferred meta-learner, expected \.\.\./transfer/\{learned on\}",
        ),
        (lambda files, results: [*files, results / "metrics.json"], "not the path of a cell"),
        (lambda files, results: [*files[:-1], results.joinpath(*files[-1].parts[-7:-1], "x.json")], "not the path"),
    ],
)
def test_what_does_not_fit_is_one_line_before_anything_is_written(tmp_path, files, change, message):
    with pytest.raises(LabelPolicyError, match=message) as error:
        run(tmp_path, change(files, tmp_path / "results"))
    assert "\n" not in str(error.value)
    assert not list(tmp_path.glob("t.*"))
