# Steps on one classifier: label weights, by a fixed rule or learned (Algorithm 1, then the test-time episode); training
# with them, whose scores are kept, so that thresholds never need a retrain; thresholds learned on the scores.
META = {"output": "meta_learner.safetensors", "trace": "trace.parquet"}
POLICY = {"output": "policy.json", "trace": "rollout.parquet"}


def kept(name):
    """The product of a training that keeps its classifier."""
    return {"fitted_file": name} if study.keep_classifiers else {}


FEATURES = "results/{dataset}/transformer/features"


def embedded(classifier):
    """Whether a classifier stands on the vectors of a pretrained model."""
    return classifier.partition("+")[0] == "transformer" and study.classifiers.transformer.mode == "frozen"


def vectors(*splits):
    """A function of the wildcards: the vectors of splits, by name, where the classifier stands on them."""
    files = lambda wildcards: expand(f"{FEATURES}/{{split}}.parquet", dataset=wildcards.dataset, split=splits)
    return lambda wildcards: {"read": files(wildcards)} if embedded(wildcards.classifier) else {}


def made_before(*splits):
    """A function of the wildcards: what is chosen and computed once for all seeds, by name."""
    return lambda wildcards: tuned(wildcards) | vectors(*splits)(wildcards)


def classifier_settings(*sections):
    """The options that carry a classifier's parameters and these sections, by the classifier of the path."""

    def options(wildcards):
        entry = classifiers.load(wildcards.classifier)
        given = ["--features", FEATURES.format(dataset=wildcards.dataset)] * embedded(wildcards.classifier)
        return given + settings(study, *entry.sections, *["device", "threads"] * entry.uses_torch, *sections)

    return options


def learning_settings(wildcards):
    """The options that carry the parameters of a learned policy and of the classifier that it is learned with."""
    init = wildcards.get("init")
    return each("init", [init] if init else []) + classifier_settings(f"policies.{wildcards.policy}")(wildcards)


def of_classifier(command, message, folder, files, inputs, **more):
    """A step that trains a classifier or learns with it; its products lie in a folder below results/."""
    defaults = {
        "arguments": [PROCESSED, "{classifier}", "--seed", "{seed}"],
        "code": step_code(f"steps.{command}"),
        "log": f"{command}/{folder}",
        "function": made_before("train", "valid", "test"),
        "resources": {"gpu": int(study.device == "cuda")},
    }
    outputs = {option: f"results/{folder}/{file}" for option, file in files.items()}
    return Step(message, inputs, outputs, command=command, threads=study.threads, group="", **defaults | more)


def while_training(command, message, folder, files, **inputs):
    """A step of Algorithm 1 while a classifier trains."""
    return of_classifier(
        command,
        message,
        folder,
        files,
        {"data": processed("{dataset}", *LEARNED_FROM), **inputs},
        arguments=[PROCESSED, "{classifier}", "--learned", "{policy}", "--seed", "{seed}"],
        settings=learning_settings,
        function=made_before("train", "valid"),
    )


def on_scores(command, message, files, **inputs):
    """A step of Algorithm 1 on the scores that a classifier has left."""
    data = processed("{dataset}", "labels.parquet", "train.parquet", "valid.parquet")
    return of_classifier(
        command,
        message,
        ON_SCORES,
        files,
        {"data": data, "scores": f"results/{TRAINED}/out_of_fold.parquet", **inputs},
        settings=learned_on_scores,
        code=code_digest(f"steps.{command}"),
        log=f"{command}_on_scores/{TRAINED}/{{thresholds}}",
        function=None,
        resources={},
    )


