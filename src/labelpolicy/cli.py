"""The command line: every module in ``labelpolicy.steps`` is a command, made from its function's own signature.

The function has the module's name, ``steps/decide.py`` has ``decide``; its docstring is the command's help, its
annotations (:mod:`labelpolicy.options`) say what typer has to know. A module with several commands lists them in
``COMMANDS``, by name. An argument that comes from params.yaml is annotated with ``FromStudy``; in its place the command
has ``--params`` and ``--set``. Nothing else declares an argument, and a step is imported only when it is asked for.
"""

import ast
import functools
import importlib
import inspect
import pkgutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from labelpolicy import __version__, steps
from labelpolicy.errors import one_line
from labelpolicy.options import OF_CLASSIFIER, AssignmentsOption, FromStudy, ParamsOption, TunedOption
from labelpolicy.outputs import check_outputs

HELP = "Learned label weights and decision thresholds for multi-label classification."
STYLE: dict[str, Any] = {"add_completion": False, "pretty_exceptions_enable": False, "rich_markup_mode": None}


class Steps(TyperGroup):
    """The commands by name; the module of a command is imported when the command is looked up."""

    def list_commands(self, context: Any) -> list[str]:
        return [module.replace("_", "-") for _, module, _ in pkgutil.iter_modules(steps.__path__)]

    def get_command(self, context: Any, name: str) -> Any:
        if name not in self.list_commands(context):
            return None
        module_name = name.replace("-", "_")
        module = importlib.import_module(f"labelpolicy.steps.{module_name}")
        app = typer.Typer(name=name, help=_first_paragraph(module.__doc__), no_args_is_help=True, **STYLE)
        several = getattr(module, "COMMANDS", None)
        for command, step in (several or {name: getattr(module, module_name)}).items():
            app.command(command, help=_first_paragraph(step.__doc__))(command_of(step))
        return typer.main.get_group(app) if several else typer.main.get_command(app)

    def format_commands(self, context: Any, formatter: Any) -> None:
        """The list of ``--help``, from the sources: importing every step, and the libraries of each, takes seconds."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _summary(name.replace("-", "_"))) for name in self.list_commands(context)])


def _summary(module: str) -> str:
    """The first sentence of a step's docstring; of its module, where that has several commands."""
    tree = ast.parse(Path(steps.__path__[0], f"{module}.py").read_text(encoding="utf-8"))
    step = next((node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == module), tree)
    return _first_paragraph(ast.get_docstring(step)).replace("\n", " ").partition(". ")[0].removesuffix(".")


def command_of(step: Callable[..., None]) -> Callable[..., None]:
    """The step as a function that typer can read: what comes from the parameters is replaced by two options."""
    signature = inspect.signature(step, eval_str=True)
    from_study = {
        name: mark
        for name, parameter in signature.parameters.items()
        for mark in getattr(parameter.annotation, "__metadata__", ())
        if isinstance(mark, FromStudy)
    }
    takes_tuned = OF_CLASSIFIER in from_study.values()

    @functools.wraps(step)
    def run(**arguments: Any) -> None:
        written = check_outputs(signature, arguments)
        if from_study:
            from labelpolicy.parameters import read_study

            study = read_study(arguments.pop("params"), arguments.pop("assignments"))
            arguments |= {name: mark.take(study, arguments) for name, mark in from_study.items()}
        if takes_tuned:
            del arguments["tuned"]
        step(**arguments)
        if written:
            print(f"{step.__name__.replace('_', '-')}: wrote {', '.join(written)}", file=sys.stderr)

    keyword = inspect.Parameter.KEYWORD_ONLY
    shown = [each.replace(kind=keyword) for name, each in signature.parameters.items() if name not in from_study]
    if from_study:
        shown += [
            inspect.Parameter("params", keyword, default=None, annotation=ParamsOption),
            inspect.Parameter("assignments", keyword, default=None, annotation=AssignmentsOption),
        ]
    if takes_tuned:
        shown.append(inspect.Parameter("tuned", keyword, default=None, annotation=TunedOption))
    command: Any = run
    command.__signature__ = signature.replace(parameters=shown)
    command.__annotations__ = {each.name: each.annotation for each in shown}
    return command


def _first_paragraph(text: str | None) -> str:
    return inspect.cleandoc(text or "").partition("\n\n")[0]


app = typer.Typer(cls=Steps, name="labelpolicy", help=HELP, no_args_is_help=True, **STYLE)


@app.callback(invoke_without_command=True)
def root(version: bool = typer.Option(False, "--version", help="Print the version and stop.")) -> None:
    if version:
        print(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line; what a user can cause ends in one line on stderr and status 1, a warning is one line."""
    warnings.formatwarning = lambda message, *_, **__: f"warning: {' '.join(str(message).split())}\n"
    try:
        app()
    except Exception as error:
        message = one_line(error)
        if message is None:
            raise
        print(f"error: {message}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
