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
