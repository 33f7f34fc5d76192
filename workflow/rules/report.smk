# Tables, summary, report and page; nothing is computed here, results are only shown.


rule collect:
    message:
        "Collect the metrics of all cells"
    input:
        every_cell,
    output:
        table="results/metrics.parquet",
        csv=report("results/metrics.csv", category="Results", caption="../report/metrics.rst"),
    params:
        code=code_digest("steps.collect"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        "logs/collect.log",
    benchmark:
        "logs/benchmarks/collect.tsv"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    shell:
        "labelpolicy collect {input} --output {output.table} --csv {output.csv} 2> {log}"


rule table:
    message:
        "Table {wildcards.number}"
    wildcard_constraints:
        number="[1-6]",
    input:
        facts=prepared_facts,
        # Tables 1 and 4 are statistics of the data, 2 and 5 results, 3 and 6 robustness.
        metrics=lambda wildcards: ("results/metrics.parquet" if wildcards.number in "25" else []),
        significance=lambda wildcards: ("results/significance.parquet" if wildcards.number in "25" else []),
        robustness=lambda wildcards: sweeps() if wildcards.number in "36" else [],
        methods=METHODS,
        paper="workflow/paper.tsv",
    output:
        latex="results/tables/table{number}.tex",
        markdown=report(
            "results/tables/table{number}.md",
            category="Tables",
            caption="../report/table.rst",
            labels={"table": "{number}"},
        ),
    params:
        folders=expand("data/processed/{dataset}", dataset=DATASETS),
        given=lambda wildcards, input: " ".join(
            options(name, [input[name]] if isinstance(input[name], str) else input[name])
            for name in ("metrics", "significance", "robustness")
        ),
        code=code_digest("steps.table"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        "logs/table/{number}.log",
    benchmark:
        "logs/benchmarks/table/{number}.tsv"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    shell:
        "labelpolicy table {wildcards.number} {params.folders} {params.given} --methods {input.methods}"
        " --paper {input.paper} --output {output.latex} --markdown {output.markdown} 2> {log}"


rule summary:
    message:
        "Summary"
    input:
        facts=prepared_facts,
        metrics="results/metrics.parquet",
        methods=METHODS,
        paper="workflow/paper.tsv",
        look=[
            "results/metrics.csv",
            "results/tables/table5.tex",
            "results/tables/table4.tex",
        ],
        figures=every_figure,
    output:
        report("results/summary.md", category="Results", caption="../report/summary.rst"),
    params:
        folders=expand("data/processed/{dataset}", dataset=DATASETS),
        look=lambda wildcards, input: " ".join(f"--look {path}" for path in [*input.look, *input.figures]),
        code=code_digest("steps.summary"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        "logs/summary.log",
    benchmark:
        "logs/benchmarks/summary.tsv"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    shell:
        "labelpolicy summary {params.folders} --metrics {input.metrics} --methods {input.methods} --paper {input.paper}"
        " {params.look} --output {output} 2> {log}"


rule reproducing:
    message:
        "The paper's claims, one by one"
    input:
        facts=prepared_facts,
        metrics="results/metrics.parquet",
        significance="results/significance.parquet",
        robustness=sweeps,
        methods=METHODS,
        paper="workflow/paper.tsv",
        claims="workflow/claims.tsv",
    output:
        markdown=report(
            "results/reproducing.md",
            category="Results",
            caption="../report/reproducing.rst",
        ),
        latex="results/tables/claims.tex",
    params:
        folders=expand("data/processed/{dataset}", dataset=DATASETS),
        robustness=lambda wildcards, input: options("robustness", input.robustness),
        code=code_digest("steps.reproducing"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        "logs/reproducing.log",
    benchmark:
        "logs/benchmarks/reproducing.tsv"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    shell:
        "labelpolicy reproducing {params.folders} --metrics {input.metrics} --significance {input.significance}"
        " {params.robustness} --methods {input.methods} --paper {input.paper} --claims {input.claims}"
        " --output {output.markdown} --latex {output.latex} 2> {log}"


rule document:
    message:
        "Reproduction report"
    input:
        facts=prepared_facts,
        metrics="results/metrics.parquet",
        methods=METHODS,
        paper="workflow/paper.tsv",
        tables=expand("results/tables/table{number}.tex", number=range(1, 7)),
        claims="results/tables/claims.tex",
        template="workflow/report/reproduction.tex",
        figures=lambda wildcards: [path.replace(".png", ".pdf") for path in report_figures(wildcards)],
    output:
        report(REPORT, category="Results", caption="../report/reproduction.rst"),
    params:
        folders=expand("data/processed/{dataset}", dataset=DATASETS),
        figures=lambda wildcards, input: options("figure", input.figures),
        settings=settings(study, "data", *(f"policies.{name}" for name in study.policies)),
        code=code_digest("steps.document"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        "logs/document.log",
    benchmark:
        "logs/benchmarks/document.tsv"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    shell:
        "labelpolicy document {params.folders} --metrics {input.metrics} --methods {input.methods} --paper {input.paper}"
        " --tables results/tables --claims {input.claims} --template {input.template} {params.figures} {params.settings}"
        " --output results/reproduction.pdf 2> {log}"


rule page:
    message:
        "Results page"
    input:
        every_cell_by_label,
        facts=prepared_facts,
        metrics="results/metrics.parquet",
        methods=METHODS,
        template="workflow/report/page.html",
        figures=report_figures,
    output:
        report("results/page/index.html", category="Results", caption="../report/page.rst"),
    params:
        folders=expand("data/processed/{dataset}", dataset=DATASETS),
        figures=lambda wildcards, input: options("figure", input.figures),
        code=code_digest("steps.page"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        "logs/page.log",
    benchmark:
        "logs/benchmarks/page.tsv"
    threads: 1
    resources:
        mem_mb=700,
        runtime=10,
    shell:
        "labelpolicy page {params.folders} --results results --metrics {input.metrics} --methods {input.methods}"
        " --template {input.template} {params.figures} --output {output} 2> {log}"


use rule collect as collect_quick with:
    input:
        quick_cells,
    output:
        table="results/quick/metrics.parquet",
        csv="results/quick/metrics.csv",
    conda:
        "../envs/labelpolicy.yml"
    log:
        "logs/collect_quick.log",
    benchmark:
        "logs/benchmarks/collect_quick.tsv"


use rule page as page_quick with:
    input:
        lambda wildcards: by_label(quick_cells(wildcards)),
        facts=prepared_facts,
        metrics="results/quick/metrics.parquet",
        methods=METHODS,
        template="workflow/report/page.html",
        figures=[],
    output:
        "results/quick/index.html",
    conda:
        "../envs/labelpolicy.yml"
    log:
        "logs/page_quick.log",
    benchmark:
        "logs/benchmarks/page_quick.tsv"
