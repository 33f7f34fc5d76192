"""The real workflow, end to end, on the synthetic corpus."""

import json
import os
import signal
import subprocess
import time

import pyarrow.parquet as pq
import pytest


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
    assert set(tidy["classifier"]) == {"kim_cnn", "linear", "linear_svc"}
    assert len(tidy.groupby(["classifier", "weights", "thresholds"])) == 6
    for name in ("learning_curve", "trace", "meta/policy", "meta/label_f1"):
        for suffix in ("pdf", "png"):
            assert (results / f"figures/synthetic/kim_cnn/{name}.{suffix}").stat().st_size > 5000
    policy = json.loads((results / "synthetic/kim_cnn/meta/seed0/policy.json").read_text())["labels"]
    assert len(policy) == 6
    assert sum(entry["weight"] for entry in policy.values()) == pytest.approx(1)
    assert all(0 < entry["threshold"] < 1 for entry in policy.values())


def test_the_classifiers_learn_the_synthetic_labels(finished):
    """Far above what predicting the most frequent label everywhere would reach."""
    assert cell(finished, "linear/uniform/seed0/shared")["test"]["micro_f1"] > 0.7
    assert cell(finished, "linear_svc/uniform/seed0/scut")["test"]["micro_f1"] > 0.7


def test_right_after_a_run_there_is_nothing_to_do(finished):
    assert finished.jobs() == set()


def test_one_core_gives_the_same_bytes_as_two(finished, study):
    study.run("--cores", "1")
    assert study.products() == finished.products()


def test_a_killed_run_resumes_and_ends_with_the_same_bytes(finished, study):
    """SIGKILL of the whole process group while classifiers are training."""
    running = subprocess.Popen(
        study.command(), cwd=study.folder, env=study.environment, start_new_session=True, stderr=subprocess.DEVNULL
    )
    logs = study.folder / "logs/train"
    deadline = time.monotonic() + 120
    while not any(logs.rglob("*.log")) and running.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert running.poll() is None, "the run ended before it could be killed"
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    unfinished = study.products()
    assert not any(name.endswith("summary.md") for name in unfinished)
    study.run("--unlock")
    study.run()
    products = study.products()
    left_over = {name for name in products if "/." in name}
    assert {name: digest for name, digest in products.items() if name not in left_over} == finished.products()


def test_a_touched_but_unchanged_file_reruns_nothing(copy):
    for name in ("data/processed/synthetic/train.parquet", "params.yaml", "workflow/methods.tsv"):
        os.utime(copy.folder / name)
    assert copy.jobs() == set()


def test_a_changed_parameter_reruns_what_reads_it_and_nothing_else(copy):
    parameters = copy.folder / "params.yaml"
    parameters.write_text(parameters.read_text().replace("filters: 16", "filters: 17"))
    jobs = copy.jobs()
    assert any("kim_cnn" in job for job in jobs)
    assert not any("linear" in job and ("Train" in job or "Learn" in job or "Decide" in job) for job in jobs)
    assert not any("Prepare" in job for job in jobs)


def test_an_edit_to_a_module_reruns_the_jobs_that_use_it_and_no_others(copy):
    source = copy.own_source()
    assert copy.jobs() == set()  # the same code elsewhere is the same code
    with (source / "classifiers/kim_cnn.py").open("a") as file:
        file.write("# an edit\n")
    jobs = copy.jobs()
    first = {job for job in jobs if job.startswith(("Train", "Learn", "Roll", "Prepare", "Weigh", "Generate"))}
    assert first and all("kim_cnn" in job for job in first)


def test_more_seeds_keep_the_first(copy):
    parameters = copy.folder / "params.yaml"
    parameters.write_text(parameters.read_text().replace("grid:\n", "grid:\n  seeds: 2\n"))
    assert not any("seed 0" in job or "seed0" in job for job in copy.jobs())
    assert any("seed 1" in job for job in copy.jobs())


@pytest.mark.parametrize(
    ("find", "put", "message"),
    [
        ("    episodes: 3\n", "    epsodes: 3\n", "params.yaml: policies.meta.epsodes: unknown parameter"),
        ("    epochs: 4\n", "    epochs: none\n", "params.yaml: classifiers.kim_cnn.epochs: found 'none'"),
        ("  - synthetic\n", "  - Nowhere!\n", "params.yaml: grid.datasets.0: found 'Nowhere!'"),
    ],
)
def test_a_bad_parameter_stops_before_anything_starts(study, find, put, message):
    parameters = study.folder / "params.yaml"
    parameters.write_text(parameters.read_text().replace(find, put, 1))
    printed = study.run(fails=True)
    assert message in printed
    assert "Traceback" not in printed
    assert not (study.folder / "data").exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("New\tkim_cnn\tuniform\tnothing\t-\tbase\tall", "nothing"),
        ("Linear\tlinear\tuniform\tscut\t-\tbase\tall", "Linear"),
        ("New\tlinear\tuniform\tfixed", "methods.tsv"),
    ],
)
def test_a_bad_row_stops_before_anything_starts(study, line, message):
    sheet = study.folder / "workflow/methods.tsv"
    sheet.write_text(sheet.read_text() + line + "\n")
    printed = study.run(fails=True)
    assert "workflow/methods.tsv" in printed and message in printed
    assert "Traceback" not in printed
    assert not (study.folder / "data").exists()


def test_an_unknown_data_set_fails_with_one_line_from_the_step(study):
    parameters = study.folder / "params.yaml"
    parameters.write_text(parameters.read_text().replace("- synthetic", "- nowhere"))
    printed = study.run(fails=True)
    assert "nowhere" in printed and "Traceback" not in printed


def test_your_own_documents(study):
    """JSON lines in data/raw/{name}/ are all a user's data set needs."""
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
    parameters = study.folder / "params.yaml"
    parameters.write_text(parameters.read_text().replace("- synthetic", "- mine"))
    study.run("results/mine/linear_svc/uniform/seed0/scut/metrics.json")
    found = json.loads((study.folder / "results/mine/linear_svc/uniform/seed0/scut/metrics.json").read_text())
    assert found["test"]["accuracy"] == 1
