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

#: A module, or one definition of it; the name "" is all that the module does besides defining and importing.
Part = tuple[str, str | None]


def code_digest(*modules: str) -> str:
    """Twelve hexadecimal digits over these modules and all of the package that they import.

    Modules are named relative to the package, ``steps.train``, or, where one function of a module is run,
    ``steps.figure:trace``: then what other functions use does not count. Modules that are loaded by name at run time,
    a classifier or a reader, are to be given beside the step's own.
    """
    digest = hashlib.sha256()
    for module, name in sorted({(COMMAND_LINE, None), *closure(*modules)}, key=str):
        digest.update(f"{module}:{name}\0{_text(module, name)}\0".encode())
        for file in _data_files(module) if name in (None, "") else ():
            digest.update(f"{file.name}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def closure(*modules: str) -> set[Part]:
    """Every part of the package that these use, directly or not, themselves included."""
    found: set[Part] = set()
    waiting: list[Part] = []
    for named in modules:
        module, _, name = f"{PACKAGE}.{named}".partition(":")
        waiting.append((module, name or None))
    while waiting:
        part = waiting.pop()
        if part not in found:
            found.add(part)
            waiting.extend(_uses(*part))
    return found


@cache
def _uses(module: str, name: str | None) -> frozenset[Part]:
    """What a part of the package refers to in the package."""
    imported = _imported(module)
    if name is None:
        return frozenset((other, None) for other, _ in imported.values())
    definitions = _definitions(module)
    found: set[Part] = {(module, "")}
    for used in _names(definitions.get(name, [])):
        first, _, rest = used.partition(".")
        if first in definitions:
            found.add((module, first))
        elif first in imported:
            other, attribute = imported[first]
            attribute = attribute or rest or None
            # What is not defined there, an attribute of a package or a name passed on, brings the whole module.
            found.add((other, attribute if attribute in _definitions(other) else None))
    return frozenset(found)


@cache
def _imported(module: str) -> dict[str, Part]:
    """By local name, the module of the package that an import anywhere brings, and the name in it, if one."""
    package = module if _source(module).stem == "__init__" else module.rpartition(".")[0]
    found: dict[str, Part] = {}
    for node in _statements(_tree(module).body):
        if isinstance(node, ast.Import):
            found |= {alias.asname or alias.name: (alias.name, None) for alias in node.names if _is_ours(alias.name)}
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package) if node.level else node.module or ""
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                if _is_ours(inner):
                    found[alias.asname or alias.name] = (inner, None)
                elif _is_ours(base):
                    found[alias.asname or alias.name] = (base, alias.name)
    return found


def _statements(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The statements that count, and those inside them."""
    for node in nodes:
        if not _is_idle(node):
            yield node
            for block in ("body", "orelse", "handlers", "finalbody", "cases"):
                yield from _statements(getattr(node, block, ()))


def _names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Names that are read: ``name`` or, of an attribute, ``name.attribute``."""
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Name):
            yield node.id
        else:
            yield from _names(ast.iter_child_nodes(node))


@cache
def _definitions(module: str) -> dict[str, list[ast.stmt]]:
    """The statements of a module by the name that they define; by "" those that define none."""
    found: dict[str, list[ast.stmt]] = {"": []}
    for statement in _tree(module).body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.setdefault(statement.name, []).append(statement)
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for name in {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}:
                found.setdefault(name, []).append(statement)
        elif not isinstance(statement, (ast.Import, ast.ImportFrom)):
            found[""].append(statement)
    return found


@cache
def _text(module: str, name: str | None) -> str:
    return _canonical(_tree(module).body if name is None else _definitions(module).get(name, []))


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
