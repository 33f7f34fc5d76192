"""Parameters: one definition, and everything that follows from it."""

import json
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from labelpolicy.config import check
from labelpolicy.errors import LabelPolicyError
from labelpolicy.learner.parameters import LearnerParameters
from labelpolicy.parameters import Ablation, Study, differences, override, settings
from labelpolicy.steps.parameters import page
from labelpolicy.thresholds.objectives import Utility

ROOT = Path(__file__).parents[2]
FILE = yaml.safe_load((ROOT / "params.yaml").read_text())


def keys(value, path=""):
    if isinstance(value, dict):
        return {key for name, inner in value.items() for key in keys(inner, f"{path}.{name}")}
    return {path}


def test_params_yaml_shows_every_key_at_its_default():
    study = check(Study, FILE, "params.yaml")
    shown = Study.model_validate({}).model_dump(mode="json")
    read = FILE | {"policies": {"meta": FILE["policies"]["meta"]}}  # the others show what they change
    assert keys(read) == keys(shown)
    sections = ("policies", "robustness", "significance")
    chosen = {name: getattr(study, name) for name in sections}
    assert study == Study(**chosen, ablation=Ablation(policies=study.ablation.policies))
    assert {study.ablation.reference, *study.ablation.policies} <= set(study.policies)
    assert study.policies["meta"] == LearnerParameters()


def test_params_yaml_is_plain():
    """`dvc exp run -S` rewrites it: no anchors, flow style or tags."""
    lines = (ROOT / "params.yaml").read_text().splitlines()
    assert not [line for line in lines if line.strip()[:1] not in "#" and any(mark in line for mark in "&*[!")]


def test_schema_and_page_are_generated_from_the_models():
    """Run `labelpolicy parameters --schema workflow/schemas/params.schema.json --docs docs/parameters.md`."""
    schema = json.loads((ROOT / "workflow/schemas/params.schema.json").read_text())
    assert schema == json.loads(json.dumps(Study.model_json_schema()))
    assert (ROOT / "docs/parameters.md").read_text() == page()


def models(model):
    yield model
    for field in model.model_fields.values():
        for inner in [field.annotation, *getattr(field.annotation, "__args__", ())]:
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from models(inner)


