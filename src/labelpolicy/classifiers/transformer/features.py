"""Mode frozen: the mean of a pretrained model's token vectors as features of a text, beside tf-idf.

Of a mention it is the mean of two means: over its own tokens and over all of its text.

A training reads them from the files of ``labelpolicy embed`` where it is given these; otherwise, and for new documents,
it computes them, those of a prepared file once a process.
"""

from __future__ import annotations

import json
from contextlib import nullcontext
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from scipy import sparse

from labelpolicy.classifiers.registry import State, below, prefixed
from labelpolicy.classifiers.tfidf import TfIdf
from labelpolicy.classifiers.transformer import Transformer
from labelpolicy.classifiers.transformer.pretrained import KEY, Pretrained, digest_of, folder_of, restored
from labelpolicy.data.prepared import Prepared, Split, Texts
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_parquet, write_parquet
from labelpolicy.parsing import parse_json, require
from labelpolicy.progress import Progress, say

TFIDF = "labelpolicy.tfidf."  # the names of these arrays in a state
ABOUT = b"labelpolicy"
AGAIN = "run `labelpolicy embed` again"
BATCH = 64  # texts


class Embedder:
    """A pretrained model that makes vectors of texts, on ``device``."""

    device: Any = "cpu"

    def __init__(self, parameters: Transformer, pretrained: Pretrained | None = None, model: Any = None):
        self.parameters, self.digest = parameters, ""
        if pretrained is None:
            pretrained, self.digest = Pretrained(folder_of(parameters), parameters), digest_of(parameters)
        self.pretrained = pretrained
        if model is not None:
            self.model = model.eval()  # without dropout

    @cached_property
    def model(self) -> Any:
        return self.pretrained.model("AutoModel").eval()

    @property
    def width(self) -> int:
        return int(self.pretrained.config.hidden_size)

    def __call__(self, texts: Any, by_mention: bool, title: str = "") -> np.ndarray:
        """Vectors float32 (documents, width); ``title`` is what progress and what is cut are told under."""
        import torch

        from labelpolicy.training import enough_memory

        found = self.pretrained.read(texts, by_mention)
        long = self.parameters.long_documents
        if found.cut and title:
            done = "read in windows" if long == "windows" else "cut there (long_documents: windows reads all)"
            say(f"{title}: {found.cut} documents are longer than {self.parameters.max_tokens} tokens: {done}")
        documents = int(found.document.max(initial=-1)) + 1
        sums = torch.zeros(documents, self.width)
        document = np.repeat(found.document, found.tokens.lengths)
        all_tokens = np.bincount(document, minlength=documents).clip(1)
        own_tokens = np.bincount(document, weights=found.own.values, minlength=documents).clip(1)
        order = np.argsort(found.tokens.lengths, kind="stable")
        self.model.to(self.device)
        parts = np.split(order, range(BATCH, len(order), BATCH)) if documents else []
        shown = Progress(title, len(parts)) if title else nullcontext()
        with shown as progress, torch.inference_mode(), enough_memory("max_tokens"):
            for rows in parts:
                batch = self.pretrained.padded(found.tokens, rows, self.device)
                with self.pretrained.precision(self.device):
                    hidden = self.model(**batch).last_hidden_state
                of, own = found.document[rows], found.own.padded(rows, hidden.shape[1])
                shares = batch["attention_mask"].cpu().numpy() / all_tokens[of, None] + own / own_tokens[of, None]
                weights = torch.from_numpy((shares / 2).astype(np.float32)).to(self.device)
                summed = torch.einsum("dth,dt->dh", hidden.float(), weights)
                sums.index_add_(0, torch.from_numpy(found.document[rows]), summed.cpu())
                if progress:
                    progress.step()
        vectors = sums.numpy()
        if not np.isfinite(vectors).all():
            fault = "its vectors are no finite numbers"
            raise LabelPolicyError(
                f"{KEY}.model: {self.pretrained.folder}: {fault}: give another, or set bf16 to false"
            )
        return vectors


