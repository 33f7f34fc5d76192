"""BBN (Weischedel and Brunstein 2005) as Ren et al. (2016) publish it: train.json and test.json."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from labelpolicy.data.corpus import Corpus
from labelpolicy.data.readers import ren2016

# Table 1.
PUBLISHED = {"labels": 47, "depth": 2, "training": 86_078, "testing": 13_187}


def rename(label: str) -> Iterable[str]:
    """The files write /FAC where the inventory has /FACILITY.

    >>> rename("/FAC/AIRPORT"), rename("/FACILITY")
    (('/FACILITY/AIRPORT',), ('/FACILITY',))
    """
    top, slash, rest = label.removeprefix("/").partition("/")
    return (f"/FACILITY{slash}{rest}" if top == "FAC" else label,)


def read(raw: Path) -> Corpus:
    return ren2016.published_split(Path(raw), "bbn", PUBLISHED, rename)
