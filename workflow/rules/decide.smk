# Thresholds fitted on validation or out-of-fold scores, or those of a learned policy; then every measure on the test
# scores. One job decides all that the sheet, or the ablation, asks of one file of scores.


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
        data=data_folder,
        rules="{thresholds}",
        folder=trained_folder,
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
            data=data_folder,
            rules=list(thresholds),
            folder=trained_folder,
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
