"""Subset Maximization (Nam et al. 2017): a recurrent network writes the positive labels of a document one by one.

P(set | x) is the product of P(label | x, labels before) along the labels in a fixed order, and of a stop symbol at the
end. Nothing earlier in the order may follow, so every set has exactly one sequence: the most probable sequence is the
most probable set, which is what strict accuracy asks for. Training maximises the log-probability of the true set
(teacher forcing); decoding is a beam search. Labels are numbered by the order, and the stop symbol is number N.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from labelpolicy.classifiers.base import TorchChain, TorchClassifier, uniform_parameter
from labelpolicy.classifiers.chains.subset_maximization import SubsetMaximization
from labelpolicy.randomness import derive

#: The float32 numbers next to 0.5.
ABOVE, BELOW = (float(np.nextafter(np.float32(0.5), np.float32(end))) for end in (1, 0))


class Beam(NamedTuple):
    """The sets found for each document, the most probable first, in the data set's numbering of labels."""

    sets: Tensor  # bool (documents, beam, labels)
    log_probability: Tensor  # (documents, beam); -inf where there are fewer sets
    marginal: Tensor  # (documents, labels): P(label in the set) at least, of all beginnings met that have it
    rejected: Tensor  # (documents,): log-probability of the best beginning that did not fit into the beam


