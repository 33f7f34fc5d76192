# The steps that only gather, test and show what others have made, each a command `labelpolicy STEP`; steps.smk runs them.
# Inputs and outputs are named as the options that take them.
from labelpolicy.steps.document import engine

REPORT = "results/reproduction.pdf" if engine() else "results/reproduction.md"  # without TeX a note in Markdown
FACTS = processed(DATASETS, "dataset.json")
FOLDERS = expand(PROCESSED, dataset=DATASETS)
METRICS, SIGNIFICANCE = "results/metrics.parquet", "results/significance.parquet"


def shown(path, caption, category="Results", **labels):
    """A file of Snakemake's report."""
    return report(
        path,
        category=category,
        caption=f"../report/{caption}.rst",
        labels=labels or {"file": path.removeprefix("results/")},
    )


def decisions(cells):
    """Scores and thresholds.json of decided cells."""
    return [*dict.fromkeys(str(cell.scores()) for cell in cells), *decided(cells, "thresholds.json")]


def results_of_table(wildcards):
    """Tables 1 and 4 are statistics of the data, 2 and 5 results, 3 and 6 robustness."""
    if wildcards.number in "25":
        return {"metrics": METRICS, "significance": SIGNIFICANCE, "tuned": tuned_files(*DATASETS)}
    return {"robustness": SHOWN_SWEEPS} if wildcards.number in "36" else {}


#: Those of the target quick: minutes, not hours.
QUICK_CELLS = [cell for cell in CELLS if cell.seed == 0 and cell.classifier in study.grid.quick]
TRAINED_CELLS = [cell for cell in CELLS if cell.seed == 0 and len(members(cell.classifier)) == 1]
#: What is learned while a classifier trains, for the weights or the thresholds of some row.
LEARNED_POLICIES = [
    Trained(dataset, row.classifier, policy, seed)
    for dataset in DATASETS
    for row in rows_of(methods, dataset)
    for policy in row.learned
    for seed in range(study.grid.seeds)
]
#: Of the ablation: cells of the policies' variants, for seeds of their own (params.yaml: ablation), by data set.
ABLATED = {
    dataset: [
        Cell(dataset, row.classifier, row.weights, seed, thresholds=row.thresholds)
        for row in ablation_rows(dataset)
        for seed in range(study.ablation.seeds)
    ]
    for dataset in DATASETS
}
ABLATION_DATASETS = [dataset for dataset, cells in ABLATED.items() if cells]
ABLATION_CELLS = [cell for cells in ABLATED.values() for cell in cells]


def ablation_metrics(wildcards):
    if not ABLATION_CELLS:
        raise WorkflowError(
            f"params.yaml: ablation.classifiers: no data set of the grid has rows of {', '.join(study.ablation.classifiers)}"
            f" in {METHODS}"
        )
    return decided(ABLATION_CELLS, "metrics.json")


def page_inputs(cells, metrics, shown_figures):
    return {
        "read": decided(cells, "labels.parquet", "predictions.parquet")
        + in_folders(cells, "policy.json")
        + processed(DATASETS, "dataset.json", "labels.parquet", "test.parquet"),
        "metrics": metrics,
        "methods": METHODS,
        "template": beside("report/page.html"),
        "figure": shown_figures,
    }


