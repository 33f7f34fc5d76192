# Which cells and files the target ablation is made of (ablation.smk).
from labelpolicy.report import ablation as ablation_report

ABLATED = [study.ablation.reference, *study.ablation.policies]


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
