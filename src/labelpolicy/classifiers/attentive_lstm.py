"""Shimaoka et al. (2017), attentive encoder, as Section 5 and Figure 4 of the paper use it for entity mentions.

A mention is the average of its word vectors, with dropout. The words left and right of it each go through a
bidirectional LSTM of their own; the attention of Eq. 8, one MLP for both sides, sums each side's states into one
vector. The three are concatenated, and each label has one logistic output (labels are not exclusive).

Both sides are read from the mention outwards: position 0 is the word beside the mention, and whatever padding there is
lies at the far end. A batch has few enough words that a step of four small LSTMs costs more in calls than in
arithmetic, so all four (two sides, two directions) make one step together (:class:`Recurrence`). The direction
that comes from the far end starts in the padding; there the input gate is shut, so its state stays exactly zero until
the first word, and the states are those of each sequence alone (tests/unit/classifiers/test_attentive_lstm.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from labelpolicy.data.prepared import PAD, Prepared, Split
from labelpolicy.errors import LabelPolicyError
from labelpolicy.parameters import AttentiveLSTM
from labelpolicy.randomness import derive


class Batch(NamedTuple):
    """Mentions as token ids, int64, padded with PAD."""

    mention: Tensor
    """(documents, words)"""
    left: Tensor
    """(positions, documents), position 0 beside the mention; no positions where no mention has a left context."""
    right: Tensor
    """The same for the words after the mention."""


class MentionInputs:
    """Mentions in their sentences: ``batch`` gives a :class:`Batch`.

    ``context`` words are read on each side and ``longest`` of the mention, the first ones.
    """

    def __init__(self, split: Split, context: int, longest: int):
        if split.mentions is None:
            raise LabelPolicyError(
                "classifier attentive_lstm: the documents have no mentions (columns start and end of the prepared "
                "data): choose another classifier, or a data set of entity mentions"
            )
        starts, ends = split.mentions.T.astype(np.int64)
        first, self.words = split.tokens.offsets[:-1], split.tokens.values
        self.start, self.end = first + starts, first + ends
        self.mention = np.minimum(ends - starts, longest).astype(np.int32)
        self.left = np.minimum(starts, context).astype(np.int32)
        self.right = np.minimum(split.tokens.lengths - ends, context).astype(np.int32)
        # Neighbours in this order agree in both lengths, so that neither side of a batch has much padding.
        self.lengths = self.left * (context + 1) + self.right

    def __len__(self) -> int:
        return len(self.lengths)

    def batch(self, rows: np.ndarray, device: Any) -> Batch:
        mention = self._words(self.start[rows], 1, self.mention[rows], least=1)
        left = self._words(self.start[rows] - 1, -1, self.left[rows], least=0)
        right = self._words(self.end[rows], 1, self.right[rows], least=0)
        arrays = (mention, np.ascontiguousarray(left.T), np.ascontiguousarray(right.T))
        return Batch(*(torch.from_numpy(array).to(device) for array in arrays))

    def _words(self, first: np.ndarray, step: int, lengths: np.ndarray, least: int) -> np.ndarray:
        """Token ids int64 (documents, words) from ``first`` on in steps of ``step``, padded to the longest."""
        position = np.arange(max(int(lengths.max(initial=0)), least))
        inside = position < lengths[:, None]
        return np.where(inside, self.words.take(first[:, None] + step * position, mode="clip"), PAD).astype(np.int64)


class Recurrence(torch.autograd.Function):
    """Two bidirectional LSTMs, one per side of the mention, stepped together: without a call per stream and gate.

    Inputs: ``vectors`` (positions, width, documents), those of the left side and then those of the right one, each
    side from position 0 outwards; ``inside`` (positions, 1, documents), 1 where there is a word and 0 in padding;
    ``weights`` (4 streams, 4 * hidden, width + hidden): left outwards and inwards, right outwards and inwards, with
    rows for output, input and forget gate and candidate; ``left``, the positions of the left side. Output: states of
    both directions (2 * hidden, positions, documents), zero where a side is empty; where padding follows the last
    word, the outward half means nothing.

    Documents are the last axis, so that a gate of one stream is one block of memory.
    """

    @staticmethod
    def forward(context: Any, vectors: Tensor, inside: Tensor, weights: Tensor, left: int) -> Tensor:
        positions, width, documents = vectors.shape
        streams, hidden = len(weights), weights.shape[1] // 4
        sides, steps = _sides(positions, left)
        # Input and previous state stand together, so that a step is one product.
        both = vectors.new_empty(steps + 1, streams, width + hidden, documents)
        there = vectors.new_empty(steps, streams, 1, documents)
        for side, part in enumerate(sides):
            for stream, way in ((2 * side, vectors[part]), (2 * side + 1, vectors[part].flip(0))):
                both[: len(way), stream, :width] = way
            there[: len(way), 2 * side], there[: len(way), 2 * side + 1] = inside[part], inside[part].flip(0)
        gates = vectors.new_empty(steps, streams, 4 * hidden, documents)
        cell = vectors.new_empty(steps + 1, streams, hidden, documents)
        squashed = vectors.new_empty(steps, streams, hidden, documents)
        states = vectors.new_empty(2 * hidden, positions, documents)
        cell[0] = 0
        for t in range(steps):
            now = _running(t, sides)
            step, after = gates[t, now], cell[t + 1, now]
            used = slice(None) if t else slice(width)  # the first state is zero
            torch.bmm(weights[now, :, used], both[t, now, used], out=step)
            step[:, : 3 * hidden].sigmoid_()
            step[:, 3 * hidden :].tanh_()
            output, write, keep, candidate = step.split(hidden, dim=1)
            write.mul_(there[t, now])
            torch.mul(keep, cell[t, now], out=after).addcmul_(write, candidate)
            torch.tanh(after, out=squashed[t, now])
            torch.mul(output, squashed[t, now], out=both[t + 1, now, width:])
            for stream, place in _places(t, sides, hidden):
                states[place] = both[t + 1, stream, width:]
        context.save_for_backward(both, weights, gates, cell, squashed)
        context.sides, context.width = sides, width
        return states

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, None, Tensor, None]:
        both, weights, gates, cell, squashed = context.saved_tensors
        steps, streams, rows, documents = gates.shape
        sides, width, hidden = context.sides, context.width, rows // 4
        of_weights = torch.zeros_like(weights)
        of_vectors = gradient.new_zeros(gradient.shape[1], width, documents) if context.needs_input_grad[0] else None
        # Gradients of the state and the cell that come from the next step, and scratch for the gates'.
        of_state, of_cell, scratch = gates.new_zeros(3, streams, hidden, documents)
        of_gates = gates.new_empty(streams, rows, documents)
        for t in range(steps - 1, -1, -1):
            now = _running(t, sides)
            for stream, place in _places(t, sides, hidden):
                of_state[stream] += gradient[place]
            output, write, keep, candidate = gates[t, now].split(hidden, dim=1)
            d, state, memory, free, bent = of_gates[now], of_state[now], of_cell[now], scratch[now], squashed[t, now]
            d_output, d_write, d_keep, d_candidate = d.split(hidden, dim=1)
            # A gate s = sigmoid(x) has ds/dx = s - s^2, a tangent g has 1 - g^2.
            torch.mul(bent, state, out=d_output).mul_(output)
            torch.mul(d_output, bent, out=free)
            memory.addcmul_(state, output).sub_(free)
            d_output.addcmul_(d_output, output, value=-1)
            torch.mul(write, candidate, out=free)
            torch.mul(memory, free, out=d_write)
            torch.mul(memory, write, out=d_candidate).addcmul_(d_write, candidate, value=-1)
            d_write.addcmul_(d_write, write, value=-1)
            memory.mul_(keep)
            torch.mul(memory, cell[t, now], out=d_keep).addcmul_(d_keep, keep, value=-1)
            used = slice(None) if t else slice(width)
            of_weights[now, :, used].baddbmm_(d, both[t, now, used].transpose(1, 2))
            if t:
                torch.bmm(weights[now, :, width:].transpose(1, 2), d, out=state)
            if of_vectors is not None:
                for stream, (_, position, _) in _places(t, sides, hidden):
                    of_vectors[position].addmm_(weights[stream, :, :width].T, of_gates[stream])
        return of_vectors, None, of_weights, None


def _sides(positions: int, left: int) -> tuple[tuple[slice, slice], int]:
    """Where each side's positions lie, and the number of steps: the positions of the longer side."""
    return (slice(0, left), slice(left, positions)), max(left, positions - left)


