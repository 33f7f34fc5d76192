# What the rules share: checked parameters, the rows of the grid, names allowed in paths. No science here.
import os
import re
import shlex
import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.current_basedir).parent))  # digest.py and cluster.py lie beside the rules

from labelpolicy.classifiers import registry as classifiers
from labelpolicy.data import registry
from digest import code_digest
from labelpolicy.errors import LabelPolicyError
from labelpolicy.methods import THRESHOLD_RULES, WEIGHT_RULES, read_methods, rows_of
from labelpolicy.parameters import Study, settings
from labelpolicy.config import check
from labelpolicy.cell import Thresholds
from labelpolicy.report.chosen import check as check_labels
from labelpolicy.report.document import engine
from snakemake.exceptions import WorkflowError

# A rule's `conda` matters with --sdm conda only; otherwise commands come from the environment that snakemake runs in.
METHODS = config.pop("methods", "workflow/methods.tsv")  # another sheet of rows: --config methods=my_methods.tsv

try:
    study = check(Study, config, "params.yaml")
    methods = read_methods(
        METHODS,
        classifiers=classifiers.names(),
        policies=study.policies,
        datasets={*registry.names(), *study.grid.datasets},
    )
    # A label that is not in its data set must stop the study before anything is trained.
    check_labels(study.report.labels, study.grid.datasets, "data/processed")
except LabelPolicyError as error:
    # Only the one line: the traceback through this file helps nobody.
    raise WorkflowError(str(error)) from None

# Where raw files come from never changes a result, so it travels outside the rules' parameters.
if study.mirror:
    os.environ.setdefault("LABELPOLICY_MIRROR", study.mirror)

DATASETS = study.grid.datasets
SEEDS = range(study.grid.seeds)
CELL = "{dataset}/{classifier}/{weights}/seed{seed}"
GPU = int(study.device == "cuda")
FIGURES = "{dataset}/{classifier}"
ENGINE = engine()  # of TeX; without one the report is a note in Markdown
REPORT = "results/reproduction.pdf" if ENGINE else "results/reproduction.md"

# Files of data/processed/{dataset}/, and those of them that learning a policy may read: nothing of the test set.
LEARNED_FROM = [
    "train.parquet",
    "valid.parquet",
    "labels.parquet",
    "vocabulary.parquet",
    "embeddings.safetensors",
    "dataset.json",
]
PREPARED = [*LEARNED_FROM, "test.parquet"]


by_gradient = [name for name, each in classifiers.declarations().items() if each.trained_by_gradient]
for key, names, known in (
    ("robustness.policy", [study.robustness.policy], study.policies),
    ("robustness.classifiers", study.robustness.classifiers, by_gradient),
    ("ablation.reference", [study.ablation.reference], study.policies),
    ("ablation.policies", study.ablation.policies, study.policies),
    ("ablation.classifiers", study.ablation.classifiers, by_gradient),
):
    for name in names:
        if name not in known:
            raise WorkflowError(f"params.yaml: {key}: {name!r} is none of {', '.join(known)}")


wildcard_constraints:
    dataset=r"[a-z][a-z0-9_]*",
    classifier="|".join(map(re.escape, classifiers.names())),
    weights="|".join(map(re.escape, [*WEIGHT_RULES, *study.policies])),
    thresholds=rf"({'|'.join([*THRESHOLD_RULES, *study.policies])})(\+one)?(\+oof)?",
    policy="|".join(study.policies),
    seed=r"\d+",


def raw_files(wildcards):
    """What a data set is prepared from: a fetched archive's record, or a user's own files as they are."""
    name = registry.base(wildcards.dataset)
    if name in registry.names():
        return [f"data/raw/{name}/source.json"]
    found = sorted(str(path) for path in Path(f"data/raw/{name}").glob("*") if path.suffix in {".jsonl", ".tsv"})
    return found or [f"data/raw/{name}/train.jsonl"]


def training_settings(wildcards):
    """Options of the command line that carry a classifier's parameters."""
    entry = classifiers.load(wildcards.classifier)
    return settings(study, *entry.sections, *(["device", "threads"] if entry.uses_torch else []))


def crossfit_settings(wildcards):
    return f"{training_settings(wildcards)} {settings(study, 'crossfit')}"


def learning_settings(wildcards):
    """The same for a classifier and a learned policy."""
    policy = f"policies.{wildcards.policy}"
    return settings(study, policy, *classifiers.load(wildcards.classifier).sections, "device", "threads")


def step_code(*modules):
    """The digest of a rule's code, with the classifier of the path."""
    return lambda wildcards: code_digest(*modules, *classifiers.load(wildcards.classifier).modules)


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


def every_cell(wildcards):
    """metrics.json of every row of the sheet, on every data set, for every seed."""
    return [
        f"results/{dataset}/{row.classifier}/{row.weights}/seed{seed}/{row.thresholds}/metrics.json"
        for dataset in DATASETS
        for row in rows_of(methods, dataset)
        for seed in SEEDS
    ]


def learned_thresholds(wildcards):
    """The policy.json behind a learned policy's thresholds; nothing for a fitted policy.

    Learned while the classifier trained, it serves whatever the weights; learned on scores, it is those scores'.
    """
    policy, _, out_of_fold = Thresholds.parse(wildcards.thresholds)
    if policy not in study.policies:
        return []
    if out_of_fold:
        return f"results/{CELL}/learned/{{thresholds}}/policy.json".format(**wildcards)
    return f"results/{CELL}/policy.json".format(**{**wildcards, "weights": policy})


