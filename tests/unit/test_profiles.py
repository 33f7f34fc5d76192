"""The clusters' profiles agree with the rules and with each other."""

import csv
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CLUSTERS = ("slurm", "cluster-generic", "kubernetes")
RULES = "\n".join(file.read_text() for file in sorted((ROOT / "workflow/rules").glob("*.smk")))


def profile(name):
    return yaml.safe_load((ROOT / f"profiles/{name}/profile.yaml").read_text())


def test_every_rule_asks_for_memory_and_time_by_the_table():
    """A rule that starts a command asks for what resources.tsv says, and each line of the table is used."""
    with (ROOT / "workflow/resources.tsv").open() as file:
        listed = [row["rule"] for row in csv.DictReader(file, delimiter="\t")]
    assert set(re.findall(r'\*\*asked\("(\w+)"', RULES)) <= set(listed) and len(listed) == len(set(listed))
    assert [rule for rule in listed if not re.search(rf'"{rule}\b', RULES)] == []
    assert RULES.count("    shell:\n") == RULES.count("**asked(")
    assert not re.search(r"\b(mem_mb|runtime)=", RULES)


def test_what_a_rule_asks_for_counts_as_one_of_those_abreast():
    """Unbounded, a group asks for the CPUs of all its jobs at once."""
    for name in CLUSTERS:
        found = profile(name)
        groups = set(re.findall(r'group(?::\n\s+|=|: str = )"(\w+)"', RULES))
        assert found["group-components"].keys() <= groups
        assert found["set-resource-scopes"] == {"abreast": "local"} and found["resources"]["abreast"] >= 1
        assert found["retries"] >= 1


def test_the_profiles_agree():
    shared = ("group-components", "resources", "set-resource-scopes", "retries", "jobs")
    first, *others = map(profile, CLUSTERS)
    for other in others:
        assert {key: other[key] for key in shared} == {key: first[key] for key in shared}


@pytest.mark.parametrize("name", CLUSTERS)
def test_nothing_in_a_clusters_profile_is_overridden_by_the_default_one(name):
    assert not profile("default").keys() & profile(name).keys()
