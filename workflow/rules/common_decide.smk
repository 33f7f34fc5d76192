# Which thresholds are decided in one job, and from what (decide.smk).
from collections import defaultdict

DECIDE = (
    "labelpolicy decide {params.data:q} {params.rules:q} --scores {input.scores:q} --seed {wildcards.seed:q}"
    " --output {params.folder:q} {params.learned:q} {params.settings:q} 2> {log:q}"
)
FILES = ("metrics.json", "thresholds.json", "labels.parquet")


def documents(thresholds):
    """What thresholds are fitted on or applied to, and the table of the labels."""
    return ["labels.parquet", "valid.parquet", "test.parquet", *["train.parquet"] * Thresholds.parse(thresholds)[2]]


def decided_documents(wildcards):
    return processed(wildcards.dataset, *documents(wildcards.thresholds))


def decided_scores(wildcards):
    return str(trained(wildcards).with_thresholds(wildcards.thresholds).scores())


def policy_of(wildcards):
    return list(policy_behind(trained(wildcards), wildcards.thresholds).values())


def learned_option(wildcards):
    return learned_options(policy_behind(trained(wildcards), wildcards.thresholds))


def learned_options(behind):
    return each("learned", [f"{policy}={path}" for policy, path in behind.items()])


def decided_together():
    """(classifier, weights, thresholds) decided in one job, by a name; and the data sets that have exactly these.

    The ablation's own thresholds, which may need policies that no row of the sheet does, are not in one job with the
    sheet's; nor are, on out-of-fold scores, those with and without +one, whose learned thresholds differ.
    """
    jobs, datasets = {}, defaultdict(list)
    for dataset in DATASETS:
        sheet = [row.cell for row in rows_of(methods, dataset)]
        ablation = [row.cell for row in ablation_rows(dataset) if row.cell not in sheet]
        for of, cells in (("decide", sheet), ("decide_ablation", ablation)):
            together = defaultdict(list)
            for classifier, weights, thresholds in cells:
                _, at_least_one, out_of_fold = Thresholds.parse(thresholds)
                kind = ("_one_oof" if at_least_one else "_oof") if out_of_fold else ""
                together[classifier, weights, f"{of}_{classifier}_{weights}{kind}"].append(thresholds)
            for (classifier, weights, name), thresholds in together.items():
                job = (classifier, weights, tuple(thresholds))
                datasets[job].append(dataset)
                jobs.setdefault(job, name if name not in jobs.values() else f"{name}_{dataset}")
    return [(re.sub(r"\W", "_", name), *job, datasets[job]) for job, name in jobs.items()]
