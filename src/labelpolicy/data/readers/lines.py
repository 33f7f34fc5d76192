"""Reading text files line by line, packed with gzip or not."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from labelpolicy.errors import LabelPolicyError
from labelpolicy.parsing import require


def numbered_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Number (from 1) and bytes of every line; a name that ends in .gz is unpacked on the way.

    Raises LabelPolicyError for a missing file, and with the line for one that is cut short or broken.
    """
    number = 0
    try:
        with _opened(require(path)) as stream:
            for number, line in enumerate(stream, start=1):
                yield number, line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise LabelPolicyError(
            f"{path}, after line {number}: cut short or not gzip ({error}), expected a whole file: fetch it again"
        ) from None


def _opened(path: Path) -> BinaryIO:
    # A GzipFile reads each line in Python; a buffer over it reads them in C.
    return cast("BinaryIO", io.BufferedReader(gzip.open(path), 1 << 20)) if path.suffix == ".gz" else path.open("rb")
