# What people ask for by name.


localrules:
    quick,
    report,
    paper,
    robustness,
    ablation,
    data,
    policies,
    train,
    baselines,


# A first look in minutes: the fastest classifiers, one seed, on a page of their own.
rule quick:
    input:
        "results/quick/index.html",


# The whole chain, which is what runs by default: the fastest classifiers' page, the summary with its figures, the
# robustness sweeps, all six tables, weights as heatmaps, and the paper's claims beside ours.
CHAIN = [
    *["results/quick/index.html"] * ({cell.dataset for cell in QUICK_CELLS} == {*DATASETS}),
    "results/summary.md",
    *expand("results/tables/table{number}.tex", number=range(1, 7)),
    "results/reproducing.md",
    *(path for path in figures() if Path(path).stem == "weights"),
    *SHOWN_SWEEPS,
]


# What there is to show: the chain, the report as PDF, the page, and metrics and curves as flat files for tools such as
# DVC.
rule report:
    input:
        CHAIN,
        rules.flatten.output,
        REPORT,
        "results/page/index.html",


# The paper's study as far as it can run here. Five seeds: snakemake paper --config 'grid={seeds: 5}'
rule paper:
    input:
        rules.report.input,
        SWEEPS,
        rules.compare_ablation.output if ABLATION_CELLS else [],


rule robustness:
    input:
        SWEEPS,


rule ablation:
    input:
        rules.compare_ablation.output,


# The milestones of the study, in its order: data, policies, train, baselines, robustness, report. Each is also a stage
# of dvc.yaml (docs/dvc.md); together they make what `report` needs and nothing is made twice.
rule data:
    input:
        processed(DATASETS, *PREPARED),


rule policies:
    input:
        sorted(in_folders(LEARNED_POLICIES, "policy.json")),


# The paper's classifiers with uniform weights and thresholds of 0.5, and with learned ones.
rule train:
    input:
        decided([cell for cell in CELLS if is_main(cell)], "metrics.json"),


# What those are compared with: fixed rules for weights and thresholds, chains, the linear SVM.
rule baselines:
    input:
        decided([cell for cell in CELLS if not is_main(cell)], "metrics.json"),
