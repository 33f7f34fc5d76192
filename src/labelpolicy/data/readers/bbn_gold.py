"""A re-split of BBN's test file, all of it annotated by hand: divided anew by document."""

from __future__ import annotations

from pathlib import Path

from labelpolicy.data.corpus import Corpus
from labelpolicy.data.readers import ren2016
from labelpolicy.data.readers.bbn import rename


def read(raw: Path) -> Corpus:
    return ren2016.re_split(Path(raw), "bbn", ["test.json"], rename)
