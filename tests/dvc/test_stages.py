"""dvc.yaml says what the targets of the workflow read and make, no more and no less."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from tracked import ROOT, STAGES, Repository

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())
#: What every stage depends on: the workflow's own files and the library.
CODE = {"Snakefile", "src/labelpolicy", "workflow/bridge.py", "workflow/rules", "workflow/methods.tsv"}
#: Numbers that others fix: the width of the named word vectors, one sample where the reward is no label's own.
FIXED = ("width", "samples")
#: Rules by stage: what a milestone is about.
RULES = {
    "data": {"fetch", "synthesise", "prepare"},
    "policies": {"learn", "rollout"},
    "train": {"label_weights", "fit", "crossfit", "learn_on_scores", "rollout_on_scores", "decide"},
    "baselines": {"label_weights", "fit", "crossfit", "learn_on_scores", "rollout_on_scores", "decide"},
    "robustness": {"learn", "rollout_init", "fit_init", "decide_init", "summarise_robustness"},
}


def summary(repository: Repository, *targets: str) -> dict[str, str]:
    """Every file that some job makes for these targets, and its rule."""
    printed = repository.snakemake("--summary", *targets)
    rows = [line.split("\t") for line in printed.splitlines() if line.count("\t") == 5]
    return {row[0]: row[2] for row in rows[1:]}


def upstream(stage: str) -> set[str]:
    deps = {Path(dep).name for dep in PIPELINE["stages"][stage]["deps"] if dep.startswith("milestones/")}
    return deps.union(*map(upstream, deps))


@pytest.fixture(scope="session")
def stage_of(origin) -> dict[str, str]:
    """The stage of every file."""
    made = {stage: set(summary(origin, stage)) for stage in STAGES}
    own = {stage: made[stage].difference(*(made[earlier] for earlier in upstream(stage))) for stage in STAGES}
    assert sum(map(len, own.values())) == len(set().union(*own.values())), "two stages make the same file"
    return {path: stage for stage, paths in own.items() for path in paths}


def jobs(repository: Repository, *targets: str) -> set[tuple[str, str]]:
    """Every job that the targets need: its message, and its command with all parameters."""
    printed = repository.snakemake("--dry-run", "--forceall", "--printshellcmds", *targets)
    return set(re.findall(r"^Job \d+: (.+)\n(?:Reason: .+\n)?Shell command: (.+)$", printed, re.MULTILINE))


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
    return value * 1.001 if isinstance(value, float) else value


def test_the_params_of_a_stage_are_the_sections_its_target_reads(tmp_path):
    """On the study's real parameters and rows: a section turned changes jobs of exactly the stages that name it."""
    study = Repository.create(tmp_path / "study")
    for name in ("params.yaml", "workflow/methods.tsv"):
        (study.folder / name).write_text((ROOT / name).read_text())
    study.set({"grid.datasets": ["reuters21578", "synthetic"]})
    needed = {stage: jobs(study, stage) for stage in STAGES}
    own = {stage: needed[stage].difference(*(needed[name] for name in upstream(stage))) for stage in STAGES}
    assert jobs(study, *STAGES) == set().union(*own.values())
    text = (study.folder / "params.yaml").read_text()
    parameters = yaml.safe_load(text)
    words = {"grid": {"datasets": ["reuters21578"], "seeds": 1}, "device": "cpu"}
    words["robustness"] = parameters["robustness"] | {"classifiers": ["kim_cnn"]}
    read = {stage: set() for stage in STAGES}
    for section, value in parameters.items():
        study.set({section: words.get(section, turned(value))})
        after = jobs(study, *STAGES)
        (study.folder / "params.yaml").write_text(text)
        for stage in STAGES:
            if own[stage] - after:
                read[stage].add(section)
    # Where raw files come from changes no result: `mirror` is no parameter of any stage.
    lines = [
        f"  {stage}:\n    params: [{', '.join(section for section in parameters if section in read[stage])}]"
        for stage in STAGES
        if read[stage] != set(PIPELINE["stages"][stage]["params"])
    ]
    assert not lines, "put into dvc.yaml:\n" + "\n".join(lines)


def test_the_outs_of_a_stage_are_what_its_target_makes_beyond_earlier_stages(origin, stage_of):
    for stage in STAGES:
        top = origin.folder / "milestones" / stage
        kept = {str(path.relative_to(top)) for path in top.rglob("*") if path.is_file()} - {"provenance.json"}
        made = {path for path, owner in stage_of.items() if owner == stage}
        raw = {f"data/raw/synthetic/{name}" for name in ("train.jsonl", "test.jsonl", "labels.tsv")}
        assert made <= kept <= made | (raw if stage == "data" else set())
        outs = [next(iter(out)) for out in PIPELINE["stages"][stage]["outs"]]
        assert outs[0] == f"milestones/{stage}"
    git = {"milestones/tables", "milestones/plots", "milestones/metrics.json"}
    listed = {
        name
        for out in [*PIPELINE["stages"]["report"]["outs"][1:], *PIPELINE["stages"]["report"]["metrics"]]
        for name in out
    }
    assert listed == git
    assert {f"milestones/{path.name}" for path in (origin.folder / "milestones").iterdir()} == git | {
        f"milestones/{name}" for name in [*STAGES, ".gitignore"]
    }


def test_together_the_stages_are_the_report_and_nothing_is_trained_for_it_alone(origin, stage_of):
    everything = summary(origin, *STAGES)
    assert set(stage_of) == set(everything)
    assert set(summary(origin, "report")) <= set(everything)
    for path, rule in everything.items():
        science = set().union(*RULES.values())
        assert rule in RULES.get(stage_of[path], {rule} - science), (
            f"{stage_of[path]} makes {path} by {rule}: put {rule} into RULES, or ask for the file in another milestone "
            "(workflow/rules/common_milestones.smk)"
        )


@pytest.mark.parametrize("stage", STAGES)
def test_the_deps_of_a_stage_are_the_files_its_jobs_read(origin, stage):
    deps = set(PIPELINE["stages"][stage]["deps"])
    assert deps >= CODE
    made = {path for name in [stage, *upstream(stage)] for path in files(origin, name)}
    read = {path for job in provenance(origin, stage) for path in job["record"]["input"]}
    sources = read - made - CODE
    # What is to be in the deps beside the code: sources.tsv is for fetched data, which this corpus is not.
    own = {dep for dep in deps - CODE if not dep.startswith("milestones/")} - {"workflow/sources.tsv"}
    needless = {dep for dep in own if not any(Path(path).is_relative_to(dep) for path in sources)}
    unwatched = {path for path in sources if not any(Path(path).is_relative_to(dep) for dep in own)}
    assert not needless | unwatched, f"dvc.yaml, deps of {stage}: take out {needless}, put in {unwatched}"


def provenance(repository: Repository, stage: str) -> list[dict]:
    return json.loads((repository.folder / "milestones" / stage / "provenance.json").read_text())


def files(repository: Repository, stage: str) -> set[str]:
    return {path for job in provenance(repository, stage) for path in job["files"]}


def test_no_analytics(origin):
    assert origin.dvc("config", "core.analytics").strip() == "false"
