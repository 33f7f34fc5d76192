# Thresholds fitted on validation or out-of-fold scores, or those of a learned policy; then every measure on the test
# scores. One job decides all that the sheet, or the ablation, asks of one file of scores.
from collections import defaultdict

FILES = ("metrics.json", "thresholds.json", "labels.parquet", "predictions.parquet")
MODEL = ("config.json", "model.safetensors", "vocabulary.json", "thresholds.json", "README.md")


def decision(of, thresholds, job, **more):
    """The step that decides by some thresholds, each in a folder of its own, what a classifier has scored."""
    return Step(
        f"Decide {of.folder('')} by {' '.join(thresholds)}",
        outputs={"files": decided([of.with_thresholds(name) for name in thresholds], *FILES)},
        arguments=[PROCESSED, *thresholds, "--seed", "{seed}", "--output", str(of.folder())],
        command="decide",
        log=f"{of.folder('decide')}/{job}",
        group="decisions",
        written=False,
        **more,
    )


def policies_behind(of, thresholds):
    return {policy: path for name in thresholds for policy, path in policy_behind(of, name).items()}


def scored(of, thresholds):
    """What thresholds are fitted on or applied to."""
    first = of.with_thresholds(thresholds[0])
    tables = ["labels.parquet", "valid.parquet", "test.parquet", *["train.parquet"] * first.parts.out_of_fold]
    return {
        "data": processed(of.dataset, *tables),
        "scores": str(first.scores()),
        "read": list(policies_behind(of, thresholds).values()),
    } | tuned(of)


def learned_and_settings(of, thresholds):
    learned = [f"{policy}={path}" for policy, path in policies_behind(of, thresholds).items()]
    return each("learned", learned) + settings(study, "thresholds")


def decided_together():
    """(classifier, weights, thresholds) decided in one job, by a name; and the data sets that have exactly these.

    The ablation's own thresholds, which may need policies that no row of the sheet does, are not in one job with the
    sheet's; nor are, on out-of-fold scores, those with and without +one, whose learned thresholds differ.
    """
    jobs, datasets = {}, defaultdict(list)
    for dataset in DATASETS:
        sheet = [row.cell for row in rows_of(methods, dataset)]
        ablation = [row.cell for row in ablation_rows(dataset) if row.cell not in sheet]
        for of, cells in (("decide", sheet), ("decide_ablation", ablation)):
            together = defaultdict(list)
            for classifier, weights, thresholds in cells:
                _, at_least_one, out_of_fold = Thresholds.parse(thresholds)
                kind = ("_one_oof" if at_least_one else "_oof") if out_of_fold else ""
                together[classifier, weights, f"{of}_{classifier}_{weights}{kind}"].append(thresholds)
            for (classifier, weights, name), thresholds in together.items():
                job = (classifier, weights, tuple(thresholds))
                datasets[job].append(dataset)
                jobs.setdefault(job, name if name not in jobs.values() else f"{name}_{dataset}")
    return [(re.sub(r"\W", "_", name), *job, datasets[job]) for job, name in jobs.items()]


# Any single cell, whether or not a row of the sheet names it; also from random initial policies.
for name, init in ("decide", None), ("decide_init", "{init}"):
    STEPS[name] = decision(
        Trained("{dataset}", "{classifier}", "{weights}", "{seed}", init),
        ["{thresholds}"],
        "{thresholds}",
        inputs={},
        function=lambda wildcards: scored(trained(wildcards), [wildcards.thresholds]),
        settings=lambda wildcards: learned_and_settings(trained(wildcards), [wildcards.thresholds]),
        constraints={"classifier": SCORED},
    )
for name, classifier, weights, thresholds, datasets in decided_together():
    of = Trained("{dataset}", classifier, weights, "{seed}")
    STEPS[name] = decision(
        of,
        thresholds,
        name,
        inputs=scored(of, thresholds),
        settings=learned_and_settings(of, thresholds),
        constraints={"dataset": "|".join(datasets)},
    )
    workflow.ruleorder(name, "decide")


def kept_scores(wildcards):
    """The scores of a cell, and their classifier if it was kept."""
    of = trained(wildcards).with_thresholds(wildcards.thresholds)
    name = "fitted_of_all.safetensors" if of.parts.out_of_fold else "fitted.safetensors"
    return {"scores": str(of.scores())} | ({"fitted_file": str(of.folder() / name)} if study.keep_classifiers else {})


# A cell's classifier with its thresholds, for `labelpolicy predict`: the same that the measures are of.
STEPS["keep"] = of_classifier(
    "keep",
    "Keep {classifier} of {dataset} with thresholds {thresholds} as a model",
    f"{DECIDED}/model",
    {name.replace(".", "_"): name for name in MODEL},
    {
        "data": processed("{dataset}", *PREPARED),
        "policy": f"results/{TRAINED}/policy.json",
        "history": f"results/{TRAINED}/history.parquet",
        "thresholds": f"results/{DECIDED}/thresholds.json",
    },
    function=lambda wildcards: kept_scores(wildcards) | made_before("train", "valid", "test")(wildcards),
    settings=classifier_settings("thresholds"),
    arguments=[PROCESSED, "{classifier}", "--seed", "{seed}", "--model", f"results/{DECIDED}/model"],
    written=False,
    log=f"keep/{DECIDED}",
)
