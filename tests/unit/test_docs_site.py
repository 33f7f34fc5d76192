"""The docs: the generated pages are as the code is, and the site builds, whole and without the network."""

import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import published
import pytest
import reference
import yaml

from labelpolicy.steps.reproducing import reproducing

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_the_reference_is_as_the_code_is():
    """Run `python docs/reference.py` after a change of a command or of the face."""
    assert sorted(reference.FACE) == sorted(reference.labelpolicy.__all__)
    assert reference.commands() == (DOCS / "commands.md").read_text(encoding="utf-8")
    assert reference.python() == (DOCS / "python.md").read_text(encoding="utf-8")


def test_what_is_published_is_in_numbers_json_and_listed():
    """Run `python docs/published.py` after `make publish`."""
    results = DOCS / "results"
    records = published.numbers()
    assert published.as_json(records) == (results / "numbers.json").read_text(encoding="utf-8")
    assert {record["source"] for record in records} >= {
        path.relative_to(ROOT).as_posix() for path in results.glob("*/metrics.csv")
    }
    page = (results / "README.md").read_text(encoding="utf-8")
    assert published.put(page, published.studies(), *published.MARKS) == page
    for folder in filter(Path.is_dir, results.iterdir()):
        assert published.readme(folder) == (folder / "README.md").read_text(encoding="utf-8")


def test_the_matrix_of_claims_is_of_what_is_published(tmp_path, monkeypatch):
    """Run `make docs/results/claims.md` after `make publish`, or after a change of a rule or a claim."""
    monkeypatch.chdir(ROOT)
    results = Path("docs/results")
    patterns = {
        "datasets": "*/processed/*",
        "metrics": "*/metrics.csv",
        "significance": "*/significance.csv",
        "robustness": "*/robustness/*/*/*/*.csv",
        "correlations": "*/figures/*/*/*/weight_tree.json",
    }
    given = {name: sorted(results.glob(pattern)) for name, pattern in patterns.items()}
    reproducing(**given, output=tmp_path / "claims.md", csv=tmp_path / "claims.csv")
    for name in ("claims.md", "claims.csv"):
        assert (tmp_path / name).read_text(encoding="utf-8") == (results / name).read_text(encoding="utf-8")


def test_a_published_number_is_the_mean_over_seeds_with_its_error(tmp_path):
    (tmp_path / "study").mkdir()
    lines = ["dataset,classifier,weights,thresholds,seed,split,metric,value"]
    for name, kind in (("reuters21578", "published"), ("rcv1_sample", "sample"), ("bbn_gold", "re-split")):
        for seed, value in ((0, 0.25), (1, 0.75)):
            lines += [f"{name},linear_svc,uniform,shared,{seed},test,accuracy,{value}"]
            lines += [f"{name},linear_svc,uniform,shared,{seed},test,accuracy_standard_error,0.0{seed + 1}"]
        (tmp_path / "study/metrics.csv").write_text("\n".join(lines))
        record = next(each for each in published.numbers(tmp_path) if each["dataset"] == name)
        assert (record["split_kind"], record["row"], record["seeds"]) == (kind, "LinearSVC+Shared-Prediction", [0, 1])
        assert record["source"] == "docs/results/study/metrics.csv"
        measures = {"accuracy": {"value": 0.5, "deviation": 0.353553, "standard_error": 0.015}}
        assert record["measures"] == measures


def _pages(nav) -> list[str]:
    return [nav] if isinstance(nav, str) else [page for each in nav for page in _pages(next(iter(each.values())))]


def test_every_page_is_in_the_navigation():
    nav = _pages(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    assert {page.name for page in DOCS.glob("*.md")} == {page for page in nav if "/" not in page}


class _Page(HTMLParser):
    """What a page refers to and has: links, what the browser loads, anchors."""

    def __init__(self, path: Path):
        super().__init__()
        self.links, self.loads, self.anchors = [], [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        elif tag == "link" and given.get("rel") != "canonical":
            self.loads.append(given["href"])
        elif given.get("src"):
            self.loads.append(given["src"])


def test_the_site_builds_without_the_network_and_no_link_is_dead(tmp_path):
    builder = shutil.which("zensical", path=f"{Path(sys.executable).parent}:{Path(sys.prefix, 'bin')}")
    builder = builder or shutil.which("zensical")
    if not builder:
        pytest.skip("zensical is not installed: the extra docs")
    shutil.copytree(DOCS, tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    subprocess.run([builder, "build", "--strict"], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL, timeout=100)
    pages = {path: _Page(path) for path in (tmp_path / "site").rglob("*.html") if path.name != "404.html"}
    assert {path.with_suffix(".md").name for path in pages} >= {page.name for page in DOCS.glob("*.md")}
    dead, fetched = [], []
    for path, page in pages.items():
        fetched += [each for each in page.loads if urlsplit(each).netloc]
        for target in [each for each in page.links + page.loads if not urlsplit(each).scheme]:
            file, _, anchor = unquote(target).partition("#")
            there = (path.parent / file).resolve() if file else path
            there = there / "index.html" if there.is_dir() else there
            known = there in pages and (not anchor or anchor in pages[there].anchors)
            if not (known or (there not in pages and there.is_file())):
                dead.append(f"{path.name}: {target}")
    assert fetched == []
    assert dead == [], "\n".join(dead)
