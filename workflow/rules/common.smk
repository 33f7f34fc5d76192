# What the rules share: checked parameters, the cells of the grid, names allowed in paths. No science here.
import os
import re
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(workflow.current_basedir).parent))  # digest.py and cluster.py lie beside the rules

from labelpolicy.classifiers import registry as classifiers
from labelpolicy.cell import DECIDED, TRAINED, Cell, Thresholds, Trained
from labelpolicy.config import check
from labelpolicy.data import registry as corpora
from labelpolicy.errors import LabelPolicyError
from labelpolicy.methods import THRESHOLD_RULES, WEIGHT_RULES, read_methods, read_tsv, rows_of
from labelpolicy.parameters import Study, settings
from labelpolicy.report.chosen import check as check_labels
from labelpolicy.steps import ablation as ablation_report
from digest import code_digest
from snakemake.exceptions import WorkflowError


def beside(file):
    """A file of the workflow, as rules name it: from here where the workflow lies here, else by its whole path."""
    path = Path(workflow.current_basedir).parent / file
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


# Another sheet of rows: --config methods=my_methods.tsv
METHODS = config.pop("methods", beside("methods.tsv"))
PAPER = beside("paper.tsv")


def read_and_check():
    """Parameters, rows, memory and time by rule. A wrong name stops the study before anything is trained."""
    study = check(Study, config, "params.yaml")
    methods = read_methods(
        METHODS,
        classifiers=classifiers.names(),
        policies=study.policies,
        datasets={*corpora.names(), *study.grid.datasets},
    )
    check_labels(study.report.labels, study.grid.datasets, "data/processed")
    by_gradient = [name for name, each in classifiers.declarations().items() if each.trained_by_gradient]
    for key, names, known in (
        ("robustness.policy", [study.robustness.policy], study.policies),
        ("robustness.classifiers", study.robustness.classifiers, by_gradient),
        ("ablation.reference", [study.ablation.reference], study.policies),
        ("ablation.policies", study.ablation.policies, study.policies),
        ("ablation.classifiers", study.ablation.classifiers, by_gradient),
        ("grid.quick", study.grid.quick, classifiers.names()),
    ):
        for name in names:
            if name not in known:
                raise LabelPolicyError(f"params.yaml: {key}: {name!r} is none of {', '.join(known)}")
    asked = read_tsv(beside("resources.tsv"), ("rule", "mem_mb", "runtime"))
    return study, methods, {rule: (int(memory), int(minutes)) for _, (rule, memory, minutes) in asked}


try:
    study, methods, ASKED = read_and_check()
except LabelPolicyError as error:
    # Only the one line: the traceback through this file helps nobody.
    raise WorkflowError(str(error)) from None

# Where raw files come from never changes a result, so it travels outside the rules' parameters.
if study.mirror:
    os.environ.setdefault("LABELPOLICY_MIRROR", study.mirror)

DATASETS = study.grid.datasets
PROCESSED = "data/processed/{dataset}"
# Below results/, where a learned policy lies, and one that was learned on the scores of a trained classifier.
LEARNED = "{dataset}/{classifier}/{policy}/seed{seed}"
ON_SCORES = f"{TRAINED}/learned/{{thresholds}}"
# Files of a prepared data set, and those of them that learning a policy may read: nothing of the test set.
LEARNED_FROM = [
    "train.parquet",
    "valid.parquet",
    "labels.parquet",
    "vocabulary.parquet",
    "embeddings.safetensors",
    "dataset.json",
]
PREPARED = [*LEARNED_FROM, "test.parquet"]
#: Every row of the sheet, on every data set, for every seed.
CELLS = [
    Cell(dataset, row.classifier, row.weights, seed, thresholds=row.thresholds)
    for dataset in DATASETS
    for row in rows_of(methods, dataset)
    for seed in range(study.grid.seeds)
]


wildcard_constraints:
    dataset=r"[a-z][a-z0-9_]*",
    classifier="|".join(map(re.escape, classifiers.names())),
    weights="|".join(map(re.escape, [*WEIGHT_RULES, *study.policies])),
    thresholds=rf"({'|'.join([*THRESHOLD_RULES, *study.policies])})(\+one)?(\+oof)?",
    policy="|".join(study.policies),
    seed=r"\d+",
    init=r"[1-9]\d*",


def asked(rule, times=1, **more):
    """What a job of the rule asks for (resources.tsv), more memory at each attempt. Of jobs that a profile groups, each
    counts as one of those that run abreast."""
    memory, minutes = ASKED[rule]
    by_attempt = lambda wildcards, attempt: memory * attempt
    return {"mem_mb": by_attempt, "runtime": minutes * times, "abreast": 1} | more


def processed(dataset, *files):
    """Files of a prepared data set."""
    return expand(f"{PROCESSED}/{{file}}", dataset=dataset, file=files)


def trained(wildcards):
    """The trained classifier of a path."""
    return Trained(*(wildcards.get(name) for name in ("dataset", "classifier", "weights", "seed", "init")))


