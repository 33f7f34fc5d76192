"""The one definition of every parameter: type, range, default and meaning.

``params.yaml``, ``workflow/schemas/params.schema.json`` and ``docs/parameters.md`` follow from these models;
a test fails when they drift. The library gets its values as arguments: nothing here reads a file by itself.
"""

from __future__ import annotations

import copy
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, Field, model_validator

from labelpolicy.config import Count, Name, Parameters, PositiveFloat, PositiveInt, check
from labelpolicy.data.parameters import Crossfit, Data, Synthetic
from labelpolicy.errors import LabelPolicyError
from labelpolicy.learner.parameters import MetaLearner
from labelpolicy.significance import Significance
from labelpolicy.thresholds.objectives import ThresholdParameters


class Training(Parameters):
    """The loop that every classifier shares (Eq. 1)."""

    epochs: PositiveInt = Field(20, description="passes over the training split at most")
    patience: Count = Field(
        5, description="epochs without a better validation micro-F1 before training stops; 0: never"
    )
    batch_size: PositiveInt = Field(64, description="documents a step")
    optimiser: Literal["adam", "sgd"] = Field(
        "adam",
        description="adam, or sgd without momentum; Adam does not see label weights where labels share nothing",
    )
    learning_rate: PositiveFloat = Field(2e-3, description="the optimiser's step size")
    weight_decay: Annotated[float, Field(ge=0)] = Field(0.0, description="the optimiser's L2 penalty")


class KimCNN(Training):
    """Kim (2014), CNN-non-static."""

    epochs: PositiveInt = Field(30, description="passes over the training split at most")
    patience: Count = Field(
        8, description="epochs without a better validation micro-F1 before training stops; 0: never"
    )
    windows: list[PositiveInt] = Field([3, 4, 5], min_length=1, description="filter widths in tokens")
    filters: PositiveInt = Field(100, description="filters per width")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(0.5, description="on the pooled features")
    max_tokens: PositiveInt = Field(200, description="tokens read of each document")


class Linear(Training):
    """One logistic output per label over tf-idf."""

    optimiser: Literal["adam", "sgd"] = Field(
        "sgd",
        description="sgd: Adam would undo label weights here, since labels share no parameters",
    )
    learning_rate: PositiveFloat = Field(
        100.0, description="the optimiser's step size; rows have unit length, so it may be large"
    )
    epochs: PositiveInt = Field(30, description="passes over the training split at most")


class LinearSVC(Parameters):
    """scikit-learn's LinearSVC over the same tf-idf: the reference a user would pick."""

    C: PositiveFloat = Field(1.0, description="inverse regularisation of every label's SVM")


class AttentiveLSTM(Training):
    """Shimaoka et al. (2017), attentive encoder, for entity mentions (Section 5, Eq. 8)."""

    epochs: PositiveInt = Field(40, description="passes over the training split at most")
    learning_rate: PositiveFloat = Field(
        3e-3, description="the optimiser's step size; Shimaoka et al.: 0.001 with batches of 1000"
    )
    hidden: PositiveInt = Field(100, description="units of each LSTM, one per direction and context")
    attention: PositiveInt = Field(100, description="units of the attention MLP, shared by both contexts")
    context: PositiveInt = Field(10, description="tokens read on each side of the mention")
    max_mention: PositiveInt = Field(10, description="tokens of the mention that are averaged, from its start")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(0.5, description="on the mention's average vector")
    sigma: Literal["softmax", "sigmoid"] = Field(
        "softmax", description="the σ of Eq. 8: softmax over a context's tokens (Shimaoka et al.), or sigmoid of each"
    )
    update_vectors: bool = Field(
        False, description="train the word vectors too; fixed in Shimaoka et al., and training is faster so"
    )


class Classifiers(Parameters):
    """One section per classifier."""

    kim_cnn: KimCNN = KimCNN()
    linear: Linear = Linear()
    linear_svc: LinearSVC = LinearSVC()
    attentive_lstm: AttentiveLSTM = AttentiveLSTM()


class PredictionsAsFeatures(Parameters):
    """Li et al. (2015): predictions of earlier labels are features of later ones, trained jointly."""

    order: Literal["hierarchy", "frequency", "dependence"] | list[str] = Field(
        "frequency",
        description="hierarchy: parents before children; frequency: frequent labels first; dependence: a partial "
        "order learned from the labels of the training documents; or a list of all labels",
    )
    learning_rate: PositiveFloat = Field(2e-3, description="Adam's step size for the weights between labels")
    weight_decay: Annotated[float, Field(ge=0)] = Field(0.0, description="Adam's L2 penalty on them")


class SubsetMaximization(Parameters):
    """Nam et al. (2017): an RNN that writes the positive labels one by one."""

    order: Literal["frequent_first", "rare_first", "topological"] | list[str] = Field(
        "rare_first",
        description="order in which the positive labels of a document are written; topological: parents before "
        "children; or a list of all labels",
    )
    hidden: PositiveInt = Field(64, description="units of the decoder's GRU state")
    beam: PositiveInt = Field(5, description="label sequences kept while decoding; 1: greedy")
    learning_rate: PositiveFloat = Field(2e-3, description="Adam's step size for the decoder")
    weight_decay: Annotated[float, Field(ge=0)] = Field(0.0, description="Adam's L2 penalty on the decoder")


class ClassifierChains(Parameters):
    """scikit-learn's ClassifierChain over frozen features (Read et al. 2011)."""

    order: Literal["frequent_first", "rare_first", "topological"] | list[str] = Field(
        "frequent_first", description="order of classifier_chain: as for subset_maximization"
    )
    C: PositiveFloat = Field(1000.0, description="inverse regularisation of every logistic regression")
    chains: PositiveInt = Field(10, description="random orders of ensemble_of_chains; classifier_chain has one")


