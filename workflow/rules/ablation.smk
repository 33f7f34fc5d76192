# What each part of the learned policy is worth: cells of its variants by the rules of every other cell, for seeds and
# policies of their own (params.yaml: ablation), and one table of them.
ABLATED = {
    dataset: [
        Cell(dataset, row.classifier, row.weights, seed, thresholds=row.thresholds)
        for row in ablation_rows(dataset)
        for seed in range(study.ablation.seeds)
    ]
    for dataset in DATASETS
}
#: The data sets of the ablation, in the order of the grid.
ABLATION_DATASETS = [dataset for dataset, cells in ABLATED.items() if cells]
ABLATION_CELLS = [cell for cells in ABLATED.values() for cell in cells]


use rule collect as collect_ablation with:
    message:
        "Collect the metrics of the ablation"
    input:
        metrics=ablation_metrics,
    output:
        table="results/ablation/metrics.parquet",
        csv="results/ablation/metrics.csv",
    log:
        "logs/collect_ablation.log",
    benchmark:
        "logs/benchmarks/collect_ablation.tsv"


rule compare_ablation:
    message:
        "Compare the policies of the ablation"
    input:
        decisions=[
            *dict.fromkeys(str(cell.scores()) for cell in ABLATION_CELLS),
            *decided(ABLATION_CELLS, "thresholds.json"),
        ],
        data=processed(ABLATION_DATASETS, "dataset.json", "labels.parquet", "valid.parquet", "test.parquet"),
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
        folders=expand(PROCESSED, dataset=ABLATION_DATASETS),
        results=folder_of("results"),
        settings=settings(study, "ablation", "significance", *(f"policies.{name}" for name in ABLATION_POLICIES)),
        code=code_digest("steps.ablation"),
    log:
        "logs/ablation.log",
    benchmark:
        "logs/benchmarks/ablation.tsv"
    threads: 1
    resources:
        **asked("ablation"),
    group:
        "results"
    shell:
        "labelpolicy ablation {params.folders:q} --results {params.results:q} --metrics {input.metrics:q}"
        " --output {output.table:q} --csv {output.csv:q} --latex {output.latex:q} --markdown {output.markdown:q}"
        " {params.settings:q} 2> {log:q}"
