# Thresholds fitted on validation or out-of-fold scores, or those of a learned policy; then every measure on the test
# scores. One job decides all that the sheet, or the ablation, asks of one file of scores.
from collections import defaultdict
from dataclasses import asdict

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


# Any single cell, whether or not a row of the sheet names it.
rule decide:
    message:
        "Decide {wildcards.dataset}/{wildcards.classifier}/{wildcards.weights}/seed{wildcards.seed} by {params.rules}"
    input:
        data=decided_documents,
        scores=decided_scores,
        learned=policy_of,
    output:
        files=multiext(f"results/{DECIDED}/", *FILES),
    params:
        data=PROCESSED,
        rules="{thresholds}",
        folder=f"results/{TRAINED}",
        learned=learned_option,
        settings=settings(study, "thresholds"),
        code=code_digest("steps.decide"),
    log:
        f"logs/decide/{DECIDED}.log",
    benchmark:
        f"logs/benchmarks/decide/{DECIDED}.tsv"
    threads: 1
    resources:
        **asked("decide"),
    group:
        "decisions"
    shell:
        DECIDE


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


for name, classifier, weights, thresholds, datasets in decided_together():
    of = Trained("{dataset}", classifier, weights, "{seed}")
    cells = [of.with_thresholds(each) for each in thresholds]
    behind = {policy: path for each in thresholds for policy, path in policy_behind(of, each).items()}
    logged = f"{of.folder('decide')}/{name}"

    rule:
        name:
            name
        message:
            f"Decide {{wildcards.dataset}}/{classifier}/{weights}/seed{{wildcards.seed}} by {{params.rules}}"
        input:
            data=multiext(f"{PROCESSED}/", *documents(thresholds[0])),
            scores=str(cells[0].scores()),
            learned=list(behind.values()),
        output:
            files=decided(cells, *FILES),
        wildcard_constraints:
            dataset="|".join(datasets),
        params:
            data=PROCESSED,
            rules=list(thresholds),
            folder=str(of.folder()),
            learned=learned_options(behind),
            settings=settings(study, "thresholds"),
            code=code_digest("steps.decide"),
        log:
            f"logs/{logged}.log",
        benchmark:
            f"logs/benchmarks/{logged}.tsv"
        threads: 1
        resources:
            **asked("decide"),
        group:
            "decisions"
        shell:
            DECIDE

    workflow.ruleorder(name, "decide")
