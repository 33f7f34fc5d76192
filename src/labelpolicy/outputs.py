"""Before a command starts: can its outputs be written, and would one of them destroy what it needs?"""

import os
from collections.abc import Iterator, Mapping
from inspect import Signature
from pathlib import Path
from typing import Any

from labelpolicy.errors import LabelPolicyError
from labelpolicy.options import PREPARED, Output


def check_outputs(signature: Signature, arguments: Mapping[str, Any]) -> list[str]:
    """The arguments that ``signature`` marks as written, looked at against all other paths among them.

    Raises LabelPolicyError for an output that is another output, an input, or inside a prepared data set; and for one
    that cannot be written: a folder in the place of a file or the other way round, or where nothing can be made.
    """
    inputs: dict[str, str] = {}
    prepared: list[str] = []
    outputs: list[tuple[str, Path, bool]] = []
    for name, value in arguments.items():
        annotation = signature.parameters[name].annotation if name in signature.parameters else None
        marks = getattr(annotation, "__metadata__", ())
        mark = next((each for each in marks if isinstance(each, Output)), None)
        for path in _paths(value):
            if path == Path("-"):  # standard input or output
                continue
            if mark is not None:
                outputs.append((f"--{name.replace('_', '-')} {path}", path, mark.folder))
                continue
            inputs[os.path.realpath(path)] = str(path)
            if PREPARED in marks:
                prepared.append(os.path.realpath(path))
    written: dict[str, str] = {}
    for what, path, is_folder in outputs:
        real = os.path.realpath(path)
        if real in written:
            raise LabelPolicyError(f"{what}: the same path as {written[real]}: give each output its own")
        written[real] = what
        if real in inputs:
            raise LabelPolicyError(f"{what}: would overwrite an input, {inputs[real]}: give another path")
        for folder in prepared:
            if Path(real).is_relative_to(folder):
                fault = f"inside the prepared data set {inputs[folder]}: give a path outside of it"
                raise LabelPolicyError(f"{what}: {fault}")
        check_place(what, path, is_folder)
    return [str(path) for _, path, _ in outputs]


def _paths(value: Any) -> Iterator[Path]:
    """The paths in an argument, also behind the = of NAME=PATH."""
    for each in value if isinstance(value, (list, tuple)) else [value]:
        if isinstance(each, Path):
            yield each
        elif isinstance(each, str) and "=" in each:
            yield Path(each.partition("=")[2])


def check_place(what: str, path: Path, folder: bool) -> None:
    """Raise LabelPolicyError where no file, or no folder to write files in, can be made."""
    if os.path.lexists(path) and not path.exists():
        raise LabelPolicyError(f"{what}: a link that leads nowhere: remove it, or give another path")
    if path.exists() and path.is_dir() != folder:
        kind = "folder" if path.is_dir() else "file"
        raise LabelPolicyError(f"{what}: a {kind} is there, expected a {'folder' if folder else 'file'}")
    place = path.absolute() if folder else path.absolute().parent
    above = next(each for each in (place, *place.parents) if os.path.lexists(each))
    if not above.is_dir():
        raise LabelPolicyError(f"{what}: {above} is not a folder: give another path")
    if not os.access(above, os.W_OK):
        raise LabelPolicyError(f"{what}: nothing can be written in {above}: give another path, or allow it")
