"""The report as PDF: every part in its place, numbers from the files, and a note where there is no TeX."""

import shutil
import subprocess

import pytest
from report_samples import METHODS, PAPER, ROOT, write_history, write_metrics, write_robustness

from labelpolicy.data.parameters import Data
from labelpolicy.errors import LabelPolicyError
from labelpolicy.learner.parameters import LearnerParameters
from labelpolicy.parameters import override
from labelpolicy.report.figures.learning_curve import learning_curve
from labelpolicy.steps import document, reproducing, table

TEMPLATE = ROOT / "workflow" / "report" / "reproduction.tex"


@pytest.fixture(scope="module")
def made(tmp_path_factory, prepared):
    """Real tables, claims and one figure, as options of the step; tests must not change them."""
    place = tmp_path_factory.mktemp("parts")
    folder, runs, metrics = place / "tables", write_robustness(place / "seed0.parquet"), place / "metrics.parquet"
    given = {"metrics": write_metrics(metrics), "methods": METHODS, "paper": PAPER, "datasets": [prepared]}
    for number in document.TABLE_TITLES:
        outputs = {"output": folder / f"table{number}.tex", "markdown": folder / f"table{number}.md"}
        table.table(number=number, robustness=[runs], **given, **outputs)
    claims = {"claims": ROOT / "workflow" / "claims.tsv", "output": place / "r.md", "latex": folder / "claims.tex"}
    claims |= {"csv": place / "claims.csv"}
    reproducing.reproducing(robustness=[runs], **given | {"metrics": [metrics]}, **claims)
    drawn = place / "figures" / "reuters21578" / "kim_cnn" / "learning_curve.pdf"
    history = write_history(place / "d/c/uniform/seed0/history.parquet", epochs=3, lift=0)
    learning_curve(histories=[history], title="x", pdf=drawn, png=drawn.with_suffix(".png"))
    policies = {"meta": LearnerParameters(), "unused": LearnerParameters()}
    given |= {"tables": folder, "claims": folder / "claims.tex", "figure": [drawn], "template": TEMPLATE}
    return given | {"policies": policies, "data": Data()}


@pytest.fixture
def parts(made, tmp_path):
    """The options of the step."""
    return made | {"output": tmp_path / "reproduction.pdf"}


@pytest.mark.skipif(
    document.engine() is None or not shutil.which("pdftotext"), reason="needs TeX and pdftotext: not installed"
)
def test_the_pdf_shows_tables_claims_figures_and_deviations(parts):
    document.document(**parts)
    first = parts["output"].read_bytes()
    document.document(**parts)
    assert parts["output"].read_bytes() == first, "the same inputs gave other bytes"
    done = subprocess.run(["pdftotext", "-layout", parts["output"], "-"], capture_output=True, text=True, check=True)
    text = " ".join(done.stdout.split())
    for shown in (
        "Table 6. Robustness to initial policies",
        "7,769 training documents",
        "Not run here: FIGER, OntoNotes, BBN, RCV1-V2.",
        "learner shared (paper: paper)",
        "CNN+Meta-Training-Prediction",
        "Not reproduced.",
        "Figure 1: Learning curves by label weights; Reuters-21578, kim cnn.",
    ):
        assert shown in text.replace("_", " "), shown
    assert "unused" not in text, "a policy that no row uses is no deviation"


def test_without_tex_a_note_takes_the_pdf_s_place(parts, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "/nonexistent")
    document.document(**parts)
    assert not parts["output"].exists()
    note = parts["output"].with_suffix(".md").read_text()
    assert "No TeX was found" in note and "table5.tex" in note and "learning" in note
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.skipif(document.engine() is None, reason="needs TeX: not installed")
def test_tex_s_complaint_is_one_line(parts, tmp_path):
    bad = tmp_path / "bad.tex"
    bad.write_text(TEMPLATE.read_text().replace(r"\maketitle", r"\undefinedcommand"))
    with pytest.raises(LabelPolicyError, match=r"stopped: .*ndefined") as caught:
        document.document(**parts | {"template": bad})
    assert "\n" not in str(caught.value) and not parts["output"].exists()


def test_a_template_must_have_every_part(parts, tmp_path):
    bad = tmp_path / "bad.tex"
    bad.write_text(TEMPLATE.read_text().replace("%% INSERT claims", ""))
    with pytest.raises(LabelPolicyError, match="%% INSERT claims: expected one such line"):
        document.document(**parts | {"template": bad})
    bad.write_text(TEMPLATE.read_text() + "\n%% INSERT more\n")
    with pytest.raises(LabelPolicyError, match="%% INSERT more: expected one such line"):
        document.document(**parts | {"template": bad})


def test_no_number_stands_in_the_prose():
    """Numbers enter by generated files alone; what is left are lengths, options and the year of the paper."""
    text = TEMPLATE.read_text().split(r"\maketitle")[1].replace("EMNLP 2019", "")
    assert not any(character.isdigit() for character in text)


def test_every_choice_of_the_paper_is_a_parameter():
    choices = override({}, [f"{key}={choice}" for key, choice in document.PAPER_CHOICES.items()])
    literal = LearnerParameters.model_validate(choices)
    (sentence,) = [s for s in document.deviations([], [], {"meta_paper": literal}, Data()) if "Policy" in s]
    assert "the literal variant" in sentence
