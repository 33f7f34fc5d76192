"""The one definition of every parameter: type, range, default and meaning.

``params.yaml``, ``workflow/schemas/params.schema.json`` and ``docs/parameters.md`` follow from these models;
a test fails when they drift. The library gets its values as arguments: nothing here reads a file by itself.
"""

from __future__ import annotations

import copy
import json
import shlex
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from labelpolicy.errors import LabelPolicyError

PositiveInt = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0)]
OpenUnit = Annotated[float, Field(gt=0, lt=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Parameters(BaseModel):
    """Base of all sections: unknown keys are errors, values never change after they are checked."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Vectors(Parameters):
    """Pre-trained word vectors."""

    source: Literal["glove.6B.50d", "file", "random"] = Field(
        "glove.6B.50d", description="glove.6B.50d from the installed package, file (see path), or random"
    )
    path: str | None = Field(
        None,
        description="word2vec, GloVe or fastText vectors, text or binary, for source: file (the paper: GoogleNews)",
    )
    width: PositiveInt = Field(50, description="numbers per vector; the source must agree")

    @model_validator(mode="after")
    def _path_goes_with_file(self) -> Vectors:
        if (self.source == "file") != (self.path is not None):
            raise ValueError("path goes with source: file, and source: file needs a path")
        return self


class Data(Parameters):
    """From raw files to the prepared form."""

    validation_fraction: OpenUnit = Field(0.1, description="share of the training documents held out for validation")
    validation_seed: Count = Field(0, description="seed of that split")
    bad_share: Annotated[float, Field(ge=0, le=1)] = Field(
        0.05, description="lines and mentions that cannot be used, as a share of a file's; above it prepare fails"
    )
    min_count: PositiveInt = Field(2, description="a token seen less often in the training split becomes <unk>")
    known_words: Literal["mentions", "all", "none"] = Field(
        "mentions",
        description="data whose words keep their pre-trained vector even if rarer than min_count or in no training "
        "document: entity mentions, whose vectors are not trained; all; or none",
    )
    vectors: Vectors = Vectors()


class Synthetic(Parameters):
    """The synthetic corpus of the tests; never in a results table of the paper."""

    documents: PositiveInt = Field(600, description="training documents")
    test_documents: PositiveInt = Field(200, description="test documents")
    labels: PositiveInt = Field(12, description="labels")
    exponent: Annotated[float, Field(ge=0)] = Field(1.0, description="label frequencies fall as rank ** -exponent")
    depth: PositiveInt = Field(2, description="levels of the label hierarchy; 1 for a flat label set")
    dependence: Annotated[float, Field(ge=0, le=1)] = Field(
        0.3, description="chance that a label brings its partner label along"
    )
    tokens: PositiveInt = Field(30, description="mean tokens a document")
    vocabulary: PositiveInt = Field(400, description="distinct tokens")
    noise: Annotated[float, Field(ge=0, le=1)] = Field(
        0.5, description="share of tokens that tell nothing of the labels"
    )
    seed: Count = Field(0, description="seed of the generator")


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


class Utility(Parameters):
    """What a user wants to be good at: the weight of each measure in the objective."""

    accuracy: Annotated[float, Field(ge=0)] = Field(1.0, description="weight of strict accuracy")
    macro_f1: Annotated[float, Field(ge=0)] = Field(1.0, description="weight of label macro-F1")
    micro_f1: Annotated[float, Field(ge=0)] = Field(1.0, description="weight of micro-F1")

    @model_validator(mode="after")
    def _something(self) -> Utility:
        if self.accuracy + self.macro_f1 + self.micro_f1 == 0:
            raise ValueError("all weights are 0, expected at least one above 0")
        return self


class Thresholds(Parameters):
    """Fitting decision thresholds on validation scores."""

    utility: Utility = Field(Utility(), description="what rcut, pcut, shared and the choice of fbr maximise")
    folds: Annotated[int, Field(ge=2)] = Field(
        5, description="folds of the validation split by which fbr is chosen (scutfbr)"
    )
    fbr: list[Annotated[float, Field(ge=0, le=1)]] = Field(
        [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], min_length=1, description="candidates for fbr (Yang 2001)"
    )
    closed_upwards: bool = Field(
        False,
        description="a predicted label brings its ancestors along (paper: no); metrics.json has both numbers anyway",
    )


class Crossfit(Parameters):
    """Out-of-fold scores, for thresholds whose name ends in +oof."""

    folds: Annotated[int, Field(ge=2)] = Field(
        3, description="folds of the training and validation documents; one more training than folds is needed"
    )


class MetaLearner(Parameters):
    """A learned policy: Algorithm 1 and what the paper leaves open. docs/algorithm.md explains each choice."""

    learner: Literal["shared", "paper"] = Field(
        "shared", description="shared: one GRU applied to every label; paper: one GRU over all 2N policy values (Eq. 3)"
    )
    reward: Literal["utility", "paper"] = Field(
        "utility", description="utility: per-label credit of the utility; paper: Eq. 6, which has no interior optimum"
    )
    utility: Utility = Utility()
    credit: Literal["label", "total"] = Field(
        "label",
        description="label: a label's logits learn from that label's share of the reward (its threshold from the "
        "step's, its weight from the steps' to come); total: all from the sum over labels of what is to come (paper)",
    )
    estimator: Literal["pathwise", "policy_gradient", "evolution"] = Field(
        "pathwise",
        description="of the gradient of J (Eq. 7): through the utility made smooth; from draws of the policies "
        "(paper); or from perturbed meta-learners",
    )
    rewarded_on: Literal["held_out", "in_sample"] = Field(
        "held_out",
        description="documents the reward is computed on: validation documents, or the batches just trained on (paper)",
    )
    reward_documents: PositiveInt = Field(
        512, description="validation documents drawn for the held-out rewards of an episode"
    )
    samples: PositiveInt = Field(
        8,
        description="draws of p per time step (estimators other than pathwise), in opposite pairs when more than 1; "
        "1: one draw and a running baseline (paper)",
    )
    episodes: PositiveInt = Field(30, description="M of Algorithm 1")
    steps: PositiveInt = Field(4, description="T of Algorithm 1")
    batches: PositiveInt | None = Field(
        None,
        description="batches B_t that the classifier is updated with per time step (paper: 1); null: as many as make "
        "all episodes together, or each of them with reset: episode, half a training of the classifier, at least 1",
    )
    reset: Literal["training", "episode", "never"] = Field(
        "training",
        description="when the classifier goes back to its untrained state: after about each whole training, at each "
        "episode, or never",
    )
    hidden: PositiveInt = Field(32, description="units of the GRU state")
    learning_rate: PositiveFloat = Field(1e-2, description="Adam's step size for the meta-learner")
    noise: PositiveFloat = Field(
        1.0,
        description="standard deviation, in the first episode, of the Gaussian policy around the logits of p; "
        "pathwise: in units of how far apart a label's highest logits lie",
    )
    final_noise: PositiveFloat = Field(
        0.05, description="the same in the last episode; it falls geometrically in between"
    )
    weight_noise: PositiveFloat = Field(0.3, description="standard deviation of the policy around the logits of w")
    weight_penalty: Annotated[float, Field(ge=0)] = Field(
        0.5, description="pull of the logits of w towards uniform weights, so that noise alone does not move them"
    )
    threshold_bounds: tuple[OpenUnit, OpenUnit] = Field(
        (0.001, 0.999), description="closed interval that p is clipped to"
    )
    rollout: Literal["pass", "batch"] = Field(
        "pass",
        description="a time step of the test-time episode: pass, passes of mini-batches over the training split, "
        "as many as make the episode one whole training; batch, one update with the whole training split (paper)",
    )

    @model_validator(mode="after")
    def _bounds_in_order(self) -> MetaLearner:
        if not self.threshold_bounds[0] < self.threshold_bounds[1]:
            raise ValueError("threshold_bounds: the lower bound must be below the upper one")
        return self

    @model_validator(mode="after")
    def _pathwise_needs_a_smooth_reward(self) -> MetaLearner:
        if self.estimator == "pathwise" and (self.reward == "paper" or self.credit == "total"):
            raise ValueError(
                "estimator: pathwise goes with reward: utility and credit: label; for others take policy_gradient"
            )
        return self

    @model_validator(mode="after")
    def _draws_need_their_own_credit(self) -> MetaLearner:
        if self.credit == "total" and self.samples > 1:
            raise ValueError("credit: total goes with samples: 1, since one reward to come cannot tell draws apart")
        return self


class Grid(Parameters):
    """Which runs fill the tables; the rows stand in workflow/methods.tsv."""

    datasets: list[Name] = Field(["reuters21578"], min_length=1, description="data sets, by the name of their reader")
    seeds: PositiveInt = Field(1, description="seeds 0 .. n-1 of every row")


class Significance(Parameters):
    """Which differences between rows are more than chance: a paired bootstrap. docs/statistics.md."""

    draws: PositiveInt = Field(20_000, description="resamples of the test documents and the seeds")
    level: OpenUnit = Field(
        0.05, description="a difference is marked where p, corrected by Holm, is below; the interval covers 1 - level"
    )
    seed: Count = Field(0, description="seed of the resampling")


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


class Transfer(Parameters):
    """Meta-learners learned on one data set and applied to another. docs/ablation.md."""

    datasets: list[Name] = Field(
        ["reuters21578", "goemotions"],
        min_length=2,
        description="data sets of the target transfer: each one's meta-learner decides all the others",
    )
    classifier: Name = Field("linear_svc", description="the classifier whose out-of-fold scores are decided")
    policy: Name = Field("meta", description="the learned policy of the target transfer; learner: shared")

    @model_validator(mode="after")
    def _each_once(self) -> Transfer:
        twice = [name for name in self.datasets if self.datasets.count(name) > 1]
        if twice:
            raise ValueError(f"data set {twice[0]!r} is given twice: give it once")
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
    thresholds: Thresholds = Thresholds()
    policies: dict[Name, MetaLearner] = Field(
        {"meta": MetaLearner()}, min_length=1, description="learned policies by name; methods.tsv refers to them"
    )
    significance: Significance = Significance()
    robustness: Robustness = Robustness()
    ablation: Ablation = Ablation()
    transfer: Transfer = Transfer()
    report: Report = Report()
    mirror: str | None = Field(
        None, description="folder that holds raw files, tried before any download; the variable LABELPOLICY_MIRROR wins"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: a GPU when there is one")
    threads: PositiveInt = Field(1, description="CPU threads of a training job; jobs run side by side")


def check(model: type[Parameters], values: Any, where: str) -> Any:
    """Validate ``values`` as ``model``.

    Raises LabelPolicyError naming ``where`` and the first offending key, what was found and what was expected.
    """
    try:
        return model.model_validate(values if values is not None else {})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        found = first["input"]
        if first["type"] == "extra_forbidden":
            known = ", ".join(_known_keys(model, first["loc"][:-1]))
            message = f"unknown parameter; known here: {known}"
        else:
            message = f"found {found!r}: {first['msg']}"
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise LabelPolicyError(f"{where}: {place or 'top level'}: {message}{more}") from None


def _known_keys(model: Any, location: tuple) -> list[str]:
    for part in location:
        field = model.model_fields.get(part) if isinstance(model, type) and issubclass(model, BaseModel) else None
        if field is not None:
            model = field.annotation
        elif getattr(model, "__args__", None):  # the entries of a dict
            model = model.__args__[-1]
        if getattr(model, "__origin__", None) is Annotated:
            model = model.__args__[0]
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else ["(none)"]


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
