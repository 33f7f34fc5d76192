# What the rules share: checked parameters, the cells of the grid, names allowed in paths. No science here.
import os
import re
import sys
from dataclasses import replace
from pathlib import Path

from labelpolicy.classifiers import registry as classifiers
from labelpolicy.cell import DECIDED, JOINED_BY, TRAINED, Cell, Thresholds, Trained, members
from labelpolicy.data import registry as corpora
from labelpolicy.data.document_files import DocumentFiles
from labelpolicy.methods import THRESHOLD_RULES, WEIGHT_RULES, read_tsv, rows_of
from labelpolicy.parameters import settings
from labelpolicy.steps import ablation as ablation_report
import checks
import state
from digest import code_digest
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger


def unbraced(path):
    """The path of an input. Snakemake has no way to say that what stands in braces is no wildcard."""
    if re.search(r"\{.*\}", str(path)):
        raise WorkflowError(f"{path}: found braces, which Snakemake takes for wildcards: rename the file or its folder")
    return str(path)


def beside(file):
    """A file of the workflow, as rules name it: from here where the workflow lies here, else by its whole path."""
    path = Path(workflow.current_basedir).parent / file
    return unbraced(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


# Another sheet of rows: --config methods=my_methods.tsv
METHODS = unbraced(config.pop("methods", beside("methods.tsv")))
PAPER = beside("paper.tsv")
# Inputs that people edit, whose content is therefore a parameter.
EDITED = {METHODS, PAPER, *map(beside, ("claims.tsv", "report/page.html", "report/reproduction.tex"))}


def parameter_files():
    """The files that parameters come from, the last of which wins."""
    given = list(workflow.config_settings.configfiles)
    return [*(file for file in workflow.configfiles if file not in given), *given]


with checks.in_one_line():
    if workflow.is_main_process:
        if told := state.unlock():
            logger.warning(told)
        if not {"--touch", "--unlock"} & {*sys.argv}:
            state.check_products()
    source = checks.source_of(parameter_files(), workflow.config_settings.config)
    study = checks.check_parameters(config, source)
    methods, left_out = checks.check_rows(METHODS, study)
    if left_out and workflow.is_main_process:
        logger.info(left_out)
    if workflow.is_main_process and not workflow.storage_settings.default_storage_provider:
        checks.check_places(study, beside)
    resources = read_tsv(beside("resources.tsv"), ("rule", "mem_mb", "runtime"))
    ASKED = {rule: (int(memory), int(minutes)) for _, (rule, memory, minutes) in resources}

# Where raw files come from never changes a result, so it travels outside the rules' parameters.
if study.mirror:
    os.environ.setdefault("LABELPOLICY_MIRROR", study.mirror)

DATASETS = study.datasets
#: Those without a reader, which are a user's own: they have a summary, a page and a model each (own.smk).
OWN = [dataset for dataset in DATASETS if corpora.find(dataset) is None]
PROCESSED = "data/processed/{dataset}"
# Below results/, where a learned policy lies, and one that was learned on the scores of a trained classifier.
LEARNED = "{dataset}/{classifier}/{policy}/seed{seed}"
ON_SCORES = f"{TRAINED}/learned/{{thresholds}}"
# Files of a prepared data set, and those of them that learning a policy may read: nothing of the test set.
LEARNED_FROM = [f"{table}.parquet" for table in ("train", "valid", "labels", "vocabulary")]
LEARNED_FROM += ["embeddings.safetensors", "dataset.json"]
PREPARED = [*LEARNED_FROM, "test.parquet"]
#: Every row of the sheet, on every data set, for every seed.
CELLS = [
    Cell(dataset, row.classifier, row.weights, seed, thresholds=row.thresholds)
    for dataset in DATASETS
    for row in rows_of(methods, dataset)
    for seed in range(study.grid.seeds)
]
#: Names of classifiers that are trained, and of those and joined ones, as wildcards.
ONE = f"(?:{'|'.join(map(re.escape, classifiers.names()))})"
SCORED = f"{ONE}(?:{re.escape(JOINED_BY)}{ONE})*"


wildcard_constraints:
    dataset=r"[a-z][a-z0-9_]*",
    classifier=ONE,
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
    """Classifiers of a data set's rows but chains on them and joined ones, in the order of the sheet."""
    plain = [row for row in rows_of(methods, dataset) if row.classifier == row.encoder and not row.is_joined]
    return list(dict.fromkeys(row.classifier for row in plain))


def policies_of(dataset, classifier):
    """Names of the learned policies that a classifier's rows need."""
    return sorted({name for row in rows(dataset, classifier) for name in row.learned})


def tuned_files(*datasets):
    """The chosen parameters of the classifiers in the tables of data sets."""
    rows = [(dataset, row.encoder) for dataset in datasets for row in rows_of(methods, dataset)]
    found = [tuned(Trained(dataset, encoder, "", 0)) for dataset, encoder in dict.fromkeys(rows)]
    return [path for each in found for path in each.values()]


def tuned(of):
    """The values chosen for a classifier, or a chain's encoder, where its section has something to search.

    Chains that scikit-learn trains have single words for features, and nothing to be chosen.
    """
    encoder, plus, _ = of.classifier.partition("+")
    if len(members(of.classifier)) > 1:
        return {}
    searched = getattr(getattr(study.classifiers, encoder), "search", None)
    bears = not plus or checks.classifier_entry(of.classifier, study).uses_torch
    return {"tuned": f"results/{of.dataset}/{encoder}/tuned.json"} if searched and bears else {}


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
    with checks.in_one_line():
        return [*map(unbraced, study.data_sets.get(name, DocumentFiles()).all_files(name))]


def preparing(wildcards):
    """The options of the data, and of the entry that says where a user's own documents lie."""
    name = corpora.base(wildcards.dataset)
    return settings(study, "data", *[f"data_sets.{name}"] * (name in study.data_sets))


def raw_contents(wildcards):
    """Of the raw files and the word vectors, which are the user's to edit."""
    # Snakemake would record what it planned with, before other jobs wrote raw files.
    type(workflow.persistence)._params.cache_clear()
    name = corpora.base(wildcards.dataset)
    raw = [f"data/raw/{name}"] if name in corpora.names() else raw_files(wildcards)
    return state.contents(*raw, *filter(None, [study.data.vectors.path]))


def literally(value):
    """A parameter as it is: Snakemake takes what stands in braces for wildcards unless a function gives it."""
    return lambda wildcards: value


def reader_code(wildcards):
    return code_digest("steps.prepare", corpora.reader_module(wildcards.dataset).removeprefix("labelpolicy."))


def step_code(*modules):
    """The digest of a step's code, with the classifier of the path."""
    return lambda wildcards: code_digest(*modules, *classifiers.load(wildcards.classifier).modules)


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
    if classifier in classifiers_of(dataset) and dataset not in OWN
]
SWEEPS = [f"results/robustness/{d}/{c}/{study.robustness.policy}/seed0.parquet" for d, c in SWEPT]
#: Those that the report is to show.
SHOWN_SWEEPS = SWEEPS if study.report.robustness else []
