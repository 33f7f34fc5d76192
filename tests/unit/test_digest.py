"""The code digest: an edit to a module reruns what uses it and nothing else."""

import shutil

import digest
import pytest


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package's sources that may be edited."""
    root = tmp_path / "labelpolicy"
    shutil.copytree(digest.ROOT, root, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(digest, "ROOT", root)
    digest._imports.cache_clear()
    yield root
    digest._imports.cache_clear()


def digests():
    digest._imports.cache_clear()
    return {
        "train linear": digest.code_digest("steps.train", "classifiers.linear"),
        "train kim_cnn": digest.code_digest("steps.train", "classifiers.kim_cnn"),
        "learn": digest.code_digest("steps.learn", "classifiers.linear"),
        "decide": digest.code_digest("steps.decide"),
        "prepare": digest.code_digest("steps.prepare", "data.readers.reuters"),
    }


@pytest.mark.parametrize(
    ("edited", "changed"),
    [
        ("classifiers/kim_cnn.py", {"train kim_cnn"}),
        ("classifiers/tfidf.py", {"train linear", "learn"}),
        ("training.py", {"train linear", "train kim_cnn", "learn"}),
        ("thresholds/rules.py", {"decide", "learn"}),
        ("learner/gradient.py", {"learn"}),
        ("learner/reward.py", {"learn"}),
        ("data/readers/reuters21578_split.json", {"prepare"}),
        ("files.py", {"train linear", "train kim_cnn", "learn", "decide", "prepare"}),
    ],
)
def test_an_edit_changes_the_digests_of_what_uses_it(package, edited, changed):
    before = digests()
    with (package / edited).open("a") as file:
        file.write("\n")
    after = digests()
    assert {name for name in before if before[name] != after[name]} == changed


def test_an_unknown_module_is_an_error():
    with pytest.raises(ModuleNotFoundError, match=r"steps\.nothing"):
        digest.code_digest("steps.nothing")


def test_function_level_imports_count():
    assert "labelpolicy.training" in digest.closure("steps.train")
