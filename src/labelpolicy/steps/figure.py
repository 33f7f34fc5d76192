"""Draw one figure as PDF and PNG; a command for every module in report/figures."""

import importlib
import pkgutil

from labelpolicy.report import figures

COMMANDS = {
    name.replace("_", "-"): getattr(importlib.import_module(f"{figures.__name__}.{name}"), name)
    for _, name, _ in pkgutil.iter_modules(figures.__path__)
}
