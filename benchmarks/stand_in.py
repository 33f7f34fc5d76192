"""A stand-in for the full RCV1-V2, for measuring time and memory: its real topics, with generated text.

Document numbers and topics are those of the qrels. A document's length is that of a random document of the sample, its
tokens are drawn as often as they occur there, and some come from a long tail of invented words, so that the
vocabulary grows as that of real text does. The text says nothing of the topics: no result may come from it.

    python benchmarks/stand_in.py --qrels rcv1-v2.topics.qrels.gz --sample rcv1_dev.json.gz --output FOLDER
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from labelpolicy.data.readers.rcv1 import LAST_OF_LYRL_TRAIN, PARTS, QRELS, read_hierarchy, read_qrels, sample
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import whole_folder, write_json
from labelpolicy.randomness import generator

SEED = 0
TAIL = 0.02  # share of tokens that are invented
INVENTED = 250_000  # of them there are so many, with frequencies that fall as their rank
LINE = 12  # tokens


def stand_in(
    qrels: Annotated[Path, typer.Option(help="rcv1-v2.topics.qrels or .gz: the real topics.")],
    sample: Annotated[Path, typer.Option(help="rcv1_dev.json.gz: lengths and words are drawn from it.")],
    output: Annotated[Path, typer.Option(help="Folder for the generated raw files, as data/raw/rcv1_standin.")],
    documents: Annotated[int | None, typer.Option(min=1, help="So many documents; all if not given.")] = None,
) -> None:
    """Generate text for the real topics of RCV1-V2, to measure time and memory at full size; never for results."""
    with whole_folder(output) as folder:
        generate(qrels, sample, folder, documents)
        write_json(folder / "source.json", {"kind": "synthetic", "documents": documents or "all"})


def generate(qrels: Path, of: Path, folder: Path, documents: int | None = None) -> None:
    """Write the five token files of LYRL2004 and the qrels of their documents into ``folder``.

    ``of`` is the sample, JSON lines of tokens. With ``documents``, so many of the qrels' are taken, evenly spread.
    Raises LabelPolicyError for bad files and for more documents than there are.
    """
    labels = sorted(read_hierarchy(folder))
    topics = read_qrels(qrels, labels)
    numbers = topics.documents
    if documents is not None:
        if not 1 <= documents <= len(numbers):
            raise LabelPolicyError(f"{documents} documents asked for, expected 1 to {len(numbers)}, as {qrels} has")
        numbers = numbers[np.linspace(0, len(numbers) - 1, documents).round().astype(np.int64)]
    text = Text(of, labels)
    test = numbers <= LAST_OF_LYRL_TRAIN
    parts = dict(zip(PARTS["test"] + PARTS["train"], [numbers[test], *np.array_split(numbers[~test], 4)], strict=True))
    with (folder / QRELS).open("w", encoding="latin-1") as assigned:
        for name, chosen in parts.items():
            with (folder / f"lyrl2004_tokens_{name}.dat").open("w", encoding="latin-1") as tokens:
                for number in chosen.tolist():
                    tokens.write(f".I {number}\n.W\n{text.draw()}\n\n")
                    assigned.writelines(f"{topic} {number} 1\n" for topic in topics.of(number))


class Text:
    """Draws the text of one document after the other."""

    def __init__(self, of: Path, labels: list[str]):
        tokens = [document.words() for document in sample(of, frozenset(labels))]
        self.lengths = np.array([len(each) for each in tokens])
        invented = np.array([f"invented{rank}" for rank in range(INVENTED)], dtype=object)
        self.words = np.concatenate([np.array([word for each in tokens for word in each], dtype=object), invented])
        frequency = 1 / np.arange(1, INVENTED + 1)
        self.tail = np.cumsum(frequency / frequency.sum())
        self.random = generator(SEED, "rcv1 stand-in")

    def draw(self) -> str:
        count = int(self.random.choice(self.lengths))
        drawn = self.random.integers(len(self.words) - INVENTED, size=count)
        tail = self.random.random(count) < TAIL
        rank = self.tail.searchsorted(self.random.random(int(tail.sum())))
        drawn[tail] = len(self.words) - INVENTED + np.minimum(rank, INVENTED - 1)
        words = self.words[drawn].tolist()
        return "\n".join(" ".join(words[start : start + LINE]) for start in range(0, count, LINE))


if __name__ == "__main__":
    typer.run(stand_in)