STEPS |= {
    "collect": Step(
        "Collect the metrics of all cells",
        {"files": decided(CELLS, "metrics.json")},
        {"output": METRICS, "csv": shown("results/metrics.csv", "metrics")},
    ),
    "collect_quick": Step(
        "Collect the metrics of the fastest classifiers",
        {"files": decided(QUICK_CELLS, "metrics.json")},
        {"output": "results/quick/metrics.parquet", "csv": "results/quick/metrics.csv"},
        command="collect",
    ),
    "collect_ablation": Step(
        "Collect the metrics of the ablation",
        {"files": ablation_metrics},
        {"output": "results/ablation/metrics.parquet", "csv": "results/ablation/metrics.csv"},
        command="collect",
    ),
    "summarise_robustness": Step(
        "Robustness of policy {policy} with {classifier} on {dataset}, seed {seed}",
        {"files": runs_of_sweep},
        {
            "output": f"results/robustness/{LEARNED}.parquet",
            "csv": shown(
                f"results/robustness/{LEARNED}.csv",
                "robustness",
                "Robustness",
                **{"data set": "{dataset}", "classifier": "{classifier}", "policy": "{policy}", "seed": "{seed}"},
            ),
        },
        command="robustness",
        log=f"robustness/{LEARNED}",
        group="sweeps",
    ),
    "significance": Step(
        "Test the learned rows against all others",
        {
            "read": decisions(CELLS) + processed(DATASETS, "dataset.json", "labels.parquet", "test.parquet"),
            "metrics": METRICS,
            "methods": METHODS,
        },
        {"output": SIGNIFICANCE, "csv": shown("results/significance.csv", "significance")},
        arguments=[*FOLDERS, "--results", "results"],
        settings=settings(study, "significance"),
    ),
    "compare_ablation": Step(
        "Compare the policies of the ablation",
        {
            "read": decisions(ABLATION_CELLS)
            + processed(ABLATION_DATASETS, "dataset.json", "labels.parquet", "valid.parquet", "test.parquet"),
            "metrics": "results/ablation/metrics.parquet",
        },
        {
            "output": "results/ablation.parquet",
            "csv": shown("results/ablation.csv", "ablation"),
            "latex": "results/tables/ablation.tex",
            "markdown": shown("results/tables/ablation.md", "ablation", "Tables", table="ablation"),
        },
        arguments=[*expand(PROCESSED, dataset=ABLATION_DATASETS), "--results", "results"],
        settings=settings(study, "ablation", "significance", *(f"policies.{name}" for name in ABLATION_POLICIES)),
        command="ablation",
    ),
    "flatten": Step(
        "Metrics and curves as flat files",
        {
            "files": METRICS,
            "history": sorted(in_folders(TRAINED_CELLS, "history.parquet")),
            "trace": sorted(in_folders([each for each in LEARNED_POLICIES if each.seed == 0], "trace.parquet")),
        },
        {
            "metrics": "results/flat/metrics.json",
            "measures": "results/flat/measures.csv",
            "learning_curves": "results/flat/learning_curves.csv",
            "rewards": "results/flat/rewards.csv",
        },
        arguments=["--output", "results/flat"],
        written=False,
    ),
    "table": Step(
        "Table {number}",
        {"read": FACTS, "methods": METHODS, "paper": PAPER},
        {
            "output": "results/tables/table{number,[1-6]}.tex",
            "markdown": shown("results/tables/table{number}.md", "table", "Tables", table="{number}"),
        },
        arguments=["{number}", *FOLDERS],
        function=results_of_table,
        log="table/{number}",
    ),
    "summary": Step(
        "Summary",
        {
            "read": FACTS,
            "metrics": METRICS,
            "methods": METHODS,
            "paper": PAPER,
            "tuned": tuned_files(*DATASETS),
            "look": [
                "results/metrics.csv",
                *expand("results/tables/table{number}.tex", number=[5, 4]),
                *figures(only_summary=True),
            ],
        },
        {"output": shown("results/summary.md", "summary")},
        arguments=FOLDERS,
    ),
    "reproducing": Step(
        "The claims, by data set",
        {
            "read": FACTS,
            "metrics": METRICS,
            "significance": SIGNIFICANCE,
            "robustness": SHOWN_SWEEPS,
            "methods": METHODS,
            "paper": PAPER,
            "claims": beside("claims.tsv"),
            "correlations": [path for path in figures(ending="json") if Path(path).name == "weight_tree.json"],
        },
        {
            "output": shown("results/reproducing.md", "reproducing", "Claims"),
            "csv": shown("results/claims.csv", "claims", "Claims"),
            "latex": "results/tables/claims.tex",
        },
        arguments=FOLDERS,
    ),
    "document": Step(
        "Reproduction report",
        {
            "read": FACTS + expand("results/tables/table{number}.tex", number=range(1, 7)),
            "metrics": METRICS,
            "methods": METHODS,
            "paper": PAPER,
            "claims": "results/tables/claims.tex",
            "template": beside("report/reproduction.tex"),
            "figure": figures(ending="pdf"),
        },
        {"document": shown(REPORT, "reproduction")},
        arguments=[*FOLDERS, "--tables", "results/tables", "--output", "results/reproduction.pdf"],
        settings=literally(settings(study, "data", *(f"policies.{name}" for name in study.policies))),
        written=False,
    ),
    "page": Step(
        "Results page",
        page_inputs(CELLS, METRICS, figures()),
        {"output": shown("results/page/index.html", "page")},
        arguments=[*FOLDERS, "--results", "results"],
    ),
    "page_quick": Step(
        "Results page of the fastest classifiers",
        page_inputs(QUICK_CELLS, "results/quick/metrics.parquet", []),
        {"output": "results/quick/index.html"},
        arguments=[*FOLDERS, "--results", "results"],
        command="page",
    ),
    **{f"figure_{kind}": figure_step(kind, figure) for kind, figure in FIGURES.items()},
}


def is_main(cell):
    """Whether a cell is the study's own: a classifier of the paper as it is, or with something learned."""
    learned = {cell.weights, cell.parts.rule} & set(study.policies)
    is_plain = (cell.weights, cell.thresholds) == ("uniform", "fixed")
    in_question = cell.classifier in classifiers_of(cell.dataset) and (is_plain or bool(learned))
    return in_question and checks.classifier_entry(cell.classifier, study).trained_by_gradient