def learned_on_scores(wildcards):
    """Options of learning on scores, by the name of the thresholds."""
    policy, at_least_one, _ = Thresholds.parse(wildcards.thresholds)
    options = f"--learned {policy}" + (" --at-least-one" if at_least_one else "")
    return f"{options} {settings(study, f'policies.{policy}', 'threads')}"


def decided_documents(wildcards):
    """The documents that thresholds are fitted on or applied to."""
    splits = ("train", "valid", "test") if Thresholds.parse(wildcards.thresholds)[2] else ("valid", "test")
    return [f"data/processed/{wildcards.dataset}/{split}.parquet" for split in splits]


def scores_of(wildcards):
    """The scores that a cell's thresholds are fitted on and applied to."""
    return f"results/{CELL}/{Thresholds.parse(wildcards.thresholds).scores_file}".format(**wildcards)


def initialised_settings(wildcards):
    return f"--init {wildcards.init} {learning_settings(wildcards)}"


def every_sweep(wildcards):
    """The summary of every data set and classifier, for seed 0: as in the paper, one trained meta-learner each."""
    return [
        f"results/robustness/{dataset}/{classifier}/{study.robustness.policy}/seed0.parquet"
        for dataset in DATASETS
        for classifier in study.robustness.classifiers
        if classifier in classifiers_of(dataset)
    ]


def kept_decisions(wildcards):
    """Scores and thresholds.json of every row of the sheet, on every data set, for every seed."""
    return [
        f"results/{dataset}/{row.classifier}/{row.weights}/seed{seed}/{file}"
        for dataset in DATASETS
        for row in rows_of(methods, dataset)
        for seed in SEEDS
        for file in (Thresholds.parse(row.thresholds).scores_file, f"{row.thresholds}/thresholds.json")
    ]


def prepared_facts(wildcards):
    return expand("data/processed/{dataset}/dataset.json", dataset=DATASETS)


def learned_and_uniform(dataset, classifier, policy):
    """Whether the sheet has both rows that a before-and-after figure compares."""
    cells = {row.cell for row in rows(dataset, classifier)}
    return {(classifier, policy, policy), (classifier, "uniform", "fixed")} <= cells


def every_figure(wildcards):
    """The figures of the main job."""
    found = []
    for dataset in DATASETS:
        for classifier in classifiers_of(dataset):
            if not classifiers.load(classifier).trained_by_gradient:  # no history, no learned policy
                continue
            folder = f"results/figures/{FIGURES}".format(dataset=dataset, classifier=classifier)
            found.append(f"{folder}/learning_curve.png")
            if policies_of(dataset, classifier):
                found.append(f"{folder}/trace.png")
            for policy in policies_of(dataset, classifier):
                found.append(f"{folder}/{policy}/policy.png")
                if learned_and_uniform(dataset, classifier, policy):
                    found.append(f"{folder}/{policy}/label_f1.png")
    return found


def report_figures(wildcards):
    """All figures, by data set and classifier: those of the main job, and those only the report shows."""
    found = every_figure(wildcards)
    for dataset in DATASETS:
        for classifier in classifiers_of(dataset):
            folder = f"results/figures/{FIGURES}".format(dataset=dataset, classifier=classifier)
            if "uniform" in weights_of(dataset, classifier):
                found.append(f"{folder}/precision_recall.png")
            if policies_of(dataset, classifier):
                found.append(f"{folder}/weights.png")
            if registry.task(dataset) == "typing":
                found += [f"{folder}/{policy}/weight_tree.png" for policy in policies_of(dataset, classifier)]
            found += [
                f"{folder}/{policy}/reward.png"
                for policy in policies_of(dataset, classifier)
                if learned_and_uniform(dataset, classifier, policy)
            ]
    for path in map(Path, sweeps()):  # results/robustness/{dataset}/{classifier}/{policy}/seed0.parquet
        found.append("results/figures/{}/{}/{}/robustness.png".format(*path.parent.parts[2:]))
    return sorted(found, key=lambda path: path.split("/")[2:4])


def sweeps(wildcards=None):
    """The runs from random initial policies, if the report is to show them."""
    return every_sweep(wildcards) if study.report.robustness else []


def by_label(cells):
    """The per-label table and the weights of each cell, given by its metrics.json."""
    folders = [Path(cell).parent for cell in cells]
    tables = [str(folder / "labels.parquet") for folder in folders]
    return tables + list(dict.fromkeys(str(folder.parent / "policy.json") for folder in folders))


def every_cell_by_label(wildcards):
    return by_label(every_cell(wildcards))


def quick_cells(wildcards):
    """The cells of the linear classifiers, seed 0: minutes, not hours."""
    return [
        f"results/{dataset}/{row.classifier}/{row.weights}/seed0/{row.thresholds}/metrics.json"
        for dataset in DATASETS
        for row in rows_of(methods, dataset)
        if row.classifier in ("linear", "linear_svc")
    ]


def options(name, paths):
    """An option once for every path."""
    return " ".join(f"--{name} {path}" for path in paths)


def shown_labels(wildcards):
    """The labels of params.yaml that a figure shows."""
    return " ".join(f"--label {shlex.quote(label)}" for label in study.report.labels.get(wildcards.dataset, []))
