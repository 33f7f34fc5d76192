"""attentive_lstm's training throughput against nn.LSTM, all in one run: mentions per second and their ratio.

Two plain versions, with the weights of ours and on batches in random order, padded to their longest context:
``packed``, a bidirectional nn.LSTM per side over packed sequences, and ``padded``, two unidirectional nn.LSTM per
side, the second over the length-reversed and right-padded words, then a mask (a masked bidirectional nn.LSTM would be
another function: its backward direction starts in the padding). Ours: the four LSTMs of both sides stepped together,
batches of similar length on both sides. The same optimiser for all; the largest difference of any score is printed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from labelpolicy.classifiers.attentive_lstm import AttentiveLSTMClassifier, Batch
from labelpolicy.data.prepared import PAD, Prepared, Ragged, Split
from labelpolicy.parameters import AttentiveLSTM
from labelpolicy.training import batches, optimiser, prepare_torch, targets, update


class Plain(nn.Module):
    """The same function from the parts of the box, with the values of ours."""

    def __init__(self, ours: AttentiveLSTMClassifier, states: Callable[[list[nn.LSTM], Tensor, Tensor], Tensor]):
        super().__init__()
        self.states, self.dropout = states, ours.parameters_.dropout
        self.embedding = nn.Embedding.from_pretrained(ours.vectors.clone(), freeze=True, padding_idx=PAD)
        dimension, hidden = ours.vectors.shape[1], ours.parameters_.hidden
        bidirectional = states is packed
        self.sides = nn.ModuleList()
        for side in range(2):
            lstms = [
                nn.LSTM(dimension, hidden, batch_first=True, bidirectional=bidirectional)
                for _ in range(1 if bidirectional else 2)
            ]
            for way in range(2):
                output, write, keep, candidate = ours.recurrence[2 * side + way].detach().split(hidden)
                rows = torch.cat([write, keep, candidate, output])  # PyTorch's order of the gates
                lstm, suffix = (lstms[0], "_reverse" * way) if bidirectional else (lstms[way], "")
                getattr(lstm, f"weight_ih_l0{suffix}").data = rows[:, :dimension].contiguous()
                getattr(lstm, f"bias_ih_l0{suffix}").data = rows[:, dimension].contiguous()
                getattr(lstm, f"weight_hh_l0{suffix}").data = rows[:, dimension + 1 :].contiguous()
                getattr(lstm, f"bias_hh_l0{suffix}").data.zero_()
            self.sides.append(nn.ModuleList(lstms))
        self.attention_in = nn.Linear(2 * hidden, len(ours.attention_in), bias=False)
        self.attention_in.weight.data = ours.attention_in.detach().clone()
        self.attention_out = nn.Linear(len(ours.attention_in), 1, bias=False)
        self.attention_out.weight.data = ours.attention_out.detach().clone()
        self.output = nn.Linear(*ours.output.shape)
        self.output.weight.data = ours.output.detach().T.clone()
        self.output.bias.data = ours.output_bias.detach().clone()

    def forward(self, batch: Batch) -> Tensor:
        mention = self.embedding(batch.mention).sum(1) / (batch.mention != PAD).sum(1, keepdim=True)
        parts = []
        for lstms, words in zip(self.sides, (batch.left.T, batch.right.T), strict=True):
            inside = words != PAD
            states = self.states(list(lstms), self.embedding(words), inside.sum(1))
            scores = self.attention_out(torch.tanh(self.attention_in(states)))[:, :, 0]
            attention = scores.masked_fill(~inside, -1e30).softmax(1) * inside
            parts.append((attention[:, None] @ states)[:, 0])
        parts.append(functional.dropout(mention, self.dropout, self.training))
        return self.output(torch.cat(parts, dim=1))


def packed(lstms: list[nn.LSTM], vectors: Tensor, lengths: Tensor) -> Tensor:
    rows = pack_padded_sequence(vectors, lengths.clamp(min=1), batch_first=True, enforce_sorted=False)
    return pad_packed_sequence(lstms[0](rows)[0], batch_first=True)[0]


def padded(lstms: list[nn.LSTM], vectors: Tensor, lengths: Tensor) -> Tensor:
    position = torch.arange(vectors.shape[1])
    reverse = (lengths[:, None] - 1 - position) % vectors.shape[1]  # its own inverse where there are words

    def reversed_(values: Tensor) -> Tensor:
        return values.gather(1, reverse[:, :, None].expand(-1, -1, values.shape[2]))

    return torch.cat([lstms[0](vectors)[0], reversed_(lstms[1](reversed_(vectors))[0])], dim=2)


def corpus(folder: str | None, mentions: int) -> tuple[np.ndarray, Split]:
    """Vectors and training mentions: a prepared data set, or generated mentions in sentences of BBN's lengths."""
    if folder:
        data = Prepared(folder)
        return data.vectors, data.split("train")
    random = np.random.default_rng(0)
    words, labels = 20_000, 47
    lengths = np.clip(random.lognormal(3.2, 0.5, mentions).astype(int), 4, 200)
    tokens = Ragged.from_rows([(random.zipf(1.3, size=n) % (words - 2) + 2).tolist() for n in lengths])
    width = random.integers(1, 4, mentions)
    start = (random.random(mentions) * (lengths - width + 1)).astype(int)
    vectors = random.normal(scale=0.4, size=(words, 50)).astype(np.float32)
    vectors[PAD] = 0
    spans = np.stack([start, start + width], axis=1).astype(np.int32)
    ids = [str(i) for i in range(mentions)]
    return vectors, Split(ids, tokens, random.random((mentions, labels)) < 0.04, spans, ids)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", help="a prepared data set of mentions; generated mentions otherwise")
    parser.add_argument("--mentions", type=int, default=10_000)
    parser.add_argument("--batch-size", type=int, default=AttentiveLSTM().batch_size)
    parser.add_argument("--batches", type=int, default=60, help="batches timed for each, in turn")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()

    device = prepare_torch(arguments.device, 1)
    vectors, train = corpus(arguments.dataset, arguments.mentions)
    truth, size = train.truth, arguments.batch_size
    ours = AttentiveLSTMClassifier(vectors, truth.shape[1], AttentiveLSTM(), 0).to(device)
    models = {"packed": Plain(ours, packed), "padded": Plain(ours, padded), "ours": ours}
    inputs = ours.encode(train)

    random = np.random.default_rng(0)
    shuffled = np.array_split(random.permutation(len(inputs)), max(len(inputs) // size, 1))[: arguments.batches]
    bucketed = list(batches(inputs.lengths, size, random))[: arguments.batches]
    with torch.no_grad():
        batch = inputs.batch(shuffled[0], device)
        scores = {name: model.to(device).eval()(batch).sigmoid() for name, model in models.items()}
    difference = max(float((scores["ours"] - other).abs().max()) for other in scores.values())

    weights = torch.full((truth.shape[1],), 1 / truth.shape[1], device=device)
    steppers = {name: optimiser(model, AttentiveLSTM()) for name, model in models.items()}
    runs = {name: (name, shuffled) for name in ("packed", "padded")} | {
        "ours, same batches": ("ours", shuffled),
        "ours": ("ours", bucketed),
    }
    spent, done = dict.fromkeys(runs, 0.0), dict.fromkeys(runs, 0)
    for i in range(min(len(shuffled), len(bucketed))):  # in turn, so that a machine that drifts slows all alike
        for run, (name, parts) in runs.items():
            models[name].train()
            wanted = targets(truth, parts[i], device)
            started = time.process_time()
            update(models[name], steppers[name], inputs.batch(parts[i], device), wanted, weights)
            if i >= 3:  # warm
                spent[run] += time.process_time() - started
                done[run] += len(parts[i])
    print(
        f"attentive_lstm training, {'one thread' if device.type == 'cpu' else device.type}, {size} mentions a batch, "
        f"{arguments.dataset or 'generated mentions'}"
    )
    speed = {run: done[run] / spent[run] for run in runs}
    for run, value in speed.items():
        print(
            f"  {run:20s} {value:8.0f} mentions/s   x{value / speed['packed']:.2f} of packed, "
            f"x{value / speed['padded']:.2f} of padded"
        )
    print(f"  largest difference of a score: {difference:.1e}")


if __name__ == "__main__":
    main()
