"""The one definition of every parameter: type, range, default and meaning.

``params.yaml``, ``workflow/schemas/params.schema.json`` and ``docs/parameters.md`` follow from these models;
a test fails when they drift. The library gets its values as arguments: nothing here reads a file by itself.
"""

import copy
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from labelpolicy.classifiers import registry
from labelpolicy.config import LARGEST_SIZE, Name, Names, Parameters, PositiveInt, check
from labelpolicy.data.document_files import Entry
from labelpolicy.data.parameters import Crossfit, Data, Synthetic
from labelpolicy.errors import LabelPolicyError
from labelpolicy.learner.parameters import LearnerParameters
from labelpolicy.parsing import parse_yaml, read_text
from labelpolicy.significance import Significance
from labelpolicy.thresholds.objectives import ThresholdParameters

if TYPE_CHECKING:  # models made when this module is imported

    class Classifiers(Parameters):
        def __getattr__(self, name: str) -> Any: ...

    class Chains(Parameters):
        def __getattr__(self, name: str) -> Any: ...

else:
    Classifiers = registry.sections_of(
        "Classifiers",
        "One section per classifier.",
        {name: each.parameters for name, each in registry.declarations().items()},
    )
    Chains = registry.sections_of(
        "Chains",
        "Classifiers that model label dependence on top of another classifier's encoder.",
        {name: each.parameters for name, each in registry.chain_declarations().values()},
    )


class Grid(Parameters):
    """Which runs fill the tables; the rows stand in workflow/methods.tsv."""

    datasets: Annotated[Names, Field(min_length=1)] | None = Field(
        None, description="data sets by name; null: all of data_sets, or reuters21578 if there are none"
    )
    seeds: PositiveInt = Field(1, description="seeds 0 .. n-1 of every row")
    quick: Names = Field(["linear", "linear_svc"], description="classifiers of the target quick, which takes minutes")


class Robustness(Parameters):
    """The paper's Tables 3 and 6: random initial policies at the test-time episode. docs/statistics.md."""

    initialisations: Annotated[int, Field(ge=2, le=LARGEST_SIZE)] = Field(
        10, description="random initial policies w_0, p_0, each a run"
    )
    classifiers: Names = Field(
        ["kim_cnn", "attentive_lstm"],
        min_length=1,
        description="classifiers of the target robustness, each on the data sets that have rows of it; trained by "
        "gradient",
    )
    policy: Name = Field("meta", description="the learned policy of the target robustness")


class Ablation(Parameters):
    """What each part of the learned policy is worth: variants of it against a reference. docs/ablation.md."""

    classifiers: Names = Field(
        ["linear"],
        min_length=1,
        description="classifiers of the target ablation, each on the data sets of the grid that have rows of it; "
        "trained by gradient",
    )
    seeds: PositiveInt = Field(5, description="seeds 0 .. n-1 of every row of the ablation")
    reference: Name = Field("meta", description="the learned policy that the others are compared with")
    policies: Names = Field([], description="the learned policies that are compared with it")

    @model_validator(mode="after")
    def _reference_is_another(self) -> "Ablation":
        if self.reference in self.policies:
            raise ValueError(f"{self.reference!r} stands twice, as reference and among the policies: keep one")
        return self


class Report(Parameters):
    """What the report shows. The target is `snakemake report`."""

    labels: dict[Name, list[str]] = Field(
        {},
        description="by data set, the labels of the weight figure (the paper's Figure 5) and of the precision-recall "
        "curves; for a data set without: five, spread over frequency, or a parent and its descendants",
    )
    robustness: bool = Field(
        True, description="Tables 3 and 6 have our runs from random initial policies: the report waits for them"
    )


