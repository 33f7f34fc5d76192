# All cells in tidy tables, and which differences between them are more than chance; nothing is trained.


rule collect:
    message:
        "Collect the metrics of all cells"
    input:
        metrics=decided(CELLS, "metrics.json"),
    output:
        table="results/metrics.parquet",
        csv=report("results/metrics.csv", category="Results", caption="../report/metrics.rst"),
    params:
        code=code_digest("steps.collect"),
    log:
        "logs/collect.log",
    benchmark:
        "logs/benchmarks/collect.tsv"
    threads: 1
    resources:
        **asked("collect"),
    group:
        "results"
    shell:
        "labelpolicy collect {input.metrics:q} --output {output.table:q} --csv {output.csv:q} 2> {log:q}"


rule significance:
    message:
        "Test the learned rows against all others"
    input:
        decisions=[*dict.fromkeys(str(cell.scores()) for cell in CELLS), *decided(CELLS, "thresholds.json")],
        data=processed(DATASETS, "dataset.json", "labels.parquet", "test.parquet"),
        metrics="results/metrics.parquet",
        methods=METHODS,
    output:
        table="results/significance.parquet",
        csv=report("results/significance.csv", category="Results", caption="../report/significance.rst"),
    params:
        folders=expand(PROCESSED, dataset=DATASETS),
        results=folder_of("results"),
        files=options_of("metrics", "methods"),
        settings=settings(study, "significance"),
        code=code_digest("steps.significance"),
    log:
        "logs/significance.log",
    benchmark:
        "logs/benchmarks/significance.tsv"
    threads: 1
    resources:
        **asked("significance"),
    group:
        "results"
    shell:
        "labelpolicy significance {params.folders:q} --results {params.results:q} {params.files:q}"
        " --output {output.table:q} --csv {output.csv:q} {params.settings:q} 2> {log:q}"


#: What is trained or rolled out while a policy is learned, for the weights or the thresholds of some row.
LEARNED_POLICIES = [
    Trained(dataset, row.classifier, policy, seed)
    for dataset in DATASETS
    for row in rows_of(methods, dataset)
    for policy in row.learned
    for seed in range(study.grid.seeds)
]


rule flatten:
    message:
        "Metrics and curves as flat files"
    input:
        metrics="results/metrics.parquet",
        history=seed0_histories(),
        trace=seed0_traces(),
    output:
        files=multiext("results/flat/", "metrics.json", "measures.csv", "learning_curves.csv", "rewards.csv"),
    params:
        files=options_of("history", "trace"),
        folder=folder_of("results/flat"),
        code=code_digest("steps.flatten"),
    log:
        "logs/flatten.log",
    benchmark:
        "logs/benchmarks/flatten.tsv"
    threads: 1
    resources:
        **asked("flatten"),
    shell:
        "labelpolicy flatten {input.metrics:q} {params.files:q} --output {params.folder:q} 2> {log:q}"
