"""The reference of commands and of Python, made from the code.

python docs/reference.py      writes docs/commands.md and docs/python.md; a test keeps them as the code is
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.cli import get_docs_for_click

import labelpolicy
from labelpolicy import cli

DOCS = Path(__file__).parent
#: In the order in which a reader meets them.
FACE = (
    "ThresholdPolicy",
    "PolicyClassifier",
    "MultilabelStratifiedGroupKFold",
    "load",
    "evaluate",
    "per_label",
    "bootstrap_interval",
    "paired_bootstrap",
    "fit_thresholds",
    "decision_from_json",
    "Decision",
    "ThresholdParameters",
    "Utility",
    "LabelPolicyError",
)


def commands() -> str:
    """Every command with its arguments and options, as typer describes them."""
    group = typer.main.get_command(cli.app)
    context = typer.Context(group, info_name="labelpolicy")
    text = get_docs_for_click(obj=group, ctx=context, name="labelpolicy", title="Commands")
    for name in group.list_commands(context):  # typer cuts what a command does to 45 characters
        what = re.escape(group.get_command(context, name).get_short_help_str())
        whole = cli._summary(name.replace("-", "_"))
        text = re.sub(rf"^\* `{name}`: {what}$", f"* [`{name}`](#labelpolicy-{name}): {whole}.", text, flags=re.M)
    return text.replace("# Commands", "# Commands\n\n" + GENERATED, 1).rstrip() + "\n"


GENERATED = "Generated from the code by `python docs/reference.py`."


def python() -> str:
    """What `import labelpolicy` offers: signatures as written, docstrings, examples."""
    parts = ["# Python", GENERATED, "Everything here is `from labelpolicy import NAME`."]
    for name in FACE:
        parts += _entry(name, getattr(labelpolicy, name))
    return "\n\n".join(parts) + "\n"


def _entry(name: str, thing: Any) -> Iterator[str]:
    yield f"## {name}"
    node = _source(thing)
    if isinstance(node, ast.FunctionDef):
        yield _code(name, _arguments(node), node.returns)
        yield _text(node)
        return
    methods = [each for each in node.body if isinstance(each, ast.FunctionDef)]
    init = next((each for each in methods if each.name == "__init__"), None)
    yield _code(f"class {name}", _arguments(init) if init else _fields(node))
    yield _text(node)
    for method in methods:
        if not method.name.startswith("_") and ast.get_docstring(method):
            yield f"### {name}.{method.name}"
            is_property = "property" in map(ast.unparse, method.decorator_list)
            yield _code(method.name, None if is_property else _arguments(method), method.returns)
            yield _text(method)


def _arguments(node: ast.FunctionDef) -> list[str]:
    """Of a function, but for self: each with its annotation and default."""
    given = node.args
    positional = [each for each in given.args if each.arg not in ("self", "cls")]
    defaults = [None] * (len(positional) - len(given.defaults)) + given.defaults
    found = [_argument(each.arg, each.annotation, default) for each, default in zip(positional, defaults, strict=True)]
    named = zip(given.kwonlyargs, given.kw_defaults, strict=True)
    found += ["*"] * bool(given.kwonlyargs) + [_argument(each.arg, each.annotation, value) for each, value in named]
    return found + ([f"**{given.kwarg.arg}"] if given.kwarg else [])


def _fields(node: ast.ClassDef) -> list[str]:
    """Of a data class or a pydantic model, as arguments of its constructor."""
    found = []
    for each in node.body:
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            default = each.value
            if isinstance(default, ast.Call) and ast.unparse(default.func) == "field":
                words = {word.arg: word.value for word in default.keywords}
                default = words.get("default")
                found += ["*"] * ("kw_only" in words and "*" not in found)
            found.append(_argument(each.target.id, each.annotation, default))
    return found


def _argument(name: str, annotation: ast.expr | None, default: ast.expr | None) -> str:
    typed = f"{name}: {ast.unparse(annotation)}" if annotation else name
    return f"{typed} = {ast.unparse(default)}" if default else typed


def _source(thing: Any) -> ast.ClassDef | ast.FunctionDef:
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(thing))).body
    assert isinstance(node, ast.ClassDef | ast.FunctionDef)
    return node


def _code(name: str, arguments: list[str] | None, returns: ast.expr | None = None) -> str:
    """The signature on one line, or an argument a line where that is too long; of a property no arguments."""
    result = ast.unparse(returns).strip("'") if returns else ""
    if arguments is None:
        return f"```python\n{name}: {result}\n```"
    result = f" -> {result}" if result else ""
    line = f"{name}({', '.join(arguments)}){result}"
    if len(line) > 88:
        line = f"{name}(\n" + "".join(f"    {each},\n" for each in arguments) + f"){result}"
    quoted = line.replace("'", '"')
    return f"```python\n{quoted}\n```"


def _text(node: ast.ClassDef | ast.FunctionDef) -> str:
    """The docstring; its examples as code."""
    text = ast.get_docstring(node) or ""
    blocks = re.split(r"\n\n+", re.sub(r"``(.+?)``", r"`\1`", text))
    return "\n\n".join(
        f"```pycon\n{re.sub(' +# doctest:.*', '', each)}\n```" if each.startswith(">>> ") else each for each in blocks
    )


if __name__ == "__main__":
    for made, content in (("commands.md", commands()), ("python.md", python())):
        (DOCS / made).write_text(content, encoding="utf-8")
        print(DOCS / made, file=sys.stderr)