def in_folders(of, *files):
    """The files of trained classifiers, each once."""
    return list(dict.fromkeys(str(each.folder() / file) for each in of for file in files))


def decided(cells, *files):
    """The files of decided cells."""
    return [str(cell.decided() / file) for cell in cells for file in files]


def policy_behind(trained, thresholds):
    """The policy.json behind learned thresholds by the policy's name; nothing for a fitted rule.

    Learned while the classifier trained, it serves whatever the weights; learned on scores, it is those scores'.
    """
    policy, _, out_of_fold = Thresholds.parse(thresholds)
    if policy not in study.policies:
        return {}
    on_scores = trained.folder() / "learned" / thresholds
    return {policy: str((on_scores if out_of_fold else replace(trained, weights=policy).folder()) / "policy.json")}


def each(option, values):
    """An option once for every value."""
    return [word for value in values for word in (f"--{option.replace('_', '-')}", value)]


def listed(files):
    return [files] if isinstance(files, str) else list(files)


def rows(dataset, classifier):
    """The rows of one classifier that stand in the tables of a data set, in the order of the sheet."""
    return [row for row in rows_of(methods, dataset) if row.classifier == classifier]


def classifiers_of(dataset):
    """Classifiers of a data set's rows but the chains on them, in the order of the sheet."""
    return list(dict.fromkeys(row.classifier for row in rows_of(methods, dataset) if row.classifier == row.encoder))


def policies_of(dataset, classifier):
    """Names of the learned policies that a classifier's rows need."""
    return sorted({name for row in rows(dataset, classifier) for name in row.learned})


def weights_of(dataset, classifier):
    """Label weights that a classifier's rows need, in the order of the sheet."""
    return list(dict.fromkeys(row.weights for row in rows(dataset, classifier)))


ABLATION_POLICIES = [study.ablation.reference, *study.ablation.policies]


def ablation_rows(dataset):
    """The rows of the ablation: of its classifiers that have rows in the tables of the data set."""
    policies = {name: study.policies[name] for name in ABLATION_POLICIES}
    return [
        row
        for classifier in study.ablation.classifiers
        if rows(dataset, classifier)
        for row in ablation_report.cells(ablation_report.layout(classifier, study.ablation.reference, policies))
    ]


def raw_files(wildcards):
    """What a data set is prepared from: a fetched archive's record, or a user's own files as they are."""
    name = corpora.base(wildcards.dataset)
    if name in corpora.names():
        return [f"data/raw/{name}/source.json"]
    found = sorted(str(path) for path in Path(f"data/raw/{name}").glob("*") if path.suffix in {".jsonl", ".tsv"})
    return found or [f"data/raw/{name}/train.jsonl"]


def raw_folder(wildcards):
    return f"data/raw/{corpora.base(wildcards.dataset)}"


def reader_code(wildcards):
    return code_digest("steps.prepare", corpora.reader_module(wildcards.dataset).removeprefix("labelpolicy."))


def classifier_settings(*sections):
    """The options that carry a classifier's parameters and these sections, by the classifier of the path."""

    def options(wildcards):
        entry = classifiers.load(wildcards.classifier)
        return settings(study, *entry.sections, *["device", "threads"] * entry.uses_torch, *sections)

    return options


def step_code(*modules):
    """The digest of a step's code, with the classifier of the path."""
    return lambda wildcards: code_digest(*modules, *classifiers.load(wildcards.classifier).modules)


def learning_settings(wildcards):
    """The options that carry the parameters of a learned policy and of the classifier that it is learned with."""
    init = wildcards.get("init")
    return each("init", [init] if init else []) + classifier_settings(f"policies.{wildcards.policy}")(wildcards)


def learned_on_scores(wildcards):
    """Options of learning on scores, by the name of the thresholds."""
    policy, at_least_one, _ = Thresholds.parse(wildcards.thresholds)
    options = ["--learned", policy, *["--at-least-one"] * at_least_one]
    return options + settings(study, f"policies.{policy}", "threads")


def runs_of_sweep(wildcards):
    """metrics.json of every run of a sweep: thresholds and weights are the policy's."""
    policy, inits = wildcards.policy, range(1, study.robustness.initialisations + 1)
    runs = [Trained(wildcards.dataset, wildcards.classifier, policy, wildcards.seed, init) for init in inits]
    return decided([run.with_thresholds(policy) for run in runs], "metrics.json")


def output_folder(wildcards, output):
    return str(Path(output[0]).parent)


#: The summary of every data set and classifier, for seed 0: as in the paper, one trained meta-learner each.
SWEPT = [
    (dataset, classifier)
    for dataset in DATASETS
    for classifier in study.robustness.classifiers
    if classifier in classifiers_of(dataset)
]
SWEEPS = [f"results/robustness/{d}/{c}/{study.robustness.policy}/seed0.parquet" for d, c in SWEPT]
#: Those that the report is to show.
SHOWN_SWEEPS = SWEEPS if study.report.robustness else []
