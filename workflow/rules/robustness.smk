# Random initial policies at the test-time episode (the paper's Tables 3 and 6): each is rolled out, trained and decided
# by the rules of every other run, in a folder init{k} of its own; then the runs of one sweep are summarised.

SWEEP = "{dataset}/{classifier}/{policy}/seed{seed}"
RUN = f"{CELL}/init{{init}}"


wildcard_constraints:
    init=r"[1-9]\d*",


localrules:
    robustness,


rule robustness:
    input:
        every_sweep,


use rule rollout as rollout_init with:
    message:
        "Roll out policy {wildcards.policy} with {wildcards.classifier} on {wildcards.dataset}, seed {wildcards.seed}, from initial policies {wildcards.init}"
    output:
        policy=f"results/{SWEEP}/init{{init}}/policy.json",
        trace=f"results/{SWEEP}/init{{init}}/rollout.parquet",
    params:
        settings=initialised_settings,
    conda:
        "../envs/labelpolicy.yml"
    log:
        f"logs/rollout/{SWEEP}/init{{init}}.log",
    benchmark:
        f"logs/benchmarks/rollout/{SWEEP}/init{{init}}.tsv"


use rule fit as fit_init with:
    message:
        "Train {wildcards.classifier} with {wildcards.weights} label weights on {wildcards.dataset}, seed {wildcards.seed}, from initial policies {wildcards.init}"
    input:
        multiext("data/processed/{dataset}/", *LEARNED_FROM, "test.parquet"),
        policy=f"results/{RUN}/policy.json",
    output:
        scores=f"results/{RUN}/scores.parquet",
        history=f"results/{RUN}/history.parquet",
    conda:
        "../envs/labelpolicy.yml"
    log:
        f"logs/train/{RUN}.log",
    benchmark:
        f"logs/benchmarks/train/{RUN}.tsv"


use rule decide as decide_init with:
    message:
        "Decide {wildcards.dataset}/{wildcards.classifier}/{wildcards.weights}/seed{wildcards.seed}/init{wildcards.init} by {wildcards.thresholds}"
    input:
        "data/processed/{dataset}/labels.parquet",
        "data/processed/{dataset}/valid.parquet",
        "data/processed/{dataset}/test.parquet",
        scores=f"results/{RUN}/scores.parquet",
        policy="results/{dataset}/{classifier}/{thresholds}/seed{seed}/init{init}/policy.json",
    output:
        metrics=f"results/{RUN}/{{thresholds}}/metrics.json",
        thresholds=f"results/{RUN}/{{thresholds}}/thresholds.json",
        labels=f"results/{RUN}/{{thresholds}}/labels.parquet",
    conda:
        "../envs/labelpolicy.yml"
    log:
        f"logs/decide/{RUN}/{{thresholds}}.log",
    benchmark:
        f"logs/benchmarks/decide/{RUN}/{{thresholds}}.tsv"


rule summarise_robustness:
    message:
        "Robustness of policy {wildcards.policy} with {wildcards.classifier} on {wildcards.dataset}, seed {wildcards.seed}"
    input:
        expand(
            f"results/{SWEEP}/init{{init}}/{{policy}}/metrics.json",
            init=range(1, study.robustness.initialisations + 1),
            allow_missing=True,
        ),
    output:
        table=f"results/robustness/{SWEEP}.parquet",
        csv=report(
            f"results/robustness/{SWEEP}.csv",
            category="Robustness",
            caption="../report/robustness.rst",
            labels={
                "data set": "{dataset}",
                "classifier": "{classifier}",
                "policy": "{policy}",
                "seed": "{seed}",
            },
        ),
    params:
        code=code_digest("steps.robustness"),
    conda:
        "../envs/labelpolicy.yml"
    log:
        f"logs/robustness/{SWEEP}.log",
    benchmark:
        f"logs/benchmarks/robustness/{SWEEP}.tsv"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    shell:
        "labelpolicy robustness {input} --output {output.table} --csv {output.csv} 2> {log}"
