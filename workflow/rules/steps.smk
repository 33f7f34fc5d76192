# A rule of every step that a table lists.
for name, step in STEPS.items():
    command = step.command or name

    rule:
        name:
            name
        message:
            step.message.replace("{", "{wildcards.")
        input:
            *([unpack(step.function)] if step.function else []),
            **step.inputs,
        output:
            **step.outputs,
        wildcard_constraints:
            **step.constraints,
        params:
            command=command.split(),
            arguments=step.arguments,
            given=given,
            written=written if step.written else [],
            settings=step.settings,
            contents=state.contents(*sorted(EDITED & {each for each in step.inputs.values() if isinstance(each, str)})),
            code=step.code or code_digest(f"steps.{command.replace('-', '_')}"),
        log:
            f"logs/{step.log or name}.log",
        benchmark:
            f"logs/benchmarks/{step.log or name}.tsv"
        threads: step.threads
        priority: int(name in ("collect", "significance"))  # the longest job of what shows results waits for the other
        resources:
            **asked(name if name in ASKED else command.split()[0], **step.resources),
        group:
            step.group or None
        shell:
            "labelpolicy {params.command:q} {params.arguments:q} {params.given:q} {params.written:q}"
            " {params.settings:q} 2> {log:q}"
