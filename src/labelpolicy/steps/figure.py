"""Draw one figure as PDF, PNG and SVG; a command for every module in report/figures."""

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from labelpolicy.options import Output, Pdf, Png
from labelpolicy.report import figures

FILES = {"pdf": Pdf, "png": Png, "svg": Annotated[Path | None, Output("SVG to write.")]}


def command_of(draw: Callable[..., None]) -> Callable[..., None]:
    """The function of a figure, with an option for each of the files that it takes by kind."""
    signature, keyword = inspect.signature(draw, eval_str=True), inspect.Parameter.KEYWORD_ONLY
    files = [inspect.Parameter(kind, keyword, annotation=of) for kind, of in FILES.items()]
    files[-1] = files[-1].replace(default=None)
    own = [each.replace(kind=keyword) for each in signature.parameters.values() if each.name != "output"]
    command: Any = functools.wraps(draw)(lambda **arguments: draw(**arguments))
    command.__signature__ = signature.replace(parameters=own + files)
    return command


COMMANDS = {
    name.replace("_", "-"): command_of(getattr(importlib.import_module(f"{figures.__name__}.{name}"), name))
    for _, name, _ in pkgutil.iter_modules(figures.__path__)
}
