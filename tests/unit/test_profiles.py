"""The clusters' profiles agree with the rules and with each other."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CLUSTERS = ("slurm", "cluster-generic", "kubernetes")


def profile(name):
    return yaml.safe_load((ROOT / f"profiles/{name}/profile.yaml").read_text())


def memory_of_rules():
    """mem_mb of every rule that is submitted; a rule made from another (`use rule`) asks for the same."""
    text = "\n".join(file.read_text() for file in (ROOT / "workflow/rules").glob("*.smk"))
    found, made_from = {}, {}
    for part in re.split(r"\n(?=(?:use )?rule )", text):
        if heading := re.match(r"rule (\w+):", part):
            if memory := re.search(r"\n\s+mem_mb=(\d+),", part):
                found[heading[1]] = int(memory[1])
        elif heading := re.match(r"use rule (\w+) as (\w+) with:", part):
            made_from[heading[2]] = heading[1]
    local = {
        name for names in re.findall(r"\nlocalrules:\n((?:    \w+,\n)+)", text) for name in re.findall(r"\w+", names)
    }
    inherited = {name: found[other] for name, other in made_from.items() if other in found and name not in found}
    return {name: memory for name, memory in (found | inherited).items() if name not in local}


@pytest.mark.parametrize("name", CLUSTERS)
def test_every_rule_gets_more_memory_at_each_attempt(name):
    """A rule without its line would ask for the same memory again; add `NAME: {mem_mb: N * attempt}`."""
    asked = {rule: resources["mem_mb"] for rule, resources in profile(name)["set-resources"].items()}
    assert asked == {rule: f"{memory} * attempt" for rule, memory in memory_of_rules().items()}
    assert profile(name)["retries"] >= 1


@pytest.mark.parametrize("name", CLUSTERS)
def test_grouped_rules_are_bounded(name):
    """Unbounded, a group asks for the CPUs of all its jobs at once."""
    found = profile(name)
    bounded = {rule for rule, resources in found["set-resources"].items() if "abreast" in resources}
    assert found["groups"].keys() <= bounded
    assert found["group-components"].keys() <= set(found["groups"].values())
    assert found["set-resource-scopes"] == {"abreast": "local"} and found["resources"]["abreast"] >= 1


def test_the_profiles_agree():
    shared = ("set-resources", "groups", "group-components", "resources", "set-resource-scopes", "retries", "jobs")
    first, *others = map(profile, CLUSTERS)
    for other in others:
        assert {key: other[key] for key in shared} == {key: first[key] for key in shared}


@pytest.mark.parametrize("name", CLUSTERS)
def test_nothing_in_a_clusters_profile_is_overridden_by_the_default_one(name):
    assert not profile("default").keys() & profile(name).keys()
