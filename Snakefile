# The only entry: parameters, rules, and the target that people ask for.
from snakemake.utils import min_version

min_version("9.20")


configfile: "params.yaml"


# With --sdm apptainer only; the image need not exist otherwise. container/labelpolicy.def says how it is made.
container: "container/labelpolicy.sif"


include: "workflow/rules/common.smk"
include: "workflow/rules/common_milestones.smk"
include: "workflow/rules/common_ablation.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/policy.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/decide.smk"
include: "workflow/rules/robustness.smk"
include: "workflow/rules/significance.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/ablation.smk"
include: "workflow/rules/milestones.smk"
include: "workflow/rules/cluster.smk"


localrules:
    all,
    quick,
    report,
    paper,


rule all:
    default_target: True
    input:
        "results/summary.md",


# A first look in minutes: the linear classifiers, one seed, on a page of their own.
rule quick:
    input:
        "results/quick/index.html",


# What there is to show: the summary, all six tables, the report as PDF, the paper's claims beside ours, the page, and
# metrics and curves as flat files for tools such as DVC.
rule report:
    input:
        rules.all.input,
        rules.flatten.output,
        expand("results/tables/table{number}.tex", number=range(1, 7)),
        REPORT,
        "results/reproducing.md",
        "results/page/index.html",


# The paper's study as far as it can run here. Five seeds: snakemake paper --config 'grid={seeds: 5}'
rule paper:
    input:
        rules.report.input,
        every_sweep,
