"""A synthetic corpus with a known structure, for tests and trials; no number of the paper comes from it.

Labels form a hierarchy and have frequencies that fall as a power of their rank. A document draws one label by
frequency; the label brings its partner along with a fixed chance, and every label implies its ancestors. Each token
is noise (any token, uniformly) or one of the few tokens that tell of one of the document's labels.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from labelpolicy.data.corpus import Document
from labelpolicy.data.parameters import Synthetic
from labelpolicy.errors import LabelPolicyError
from labelpolicy.randomness import generator


def hierarchy(labels: int, depth: int) -> list[int | None]:
    """The parent of each label, None for a root. Levels grow by about two; a parent comes before its children.

    Raises LabelPolicyError if there are fewer labels than levels.
    """
    if labels < depth:
        raise LabelPolicyError(f"synthetic: {labels} labels cannot fill {depth} levels: lower depth or raise labels")
    sizes = [1] * depth
    for _ in range(labels - depth):  # one more for the level that falls shortest of doubling
        sizes[min(range(depth), key=lambda level: sizes[level] / 2**level)] += 1
    parents: list[int | None] = [None] * sizes[0]
    for above, size in pairwise(sizes):
        first = len(parents) - above
        parents += [first + child % above for child in range(size)]
    return parents


def generate(parameters: Synthetic) -> tuple[list[str], dict[str, str], dict[str, list[Document]]]:
    """Labels, parent by label, and the documents of train and test.

    Every label is drawn for a training document. Raises LabelPolicyError if there are fewer of them than labels.
    """
    count = parameters.labels
    if parameters.documents < count:
        fault = f"{parameters.documents} documents for {count} labels, expected one for each at least"
        raise LabelPolicyError(f"synthetic: {fault}: raise documents")
    parents = hierarchy(count, parameters.depth)
    above: list[set[int]] = []  # a parent comes before its children
    for parent in parents:
        above.append(set() if parent is None else {parent} | above[parent])
    random = generator(parameters.seed, "synthetic corpus")
    digits = len(str(count - 1))
    names = [f"synthetic{label:0{digits}d}" for label in range(count)]
    frequency = (1.0 + random.permutation(count)) ** -parameters.exponent
    frequency /= frequency.sum()
    partner = random.permutation(count)
    # Half of the vocabulary tells of labels, in equal parts (which overlap only if there are too few tokens).
    each = max(1, parameters.vocabulary // (2 * count))
    shuffled = random.permutation(parameters.vocabulary)
    telling = shuffled[(np.arange(count * each) % parameters.vocabulary)].reshape(count, each)

    def documents(split: str, first: np.ndarray) -> Iterator[Document]:
        for number, label in enumerate(first.tolist()):
            drawn = {label, int(partner[label])} if random.random() < parameters.dependence else {label}
            carried = sorted(drawn.union(*(above[label] for label in drawn)))
            length = max(1, int(random.poisson(parameters.tokens)))
            noise = random.random(length) < parameters.noise
            told = telling[random.choice(carried, length), random.integers(each, size=length)]
            tokens = np.where(noise, random.integers(parameters.vocabulary, size=length), told)
            yield Document(
                id=f"synthetic-{split}-{number}",
                labels=tuple(names[label] for label in carried),
                tokens=tuple(f"w{token:04d}" for token in tokens.tolist()),
            )

    train = np.concatenate([np.arange(count), random.choice(count, parameters.documents - count, p=frequency)])
    test = random.choice(count, parameters.test_documents, p=frequency)
    first = {"train": random.permutation(train), "test": test}
    splits = {split: list(documents(split, labels)) for split, labels in first.items()}
    return names, {names[child]: names[parent] for child, parent in enumerate(parents) if parent is not None}, splits
