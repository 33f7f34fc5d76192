# Thresholds fitted on validation or out-of-fold scores, or those of a learned policy; then every measure on the test scores.


rule decide:
    message:
        "Decide {wildcards.dataset}/{wildcards.classifier}/{wildcards.weights}/seed{wildcards.seed} by {wildcards.thresholds}"
    input:
        "data/processed/{dataset}/labels.parquet",
        decided_documents,
        scores=scores_of,
        policy=learned_thresholds,
    output:
        metrics=f"results/{CELL}/{{thresholds}}/metrics.json",
        thresholds=f"results/{CELL}/{{thresholds}}/thresholds.json",
        labels=f"results/{CELL}/{{thresholds}}/labels.parquet",
    params:
        settings=settings(study, "thresholds"),
        learned=lambda wildcards, input: f"--learned {Thresholds.parse(wildcards.thresholds).rule}={input.policy}" if input.policy else "",
        code=code_digest("steps.decide"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        f"logs/decide/{CELL}/{{thresholds}}.log",
    benchmark:
        f"logs/benchmarks/decide/{CELL}/{{thresholds}}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    shell:
        "labelpolicy decide data/processed/{wildcards.dataset} {wildcards.thresholds} --scores {input.scores}"
        " --seed {wildcards.seed} --output $(dirname $(dirname {output.metrics})) {params.learned} {params.settings} 2> {log}"