# Whatever of a pretrained model can be computed once, for all label weights, seeds and folds.
STEPS["embed"] = of_classifier(
    "embed",
    "Embed {dataset} by a pretrained model",
    FEATURES.removeprefix("results/"),
    {split: f"{split}.parquet" for split in ("train", "valid", "test")},
    {"data": processed("{dataset}", *PREPARED)},
    arguments=[PROCESSED, "--output", FEATURES],
    settings=literally(settings(checks.for_vectors(study), "classifiers.transformer", "device", "threads")),
    code=code_digest("steps.embed"),
    function=None,
    written=False,
)
STEPS |= {
    "label_weights": Step(
        "Weigh the labels of {dataset} by {weights}",
        {"data": processed("{dataset}", "labels.parquet", "dataset.json")},
        {"output": f"results/{TRAINED}/policy.json"},
        arguments=[PROCESSED, "{weights}"],
        command="label-weights",
        log=f"label_weights/{TRAINED}",
        constraints={"weights": "|".join(map(re.escape, WEIGHT_RULES)), "classifier": SCORED},
        group="weights",
    ),
    # Once for all label weights and seeds.
    "tune": of_classifier(
        "tune",
        "Tune {classifier} on {dataset}",
        "{dataset}/{classifier}",
        {"output": "tuned.json"},
        {"data": processed("{dataset}", *LEARNED_FROM)},
        arguments=[PROCESSED, "{classifier}"],
        settings=classifier_settings("crossfit", "thresholds"),
        function=vectors("train"),
    ),
    "learn": while_training(
        "learn", "Learn policy {policy} with {classifier} on {dataset}, seed {seed}", LEARNED, META
    ),
    "learn_on_scores": on_scores(
        "learn", "Learn {thresholds} on the scores of {dataset}/{classifier}, seed {seed}", META
    ),
    "rollout_on_scores": on_scores(
        "rollout",
        "Roll out {thresholds} on the scores of {dataset}/{classifier}, seed {seed}",
        POLICY,
        meta=f"results/{ON_SCORES}/meta_learner.safetensors",
    ),
    # For thresholds that end in +oof alone: no other cell waits for it.
    "crossfit": of_classifier(
        "crossfit",
        "Score {dataset} out of fold by {classifier} with {weights} label weights, seed {seed}",
        TRAINED,
        {"output": "out_of_fold.parquet", **kept("fitted_of_all.safetensors")},
        {
            "data": processed("{dataset}", *PREPARED),
            "policy": f"results/{TRAINED}/policy.json",
            "history": f"results/{TRAINED}/history.parquet",
        },
        settings=classifier_settings("crossfit"),
        resources={"times": study.crossfit.folds + 1, "gpu": int(study.device == "cuda")},
    ),
}
# Joined scores are those of their members, which are trained with the same weights and seed.
STEPS["join"] = Step(
    "Join the scores of {classifier} on {dataset}, seed {seed}",
    {"data": processed("{dataset}", "labels.parquet", "train.parquet", "valid.parquet", "test.parquet")},
    {"output": f"results/{TRAINED}/out_of_fold.parquet"},
    arguments=[PROCESSED],
    function=lambda wildcards: {
        "files": in_folders(
            [replace(trained(wildcards), classifier=name) for name in members(wildcards.classifier)],
            "out_of_fold.parquet",
        )
    },
    constraints={"classifier": f"{ONE}(?:{re.escape(JOINED_BY)}{ONE})+", "weights": "uniform"},
    log=f"join/{TRAINED}",
    group="decisions",
)
# Also from random initial policies at the test-time episode (the paper's Tables 3 and 6), in a folder init{k}.
for suffix, init, start in ("", "", ""), ("_init", "init{init}", ", from initial policies {init}"):
    STEPS |= {
        f"rollout{suffix}": while_training(
            "rollout",
            f"Roll out policy {{policy}} with {{classifier}} on {{dataset}}, seed {{seed}}{start}",
            str(Path(LEARNED, init)),
            POLICY,
            meta=f"results/{LEARNED}/meta_learner.safetensors",
        ),
        f"fit{suffix}": of_classifier(
            "train",
            f"Train {{classifier}} with {{weights}} label weights on {{dataset}}, seed {{seed}}{start}",
            str(Path(TRAINED, init)),
            {"scores": "scores.parquet", "history": "history.parquet", **kept("fitted.safetensors")},
            {"data": processed("{dataset}", *PREPARED), "policy": str(Path("results", TRAINED, init, "policy.json"))},
            settings=classifier_settings(),
        ),
    }