class Chains(Parameters):
    """Classifiers that model label dependence on top of another classifier's encoder."""

    predictions_as_features: PredictionsAsFeatures = PredictionsAsFeatures()
    subset_maximization: SubsetMaximization = SubsetMaximization()
    classifier_chains: ClassifierChains = ClassifierChains()


class Chained(Training):
    """A chain on an encoder, which keeps its own training loop, optimiser and step size."""

    encoder: Training
    chain: PredictionsAsFeatures | SubsetMaximization | ClassifierChains

    @classmethod
    def of(cls, encoder: Training, chain: PredictionsAsFeatures | SubsetMaximization | ClassifierChains) -> Chained:
        loop = {name: getattr(encoder, name) for name in Training.model_fields}
        return cls.model_construct(**loop, encoder=encoder, chain=chain)

    @property
    def of_chain(self) -> Training:
        """How the chain's own weights are trained: by Adam, whatever the encoder is trained by."""
        return Training(optimiser="adam", learning_rate=self.chain.learning_rate, weight_decay=self.chain.weight_decay)


class Grid(Parameters):
    """Which runs fill the tables; the rows stand in workflow/methods.tsv."""

    datasets: list[Name] = Field(["reuters21578"], min_length=1, description="data sets, by the name of their reader")
    seeds: PositiveInt = Field(1, description="seeds 0 .. n-1 of every row")


class Robustness(Parameters):
    """The paper's Tables 3 and 6: random initial policies at the test-time episode. docs/statistics.md."""

    initialisations: Annotated[int, Field(ge=2)] = Field(10, description="random initial policies w_0, p_0, each a run")
    classifiers: list[Name] = Field(
        ["kim_cnn", "attentive_lstm"],
        min_length=1,
        description="classifiers of the target robustness, each on the data sets that have rows of it; trained by "
        "gradient",
    )
    policy: Name = Field("meta", description="the learned policy of the target robustness")


class Ablation(Parameters):
    """What each part of the learned policy is worth: variants of it against a reference. docs/ablation.md."""

    classifiers: list[Name] = Field(
        ["linear"],
        min_length=1,
        description="classifiers of the target ablation, each on the data sets of the grid that have rows of it; "
        "trained by gradient",
    )
    seeds: PositiveInt = Field(5, description="seeds 0 .. n-1 of every row of the ablation")
    reference: Name = Field("meta", description="the learned policy that the others are compared with")
    policies: list[Name] = Field([], description="the learned policies that are compared with it")

    @model_validator(mode="after")
    def _each_once(self) -> Ablation:
        names = [self.reference, *self.policies]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"{twice[0]!r} stands twice among the reference and the policies: keep one")
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
    synthetic: Synthetic = Synthetic()
    classifiers: Classifiers = Classifiers()
    chains: Chains = Chains()
    crossfit: Crossfit = Crossfit()
    thresholds: ThresholdParameters = ThresholdParameters()
    policies: dict[Name, MetaLearner] = Field(
        {"meta": MetaLearner()}, min_length=1, description="learned policies by name; methods.tsv refers to them"
    )
    significance: Significance = Significance()
    robustness: Robustness = Robustness()
    ablation: Ablation = Ablation()
    report: Report = Report()
    mirror: str | None = Field(
        None, description="folder that holds raw files, tried before any download; the variable LABELPOLICY_MIRROR wins"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: a GPU when there is one")
    threads: PositiveInt = Field(1, description="CPU threads of a training job; jobs run side by side")


def read_study(path: Path | None, assignments: list[str] | None) -> Study:
    """Parameters from a YAML file in the form of params.yaml, if given, and assignments over it.

    Raises LabelPolicyError for a file that is missing or not such YAML, and for what does not check.
    """
    values = {}
    if path is not None:
        if not path.is_file():
            raise LabelPolicyError(f"{path}: no such file: give a YAML file in the form of params.yaml")
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except yaml.YAMLError as error:
            raise LabelPolicyError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
        if not isinstance(values, dict):
            raise LabelPolicyError(f"{path}: found a {type(values).__name__}, expected sections as in params.yaml")
    return check(Study, override(values, assignments or []), str(path or "--set"))


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
            section[key] = yaml.safe_load(text)
        except yaml.YAMLError:
            raise LabelPolicyError(f"--set {assignment}: the value is not valid YAML") from None
    return result


def settings(study: Study, *paths: str) -> str:
    """The ``--set section.key=value`` options that carry these sections or keys where they differ from the defaults."""
    options = []
    for path in paths:
        value: Any = study
        for part in path.split("."):
            value = value[part] if isinstance(value, dict) else getattr(value, part)
        if isinstance(value, BaseModel):
            # A learned policy exists by its name alone, even if all of it is default.
            named = [(path, {})] if path.startswith("policies.") else []
            leaves = [*named, *_leaves(path, value.model_dump(mode="json", exclude_defaults=True))]
        else:
            leaves = [(path, value)] if value != Study.model_fields[path].default else []
        options += ["--set " + shlex.quote(f"{key}={json.dumps(leaf)}") for key, leaf in leaves]
    return " ".join(options)


def differences(one: Parameters, other: Parameters) -> dict[str, Any]:
    """The keys, as in params.yaml below the section, whose values differ between two of one model: those of ``one``."""
    ours, theirs = (
        {key: value for name, inner in model.model_dump(mode="json").items() for key, value in _leaves(name, inner)}
        for model in (one, other)
    )
    return {key: value for key, value in ours.items() if value != theirs[key]}


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(f"{path}.{key}", inner)
    else:
        yield path, value
