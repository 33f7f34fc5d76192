"""A re-split of the manually annotated OntoNotes mentions (Gillick et al. 2014), divided anew by document."""

from __future__ import annotations

from pathlib import Path

from labelpolicy.data.corpus import Corpus
from labelpolicy.data.readers import ren2016


def read(raw: Path) -> Corpus:
    return ren2016.re_split(Path(raw), "ontonotes", ["dev.json", "test.json"])
