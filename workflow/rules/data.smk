# Raw files, fetched or generated, and the one prepared form.


localrules:
    fetch,


ruleorder: synthesise > fetch


rule fetch:
    message:
        "Fetch {wildcards.dataset}"
    input:
        sources="workflow/sources.tsv",
    output:
        "data/raw/{dataset}/source.json",
    params:
        code=code_digest("steps.fetch"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        "logs/fetch/{dataset}.log",
    benchmark:
        "logs/benchmarks/fetch/{dataset}.tsv"
    threads: 1
    resources:
        mem_mb=500,
        runtime=30,
    shell:
        "labelpolicy fetch {wildcards.dataset} --sources {input.sources} --output data/raw/{wildcards.dataset} 2> {log}"


rule synthesise:
    message:
        "Generate the synthetic corpus"
    output:
        "data/raw/synthetic/source.json",
    params:
        settings=settings(study, "synthetic"),
        code=code_digest("steps.synthesise"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        "logs/synthesise/synthetic.log",
    benchmark:
        "logs/benchmarks/synthesise/synthetic.tsv"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    shell:
        "labelpolicy synthesise --output data/raw/synthetic {params.settings} 2> {log}"


rule prepare:
    message:
        "Prepare {wildcards.dataset}"
    input:
        raw_files,
    output:
        multiext("data/processed/{dataset}/", *PREPARED),
    params:
        raw=lambda wildcards: f"data/raw/{registry.base(wildcards.dataset)}",
        settings=settings(study, "data"),
        code=lambda wildcards: code_digest(
            "steps.prepare", registry.reader_module(wildcards.dataset).removeprefix("labelpolicy.")
        ),
    conda:
        "../envs/labelpolicy.yml"
    log:
        "logs/prepare/{dataset}.log",
    benchmark:
        "logs/benchmarks/prepare/{dataset}.tsv"
    threads: 2
    resources:
        mem_mb=1500,
        runtime=30,
    shell:
        "labelpolicy prepare {wildcards.dataset} --raw {params.raw} --output data/processed/{wildcards.dataset}"
        " --processes {threads} {params.settings} 2> {log}"
