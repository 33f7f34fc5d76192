"""The method of "Learning to Learn and Predict" (EMNLP 2019) in one file: its literal variant.

    python examples/algorithm1.py

A classifier of the synthetic corpus, a GRU that sets its label weights w and decision thresholds p, Algorithm 1, and
the test-time episode of Section 3.3: less than a minute on one core. What the paper leaves open (how large M and T
are, that Algorithm 1 never resets the classifier, how Eq. 4-5 become a distribution) is said where it is decided.

What it shows: the reward of Eq. 6 rises and the thresholds run into the bounds of (0, 1), because for one label it is
(S+ - S-) / p + (n- - n+), S the sum of the scores of its positives or negatives, and so has no maximum in between. The
weights follow: with nothing that holds them, almost all of w goes to few labels. Both are worse than w = 1/N, p = 0.5.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from labelpolicy.data.parameters import Synthetic
from labelpolicy.data.synthetic import generate

BOUNDS = 0.01, 0.99  # p is kept in here; Eq. 6 would drive it to 0 or 1
BATCH = 64  # documents in B_t
NOISE = 0.3  # standard deviation of the Gaussian policies around the logits of w and p


def corpus(documents: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Bags of words and labels, float (documents, words) and (documents, labels), to train and to test with."""
    labels, _, splits = generate(Synthetic(documents=documents, test_documents=documents // 2))
    words = sorted({token for document in splits["train"] for token in document.tokens})
    row_of_word, row_of_label = ({name: i for i, name in enumerate(names)} for names in (words, labels))
    arrays = []
    for split in ("train", "test"):
        x, y = np.zeros((len(splits[split]), len(words))), np.zeros((len(splits[split]), len(labels)))
        for i, document in enumerate(splits[split]):
            for token in document.tokens:
                if token in row_of_word:
                    x[i, row_of_word[token]] += 1
            y[i, [row_of_label[label] for label in document.labels]] = 1
        arrays += [x / np.linalg.norm(x, axis=1, keepdims=True).clip(min=1), y]
    return tuple(torch.tensor(array, dtype=torch.float32) for array in arrays)


class Classifier(nn.Module):
    """C: a hidden layer that all labels share, so that label weights can act, and a logit for each label."""

    def __init__(self, words: int, labels: int):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(words, 64), nn.ReLU(), nn.Linear(64, labels))
        self.adam = torch.optim.Adam(self.parameters(), lr=1e-2)

    def update(self, x: Tensor, y: Tensor, w: Tensor) -> None:
        """One step on Eq. 1: sum over labels of N w_j times the cross-entropy (the mean over the batch, for Adam)."""
        cross_entropy = functional.binary_cross_entropy_with_logits(self.layers(x), y, reduction="none")
        self.adam.zero_grad()
        (len(w) * cross_entropy @ w).mean().backward()
        self.adam.step()

    @torch.no_grad()
    def scores(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.layers(x))


class MetaLearner(nn.Module):
    """A GRU over the policies of the step before, and two linear layers."""

    def __init__(self, labels: int, hidden: int = 32):
        super().__init__()
        self.gru = nn.GRUCell(2 * labels, hidden)
        self.weight_logits, self.threshold_logits = nn.Linear(hidden, labels), nn.Linear(hidden, labels)
        self.labels, self.hidden = labels, hidden

    def start(self) -> tuple[Tensor, Tensor, Tensor]:
        """s_0, w_0 = 1/N and p_0 = 0.5: lines 4-5."""
        return torch.zeros(1, self.hidden), torch.full((self.labels,), 1 / self.labels), torch.full((self.labels,), 0.5)

    def forward(self, state: Tensor, w: Tensor, p: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Eq. 3: s_t = GRU(s_{t-1}, [p_{t-1}; w_{t-1}]), and the logits W_w s_t + b_w and W_p s_t + b_p."""
        state = self.gru(torch.cat([p, w])[None], state)
        return state, self.weight_logits(state)[0], self.threshold_logits(state)[0]


def policies(w_logits: Tensor, p_logits: Tensor) -> tuple[Tensor, Tensor]:
    """Eq. 4: w_t = softmax(.), so that it sums to 1; Eq. 5: p_t = sigmoid(.)."""
    return torch.softmax(w_logits, dim=0), torch.sigmoid(p_logits).clamp(*BOUNDS)


def reward(p: Tensor, y_score: Tensor, y: Tensor) -> float:
    """Eq. 6: sum over documents and labels of (-1)^y* (p - y) / p."""
    return float(((1 - 2 * y) * (p - y_score) / p).sum())


def learn(meta: MetaLearner, classifier: Classifier, x: Tensor, y: Tensor, episodes: int, steps: int) -> None:
    """Algorithm 1. ``classifier`` is untrained (line 1) and is never reset; M episodes of T time steps."""
    adam, baseline = torch.optim.Adam(meta.parameters(), lr=1e-2), np.zeros(steps)
    for episode in range(episodes):  # line 3
        state, w, p = meta.start()  # lines 4-5
        scores, rewards = [], []
        for _ in range(steps):  # line 6
            state, w_logits, p_logits = meta(state, w, p)  # line 7, Eq. 3
            w, p = policies(w_logits, p_logits)  # lines 8-9, Eq. 4-5
            # A policy gradient needs a distribution: a Gaussian around the logits. Eq. 3 runs on its means.
            w_noise, p_noise = torch.randn_like(w_logits), torch.randn_like(p_logits)
            w_tried, p_tried = policies(w_logits + NOISE * w_noise, p_logits + NOISE * p_noise)
            rows = torch.randperm(len(x))[:BATCH]  # line 10: sample B_t
            classifier.update(x[rows], y[rows], w_tried.detach())  # line 11, Eq. 1
            rewards.append(
                reward(p_tried.detach(), classifier.scores(x[rows]), y[rows])
            )  # line 12, Eq. 6, on B_t itself
            # The gradient of log N(logits + noise; logits, NOISE) by the logits is noise / NOISE.
            scores.append((w_noise * w_logits).mean() / NOISE + (p_noise * p_logits).mean() / NOISE)
        to_come = np.cumsum(rewards[::-1])[::-1]  # Eq. 2: R_t
        if episode == 0:
            baseline = to_come
        advantage = (to_come - baseline) / max(np.abs(to_come - baseline).mean(), 1e-9)  # Section 3.3: a baseline
        baseline = baseline + 0.1 * (to_come - baseline)
        adam.zero_grad()
        loss = -sum(float(a) * score for a, score in zip(advantage, scores, strict=True)) / steps
        loss.backward()  # line 13: ascend the gradient of J (Eq. 7)
        nn.utils.clip_grad_norm_(meta.parameters(), 1.0)
        adam.step()
        if episode % max(episodes // 10, 1) == 0 or episode == episodes - 1:
            p_range = " ".join(f"{each:.2f}" for each in np.quantile(p.detach().numpy(), (0, 0.25, 0.5, 0.75, 1)))
            print(f"{episode + 1:8}{np.mean(rewards):14.1f}   {p_range}")


@torch.no_grad()
def roll_out(meta: MetaLearner, classifier: Classifier, x: Tensor, y: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Section 3.3, test time: an episode with a fresh classifier, the whole training set as the batch; w_T and p_T."""
    state, w, p = meta.start()
    for _ in range(steps):
        state, w_logits, p_logits = meta(state, w, p)
        w, p = policies(w_logits, p_logits)
        with torch.enable_grad():
            classifier.update(x, y, w)  # Nothing of it enters Eq. 3: w_T and p_T would be the same without.
    return w, p


def measures(y_score: Tensor, y: Tensor, p: Tensor | float) -> str:
    """Accuracy (the whole label set right), macro-F1, micro-F1; a label is predicted if its score is above p."""
    predicted, true = y_score > p, y == 1
    tp, count = (predicted & true).sum(0), predicted.sum(0) + true.sum(0)
    accuracy = (predicted == true).all(1).float().mean()
    return f"{accuracy:10.3f}{(2 * tp / count.clamp(min=1)).mean():10.3f}{2 * tp.sum() / count.sum():10.3f}"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=600, help="training documents")
    parser.add_argument("--episodes", type=int, default=300, help="M")
    parser.add_argument("--steps", type=int, default=20, help="T")
    parser.add_argument("--epochs", type=int, default=20, help="passes of the final training")
    chosen = parser.parse_args(arguments)
    torch.manual_seed(0)
    torch.set_num_threads(1)
    x, y, test_x, test_y = corpus(chosen.documents)
    meta = MetaLearner(y.shape[1])

    print(" episode  mean reward   p: least, quartiles, largest")
    learn(meta, Classifier(x.shape[1], y.shape[1]), x, y, chosen.episodes, chosen.steps)
    w, p = roll_out(meta, Classifier(x.shape[1], y.shape[1]), x, y, chosen.steps)
    print(f"\nN w_T from {len(w) * w.min():.2f} to {len(w) * w.max():.2f}; p_T from {p.min():.2f} to {p.max():.2f}\n")

    print(f"{'test documents':32}  accuracy  macro-F1  micro-F1")
    for title, weights in (("w = 1/N", torch.full_like(w, 1 / len(w))), ("w_T", w)):
        classifier = Classifier(x.shape[1], y.shape[1])
        for _ in range(chosen.epochs):  # Section 3.3: train with w_T, from scratch
            for rows in torch.randperm(len(x)).split(BATCH):
                classifier.update(x[rows], y[rows], weights)
        y_score = classifier.scores(test_x)
        print(f"{title + ', p = 0.5':32}{measures(y_score, test_y, 0.5)}")
        print(f"{title + ', p_T':32}{measures(y_score, test_y, p)}")


if __name__ == "__main__":
    main()
