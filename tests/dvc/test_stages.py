"""dvc.yaml says what the targets of the workflow read and make, no more and no less."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from tracked import ROOT, STAGES, Repository

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())
#: What every stage depends on: the workflow's own files and the library.
CODE = {
    "Snakefile",
    "src/labelpolicy",
    "workflow/Snakefile",
    "workflow/bridge.py",
    "workflow/digest.py",
    "workflow/rules",
    "workflow/methods.tsv",
}
#: Numbers that others fix: the width of the named word vectors, one sample where the reward is no label's own, and the
#: noise of draws where none are drawn.
FIXED = ("width", "samples", "weight_noise")


def jobs(repository: Repository, *targets: str, parameters: str = "params.yaml") -> set[tuple[str, str]]:
    """Every job that the targets need: its message, and its command with all parameters."""
    options = "--dry-run", "--forceall", "--printshellcmds", "--configfile", parameters
    printed = repository.snakemake(*options, "--", *targets)
    # The jobs of a group stand below it, indented.
    job = r"^ *Job \d+: (.+)\n(?: *Reason: .+\n)? *Shell command: (.+)$"
    return set(re.findall(job, printed, re.MULTILINE))


def turned(value, key=""):
    """The same parameters with every number another one."""
    if isinstance(value, dict):
        return {name: turned(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [turned(inner) for inner in value]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value if key in FIXED else value + 1
    return value * 1.001 if isinstance(value, float) and key not in FIXED else value


def test_the_params_of_a_stage_are_the_sections_its_target_reads(tmp_path):
    """On the study's real parameters and rows: a section turned changes jobs of exactly the stages that name it."""
    study = Repository.create(tmp_path / "study")
    for name in ("params.yaml", "workflow/methods.tsv"):
        (study.folder / name).write_text((ROOT / name).read_text())
    for name in ("mine", "other"):
        (study.folder / f"{name}.csv").write_text("text,labels\ncocoa rose,cocoa\n")
    study.set({"grid": {"datasets": ["synthetic", "mine"], "seeds": 1}, "data_sets": {"mine": "mine.csv"}})
    parameters = yaml.safe_load((study.folder / "params.yaml").read_text())
    words = {"grid": {"datasets": ["reuters21578"]}, "device": "cpu", "data_sets": {"mine": "other.csv"}}
    words["robustness"] = parameters["robustness"] | {"classifiers": ["kim_cnn"]}
    for section, value in parameters.items():
        changed = yaml.safe_dump({section: words.get(section, turned(value))})
        (study.folder / f"{section}.yaml").write_text(changed)
    with ThreadPoolExecutor(2) as pool:  # every Snakemake takes seconds
        needed = {stage: pool.submit(jobs, study, stage) for stage in STAGES}
        after = {name: pool.submit(jobs, study, *STAGES, parameters=f"{name}.yaml") for name in parameters}
    needed = {stage: future.result() for stage, future in needed.items()}
    own = {stage: needed[stage].difference(*(needed[name] for name in upstream(stage))) for stage in STAGES}
    # Where raw files come from changes no result: `mirror` is no parameter of any stage.
    read = {stage: [section for section, future in after.items() if own[stage] - future.result()] for stage in STAGES}
    lines = [
        f"  {stage}:\n    params: [{', '.join(read[stage])}]"
        for stage in STAGES
        if set(read[stage]) != set(PIPELINE["stages"][stage]["params"])
    ]
    assert not lines, "put into dvc.yaml:\n" + "\n".join(lines)


def test_together_the_stages_are_the_report_and_no_file_is_of_two(origin):
    """Nothing is trained for the report alone: its own jobs only read what the other stages made."""
    kept = {stage: files(origin, stage) for stage in STAGES}
    everything = set().union(*kept.values())
    assert sum(map(len, kept.values())) == len(everything), "two stages make the same file"
    printed = origin.snakemake("--summary", *STAGES)
    rows = [line.split("\t") for line in printed.splitlines() if line.count("\t") == 5][1:]
    raw = {f"data/raw/synthetic/{name}" for name in ("train.jsonl", "test.jsonl", "labels.tsv")}
    assert {row[0] for row in rows} == everything - raw and raw < everything
    trained = re.compile(r"results/\w+/\w+/(\w+/seed|tuned)|data/|results/robustness/")
    assert not [path for path in kept["report"] if trained.match(path)]
    assert not [path for stage in STAGES[:-1] for path in kept[stage] if not trained.match(path)]


def test_what_dvc_and_git_keep_is_there_and_nothing_else(origin):
    for stage in STAGES:
        assert next(iter(PIPELINE["stages"][stage]["outs"][0])) == f"milestones/{stage}"
        top = origin.folder / "milestones" / stage
        found = {str(path.relative_to(top)) for path in top.rglob("*") if path.is_file()}
        assert found == files(origin, stage) | {"provenance.json"}
    report = PIPELINE["stages"]["report"]
    git = {"milestones/tables", "milestones/plots", "milestones/metrics.json"}
    assert {name for out in [*report["outs"][1:], *report["metrics"]] for name in out} == git
    assert {f"milestones/{path.name}" for path in (origin.folder / "milestones").iterdir()} == git | {
        f"milestones/{name}" for name in [*STAGES, ".gitignore"]
    }
    for folder in ("tables", "plots"):
        tracked = {path.name for path in (ROOT / "milestones" / folder).iterdir()}
        assert {path.name for path in (origin.folder / "milestones" / folder).iterdir()} == tracked


@pytest.mark.parametrize("stage", STAGES)
def test_the_deps_of_a_stage_are_the_files_its_jobs_read(origin, stage):
    deps = set(PIPELINE["stages"][stage]["deps"])
    assert deps >= CODE
    made = {path for name in [stage, *upstream(stage)] for path in files(origin, name)}
    read = {path for output in provenance(origin, stage).values() for path in output["record"]["input"]}
    sources = read - made - CODE
    # What is to be in the deps beside the code: sources.tsv is for fetched data, which this corpus is not.
    own = {dep for dep in deps - CODE if not dep.startswith("milestones/")} - {"workflow/sources.tsv"}
    needless = {dep for dep in own if not any(Path(path).is_relative_to(dep) for path in sources)}
    unwatched = {path for path in sources if not any(Path(path).is_relative_to(dep) for dep in own)}
    assert not needless | unwatched, f"dvc.yaml, deps of {stage}: take out {needless}, put in {unwatched}"


def upstream(stage: str) -> set[str]:
    deps = {Path(dep).name for dep in PIPELINE["stages"][stage]["deps"] if dep.startswith("milestones/")}
    return deps.union(*map(upstream, deps))


def provenance(repository: Repository, stage: str) -> dict[str, dict]:
    return json.loads((repository.folder / "milestones" / stage / "provenance.json").read_text())


def files(repository: Repository, stage: str) -> set[str]:
    return {path for output in provenance(repository, stage).values() for path in output["files"]}


def test_no_analytics():
    assert "analytics = false" in (ROOT / ".dvc/config").read_text()
