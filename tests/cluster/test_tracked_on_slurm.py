"""DVC over the workflow over SLURM: `SNAKEMAKE_PROFILE=profiles/slurm dvc repro`."""

import json
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from small_cluster import SMALL_PROFILE, edit
from tracked import ROWS, Repository, equal

STAGES = ("data", "policies", "train")  # test_slurm.py has the tables


def test_the_stages_on_slurm_give_the_lock_and_the_files_of_this_machine(slurm, tmp_path):
    """From nothing to the metrics of one row."""
    Repository.commands = Path(sys.executable).parent  # jobs that SLURM can cancel are really its own
    rows = [row for row in ROWS if row[0] == "Linear+Meta"]
    here, there = (
        Repository.create(tmp_path / name / "study", rows, **{"grid.seeds": 1}) for name in ("here", "there")
    )
    profile = there.folder / "profiles/slurm/profile.yaml"
    edit(profile, SMALL_PROFILE)
    there.environment["SNAKEMAKE_PROFILE"] = "profiles/slurm"
    with ThreadPoolExecutor() as pool:
        _, printed = pool.map(lambda repository: repository.dvc("repro", *STAGES), (here, there))
    # Every rule that made something did so in a job of SLURM, alone or with its group; only the targets ran here.
    records = [json.loads((here.folder / "milestones" / stage / "provenance.json").read_text()) for stage in STAGES]
    rules = {output["record"]["rule"] for record in records for output in record.values()}
    submitted = [job for place, *job in slurm.jobs("%Z|%k|%T", "--states=all") if place == str(there.folder)]
    assert {"prepare", "learn", "fit", "decide_linear_meta"} <= rules
    for rule in rules:
        assert any(f"_{rule}_" in f"{name}_" for name, _ in submitted), rule
    assert {state for _, state in submitted} == {"COMPLETED"}
    assert set(re.findall(r"^localrule (\w+):", printed, re.MULTILINE)) <= set(STAGES)
    # results/ and milestones/, file by file, and what DVC says of them.
    assert equal(there, here, STAGES)
    assert (there.folder / "dvc.lock").read_bytes() == (here.folder / "dvc.lock").read_bytes()
    assert "Running stage" not in there.dvc("repro", *STAGES)
