# Raw files, fetched or generated, and the one prepared form.


localrules:
    fetch,


ruleorder: synthesise > fetch


rule fetch:
    message:
        "Fetch {wildcards.dataset}"
    input:
        sources=beside("sources.tsv"),
    output:
        source="data/raw/{dataset}/source.json",
    params:
        folder=output_folder,
        code=code_digest("steps.fetch"),
        contents=state.contents(beside("sources.tsv")),
    log:
        "logs/fetch/{dataset}.log",
    benchmark:
        "logs/benchmarks/fetch/{dataset}.tsv"
    threads: 1
    resources:
        **asked("fetch"),
    shell:
        "labelpolicy fetch {wildcards.dataset:q} --sources {input.sources:q} --output {params.folder:q} 2> {log:q}"


rule synthesise:
    message:
        "Generate the synthetic corpus"
    output:
        source="data/raw/synthetic/source.json",
    params:
        folder=output_folder,
        settings=literally(settings(study, "synthetic")),
        code=code_digest("steps.synthesise"),
    log:
        "logs/synthesise/synthetic.log",
    benchmark:
        "logs/benchmarks/synthesise/synthetic.tsv"
    threads: 1
    resources:
        **asked("synthesise"),
    shell:
        "labelpolicy synthesise --output {params.folder:q} {params.settings:q} 2> {log:q}"


rule prepare:
    message:
        "Prepare {wildcards.dataset}"
    input:
        raw=raw_files,
    output:
        files=multiext(f"{PROCESSED}/", *PREPARED),
    params:
        folder=output_folder,
        settings=preparing,
        code=reader_code,
        contents=raw_contents,
    log:
        "logs/prepare/{dataset}.log",
    benchmark:
        "logs/benchmarks/prepare/{dataset}.tsv"
    threads: 2
    resources:
        **asked("prepare"),
    shell:
        "labelpolicy prepare {wildcards.dataset:q} --output {params.folder:q}"
        " --processes {threads} {params.settings:q} 2> {log:q}"
