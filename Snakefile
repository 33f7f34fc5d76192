# The only entry: parameters, rules, and the target that people ask for.
from snakemake.utils import min_version

min_version("9.20")


configfile: "params.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/policy.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/decide.smk"
include: "workflow/rules/robustness.smk"
include: "workflow/rules/significance.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"


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


# What there is to show: all six tables, the report as PDF, the paper's claims beside ours, the page.
rule report:
    input:
        expand("results/tables/table{number}.tex", number=range(1, 7)),
        REPORT,
        "results/reproducing.md",
        "results/page/index.html",


# The paper's study as far as it can run here. Five seeds: snakemake paper --config 'grid={seeds: 5}'
rule paper:
    input:
        rules.all.input,
        rules.report.input,
        every_sweep,