def _running(t: int, sides: tuple[slice, slice]) -> slice:
    """The streams that have a position at step ``t``: where one side is shorter, it rests after its own last one."""
    first, second = (side.start + t < side.stop for side in sides)
    return slice(0 if first else 2, 4 if second else 2)


def _places(t: int, sides: tuple[slice, slice], hidden: int) -> Iterator[tuple[int, tuple[slice, int, slice]]]:
    """Each running stream, and where in the output its states of step ``t`` belong."""
    outward, inward, everything = slice(0, hidden), slice(hidden, None), slice(None)
    for side, part in enumerate(sides):
        if part.start + t < part.stop:
            yield 2 * side, (outward, part.start + t, everything)
            yield 2 * side + 1, (inward, part.stop - 1 - t, everything)


class AttentiveLSTMClassifier(nn.Module):
    """Logits of the attentive encoder with sigmoid outputs."""

    def __init__(self, vectors: np.ndarray, labels: int, parameters: AttentiveLSTM, seed: int):
        super().__init__()
        self.parameters_ = parameters
        table = torch.from_numpy(np.array(vectors, dtype=np.float32))
        if parameters.update_vectors:
            self.vectors = nn.Parameter(table)
        else:
            self.register_buffer("vectors", table, persistent=False)
        # The module's own generator: a classifier's first values depend on the seed and on nothing that ran before.
        random = torch.Generator().manual_seed(derive(seed, "attentive_lstm"))

        def parameter(*shape: int, fan: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(*shape).uniform_(-(fan**-0.5), fan**-0.5, generator=random))

        dimension, hidden, attention = vectors.shape[1], parameters.hidden, parameters.attention
        # Streams: left outwards and inwards, right outwards and inwards. Columns: word vector, bias, state.
        self.recurrence = parameter(4, 4 * hidden, dimension + 1 + hidden, fan=hidden)
        with torch.no_grad():
            self.recurrence[:, :, dimension] = 0
            self.recurrence[:, 2 * hidden : 3 * hidden, dimension] = 1  # forget gates start open, as in their code
        self.attention_in = parameter(attention, 2 * hidden, fan=2 * hidden)  # W2 of Eq. 8
        self.attention_out = parameter(1, attention, fan=attention)  # W1
        self.width = 4 * hidden + dimension
        self.output = parameter(self.width, labels, fan=self.width)
        self.output_bias = nn.Parameter(torch.zeros(labels))

    def encode(self, split: Split) -> MentionInputs:
        return MentionInputs(split, self.parameters_.context, self.parameters_.max_mention)

    def features(self, batch: Batch) -> Tensor:
        """Left context, right context and mention: float (documents, width), dropout on the mention's part."""
        mention = functional.embedding(batch.mention, self.vectors, padding_idx=PAD).sum(1)
        mention = mention / (batch.mention != PAD).sum(1, keepdim=True)
        mention = functional.dropout(mention, self.parameters_.dropout, self.training)
        return torch.cat([*self._contexts(batch.left, batch.right), mention], dim=1)

    def forward(self, batch: Batch) -> Tensor:
        return torch.addmm(self.output_bias, self.features(batch), self.output)

    def _contexts(self, left: Tensor, right: Tensor) -> list[Tensor]:
        """What the attention makes of each side's states: float (documents, 2 * hidden) each."""
        words = torch.cat([left, right])
        inside = words != PAD
        vectors = functional.embedding(words, self.vectors, padding_idx=PAD)
        vectors = functional.pad(vectors, (0, 1), value=1.0).transpose(1, 2)  # the bias is the weight of a constant 1
        states = Recurrence.apply(vectors, inside[:, None].to(vectors.dtype), self.recurrence, len(left))
        scores = self.attention_out @ torch.tanh(self.attention_in @ states.flatten(1))
        # Where a side is empty its states are zero, and so is their sum under any attention.
        scores = scores.view(inside.shape).masked_fill(~inside, torch.finfo(scores.dtype).min)
        normalise = torch.sigmoid if self.parameters_.sigma == "sigmoid" else lambda score: score.softmax(0)
        lengths = [len(left), len(right)]
        return [
            (normalise(score) * state).sum(1).T
            for score, state in zip(scores.split(lengths), states.split(lengths, dim=1), strict=True)
        ]


def build(data: Prepared, parameters: AttentiveLSTM, seed: int) -> AttentiveLSTMClassifier:
    return AttentiveLSTMClassifier(data.vectors, len(data.labels), parameters, seed)
