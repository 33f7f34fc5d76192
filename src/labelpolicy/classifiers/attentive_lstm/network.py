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

from labelpolicy.classifiers.attentive_lstm import AttentiveLSTM
from labelpolicy.classifiers.base import TorchClassifier
from labelpolicy.data.prepared import PAD, Split
from labelpolicy.errors import LabelPolicyError
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
        self.tokens, self.mentions, self.context, self.longest = split.tokens, split.mentions, context, longest
        starts, ends = split.mentions.T
        right = np.minimum(split.tokens.lengths - ends, context).astype(np.int32)
        # The one array of its own: what else a batch needs is read from the split, which is mapped into memory.
        self.lengths = _along(np.minimum(starts, context), right)

    def __len__(self) -> int:
        return len(self.lengths)

    def batch(self, rows: np.ndarray, device: Any) -> Batch:
        starts, ends = self.mentions[rows].T.astype(np.int64)
        first, past = self.tokens.offsets[rows], self.tokens.offsets[rows + 1]
        mention = self._words(first + starts, 1, np.minimum(ends - starts, self.longest), least=1)
        left = self._words(first + starts - 1, -1, np.minimum(starts, self.context), least=0)
        right = self._words(first + ends, 1, np.minimum(past - first - ends, self.context), least=0)
        arrays = (mention, np.ascontiguousarray(left.T), np.ascontiguousarray(right.T))
        return Batch(*(torch.from_numpy(array).to(device) for array in arrays))

    def _words(self, first: np.ndarray, step: int, lengths: np.ndarray, least: int) -> np.ndarray:
        """Token ids int64 (documents, words) from ``first`` on in steps of ``step``, padded to the longest."""
        position = np.arange(max(int(lengths.max(initial=0)), least))
        inside = position < lengths[:, None]
        found = self.tokens.values.take(first[:, None] + step * position, mode="clip")
        return np.where(inside, found, PAD).astype(np.int64)