class SubsetMaximizationClassifier(TorchChain):
    """An encoder's document vector starts a GRU and is a direct input of every step's output.

    h_0 = tanh(S f(x)), h_t = GRU(label embedding, h_{t-1}), and the logits of step t are U h_t + V f(x), over the
    labels that come later in the order than the last one, and the stop symbol. U starts at zero, and V, where f(x) is
    itself the logits of a classifier, at the identity: an untrained decoder adds nothing to its encoder.
    """

    loss_is_equation_1 = False

    def __init__(self, encoder: TorchClassifier, order: np.ndarray, parameters: SubsetMaximization, seed: int):
        super().__init__(encoder, order, parameters)
        hidden = parameters.hidden
        self.beam, self.labels = parameters.beam, len(order)
        random, width = torch.Generator().manual_seed(derive(seed, "subset_maximization")), encoder.width
        self.start = uniform_parameter(random, width, hidden, width)
        self.start_bias = nn.Parameter(torch.zeros(hidden))
        self.embedding = uniform_parameter(random, hidden, self.labels, hidden)
        self.gru = nn.GRU(hidden, hidden)
        with torch.no_grad():
            for value in self.gru.parameters():
                value.uniform_(-(hidden**-0.5), hidden**-0.5, generator=random)
        self.output = nn.Parameter(torch.zeros(self.labels + 1, hidden))
        self.direct = uniform_parameter(random, width, self.labels + 1, width)
        if encoder.features_are_logits:
            with torch.no_grad():
                self.direct.copy_(torch.eye(width)[torch.cat([self.order, self.order[:1]])])
                self.direct[self.labels] = 0
        self.output_bias = nn.Parameter(torch.zeros(self.labels + 1))

    def loss(self, batch: Any, y_true: Tensor, weights: Tensor) -> Tensor:
        """-log P(true set), mean over documents; the term of label j counts N w_j, that of the stop symbol 1."""
        start, direct = self._document(batch)
        per_step, _, symbol = self._true_steps(start, direct, y_true)
        of_symbol = torch.cat([weights[self.order] * self.labels, weights.new_ones(1)])
        return -(per_step * of_symbol[symbol]).sum() / len(y_true)

    def log_probability(self, batch: Any, sets: Tensor) -> Tensor:
        """log P(set | x), float (documents,), of one set a document, bool or float (documents, labels)."""
        start, direct = self._document(batch)
        per_step, document, _ = self._true_steps(start, direct, sets)
        return per_step.new_zeros(len(sets)).index_add(0, document, per_step)

    def probabilities(self, batch: Any) -> Tensor:
        """Scores float (documents, labels): above 0.5 exactly for the labels of the most probable set found.

        (1 + m) / 2 inside that set and m / 2 outside, m the label's marginal as far as the search has met it.
        """
        found = self.decode(batch)
        inside = (0.5 + found.marginal / 2).clamp(min=ABOVE, max=1)
        return torch.where(found.sets[:, 0], inside, (found.marginal / 2).clamp(max=BELOW))

    @torch.no_grad()
    def decode(self, batch: Any) -> Beam:
        """Beam search over all documents at once; beam 1 is greedy.

        A sequence only becomes less probable as it grows: where the greedy one is as probable as every beginning that
        it turned down, a beam would find the same, and only the other documents are searched with the whole beam.
        """
        start, direct = self._document(batch)
        found = self._search(start, direct, 1)
        if self.beam > 1:
            rows = (found.rejected > found.log_probability[:, 0]).nonzero()[:, 0]
            wide = self._search(start[rows], direct[rows], self.beam)
            sets = found.sets.new_zeros(len(start), self.beam, self.labels)
            scores = start.new_full((len(start), self.beam), -torch.inf)
            sets[:, :1], scores[:, :1] = found.sets, found.log_probability
            sets[rows], scores[rows] = wide.sets, wide.log_probability
            found.marginal[rows], found.rejected[rows] = wide.marginal, wide.rejected
            found = found._replace(sets=sets, log_probability=scores)
        return found._replace(sets=found.sets[..., self.place], marginal=found.marginal[:, self.place])

    def _search(self, start: Tensor, direct: Tensor, width: int) -> Beam:
        """Beam search, labels numbered by the order; a document whose best sequence has stopped is done."""
        documents, stop = len(start), self.labels
        found = Beam(
            torch.zeros(documents, width, stop, dtype=torch.bool, device=start.device),
            start.new_full((documents, width), -torch.inf),
            start.new_zeros(documents, stop),
            start.new_full((documents,), -torch.inf),
        )
        # Of the documents still being searched: which they are, and of their sequences state, last symbol and symbols.
        rows = torch.arange(documents, device=start.device)
        state, score = start[:, None], start.new_zeros(documents, 1)
        last = torch.full((documents, 1), -1, device=start.device)
        written = torch.zeros(documents, 1, stop + 1, dtype=torch.bool, device=start.device)
        while len(rows):
            step = self._log_probability_of_next(state, direct[rows, None], last)
            total = (score[..., None] + step).flatten(1)
            score, chosen = total.topk(min(width + 1, total.shape[1]), dim=1)
            if score.shape[1] > width:
                found.rejected[rows] = torch.maximum(found.rejected[rows], score[:, width])
                score, chosen = score[:, :width], chosen[:, :width]
            left = total.exp().scatter(1, chosen, 0).view_as(step)
            of_written = torch.einsum("ds,dsl->dl", left.sum(2), written[..., :stop].to(left.dtype))
            found.marginal[rows] += left[..., :stop].sum(1) + of_written
            before, last = chosen // (stop + 1), chosen % (stop + 1)
            written = written.gather(1, before[..., None].expand(-1, -1, stop + 1)).scatter_(2, last[..., None], True)
            state = state.gather(1, before[..., None].expand(-1, -1, state.shape[2]))
            done = last[:, 0] == stop
            at, sets = rows[done], written[done][..., :stop]
            found.sets[at, : score.shape[1]], found.log_probability[at, : score.shape[1]] = sets, score[done]
            found.marginal[at] += torch.einsum("ds,dsl->dl", score[done].exp(), sets.to(score.dtype))
            rows, score, last, written, state = (part[~done] for part in (rows, score, last, written, state))
            state = self._next(last.clamp(max=stop - 1), state)
        return found

    def _document(self, batch: Any) -> tuple[Tensor, Tensor]:
        features = self.encoder.features(batch)
        start = torch.tanh(torch.addmm(self.start_bias, features, self.start.T))
        return start, torch.addmm(self.output_bias, features, self.direct.T)

    def _next(self, label: Tensor, state: Tensor) -> Tensor:
        """The GRU's states (documents, sequences, hidden) after one more label each, (documents, sequences)."""
        given = self.embedding[label].flatten(0, 1)[None]
        return self.gru(given, state.flatten(0, 1)[None])[1].view_as(state)

    def _log_probability_of_next(self, state: Tensor, direct: Tensor, last: Tensor) -> Tensor:
        """log P(next symbol), (..., labels + 1), of states (..., hidden) after their last symbol (-1: none yet)."""
        logits = state @ self.output.T + direct
        symbols = torch.arange(self.labels + 1, device=state.device)
        return logits.masked_fill(symbols <= last.clamp(max=self.labels - 1)[..., None], -torch.inf).log_softmax(-1)

    def _true_steps(self, start: Tensor, direct: Tensor, y_true: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Every step of writing the true sets: its log-probability, its document and its symbol, each (steps,)."""
        ordered = y_true[:, self.order] > 0
        # Documents by falling number of labels and labels position by position: what a packed sequence wants.
        count, documents = ordered.sum(1).sort(descending=True, stable=True)
        rank, label = ordered[documents].nonzero(as_tuple=True)
        position = torch.arange(len(label), device=label.device) - (count.cumsum(0) - count)[rank]
        position, packed = position.sort(stable=True)
        rank, label = rank[packed], label[packed]
        sizes = torch.bincount(position)
        # Every document stands at its beginning, and after each of its labels.
        states, last = [start[documents]], [count.new_full(count.shape, -1)]
        ranks = [torch.arange(len(count), device=label.device)]
        if len(label):
            sequences = PackedSequence(self.embedding[label], sizes.cpu())
            states.append(self.gru(sequences, states[0][None, : len(count.nonzero())])[0].data)
            ranks.append(rank)
            last.append(label)
        # Before position p stand a state of every document and one for each label of positions before p - 1.
        first = torch.cat([sizes.new_tensor([0, len(count)]), len(count) + sizes.cumsum(0)])
        symbol = label.new_full((len(count) + len(label),), self.labels)
        symbol[first[position] + rank] = label
        document = documents[torch.cat(ranks)]
        step = self._log_probability_of_next(torch.cat(states), direct[document], torch.cat(last))
        return step.gather(1, symbol[:, None])[:, 0], document, symbol
