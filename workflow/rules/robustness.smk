# Random initial policies at the test-time episode (the paper's Tables 3 and 6): each is rolled out, trained and decided
# by the rules of every other run, in a folder init{k} of its own; then the runs of one sweep are summarised.

LEARNED_FROM_INIT = f"{LEARNED}/init{{init}}"
TRAINED_FROM_INIT = f"{TRAINED}/init{{init}}"


use rule rollout as rollout_init with:
    message:
        "Roll out policy {wildcards.policy} with {wildcards.classifier} on {wildcards.dataset}, seed {wildcards.seed}, from initial policies {wildcards.init}"
    output:
        policy=f"results/{LEARNED_FROM_INIT}/policy.json",
        trace=f"results/{LEARNED_FROM_INIT}/rollout.parquet",
    params:
        folder=data_folder,
        settings=initialised_settings,
        code=step_code("steps.rollout"),
    log:
        f"logs/rollout/{LEARNED_FROM_INIT}.log",
    benchmark:
        f"logs/benchmarks/rollout/{LEARNED_FROM_INIT}.tsv"


use rule fit as fit_init with:
    message:
        "Train {wildcards.classifier} with {wildcards.weights} label weights on {wildcards.dataset}, seed {wildcards.seed}, from initial policies {wildcards.init}"
    input:
        data=multiext(f"{PROCESSED}/", *PREPARED),
        policy=f"results/{TRAINED_FROM_INIT}/policy.json",
    output:
        scores=f"results/{TRAINED_FROM_INIT}/scores.parquet",
        history=f"results/{TRAINED_FROM_INIT}/history.parquet",
    log:
        f"logs/train/{TRAINED_FROM_INIT}.log",
    benchmark:
        f"logs/benchmarks/train/{TRAINED_FROM_INIT}.tsv"


use rule decide as decide_init with:
    message:
        "Decide {wildcards.dataset}/{wildcards.classifier}/{wildcards.weights}/seed{wildcards.seed}/init{wildcards.init} by {wildcards.thresholds}"
    output:
        files=multiext(f"results/{TRAINED_FROM_INIT}/{{thresholds}}/", *FILES),
    params:
        data=data_folder,
        rules="{thresholds}",
        folder=trained_folder,
        learned=learned_option,
        settings=settings(study, "thresholds"),
        code=code_digest("steps.decide"),
    log:
        f"logs/decide/{TRAINED_FROM_INIT}/{{thresholds}}.log",
    benchmark:
        f"logs/benchmarks/decide/{TRAINED_FROM_INIT}/{{thresholds}}.tsv"
