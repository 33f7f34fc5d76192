# Which cells and files the targets ablation and transfer are made of (ablation.smk, transfer.smk).
from types import SimpleNamespace

from labelpolicy.report import ablation as ablation_report

ABLATED = [study.ablation.reference, *study.ablation.policies]
TRANSFERRED = "{source}/{dataset}/{classifier}/seed{seed}"
TRANSFERRED_THRESHOLDS = f"{study.transfer.policy}+one+oof"
#: What the meta-learners are compared with: thresholds of two numbers for all labels, and of 0.5.
TRANSFER_YARDSTICKS = ("shared+one+oof", "fixed+oof")


def ablation_runs():
    """(data set, cell, seed) of the ablation: of each classifier on the data sets that have rows of it."""
    policies = {name: study.policies[name] for name in ABLATED}
    return [
        (dataset, cell, seed)
        for dataset in DATASETS
        for classifier in study.ablation.classifiers
        if rows(dataset, classifier)
        for cell in ablation_report.cells(ablation_report.layout(classifier, study.ablation.reference, policies))
        for seed in range(study.ablation.seeds)
    ]


def ablation_datasets():
    """The data sets of the ablation, in the order of the grid."""
    return list(dict.fromkeys(dataset for dataset, _, _ in ablation_runs()))


def ablation_cells(wildcards):
    """metrics.json of every cell of the ablation."""
    found = [
        f"results/{dataset}/{cell.classifier}/{cell.weights}/seed{seed}/{cell.thresholds}/metrics.json"
        for dataset, cell, seed in ablation_runs()
    ]
    if not found:
        raise WorkflowError(
            f"params.yaml: ablation.classifiers: no data set of the grid has rows of {', '.join(study.ablation.classifiers)}"
            f" in {METHODS}"
        )
    return found


def ablation_decisions(wildcards):
    """Scores and thresholds.json of every cell of the ablation."""
    return [
        f"results/{dataset}/{cell.classifier}/{cell.weights}/seed{seed}/{file}"
        for dataset, cell, seed in ablation_runs()
        for file in (Thresholds.parse(cell.thresholds).scores_file, f"{cell.thresholds}/thresholds.json")
    ]


def transfer_cells(wildcards):
    """metrics.json of every meta-learner on every data set, its own among them, and of the yardsticks."""
    if study.policies[study.transfer.policy].learner == "paper":
        raise WorkflowError(
            f"params.yaml: transfer.policy: {study.transfer.policy!r} has learner: paper, whose size is that of its "
            "data set; expected a policy with learner: shared"
        )
    classifier, datasets = study.transfer.classifier, study.transfer.datasets
    own = [
        f"results/{dataset}/{classifier}/uniform/seed{seed}/{thresholds}/metrics.json"
        for thresholds in (TRANSFERRED_THRESHOLDS, *TRANSFER_YARDSTICKS)
        for dataset in datasets
        for seed in SEEDS
    ]
    return own + [
        f"results/transfer/{source}/{dataset}/{classifier}/seed{seed}/{TRANSFERRED_THRESHOLDS}/metrics.json"
        for source in datasets
        for dataset in datasets
        if source != dataset
        for seed in SEEDS
    ]


def transfer_policies(wildcards):
    """policy.json of the same, each of which says how much it kept of what was learned."""
    cells = [Path(each).parent for each in transfer_cells(wildcards)]
    return [
        str((cell.parent if cell.parts[1] == "transfer" else cell.parent / "learned" / cell.name) / "policy.json")
        for cell in cells
        if cell.name == TRANSFERRED_THRESHOLDS
    ]


def transferring_options(wildcards):
    """The options that the transferred meta-learner was learned with."""
    return learned_on_scores(SimpleNamespace(thresholds=TRANSFERRED_THRESHOLDS))
