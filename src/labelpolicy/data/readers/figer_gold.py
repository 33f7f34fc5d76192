"""A gold version of FIGER: its 563 test mentions, trained on 1k-WFB-g (Abhishek et al. 2019), annotated by hand.

1k-WFB-g has 117 types, many of them under another name than FIGER's 128 (``/animal`` for ``/livingthing/animal``).
``figer_gold_types.json`` says which is which, by what the types mean; a mention takes the type and its parent. Types
without a counterpart are left out and counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path

from labelpolicy.data.corpus import Corpus
from labelpolicy.data.readers import ren2016

TRAIN, TEST = "1k-WFB-g_complete.json", "figer_gold.json"


@cache
def counterparts() -> dict[str, tuple[str, ...]]:
    """FIGER's type and its parent by the type of 1k-WFB-g; empty where there is none."""
    parents = ren2016.inventory("figer")
    types = json.loads(files("labelpolicy.data.readers").joinpath("figer_gold_types.json").read_text(encoding="utf-8"))
    return {found: tuple(label for label in (parents.get(label), label) if label) for found, label in types.items()}


def rename(label: str) -> Iterable[str]:
    return counterparts().get(label, (label,))


def read(raw: Path) -> Corpus:
    raw = Path(raw)
    counted: dict = {}
    splits = {
        "train": ren2016.Mentions([ren2016.Sentences(raw / TRAIN, "figer", rename)], counted),
        "test": ren2016.Mentions([ren2016.Sentences(raw / TEST, "figer")], counted),
    }
    variant = (
        "a re-split, not the published figer: trained on the manually annotated mentions of 1k-WFB-g, tested on "
        "FIGER's test mentions"
    )
    return ren2016.corpus_of("figer", splits, variant=variant, counted=counted)
