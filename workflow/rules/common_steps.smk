# What a step is. The files of each topic list theirs in STEPS, and steps.smk makes a rule of every one.
from collections.abc import Callable
from typing import NamedTuple


class Step(NamedTuple):
    """A command `labelpolicy STEP`. Inputs and outputs are named as the options that take them; inputs called "files"
    stand alone on the command line, "data" and "read" are not on it."""

    message: str  # with wildcards
    inputs: dict
    outputs: dict
    arguments: list | Callable = []  # what stands first
    settings: list | Callable = []  # what stands last
    command: str = ""  # where it is not called as the rule
    code: str | Callable = ""  # the digest, where it is not that of the command's module alone
    log: str = ""  # where it is not called as the rule
    function: Callable | None = None  # of the wildcards: more inputs, by name
    constraints: dict = {}  # of wildcards
    threads: int = 1
    resources: dict = {}  # besides memory and time, as asked() takes them
    group: str = "results"
    written: bool = True  # whether outputs are options


STEPS = {}


def given(wildcards, input):
    """The files of the inputs, each after its option."""
    return [
        word
        for name in input.keys()
        if name not in ("read", "data")
        for word in (listed(input[name]) if name == "files" else each(name, listed(input[name])))
    ]


def written(wildcards, output):
    return [word for name in output.keys() for word in each(name, [output[name]])]
