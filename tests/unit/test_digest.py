"""The code digest: an edit reruns what it can change and nothing else."""

import re
import shutil

import digest
import pytest

TRAIN = {"train linear", "train kim_cnn"}
FIGURES = {"learning curve", "trace", "robustness"}
STEPS = {
    "prepare": ("steps.prepare", "data.readers.reuters"),
    "train linear": ("steps.train", "classifiers.linear"),
    "train kim_cnn": ("steps.train", "classifiers.kim_cnn"),
    "learn": ("steps.learn", "classifiers.linear"),
    "decide": ("steps.decide",),
    "learning curve": ("report.figures.learning_curve",),
    "trace": ("report.figures.trace",),
    "robustness": ("report.figures.robustness",),
}
ALL = set(STEPS)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package's sources that may be edited."""
    root = tmp_path / "labelpolicy"
    shutil.copytree(digest.ROOT, root, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(digest, "ROOT", root)
    for name, function in REMEMBERED.items():
        monkeypatch.setattr(digest, name, function)
    return root


def remembered(function):
    """What digest.py takes of each module once, taken again only when its source or a file beside it has changed."""
    known = {}

    def of(module):
        files = digest._source(module), *digest._data_files(module)
        key = module, *((file.name, file.read_bytes()) for file in files)
        if key not in known:
            known[key] = function.__wrapped__(module)
        return known[key]

    return of


REMEMBERED = {name: remembered(getattr(digest, name)) for name in ("_imports", "_content", "_tree")}


def digests():
    return {name: digest.code_digest(*modules) for name, modules in STEPS.items()}


def edit(file, pattern, put):
    before = file.read_text()
    after = re.sub(pattern, put, before, count=1, flags=re.DOTALL)
    assert before != after
    file.write_text(after)


def changed(package, *edits):
    before = digests()
    for file, pattern, put in edits:
        edit(package / file, pattern, put)
    after = digests()
    return {name for name in before if before[name] != after[name]}


@pytest.mark.parametrize(
    "put",
    [
        "# a comment\n",
        "\n\n\n",
        '"""Another docstring."""\n',
        "if TYPE_CHECKING:\n    import labelpolicy.report.figures\n",
    ],
)
def test_comments_blank_lines_docstrings_and_types_rerun_nothing(package, put):
    files = ("training.py", "config.py", "steps/train.py", "data/prepared.py", "cli.py", "options.py")
    assert changed(package, *((file, r"\Z", put) for file in files)) == set()


def test_a_docstring_in_the_middle_reruns_nothing(package):
    edits = [
        (file, r'\n(    )?"""[A-Z][^"]*"""\n', r'\n\1"""Said otherwise."""\n') for file in ("training.py", "files.py")
    ]
    inner = ("classifiers/linear/network.py", r"(def \w+\([^)]*\)[^:\n]*:\n\s+)", r'\1"""Said otherwise."""\n        ')
    assert changed(package, *edits, inner) == set()


def test_a_help_text_reruns_nothing_and_what_a_command_does_reruns_all(package):
    assert changed(package, ("options.py", 'help="[^"]*"', 'help="Said otherwise."')) == set()
    assert changed(package, ("cli.py", "study = read_study", "chosen = study = read_study")) == ALL


@pytest.mark.parametrize(
    ("edited", "expected"),
    [
        ("classifiers/kim_cnn/__init__.py", {"train kim_cnn"}),
        ("classifiers/kim_cnn/network.py", {"train kim_cnn"}),
        ("classifiers/tfidf.py", {"train linear", "learn"}),
        ("training.py", TRAIN | {"learn"}),
        ("learner/gradient.py", {"learn"}),
        ("metrics.py", {"decide", "robustness"}),
        ("report/figures/robustness.py", {"robustness"}),
        ("files.py", ALL),
    ],
)
def test_code_reruns_what_uses_it(package, edited, expected):
    assert changed(package, (edited, r"\Z", "\nprint('an edit')\n")) == expected


def test_a_new_metric_trains_nothing(package):
    new = "\n\ndef new_measure(y_true, y_pred):\n    return 0.0\n"
    assert changed(package, ("metrics.py", r"\Z", new)) == {"decide", "robustness"}


def test_parameters_of_a_classifier_rerun_that_classifier(package):
    edit = ("classifiers/kim_cnn/__init__.py", r"(filters: \w+ = Field\()\d+", r"\g<1>7")
    assert changed(package, edit) == {"train kim_cnn"}


def test_the_code_of_a_figure_reruns_that_figure(package):
    assert changed(package, ("report/figures/trace.py", r"\Z", "\nprint('an edit')\n")) == {"trace"}
    assert changed(package, ("report/drawing.py", r"\Z", "\nprint('an edit')\n")) == FIGURES


def test_a_data_file_beside_a_module_counts_by_its_bytes(package):
    assert changed(package, ("data/readers/reuters21578_split.json", r"\Z", "\n")) == {"prepare"}


def test_an_unknown_module_is_an_error():
    with pytest.raises(ModuleNotFoundError, match=r"steps\.nothing"):
        digest.code_digest("steps.nothing")
