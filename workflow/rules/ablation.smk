# What each part of the learned policy is worth: cells of its variants by the rules of every other cell, for seeds and
# policies of their own (params.yaml: ablation), and one table of them.


localrules:
    ablation,


rule ablation:
    input:
        "results/tables/ablation.tex",
        "results/tables/ablation.md",
        "results/ablation.csv",


use rule collect as collect_ablation with:
    message:
        "Collect the metrics of the ablation"
    input:
        ablation_cells,
    output:
        table="results/ablation/metrics.parquet",
        csv="results/ablation/metrics.csv",
    conda:
        "../envs/labelpolicy.yml"
    log:
        "logs/collect_ablation.log",
    benchmark:
        "logs/benchmarks/collect_ablation.tsv"


rule compare_ablation:
    message:
        "Compare the policies of the ablation"
    input:
        ablation_decisions,
        lambda wildcards: expand(
            "data/processed/{dataset}/{file}",
            dataset=ablation_datasets(),
            file=["dataset.json", "labels.parquet", "valid.parquet", "test.parquet"],
        ),
        metrics="results/ablation/metrics.parquet",
    output:
        table="results/ablation.parquet",
        csv=report("results/ablation.csv", category="Results", caption="../report/ablation.rst"),
        latex="results/tables/ablation.tex",
        markdown=report(
            "results/tables/ablation.md",
            category="Tables",
            caption="../report/ablation.rst",
            labels={"table": "ablation"},
        ),
    params:
        folders=lambda wildcards: expand("data/processed/{dataset}", dataset=ablation_datasets()),
        settings=settings(study, "ablation", "significance", *(f"policies.{name}" for name in ABLATED)),
        code=code_digest("steps.ablation"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        "logs/ablation.log",
    benchmark:
        "logs/benchmarks/ablation.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    shell:
        "labelpolicy ablation {params.folders} --results results --metrics {input.metrics} --output {output.table}"
        " --csv {output.csv} --latex {output.latex} --markdown {output.markdown} {params.settings} 2> {log}"
