"""Text that people write, or could have: UTF-8, JSON and YAML, read more strictly than their parsers do."""

import json
import math
from pathlib import Path
from typing import Any

from labelpolicy.errors import LabelPolicyError


def require(path: str | Path) -> Path:
    """The path, if a file is there."""
    path = Path(path)
    if not path.is_file():
        found = "a folder, expected a file" if path.is_dir() else "no such file"
        raise LabelPolicyError(f"{path}: {found}: run the step that writes it, or correct the path")
    return path


def read_text(path: str | Path) -> str:
    """The text of a UTF-8 file, with or without a byte order mark."""
    try:
        return require(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        where = f"{error.reason} at byte {error.start}"
        raise LabelPolicyError(f"{path}: not UTF-8 text ({where}): save it as UTF-8") from None


def read_tsv(path: str | Path, columns: tuple[str, ...]) -> list[tuple[int, tuple[str, ...]]]:
    """Rows of a tab-separated file with exactly these columns, each with its line number.

    Raises LabelPolicyError for another header, no row, a row of another width, or an empty field.
    """
    lines = read_text(path).splitlines()
    header = tuple(lines[0].split("\t")) if lines else ()
    expected = f"expected {len(columns)} separated by tabs ({', '.join(columns)})"
    if header != columns:
        raise LabelPolicyError(f"{path}, line 1: found the columns {', '.join(header) or '(none)'}; {expected}")
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        fields = tuple(field.strip() for field in line.split("\t"))
        if len(fields) != len(columns):
            raise LabelPolicyError(f"{path}, line {number}: {len(fields)} columns, {expected}")
        if "" in fields:
            raise LabelPolicyError(f"{path}, line {number}: column {columns[fields.index('')]!r} is empty")
        rows.append((number, fields))
    if not rows:
        raise LabelPolicyError(f"{path}: no row below the header: give at least one")
    return rows


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text, in UTF-8.

    Raises ValueError, also for what Python's parser lets pass or fails on: a key given twice, a number that is not
    finite, half a surrogate pair, which no file can hold, and values nested too deep.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_number, parse_float=_number)
        if "\\ud" in text.lower():
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except RecursionError:
        raise ValueError("nested too deep") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} is given twice")
    return found


def _number(text: str) -> float:
    if not math.isfinite(float(text)):
        raise ValueError(f"{text} is not a finite number")
    return float(text)


def parse_yaml(text: str) -> Any:
    """The value of a YAML text.

    Raises ValueError, in one line, for what is not YAML, and for a key given twice.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        """Refuses a key given twice, where PyYAML takes the last."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            seen: set[str] = set()
            for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
                if key.value in seen:
                    raise ValueError(f"line {key.start_mark.line + 1}: the key {key.value!r} is given a second time")
                seen.add(key.value)
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(text, Loader)
    except RecursionError:
        raise ValueError("nested too deep") from None
    except Exception as error:  # its constructors fail on a bad !!int or date with whatever they met
        raise ValueError(" ".join(str(error).replace('in "<unicode string>", ', "").split())) from None