class Study(Parameters):
    """params.yaml as a whole."""

    grid: Grid = Grid()
    data: Data = Data()
    data_sets: dict[Name, Entry] = Field({}, description="documents of your own: a file, or more, by a name")
    synthetic: Synthetic = Synthetic()
    classifiers: Classifiers = Classifiers()
    chains: Chains = Chains()
    crossfit: Crossfit = Crossfit()
    thresholds: ThresholdParameters = ThresholdParameters()
    policies: dict[Name, LearnerParameters] = Field(
        {"meta": LearnerParameters()}, min_length=1, description="learned policies by name; methods.tsv refers to them"
    )
    significance: Significance = Significance()
    robustness: Robustness = Robustness()
    ablation: Ablation = Ablation()
    report: Report = Report()
    keep_classifiers: bool = Field(
        False,
        description="keep every fitted classifier beside its scores: models (results/{cell}/model/) then need no "
        "second training",
    )
    mirror: str | None = Field(
        None, description="folder that holds raw files, tried before any download; the variable LABELPOLICY_MIRROR wins"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: a GPU when there is one")
    threads: Annotated[int, Field(ge=1, le=1024)] = Field(
        1, description="CPU threads of a training job; jobs run side by side"
    )

    @property
    def datasets(self) -> list[str]:
        """The data sets of the study: those of the grid, or all that are the user's own, or the paper's first."""
        return self.grid.datasets or list(self.data_sets) or ["reuters21578"]

    def policy(self, name: str) -> LearnerParameters:
        """A learned policy by name. Raises LabelPolicyError for one that is not there."""
        if name not in self.policies:
            raise LabelPolicyError(f"policy {name!r} is unknown: expected one of {', '.join(self.policies)}")
        return self.policies[name]


def read_values(path: Path) -> dict[str, Any]:
    """What a YAML file in the form of params.yaml says, unchecked.

    Raises LabelPolicyError for a file that is missing or not such YAML.
    """
    try:
        values = parse_yaml(read_text(path)) or {}
    except ValueError as error:
        raise LabelPolicyError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(values, dict):
        raise LabelPolicyError(f"{path}: found a {type(values).__name__}, expected sections as in params.yaml")
    return values


def origin(sources: Mapping[str, Iterable[str]], place: str) -> str | None:
    """The first source with a key that is this place, above it or below it."""
    pairs = ((name, f"{key}.", f"{place}.") for name, keys in sources.items() for key in keys)
    return next((name for name, one, other in pairs if one.startswith(other) or other.startswith(one)), None)


def read_study(path: Path | None, assignments: list[str] | None) -> Study:
    """Parameters from a YAML file in the form of params.yaml, if given, and assignments over it.

    Raises LabelPolicyError for a file that is missing or not such YAML, and for what does not check.
    """
    values = read_values(path) if path is not None else {}
    assigned = [assignment.partition("=")[0] for assignment in assignments or []]
    sources = {f"--set {key}": [key] for key in reversed(assigned)}
    return check(Study, override(values, assignments or []), str(path or "--set"), partial(origin, sources))


def override(values: dict[str, Any], assignments: list[str]) -> dict[str, Any]:
    """Values with ``section.key=value`` assignments laid over them; a value is read as YAML.

    Raises LabelPolicyError for an assignment without ``=`` or through something that is not a section.
    """
    result = copy.deepcopy(values)
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        *sections, key = path.split(".")
        if not equals or not all([*sections, key]):
            raise LabelPolicyError(
                f"--set {assignment}: expected section.key=value, as in --set classifiers.kim_cnn.epochs=5"
            )
        section = result
        for name in sections:
            section = section.setdefault(name, {})
            if not isinstance(section, dict):
                raise LabelPolicyError(f"--set {assignment}: {name} is not a section")
        try:
            section[key] = parse_yaml(text)
        except ValueError as error:
            raise LabelPolicyError(f"--set {assignment}: the value is not valid YAML: {error}") from None
    return result


def settings(study: Study, *paths: str) -> list[str]:
    """The ``--set section.key=value`` options that carry these sections or keys where they differ from the defaults."""
    options: list[str] = []
    for path in paths:
        value: Any = study
        for part in path.split("."):
            value = value[part] if isinstance(value, dict) else getattr(value, part)
        if isinstance(value, BaseModel):
            # A learned policy exists by its name alone, even if all of it is default.
            named: list[tuple[str, Any]] = [(path, {})] if path.startswith("policies.") else []
            leaves = [*named, *leaves_of(path, value.model_dump(mode="json", exclude_defaults=True))]
        else:
            leaves = [(path, value)] if value != Study.model_fields[path].default else []
        options += [word for key, leaf in leaves for word in ("--set", f"{key}={json.dumps(leaf)}")]
    return options


def differences(one: Parameters, other: Parameters) -> dict[str, Any]:
    """The keys, as in params.yaml below the section, whose values differ between two of one model: those of ``one``."""
    ours, theirs = (
        {key: value for name, inner in model.model_dump(mode="json").items() for key, value in leaves_of(name, inner)}
        for model in (one, other)
    )
    return {key: value for key, value in ours.items() if value != theirs[key]}


def leaves_of(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The values below a section, with their dotted keys."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves_of(f"{path}.{key}" if path else str(key), inner)
    else:
        yield path, value
