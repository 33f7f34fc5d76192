# One classifier, trained with the label weights of a policy; its scores are kept, so thresholds never need a retrain.


rule fit:
    message:
        "Train {wildcards.classifier} with {wildcards.weights} label weights on {wildcards.dataset}, seed {wildcards.seed}"
    input:
        data=multiext(f"{PROCESSED}/", *PREPARED),
        policy=f"results/{TRAINED}/policy.json",
    output:
        scores=f"results/{TRAINED}/scores.parquet",
        history=f"results/{TRAINED}/history.parquet",
    params:
        folder=data_folder,
        settings=classifier_settings(),
        code=step_code("steps.train"),
    log:
        f"logs/train/{TRAINED}.log",
    benchmark:
        f"logs/benchmarks/train/{TRAINED}.tsv"
    threads: study.threads
    resources:
        **asked("fit", gpu=int(study.device == "cuda")),
    shell:
        "labelpolicy train {params.folder:q} {wildcards.classifier:q} --policy {input.policy:q}"
        " --seed {wildcards.seed:q} --scores {output.scores:q} --history {output.history:q}"
        " {params.settings:q} 2> {log:q}"


# For thresholds that end in +oof alone: no other cell waits for it.
rule crossfit:
    message:
        "Score {wildcards.dataset} out of fold by {wildcards.classifier} with {wildcards.weights} label weights, seed {wildcards.seed}"
    input:
        data=multiext(f"{PROCESSED}/", *PREPARED),
        policy=f"results/{TRAINED}/policy.json",
        history=f"results/{TRAINED}/history.parquet",
    output:
        scores=f"results/{TRAINED}/out_of_fold.parquet",
    params:
        folder=data_folder,
        settings=classifier_settings("crossfit"),
        code=step_code("steps.crossfit"),
    log:
        f"logs/crossfit/{TRAINED}.log",
    benchmark:
        f"logs/benchmarks/crossfit/{TRAINED}.tsv"
    threads: study.threads
    resources:
        **asked("crossfit", times=study.crossfit.folds + 1, gpu=int(study.device == "cuda")),
    shell:
        "labelpolicy crossfit {params.folder:q} {wildcards.classifier:q} --policy {input.policy:q}"
        " --history {input.history:q} --seed {wildcards.seed:q} --output {output.scores:q}"
        " {params.settings:q} 2> {log:q}"
