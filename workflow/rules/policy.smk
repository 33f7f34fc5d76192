# Label weights: by a fixed rule, or learned (Algorithm 1, then the test-time episode).


rule label_weights:
    message:
        "Label weights {wildcards.weights} for {wildcards.dataset}"
    input:
        "data/processed/{dataset}/labels.parquet",
        facts="data/processed/{dataset}/dataset.json",
    output:
        f"results/{CELL}/policy.json",
    wildcard_constraints:
        weights="|".join(map(re.escape, WEIGHT_RULES)),
    params:
        code=code_digest("steps.label_weights"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        f"logs/label_weights/{CELL}.log",
    benchmark:
        f"logs/benchmarks/label_weights/{CELL}.tsv"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    shell:
        "labelpolicy label-weights data/processed/{wildcards.dataset} {wildcards.weights} --output {output} 2> {log}"


rule learn:
    message:
        "Learn policy {wildcards.policy} with {wildcards.classifier} on {wildcards.dataset}, seed {wildcards.seed}"
    input:
        multiext("data/processed/{dataset}/", *LEARNED_FROM),
    output:
        meta="results/{dataset}/{classifier}/{policy}/seed{seed}/meta_learner.safetensors",
        trace="results/{dataset}/{classifier}/{policy}/seed{seed}/trace.parquet",
    params:
        settings=learning_settings,
        code=step_code("steps.learn"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        "logs/learn/{dataset}/{classifier}/{policy}/seed{seed}.log",
    benchmark:
        "logs/benchmarks/learn/{dataset}/{classifier}/{policy}/seed{seed}.tsv"
    threads: study.threads
    resources:
        mem_mb=1500,
        runtime=120,
        gpu=GPU,
    shell:
        "labelpolicy learn data/processed/{wildcards.dataset} {wildcards.classifier} --learned {wildcards.policy}"
        " --seed {wildcards.seed} --output {output.meta} --trace {output.trace} {params.settings} 2> {log}"


rule rollout:
    message:
        "Roll out policy {wildcards.policy} with {wildcards.classifier} on {wildcards.dataset}, seed {wildcards.seed}"
    input:
        multiext("data/processed/{dataset}/", *LEARNED_FROM),
        meta="results/{dataset}/{classifier}/{policy}/seed{seed}/meta_learner.safetensors",
    output:
        policy="results/{dataset}/{classifier}/{policy}/seed{seed}/policy.json",
        trace="results/{dataset}/{classifier}/{policy}/seed{seed}/rollout.parquet",
    params:
        settings=learning_settings,
        code=step_code("steps.rollout"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        "logs/rollout/{dataset}/{classifier}/{policy}/seed{seed}.log",
    benchmark:
        "logs/benchmarks/rollout/{dataset}/{classifier}/{policy}/seed{seed}.tsv"
    threads: study.threads
    resources:
        mem_mb=1500,
        runtime=120,
        gpu=GPU,
    shell:
        "labelpolicy rollout data/processed/{wildcards.dataset} {wildcards.classifier} --learned {wildcards.policy}"
        " --seed {wildcards.seed} --meta {input.meta} --output {output.policy} --trace {output.trace}"
        " {params.settings} 2> {log}"


rule learn_on_scores:
    message:
        "Learn {wildcards.thresholds} on the scores of {wildcards.dataset}/{wildcards.classifier}, seed {wildcards.seed}"
    input:
        multiext("data/processed/{dataset}/", "labels.parquet", "train.parquet", "valid.parquet"),
        scores=f"results/{CELL}/out_of_fold.parquet",
    output:
        meta=f"results/{CELL}/learned/{{thresholds}}/meta_learner.safetensors",
        trace=f"results/{CELL}/learned/{{thresholds}}/trace.parquet",
    params:
        options=learned_on_scores,
        code=code_digest("steps.learn"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        f"logs/learn_on_scores/{CELL}/{{thresholds}}.log",
    benchmark:
        f"logs/benchmarks/learn_on_scores/{CELL}/{{thresholds}}.tsv"
    threads: study.threads
    resources:
        mem_mb=1500,
        runtime=60,
    shell:
        "labelpolicy learn data/processed/{wildcards.dataset} {wildcards.classifier} --scores {input.scores}"
        " --seed {wildcards.seed} --output {output.meta} --trace {output.trace} {params.options} 2> {log}"


rule rollout_on_scores:
    message:
        "Roll out {wildcards.thresholds} on the scores of {wildcards.dataset}/{wildcards.classifier}, seed {wildcards.seed}"
    input:
        multiext("data/processed/{dataset}/", "labels.parquet", "train.parquet", "valid.parquet"),
        scores=f"results/{CELL}/out_of_fold.parquet",
        meta=f"results/{CELL}/learned/{{thresholds}}/meta_learner.safetensors",
    output:
        policy=f"results/{CELL}/learned/{{thresholds}}/policy.json",
        trace=f"results/{CELL}/learned/{{thresholds}}/rollout.parquet",
    params:
        options=learned_on_scores,
        code=code_digest("steps.rollout"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        f"logs/rollout_on_scores/{CELL}/{{thresholds}}.log",
    benchmark:
        f"logs/benchmarks/rollout_on_scores/{CELL}/{{thresholds}}.tsv"
    threads: study.threads
    resources:
        mem_mb=1500,
        runtime=60,
    shell:
        "labelpolicy rollout data/processed/{wildcards.dataset} {wildcards.classifier} --scores {input.scores}"
        " --seed {wildcards.seed} --meta {input.meta} --output {output.policy} --trace {output.trace}"
        " {params.options} 2> {log}"
