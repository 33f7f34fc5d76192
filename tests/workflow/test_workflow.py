"""The real workflow, end to end, on the synthetic corpus."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest import SHEET
from tiny_transformer import tiny

from labelpolicy import load
from labelpolicy.data.prepared import Prepared

ROOT = Path(__file__).parents[2]
MEASURES = ("accuracy", "macro_f1", "micro_f1")


def cell(study, path):
    return json.loads((study.folder / "results/synthetic" / path / "metrics.json").read_text())


def test_from_nothing_to_the_summary(finished):
    """Every product of the main job is there and holds what a user would look for."""
    results = finished.folder / "results"
    summary = (results / "summary.md").read_text()
    assert "synthetic" in summary.lower()
    accuracy = cell(finished, "linear_svc/uniform/seed0/scut")["test"]["accuracy"]
    assert f"{accuracy:.3f}" in summary
    table = (results / "tables/table5.tex").read_text()
    assert r"\toprule" in table and f"{accuracy:.3f}" in table
    tidy = pq.read_table(results / "metrics.parquet").to_pandas()
    assert set(tidy["classifier"]) == {"kim_cnn", "linear", "linear_svc", "linear+classifier_chain"}
    assert len(tidy.groupby(["classifier", "weights", "thresholds"])) == 9
    for name in ("learning_curve", "trace", "f1_by_frequency", "meta/policy", "meta/label_f1"):
        for suffix in ("pdf", "png", "svg"):
            assert (results / f"figures/synthetic/kim_cnn/{name}.{suffix}").stat().st_size > 5000
    policy = json.loads((results / "synthetic/kim_cnn/meta/seed0/policy.json").read_text())["labels"]
    assert len(policy) == 6
    assert sum(entry["weight"] for entry in policy.values()) == pytest.approx(1)
    assert all(0 < entry["threshold"] < 1 for entry in policy.values())


def test_the_classifiers_learn_the_synthetic_labels(finished):
    """Far above what predicting the most frequent label everywhere would reach."""
    assert cell(finished, "linear/uniform/seed0/shared")["test"]["micro_f1"] > 0.7
    assert cell(finished, "linear_svc/uniform/seed0/scut")["test"]["micro_f1"] > 0.7


def test_a_csv_file_is_all_it_takes(study):
    """The shortest command; the file is read again when it is edited, a broken one is refused before any job."""
    rows = [f'{n},"the {("sun", "rain")[n % 2]} of, day {n % 7}",{n % 2},{1 - n % 2}' for n in range(120)]
    csv = study.folder / "train.csv"
    csv.write_text("\n".join(["id,comment_text,wet,dry", *rows]) + "\n")
    study.edit("params.yaml", "  datasets:\n  - synthetic\n", "  seeds: 1\n")
    target = "results/mine/linear/uniform/seed0/fixed/metrics.json"
    study.run(target, "--config", "data_sets={mine: train.csv}")
    assert json.loads((study.folder / target).read_text())["test"]["micro_f1"] > 0.9
    facts = json.loads((study.folder / "data/processed/mine/dataset.json").read_text())
    assert facts["documents"]["test"] == 24 and facts["held_out"] == ["valid", "test"]
    csv.write_text(csv.read_text().replace("day 3", "day three"))
    assert "Prepare mine" in study.jobs(target, "--config", "data_sets={mine: train.csv}")
    printed = study.run(target, "--config", "data_sets={mine: trian.csv}", fails=True)
    assert "data_sets.mine.files: trian.csv: no such file" in printed


def test_out_of_fold_cells_are_of_all_documents(finished):
    documents = {
        split: pq.read_metadata(finished.folder / f"data/processed/synthetic/{split}.parquet").num_rows
        for split in ("train", "valid", "test")
    }
    for row in ("linear/uniform/seed0/{}shared+one+oof", "linear+classifier_chain/uniform/seed0/{}fixed+one+oof"):
        scores = finished.folder / "results/synthetic" / row.partition("{")[0] / "out_of_fold.parquet"
        counts = pq.read_table(scores)["split"].value_counts().to_pylist()
        assert {count["values"]: count["counts"] for count in counts} == documents
        decided = cell(finished, row.format(""))
        assert decided["about"]["train_documents"] == documents["train"]
    thresholds = finished.folder / "results/synthetic/linear/uniform/seed0/meta+one+oof/thresholds.json"
    assert json.loads(thresholds.read_text())["at_least_one"] is True
    assert "train_documents" not in cell(finished, "linear/uniform/seed0/fixed")["about"]


def test_significance_is_of_learned_rows_against_others_of_their_classifier_and_of_fixed_against_baselines(finished):
    rows = pq.read_table(finished.folder / "results/significance.parquet").to_pylist()
    learned = {"CNN+Meta-Training-Prediction", "Linear (Eq. 6)", "Linear+Meta-Prediction+One+OOF"}
    fixed = {"Linear+Shared-Prediction", "Linear+Shared-Prediction+One+OOF", "Linear+Chain"}
    assert {row["row"] for row in rows} == learned | fixed
    assert {row["other"] for row in rows if row["row"] in fixed} == {"Linear"}
    others = {"kim_cnn": 1, "linear": 5}  # a learned row each, and two with five others each, chain included
    assert len(rows) == (others["kim_cnn"] + 2 * others["linear"] + len(fixed)) * len(MEASURES)
    assert {(row["dataset"], row["seeds"], row["documents"]) for row in rows} == {("synthetic", 1, 100)}


def test_a_killed_run_resumes_on_one_core_and_ends_with_the_same_bytes(finished, study):
    """SIGKILL of the whole process group while classifiers are training."""
    running = subprocess.Popen(
        study.command(), cwd=study.folder, env=study.really, start_new_session=True, stderr=subprocess.DEVNULL
    )
    logs = study.folder / "logs/train"
    deadline = time.monotonic() + 120
    while not any(logs.rglob("*.log")) and running.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert running.poll() is None, "the run ended before it could be killed"
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert not any(name.endswith("summary.md") for name in study.products())
    study.run("--unlock")
    study.run("--cores", "1")
    products = {name: digest for name, digest in study.products().items() if "/." not in name}
    assert "results/summary.md" in products and products.items() <= finished.products().items()


def test_nothing_is_to_be_done_after_a_run_or_for_touched_files_or_the_same_code_elsewhere(copy):
    assert copy.jobs("report") == set()
    copy.own_source()
    for name in ("data/processed/synthetic/train.parquet", "params.yaml", "workflow/methods.tsv"):
        path = copy.folder / name
        content = path.read_bytes()
        path.unlink()  # not through the link to the finished study
        path.write_bytes(content)
    assert copy.jobs("report") == set()


def made(jobs, *words):
    """The jobs whose message begins with one of these words."""
    return {job for job in jobs if job.startswith(words)}


TRAINING = ("Generate", "Prepare", "Weigh", "Learn", "Roll", "Train", "Score")


def test_an_edit_reruns_what_it_can_change_and_nothing_else(copy):
    source = copy.own_source()
    for file in source.rglob("*.py"):
        file.write_text(file.read_text() + '\n# a comment\n"""Another docstring."""\n')
    assert copy.jobs("report") == set()

    metrics = source / "metrics.py"
    metrics.write_text(metrics.read_text() + "\n\ndef new_measure(y_true, y_pred):\n    return 0.0\n")
    jobs = copy.jobs("report")
    assert made(jobs, "Decide") and not made(jobs, *TRAINING)

    source = copy.own_source()
    with (source / "report/figures/precision_recall.py").open("a") as file:
        file.write("\n\ndef _more():\n    return None\n\n\nprint(end='')\n")
    figures = made(copy.jobs("report"), "Figure")
    assert figures and all("precision_recall" in job for job in figures)

    source = copy.own_source()
    parameters = source / "classifiers/kim_cnn/__init__.py"
    before = parameters.read_text()
    parameters.write_text(before.replace("Field(100, description=", "Field(90, description=", 1))
    assert before != parameters.read_text()
    first = made(copy.jobs("report"), *TRAINING)
    assert made(first, "Train", "Learn") and all("kim_cnn" in job for job in first)


def test_a_changed_parameter_seed_or_row_reruns_what_it_concerns(copy):
    copy.edit("params.yaml", "filters: 16", "filters: 17")
    first = made(copy.jobs(), *TRAINING)
    assert first and all("kim_cnn" in job for job in first)
    copy.edit("params.yaml", "filters: 17", "filters: 16")

    copy.edit("params.yaml", "grid:\n", "grid:\n  seeds: 2\n")
    jobs = copy.jobs()
    assert any("seed 1" in job for job in jobs) and not any("seed 0" in job or "seed0" in job for job in jobs)
    copy.edit("params.yaml", "  seeds: 2\n", "")

    sheet = copy.folder / "workflow/methods.tsv"
    rows = sheet.read_text()
    sheet.write_text(rows + "More\tlinear\tuniform\todr\t-\tprediction\tall\n")
    jobs = copy.jobs()
    assert not made(jobs, *TRAINING)
    assert made(jobs, "Decide") == {"Decide synthetic/linear/uniform/seed0 by fixed shared odr"}
    sheet.write_text("".join(line for line in rows.splitlines(keepends=True) if "oof" not in line))
    assert not any("out of fold" in job or "Decide" in job for job in copy.jobs())


def test_targets_by_name(copy, study):
    everything = study.jobs("all")
    assert study.jobs() == everything != set()
    assert study.jobs("--snakefile", "workflow/Snakefile") == everything
    assert study.jobs("--config", "data={vectors: {path: null}}") == everything  # Snakemake gives the word "null"
    jobs = study.jobs("quick")
    assert any("linear" in job for job in jobs) and not any("kim_cnn" in job for job in jobs)
    jobs = copy.jobs("paper", "--config", "grid={seeds: 3}")
    assert any("kim_cnn on synthetic, seed 2" in job for job in jobs) and not any(
        "kim_cnn on synthetic, seed 3" in job for job in jobs
    )
    assert any(job.startswith("Robustness of policy meta") for job in jobs)


def test_a_cell_that_no_row_names(copy):
    folder = "results/synthetic/linear_svc/uniform/seed0/odr"
    assert copy.jobs(f"{folder}/metrics.json") == {"Decide synthetic/linear_svc/uniform/seed0 by odr"}
    copy.run(f"{folder}/metrics.json")
    assert cell(copy, "linear_svc/uniform/seed0/odr")["about"]["thresholds"] == "odr"


SWEEP = "synthetic/linear/meta_paper/seed0"


def check_summary(study, inits):
    """The summary is that of exactly these runs, each with its own metrics.json."""
    results = study.folder / "results"
    rows = pq.read_table(results / "robustness" / f"{SWEEP}.parquet").to_pylist()
    assert {row["init"] for row in rows if row["statistic"] == "run"} == set(inits)
    for measure in MEASURES:
        paths = [results / SWEEP / f"init{init}" / "meta_paper" / "metrics.json" for init in inits]
        values = [json.loads(path.read_text())["test"][measure] for path in paths]
        found = {row["statistic"]: row["value"] for row in rows if row["metric"] == measure and row["init"] is None}
        expected = {"best": max(values), "worst": min(values), "average": statistics.mean(values)}
        assert found == pytest.approx(expected | {"stdev": statistics.stdev(values)})


def sweep(initialisations):
    return f"robustness:\n  initialisations: {initialisations}\n  classifiers: [linear]\n  policy: meta_paper\n"


@pytest.mark.slow
def test_the_model_of_a_cell_is_trained_again_or_kept(study):
    """The same folder either way; it labels new documents as its cell did the test ones."""
    cell = "results/synthetic/linear_svc/uniform/seed0/shared+one+oof"
    study.run(f"{cell}/metrics.json", f"{cell}/model/README.md")
    model = {file.name: file.read_bytes() for file in (study.folder / cell / "model").iterdir()}
    shutil.rmtree(study.folder / cell / "model")
    (job,) = study.jobs(f"{cell}/model/README.md")
    assert job.startswith("Keep linear_svc")
    shutil.rmtree(study.folder / "results")
    study.run("--config", "keep_classifiers=true", "--", f"{cell}/model/README.md")
    assert (study.folder / cell).parent.joinpath("fitted_of_all.safetensors").is_file()
    assert model == {file.name: file.read_bytes() for file in (study.folder / cell / "model").iterdir()}
    found = load(study.folder / cell / "model").predict(
        Prepared(study.folder / "data/processed/synthetic").texts("test")
    )
    assert found == pq.read_table(study.folder / cell / "predictions.parquet")["labels"].to_pylist()


def test_a_narrower_sweep_leaves_no_stale_run(copy):
    copy.set(sweep(3))
    jobs = copy.jobs("robustness")
    assert not made(jobs, "Learn")  # the trained meta-learner of the study is used
    assert len(made(jobs, "Train linear")) == 3
    copy.run("robustness")
    check_summary(copy, [1, 2, 3])
    paths = [copy.folder / "results" / SWEEP / f"init{init}" / "policy.json" for init in (1, 2, 3)]
    first, second, third = (json.loads(path.read_text())["labels"] for path in paths)
    assert first != second != third != first
    copy.set(sweep(2))
    assert copy.jobs("robustness") == {"Robustness of policy meta_paper with linear on synthetic, seed 0"}
    copy.run("robustness")
    assert paths[2].exists()  # still there, and in no table
    check_summary(copy, [1, 2])


FIXED = ("uniform", "inverse_frequency_0.25", "inverse_frequency_0.5", "inverse_frequency")


@pytest.mark.slow
def test_ablation_runs_its_own_seeds_and_policies_and_says_what_differs(copy):
    copy.set("ablation:\n  seeds: 2\n  reference: meta\n  policies: [meta_paper]\n")
    jobs = copy.jobs("ablation")
    assert len(made(jobs, "Learn policy")) == 3  # one of four is the study's own
    assert not any("kim_cnn" in job or "Test the learned rows" in job for job in jobs)
    copy.set("ablation:\n  seeds: 1\n  reference: meta\n  policies: [meta_paper]\n")
    printed = copy.run("ablation", "--verbose")
    # No limit of jobs a second, which makes Snakemake busier with every job that has ended.
    assert {*re.findall(r"'_job_count': (\d+)", printed)} == {str(sys.maxsize)}
    assert copy.jobs("ablation") == set()
    rows = pq.read_table(copy.folder / "results/ablation.parquet").to_pylist()
    cells = {(row["weights"], row["thresholds"]) for row in rows}
    assert cells == {
        *((weights, thresholds) for weights in FIXED for thresholds in ("fixed", "shared")),
        *((weights, thresholds) for weights in ("meta", "uniform") for thresholds in ("fixed", "shared", "meta")),
        *(("meta_paper", thresholds) for thresholds in ("fixed", "meta_paper")),
        ("uniform", "meta_paper"),
    }
    assert {(row["split"], row["seeds"], row["documents"]) for row in rows} == {("test", 1, 100), ("valid", 1, 30)}
    for file in ("ablation.md", "ablation.tex"):
        assert "reward = paper" in (copy.folder / "results/tables" / file).read_text()
    copy.set("ablation:\n  seeds: 1\n  reference: meta\n  policies: []\n")
    assert copy.jobs("ablation") == {
        "Decide synthetic/linear/uniform/seed0 by meta",  # what is decided with it has changed
        "Collect the metrics of the ablation",
        "Compare the policies of the ablation",
    }
    copy.run("ablation")  # the narrower one has no row of what is still on disk
    assert "meta_paper" not in (copy.folder / "results/ablation.csv").read_text()


def test_your_own_documents(study):
    """JSON lines in data/raw/{name}/ are all a user's data set needs; its results stand beside those of others."""
    raw = study.folder / "data/raw/mine"
    raw.mkdir(parents=True)
    topics = {"sun": "warm bright sky", "rain": "wet grey cloud"}
    for split, documents in (("train", 60), ("test", 20)):
        lines = []
        for i in range(documents):
            labels = [name for bit, name in enumerate(topics) if (i + 1) >> bit & 1] or ["sun"]
            text = " ".join(topics[name] for name in labels)
            lines.append(json.dumps({"id": f"{split}{i}", "text": text, "labels": labels}))
        (raw / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    rows = [("SVC", "fixed"), ("SVC, shared", "shared+oof")]
    header = (study.folder / "workflow/methods.tsv").read_text().splitlines()[0]
    lines = ["\t".join((name, "linear_svc", "uniform", rule, "-", "base", "own")) for name, rule in rows]
    (study.folder / "own.tsv").write_text("\n".join([header, *lines]) + "\n")
    study.edit("params.yaml", "- synthetic", "- mine")
    study.edit("params.yaml", "  linear_svc:\n    search: null", "  linear_svc:\n    search: {C: [0.5, 1.0]}")
    study.run("--config", "methods=own.tsv")
    results = study.folder / "results/mine"
    assert json.loads((results / "linear_svc/uniform/seed0/fixed/metrics.json").read_text())["test"]["accuracy"] == 1
    summary = (results / "summary.md").read_text()
    assert "SVC, shared" in summary and "results/mine/model" in summary and "aper" not in summary
    chosen = json.loads((results / "linear_svc/tuned.json").read_text())["parameters"]
    assert f"C {chosen['C']:g}, chosen" in summary and (results / "index.html").is_file()
    assert "sun" in load(results / "model").predict(["warm bright sky"])[0]
    shutil.copytree(raw, raw.with_name("other"))
    study.edit("params.yaml", "- mine", "- other")
    others = study.jobs("--config", "methods=own.tsv")
    assert others and not any("mine" in job for job in others)


def test_the_study_of_own_documents_is_not_the_papers(study):
    """The shipped rows: nothing is learned while a classifier trains, no table or claim of the paper, few figures."""
    shutil.copy(ROOT / "workflow/methods.tsv", study.folder / "workflow/methods.tsv")
    for name in ("one", "two"):
        (study.folder / f"data/raw/{name}").mkdir(parents=True)
        (study.folder / f"data/raw/{name}/train.jsonl").write_text('{"id": "a", "text": "b", "labels": ["c"]}\n')
    study.edit("params.yaml", "- synthetic", "- one\n  - two")
    jobs = study.jobs()
    for name in ("one", "two"):
        assert {
            f"Summary of {name}",
            f"Results page of {name}",
            f"Recommend a row for {name}, and keep its model",
        } <= jobs
    unwanted = ("Learn ", "Roll out", "Table", "claims", "learning_curve", "kim_cnn", "Summary$", "report")
    assert not [job for job in jobs if re.search("|".join(unwanted), job)]


def test_joined_scores_are_a_row(study):
    """Made of the members' scores; nothing else is trained for it, and it stands in table and page as any row."""
    header = (study.folder / "workflow/methods.tsv").read_text().splitlines()[0]
    rows = [("SVC", "linear_svc", "fixed")]
    rows += [(f"Joined {rule}", "linear-linear_svc", rule) for rule in ("sets+oof", "shared+one+oof")]
    lines = ["\t".join((name, classifier, "uniform", rule, "-", "base", "all")) for name, classifier, rule in rows]
    (study.folder / "joined.tsv").write_text("\n".join([header, *lines]) + "\n")
    asked = ("results/summary.md", "results/page/index.html", "results/flat/metrics.json")
    study.run(*asked, "--config", "methods=joined.tsv")
    joined = study.folder / "results/synthetic/linear-linear_svc/uniform/seed0"
    assert {path.name for path in joined.iterdir()} == {
        "out_of_fold.parquet", "policy.json", "sets+oof", "shared+one+oof"
    }  # fmt: skip
    summary = (study.folder / "results/summary.md").read_text()
    assert "Joined sets+oof" in summary and "Mean of linear and linear" in summary
    assert not study.jobs(*asked, "--config", "methods=joined.tsv")


def test_a_pretrained_transformer_is_a_row_with_figures(study):
    """With either head: the head of a frozen one that is trained by gradient has a learning curve, an SVM none.

    Both stand on the same vectors, which are computed once.
    """
    tiny(study.folder / "tiny", ["w1", "w2", "w3"])
    study.set(f"classifiers:\n  transformer: {{model: {study.folder / 'tiny'}, max_tokens: 32}}\n")
    header = SHEET.splitlines()[0]
    rules = ("fixed", "shared+one", "shared+one+oof")
    lines = [f"Frozen {rule}\ttransformer\tuniform\t{rule}\t-\tbase\tall" for rule in rules]
    (study.folder / "frozen.tsv").write_text("\n".join([header, *lines]) + "\n")
    asked = ("report", "--config", "methods=frozen.tsv")
    study.run(*asked)
    assert "Frozen shared+one+oof" in (study.folder / "results/summary.md").read_text()
    figures = study.folder / "results/figures/synthetic/transformer"
    assert {path.stem for path in figures.iterdir()} == {"f1_by_frequency", "precision_recall"}
    assert not study.jobs(*asked)
    study.edit("params.yaml", "max_tokens: 32", "max_tokens: 32, frozen: {head: linear}")
    jobs = study.jobs(*asked)
    assert "Figure figures/synthetic/transformer/learning_curve" in jobs
    assert not [job for job in jobs if job.startswith("Embed")]
    study.edit("params.yaml", "max_tokens: 32", "max_tokens: 16")
    assert "Embed synthetic by a pretrained model" in study.jobs(*asked)


def test_an_unknown_data_set_fails_with_one_line_from_the_step(study):
    study.edit("params.yaml", "- synthetic", "- nowhere")
    printed = study.run(fails=True)
    assert "nowhere" in printed and "Traceback" not in printed


def test_the_workflow_is_a_module_of_another(study, tmp_path):
    """From another folder, with parameters of its own: files of the workflow from there, data and results here."""
    workflow = study.folder
    study.folder = tmp_path / "other"
    study.folder.mkdir()
    (study.folder / "mine.yaml").write_text((workflow / "params.yaml").read_text())
    (study.folder / "Snakefile").write_text(
        f"""configfile: "mine.yaml"
module labelpolicy:
    snakefile: "{workflow}/workflow/Snakefile"
    config: config
use rule * from labelpolicy as labelpolicy_*
rule tables:
    default_target: True
    input: "results/tables/table4.md"
"""
    )
    study.run()
    assert "synthetic" in (study.folder / "results/tables/table4.md").read_text()
    assert study.jobs() == set()
    assert not (workflow / "results").exists() and any("linear_svc" in job for job in study.jobs("labelpolicy_all"))
