# Label weights: by a fixed rule, or learned (Algorithm 1, then the test-time episode).


rule label_weights:
    message:
        "Weigh the labels of {wildcards.dataset} by {wildcards.weights}"
    input:
        data=multiext(f"{PROCESSED}/", "labels.parquet", "dataset.json"),
    output:
        policy=f"results/{TRAINED}/policy.json",
    wildcard_constraints:
        weights="|".join(map(re.escape, WEIGHT_RULES)),
    params:
        folder=data_folder,
        code=code_digest("steps.label_weights"),
    log:
        f"logs/label_weights/{TRAINED}.log",
    benchmark:
        f"logs/benchmarks/label_weights/{TRAINED}.tsv"
    threads: 1
    resources:
        **asked("label_weights"),
    group:
        "weights"
    shell:
        "labelpolicy label-weights {params.folder:q} {wildcards.weights:q} --output {output.policy:q} 2> {log:q}"


rule learn:
    message:
        "Learn policy {wildcards.policy} with {wildcards.classifier} on {wildcards.dataset}, seed {wildcards.seed}"
    input:
        data=multiext(f"{PROCESSED}/", *LEARNED_FROM),
    output:
        meta=f"results/{LEARNED}/meta_learner.safetensors",
        trace=f"results/{LEARNED}/trace.parquet",
    params:
        folder=data_folder,
        settings=learning_settings,
        code=step_code("steps.learn"),
    log:
        f"logs/learn/{LEARNED}.log",
    benchmark:
        f"logs/benchmarks/learn/{LEARNED}.tsv"
    threads: study.threads
    resources:
        **asked("learn", gpu=int(study.device == "cuda")),
    shell:
        "labelpolicy learn {params.folder:q} {wildcards.classifier:q} --learned {wildcards.policy:q}"
        " --seed {wildcards.seed:q} --output {output.meta:q} --trace {output.trace:q} {params.settings:q} 2> {log:q}"


rule rollout:
    message:
        "Roll out policy {wildcards.policy} with {wildcards.classifier} on {wildcards.dataset}, seed {wildcards.seed}"
    input:
        data=multiext(f"{PROCESSED}/", *LEARNED_FROM),
        meta=f"results/{LEARNED}/meta_learner.safetensors",
    output:
        policy=f"results/{LEARNED}/policy.json",
        trace=f"results/{LEARNED}/rollout.parquet",
    params:
        folder=data_folder,
        settings=learning_settings,
        code=step_code("steps.rollout"),
    log:
        f"logs/rollout/{LEARNED}.log",
    benchmark:
        f"logs/benchmarks/rollout/{LEARNED}.tsv"
    threads: study.threads
    resources:
        **asked("rollout", gpu=int(study.device == "cuda")),
    shell:
        "labelpolicy rollout {params.folder:q} {wildcards.classifier:q} --learned {wildcards.policy:q}"
        " --seed {wildcards.seed:q} --meta {input.meta:q} --output {output.policy:q} --trace {output.trace:q}"
        " {params.settings:q} 2> {log:q}"


rule learn_on_scores:
    message:
        "Learn {wildcards.thresholds} on the scores of {wildcards.dataset}/{wildcards.classifier}, seed {wildcards.seed}"
    input:
        data=multiext(f"{PROCESSED}/", "labels.parquet", "train.parquet", "valid.parquet"),
        scores=f"results/{TRAINED}/out_of_fold.parquet",
    output:
        meta=f"results/{ON_SCORES}/meta_learner.safetensors",
        trace=f"results/{ON_SCORES}/trace.parquet",
    params:
        folder=data_folder,
        settings=learned_on_scores,
        code=code_digest("steps.learn"),
    log:
        f"logs/learn_on_scores/{TRAINED}/{{thresholds}}.log",
    benchmark:
        f"logs/benchmarks/learn_on_scores/{TRAINED}/{{thresholds}}.tsv"
    threads: study.threads
    resources:
        **asked("learn_on_scores"),
    shell:
        "labelpolicy learn {params.folder:q} {wildcards.classifier:q} --scores {input.scores:q}"
        " --seed {wildcards.seed:q} --output {output.meta:q} --trace {output.trace:q} {params.settings:q} 2> {log:q}"


rule rollout_on_scores:
    message:
        "Roll out {wildcards.thresholds} on the scores of {wildcards.dataset}/{wildcards.classifier}, seed {wildcards.seed}"
    input:
        data=multiext(f"{PROCESSED}/", "labels.parquet", "train.parquet", "valid.parquet"),
        scores=f"results/{TRAINED}/out_of_fold.parquet",
        meta=f"results/{ON_SCORES}/meta_learner.safetensors",
    output:
        policy=f"results/{ON_SCORES}/policy.json",
        trace=f"results/{ON_SCORES}/rollout.parquet",
    params:
        folder=data_folder,
        settings=learned_on_scores,
        code=code_digest("steps.rollout"),
    log:
        f"logs/rollout_on_scores/{TRAINED}/{{thresholds}}.log",
    benchmark:
        f"logs/benchmarks/rollout_on_scores/{TRAINED}/{{thresholds}}.tsv"
    threads: study.threads
    resources:
        **asked("rollout_on_scores"),
    shell:
        "labelpolicy rollout {params.folder:q} {wildcards.classifier:q} --scores {input.scores:q}"
        " --seed {wildcards.seed:q} --meta {input.meta:q} --output {output.policy:q} --trace {output.trace:q}"
        " {params.settings:q} 2> {log:q}"
