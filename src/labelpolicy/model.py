"""A trained model as a folder: it scores and labels new documents, and needs nothing else of the study.

``config.json``
    format, classifier and its parameters, what the documents are ("text", "tokens" or "mention"), the number of the
    rule that cuts a text into tokens (:mod:`labelpolicy.data.tokens`), labels and their parents, what it was trained
    on, and the SHA-256 of the three files that follow. Of a model of the library transformers all of that is its entry
    "labelpolicy": the rest, and a tokenizer's files, are what that library reads.
``model.safetensors``, ``vocabulary.json``
    the classifier's arrays; the tokens, in the order of their numbers.
``thresholds.json``
    decisions by name (:mod:`labelpolicy.thresholds.decision`), and which is taken where none is asked for.
``README.md``
    the model card: data, measures, limits. Not read, and free to be edited.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from labelpolicy.checks import expect
from labelpolicy.classifiers import registry
from labelpolicy.classifiers.registry import Classifier
from labelpolicy.config import Parameters, check
from labelpolicy.data.corpus import Document
from labelpolicy.data.objects import document_of
from labelpolicy.data.prepared import UNKNOWN, Given, Prepared, Ragged, Split
from labelpolicy.data.tokens import RULE, tokenise
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_json, read_tensors, sha256_of, whole_folder, write_json, write_tensors, write_text
from labelpolicy.hierarchy import ancestor_closure
from labelpolicy.parsing import parse_json
from labelpolicy.thresholds import Decision, Proportion, from_json

FORMAT = 2  # 1 did not say which rule cuts texts into tokens: the first
CONFIG = "config.json"
HASHED = TENSORS, VOCABULARY, THRESHOLDS = "model.safetensors", "vocabulary.json", "thresholds.json"
CHUNK = 4096  # documents scored at a time
#: What the documents of a model may be, and what that asks of new ones.
DOCUMENTS = {
    "text": "a text",
    "tokens": "a list of tokens: the training documents came cut into tokens, and how is not known",
    "mention": "a list of tokens and a mention [start, end]: the model labels mentions in their sentences",
}


class Thresholds(NamedTuple):
    """One way to decide; with ``ancestor_closure`` all ancestors of a predicted label are predicted too."""

    decision: Decision
    ancestor_closure: bool = False


@dataclass
class Model:
    """A fitted classifier with all it needs to label new documents; ``thresholds`` by name, the default first."""

    name: str
    parameters: Any
    classifier: Classifier
    labels: list[str]
    parents: list[str | None]
    vocabulary: list[str]
    documents: str
    thresholds: dict[str, Thresholds]
    trained: dict[str, Any]
    tokenizer: int = RULE

    def predict(self, documents: Iterable[Any], thresholds: str | None = None) -> list[list[str]]:
        """The labels of each document.

        A document is a text, or a mapping with ``text`` or ``tokens`` (and ``mention``) as in JSON lines. Raises
        LabelPolicyError for one of another form than the training documents, and for unknown thresholds.
        """
        self.named(thresholds)
        chunks = chunked(self.checked(documents))
        decided = (self.decide(self.score(chunk), thresholds, texts_of(chunk)) for chunk in chunks)
        return [self.names(row) for y_pred in decided for row in y_pred]

    def predict_proba(self, documents: Iterable[Any]) -> np.ndarray:
        """Scores in [0, 1], float32 (documents, labels), in the order of ``labels``."""
        found = [self.score(chunk) for chunk in chunked(self.checked(documents))]
        return np.concatenate([np.zeros((0, len(self.labels)), dtype=np.float32), *found])

    def decide(self, y_score: np.ndarray, thresholds: str | None = None, texts: Iterable[str] = ()) -> np.ndarray:
        """Decisions for scores (documents, labels): bool of that shape. ``texts`` are read where they are needed."""
        decision, closed = self.named(thresholds)
        y_pred = decision.decide(y_score, list(texts) if decision.needs_texts else None)
        return ancestor_closure(y_pred, self.labels, self.parents) if closed else y_pred

    def names(self, row: np.ndarray) -> list[str]:
        return [self.labels[j] for j in np.flatnonzero(row)]

    def named(self, thresholds: str | None) -> Thresholds:
        """The thresholds of that name; the default ones for None."""
        name = thresholds or next(iter(self.thresholds))
        if name not in self.thresholds:
            raise LabelPolicyError(f"thresholds {name!r}: the model has {', '.join(self.thresholds)}: name one of them")
        return self.thresholds[name]

    def checked(self, documents: Iterable[Any]) -> Iterator[Document]:
        """Each as a Document. Raises LabelPolicyError as :meth:`predict` says."""
        if isinstance(documents, (str, Mapping)):
            raise LabelPolicyError("documents: found one document, expected a list of them")
        for number, document in enumerate(documents, start=1):
            entry = {"text": document} if isinstance(document, str) else document
            yield self.document(f"document {number}", entry, str(number))

    def document(self, where: str, entry: Any, name: str) -> Document:
        """A new document from an object as JSON has it; ``name`` is its id where it has none."""
        document = document_of(where, entry, name, labelled=False)
        form = "text" if document.tokens is None else "tokens" if document.mention is None else "mention"
        if form != self.documents and (form, self.documents) != ("tokens", "text"):
            raise LabelPolicyError(f"{where}: found a document as {form}, expected {DOCUMENTS[self.documents]}")
        return document

    def score(self, documents: Sequence[Document]) -> np.ndarray:
        """Scores float32 (documents, labels) of documents that were looked at."""
        return self.classifier.predict_proba(self.encode(documents))

    def encode(self, documents: Sequence[Document]) -> Split:
        """What the classifier reads of them."""
        get = self._row.get
        tokens = Ragged.from_rows([[get(word, UNKNOWN) for word in each.words(self.tokenizer)] for each in documents])
        by_mention = self.documents == "mention"
        mentions = np.array([each.mention for each in documents], dtype=np.int32) if by_mention else None
        none = np.zeros((len(documents), len(self.labels)), dtype=bool)
        whole = [each.parsed() for each in documents]
        texts = Given([each.text for each in whole], [each.text_mention for each in whole])
        return Split([each.id for each in documents], tokens, none, mentions, text=texts)

    @cached_property
    def _row(self) -> dict[str, int]:
        """The number of each word; <pad> and <unk> are none."""
        return {word: row for row, word in enumerate(self.vocabulary) if row > UNKNOWN}

    def save(self, folder: str | Path, card: str = "") -> None:
        """Write the folder, whole or not at all.

        Raises LabelPolicyError for thresholds that need all documents at once (pcut).
        """
        refuse_shares([name for name, each in self.thresholds.items() if isinstance(each.decision, Proportion)])
        sections = self.parameters if isinstance(self.parameters, registry.Chained) else [self.parameters]
        sets = {
            name: each.decision.to_json(self.labels) | ({"ancestor_closure": True} if each.ancestor_closure else {})
            for name, each in self.thresholds.items()
        }
        with whole_folder(folder) as made:
            state = self.classifier.state()
            write_tensors(made / TENSORS, state)
            beside = {name: value.tobytes() for name, value in registry.below(state, registry.FILES).items()}
            library = parse_json(beside.pop(CONFIG).decode()) if CONFIG in beside else {}
            for name, content in beside.items():
                (made / name).write_bytes(content)
            write_json(made / VOCABULARY, self.vocabulary)
            write_json(made / THRESHOLDS, {"default": next(iter(sets)), "sets": sets})
            config = {
                "format": FORMAT,
                "classifier": self.name,
                "parameters": [section.model_dump() for section in sections],
                "documents": self.documents,
                "tokenizer": self.tokenizer,
                "labels": self.labels,
                "parents": self.parents,
                "trained": self.trained,
                "sha256": {name: sha256_of(made / name) for name in HASHED},
            }
            write_json(made / CONFIG, library | {"labelpolicy": config} if library else config)
            write_text(made / "README.md", card)


def load(folder: str | Path, *, device: str = "cpu", threads: int | None = None) -> Model:
    """A model that ``Model.save`` or `labelpolicy train --model` wrote; ``threads`` None leaves PyTorch's as they are.

    Raises LabelPolicyError, naming the file, for one that is missing, changed, or of a newer version.

    >>> load("model").predict(["Wheat exports rose"])  # doctest: +SKIP
    [['grain', 'wheat']]
    """
    expect(isinstance(folder, (str, Path)), "load: folder", folder, "the path of a model")
    folder = Path(folder)
    config = _config(folder)
    for name in HASHED:
        found, expected = sha256_of(folder / name), config.sha256.get(name, "")
        if found != expected:
            raise LabelPolicyError(
                f"{folder / name}: changed since the model was saved "
                f"(SHA-256 {found[:12]}, config.json says {expected[:12]}): take the whole folder anew"
            )
    thresholds = read_thresholds(folder / THRESHOLDS, config.labels)
    entry = registry.load(config.classifier)
    if len(entry.kinds) != len(config.parameters):
        raise LabelPolicyError(f"{folder}/config.json: parameters are not those of {config.classifier}: take it anew")
    sections = [check(*each, f"{folder}/config.json") for each in zip(entry.kinds, config.parameters, strict=True)]
    parameters = registry.Chained(*sections) if len(sections) > 1 else sections[0]
    entry = registry.load(config.classifier, parameters)
    classifier = restored(entry, parameters, folder / TENSORS)
    if hasattr(classifier, "to") and (device != "cpu" or threads):
        import torch

        from labelpolicy.training import prepare_torch

        torch.set_num_threads(threads or torch.get_num_threads())
        if device == "cuda" or (device == "auto" and torch.cuda.is_available()):  # on a CPU that takes seconds
            classifier.to(prepare_torch(device, torch.get_num_threads()))
    rest = {name: getattr(config, name) for name in ("labels", "parents", "documents", "trained", "tokenizer")}
    vocabulary = read_json(folder / VOCABULARY)
    return Model(config.classifier, parameters, classifier, vocabulary=vocabulary, thresholds=thresholds, **rest)


def restored(entry: registry.Entry, parameters: Any, path: Path) -> Classifier:
    """The fitted classifier that a file holds. Raises LabelPolicyError for one of another kind or size."""
    state = read_tensors(path)
    try:
        return entry.restore(parameters, state)
    except (ValueError, TypeError, KeyError, IndexError, RuntimeError) as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise LabelPolicyError(f"{path}: not the classifier of these parameters ({what:.200}): save it anew") from None


class Config(Parameters):
    """config.json."""

    format: Literal[1, 2]
    classifier: str
    parameters: list[dict[str, Any]]
    documents: Literal["text", "tokens", "mention"]
    labels: list[str]
    parents: list[str | None]
    trained: dict[str, Any]
    sha256: dict[str, str]
    tokenizer: Annotated[int, Field(ge=1, le=RULE)] = 1


def _config(folder: Path) -> Config:
    path = folder / "config.json"
    if not folder.is_dir():
        raise LabelPolicyError(f"{folder}: no model here, expected a folder of `labelpolicy train --model`")
    found = read_json(path)
    if isinstance(found, dict) and "labelpolicy" in found:  # the rest is what another library reads
        found = found["labelpolicy"]
    version = found.get("format") if isinstance(found, dict) else None
    if isinstance(version, int) and version > FORMAT:
        raise LabelPolicyError(f"{path}: format {version}, this version reads {FORMAT}: install a newer labelpolicy")
    return check(Config, found, str(path))


def read_thresholds(path: Path, labels: Sequence[str]) -> dict[str, Thresholds]:
    """The decisions of a thresholds.json by name, the default first; one that `decide` wrote has a single one."""
    content = read_json(path)
    content = content if isinstance(content, dict) else {}
    if "sets" not in content or "rule" in content:  # a policy over label sets has sets of its own
        about = content.get("about")
        name = str(about.get("thresholds", path.stem)) if isinstance(about, dict) else path.stem
        content = {"default": name, "sets": {name: content}}
    sets = content["sets"] if isinstance(content["sets"], dict) else {}
    default = content.get("default", next(iter(sets), None))
    if default not in list(sets):
        raise LabelPolicyError(f"{path}: the default {default!r} is none of its sets: expected the name of one")
    found = {}
    for name in sorted(sets, key=lambda name: name != default):
        decision = from_json(sets[name], labels, str(path))
        found[name] = Thresholds(decision, bool(sets[name].get("ancestor_closure")))
    return found


def refuse_shares(names: Sequence[str]) -> None:
    """Stop at thresholds of these names, if there are any, which need all documents at once."""
    if names:
        raise LabelPolicyError(f"thresholds {names[0]!r}: shares of all documents decide no single one: leave it out")


def form_of(data: Prepared) -> str:
    """What the documents of a data set are: its own tokens tell whether they are those that a text is cut into."""
    train = data.split("train")
    if train.mentions is not None:
        return "mention"
    row = {word: number for number, word in enumerate(data.vocabulary) if number > UNKNOWN}
    for number, text in enumerate(islice(data.texts("train"), CHUNK)):
        if [row.get(word, UNKNOWN) for word in tokenise(text, data.tokenizer)] != train.tokens[number].tolist():
            return "tokens"
    return "text"


def chunked(documents: Iterable[Any]) -> Iterator[list[Any]]:
    """The documents, some at a time: nothing holds all of them."""
    stream = iter(documents)
    return iter(lambda: list(islice(stream, CHUNK)), [])


def texts_of(documents: Iterable[Document]) -> Iterator[str]:
    """The text of each as decisions take them, as :meth:`labelpolicy.data.prepared.Texts.titled` gives them."""
    for document in documents:
        whole = document.parsed()
        title = "" if whole.text_mention is None else whole.text[slice(*whole.text_mention)] + "\n"
        yield title + whole.text