def _along(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """A number for each pair of lengths, so that neither side of a batch of neighbours has much padding.

    It is the place of the pair on a path through all of them that changes one length by one at a time: first the pairs
    whose longer side has no word, then those whose longer side has one, forth and back in turn.
    """
    longer = np.maximum(left, right)
    place = np.where(right == longer, left, 2 * longer - right)
    return longer**2 + np.where(longer % 2 == 0, place, 2 * longer - place)


class Recurrence(torch.autograd.Function):
    """Two bidirectional LSTMs, one per side of the mention, stepped together: without a call per stream and gate.

    Inputs: ``vectors`` (positions, width, documents), those of the left side and then those of the right one, each
    side from position 0 outwards; ``inside`` (positions, 1, documents), 1 where there is a word and 0 in padding;
    ``weights`` (4 streams, 4 * hidden, width + hidden): left outwards and inwards, right outwards and inwards, with
    rows for output, input and forget gate and candidate; ``left``, the positions of the left side. Output: states of
    both directions (positions, 2 * hidden, documents), zero where a side is empty; where padding follows the last
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
        states = vectors.new_empty(positions, 2 * hidden, documents)
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
        of_vectors = gradient.new_zeros(len(gradient), width, documents) if context.needs_input_grad[0] else None
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
                for stream, (position, _) in _places(t, sides, hidden):
                    of_vectors[position].addmm_(weights[stream, :, :width].T, of_gates[stream])
        return of_vectors, None, of_weights, None


def _sides(positions: int, left: int) -> tuple[tuple[slice, slice], int]:
    """Where each side's positions lie, and the number of steps: the positions of the longer side."""
    return (slice(0, left), slice(left, positions)), max(left, positions - left)


def _running(t: int, sides: tuple[slice, slice]) -> slice:
    """The streams that have a position at step ``t``: where one side is shorter, it rests after its own last one."""
    first, second = (side.start + t < side.stop for side in sides)
    return slice(0 if first else 2, 4 if second else 2)


def _places(t: int, sides: tuple[slice, slice], hidden: int) -> Iterator[tuple[int, tuple[int, slice]]]:
    """Each running stream, and where in the output its states of step ``t`` belong."""
    outward, inward = slice(0, hidden), slice(hidden, None)
    for side, part in enumerate(sides):
        if part.start + t < part.stop:
            yield 2 * side, (part.start + t, outward)
            yield 2 * side + 1, (part.stop - 1 - t, inward)


class Attention(torch.autograd.Function):
    """Eq. 8 for each side: its states summed with the weights that one MLP, shared by both sides, gives them.

    Inputs: ``states`` (positions, 2 * hidden, documents) and ``inside`` bool (positions, documents), the left side's
    and then the right one's; ``into`` (attention, 2 * hidden) and ``out`` (1, attention), W2 and W1; ``left``, the
    positions of the left side; ``sigma``. Output: (2 sides, 2 * hidden, documents), zero where a side is empty.

    The gradient is written out because PyTorch's copies the states several times, once per operation and side.
    """

    @staticmethod
    def forward(
        context: Any, states: Tensor, inside: Tensor, into: Tensor, out: Tensor, left: int, sigma: str
    ) -> Tensor:
        positions = len(states)
        sides, _ = _sides(positions, left)
        inner = torch.bmm(into.expand(positions, -1, -1), states).tanh_()
        scores = torch.bmm(out.expand(positions, -1, -1), inner)[:, 0]
        scores.masked_fill_(~inside, torch.finfo(scores.dtype).min)
        weights = torch.cat(
            [scores[part].sigmoid() if sigma == "sigmoid" else scores[part].softmax(0) for part in sides]
        )
        weights *= inside  # the softmax over an empty side is not zero
        weighted = states * weights[:, None]
        context.save_for_backward(states, inner, weights, into, out)
        context.sides, context.sigma = sides, sigma
        return torch.stack([weighted[part].sum(0) for part in sides])

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, Tensor, Tensor, None, None]:
        states, inner, weights, into, out = context.saved_tensors
        of_states, of_scores = torch.empty_like(states), torch.empty_like(weights)
        for part, of_sum in zip(context.sides, gradient, strict=True):
            weight, block = weights[part], of_states[part]
            of_weight = torch.mul(states[part], of_sum, out=block).sum(1)
            torch.mul(of_sum, weight[:, None], out=block)
            if context.sigma == "sigmoid":
                of_scores[part] = of_weight * weight * (1 - weight)
            else:
                of_scores[part] = (of_weight - (of_weight * weight).sum(0)) * weight
        of_out = torch.bmm(inner, of_scores[:, :, None]).sum(0).T
        of_inner = (1 - inner.square()).mul_(out.T).mul_(of_scores[:, None])
        of_states.baddbmm_(into.T.expand(len(states), -1, -1), of_inner)
        of_into = torch.zeros_like(into).addbmm_(of_inner, states.transpose(1, 2))
        return of_states, None, of_into, of_out, None, None


class AttentiveLSTMClassifier(TorchClassifier):
    """Logits of the attentive encoder with sigmoid outputs."""

    def __init__(self, vectors: np.ndarray, labels: int, parameters: AttentiveLSTM, seed: int):
        super().__init__(parameters)
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
        return MentionInputs(split, self.settings.context, self.settings.max_mention)

    def features(self, batch: Batch) -> Tensor:
        """Left context, right context and mention: float (documents, width), dropout on the mention's part."""
        mention = functional.embedding(batch.mention, self.vectors, padding_idx=PAD).sum(1)
        mention = mention / (batch.mention != PAD).sum(1, keepdim=True)
        mention = functional.dropout(mention, self.settings.dropout, self.training)
        return torch.cat([self._contexts(batch.left, batch.right), mention], dim=1)

    def forward(self, batch: Batch) -> Tensor:
        return torch.addmm(self.output_bias, self.features(batch), self.output)

    def _contexts(self, left: Tensor, right: Tensor) -> Tensor:
        """What the attention makes of the states, left side and right side: float (documents, 2 * 2 * hidden)."""
        words = torch.cat([left, right])
        inside = words != PAD
        vectors = functional.embedding(words, self.vectors, padding_idx=PAD)
        vectors = functional.pad(vectors, (0, 1), value=1.0).transpose(1, 2)  # the bias is the weight of a constant 1
        states = Recurrence.apply(vectors, inside[:, None].to(vectors.dtype), self.recurrence, len(left))
        contexts = Attention.apply(
            states, inside, self.attention_in, self.attention_out, len(left), self.settings.sigma
        )
        return contexts.flatten(0, 1).T
