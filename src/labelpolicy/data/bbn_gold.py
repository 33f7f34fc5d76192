"""A re-split of BBN's test file, all of it annotated by hand: divided anew by document."""

from __future__ import annotations

from pathlib import Path

from labelpolicy.data import ren2016
from labelpolicy.data.bbn import rename
from labelpolicy.data.corpus import Corpus


def read(raw: Path) -> Corpus:
    return ren2016.re_split(Path(raw), "bbn", ["test.json"], rename)
