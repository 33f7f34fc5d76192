"""learn: Algorithm 1 -> meta_learner.safetensors and trace.parquet; rollout: the test-time episode -> policy.json."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import torch
from safetensors.torch import load_file, save_file

from labelpolicy import classifiers
from labelpolicy.data.prepared import Prepared
from labelpolicy.errors import LabelPolicyError
from labelpolicy.files import require, whole_file, write_parquet
from labelpolicy.parameters import MetaLearner, Training
from labelpolicy.policy import learn as algorithm
from labelpolicy.policy import meta_learner
from labelpolicy.policy.artefact import Policy
from labelpolicy.policy.classroom import Classroom
from labelpolicy.progress import Progress
from labelpolicy.randomness import derive
from labelpolicy.training import prepare_torch


def run(
    *,
    dataset: Path,
    classifier: str,
    training: Training,
    parameters: MetaLearner,
    seed: int,
    device: str,
    threads: int,
    output: Path,
    trace: Path,
) -> None:
    """Algorithm 1 on the training split, rewarded on validation documents or in-sample; the test split is not read."""
    room = enter(dataset, classifier, training, seed, device, threads)
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
    training: Training,
    parameters: MetaLearner,
    name: str,
    meta: Path,
    seed: int,
    init: int,
    device: str,
    threads: int,
    output: Path,
    trace: Path,
) -> None:
    """The test-time episode from initial policies number ``init`` (0: those of Algorithm 1) -> policy.json."""
    room = enter(dataset, classifier, training, seed, device, threads)
    model = meta_learner.build(room.labels, parameters, seed)
    try:
        model.load_state_dict(load_file(require(meta)))
    except Exception as error:
        reason = " ".join(str(error).split())
        raise LabelPolicyError(f"{meta}: not a meta-learner for these labels and parameters: {reason}") from None
    start = algorithm.first_policies(room.labels) if init == 0 else random_policies(room.labels, seed, init)
    with Progress(f"rollout {classifier}", parameters.steps) as progress:
        w, p, rows = algorithm.rollout(model, room, parameters, start, progress)
    write_parquet(trace, pa.Table.from_pylist(rows))
    about = {"weights": name, "dataset": Path(dataset).name, "classifier": classifier, "seed": seed, "init": init}
    Policy(Prepared(dataset).labels, w, p, about).write(output)


def enter(dataset: Path, classifier: str, training: Training, seed: int, device: str, threads: int) -> Classroom:
    """The classifier, fresh, with its training and validation documents."""
    module = classifiers.load(classifier)
    if not hasattr(module, "build"):
        raise LabelPolicyError(
            f"classifier {classifier!r} is not trained by gradient: a policy cannot be learned with it"
        )
    torch_device = prepare_torch(device, threads)
    data = Prepared(dataset)
    train, valid = data.split("train"), data.split("valid")
    model = module.build(data, training, seed)
    return Classroom(
        model,
        model.encode(train),
        train.truth,
        model.encode(valid),
        valid.truth,
        parameters=training,
        seed=seed,
        device=torch_device,
    )


def random_policies(labels: int, seed: int, init: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Initial policies of the robustness study: w_0 uniform on the simplex, p_0 uniform on (0.05, 0.95)."""
    random = torch.Generator().manual_seed(derive(seed, "initial policies", init))
    w = -torch.log(torch.rand(labels, generator=random).clamp(min=1e-6))  # exponential draws, normalised: Dirichlet(1)
    return w / w.sum(), 0.05 + 0.9 * torch.rand(labels, generator=random)
