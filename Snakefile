# The only entry: parameters, rules, and the target that people ask for.
from snakemake.utils import min_version

min_version("9.20")


configfile: "params.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/policy.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/decide.smk"
include: "workflow/rules/report.smk"


localrules:
    all,


rule all:
    default_target: True
    input:
        "results/summary.md",
