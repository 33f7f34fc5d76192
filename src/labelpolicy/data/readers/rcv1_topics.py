"""The topics of RCV1-V2 (Lewis et al. 2004): their hierarchy, and which documents have which."""

import re
from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labelpolicy.data.prepared import Ragged
from labelpolicy.data.readers.archive import beside, numbered_lines
from labelpolicy.errors import LabelPolicyError

LARGEST = 9_999_999  # a document number above it is a mistake
QRELS, TAXONOMY, HIERARCHY = "rcv1-v2.topics.qrels", "rcv1.taxonomy", "rcv1.topics.hier.orig"
_EDGE = re.compile(r"parent:\s*(\S+)\s+child:\s*(\S+)")


def read_hierarchy(raw: Path) -> dict[str, str]:
    """Parent by topic, "" for the four at the top: 103 topics, from the raw folder or the copy beside this module.

    Raises LabelPolicyError naming file and line.
    """
    path = next((raw / name for name in (TAXONOMY, HIERARCHY) if (raw / name).is_file()), None)
    if path is None:
        return beside("rcv1_topics.json")
    parents: dict[str, str] = {}
    for number, line in numbered_lines(path):
        where, text = f"{path}, line {number}", line.decode("latin-1")
        edge = _EDGE.search(text)
        if path.name == HIERARCHY and not edge and text.strip():
            raise LabelPolicyError(f"{where}: found {shown(line)}, expected 'parent: A child: B': fetch the file again")
        fields = edge.groups() if edge else text.split()
        for child in (field for field in fields[1:] if field != "Root"):
            if child in parents:
                raise LabelPolicyError(f"{where}: topic {child!r} has a parent already, expected one: take one out")
            parents[child] = "" if fields[0] == "Root" else fields[0]
    for topic, parent in parents.items():
        if parent and parent not in parents:
            raise LabelPolicyError(f"{path}: topic {parent!r}, the parent of {topic!r}, hangs nowhere: add its line")
    return parents


@dataclass(frozen=True)
class Topics:
    """The topics of every document, by document number."""

    labels: list[str]
    documents: np.ndarray  # int64, ascending: the numbers that have topics
    topics: Ragged  # row n: topics of the document with number n, indices into labels

    def of(self, number: int) -> tuple[str, ...]:
        """The topics of a document, none if it has none."""
        if number >= len(self.topics):
            return ()
        return tuple([self.labels[topic] for topic in self.topics[number].tolist()])

    def unused(self) -> list[str]:
        """Topics that no document has."""
        counts = np.bincount(self.topics.values, minlength=len(self.labels))
        return [label for label, count in zip(self.labels, counts.tolist(), strict=True) if count == 0]


def read_qrels(path: Path, labels: list[str]) -> Topics:
    """The topic assignments, lines of ``E11 2286 1``; a line twice counts once.

    Raises LabelPolicyError with file and line for a line of another form and a topic that is not in ``labels``.
    """
    row = {label.encode(): index for index, label in enumerate(labels)}
    pairs = array("q")
    number, line = 0, b""
    try:
        for number, line in numbered_lines(path):
            topic, document, _ = line.split()
            if not 0 <= int(document) <= LARGEST:
                fault = f"expected a document number up to {LARGEST}: correct the line"
                raise LabelPolicyError(f"{path}, line {number}: {fault}")
            pairs.append(int(document) * len(labels) + row[topic])
    except ValueError:
        raise LabelPolicyError(
            f"{path}, line {number}: found {shown(line)}, expected three fields, topic, document number and 1, as in "
            "'E11 2286 1': correct the line or fetch the file again"
        ) from None
    except KeyError:
        what = f"topic {shown(topic)} is not in the hierarchy: add it to {TAXONOMY}, or take the line out"
        raise LabelPolicyError(f"{path}, line {number}: {what}") from None
    if not pairs:
        raise LabelPolicyError(f"{path}: empty, expected lines as 'E11 2286 1': fetch the file again")
    numbers, found = np.divmod(np.unique(np.frombuffer(pairs, np.int64)), len(labels))
    carried = np.bincount(numbers)
    topics = Ragged(found.astype(np.int32), np.append(0, carried).cumsum())
    return Topics(labels, np.flatnonzero(carried), topics)


def shown(content: bytes) -> str:
    """The beginning of a line for a message."""
    return repr(content.decode("latin-1").strip())[:60]
