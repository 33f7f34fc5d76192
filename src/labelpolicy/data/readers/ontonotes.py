"""OntoNotes (Gillick et al. 2014) as Ren et al. (2016) publish it: train.json and test.json.

The published inventory holds ``/location/geograpy`` and ``/location/geograpy/island`` beside the correctly spelt types;
both are kept, since Table 1 counts 89.
"""

from __future__ import annotations

from pathlib import Path

from labelpolicy.data.corpus import Corpus
from labelpolicy.data.readers import ren2016

# Table 1.
PUBLISHED = {"labels": 89, "depth": 3, "training": 220_398, "testing": 9_603}


def read(raw: Path) -> Corpus:
    return ren2016.published_split(Path(raw), "ontonotes", PUBLISHED)
