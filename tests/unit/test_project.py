"""What has to agree across the project's files."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, version
from pathlib import Path

import finding
import pictures
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import labelpolicy
from labelpolicy import __main__
from labelpolicy.errors import LabelPolicyError
from labelpolicy.steps import publish

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINNED = dict(
    line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")
)


EXTRAS = PROJECT["optional-dependencies"]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _requirements(*extras: str) -> list[Requirement]:
    """What the core and these extras need; extras that name extras are followed."""
    found = [Requirement(text) for text in PROJECT["dependencies"]]
    for name in extras:
        for requirement in map(Requirement, EXTRAS[name]):
            found += _requirements(*requirement.extras) if requirement.name == "labelpolicy" else [requirement]
    return found


def test_every_requirement_is_pinned_within_its_range():
    pinned = {_normal(name): version for name, version in PINNED.items()}
    for requirement in _requirements(*EXTRAS):
        assert requirement.specifier.contains(pinned[_normal(requirement.name)]), requirement


def test_the_core_is_small_and_all_is_everything():
    assert {requirement.name for requirement in _requirements()} == {"numpy", "pydantic", "scipy"}
    assert {str(each) for each in _requirements("all")} == {str(each) for each in _requirements(*EXTRAS)}


def test_environment_yml_and_make_setup_install_all():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, section = environment["dependencies"]
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.removeprefix("python="))
    assert (pip, section) == ("pip", {"pip": ["-c constraints.txt", "-e .[all]"]})
    assert "-c constraints.txt -e '.[all]'" in (ROOT / "Makefile").read_text()


def test_what_the_library_imports_is_a_requirement_and_its_extra_is_named():
    found = {name.partition(".")[0] for file in _python("src") for name in _imports(file)}
    found -= set(sys.stdlib_module_names) | {"labelpolicy"}
    assert "snakemake" not in found  # the library never imports it
    distributions = packages_distributions()
    core = {_normal(each.name) for each in _requirements()}
    for module in found:
        names = {_normal(name) for name in distributions[module]}
        if not names & core:
            assert names & {_normal(each.name) for each in _requirements(__main__.EXTRAS[module])}, module


def test_the_core_decides_from_scores_without_any_extra():
    subprocess.run([sys.executable, ROOT / "tests/unit/core_only.py", *__main__.EXTRAS], check=True)


def test_the_command_says_which_extra_is_missing(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "typer", None)
    monkeypatch.delitem(sys.modules, "labelpolicy.cli", raising=False)
    with pytest.raises(SystemExit) as stopped:
        __main__.main()
    assert stopped.value.code == 1
    assert capsys.readouterr().err == "error: typer is not installed: pip install 'labelpolicy[study]'\n"


def test_the_citation_names_this_version_and_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (citation["version"], citation["license"]) == (labelpolicy.__version__, PROJECT["license"])
    assert citation["references"][0]["url"] == PROJECT["urls"]["Paper"]
    assert f"## [{labelpolicy.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_the_article_s_metadata_is_whole_and_agrees_with_the_citation():
    metadata = yaml.safe_load((ROOT / "metadata.yaml").read_text())
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert set(metadata) == {"title", "authors", "abstract", "article", "replication", "data"}
    assert metadata["authors"] == [{"name": author["name"]} for author in citation["authors"]]
    article, replicated, paper = metadata["article"], metadata["replication"], citation["references"][0]
    assert (article["version"], article["licence"]) == (citation["version"], citation["license"])
    assert set(article["keywords"]) == set(citation["keywords"])
    assert all((ROOT / article[name]).is_file() for name in ("report", "numbers"))
    assert {name: replicated[name] for name in ("title", "doi", "url")} == {
        name: paper[name] for name in ("title", "doi", "url")
    }
    assert replicated["authors"] == [f"{each['given-names']} {each['family-names']}" for each in paper["authors"]]
    assert metadata["title"] == f"[Re] {paper['title']}"
    sources = (ROOT / "workflow/sources.tsv").read_text().splitlines()[1:]
    licences = {line.split("\t")[0]: line.split("\t")[-1] for line in sources}
    assert {each["name"]: each["licence"] for each in metadata["data"]}.items() <= licences.items()
    studies = {path.parent.name for path in (ROOT / "docs/results").glob("*/metrics.csv")}
    assert studies <= {each["name"] for each in metadata["data"]}


# The house rules.

#: Lines of src/ and workflow/ at most: what is added is made up for elsewhere, or the commit says what it is for.
MOST_LINES = 22_820


def _python(*folders: str) -> list[Path]:
    return [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]


def _imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module)
    return found


def _long_functions(file: Path) -> list[str]:
    return [
        f"{file.relative_to(ROOT)}:{node.lineno} {node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno - node.lineno + 1 > 60
    ]


def test_no_module_is_longer_than_400_lines():
    lines = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in _python("src", "workflow")}
    assert {name: count for name, count in lines.items() if count > 400} == {}


def test_no_function_is_longer_than_60_lines():
    assert [found for file in _python("src", "workflow") for found in _long_functions(file)] == []


def test_library_and_workflow_stay_small():
    files = subprocess.run(["git", "ls-files", "src", "workflow"], cwd=ROOT, capture_output=True, text=True, check=True)
    counted = [name for name in files.stdout.split() if Path(name).suffix in (".py", ".smk", ".tex", ".html")]
    assert sum(len((ROOT / name).read_text().splitlines()) for name in counted) <= MOST_LINES


def test_the_readme_is_short():
    text = (ROOT / "README.md").read_text()
    assert len(text.split()) <= 900
    assert [line for line in text.splitlines() if len(line) > 120] == []


#: Names for things that the field has names for; see CONTRIBUTING.md.
PRIVATE = [
    "Classroom",
    "Frozen",
    "Surroundings",
    "begins_anew",
    "closed_upwards",
    "drawn_whole",
    "LOGIT_BOUND",
]


def test_the_words_are_the_field_s():
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    files = [*_python("src", "workflow", "benchmarks"), *(ROOT / "workflow").rglob("*.smk"), *pages]
    words = re.compile(rf"\b(?:{'|'.join(PRIVATE)})\b")
    assert {
        f"{file.relative_to(ROOT)}: {found}" for file in files for found in words.findall(file.read_text())
    } == set()


def test_the_readme_shows_what_was_published(tmp_path):
    """Run `python docs/finding.py` after `make publish`."""
    numbers = finding.Published()
    text = (ROOT / "README.md").read_text()
    assert finding.put(text, finding.findings(numbers)) == text
    if version("matplotlib") == PINNED["matplotlib"]:
        finding.draw(numbers, tmp_path / "finding.svg")
        assert (tmp_path / "finding.svg").read_bytes() == (ROOT / "docs/results/finding.svg").read_bytes()


def test_a_bar_of_the_picture_is_over_documents_and_seeds(tmp_path):
    row = ("d", "linear_svc", "uniform", "fixed")
    lines = ["dataset,classifier,weights,thresholds,seed,split,metric,value"]
    for seed, value, error in ((0, 0.5, 0.03), (1, 0.6, 0.05)):
        lines += [",".join((*row, f"{seed},test,accuracy,{value}"))]
        lines += [",".join((*row, f"{seed},test,accuracy_standard_error,{error}"))]
    (tmp_path / "study").mkdir()
    (tmp_path / "study/metrics.csv").write_text("\n".join(lines))
    published = finding.Published(tmp_path)
    assert published.datasets == ["d"] and published.mean("linear_svc", finding.HALF, "accuracy", "d") == 0.55
    half = (
        1.96 * ((0.03**2 + 0.05**2) / 2 + 0.005 / 2) ** 0.5
    )  # errors over the same documents do not shrink with seeds
    assert published.half_interval("linear_svc", finding.HALF, "accuracy", "d") == pytest.approx(half)


def test_the_cost_of_a_row_is_that_of_the_jobs_behind_it(tmp_path):
    meta = "meta/seed0"
    jobs = {"train/d/linear/uniform/seed0": 1, "train/d/linear/meta/seed0": 2, "crossfit/d/linear/uniform/seed0": 4}
    jobs |= {"learn/d/linear/meta/seed0": 8, "rollout/d/linear/meta/seed0": 16}
    jobs |= {
        "learn_on_scores/d/linear/uniform/seed0/meta+one+oof": 32,
        f"decide/d/linear/{meta}/decide_linear_meta": 64,
    }
    jobs |= {"rollout_on_scores/d/linear/uniform/seed0/meta+one+oof": "-"}  # too short to be looked at
    for name, cost in {"": 128, "_oof": 256, "_one_oof": 512}.items():
        jobs[f"decide/d/linear/uniform/seed0/decide_linear_uniform{name}"] = cost
    for job, cost in jobs.items():
        file = tmp_path / f"{job}.tsv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"s\tcpu_time\n99\t{cost}\n")
    rows = {("uniform", "fixed+one"): 1 + 128, ("uniform", "sets+oof"): 1 + 4 + 256, ("meta", "meta"): 2 + 8 + 16 + 64}
    rows |= {("uniform", "meta"): 1 + 8 + 16 + 128, ("uniform", "meta+one+oof"): 1 + 4 + 32 + 512}
    rows |= {("meta", "shared+oof"): None, ("hierarchy", "fixed"): None}
    for row, expected in rows.items():
        assert pictures.seconds(tmp_path, ("d", "linear", *row), "0") == expected, row


def test_the_face_is_what_it_says():
    assert sorted(labelpolicy._HOME) == labelpolicy.__all__
    for name in labelpolicy.__all__:
        assert getattr(labelpolicy, name).__doc__ or name == "Decision"
    with pytest.raises(AttributeError):
        labelpolicy.nothing  # noqa: B018


def test_make_names_files_that_are_there():
    for script in re.findall(r"python (\S+\.py)", (ROOT / "Makefile").read_text()):
        assert (ROOT / script).exists(), script


def test_the_links_of_the_documentation_lead_somewhere():
    pages = [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").glob("*.md"),
        ROOT / "docs/results/README.md",
        ROOT / "results/README.md",
    ]
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_publishing_copies_all_files_or_none(tmp_path):
    table = tmp_path / "table5.md"
    table.write_text("| new |\n")
    with pytest.raises(LabelPolicyError, match=r"none\.md.*no such file"):
        publish.publish(files=[table, tmp_path / "none.md"], folder=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()
    publish.publish(files=[table], folder=tmp_path / "kept")
    assert (tmp_path / "kept/table5.md").read_text() == "| new |\n"


def test_publishing_keeps_files_of_one_name_in_their_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = [Path("data/processed/a/dataset.json"), Path("data/processed/b/dataset.json")]
    for file in files:
        file.parent.mkdir(parents=True)
        file.write_text(str(file))
    publish.publish(files=[], nested=files, folder=Path("kept"))
    assert {path.name: (path / "dataset.json").read_text() for path in Path("kept/processed").iterdir()} == {
        "a": str(files[0]),
        "b": str(files[1]),
    }
