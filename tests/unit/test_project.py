"""What has to agree across the project's files."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from labelpolicy.errors import LabelPolicyError
from labelpolicy.steps import publish

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINNED = dict(
    line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")
)


def requirements():
    return [
        Requirement(text)
        for group in [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
        for text in group
    ]


def test_every_requirement_is_pinned_within_its_range():
    pinned = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in PINNED.items()}
    for requirement in requirements():
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        assert requirement.specifier.contains(pinned[name]), requirement


def test_environment_yml_brings_python_and_pip_and_leaves_the_rest_to_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, section = environment["dependencies"]
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.removeprefix("python="))
    assert pip == "pip"
    assert section == {"pip": ["-c constraints.txt", "-e .[workflow,cluster,tracking,test]"]}
    assert set(PROJECT["optional-dependencies"]) == {"workflow", "cluster", "tracking", "test"}


def test_every_import_of_the_library_is_a_requirement():
    import ast
    import sys
    from importlib.metadata import packages_distributions

    found = set()
    for file in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            found |= {name.split(".")[0] for name in names}
    found -= set(sys.stdlib_module_names) | {"labelpolicy"}
    assert "snakemake" not in found  # the library never imports it
    wanted = {re.sub(r"[-_.]+", "-", Requirement(text).name).lower() for text in PROJECT["dependencies"]}
    distributions = packages_distributions()
    for module in found:
        names = {re.sub(r"[-_.]+", "-", name).lower() for name in distributions[module]}
        assert names & wanted, module


def test_the_readme_shows_the_published_table():
    """Run `make publish` after a run."""
    text = (ROOT / "README.md").read_text()
    table = (ROOT / "docs/results/reuters21578/table5.md").read_text()
    assert publish.put(text, "table5.md", table, ROOT / "README.md") == text


def test_the_links_of_the_documentation_lead_somewhere():
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_publishing_replaces_the_table_and_nothing_else(tmp_path):
    readme, table = tmp_path / "README.md", tmp_path / "table5.md"
    readme.write_text("before\n<!-- table: table5.md -->\nold\n<!-- end of table -->\nafter\n")
    table.write_text("| new |\n")
    for _ in range(2):
        publish.run(files=[table], folder=tmp_path / "kept", readme=readme)
        expected = "before\n<!-- table: table5.md -->\n\n| new |\n\n<!-- end of table -->\nafter\n"
        assert readme.read_text() == expected
    assert (tmp_path / "kept/table5.md").read_text() == "| new |\n"


def test_publishing_without_a_page(tmp_path):
    table = tmp_path / "table5.md"
    table.write_text("new\n")
    publish.run(files=[table], folder=tmp_path / "kept")
    assert (tmp_path / "kept" / "table5.md").read_text() == "new\n"


def test_publishing_without_marks_or_files_changes_nothing(tmp_path):
    readme, table = tmp_path / "README.md", tmp_path / "table5.md"
    readme.write_text("<!-- table: table5.md -->\n")
    table.write_text("| new |\n")
    with pytest.raises(LabelPolicyError, match="put the marks"):
        publish.run(files=[table], folder=tmp_path / "kept", readme=readme)
    with pytest.raises(LabelPolicyError, match="no such file"):
        publish.run(files=[tmp_path / "none.md"], folder=tmp_path / "kept", readme=readme)
    assert not (tmp_path / "kept").exists() and readme.read_text() == "<!-- table: table5.md -->\n"
