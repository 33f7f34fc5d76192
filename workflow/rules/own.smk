# The study of a user's own documents, by data set: a recommended row with its model, the summary and a page. Everything
# lies in results/{dataset}/, so that data sets stand side by side and none replaces another.
RECOMMENDED = "results/{dataset}/model"
if clash := sorted({*OWN} & {"ablation", "figures", "flat", "page", "quick", "robustness", "tables"}):
    raise WorkflowError(f"data set {clash[0]!r}: results/{clash[0]} is another folder: give it another name")


def cells_of(wildcards):
    return [cell for cell in CELLS if cell.dataset == wildcards.dataset]


def candidates(wildcards):
    """What a row is recommended of, if there is any: out-of-fold scores with the rules that rows have on them, seed 0."""
    found = [each for each in cells_of(wildcards) if each.parts.out_of_fold and not each.seed]
    found = [each for each in found if len(members(each.classifier)) == 1]  # those have a model
    rules = dict.fromkeys(cell.thresholds for cell in found if cell.parts.rule in THRESHOLD_RULES)
    scores = [cell for cell in found if cell.weights == "uniform" and cell.thresholds in rules]
    return {"scores": in_folders(scores, "out_of_fold.parquet"), "read": in_folders(scores, "history.parquet")}, rules


def recommended(wildcards):
    """What the summary reads besides the measures."""
    files = ["model/README.md", "recommended.json"] if candidates(wildcards)[1] else []
    readme, json = [[f"results/{wildcards.dataset}/{file}"] for file in files] or [[], []]
    return {"data": readme, "recommended": json, "tuned": tuned_files(wildcards.dataset)}


def shown_of(wildcards):
    """What the page of a data set shows."""
    cells, figures_of = cells_of(wildcards), f"results/figures/{wildcards.dataset}"
    return {
        "read": decided(cells, "labels.parquet", "predictions.parquet") + in_folders(cells, "policy.json"),
        "figure": [f"{figures_of}/{name}/precision_recall.png" for name in classifiers_of(wildcards.dataset)],
    }


if OWN:
    one = {"dataset": "|".join(OWN)}
    names = {name for dataset in OWN for row in rows_of(methods, dataset) for name in members(row.classifier)}
    of_own = [classifiers.load(name) for name in names]
    STEPS |= {
        "recommend": Step(
            "Recommend a row for {dataset}, and keep its model",
            {"data": processed("{dataset}", *PREPARED)},
            {"output": "results/{dataset}/recommended.json"}
            | {name.replace(".", "_"): f"{RECOMMENDED}/{name}" for name in MODEL},
            arguments=lambda wildcards: [
                *[PROCESSED.format(dataset=wildcards.dataset), *candidates(wildcards)[1]],
                *["--output", f"results/{wildcards.dataset}/recommended.json"],
                *["--model", RECOMMENDED.format(dataset=wildcards.dataset)],
            ],
            settings=settings(
                study, *sorted({name for each in of_own for name in each.sections}), "thresholds", "device"
            )
            + settings(study, "threads"),
            function=lambda wildcards: candidates(wildcards)[0] | {"tuned": tuned_files(wildcards.dataset)},
            code=code_digest("steps.recommend", *sorted({name for each in of_own for name in each.modules})),
            log="recommend/{dataset}",
            constraints=one,
            threads=study.threads,
            written=False,
        ),
        "collect_own": Step(
            "Collect the metrics of {dataset}",
            {},
            {"output": "results/{dataset}/metrics.parquet", "csv": "results/{dataset}/metrics.csv"},
            command="collect",
            log="collect/{dataset}",
            function=lambda wildcards: {"files": decided(cells_of(wildcards), "metrics.json")},
            constraints=one,
        ),
        "summary_own": Step(
            "Summary of {dataset}",
            {
                "read": processed("{dataset}", "dataset.json"),
                "metrics": "results/{dataset}/metrics.parquet",
                "methods": METHODS,
                "paper": PAPER,
                "look": ["results/{dataset}/index.html", "results/{dataset}/metrics.csv"],
            },
            {"output": "results/{dataset}/summary.md"},
            arguments=[PROCESSED, "--model", RECOMMENDED],
            function=recommended,
            command="summary",
            log="summary/{dataset}",
            constraints=one,
        ),
        "page_own": Step(
            "Results page of {dataset}",
            {
                "data": processed("{dataset}", "dataset.json", "labels.parquet", "test.parquet"),
                "metrics": "results/{dataset}/metrics.parquet",
                "methods": METHODS,
                "template": beside("report/page.html"),
            },
            {"output": "results/{dataset}/index.html"},
            arguments=[PROCESSED, "--results", "results"],
            function=shown_of,
            command="page",
            log="page/{dataset}",
            constraints=one,
        ),
    }
