# Every step that only gathers, tests or shows; common_results.smk and common_figures.smk list them.
for name, step in STEPS.items():
    command = step.command or name

    rule:
        name:
            name
        message:
            step.message
        input:
            *([unpack(step.function)] if step.function else []),
            **step.inputs,
        output:
            **step.outputs,
        params:
            command=command.split(),
            arguments=step.arguments,
            given=given,
            written=written if step.written else [],
            settings=step.settings,
            code=code_digest(step.code or f"steps.{command}"),
        log:
            f"logs/{step.log or name}.log",
        benchmark:
            f"logs/benchmarks/{step.log or name}.tsv"
        threads: 1
        resources:
            **asked(command.split()[0]),
        group:
            step.group
        shell:
            "labelpolicy {params.command:q} {params.arguments:q} {params.given:q} {params.written:q}"
            " {params.settings:q} 2> {log:q}"
