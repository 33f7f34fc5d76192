"""FIGER (Ling and Weld 2012) as Ren et al. (2016) publish it: train.json (distant supervision), test.json (by hand)."""

from __future__ import annotations

from pathlib import Path

from labelpolicy.data.corpus import Corpus
from labelpolicy.data.readers import ren2016

# Table 1.
PUBLISHED = {"labels": 128, "depth": 2, "training": 2_690_286, "testing": 563}


def read(raw: Path) -> Corpus:
    return ren2016.published_split(Path(raw), "figer", PUBLISHED)