def test_every_parameter_is_described():
    for model in models(Study):
        for name, field in model.model_fields.items():
            section = any(
                isinstance(inner, type) and issubclass(inner, BaseModel)
                for inner in [field.annotation, *getattr(field.annotation, "__args__", ())]
            )
            assert section or field.description, f"{model.__name__}.{name}"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"data_sets": {"mine": {"labls": "x"}}}, "f.yaml: data_sets.mine.labls: unknown parameter; known here: files"),
        ({"data_sets": {"mine": {"files": {"tran": "x"}}}}, "f.yaml: data_sets.mine.files: found {'tran': 'x'}"),
        ({"grid": {"seed": 1}}, "f.yaml: grid.seed: unknown parameter; known here: datasets, seeds"),
        ({"policies": {"meta": {"epsodes": 1}}}, "policies.meta.epsodes: unknown parameter; known here: learner"),
        ({"classifiers": {"kim_cnn": {"epochs": 0}}}, "f.yaml: classifiers.kim_cnn.epochs: found 0: "),
        ({"policies": {"meta": {"threshold_bounds": [0.9, 0.1]}}}, "the lower bound must be below the upper one"),
        ({"policies": {"meta": {"threshold_bounds": [0.0, 0.5]}}}, "policies.meta.threshold_bounds.0: found 0.0"),
        (
            {"policies": {"meta": {"credit": "total", "estimator": "evolution"}}},
            "credit: total goes with estimator: policy_gradient",
        ),
        (
            {"policies": {"meta": {"credit": "total"}}},
            "estimator: pathwise goes with reward: utility and credit: label",
        ),
        (
            {"policies": {"meta": {"reward": "paper"}}},
            "estimator: pathwise goes with reward: utility and credit: label",
        ),
        (
            {"policies": {"meta": {"credit": "total", "estimator": "policy_gradient"}}},
            "credit: total goes with samples: 1",
        ),
        *(
            ({"policies": {"meta": settings}}, f"Value error, {key}: changes nothing")
            for key, settings in (
                ("samples", {"samples": 2}),
                ("training.weight_noise", {"training": {"weight_noise": 0.1}}),
                ("final_noise", {"final_noise": 0.1, "estimator": "evolution"}),
                ("training.noise", {"training": {"noise": 0.1}, "estimator": "evolution"}),
                ("utility", {"reward": "paper", "estimator": "policy_gradient", "utility": {"accuracy": 0.0}}),
                (
                    "reward_documents",
                    {"learner": "paper", "reward_documents": 9, "training": {"rewarded_on": "in_sample"}},
                ),
                ("on_scores", {"learner": "paper", "on_scores": {"holdout": 0.5}}),
            )
        ),
        ({"thresholds": {"utility": {"accuracy": 0, "macro_f1": 0, "micro_f1": 0}}}, "all weights are 0"),
        ({"data": {"vectors": {"source": "file"}}}, "source: file needs a path"),
        ({"data": {"validation_fraction": 1}}, "data.validation_fraction: found 1"),
        ({"policies": {}}, "policies: found {}"),
        (
            {"ablation": {"policies": ["one", "meta"]}},
            "ablation: found {'policies': ['one', 'meta']}: Value error, 'meta'",
        ),
        ({"nothing": 1}, "f.yaml: nothing: unknown parameter"),
        ("text", "f.yaml: top level: found 'text'"),
    ],
)
def test_bad_values_are_one_line_that_names_the_place(values, message):
    with pytest.raises(LabelPolicyError) as caught:
        check(Study, values, "f.yaml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_assignments_lie_over_the_file():
    values = {"grid": {"seeds": 2}, "threads": 1}
    laid = override(values, ["grid.datasets=[a, b]", "threads=3", "policies.other.reward=paper"])
    assert laid == {
        "grid": {"seeds": 2, "datasets": ["a", "b"]},
        "threads": 3,
        "policies": {"other": {"reward": "paper"}},
    }
    assert values == {"grid": {"seeds": 2}, "threads": 1}


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("grid.seeds", "expected section.key=value"),
        ("=1", "expected section.key=value"),
        ("grid..seeds=1", "expected section.key=value"),
        ("threads.x=1", "threads is not a section"),
        ("threads=[", "not valid YAML"),
    ],
)
def test_bad_assignments(assignment, message):
    with pytest.raises(LabelPolicyError, match="--set") as caught:
        override({"threads": 1}, [assignment])
    assert message in str(caught.value)


def test_differences_are_those_of_the_parameters():
    one = LearnerParameters(training={"rewarded_on": "in_sample"}, steps=3, utility=Utility(macro_f1=2.0))
    assert differences(one, LearnerParameters()) == {
        "utility.macro_f1": 2.0,
        "training.rewarded_on": "in_sample",
        "steps": 3,
    }
    assert differences(LearnerParameters(), one)["utility.macro_f1"] == 1.0
    assert differences(one, one) == {}


def test_settings_carry_what_differs_from_the_defaults_and_come_back_whole():
    study = check(
        Study,
        {
            "classifiers": {"kim_cnn": {"windows": [2, 3], "dropout": 0.25}},
            "policies": {
                "mine": {"estimator": "evolution", "utility": {"accuracy": 0.0}, "training": {"batches": 3}},
                "plain": {},
            },
            "data": {"vectors": {"source": "file", "path": "a folder/it's.bin"}},
            "device": "cpu",
        },
        "test",
    )
    options = settings(study, "classifiers.kim_cnn", "policies.mine", "policies.plain", "data", "device", "threads")
    assert set(options[::2]) == {"--set"}
    again = check(Study, override({}, options[1::2]), "test")
    assert again == study
    assert not any("epochs" in word or "threads" in word for word in options)
    assert settings(Study(), "classifiers.kim_cnn", "data", "device", "threads") == []
