"""What the report says of a prepared data set: its counts, and where it differs from the paper's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from labelpolicy.data.registry import task
from labelpolicy.data.registry import title as dataset_title
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_json


@dataclass(frozen=True)
class Facts:
    """The part of dataset.json that the report shows.

    ``depth`` is 1 for a flat label set; ``remarks`` are sentences on what else a reader of the results must know,
    ``premises`` those of what the results silently depend on (:mod:`labelpolicy.data.premises`).
    """

    name: str
    documents: dict[str, int]
    labels: int
    depth: int
    labels_per_document: float
    remarks: list[str]
    premises: list[str]

    @property
    def title(self) -> str:
        return dataset_title(self.name)

    @property
    def training(self) -> int:
        """Training documents before validation documents were held out: the paper's number."""
        return self.documents["train"] + self.documents["valid"]

    @property
    def units(self) -> str:
        """What is labelled."""
        return "mentions" if task(self.name) == "typing" else "documents"

    def split_sentence(self) -> str:
        return (
            f"{self.title}, {self.labels:,} labels: {self.training:,} training {self.units}, of which "
            f"{self.documents['valid']:,} are held out for validation, and {self.documents['test']:,} test "
            f"{self.units}."
        )


def facts_of(folders: Sequence[Path]) -> list[Facts]:
    """The facts of all of them. Raises LabelPolicyError where there is none."""
    if not folders:
        raise LabelPolicyError("no data set given: name at least one prepared folder")
    return [read_facts(folder) for folder in folders]


def read_facts(folder: str | Path) -> Facts:
    """Read the dataset.json of a prepared data set. Raises LabelPolicyError for a fact that is not there."""
    path = Path(folder) / "dataset.json"
    content = read_json(path)
    try:
        documents = {split: int(content["documents"][split]) for split in ("train", "valid", "test")}
        counts = int(content["labels"]), int(content["depth"]), float(content["labels_per_document"]["all"])
        if not isinstance(content["name"], str):
            raise TypeError(content["name"])
        premises = [f"{each['meaning']}; {each['advice']}." for each in content.get("premises", []) if each["notable"]]
        return Facts(content["name"], documents, *counts, list(_remarks(content)), premises)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise LabelPolicyError(
            f"{path}: {error!r} where the counts should be; expected the file of `labelpolicy prepare`: run it again"
        ) from None


def _remarks(content: dict) -> Iterator[str]:
    if content.get("variant"):
        yield f"A variant: {content['variant']}."
    if "test" in content.get("held_out", []):
        yield "No labelled test documents were given: the test documents are held out of the training ones."
    for difference in content.get("differences", []):
        yield f"Differs from the paper: {difference}."
    if without_text := content.get("without_text", {}).get("count", 0):
        yield f"{without_text:,} documents have no text."
    for file, found in content.get("counted", {}).items():
        if isinstance(found, dict) and found.get("bad"):
            share = f"{found['bad']:,} of {found['read']:,} lines and mentions"
            yield f"{file}: {share} are bad and left out (dataset.json has the places)."
    if untrained := content.get("labels_without_training_document", []):
        yield f"{len(untrained)} labels have no training document left: {', '.join(untrained[:5])}."
    vectors, coverage = content.get("vectors"), content.get("coverage")
    if vectors and coverage:
        yield (
            f"Word vectors: {vectors['source']}, {vectors['width']} wide; they know {coverage['tokens']:.1%} of the "
            "training tokens."
        )
