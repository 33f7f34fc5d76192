"""A transformers Trainer: measures at fitted thresholds in compute_metrics, Eq. 1 of the paper as compute_loss_func.

    trainer = Trainer(model, ..., compute_metrics=compute_metrics, compute_loss_func=weighted_loss(w))

The model has problem_type="multi_label_classification", and labels are float (documents, labels). transformers itself
is not needed to run this file: it shows both functions on logits.

    python examples/with_transformers.py
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from labelpolicy import ThresholdPolicy, evaluate


def compute_metrics(prediction: Any) -> dict[str, float]:
    """Measures of an EvalPrediction, (logits, labels), at thresholds fitted on its first half and at 0 on the second.

    Thresholds are fitted on other documents than they are measured on. When training is done, fit the policy on all of
    the validation logits, `trainer.predict(valid).predictions`, and keep `policy.to_json()` beside the model.
    """
    logits, y_true = prediction
    logits = logits[0] if isinstance(logits, tuple) else logits  # some models return hidden states as well
    half = len(logits) // 2
    policy = ThresholdPolicy("shared", score_type="decision_function").fit(logits[:half], y_true[:half])
    measured = evaluate(y_true[half:] == 1, policy.predict(logits[half:]))
    plain = evaluate(y_true[half:] == 1, logits[half:] > 0)
    names = ("accuracy", "macro_f1", "micro_f1")
    return {name: measured[name] for name in names} | {f"{name}_at_0.5": plain[name] for name in names}


def weighted_loss(w: np.ndarray) -> Callable[..., Tensor]:
    """Eq. 1: the sum over labels of N w_j times the cross-entropy, for label weights w (labels,) that sum to 1.

    The Trainer gives ``num_items_in_batch`` where it accumulates gradients: then the sum is divided by that number of
    documents, else by those of the batch.
    """

    def loss(outputs: Any, labels: Tensor, num_items_in_batch: Tensor | int | None = None) -> Tensor:
        logits = outputs["logits"] if isinstance(outputs, dict) else outputs.logits
        weights = torch.as_tensor(w, dtype=logits.dtype, device=logits.device) * len(w)
        cross_entropy = functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype), reduction="none")
        # The Trainer counts items as labels != -100, every cell of a multi-label batch.
        documents = len(labels) if num_items_in_batch is None else num_items_in_batch / labels.shape[1]
        return (cross_entropy @ weights).sum() / documents

    return loss


if __name__ == "__main__":
    torch.manual_seed(0)
    y = (torch.rand(400, 5) < torch.tensor([0.5, 0.3, 0.2, 0.1, 0.05])).float()
    z = 2 * y - 2 + torch.randn(400, 5)
    print(compute_metrics((z.numpy(), y.numpy())))
    print(weighted_loss(np.full(5, 0.2))({"logits": z}, y))
