# The milestones of the study, in its order: data, policies, train, baselines, robustness, report. Each is a target of
# its own and a stage of dvc.yaml (docs/dvc.md); together they make what `report` needs and nothing is made twice.


localrules:
    data,
    policies,
    train,
    baselines,


rule data:
    input:
        expand("data/processed/{dataset}/{file}", dataset=DATASETS, file=PREPARED),


rule policies:
    input:
        learned_policies,


# The paper's classifiers with uniform weights and thresholds of 0.5, and with learned ones.
rule train:
    input:
        decided(main=True),


# What those are compared with: fixed rules for weights and thresholds, chains, the linear SVM.
rule baselines:
    input:
        decided(main=False),


rule flatten:
    message:
        "Metrics and curves as flat files"
    input:
        metrics="results/metrics.parquet",
        histories=every_history,
        traces=every_trace,
    output:
        metrics="results/flat/metrics.json",
        measures="results/flat/measures.csv",
        curves="results/flat/learning_curves.csv",
        rewards="results/flat/rewards.csv",
    params:
        histories=lambda wildcards, input: options("history", input.histories),
        traces=lambda wildcards, input: options("trace", input.traces),
        code=code_digest("steps.flatten"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        "logs/flatten.log",
    benchmark:
        "logs/benchmarks/flatten.tsv"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    shell:
        "labelpolicy flatten {input.metrics} {params.histories} {params.traces} --output results/flat 2> {log}"
