"""What results silently depend on in a data set: looked at when it is prepared, and said where it matters.

Each check makes of arrays a :class:`Finding`, or None where there is nothing to say. docs/data.md has the table of all.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from labelpolicy.data.labels import Spelled
from labelpolicy.data.prepared import SPLITS, Ragged

#: A label with fewer documents is rare. A finding matters from these shares on: of documents; of test and validation
#: documents with a text that occurs in training too; of unknown words in the test split; of words without a vector.
FEW, SHARE, TEST_SHARE, VALID_SHARE, UNKNOWN_SHARE, WITHOUT_VECTOR = 5, 0.01, 0.02, 0.05, 0.2, 0.5
#: Drift: a share in the test split is this many times that in the validation split, or the inverse, and a two-sided
#: test of the two is significant at this level, corrected for the number of tests (Bonferroni).
FACTOR, LEVEL = 1.5, 0.001
EXAMPLES, TOLD = 5, 3  # examples kept, and told in a sentence


@dataclass(frozen=True)
class Finding:
    """``count`` of ``of`` things, the first of them as ``examples``; what that means, and what to do.

    One that is not ``notable`` is too small to matter and stands in dataset.json alone.
    """

    key: str
    count: int
    of: int
    examples: list[str]
    meaning: str
    advice: str
    notable: bool = True

    def facts(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.meaning}; {self.advice}"


class Seen(NamedTuple):
    """What is looked at of one split: an entry a document."""

    ids: Sequence[str]
    labels: Ragged
    open: np.ndarray  # whether it came with a label without its parent
    text: np.ndarray  # a number of its tokens, uint64: the same for the same tokens, 0 without any
    lengths: np.ndarray  # tokens
    unknown: np.ndarray  # those that the vocabulary has not
    groups: int | None = None  # that the documents come in
    span: tuple[int, int] | None = None  # smallest and largest id, where all are numbers


def findings(
    spelling: Spelled,
    parents: np.ndarray,
    splits: Mapping[str, Seen],
    *,
    closes: bool = False,
    vectors: str = "random",
    coverage: float = 1.0,
) -> list[Finding]:
    """Everything found. ``parents`` as of :func:`labelpolicy.data.labels.parents_of`; with ``closes`` labels without
    their parent have been given it; ``vectors`` know a share of ``coverage`` of the training tokens.
    """
    labels = spelling.corpus.labels
    learned = np.concatenate([splits[name].labels.values for name in ("train", "valid")])
    found = (
        *_spelling(spelling),
        unlabelled(splits),
        rare_labels(labels, np.bincount(learned, minlength=len(labels))),
        unknown_words(splits["test"]),
        word_vectors(vectors, coverage, int(splits["train"].lengths.sum())),
        shared_texts(splits),
        hierarchy(labels, parents, splits, closes),
        drift(labels, splits["valid"], splits["test"]),
    )
    return [each for each in found if each is not None]


def _spelling(spelling: Spelled) -> Iterator[Finding]:
    every = [f"{other!r} as {name!r}" for name, others in spelling.merged.items() for other in others]
    groups = [" and ".join(map(repr, group)) for group in spelling.alike]
    labels, alike = len(spelling.corpus.labels), sum(map(len, spelling.alike))
    if every:
        meaning = f"spellings of labels that were read as others: {len(every):,} ({_told(every, '; ')})"
        advice = "correct them where they come from"
        yield Finding("merged_labels", len(every), labels + len(every), every[:EXAMPLES], meaning, advice)
    if groups:
        meaning = f"{alike:,} labels differ only in case, blanks or forms of the same letters ({_told(groups, '; ')})"
        advice = "set data.merge_labels if they mean the same"
        yield Finding("alike_labels", alike, labels, groups[:EXAMPLES], meaning, advice)


def unlabelled(splits: Mapping[str, Seen]) -> Finding | None:
    """Documents without a label, to which +one in the name of a row gives a label all the same."""
    count, of, examples = _counted(splits, {name: seen.labels.lengths == 0 for name, seen in splits.items()})
    meaning = f"{_share(count, of)} documents carry no label, and rows with +one give a label to each of them"
    advice = "prefer the rule auto, which finds out whether +one gains more than that costs"
    return Finding("unlabelled", count, of, examples, meaning, advice, count >= SHARE * of) if count else None


def rare_labels(labels: Sequence[str], counts: np.ndarray) -> Finding | None:
    """Labels of few documents among ``counts`` (labels,), those of training and validation."""
    rare = [int(label) for label in np.argsort(counts, kind="stable") if counts[label] < FEW]
    names = [labels[label] for label in rare]
    never = f", {none:,} of them none: they are never predicted" if (none := np.count_nonzero(counts == 0)) else ""
    meaning = (
        f"{len(rare):,} of {len(labels):,} labels have fewer than {FEW} training documents ({_told(names)}){never}"
    )
    advice = "no threshold can be fitted for one alone: prefer rules of few numbers (auto, shared)"
    return Finding("rare_labels", len(rare), len(labels), names[:EXAMPLES], meaning, advice) if rare else None


def unknown_words(test: Seen) -> Finding | None:
    """Test tokens that training has not shown often enough."""
    count, of = int(test.unknown.sum()), int(test.lengths.sum())
    meaning = f"{_share(count, of)} running words of the test documents are unknown: too rare in the training documents"
    advice = "give more documents, set data.min_count to 1, or see whether test documents are of another kind"
    return Finding("unknown_words", count, of, [], meaning, advice, count >= UNKNOWN_SHARE * of) if count else None


def word_vectors(source: str, coverage: float, tokens: int) -> Finding | None:
    """Vectors of another language than that of the documents."""
    meaning = f"the word vectors {source} know {coverage:.1%} of the running words: they may be of another language"
    advice = "for kim_cnn and attentive_lstm give vectors of yours (data.vectors); linear models need none"
    if source == "random" or coverage >= 1 - WITHOUT_VECTOR or not tokens:
        return None
    return Finding("word_vectors", round((1 - coverage) * tokens), tokens, [], meaning, advice)


def shared_texts(splits: Mapping[str, Seen]) -> Finding | None:
    """Test documents with the text of a training or validation document, validation ones with a training one's."""
    train, valid, test = (splits[name] for name in SPLITS)
    known = np.isin(test.text, np.concatenate([train.text, valid.text])) & (test.text != 0)
    count, of, examples = _counted({"test": test}, {"test": known})
    inside = int(np.count_nonzero(np.isin(valid.text, train.text) & (valid.text != 0)))
    meaning = (
        f"{_share(count, of)} test documents and {_share(inside, len(valid.text))} validation documents have the same "
        f"words as a training document ({_told(examples)}), so that measures are higher than on new texts"
    )
    advice = "take them out, or give equal texts one group"
    notable = count >= TEST_SHARE * of or inside >= VALID_SHARE * len(valid.text)
    return Finding("shared_texts", count, of, examples, meaning, advice, notable) if count or inside else None


