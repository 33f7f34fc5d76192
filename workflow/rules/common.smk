# What every rule shares: checked parameters, the rows of the grid, names allowed in paths. No science here.
import os
from pathlib import Path

from labelpolicy.classifiers import CLASSIFIERS
from labelpolicy.data.prepare import READERS, base, reader_module
from labelpolicy.digest import code_digest
from labelpolicy.errors import LabelPolicyError
from labelpolicy.methods import THRESHOLDS, WEIGHTS, read_methods
from labelpolicy.parameters import Study, check, settings
from snakemake.exceptions import WorkflowError

METHODS = config.pop("methods", "workflow/methods.tsv")  # another sheet of rows: --config methods=my_methods.tsv

try:
    study = check(Study, config, "params.yaml")
    methods = read_methods(METHODS, classifiers=CLASSIFIERS, policies=study.policies)
except LabelPolicyError as error:
    # Only the one line: the traceback through this file helps nobody.
    raise WorkflowError(str(error)) from None

# Where raw files come from never changes a result, so it travels outside the rules' parameters.
if study.mirror:
    os.environ.setdefault("LABELPOLICY_MIRROR", study.mirror)

DATASETS = study.grid.datasets
SEEDS = range(study.grid.seeds)
CELL = "{dataset}/{classifier}/{weights}/seed{seed}"
TRAINED = sorted({row.classifier for row in methods} - {"linear_svc"})  # by gradient, so with a history
GPU = int(study.device == "cuda")

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


wildcard_constraints:
    dataset=r"[a-z][a-z0-9_]*",
    classifier="|".join(CLASSIFIERS),
    weights="|".join([*WEIGHTS, *study.policies]),
    thresholds="|".join([*THRESHOLDS, *study.policies]),
    policy="|".join(study.policies),
    seed=r"\d+",


def raw_files(wildcards):
    """What a data set is prepared from: a fetched archive's record, or a user's own files as they are."""
    name = base(wildcards.dataset)
    if name in READERS:
        return [f"data/raw/{name}/source.json"]
    found = sorted(str(path) for path in Path(f"data/raw/{name}").glob("*") if path.suffix in {".jsonl", ".tsv"})
    return found or [f"data/raw/{name}/train.jsonl"]


def training_settings(wildcards):
    """Options of the command line that carry a classifier's parameters."""
    return settings(study, f"classifiers.{wildcards.classifier}", "device", "threads")


def learning_settings(wildcards):
    """The same for a classifier and a learned policy."""
    return settings(study, f"policies.{wildcards.policy}", f"classifiers.{wildcards.classifier}", "device", "threads")


def step_code(*modules):
    """The digest of a rule's code, with the classifier of the path."""
    return lambda wildcards: code_digest(*modules, f"classifiers.{wildcards.classifier}")


def policies_of(classifier):
    """Names of the learned policies that a classifier's rows need."""
    return sorted({name for row in methods if row.classifier == classifier for name in row.learned})


def weights_of(classifier):
    """Label weights that a classifier's rows need, in the order of the sheet."""
    return list(dict.fromkeys(row.weights for row in methods if row.classifier == classifier))


def every_cell(wildcards):
    """metrics.json of every row of the sheet, on every data set, for every seed."""
    return [
        f"results/{dataset}/{row.classifier}/{row.weights}/seed{seed}/{row.thresholds}/metrics.json"
        for dataset in DATASETS
        for row in methods
        for seed in SEEDS
    ]
