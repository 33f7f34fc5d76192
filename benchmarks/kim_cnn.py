"""Kim-CNN's training throughput against the plain version, both in one run: documents per second and their ratio.

The plain version is what one writes first: nn.Embedding, nn.Conv1d, max over time, autograd, Adam, batches in random
order padded to their longest document. Ours: the distinct words of a batch projected once, looked-up rows summed,
gradients of the winning windows only, fused Adam, batches of documents of similar length. Same initial values, same
documents; the largest difference of any gradient is printed beside the ratio.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from labelpolicy.classifiers.kim_cnn import KimCNN
from labelpolicy.classifiers.kim_cnn.network import KimCNNClassifier
from labelpolicy.data.prepared import Prepared, Ragged, Split
from labelpolicy.training import batches, prepare_torch, targets, weighted_cross_entropy


class Plain(nn.Module):
    """The same function from the parts of the box, with the parameters of ours."""

    def __init__(self, ours: KimCNNClassifier):
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(ours.embedding.detach().clone(), freeze=False, padding_idx=0)
        self.convolutions = nn.ModuleList()
        for filters, bias in zip(ours.filters, ours.biases, strict=True):
            dimension, width, count = filters.shape
            convolution = nn.Conv1d(dimension, count, width)
            convolution.weight.data = filters.detach().permute(2, 0, 1).clone()
            convolution.bias.data = bias.detach().clone()
            self.convolutions.append(convolution)
        self.output = nn.Linear(*ours.output.shape)
        self.output.weight.data = ours.output.detach().T.clone()
        self.output.bias.data = ours.output_bias.detach().clone()
        self.dropout = ours.settings.dropout

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        vectors = self.embedding(tokens).transpose(1, 2)
        pooled = [functional.relu(convolution(vectors)).amax(dim=2) for convolution in self.convolutions]
        return self.output(functional.dropout(torch.cat(pooled, dim=1), self.dropout, self.training))


def corpus(folder: str | None, documents: int) -> tuple[np.ndarray, Split]:
    """Vectors and training documents: a prepared data set, or generated documents of Reuters' sizes."""
    if folder:
        data = Prepared(folder)
        return data.vectors, data.split("train")
    random = np.random.default_rng(0)
    words, labels = 20_000, 90
    lengths = np.clip(random.lognormal(4.4, 0.9, documents).astype(int), 5, 1000)
    tokens = Ragged.from_rows([(random.zipf(1.3, size=n) % (words - 2) + 2).tolist() for n in lengths])
    vectors = random.normal(scale=0.4, size=(words, 50)).astype(np.float32)
    vectors[0] = 0
    return vectors, Split([str(i) for i in range(documents)], tokens, random.random((documents, labels)) < 0.014)


def gradient_difference(ours: KimCNNClassifier, plain: Plain, batch: torch.Tensor, truth: torch.Tensor) -> float:
    """Largest difference of any gradient on documents without padding, dropout off."""
    weights = torch.full((truth.shape[1],), 1 / truth.shape[1])
    for model in (ours, plain):
        model.eval().zero_grad()
        weighted_cross_entropy(model(batch), truth, weights).backward()
    pairs = [(ours.embedding.grad, plain.embedding.weight.grad), (ours.output.grad, plain.output.weight.grad.T)]
    for filters, convolution in zip(ours.filters, plain.convolutions, strict=True):
        pairs.append((filters.grad, convolution.weight.grad.permute(1, 2, 0)))
    return max(float((a - b).abs().max()) for a, b in pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", help="a prepared data set; generated documents of Reuters' sizes otherwise")
    parser.add_argument("--documents", type=int, default=7000)
    parser.add_argument("--batches", type=int, default=60, help="batches timed for each, in turn")
    arguments = parser.parse_args()

    device = prepare_torch("cpu", 1)
    vectors, train = corpus(arguments.dataset, arguments.documents)
    truth = train.y_true
    parameters = KimCNN()
    ours = KimCNNClassifier(vectors, np.zeros(truth.shape[1]), parameters, 0)
    plain = Plain(ours)
    inputs = ours.encode(train)

    full = np.flatnonzero(inputs.lengths == parameters.max_tokens)[:64]
    difference = gradient_difference(ours, plain, inputs.batch(full, device), targets(truth, full, device))

    weights = torch.full((truth.shape[1],), 1 / truth.shape[1])
    random = np.random.default_rng(0)
    size = parameters.batch_size
    bucketed = list(batches(inputs.lengths, size, random))[: arguments.batches]
    shuffled = np.array_split(random.permutation(len(inputs)), len(inputs) // size)[: arguments.batches]
    runs = {
        "plain": (plain, torch.optim.Adam(plain.parameters(), lr=parameters.learning_rate), shuffled),
        "ours, same batches": (ours, ours.optimizer(1), shuffled),
        "ours": (ours, ours.optimizer(1), bucketed),
    }
    spent, done = dict.fromkeys(runs, 0.0), dict.fromkeys(runs, 0)
    for i in range(arguments.batches):  # in turn, so that a machine that drifts slows all alike
        for name, (model, stepper, parts) in runs.items():
            model.train()
            batch, wanted = inputs.batch(parts[i], device), targets(truth, parts[i], device)
            started = time.perf_counter()
            stepper.zero_grad()
            weighted_cross_entropy(model(batch), wanted, weights).backward()
            stepper.step()
            if i >= 3:  # warm
                spent[name] += time.perf_counter() - started
                done[name] += len(parts[i])
    print(f"Kim-CNN training, one thread, {'generated documents' if not arguments.dataset else arguments.dataset}")
    speed = {name: done[name] / spent[name] for name in runs}
    for name, value in speed.items():
        print(f"  {name:20s} {value:8.0f} documents/s   x{value / speed['plain']:.1f}")
    print(f"  largest difference of a gradient: {difference:.1e}")


if __name__ == "__main__":
    main()