class PretrainedFeatures:
    """What a linear head stands on: tf-idf features of unit length, if asked for, then a text's vector.

    ``source`` is a folder of `labelpolicy embed`.
    """

    def __init__(self, parameters: Transformer, tfidf: TfIdf | None, source: Path | None = None, embedder: Any = None):
        self.parameters, self.tfidf, self.source = parameters, tfidf, source
        self.encoder = parameters.model_copy(update={"frozen": None})  # whatever the head, the vectors are the same
        self.device: Any = "cpu"
        if embedder is not None:
            self.embedder = embedder
        self.vector_width = self._of_file(Path("train.parquet"), False)[1].shape[1] if source else self.embedder.width
        self.width = self.vector_width + (tfidf.width if tfidf else 0)

    @classmethod
    def of(cls, parameters: Transformer, data: Prepared) -> PretrainedFeatures:
        tfidf = TfIdf(data, data.split("train"), parameters.frozen.features) if parameters.frozen.tfidf else None
        return cls(parameters, tfidf, data.features)

    @classmethod
    def restored(cls, parameters: Transformer, state: State) -> PretrainedFeatures:
        tfidf = TfIdf.restored(below(state, TFIDF)) if parameters.frozen.tfidf else None
        return cls(parameters, tfidf, embedder=Embedder(parameters, *restored(state, parameters, "AutoModel")))

    def state(self) -> State:
        found = self.embedder.pretrained.state(self.embedder.model)
        return found | (prefixed(self.tfidf.state(), TFIDF) if self.tfidf else {})

    @cached_property
    def embedder(self) -> Embedder:
        return _embedder(self.encoder)

    def __call__(self, split: Split) -> sparse.csr_matrix:
        """Features float32 (documents, width)."""
        vectors = self.vectors(split)
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        weight = self.parameters.frozen.vector_weight if self.tfidf else 1.0
        dense = sparse.csr_matrix((weight * vectors / np.maximum(length, 1e-12)).astype(np.float32))
        return sparse.hstack([self.tfidf(split), dense], format="csr", dtype=np.float32) if self.tfidf else dense

    def vectors(self, split: Split) -> np.ndarray:
        """Of each document, float32 (documents, vector_width)."""
        by_mention = split.mentions is not None
        if not isinstance(split.text, Texts):
            self.embedder.device = self.device
            return self.embedder(split.text, by_mention)
        parts = [self._of_file(path, by_mention) for path in split.text.paths]
        found = np.concatenate([vectors for _, vectors in parts])
        ids = np.concatenate([ids for ids, _ in parts])
        if split.text.rows is not None:
            found, ids = found[split.text.rows], ids[split.text.rows]
        if not np.array_equal(ids, np.asarray(list(split.ids), dtype=object)):
            raise LabelPolicyError(f"{self.source}: vectors of other documents than {split.text.paths[0]}: {AGAIN}")
        return found

    def _of_file(self, path: Path, by_mention: bool) -> tuple[np.ndarray, np.ndarray]:
        if self.source is not None:
            file = require(self.source / path.name)
            return _read(file, self.encoder, file.stat().st_mtime_ns)
        return _computed(path, self.encoder, by_mention, str(self.device))


@lru_cache(maxsize=2)
def _embedder(parameters: Transformer) -> Embedder:
    return Embedder(parameters)


@lru_cache(maxsize=6)
def _computed(path: Path, parameters: Transformer, by_mention: bool, device: str) -> tuple[np.ndarray, np.ndarray]:
    embedder = _embedder(parameters)
    embedder.device = device
    ids = read_parquet(path, ["id"])["id"].to_numpy()
    return ids, embedder(Texts((path,)), by_mention, f"embed {path.name}")


@lru_cache(maxsize=6)
def _read(path: Path, parameters: Transformer, changed: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids and vectors of a file of `labelpolicy embed`. Raises LabelPolicyError for one of another model."""
    table = read_parquet(path, ["id", "vector"])
    about, expected = _about(path, table.schema), _identity(parameters, digest_of(parameters))
    for name, value in expected.items():
        if about.get(name) != value:
            raise LabelPolicyError(f"{path}: made with {name} {about.get(name)}, expected {value}: {AGAIN}")
    vectors = table["vector"].combine_chunks().flatten().to_numpy()
    if vectors.dtype != np.float32 or len(vectors) != len(table) * about["width"]:
        raise LabelPolicyError(f"{path}: not {about['width']} float32 numbers of each document: {AGAIN}")
    return table["id"].to_numpy(), vectors.reshape(len(table), -1)


def write(path: Path, ids: Any, vectors: np.ndarray, embedder: Embedder) -> None:
    """A row a document: ``id`` and ``vector``, a list of float; what they were made by is in the schema's metadata."""
    about = _identity(embedder.parameters, embedder.digest) | {"width": vectors.shape[1]}
    columns = {
        "id": pa.array(list(ids), pa.string()),
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel(), pa.float32()), vectors.shape[1]),
    }
    write_parquet(path, pa.table(columns).replace_schema_metadata({ABOUT: json.dumps(about)}))


def _identity(parameters: Transformer, digest: str) -> dict[str, Any]:
    return {"sha256": digest} | {name: getattr(parameters, name) for name in ("max_tokens", "long_documents")}


def _about(path: Path, schema: pa.Schema) -> dict[str, Any]:
    try:
        found = parse_json((schema.metadata or {})[ABOUT])
        if isinstance(found["width"], int):
            return found
    except (KeyError, TypeError, ValueError):
        pass
    raise LabelPolicyError(f"{path}: does not say what made it: expected a file of `labelpolicy embed`: {AGAIN}")
