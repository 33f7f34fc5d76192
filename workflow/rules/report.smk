# Tables, summary, report and page; nothing is computed here, results are only shown.
from labelpolicy.report.document import engine

ENGINE = engine()  # of TeX; without one the report is a note in Markdown
REPORT = "results/reproduction.pdf" if ENGINE else "results/reproduction.md"
FACTS = processed(DATASETS, "dataset.json")
FOLDERS = expand(PROCESSED, dataset=DATASETS)


rule table:
    message:
        "Table {wildcards.number}"
    wildcard_constraints:
        number="[1-6]",
    input:
        unpack(results_of_table),
        facts=FACTS,
        methods=METHODS,
        paper=PAPER,
    output:
        latex="results/tables/table{number}.tex",
        markdown=report(
            "results/tables/table{number}.md",
            category="Tables",
            caption="../report/table.rst",
            labels={"table": "{number}"},
        ),
    params:
        folders=FOLDERS,
        files=options_of("metrics", "significance", "robustness", "methods", "paper"),
        code=code_digest("steps.table"),
    log:
        "logs/table/{number}.log",
    benchmark:
        "logs/benchmarks/table/{number}.tsv"
    threads: 1
    resources:
        **asked("table"),
    group:
        "results"
    shell:
        "labelpolicy table {wildcards.number:q} {params.folders:q} {params.files:q} --output {output.latex:q}"
        " --markdown {output.markdown:q} 2> {log:q}"


rule summary:
    message:
        "Summary"
    input:
        facts=FACTS,
        metrics="results/metrics.parquet",
        methods=METHODS,
        paper=PAPER,
        look=["results/metrics.csv", *expand("results/tables/table{n}.tex", n=[5, 4]), *figures(only_summary=True)],
    output:
        page=report("results/summary.md", category="Results", caption="../report/summary.rst"),
    params:
        folders=FOLDERS,
        files=options_of("metrics", "methods", "paper", "look"),
        code=code_digest("steps.summary"),
    log:
        "logs/summary.log",
    benchmark:
        "logs/benchmarks/summary.tsv"
    threads: 1
    resources:
        **asked("summary"),
    group:
        "results"
    shell:
        "labelpolicy summary {params.folders:q} {params.files:q} --output {output.page:q} 2> {log:q}"


rule reproducing:
    message:
        "The paper's claims, one by one"
    input:
        facts=FACTS,
        metrics="results/metrics.parquet",
        significance="results/significance.parquet",
        robustness=SHOWN_SWEEPS,
        methods=METHODS,
        paper=PAPER,
        claims=beside("claims.tsv"),
    output:
        markdown=report("results/reproducing.md", category="Results", caption="../report/reproducing.rst"),
        latex="results/tables/claims.tex",
    params:
        folders=FOLDERS,
        files=options_of("metrics", "significance", "robustness", "methods", "paper", "claims"),
        code=code_digest("steps.reproducing"),
    log:
        "logs/reproducing.log",
    benchmark:
        "logs/benchmarks/reproducing.tsv"
    threads: 1
    resources:
        **asked("reproducing"),
    group:
        "results"
    shell:
        "labelpolicy reproducing {params.folders:q} {params.files:q} --output {output.markdown:q}"
        " --latex {output.latex:q} 2> {log:q}"


rule document:
    message:
        "Reproduction report"
    input:
        facts=FACTS,
        metrics="results/metrics.parquet",
        methods=METHODS,
        paper=PAPER,
        tables=expand("results/tables/table{number}.tex", number=range(1, 7)),
        claims="results/tables/claims.tex",
        template=beside("report/reproduction.tex"),
        figure=figures(ending="pdf"),
    output:
        document=report(REPORT, category="Results", caption="../report/reproduction.rst"),
    params:
        folders=FOLDERS,
        files=options_of("metrics", "methods", "paper", "claims", "template", "figure"),
        tables=folder_of("results/tables"),
        pdf=lambda wildcards: "results/reproduction.pdf",
        settings=settings(study, "data", *(f"policies.{name}" for name in study.policies)),
        code=code_digest("steps.document"),
    log:
        "logs/document.log",
    benchmark:
        "logs/benchmarks/document.tsv"
    threads: 1
    resources:
        **asked("document"),
    group:
        "results"
    shell:
        "labelpolicy document {params.folders:q} {params.files:q} --tables {params.tables:q} {params.settings:q}"
        " --output {params.pdf:q} 2> {log:q}"


rule page:
    message:
        "Results page"
    input:
        labels=decided(CELLS, "labels.parquet") + in_folders(CELLS, "policy.json"),
        facts=FACTS,
        metrics="results/metrics.parquet",
        methods=METHODS,
        template=beside("report/page.html"),
        figure=figures(),
    output:
        page=report("results/page/index.html", category="Results", caption="../report/page.rst"),
    params:
        folders=FOLDERS,
        results=folder_of("results"),
        files=options_of("metrics", "methods", "template", "figure"),
        code=code_digest("steps.page"),
    log:
        "logs/page.log",
    benchmark:
        "logs/benchmarks/page.tsv"
    threads: 1
    resources:
        **asked("page"),
    group:
        "results"
    shell:
        "labelpolicy page {params.folders:q} --results {params.results:q} {params.files:q} --output {output.page:q}"
        " 2> {log:q}"


#: Those of the target quick: minutes, not hours.
QUICK_CELLS = [cell for cell in CELLS if cell.seed == 0 and cell.classifier in study.grid.quick]


use rule collect as collect_quick with:
    input:
        metrics=decided(QUICK_CELLS, "metrics.json"),
    output:
        table="results/quick/metrics.parquet",
        csv="results/quick/metrics.csv",
    log:
        "logs/collect_quick.log",
    benchmark:
        "logs/benchmarks/collect_quick.tsv"


use rule page as page_quick with:
    input:
        labels=decided(QUICK_CELLS, "labels.parquet") + in_folders(QUICK_CELLS, "policy.json"),
        facts=FACTS,
        metrics="results/quick/metrics.parquet",
        methods=METHODS,
        template=beside("report/page.html"),
    output:
        page="results/quick/index.html",
    log:
        "logs/page_quick.log",
    benchmark:
        "logs/benchmarks/page_quick.tsv"