def hierarchy(labels: Sequence[str], parents: np.ndarray, splits: Mapping[str, Seen], closes: bool) -> Finding | None:
    """Documents with a label without its parent, or a hierarchy that says nothing of the documents."""
    children, above = parents >= 0, np.unique(parents[parents >= 0])
    if not len(above):
        return None
    carried = np.zeros(len(labels), dtype=bool)
    for seen in splits.values():
        carried[seen.labels.values] = True
    count, of, examples = _counted(splits, {name: seen.open for name, seen in splits.items()})
    meaning = f"{_share(count, of)} documents came with a label without its parent ({_told(examples)})"
    advice = "set data.close_labels to add the parents, if a label implies them"
    if not carried[children].any():
        meaning = f"no document carries one of the {np.count_nonzero(children):,} labels that have a parent"
        return Finding("unused_hierarchy", of, of, [], meaning, "the hierarchy says nothing of them: correct either")
    if not carried[above].any():
        meaning = f"no document carries one of the {len(above):,} parent labels, so that none is ever predicted"
        return Finding("unused_hierarchy", count, of, examples, meaning, advice)
    if closes:
        return Finding("without_parent", count, of, examples, meaning, "data.close_labels added it") if count else None
    return Finding("without_parent", count, of, examples, meaning, advice, count >= SHARE * of) if count else None


def drift(labels: Sequence[str], valid: Seen, test: Seen) -> Finding | None:
    """Labels, and unknown words, whose share in the test split is clearly another than in the validation split."""
    both = valid, test
    level = NormalDist().inv_cdf(1 - LEVEL / 2 / (len(labels) + 1))
    spread = np.sqrt(sum(1 / (seen.groups or len(seen.ids)) for seen in both))

    def differ(shares: np.ndarray, deviation: np.ndarray | float) -> np.ndarray:
        apart = np.abs(shares[0] - shares[1]) > level * deviation * spread
        return apart & (shares.max(axis=0) >= FACTOR * shares.min(axis=0))

    counts = np.array([np.bincount(seen.labels.values, minlength=len(labels)) for seen in both])
    sizes = np.array([[len(seen.ids)] for seen in both])
    shares, pooled = counts / sizes, counts.sum(axis=0) / sizes.sum()
    changed = np.flatnonzero(differ(shares, np.sqrt(pooled * (1 - pooled))))
    changed = changed[np.argsort(-np.abs(shares[0] - shares[1])[changed], kind="stable")]
    told = [f"{labels[j]!r} {shares[0, j]:.1%} and {shares[1, j]:.1%}" for j in changed[:EXAMPLES]]
    unknown = [(seen.unknown / seen.lengths.clip(1))[seen.lengths > 0] for seen in both]
    strange = np.array([each.mean() if len(each) else 0.0 for each in unknown])
    parts = [f"of {len(changed):,} labels ({_told(told, '; ')})"] * bool(len(changed))
    if differ(strange, np.concatenate(unknown).std() if any(map(len, unknown)) else 0.0):
        parts.append(f"of unknown words ({strange[0]:.1%} and {strange[1]:.1%})")
    if not parts:
        return None
    advice = "thresholds fitted on validation documents may not suit them, nor new ones"
    if valid.span and test.span and not valid.span[0] <= test.span[0] <= valid.span[1]:
        advice = "their ids lie apart, perhaps in time: set crossfit.by to ids, and take rows with +oof"
    meaning = f"validation and test documents differ in the shares {' and '.join(parts)}"
    return Finding("drift", len(changed), len(labels), told, meaning, advice)


def _counted(splits: Mapping[str, Seen], marked: Mapping[str, np.ndarray]) -> tuple[int, int, list[str]]:
    """How many documents are marked, of how many, and the ids of the first."""
    examples = [
        splits[name].ids[row] for name, each in marked.items() for row in np.flatnonzero(each)[:EXAMPLES].tolist()
    ]
    return sum(int(each.sum()) for each in marked.values()), sum(map(len, marked.values())), examples[:EXAMPLES]


def _share(count: int, of: int) -> str:
    return f"{count:,} of {of:,} ({count / max(of, 1):.1%})"


def _told(examples: Sequence[str], separator: str = ", ") -> str:
    return separator.join([*examples[:TOLD], *["..."] * (len(examples) > TOLD)])
