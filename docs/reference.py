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
    if isinstance(node, ast.ClassDef):
        methods = [each for each in node.body if isinstance(each, ast.FunctionDef)]
        (init,) = [each for each in methods if each.name == "__init__"] or [None]
        fields = [ast.unparse(each) for each in node.body if isinstance(each, ast.AnnAssign)]
        if init or not fields:
            yield _code(f"class {name}", init)
        else:
            yield f"```python\nclass {name}:\n" + textwrap.indent("\n".join(fields), "    ") + "\n```"
        yield _text(node)
        for method in methods:
            if not method.name.startswith("_") and ast.get_docstring(method):
                yield f"### {name}.{method.name}"
                yield _code(f"{method.name}", method)
                yield _text(method)
    else:
        yield _code(name, node)
        yield _text(node)


def _source(thing: Any) -> ast.ClassDef | ast.FunctionDef:
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(thing))).body
    assert isinstance(node, ast.ClassDef | ast.FunctionDef)
    return node


def _code(name: str, node: ast.FunctionDef | None) -> str:
    """The signature on one line, or an argument a line where that is too long."""
    if node is None:
        return f"```python\n{name}\n```"
    node.args.args = [each for each in node.args.args if each.arg not in ("self", "cls")]
    result = f" -> {ast.unparse(node.returns)}" if node.returns and node.name != "__init__" else ""
    line = f"{name}({ast.unparse(node.args)}){result}"
    if len(line) > 88:
        arguments = ast.unparse(node.args)
        inside = re.split(r", (?![^\[(]*[\])])", arguments)
        line = f"{name}(\n" + "".join(f"    {each},\n" for each in inside) + f"){result}"
    return f"```python\n{line}\n```"


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
