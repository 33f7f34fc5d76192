"""GoEmotions (Demszky et al. 2020): Reddit comments with 27 emotions and neutral, in the published split.

``train.tsv``, ``dev.tsv`` and ``test.tsv``: text, indices of its emotions with commas between them and the comment's
id, separated by tabs. The names of the emotions in their order and their hierarchy, emotion -> Ekman group ->
sentiment, lie beside this module (goemotions_labels.json). The groups are nodes of the hierarchy, not labels: the 28
labels are its leaves. Neutral belongs to no group.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from labelpolicy.data.corpus import Corpus, Dataset, Document, Rereadable, distinct
from labelpolicy.data.readers.archive import beside, numbered_lines
from labelpolicy.errors import LabelPolicyError

FILES = {"train": "train.tsv", "valid": "dev.tsv", "test": "test.tsv"}


def read(raw: Path) -> Corpus:
    """Read the folder; faults are found while documents are read: LabelPolicyError with file and line."""
    facts = beside("goemotions_labels.json")
    labels: list[str] = facts["labels"]
    parents = {emotion: f"ekman:{group}" for emotion, group in facts["ekman"].items()}
    parents |= {f"ekman:{group}": f"sentiment:{sentiment}" for group, sentiment in facts["sentiment"].items()}
    seen: dict[str, dict[str, int]] = {}  # by file: lines by id

    def read_split(path: Path) -> Iterator[Document]:
        return distinct(path, _documents(path, labels), seen)

    splits = {split: Rereadable(partial(read_split, Path(raw) / file)) for split, file in FILES.items()}
    return Corpus(labels, splits, parents)


def _documents(path: Path, labels: list[str]) -> Iterator[tuple[int, Document]]:
    names = {str(index): index for index in range(len(labels))}
    for number, line in numbered_lines(path):
        try:
            text, carried, name = line.decode("utf-8").rstrip("\r\n").split("\t")
            emotions = tuple(labels[index] for index in sorted({names[emotion] for emotion in carried.split(",")}))
        except (ValueError, KeyError):
            found = line.decode("utf-8", "replace").strip()
            raise LabelPolicyError(
                f"{path}, line {number}: found {found!r:.60}, expected text, indices 0 to {len(labels) - 1} with "
                "commas between them and an id, separated by tabs, in UTF-8: fetch the file again"
            ) from None
        yield number, Document(name, emotions, text)


DATASETS = (Dataset("goemotions", read, "GoEmotions"),)
