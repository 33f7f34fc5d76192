"""Reading text files line by line, packed with gzip or not."""

from __future__ import annotations

import contextlib
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import require

BROKEN = (EOFError, zlib.error, gzip.BadGzipFile)


def numbered_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Number (from 1) and bytes of every line; a name that ends in .gz is unpacked on the way.

    Raises LabelPolicyError for a missing file, and with the line for one that is cut short or broken.
    """
    try:
        with _opened(require(path)) as stream:
            yield from enumerate(stream, start=1)
    except BROKEN as error:
        raise LabelPolicyError(
            f"{path}, after line {_readable(path)}: cut short or not gzip ({error}), expected a whole file: fetch it "
            "again"
        ) from None


def _readable(path: Path) -> int:
    """How many lines of a broken file can be read."""
    count = 0
    with contextlib.suppress(*BROKEN), _opened(path) as stream:
        for _ in stream:
            count += 1
    return count


def _opened(path: Path) -> BinaryIO:
    # A GzipFile reads each line in Python; a buffer over it reads them in C.
    return io.BufferedReader(gzip.open(path), 1 << 20) if path.suffix == ".gz" else path.open("rb")
