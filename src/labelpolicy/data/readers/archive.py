"""What readers share: members of a .tar.gz and lines of a .gz, never unpacked to disk; facts beside the readers."""

import gzip
import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, cast

from labelpolicy.errors import LabelPolicyError
from labelpolicy.parsing import require


def beside(name: str) -> Any:
    """The content of a JSON file that lies beside the readers."""
    return json.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))


def members(path: str | Path, pattern: str) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of every member whose path matches ``pattern`` (shell wildcards), in archive order.

    A pattern without a slash is matched against the last part of the name, so that archives packed with and
    without a leading folder read alike. The whole stream is read, so that its checksum is verified.

    Raises LabelPolicyError for an archive that is truncated or broken, and for a member (wanted or not) that would lie
    outside the archive, or is neither a plain file nor a folder.
    """
    path = require(path)
    try:
        with gzip.open(path) as stream:
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                for member in archive:
                    _refuse_unsafe(path, member)
                    name = PurePosixPath(member.name)
                    if fnmatchcase(str(name) if "/" in pattern else name.name, pattern):
                        content = archive.extractfile(member)
                        if content is not None:  # a folder has none
                            yield str(name), content.read()
            while stream.read(1 << 20):  # the rest of the stream: gzip checks length and CRC at its very end
                pass
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        fault = f"truncated or not a .tar.gz archive ({error})"
        raise LabelPolicyError(f"{path}: {fault}: delete it and fetch it again") from None


def content_sha256(path: str | Path, pattern: str) -> str:
    """SHA-256 over the bytes of the matching members, joined in name order: the same however they were packed."""
    return hashlib.sha256(b"".join(content for _, content in sorted(members(path, pattern)))).hexdigest()


def _refuse_unsafe(path: Path, member: tarfile.TarInfo) -> None:
    name, fault = PurePosixPath(member.name), None
    if name.is_absolute() or ".." in name.parts:
        fault = "points outside the archive"
    elif not (member.isfile() or member.isdir()):
        fault = "is a link or a device, expected plain files and folders"
    if fault:
        what = f"member {member.name!r} {fault}: do not use this archive, fetch the corpus again"
        raise LabelPolicyError(f"{path}: {what}")


def numbered_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Number (from 1) and bytes of every line; a name that ends in .gz is unpacked on the way.

    Raises LabelPolicyError for a missing file, and with the line for one that is cut short or broken.
    """
    number = 0
    try:
        with gzip.open(path) if require(path).suffix == ".gz" else path.open("rb") as stream:
            # A GzipFile reads each line in Python; a buffer over it reads them in C.
            for number, line in enumerate(io.BufferedReader(cast("io.RawIOBase", stream), 1 << 20), start=1):
                yield number, line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        fault = f"cut short or not gzip ({error}), expected a whole file"
        raise LabelPolicyError(f"{path}, after line {number}: {fault}: fetch it again") from None
