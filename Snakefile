include: "workflow/Snakefile"


workflow.default_target = "all"  # what is included keeps no default of its own
