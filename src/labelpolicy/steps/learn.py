"""learn: Algorithm 1 -> meta_learner.safetensors and trace.parquet; rollout: the test-time episode -> policy.json.

Both on a classifier that trains, or on the scores that one has left (``scores``): then thresholds alone are learned,
and the meta-learner may come from another data set.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from safetensors.torch import load_file, save_file

from labelpolicy.classifiers import registry
from labelpolicy.data.prepared import Prepared
from labelpolicy.data.scores import Scores
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import require, whole_file, write_parquet
from labelpolicy.learner import algorithm, meta_learner
from labelpolicy.learner.environment import Classroom
from labelpolicy.learner.meta_learner import Surroundings
from labelpolicy.learner.parameters import MetaLearner
from labelpolicy.learner.scores_environment import Frozen
from labelpolicy.learner.scores_environment import applied as apply_frozen
from labelpolicy.policy_file import Policy
from labelpolicy.progress import Progress
from labelpolicy.randomness import derive
from labelpolicy.training import prepare_torch


def run(
    *,
    dataset: Path,
    classifier: str,
    training: Any,
    parameters: MetaLearner,
    seed: int,
    device: str,
    threads: int,
    output: Path,
    trace: Path,
    scores: Path | None = None,
    at_least_one: bool = False,
) -> None:
    """Algorithm 1 on the training split, rewarded on validation documents or in-sample; the test split is not read.

    With ``scores`` (scores.parquet or out_of_fold.parquet) on these, and ``at_least_one`` makes the rule that every
    document gets a label part of the reward.
    """
    if scores is None:
        room = enter(dataset, classifier, training, seed, device, threads)
    else:
        room = frozen(dataset, scores, parameters, at_least_one, seed, threads)
    meta = meta_learner.build(room.labels, parameters, seed)
    with Progress(f"learn {classifier}", parameters.episodes) as progress:
        rows = algorithm.learn(meta, room, parameters, seed, progress)
    write_parquet(trace, pa.Table.from_pylist(rows))
    with whole_file(output) as temporary:
        save_file(meta.state_dict(), temporary, metadata={"learner": parameters.learner})


def rollout(
    *,
    dataset: Path,
    classifier: str,
    training: Any,
    parameters: MetaLearner,
    name: str,
    meta: Path,
    seed: int,
    init: int,
    device: str,
    threads: int,
    output: Path,
    trace: Path,
    scores: Path | None = None,
    at_least_one: bool = False,
) -> None:
    """The test-time episode from initial policies number ``init`` (0: those of Algorithm 1) -> policy.json.

    On ``scores`` the weights are uniform, and ``about`` says how much of the learned distance from two shared numbers
    was kept, and on what evidence (policy/frozen.py).
    """
    if scores is None:
        room = enter(dataset, classifier, training, seed, device, threads)
    else:
        room = frozen(dataset, scores, parameters, at_least_one, seed, threads)
    model = meta_learner.build(room.labels, parameters, seed)
    try:
        model.load_state_dict(load_file(require(meta)))
    except Exception as error:
        reason = " ".join(str(error).split())
        raise LabelPolicyError(f"{meta}: not a meta-learner for these labels and parameters: {reason}") from None
    about = {"weights": name, "dataset": Path(dataset).name, "classifier": classifier, "seed": seed, "init": init}
    if scores is not None:
        with Progress(f"rollout {classifier}", 2 * parameters.steps) as progress:
            p, kept, rows = apply_frozen(model, room, parameters, seed, progress)
        w = np.full(room.labels, 1 / room.labels)
        about |= {"scores": Path(scores).name, "at_least_one": at_least_one} | kept
    else:
        start = room.first_policies() if init == 0 else random_policies(room.labels, seed, init)
        with Progress(f"rollout {classifier}", parameters.steps) as progress:
            w, p, rows = algorithm.rollout(model, room, parameters, start, progress)
    write_parquet(trace, pa.Table.from_pylist(rows))
    Policy(Prepared(dataset).labels, w, p, about).write(output)


def frozen(dataset: Path, scores: Path, parameters: MetaLearner, at_least_one: bool, seed: int, threads: int) -> Frozen:
    """Scores of a trained classifier with the documents that thresholds may be fitted on."""
    prepare_torch("cpu", threads)  # a meta-learner is far too small for a GPU
    data = Prepared(dataset)
    fitted = Scores(scores, data).fitting()
    return Frozen(
        fitted.y_score,
        fitted.y_true,
        train_count=fitted.train_count,
        surroundings=surroundings_of(data, fitted.y_true),
        at_least_one=at_least_one,
        utility=parameters.utility,
        seed=seed,
    )


def enter(dataset: Path, classifier: str, training: Any, seed: int, device: str, threads: int) -> Classroom:
    """The classifier, fresh, with its training and validation documents."""
    entry = registry.load(classifier)
    if not entry.trained_by_gradient:
        raise LabelPolicyError(
            f"classifier {classifier!r} is not trained by gradient: a policy cannot be learned with it"
        )
    torch_device = prepare_torch(device, threads)
    data = Prepared(dataset)
    train, valid = data.split("train"), data.split("valid")
    model = entry.build(data, training, seed)
    return Classroom(
        model,
        model.encode(train),
        train.truth,
        model.encode(valid),
        valid.truth,
        surroundings=surroundings_of(data, train.truth),
        seed=seed,
        device=torch_device,
    )


def surroundings_of(data: Prepared, truth: np.ndarray) -> Surroundings:
    """What the documents that a classifier is trained on, and the hierarchy, say about the labels."""
    place = {label: j for j, label in enumerate(data.labels)}
    return Surroundings.of(truth, data.depth, [place.get(parent) for parent in data.parents])


def random_policies(labels: int, seed: int, init: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Initial policies of the robustness study: w_0 uniform on the simplex, p_0 uniform on (0.05, 0.95)."""
    random = torch.Generator().manual_seed(derive(seed, "initial policies", init))
    w = -torch.log(torch.rand(labels, generator=random).clamp(min=1e-6))  # exponential draws, normalised: Dirichlet(1)
    return w / w.sum(), 0.05 + 0.9 * torch.rand(labels, generator=random)
