"""Mode finetune: the library's own model for sequence classification, all of it trained by Eq. 1.

AdamW with a warm-up, smaller steps in lower layers (Howard and Ruder 2018), and gradients cut to a norm. What is saved
is such a model of the library: its tensors by their names there, its config with the labels, its tokenizer.
"""

from __future__ import annotations

import re
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from labelpolicy.classifiers.base import Inputs, TorchClassifier, log_odds
from labelpolicy.classifiers.registry import State
from labelpolicy.classifiers.transformer import Finetune, Transformer
from labelpolicy.classifiers.transformer.pretrained import Pretrained, folder_of, restored
from labelpolicy.data.prepared import Prepared, Split
from labelpolicy.progress import say
from labelpolicy.randomness import derive

CLASS = "AutoModelForSequenceClassification"
LAYER = re.compile(r"\.(?:layers?|h|blocks?)\.(\d+)\.")  # the number of a layer in a parameter's name


class TokenInputs(Inputs):
    """Texts as token numbers: ``batch`` gives what the model takes."""

    def __init__(self, pretrained: Pretrained, split: Split):
        found = pretrained.read(split.text, split.mentions is not None)
        if found.cut:
            say(f"transformer: {found.cut} of {len(split)} documents are longer than max_tokens: cut there")
        self.pretrained, self.tokens = pretrained, found.tokens
        self.lengths = found.tokens.lengths.astype(np.int64)

    def batch(self, rows: np.ndarray, device: Any) -> dict[str, Tensor]:
        return self.pretrained.padded(self.tokens, rows, device)


class FineTuned(TorchClassifier):
    """Logits of a pretrained model with an output layer of its own kind."""

    settings: Finetune
    features_are_logits = True

    def __init__(self, pretrained: Pretrained, model: Any, parameters: Transformer):
        super().__init__(parameters.finetune)
        self.pretrained, self.model = pretrained, model
        self.accumulation = parameters.finetune.gradient_accumulation
        self.width = model.config.num_labels

    @classmethod
    def of(cls, parameters: Transformer, data: Prepared, seed: int) -> Self:
        labels = data.labels
        pretrained = Pretrained(folder_of(parameters), parameters)
        config = {
            "num_labels": len(labels),
            "id2label": dict(enumerate(labels)),
            "label2id": {label: number for number, label in enumerate(labels)},
            "problem_type": "multi_label_classification",
        }
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "transformer"))  # the output layers are new
            model = pretrained.model(CLASS, **config)
        for each in model.modules():
            if isinstance(each, nn.Linear) and each.out_features == len(labels) and each.bias is not None:
                each.bias.data = torch.from_numpy(log_odds(data)).float()
        return cls(pretrained, model, parameters)

    @classmethod
    def restored(cls, parameters: Transformer, state: State) -> Self:
        return cls(*restored(state, parameters, CLASS), parameters).eval()

    def state(self) -> State:
        return self.pretrained.state(self.model)

    def encode(self, split: Split) -> TokenInputs:
        return TokenInputs(self.pretrained, split)

    def features(self, batch: dict[str, Tensor]) -> Tensor:
        return self(batch)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        with self.pretrained.precision(self.device):
            found = self.model(**batch).logits
        return found.float()

    def optimizer(self, steps: int) -> ScheduledAdamW:
        return ScheduledAdamW(self.groups(), self.settings, steps)

    def groups(self) -> list[dict[str, Any]]:
        """The parameters by step size and weight decay. The uppermost layer has the settings' step size."""
        settings, prefix = self.settings, f"{self.model.base_model_prefix}."
        named = list(self.model.named_parameters())
        layer = {name: int(found[1]) for name, _ in named if (found := LAYER.search(name))}
        top = max(layer.values(), default=0)
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for name, value in named:
            below = top - layer[name] if name in layer else (top + 1 if "embed" in name else 0)
            rate = settings.learning_rate * settings.layer_decay**below
            if not name.startswith(prefix):
                rate = settings.head_learning_rate
            decay = settings.weight_decay if value.ndim > 1 else 0.0
            groups.setdefault((rate, decay), []).append(value)
        return [{"params": values, "lr": rate, "weight_decay": decay} for (rate, decay), values in groups.items()]


class ScheduledAdamW:
    """AdamW whose step size rises to its largest in the warm-up's share of ``steps`` and falls to 0 at their end."""

    def __init__(self, groups: list[dict[str, Any]], settings: Finetune, steps: int):
        self.adamw = torch.optim.AdamW(groups, fused=True)
        self.clip, warm = settings.clip, max(settings.warm_up * steps, 1e-9)
        rest = max(steps - warm, 1e-9)
        # The warm-up reaches its largest size at its end, and no step has a size of 0.
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.adamw, lambda step: min((step + 1) / warm, max(steps - step, 0) / rest, 1.0)
        )
        self.parameters = [value for group in groups for value in group["params"]]

    @property
    def state(self) -> dict[Tensor, dict[str, Tensor]]:
        return self.adamw.state

    def zero_grad(self) -> None:
        self.adamw.zero_grad()

    def step(self) -> None:
        nn.utils.clip_grad_norm_(self.parameters, self.clip)
        self.adamw.step()
        self.schedule.step()
