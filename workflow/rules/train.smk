# One classifier, trained with the label weights of a policy; its scores are kept, so thresholds never need a retrain.


rule fit:
    message:
        "Train {wildcards.classifier} with {wildcards.weights} label weights on {wildcards.dataset}, seed {wildcards.seed}"
    input:
        multiext("data/processed/{dataset}/", *LEARNED_FROM, "test.parquet"),
        policy=f"results/{CELL}/policy.json",
    output:
        scores=f"results/{CELL}/scores.parquet",
        history=f"results/{CELL}/history.parquet",
    params:
        settings=training_settings,
        code=step_code("steps.train"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        f"logs/train/{CELL}.log",
    benchmark:
        f"logs/benchmarks/train/{CELL}.tsv"
    threads: study.threads
    resources:
        mem_mb=1500,
        runtime=120,
        gpu=GPU,
    shell:
        "labelpolicy train data/processed/{wildcards.dataset} {wildcards.classifier} --policy {input.policy}"
        " --seed {wildcards.seed} --scores {output.scores} --history {output.history} {params.settings} 2> {log}"


# For thresholds that end in +oof alone: no other cell waits for it.
rule crossfit:
    message:
        "Score {wildcards.dataset} out of fold by {wildcards.classifier} with {wildcards.weights} label weights, seed {wildcards.seed}"
    input:
        multiext("data/processed/{dataset}/", *LEARNED_FROM, "test.parquet"),
        policy=f"results/{CELL}/policy.json",
        history=f"results/{CELL}/history.parquet",
    output:
        f"results/{CELL}/out_of_fold.parquet",
    params:
        settings=crossfit_settings,
        code=step_code("steps.crossfit"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        f"logs/crossfit/{CELL}.log",
    benchmark:
        f"logs/benchmarks/crossfit/{CELL}.tsv"
    threads: study.threads
    resources:
        mem_mb=1500,
        runtime=120 * (study.crossfit.folds + 1),
        gpu=GPU,
    shell:
        "labelpolicy crossfit data/processed/{wildcards.dataset} {wildcards.classifier} --policy {input.policy}"
        " --history {input.history} --seed {wildcards.seed} --output {output} {params.settings} 2> {log}"
