"""The attentive encoder of Shimaoka et al. (2017).

A mention is the average of its word vectors, with dropout. The words left and right of it each go through a
bidirectional LSTM of their own; the attention of Eq. 8, one MLP for both sides, sums each side's states into one
vector. The three are concatenated, and each label has one logistic output. Both sides are read from the mention
outwards. The LSTM is PyTorch's, on packed sequences: cuDNN's on a GPU, on a CPU oneDNN's where all lengths of a batch
are one. So a batch has mentions alike in both lengths: on a CPU a third faster than random batches.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from labelpolicy.classifiers.attentive_lstm import AttentiveLSTM
from labelpolicy.classifiers.base import Inputs, TorchClassifier, uniform_parameter
from labelpolicy.classifiers.registry import State
from labelpolicy.data.prepared import PAD, Split
from labelpolicy.errors import LabelPolicyError
from labelpolicy.randomness import derive


class Batch(NamedTuple):
    """Mentions as token ids, int64 (documents, words), padded with PAD; at least one word wide."""

    mention: Tensor
    left: Tensor  # position 0 is the word beside the mention
    right: Tensor


class MentionInputs(Inputs):
    """Mentions: ``context`` words are read on each side, and the first ``longest`` of the mention."""

    def __init__(self, split: Split, context: int, longest: int):
        if split.mentions is None:
            raise LabelPolicyError(
                "classifier attentive_lstm: the documents have no mentions (columns start and end of the prepared "
                "data): choose another classifier, or a data set of entity mentions"
            )
        self.tokens, self.mentions, self.context, self.longest = split.tokens, split.mentions, context, longest
        starts, ends = split.mentions.T
        right = np.minimum(split.tokens.lengths - ends, context).astype(np.int32)
        self.lengths = _along(np.minimum(starts, context), right)

    def batch(self, rows: np.ndarray, device: Any) -> Batch:
        starts, ends = self.mentions[rows].T.astype(np.int64)
        first, past = self.tokens.offsets[rows], self.tokens.offsets[rows + 1]
        mention = self._words(first + starts, 1, np.minimum(ends - starts, self.longest))
        left = self._words(first + starts - 1, -1, np.minimum(starts, self.context))
        right = self._words(first + ends, 1, np.minimum(past - first - ends, self.context))
        return Batch(*(torch.from_numpy(array).to(device) for array in (mention, left, right)))

    def _words(self, first: np.ndarray, step: int, lengths: np.ndarray) -> np.ndarray:
        """Token ids int64 (documents, words) from ``first`` on in steps of ``step``, padded to the longest."""
        position = np.arange(max(int(lengths.max(initial=0)), 1))
        inside = position < lengths[:, None]
        found = self.tokens.values.take(first[:, None] + step * position, mode="clip")
        return np.where(inside, found, PAD).astype(np.int64)


def _along(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The place of each pair of lengths on a path through all pairs that changes one length by one at a time."""
    longer = np.maximum(left, right)
    place = np.where(right == longer, left, 2 * longer - right)
    return longer**2 + np.where(longer % 2 == 0, place, 2 * longer - place)


class AttentiveLSTMClassifier(TorchClassifier):
    """Logits of the attentive encoder with sigmoid outputs."""

    settings: AttentiveLSTM

    def __init__(self, vectors: np.ndarray, labels: int, parameters: AttentiveLSTM, seed: int):
        super().__init__(parameters)
        table = torch.from_numpy(np.array(vectors, dtype=np.float32))
        if parameters.update_vectors:
            self.vectors = nn.Parameter(table)
        else:
            self.register_buffer("vectors", table, persistent=False)
        random = torch.Generator().manual_seed(derive(seed, "attentive_lstm"))
        parameter = partial(uniform_parameter, random)
        dimension, hidden, attention = vectors.shape[1], parameters.hidden, parameters.attention
        self.lstms = nn.ModuleList(nn.LSTM(dimension, hidden, batch_first=True, bidirectional=True) for _ in range(2))
        with torch.no_grad():
            for name, value in self.lstms.named_parameters():
                if "weight" in name:
                    value.uniform_(-(hidden**-0.5), hidden**-0.5, generator=random)
                else:
                    value.zero_()
                    value.requires_grad = "bias_ih" in name  # a gate has one bias
                    if value.requires_grad:
                        value[hidden : 2 * hidden] = 1  # forget gates start open, as in their code
        self.attention_in = parameter(2 * hidden, attention, 2 * hidden)  # W2 of Eq. 8
        self.attention_out = parameter(attention, attention)  # W1
        self.width = 4 * hidden + dimension
        self.output = parameter(self.width, self.width, labels)
        self.output_bias = nn.Parameter(torch.zeros(labels))

    def state(self) -> State:
        return super().state() | {"vectors": self.vectors.detach().cpu().numpy()}

    def encode(self, split: Split) -> MentionInputs:
        return MentionInputs(split, self.settings.context, self.settings.max_mention)

    def features(self, batch: Batch) -> Tensor:
        """Left context, right context and mention: float (documents, width), dropout on the mention's part."""
        mention = functional.embedding(batch.mention, self.vectors, padding_idx=PAD).sum(1)
        mention = mention / (batch.mention != PAD).sum(1, keepdim=True)
        mention = functional.dropout(mention, self.settings.dropout, self.training)
        contexts = [self._context(lstm, words) for lstm, words in zip(self.lstms, batch[1:], strict=True)]
        return torch.cat([*contexts, mention], dim=1)

    def forward(self, batch: Batch) -> Tensor:
        return torch.addmm(self.output_bias, self.features(batch), self.output)

    def _context(self, lstm: nn.Module, words: Tensor) -> Tensor:
        """One side's states, summed by the attention: float (documents, 2 * hidden), zero where the side is empty."""
        inside = words != PAD
        vectors = functional.embedding(words, self.vectors, padding_idx=PAD)
        lengths = inside.sum(1).clamp(min=1).cpu()  # a sequence without a word cannot be packed
        packed = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(lstm(packed)[0], batch_first=True)
        scores = torch.tanh(states @ self.attention_in.T) @ self.attention_out
        scores = scores.masked_fill(~inside, torch.finfo(scores.dtype).min)
        weights = (scores.sigmoid() if self.settings.sigma == "sigmoid" else scores.softmax(1)) * inside
        return torch.einsum("dp,dph->dh", weights, states)
