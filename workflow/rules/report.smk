# Tables, figures and the summary; nothing is computed here, results are only shown.

FIGURES = "{dataset}/{classifier}"


def prepared_facts(wildcards):
    return expand("data/processed/{dataset}/dataset.json", dataset=DATASETS)


def every_figure(wildcards):
    found = []
    for dataset in DATASETS:
        for classifier in TRAINED:
            folder = f"results/figures/{FIGURES}".format(dataset=dataset, classifier=classifier)
            found.append(f"{folder}/learning_curve.png")
            if policies_of(classifier):
                found.append(f"{folder}/trace.png")
            for policy in policies_of(classifier):
                found.append(f"{folder}/{policy}/policy.png")
                if {(classifier, policy, policy), (classifier, "uniform", "fixed")} <= {row.cell for row in methods}:
                    found.append(f"{folder}/{policy}/label_f1.png")
    return found


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
        number="4|5",
    input:
        facts=prepared_facts,
        metrics="results/metrics.parquet",
        methods=METHODS,
        paper="workflow/paper.tsv",
    output:
        latex="results/tables/table{number}.tex",
        markdown=report(
            "results/tables/table{number}.md", category="Tables", caption="../report/table.rst", labels={"table": "{number}"}
        ),
    params:
        folders=expand("data/processed/{dataset}", dataset=DATASETS),
        code=code_digest("steps.table"),
    log:
        "logs/table/{number}.log",
    benchmark:
        "logs/benchmarks/table/{number}.tsv"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    shell:
        "labelpolicy table {wildcards.number} {params.folders} --metrics {input.metrics} --methods {input.methods}"
        " --paper {input.paper} --output {output.latex} --markdown {output.markdown} 2> {log}"


rule heatmap:
    message:
        "Heatmaps of policy {wildcards.policy}, {wildcards.classifier} on {wildcards.dataset}"
    input:
        "data/processed/{dataset}/labels.parquet",
        "data/processed/{dataset}/dataset.json",
        policy="results/{dataset}/{classifier}/{policy}/seed0/policy.json",
    output:
        pdf=f"results/figures/{FIGURES}/{{policy}}/policy.pdf",
        png=report(
            f"results/figures/{FIGURES}/{{policy}}/policy.png",
            category="Figures",
            subcategory="Policies",
            caption="../report/policy.rst",
            labels={"data set": "{dataset}", "classifier": "{classifier}", "policy": "{policy}", "figure": "w and p"},
        ),
    params:
        code=code_digest("steps.figure"),
    log:
        f"logs/heatmap/{FIGURES}/{{policy}}.log",
    benchmark:
        f"logs/benchmarks/heatmap/{FIGURES}/{{policy}}.tsv"
    threads: 1
    resources:
        mem_mb=700,
        runtime=10,
    shell:
        "labelpolicy figure policy data/processed/{wildcards.dataset} --policy {input.policy}"
        " --pdf {output.pdf} --png {output.png} 2> {log}"


rule learning_curve:
    message:
        "Learning curve of {wildcards.classifier} on {wildcards.dataset}"
    input:
        lambda wildcards: [
            f"results/{wildcards.dataset}/{wildcards.classifier}/{weights}/seed0/history.parquet"
            for weights in weights_of(wildcards.classifier)
        ],
    output:
        pdf=f"results/figures/{FIGURES}/learning_curve.pdf",
        png=report(
            f"results/figures/{FIGURES}/learning_curve.png",
            category="Figures",
            subcategory="Training",
            caption="../report/learning_curve.rst",
            labels={"data set": "{dataset}", "classifier": "{classifier}", "figure": "learning curve"},
        ),
    params:
        code=code_digest("steps.figure"),
    log:
        f"logs/learning_curve/{FIGURES}.log",
    benchmark:
        f"logs/benchmarks/learning_curve/{FIGURES}.tsv"
    threads: 1
    resources:
        mem_mb=700,
        runtime=10,
    shell:
        "labelpolicy figure learning-curve {input} --title '{wildcards.classifier} on {wildcards.dataset}'"
        " --pdf {output.pdf} --png {output.png} 2> {log}"


rule trace:
    message:
        "Trace of the learned policies, {wildcards.classifier} on {wildcards.dataset}"
    input:
        lambda wildcards: [
            f"results/{wildcards.dataset}/{wildcards.classifier}/{policy}/seed0/trace.parquet"
            for policy in policies_of(wildcards.classifier)
        ],
    output:
        pdf=f"results/figures/{FIGURES}/trace.pdf",
        png=report(
            f"results/figures/{FIGURES}/trace.png",
            category="Figures",
            subcategory="Policies",
            caption="../report/trace.rst",
            labels={"data set": "{dataset}", "classifier": "{classifier}", "policy": "all", "figure": "trace"},
        ),
    params:
        code=code_digest("steps.figure"),
    log:
        f"logs/trace/{FIGURES}.log",
    benchmark:
        f"logs/benchmarks/trace/{FIGURES}.tsv"
    threads: 1
    resources:
        mem_mb=700,
        runtime=10,
    shell:
        "labelpolicy figure trace {input} --title '{wildcards.classifier} on {wildcards.dataset}'"
        " --pdf {output.pdf} --png {output.png} 2> {log}"


rule label_f1:
    message:
        "F1 by label before and after {wildcards.policy}, {wildcards.classifier} on {wildcards.dataset}"
    input:
        before="results/{dataset}/{classifier}/uniform/seed0/fixed/labels.parquet",
        after="results/{dataset}/{classifier}/{policy}/seed0/{policy}/labels.parquet",
    output:
        pdf=f"results/figures/{FIGURES}/{{policy}}/label_f1.pdf",
        png=report(
            f"results/figures/{FIGURES}/{{policy}}/label_f1.png",
            category="Figures",
            subcategory="Labels",
            caption="../report/label_f1.rst",
            labels={"data set": "{dataset}", "classifier": "{classifier}", "policy": "{policy}", "figure": "F1 by label"},
        ),
    params:
        code=code_digest("steps.figure"),
    log:
        f"logs/label_f1/{FIGURES}/{{policy}}.log",
    benchmark:
        f"logs/benchmarks/label_f1/{FIGURES}/{{policy}}.tsv"
    threads: 1
    resources:
        mem_mb=700,
        runtime=10,
    shell:
        "labelpolicy figure label-f1 {input.before} {input.after} --before 'uniform, 0.5' --after {wildcards.policy}"
        " --title '{wildcards.classifier} on {wildcards.dataset}' --pdf {output.pdf} --png {output.png} 2> {log}"


rule summary:
    message:
        "Summary"
    input:
        facts=prepared_facts,
        metrics="results/metrics.parquet",
        methods=METHODS,
        paper="workflow/paper.tsv",
        look=["results/metrics.csv", "results/tables/table5.tex", "results/tables/table4.tex"],
        figures=every_figure,
    output:
        report("results/summary.md", category="Results", caption="../report/summary.rst"),
    params:
        folders=expand("data/processed/{dataset}", dataset=DATASETS),
        look=lambda wildcards, input: " ".join(f"--look {path}" for path in [*input.look, *input.figures]),
        code=code_digest("steps.summary"),
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
