# Which differences between the rows are more than chance: kept scores and thresholds, nothing is trained.


rule significance:
    message:
        "Test the learned rows against all others"
    input:
        kept_decisions,
        expand(
            "data/processed/{dataset}/{file}",
            dataset=DATASETS,
            file=["dataset.json", "labels.parquet", "test.parquet"],
        ),
        metrics="results/metrics.parquet",
        methods=METHODS,
    output:
        table="results/significance.parquet",
        csv=report(
            "results/significance.csv",
            category="Results",
            caption="../report/significance.rst",
        ),
    params:
        folders=expand("data/processed/{dataset}", dataset=DATASETS),
        settings=settings(study, "significance"),
        code=code_digest("steps.significance"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        "logs/significance.log",
    benchmark:
        "logs/benchmarks/significance.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    shell:
        "labelpolicy significance {params.folders} --results results --metrics {input.metrics}"
        " --methods {input.methods} --output {output.table} --csv {output.csv} {params.settings} 2> {log}"
