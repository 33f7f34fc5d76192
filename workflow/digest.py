"""A digest of the code a step runs, so that an edit to a module reruns the steps that use it and no others.

Snakemake sees changed inputs and parameters but not changed imports; the workflow gives every rule this digest as
a parameter.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from importlib.util import find_spec, resolve_name
from pathlib import Path

PACKAGE = "labelpolicy"
ROOT = Path(find_spec(PACKAGE).origin).parent


def code_digest(*modules: str) -> str:
    """Twelve hexadecimal digits over the sources of these modules and all of the package they import.

    Modules are named relative to the package (``steps.train``). Modules loaded by name at run time, a
    classifier or a reader, are to be given beside the step's own.
    """
    digest = hashlib.sha256()
    for module in sorted(closure(*modules)):
        for file in _files(module):
            digest.update(f"{module}/{file.name}\0".encode() + file.read_bytes() + b"\0")
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


def _source(module: str) -> Path | None:
    base = ROOT.joinpath(*module.split(".")[1:])
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def _files(module: str) -> list[Path]:
    """The source, and the data files beside it that are named after it (reuters.py, reuters21578_split.json)."""
    source = _source(module)
    if source is None:
        raise ModuleNotFoundError(f"{module}: no such module in {ROOT}")
    data = [] if source.stem == "__init__" else source.parent.glob(f"{source.stem}*.json")
    return [source, *sorted(data)]


@cache
def _imports(module: str) -> tuple[str, ...]:
    source = _files(module)[0]
    package = module if source.stem == "__init__" else module.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package) if node.level else node.module
            found.add(base)
            found.update(f"{base}.{alias.name}" for alias in node.names)
    # "from labelpolicy.files import write_json" names a module and a function: keep what is a module
    return tuple(sorted(name for name in found if name.split(".")[0] == PACKAGE and _source(name) is not None))
