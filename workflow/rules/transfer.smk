# Meta-learners applied to data sets that they were not learned on: rolled out on the other data set's out-of-fold
# scores, then decided like every other cell; one table of all of them, beside those that decide where they were learned.


wildcard_constraints:
    source=r"[a-z][a-z0-9_]*",


localrules:
    transfer,


rule transfer:
    input:
        "results/tables/transfer.tex",
        "results/tables/transfer.md",


use rule rollout_on_scores as transfer_rollout with:
    message:
        "Roll out the policy of {wildcards.source} on {wildcards.dataset} by the scores of {wildcards.classifier}, seed {wildcards.seed}"
    input:
        multiext("data/processed/{dataset}/", "labels.parquet", "train.parquet", "valid.parquet"),
        scores="results/{dataset}/{classifier}/uniform/seed{seed}/out_of_fold.parquet",
        meta=f"results/{{source}}/{{classifier}}/uniform/seed{{seed}}/learned/{TRANSFERRED_THRESHOLDS}/meta_learner.safetensors",
    output:
        policy=f"results/transfer/{TRANSFERRED}/policy.json",
        trace=f"results/transfer/{TRANSFERRED}/rollout.parquet",
    params:
        options=transferring_options,
    conda:
        "../envs/labelpolicy.yml"
    log:
        f"logs/transfer/rollout/{TRANSFERRED}.log",
    benchmark:
        f"logs/benchmarks/transfer/rollout/{TRANSFERRED}.tsv"


use rule decide as transfer_decide with:
    message:
        "Decide {wildcards.dataset}/{wildcards.classifier}/seed{wildcards.seed} by {wildcards.thresholds} of {wildcards.source}"
    input:
        "data/processed/{dataset}/labels.parquet",
        multiext("data/processed/{dataset}/", "train.parquet", "valid.parquet", "test.parquet"),
        scores="results/{dataset}/{classifier}/uniform/seed{seed}/out_of_fold.parquet",
        policy=f"results/transfer/{TRANSFERRED}/policy.json",
    output:
        metrics=f"results/transfer/{TRANSFERRED}/{{thresholds}}/metrics.json",
        thresholds=f"results/transfer/{TRANSFERRED}/{{thresholds}}/thresholds.json",
        labels=f"results/transfer/{TRANSFERRED}/{{thresholds}}/labels.parquet",
    conda:
        "../envs/labelpolicy.yml"
    log:
        f"logs/transfer/decide/{TRANSFERRED}/{{thresholds}}.log",
    benchmark:
        f"logs/benchmarks/transfer/decide/{TRANSFERRED}/{{thresholds}}.tsv"


rule transfer_table:
    message:
        "Table of the transferred policies"
    input:
        metrics=transfer_cells,
        policies=transfer_policies,
    output:
        latex="results/tables/transfer.tex",
        markdown=report(
            "results/tables/transfer.md",
            category="Tables",
            caption="../report/transfer.rst",
            labels={"table": "transfer"},
        ),
    params:
        code=code_digest("steps.transfer"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        "logs/transfer/table.log",
    benchmark:
        "logs/benchmarks/transfer/table.tsv"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    shell:
        "labelpolicy transfer {input.metrics} --output {output.latex} --markdown {output.markdown} 2> {log}"
