"""A digest of the code a step runs, so that an edit reruns what it can change and nothing else.

Snakemake sees changed inputs and parameters but not changed imports; the workflow gives every rule this digest as a
parameter. It is taken over syntax trees: comments, blank lines, docstrings and what only help pages show count as
nothing. The data files beside a module count byte for byte.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any

PACKAGE = "labelpolicy"
ROOT = Path(find_spec(PACKAGE).origin).parent
#: Makes the command of every step, so it is part of every digest. Its own imports are not followed: the libraries of a
#: step are the step's imports, and the sections of the parameters lie in the modules that use them.
COMMAND_LINE = f"{PACKAGE}.cli"
#: Keywords that only help pages and documentation show, of the calls that take them.
HELP = {name: {"help", "metavar"} for name in ("Typer", "Option", "Argument")} | {"Field": {"description"}}


def code_digest(*modules: str) -> str:
    """Twelve hexadecimal digits over these modules and all of the package that they import.

    Modules are named relative to the package (``steps.train``). Modules loaded by name at run time, a classifier or a
    reader, are to be given beside the step's own.
    """
    digest = hashlib.sha256()
    for module in sorted({COMMAND_LINE, *closure(*modules)}):
        digest.update(f"{module}\0".encode() + _content(module))
    return digest.hexdigest()[:12]


def closure(*modules: str) -> set[str]:
    """Every module of the package that these import, directly or not, themselves included."""
    found: set[str] = set()
    waiting = [f"{PACKAGE}.{module}" for module in modules]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting.extend(_imports(module))
    return found


@cache
def _imports(module: str) -> frozenset[str]:
    """Modules of the package that a module imports, anywhere in it; of ``from package import module``, the latter."""
    package = module if _source(module).stem == "__init__" else module.rpartition(".")[0]
    found = set()
    for node in _statements(_tree(module).body):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package) if node.level else node.module or ""
            inner = [f"{base}.{alias.name}" for alias in node.names]
            found.update(name if _is_ours(name) else base for name in inner)
    return frozenset(filter(_is_ours, found))


def _statements(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The statements that count, and those inside them."""
    for node in nodes:
        if not _is_idle(node):
            yield node
            for block in ("body", "orelse", "handlers", "finalbody", "cases"):
                yield from _statements(getattr(node, block, ()))


@cache
def _content(module: str) -> bytes:
    """A digest of what one module is: its tree, and the data files beside it."""
    digest = hashlib.sha256(_canonical(_tree(module).body).encode())
    for file in _data_files(module):
        digest.update(f"\0{file.name}\0".encode() + file.read_bytes())
    return digest.digest()


def _canonical(node: Any) -> str:
    """A tree as text, the same under every version of Python: without fields that are empty, which versions add."""
    if isinstance(node, list):
        return f"[{','.join([_canonical(each) for each in node if not _is_idle(each)])}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, ast.Call):
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        node.keywords = [keyword for keyword in node.keywords if keyword.arg not in HELP.get(name, ())]
    fields = [(name, getattr(node, name, None)) for name in node._fields]
    shown = [f"{name}={_canonical(value)}" for name, value in fields if value is not None and value != []]
    return f"{type(node).__name__}({','.join(shown)})"


def _is_idle(node: Any) -> bool:
    """Whether a statement does nothing at run time: a docstring, or what only type checkers read."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(_source(module).read_text(encoding="utf-8"))


def _data_files(module: str) -> list[Path]:
    """Files beside a module that are named after it (reuters.py, reuters21578_split.json)."""
    source = _source(module)
    if source.stem == "__init__":
        return []
    return sorted(file for ending in ("json", "tsv") for file in source.parent.glob(f"{source.stem}*.{ending}"))


def _is_ours(module: str) -> bool:
    return module.split(".")[0] == PACKAGE and any(file.is_file() for file in _candidates(module))


def _source(module: str) -> Path:
    for file in _candidates(module):
        if file.is_file():
            return file
    raise ModuleNotFoundError(f"{module}: no such module in {ROOT}")


def _candidates(module: str) -> tuple[Path, Path]:
    base = ROOT.joinpath(*module.split(".")[1:])
    return base.with_suffix(".py"), base / "__init__.py"
